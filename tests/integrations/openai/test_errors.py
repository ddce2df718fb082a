"""Failures as the exceptions of OpenAI's SDK, with status, code and parameter."""

from typing import Any

import openai
import pytest

import standby
from standby.integrations.openai.client import BASE_URL, StandbyTransport
from standby.integrations.openai.http import find_library
from standby.settings import Retry, StreamRules
from tests.support.chains import loopback_chain, scripted_chain
from tests.support.loopback import Loopback, openai_error

HTTP: Any = find_library(openai.DefaultHttpxClient)
"""The library of the SDK: httpx, and httpx2 from openai 3 on."""

SECRET = "the prompt that must not be repeated"
HELLO: list[Any] = [{"role": "user", "content": SECRET}]
ONCE = Retry(attempts=1)
HALF = {"reply": ["Half an"], "fail": {"kind": "connection", "message": "connection error: reset"}}


def failing(kind: str, **more: Any) -> list[Any]:
    return [{"fail": {"kind": kind, "message": "The vendor's message.", **more}}]


def ask(client: openai.OpenAI, **more: Any) -> Any:
    return client.chat.completions.create(**{"model": "default", "messages": HELLO, **more})


@pytest.mark.parametrize(
    ("steps", "raised", "status", "code"),
    [
        (failing("overloaded", status=503), openai.InternalServerError, 503, "chain_exhausted"),
        (failing("rate_limited", status=429), openai.InternalServerError, 503, "chain_exhausted"),
        (
            failing("blocked", status=200, code="SAFETY"),
            openai.BadRequestError,
            400,
            "content_filter",
        ),
        (failing("blocked"), openai.BadRequestError, 400, "content_filter"),
        (
            failing("invalid_request", status=422, code="odd"),
            openai.UnprocessableEntityError,
            422,
            "odd",
        ),
        (
            failing("context_too_long", status=400),
            openai.BadRequestError,
            400,
            "context_length_exceeded",
        ),
        (failing("invalid_request"), openai.BadRequestError, 400, "invalid_request"),
    ],
)
def test_a_call_that_fails_is_the_sdks_own_exception(
    steps: Any, raised: type, status: int, code: str
) -> None:
    for stream in (False, True):
        settings = scripted_chain(steps, retry=ONCE)
        with standby.openai_client(settings=settings) as client, pytest.raises(raised) as caught:
            ask(client, stream=stream)
        error: Any = caught.value
        assert (error.status_code, error.code) == (status, code)
        assert error.response.headers["x-standby-chain"] == "default"
        assert SECRET not in f"{error} {error.body} {error.response.headers}"


def test_what_is_too_long_for_all_that_could_read_it_is_too_long() -> None:
    steps = failing("context_too_long", status=400)
    settings = scripted_chain(steps, steps, retry=ONCE)
    with (
        standby.openai_client(settings=settings) as client,
        pytest.raises(openai.BadRequestError) as caught,
    ):
        ask(client)
    assert (caught.value.code, caught.value.param) == ("context_length_exceeded", "messages")
    settings = scripted_chain(steps, failing("overloaded", status=503), retry=ONCE)
    with (
        standby.openai_client(settings=settings) as client,
        pytest.raises(openai.InternalServerError),
    ):
        ask(client)


@pytest.mark.parametrize("timeout", [0, -1, openai.Timeout(5, read=0)])
def test_no_time_at_all_is_the_sdks_time_out(timeout: Any) -> None:
    with (
        standby.openai_client(settings=scripted_chain("never said")) as client,
        pytest.raises(openai.APITimeoutError),
    ):
        ask(client, timeout=timeout)


