"""The client under httpx and under httpx2: what it answers is of the library that asks.

Only scripted models are called, so that this runs with SDKs that are too old for the providers:
`python -m campaigns.openai_versions` runs it there.
"""

import copy
import pickle
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import openai
import pytest
from pydantic import BaseModel

import standby
from standby import AsyncStandby, Standby
from standby.integrations.openai.client import BASE_URL, AsyncStandbyTransport, StandbyTransport
from standby.integrations.openai.http import LIBRARIES, find_library
from standby.settings import Retry
from tests.support.chains import scripted_chain

HELLO: list[Any] = [{"role": "user", "content": "Which city?"}]
SCRIPT = [{"reply": ["Lis", "bon."]}]
DOWN = [{"fail": {"kind": "overloaded", "status": 503, "message": "The model is overloaded."}}]
SLOW = [{"delay": "5s", "reply": "Lisbon."}]
BROKEN = [{"reply": ["Lis"], "fail": {"kind": "connection", "message": "connection error: reset"}}]
ONCE = Retry(attempts=1)


def taken_by_the_sdk() -> list[ModuleType]:
    """The installed libraries whose clients the installed SDK takes: httpx2's since about 2.50."""
    libraries = []
    for library in [import_module(name) for name in LIBRARIES if find_spec(name)]:
        with library.Client() as http_client:
            try:
                openai.OpenAI(http_client=http_client, api_key="unused")
            except TypeError:
                continue
        libraries.append(library)
    return libraries


@pytest.fixture(params=taken_by_the_sdk(), ids=lambda library: library.__name__)
def library(request: pytest.FixtureRequest) -> Any:
    return request.param


Making = Callable[..., Any]


@pytest.fixture
def build_client(library: Any) -> Making:
    def make(*models: Any, timeout: float | None = None, **chain: Any) -> openai.OpenAI:
        transport = StandbyTransport(settings=scripted_chain(*models, retry=ONCE, **chain))
        http_client = library.Client(transport=transport)
        return openai.OpenAI(
            http_client=http_client,
            base_url=BASE_URL,
            api_key="unused",
            timeout=timeout,
            max_retries=0,
        )

    return make


@pytest.fixture
def build_async_client(library: Any) -> Making:
    def make(*models: Any, timeout: float | None = None, **chain: Any) -> openai.AsyncOpenAI:
        transport = AsyncStandbyTransport(settings=scripted_chain(*models, retry=ONCE, **chain))
        http_client = library.AsyncClient(transport=transport)
        return openai.AsyncOpenAI(
            http_client=http_client,
            base_url=BASE_URL,
            api_key="unused",
            timeout=timeout,
            max_retries=0,
        )

    return make


def ask(client: Any, **more: Any) -> Any:
    return client.chat.completions.create(model="default", messages=HELLO, **more)


def test_there_is_a_library() -> None:
    assert find_library(openai.DefaultHttpxClient) in taken_by_the_sdk()


# What is answered


def test_the_second_model_answers(build_client: Making) -> None:
    with build_client(DOWN, "Lisbon.") as client:
        assert ask(client).choices[0].message.content == "Lisbon."
        assert [model.id for model in client.models.list()] == ["default"]


def test_the_second_model_streams(build_client: Making) -> None:
    with build_client(DOWN, SCRIPT) as client:
        stream = ask(client, stream=True)
        assert stream.response.headers["x-standby-model"] == "m2"
        assert [chunk.choices[0].delta.content for chunk in stream] == ["Lis", "bon.", None]


async def test_both_are_the_same_for_tasks(build_async_client: Making) -> None:
    async with build_async_client(DOWN, SCRIPT) as client:
        assert (await ask(client)).choices[0].message.content == "Lisbon."
        stream = await ask(client, stream=True)
        assert [chunk.choices[0].delta.content async for chunk in stream] == ["Lis", "bon.", None]


class City(BaseModel):
    name: str


def test_a_schema_is_kept(build_client: Making) -> None:
    with build_client("no JSON", '{"name": "Lisbon"}') as client:
        completions = client.chat.completions
        parse = getattr(completions, "parse", None) or client.beta.chat.completions.parse
        parsed = parse(model="default", messages=HELLO, response_format=City)
    assert parsed.choices[0].message.parsed == City(name="Lisbon")


