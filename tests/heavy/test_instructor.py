"""instructor on a chain, by a tool and by a schema, blocking and asynchronous."""

from typing import Any

import pytest
from pydantic import BaseModel

import standby
from standby.settings import Retry
from tests.support.chains import scripted_chain

instructor: Any = pytest.importorskip(
    "instructor", reason="scripts/integrations runs these, where instructor is"
)
pytestmark = pytest.mark.filterwarnings("default")  # theirs are theirs

BUSY = [{"fail": {"kind": "overloaded", "status": 503}}]
MESSAGES: Any = [{"role": "user", "content": "A city, please."}]
ONCE = Retry(attempts=1)


class City(BaseModel):
    name: str
    people: int


LISBON = City(name="Lisbon", people=545000)
BY_TOOL = [{"tool_calls": [{"name": "City", "arguments": LISBON.model_dump()}]}]
BY_TEXT = LISBON.model_dump_json()


@pytest.mark.parametrize(
    ("mode", "steps"), [("TOOLS", BY_TOOL), ("JSON_SCHEMA", BY_TEXT), ("JSON", BY_TEXT)]
)
def test_an_instance_comes_from_the_second_model(mode: str, steps: Any) -> None:
    with standby.openai_client(settings=scripted_chain(BUSY, steps, retry=ONCE)) as client:
        patched = instructor.from_openai(client, mode=instructor.Mode[mode])
        city, completion = patched.chat.completions.create_with_completion(
            model="default", messages=MESSAGES, response_model=City
        )
    assert city.model_dump() == LISBON.model_dump()
    assert completion.model == "m2"


async def test_the_asynchronous_side_does_the_same() -> None:
    async with standby.async_openai_client(
        settings=scripted_chain(BUSY, BY_TOOL, retry=ONCE)
    ) as client:
        patched = instructor.from_openai(client)
        city = await patched.chat.completions.create(
            model="default", messages=MESSAGES, response_model=City
        )
    assert city.model_dump() == LISBON.model_dump()