def test_when_all_have_failed_the_error_says_who_and_when_to_come_back() -> None:
    settings = scripted_chain(
        failing("overloaded", status=503),
        failing("rate_limited", status=429, retry_after="7500ms"),
        retry=ONCE,
    )
    with (
        standby.openai_client(settings=settings) as client,
        pytest.raises(openai.InternalServerError) as caught,
    ):
        ask(client)
    headers = caught.value.response.headers
    assert headers["retry-after"] == "8"
    assert headers["x-standby-trail"] == "m1 failed overloaded 503; m2 failed rate_limited 429"
    assert headers["x-standby-attempts"] == "2"
    assert "x-standby-model" not in headers


def test_a_client_that_retries_does_not_once_standby_has() -> None:
    with Loopback() as server:
        server.script(openai_error(503, "Busy.", kind="server_error"))
        http_client = HTTP.Client(
            transport=StandbyTransport(settings=loopback_chain(openai=server.url, retry=ONCE))
        )
        with (
            openai.OpenAI(
                http_client=http_client, base_url=BASE_URL, api_key="unused", max_retries=2
            ) as client,
            pytest.raises(openai.InternalServerError),
        ):
            ask(client)
        assert len(server.requests) == 1


def test_the_chains_deadline_is_a_504_with_the_trail_and_the_sdks_own_time_out_is_its_own() -> None:
    with standby.openai_client(settings=scripted_chain([{"hang": True}], deadline=0.2)) as client:
        with pytest.raises(openai.InternalServerError) as caught:
            ask(client)
        assert (caught.value.status_code, caught.value.code) == (504, "deadline_exceeded")
        assert caught.value.response.headers["x-standby-trail"].startswith("m1 ")
        with pytest.raises(openai.APITimeoutError):
            ask(client, timeout=0.05)
        with pytest.raises(openai.InternalServerError, match=r"deadline of 0\.1s"):
            ask(client, timeout=60, extra_body={"standby": {"deadline": 0.1}})


WRONG: list[tuple[dict[str, Any], str | None, str]] = [
    (
        {"n": 2},
        "n",
        "the parameter 'n' is not carried: standby gives one answer to a request; ask n times",
    ),
    ({"functions": [{"name": "f"}]}, "functions", "use 'tools'"),
    (
        {"web_search_options": {}},
        "web_search_options",
        "not every model of a chain can search; offer a tool",
    ),
    ({"modalities": ["text", "audio"]}, "modalities", "standby gives answers in text"),
    (
        {"extra_body": {"best_of": 3}},
        "best_of",
        "standby cannot hold every model of a chain to it; leave it out",
    ),
    (
        {"extra_body": {"standby": {"strict": "yes"}}},
        "standby.strict",
        "standby.strict: expected true or false",
    ),
    ({"extra_body": {"made_up": 1}}, "made_up", "is not carried"),
    (
        {"extra_body": {"standby": {"chain": "x"}}},
        "standby",
        "standby: expected an object with deadline and extra",
    ),
    (
        {"extra_body": {"standby": {"deadline": "3s"}}},
        "standby.deadline",
        "deadline: expected seconds",
    ),
    (
        {"extra_body": {"standby": {"deadline": True}}},
        "standby.deadline",
        "deadline: expected seconds, as a number, not a bool",
    ),
    (
        {"extra_body": {"standby": {"extra": {"x": {}}}}},
        "standby.extra",
        "extra: no provider is named 'x'",
    ),
    ({"temperature": 9}, "temperature", "temperature: expected `float` <= 2.0"),
    ({"max_tokens": 1, "max_completion_tokens": 2}, "max_tokens", "two names for one thing"),
    ({"tools": [{"type": "custom"}]}, "tools", "tool 0: expected a Tool"),
    ({"tool_choice": "required"}, "tool_choice", "tool_choice: there are no tools to choose from"),
    (
        {"response_format": {"type": "yaml"}},
        "response_format",
        "response_format: expected the type text",
    ),
    (
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "n", "schema": {"type": "odd"}},
            }
        },
        "response_format",
        "schema: not a JSON Schema",
    ),
    ({"messages": []}, "messages", "messages: the list is empty"),
    (
        {"messages": [{"role": "user", "content": 7}]},
        "messages[0]",
        "message 0: 'content' must be a string",
    ),
]