# What fails


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_failed_call_is_the_sdks_error(build_client: Making, *, stream: bool) -> None:
    with build_client(DOWN) as client, pytest.raises(openai.InternalServerError) as caught:
        ask(client, stream=stream)
    assert (caught.value.status_code, caught.value.code) == (503, "chain_exhausted")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_the_sdks_own_time_out_is_its_own_error(build_client: Making, *, stream: bool) -> None:
    with build_client(SLOW, timeout=0.05) as client, pytest.raises(openai.APITimeoutError):
        ask(client, stream=stream)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_tasks_get_the_same_errors(build_async_client: Making, *, stream: bool) -> None:
    async with build_async_client(DOWN) as client:
        with pytest.raises(openai.InternalServerError):
            await ask(client, stream=stream)
    async with build_async_client(SLOW, timeout=0.05) as client:
        with pytest.raises(openai.APITimeoutError):
            await ask(client, stream=stream)


def test_a_stream_that_breaks_is_the_sdks_error(build_client: Making) -> None:
    with build_client(BROKEN) as client:
        stream = ask(client, stream=True)
        assert next(stream).choices[0].delta.content == "Lis"
        with pytest.raises(openai.APIError):
            next(stream)


async def test_tasks_get_that_error_too(build_async_client: Making) -> None:
    async with build_async_client(BROKEN) as client:
        stream = await ask(client, stream=True)
        assert (await anext(stream)).choices[0].delta.content == "Lis"
        with pytest.raises(openai.APIError):
            await anext(stream)


@pytest.mark.parametrize("path", ["chat/completions", "models", "models/default", "embeddings"])
def test_all_that_is_answered_is_of_the_library(library: Any, path: str) -> None:
    with library.Client(
        transport=StandbyTransport(settings=scripted_chain("Lisbon."))
    ) as http_client:
        body = {"model": "default", "messages": HELLO} if "chat" in path else None
        response = http_client.request("POST" if body else "GET", f"{BASE_URL}/{path}", json=body)
    assert (type(response), response.status_code) == (
        library.Response,
        404 if path == "embeddings" else 200,
    )


def test_what_is_of_no_such_library_is_refused() -> None:
    with pytest.raises(TypeError, match="expected a class of httpx or httpx2, not int"):
        find_library(int)


# The client that is made here


def test_the_client_is_of_the_library_that_the_sdk_stands_on() -> None:
    own = find_library(openai.DefaultHttpxClient)
    with standby.openai_client(settings=scripted_chain(DOWN, SCRIPT)) as client:
        assert isinstance(client._client, own.Client)
        assert ask(client).choices[0].message.content == "Lisbon."
    assert isinstance(client, openai.OpenAI)


SHARED = {
    "openai_client": lambda: standby.openai_client(settings=scripted_chain("Lisbon.")),
    "async_openai_client": lambda: standby.async_openai_client(settings=scripted_chain("Lisbon.")),
    "StandbyTransport": lambda: StandbyTransport(settings=scripted_chain("Lisbon.")),
    "AsyncStandbyTransport": lambda: AsyncStandbyTransport(settings=scripted_chain("Lisbon.")),
    "Standby": lambda: Standby(settings=scripted_chain("Lisbon.")),
    "AsyncStandby": lambda: AsyncStandby(settings=scripted_chain("Lisbon.")),
}


@pytest.mark.parametrize("name", SHARED)
def test_a_copy_is_itself_and_nothing_is_pickled(name: str) -> None:
    build_client = SHARED[name]()
    assert copy.copy(build_client) is build_client
    assert copy.deepcopy({"at": [build_client]})["at"][0] is build_client
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(
            TypeError, match=r"cannot be pickled: it holds connections and keys; make one in each"
        ):
            pickle.dumps(build_client, protocol)


def test_a_copy_with_other_options_answers_and_is_shared_too() -> None:
    with standby.openai_client(settings=scripted_chain("Lisbon.")) as client:
        patient = client.with_options(timeout=60)
        assert ask(patient).choices[0].message.content == "Lisbon."
        assert copy.deepcopy(patient) is patient
