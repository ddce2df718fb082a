"""What a run says of itself, and many runs at once on one model."""

import asyncio
import importlib.util
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("agno", reason="scripts/integrations runs these, where agno is")
import agno.exceptions
from agno.agent import Agent
from agno.exceptions import ModelProviderError
from agno.media import File
from agno.models.message import Message

from standby.integrations.agno import StandbyModel
from tests.heavy.agno_chains import KEYS, Chain, chain_in, gemini_calls
from tests.support.loopback import GEMINI_503, Answer, Received, gemini_answers, gemini_error

TOO_LONG = gemini_error(
    400,
    "INVALID_ARGUMENT",
    "The input token count (9) exceeds the maximum number of tokens allowed (8).",
)
per_model = pytest.mark.skipif(
    importlib.util.find_spec("agno.metrics") is None, reason="this Agno does not count by model"
)
Named = list[tuple[str, str, int]]


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    with chain_in(tmp_path) as stage:
        yield stage


def weather(city: str) -> str:
    """Report the weather."""
    return f"sunny in {city}"


def echo(request: Received) -> Answer:
    """Say again what was said last."""
    return gemini_answers(request.json["contents"][-1]["parts"][0]["text"])(request)


def agent(model: StandbyModel, **rest: Any) -> Agent:
    return Agent(model=model, telemetry=False, **rest)


def count_events(run: Any) -> Named:
    """Return for whom Agno has counted tokens in a run, and how many."""
    return [(each.id, each.provider, each.total_tokens) for each in run.metrics.details["model"]]


@per_model
@pytest.mark.parametrize("stream", [False, True])
def test_tokens_are_counted_for_the_models_that_answered(chain: Chain, *, stream: bool) -> None:
    chain.first.script(gemini_calls("weather", {"city": "Lisbon"}, "c2ln"), GEMINI_503)
    model = chain.model()
    tooled = agent(model, tools=[weather])
    run: Any = (
        list(tooled.run("?", stream=True, yield_run_output=True))[-1] if stream else tooled.run("?")
    )
    assert count_events(run) == [("gemini-2.5-pro", "first", 40), ("o3-mini", "second", 40)]
    assert (model.id, model.provider) == ("default", "standby")


@per_model
@pytest.mark.parametrize("stream", [False, True])
async def test_so_they_are_on_an_event_loop(chain: Chain, *, stream: bool) -> None:
    chain.first.script(GEMINI_503)
    tooled = agent(chain.model())
    if stream:
        run = [event async for event in tooled.arun("?", stream=True, yield_run_output=True)][-1]
    else:
        run = await tooled.arun("?")
    assert count_events(run) == [("o3-mini", "second", 40)]
    await chain.client.close()


def test_fifty_threads_share_one_model_and_nothing_else(chain: Chain) -> None:
    chain.first.answer = echo
    model = chain.model()
    with ThreadPoolExecutor(50) as pool:
        runs = list(pool.map(lambda number: agent(model).run(f"turn {number}"), range(50)))
    assert [(run.content, run.model) for run in runs] == [
        (f"turn {number}", "gemini-2.5-pro") for number in range(50)
    ]


async def test_fifty_tasks_share_one_model_and_nothing_else(chain: Chain) -> None:
    chain.first.answer = echo
    model = chain.model()
    runs = await asyncio.gather(*(agent(model).arun(f"turn {number}") for number in range(50)))
    assert [run.content for run in runs] == [f"turn {number}" for number in range(50)]
    await chain.client.close()


def test_a_run_uses_the_chain_of_its_model_to_the_end(chain: Chain) -> None:
    chain.first.script(gemini_calls("weather", {"city": "Lisbon"}, "c2ln"), GEMINI_503)
    assert (
        agent(chain.model(id="restart"), tools=[weather]).run("?").content == "Lisbon, says OpenAI."
    )


@pytest.mark.skipif(
    not hasattr(agno.exceptions, "ContextWindowExceededError"), reason="this Agno has no such error"
)
def test_a_conversation_that_is_too_long_for_all_is_agnos_own_error(chain: Chain) -> None:
    chain.first.script(TOO_LONG)  # the second, which takes less, gets no request
    with pytest.raises(ModelProviderError) as caught:
        chain.model().invoke([Message(role="user", content="Where?")], Message(role="assistant"))
    assert isinstance(caught.value, agno.exceptions.ContextWindowExceededError)
    assert (caught.value.status_code, chain.requests) == (400, (1, 0))


def test_a_file_is_read_from_its_path(chain: Chain, tmp_path: Path) -> None:
    (tmp_path / "bill.pdf").write_bytes(b"%PDF-1.4")
    run = agent(chain.model()).run("Read it.", files=[File(filepath=tmp_path / "bill.pdf")])
    assert run.content == "Lisbon, says Gemini."
    [part] = [
        part for part in chain.first.requests[0].json["contents"][0]["parts"] if "text" not in part
    ]
    assert part["inlineData"] == {"mimeType": "application/pdf", "data": "JVBERi0xLjQ="}


def test_a_missing_file_is_reported_by_agnos_own_error(chain: Chain, tmp_path: Path) -> None:
    message = Message(role="user", content="Read it.", files=[File(filepath=tmp_path / "gone.pdf")])
    with pytest.raises(
        ModelProviderError, match="files: one cannot be read: No such file or directory"
    ):
        chain.model().response([message])


def test_a_model_supports_what_a_usable_model_of_its_chain_supports(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY", KEYS["KEY"])
    unable = "{provider: first, card: {schema: false}}"
    text = (
        chain.config.read_text()
        .replace("{provider: first}", unable)
        .replace("default: {", "default: {fallback: false, ")
    )
    chain.config.write_text(text)
    assert StandbyModel(config=chain.config).supports_native_structured_outputs is False
    assert StandbyModel("restart", config=chain.config).supports_native_structured_outputs is True