@pytest.mark.parametrize(
    ("more", "param", "message"),
    WRONG,
    ids=lambda value: str(value) if isinstance(value, str) else "",
)
def test_a_request_that_is_wrong_is_a_400_that_names_the_parameter(
    more: Any, param: str, message: str
) -> None:
    with (
        standby.openai_client(settings=scripted_chain("never said")) as client,
        pytest.raises(openai.BadRequestError) as caught,
    ):
        ask(client, **more)
    assert (caught.value.param, caught.value.type) == (param, "invalid_request_error")
    assert message in caught.value.message


def test_an_unknown_chain_is_a_404_and_so_is_an_unknown_api() -> None:
    with standby.openai_client(settings=scripted_chain("never said")) as client:
        with pytest.raises(
            openai.NotFoundError, match="no chain is named 'gpt-x'; 'model' names one of default"
        ) as caught:
            ask(client, model="gpt-x")
        assert (caught.value.code, caught.value.param) == ("model_not_found", "model")
        with pytest.raises(openai.NotFoundError, match="no chain is named 'gpt-x'"):
            client.models.retrieve("gpt-x")
        with pytest.raises(
            openai.NotFoundError,
            match="answers chat completions and models, not POST /v1/embeddings",
        ):
            client.embeddings.create(model="default", input=SECRET)


def test_a_body_that_is_no_json_is_a_400() -> None:
    with HTTP.Client(transport=StandbyTransport(settings=scripted_chain("never said"))) as client:
        answer = client.post(f"{BASE_URL}/chat/completions", content=b"{")
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")


# Streams that break


def test_a_stream_that_breaks_raises_and_never_counts_as_complete() -> None:
    with standby.openai_client(settings=scripted_chain([HALF], "Another answer.")) as client:
        stream, choices = ask(client, stream=True), []
        with pytest.raises(
            openai.APIError, match="the stream broke after 7 characters: connection error: reset"
        ) as caught:
            for chunk in stream:
                choices.append(chunk.choices[0])  # noqa: PERF401 - what came before the break is looked at
    assert caught.value.code == "stream_broken"
    assert [(choice.delta.content, choice.finish_reason) for choice in choices] == [
        ("Half an", None)
    ]


async def test_an_asynchronous_one_does_the_same() -> None:
    async with standby.async_openai_client(settings=scripted_chain([HALF])) as client:
        stream = await client.chat.completions.create(model="default", messages=HELLO, stream=True)
        assert (await anext(stream)).choices[0].delta.content == "Half an"
        with pytest.raises(openai.APIError, match="the stream broke after 7 characters"):
            await anext(stream)


def test_a_restarted_answer_is_a_break_because_text_cannot_be_taken_back() -> None:
    settings = scripted_chain(
        [HALF], "Another answer.", stream=StreamRules(on_break="restart"), retry=ONCE
    )
    with standby.openai_client(settings=settings) as client:
        stream = iter(ask(client, stream=True))
        assert next(stream).choices[0].delta.content == "Half an"
        with pytest.raises(
            openai.APIError, match="set on_break to fail, or release to whole"
        ) as caught:
            next(stream)
    assert caught.value.code == "stream_restarted"


async def test_an_asynchronous_one_cannot_take_it_back_either() -> None:
    settings = scripted_chain(
        [HALF], "Another answer.", stream=StreamRules(on_break="restart"), retry=ONCE
    )
    async with standby.async_openai_client(settings=settings) as client:
        stream = await client.chat.completions.create(model="default", messages=HELLO, stream=True)
        assert (await anext(stream)).choices[0].delta.content == "Half an"
        with pytest.raises(openai.APIError) as caught:
            await anext(stream)
    assert caught.value.code == "stream_restarted"
