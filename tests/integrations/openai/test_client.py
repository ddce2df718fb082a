"""OpenAI's own SDK on a chain: what it is answered, whole and in pieces, blocking and not."""

import asyncio
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import pytest
import yaml
from pydantic import BaseModel

import standby
from standby import AsyncStandby, ConfigError, Settings, Standby
from standby.integrations.openai.client import BASE_URL, AsyncStandbyTransport, StandbyTransport
from standby.integrations.openai.http import find_library
from standby.settings import Chain, Model, Retry, StreamRules
from tests.support.chains import loopback_chain, scripted_chain
from tests.support.half_imported import run_program
from tests.support.loopback import (
    GEMINI_503,
    OPENAI_500,
    Loopback,
    both,
    hang,
    openai_reply,
    openai_stream,
    respond,
)

HTTP: Any = find_library(openai.DefaultHttpxClient)
"""The library of the SDK: httpx, and httpx2 from openai 3 on."""

HELLO: list[Any] = [{"role": "user", "content": "Which city?"}]
BUSY = {
    "fail": {
        "kind": "overloaded",
        "status": 503,
        "code": "UNAVAILABLE",
        "message": "The model is overloaded.",
    }
}
ONCE = Retry(attempts=1)
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback() as loopback:
        loopback.answer = lambda _: openai_reply("Lisbon.")
        yield loopback


def ask(client: openai.OpenAI, **more: Any) -> Any:
    return client.chat.completions.create(**{"model": "default", "messages": HELLO, **more})


# Whole replies


def test_the_first_model_answers_503_and_the_second_answers_the_sdk() -> None:
    with both() as (gemini, openai_server):
        gemini.script(GEMINI_503)
        settings = loopback_chain(gemini=gemini.url, openai=openai_server.url, retry=ONCE)
        with standby.openai_client(settings=settings) as client:
            raw = client.chat.completions.with_raw_response.create(model="default", messages=HELLO)
    reply = raw.parse()
    assert reply.choices[0].message.content == "Lisbon, says OpenAI."
    assert (reply.model, reply.id, reply.choices[0].finish_reason) == (
        "o3-mini",
        "chatcmpl-BMSBsbjyxfOHmfmqtuMbkEEHZsRJu",
        "stop",
    )
    assert reply.usage is not None
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens, reply.usage.total_tokens) == (
        12,
        28,
        40,
    )
    assert reply.usage.completion_tokens_details is not None
    assert reply.usage.prompt_tokens_details is not None
    assert reply.usage.completion_tokens_details.reasoning_tokens == 25
    assert reply.usage.prompt_tokens_details.cached_tokens == 4
    assert {name: value for name, value in raw.headers.items() if name.startswith("x-standby")} == {
        "x-standby-chain": "default",
        "x-standby-model": "o3-mini",
        "x-standby-provider": "at-openai",
        "x-standby-attempts": "2",
        "x-standby-trail": "gemini-2.5-pro failed overloaded 503; o3-mini answered",
    }


def test_an_answer_without_a_vendors_id_gets_one_of_its_own() -> None:
    with standby.openai_client(settings=scripted_chain("Lisbon.")) as client:
        ids = {ask(client).id for _ in range(3)}
    assert len(ids) == 3
    assert all(reply_id.startswith("chatcmpl-") for reply_id in ids)


def test_a_vendors_id_of_any_letters_is_kept_and_its_header_is_one_line(server: Loopback) -> None:
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": "Hey."},
        "finish_reason": "stop",
    }
    server.script(respond(200, {"id": "é\r\nx-odd: 1", "choices": [choice]}))
    with standby.openai_client(settings=loopback_chain(openai=server.url)) as client:
        completion: Any = ask(client)
    assert (completion.id, completion._request_id) == ("é\r\nx-odd: 1", "%C3%A9%0D%0Ax-odd:%201")


def test_what_a_model_thought_is_its_reasoning_content_and_is_not_sent_back(
    server: Loopback,
) -> None:
    with standby.openai_client(
        settings=scripted_chain([{"reasoning": "Where?", "reply": "Lisbon."}])
    ) as client:
        message = ask(client).choices[0].message
    assert message.reasoning_content == "Where?"
    history = [*HELLO, message.model_dump(), {"role": "user", "content": "Sure?"}]
    with standby.openai_client(settings=loopback_chain(openai=server.url)) as client:
        ask(client, messages=history)
    assert [turn["content"] for turn in server.requests[0].json["messages"]] == [
        "Which city?",
        "Lisbon.",
        "Sure?",
    ]
    assert "Where?" not in server.requests[0].body.decode()


def test_sampling_parameters_reach_the_model_by_both_of_their_names(server: Loopback) -> None:
    with standby.openai_client(settings=loopback_chain(openai=server.url)) as client:
        ask(client, max_completion_tokens=7, seed=3, stop="\n", reasoning_effort="low")
        ask(
            client,
            max_tokens=8,
            stop=["a", "b"],
            temperature=None,
            user="ann",
            metadata={"a": "b"},
            store=False,
            n=1,
        )
    first, second = (request.json for request in server.requests)
    assert (
        first["max_completion_tokens"],
        first["seed"],
        first["stop"],
        first["reasoning_effort"],
    ) == (7, 3, ["\n"], "low")
    assert (second["max_completion_tokens"], second["stop"]) == (8, ["a", "b"])
    assert not {"user", "metadata", "store", "n"} & set(second)


def test_what_only_one_vendor_understands_and_the_deadline_stand_under_standby(
    server: Loopback,
) -> None:
    with standby.openai_client(settings=loopback_chain(openai=server.url)) as client:
        ask(
            client,
            extra_body={"standby": {"deadline": 20, "extra": {"at-openai": {"verbosity": "low"}}}},
        )
    assert server.requests[0].json["verbosity"] == "low"


HINTED: dict[str, Any] = {
    "verbosity": "low",
    "logprobs": True,
    "top_logprobs": 2,
    "logit_bias": {"50256": -100},
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_hints_are_dropped_and_a_header_names_them(server: Loopback, *, stream: bool) -> None:
    server.answer = lambda _: openai_stream(["Lisbon."]) if stream else openai_reply("Lisbon.")
    with standby.openai_client(settings=loopback_chain(openai=server.url)) as client:
        create = client.chat.completions.with_raw_response.create
        arguments: dict[str, Any] = {"model": "default", "messages": HELLO, "stream": stream}
        raw = create(**arguments, **HINTED)
        default = create(**arguments)
        assert raw.headers["x-standby-dropped"] == "logit_bias, logprobs, top_logprobs, verbosity"
        assert "x-standby-dropped" not in default.headers
        if not stream:
            assert raw.parse().choices[0].logprobs is None
        with pytest.raises(openai.BadRequestError, match="'verbosity' is not carried") as caught:
            create(**arguments, verbosity="low", extra_body={"standby": {"strict": True}})
    assert caught.value.param == "verbosity"
    assert not set(HINTED) & set(server.requests[0].json)
    assert len(server.requests) == 2


@pytest.mark.parametrize("form", ["whole", "streamed", "held back"])
def test_the_header_names_what_the_model_was_not_sent(server: Loopback, form: str) -> None:
    server.answer = lambda _: (
        openai_reply("Lisbon.") if form == "whole" else openai_stream(["Lisbon."])
    )
    rules = StreamRules(release="whole") if form == "held back" else StreamRules()
    with standby.openai_client(settings=loopback_chain(openai=server.url, stream=rules)) as client:
        create = client.chat.completions.with_raw_response.create
        raw = create(
            model="default",
            messages=HELLO,
            stream=form != "whole",
            temperature=0.5,
            verbosity="low",
        )
    assert raw.headers["x-standby-dropped"] == "verbosity, temperature"
    assert not {"temperature", "verbosity"} & set(server.requests[0].json)


def openai_first(gemini: Loopback, openai_server: Loopback) -> Settings:
    settings = loopback_chain(openai=openai_server.url, gemini=gemini.url)
    chain = Chain(models=("o3-mini", "gemini-2.5-pro"), retry=ONCE)
    return Settings(providers=settings.providers, models=settings.models, chains={"default": chain})


@pytest.mark.parametrize("stream", [False, True])
def test_what_a_model_that_failed_was_not_sent_is_not_reported(*, stream: bool) -> None:
    with both() as (gemini, openai_server):
        openai_server.script(OPENAI_500)
        with standby.openai_client(settings=openai_first(gemini, openai_server)) as client:
            create = client.chat.completions.with_raw_response.create
            raw = create(model="default", messages=HELLO, stream=stream, temperature=0.5)
    assert raw.headers["x-standby-model"] == "gemini-2.5-pro"
    assert "x-standby-dropped" not in raw.headers


@pytest.mark.parametrize("stream", [False, True])
def test_strict_skips_the_model_that_would_drop_a_parameter(*, stream: bool) -> None:
    strict = {"standby": {"strict": True}}
    with both() as (gemini, openai_server):
        with standby.openai_client(settings=openai_first(gemini, openai_server)) as client:
            create = client.chat.completions.with_raw_response.create
            raw = create(
                model="default", messages=HELLO, stream=stream, temperature=0.5, extra_body=strict
            )
        assert raw.headers["x-standby-trail"].startswith(
            "o3-mini skipped unsupported; gemini-2.5-pro answer"
        )
        assert "x-standby-dropped" not in raw.headers
        message = "must not be sent temperature, and strict forbids"
        alone = loopback_chain(openai=openai_server.url)
        with (
            standby.openai_client(settings=alone) as client,
            pytest.raises(openai.InternalServerError, match=message),
        ):
            ask(client, stream=stream, temperature=0.5, extra_body=strict)
        assert not openai_server.requests


def test_an_error_names_what_was_dropped_too() -> None:
    down = scripted_chain([BUSY], retry=ONCE)
    with (
        standby.openai_client(settings=down) as client,
        pytest.raises(openai.InternalServerError) as caught,
    ):
        ask(client, verbosity="low")
    assert caught.value.response.headers["x-standby-dropped"] == "verbosity"


def test_empty_instructions_are_dropped_and_an_old_answer_is_sent_as_its_text(
    server: Loopback,
) -> None:
    with standby.openai_client(settings=loopback_chain(openai=server.url)) as client:
        answer = ask(client).choices[0].message.model_dump()
        history = [
            {"role": "system", "content": ""},
            *HELLO,
            {**answer, "annotations": [{"type": "url_citation"}]},
            *HELLO,
        ]
        ask(client, messages=history)
    sent = server.requests[1].json["messages"]
    assert [(turn["role"], turn["content"]) for turn in sent] == [
        ("user", "Which city?"),
        ("assistant", "Lisbon."),
        ("user", "Which city?"),
    ]


def test_pictures_and_a_conversation_reach_the_model() -> None:
    picture = "data:image/png;base64,iVBORw0KGgo="
    content = [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": picture}},
    ]
    with (
        both() as (gemini, _),
        standby.openai_client(settings=loopback_chain(gemini=gemini.url)) as client,
    ):
        ask(
            client,
            messages=[
                {"role": "developer", "content": "Be brief."},
                {"role": "user", "content": content},
            ],
        )
        [sent] = gemini.requests
    parts = sent.json["contents"][0]["parts"]
    assert [part.get("text") or part["inlineData"]["mimeType"] for part in parts] == [
        "What is it?",
        "image/png",
    ]


# Tools and schemas


def test_an_agents_loop_of_tools_goes_over_two_models() -> None:
    steps = [{"tool_calls": [{"name": "weather", "arguments": {"city": "Porto"}}]}]
    with standby.openai_client(settings=scripted_chain(steps)) as client:
        choice = ask(
            client, tools=[WEATHER], tool_choice="required", parallel_tool_calls=False
        ).choices[0]
    [call] = choice.message.tool_calls
    assert (choice.finish_reason, call.function.name, call.function.arguments) == (
        "tool_calls",
        "weather",
        '{"city":"Porto"}',
    )
    assert choice.message.content is None
    with (
        Loopback() as server,
        standby.openai_client(settings=loopback_chain(openai=server.url)) as client,
    ):
        server.script(openai_reply("Take one."))
        result = {"role": "tool", "tool_call_id": call.id, "content": "rain"}
        weather_only = {"type": "function", "function": {"name": "weather"}}
        reply = ask(
            client,
            messages=[*HELLO, choice.message, result],
            tools=[WEATHER],
            tool_choice=weather_only,
        )
        sent = server.requests[0].json
    assert reply.choices[0].message.content == "Take one."
    assert [turn["role"] for turn in sent["messages"]] == ["user", "assistant", "tool"]
    assert (
        sent["messages"][1]["tool_calls"][0]["id"] == sent["messages"][2]["tool_call_id"] == call.id
    )
    assert sent["tool_choice"] == weather_only


def test_a_stream_has_each_tool_call_in_one_chunk() -> None:
    calls = [{"name": "weather", "arguments": {"city": city}} for city in ("Porto", "Faro")]
    with standby.openai_client(
        settings=scripted_chain([{"reply": "I look.", "tool_calls": calls}])
    ) as client:
        chunks = list(ask(client, stream=True, tools=[WEATHER]))
    deltas = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or ()]
    assert [(call.index, call.id, call.function.arguments) for call in deltas] == [
        (0, "call_1", '{"city":"Porto"}'),
        (1, "call_2", '{"city":"Faro"}'),
    ]
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


class City(BaseModel):
    name: str
    people: int


LISBON = '{"name": "Lisbon", "people": 545000}'


def test_parse_returns_an_instance_and_the_next_model_answers_where_one_does_not_fit() -> None:
    with standby.openai_client(settings=scripted_chain("no JSON", LISBON)) as client:
        parsed = client.chat.completions.parse(
            model="default", messages=HELLO, response_format=City
        )
    assert parsed.choices[0].message.parsed == City(name="Lisbon", people=545000)
    assert parsed.model == "m2"


async def test_the_asynchronous_parse_does_the_same() -> None:
    async with standby.async_openai_client(settings=scripted_chain(LISBON)) as client:
        parsed = await client.chat.completions.parse(
            model="default", messages=HELLO, response_format=City
        )
    assert parsed.choices[0].message.parsed == City(name="Lisbon", people=545000)


def test_the_sdks_own_stream_helper_parses_at_its_end() -> None:
    with (
        standby.openai_client(
            settings=scripted_chain([{"reply": [LISBON[:9], LISBON[9:]]}])
        ) as client,
        client.chat.completions.stream(
            model="default", messages=HELLO, response_format=City
        ) as stream,
    ):
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    assert final.choices[0].message.parsed == City(name="Lisbon", people=545000)
    assert {"content.delta", "content.done"} <= kinds


@pytest.mark.parametrize(
    ("response_format", "fits"),
    [
        ({"type": "text"}, "a text"),
        ({"type": "json_object"}, '{"a": 1}'),
        (
            {
                "type": "json_schema",
                "json_schema": {"name": "n", "schema": {"type": "object", "required": ["a"]}},
            },
            '{"a": 1}',
        ),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) else "",
)
def test_the_format_of_the_answer_is_kept(response_format: Any, fits: str) -> None:
    with standby.openai_client(settings=scripted_chain("a text", fits)) as client:
        assert ask(client, response_format=response_format).choices[0].message.content == fits


# Streams


def test_a_stream_is_pieces_their_usage_if_requested_and_headers_with_the_first() -> None:
    with both() as (gemini, openai_server):
        gemini.script(GEMINI_503)
        settings = loopback_chain(gemini=gemini.url, openai=openai_server.url, retry=ONCE)
        with standby.openai_client(settings=settings) as client:
            stream = ask(client, stream=True, stream_options={"include_usage": True})
            headers = stream.response.headers
            chunks = list(stream)
            default = list(ask(client, stream=True))
    assert [chunk.choices[0].delta.content for chunk in chunks[:-1]] == [
        "Lisbon, ",
        "says OpenAI.",
        None,
    ]
    assert [chunk.choices[0].finish_reason for chunk in chunks[:-1]] == [None, None, "stop"]
    assert (chunks[-1].choices, chunks[-1].usage.total_tokens) == ([], 40)
    assert {chunk.model for chunk in chunks} == {"o3-mini"}
    assert len({chunk.id for chunk in chunks}) == 1
    assert chunks[0].choices[0].delta.role == "assistant"
    assert (headers["x-standby-model"], headers["x-standby-attempts"]) == ("o3-mini", "2")
    assert headers["x-standby-trail"].startswith(
        "gemini-2.5-pro failed overloaded 503; o3-mini answer"
    )
    assert all(chunk.choices and chunk.usage is None for chunk in default)


async def test_an_asynchronous_stream_is_the_same() -> None:
    async with standby.async_openai_client(
        settings=scripted_chain([BUSY], [{"reply": ["Lis", "bon."]}], retry=ONCE)
    ) as client:
        stream = await client.chat.completions.create(model="default", messages=HELLO, stream=True)
        reply = [chunk.choices[0].delta.content async for chunk in stream]
    assert reply == ["Lis", "bon.", None]
    assert stream.response.headers["x-standby-model"] == "m2"


def test_a_buffered_stream_names_its_model_too() -> None:
    settings = scripted_chain([{"reply": ["Lis", "bon."]}], stream=StreamRules(release="whole"))
    with standby.openai_client(settings=settings) as client:
        stream = ask(client, stream=True)
        assert [chunk.choices[0].delta.content for chunk in stream] == ["Lisbon.", None]
    assert stream.response.headers["x-standby-model"] == "m1"


# Where it may be used


def test_the_chains_are_the_models_and_model_names_one() -> None:
    models = {name: Model(provider="scripted", options={"reply": name}) for name in ("a", "b")}
    settings = Settings(
        models=models, chains={"default": Chain(models=("a",)), "careful/b": Chain(models=("b",))}
    )
    with standby.openai_client(settings=settings) as client:
        assert [model.id for model in client.models.list()] == ["default", "careful/b"]
        assert client.models.retrieve("careful/b").id == "careful/b"
        assert ask(client, model="careful/b").choices[0].message.content == "b"


def test_a_framework_may_make_the_client_around_the_transport() -> None:
    with Standby(settings=scripted_chain("Lisbon.")) as standby_client:
        http_client = HTTP.Client(transport=StandbyTransport(standby_client))
        with openai.OpenAI(http_client=http_client, base_url=BASE_URL, api_key="unused") as client:
            assert ask(client).choices[0].message.content == "Lisbon."


async def test_an_asynchronous_framework_may_too() -> None:
    async with AsyncStandby(settings=scripted_chain("Lisbon.")) as standby_client:
        http_client = HTTP.AsyncClient(transport=AsyncStandbyTransport(standby_client))
        async with openai.AsyncOpenAI(
            http_client=http_client, base_url=BASE_URL, api_key="unused"
        ) as client:
            reply = await client.chat.completions.create(model="default", messages=HELLO)
    assert reply.choices[0].message.content == "Lisbon."


def test_a_client_beside_what_would_make_one_is_refused() -> None:
    standby_client = Standby(settings=scripted_chain("Lisbon."))
    with pytest.raises(
        TypeError, match="give a client, or what makes one, not both: config, warm_up"
    ):
        standby.openai_client(standby_client, config="models.yaml", warm_up=False)


def test_closing_the_sdks_client_closes_the_connections_that_it_opened(server: Loopback) -> None:
    with standby.openai_client(settings=loopback_chain(openai=server.url)) as client:
        ask(client)
        assert server.open_connections == 1
    assert _none_open(server)


def test_a_client_that_was_given_stays_open(server: Loopback) -> None:
    with Standby(settings=loopback_chain(openai=server.url)) as standby_client:
        with standby.openai_client(standby_client) as client:
            ask(client)
        assert standby_client.chat("Still there?").text == "Lisbon."
        assert server.accepted == 1
    assert _none_open(server)


def _none_open(server: Loopback) -> bool:
    async def wait() -> bool:
        async with asyncio.timeout(2):
            while server.open_connections:
                await asyncio.sleep(0.01)
        return True

    return asyncio.run(wait())


async def test_cancelling_a_call_cancels_its_attempt(server: Loopback) -> None:
    server.script(hang())
    async with standby.async_openai_client(settings=loopback_chain(openai=server.url)) as client:
        for stream in (False, True):
            task = asyncio.create_task(
                client.chat.completions.create(model="default", messages=HELLO, stream=stream)
            )
            async with asyncio.timeout(5):
                while len(server.requests) < 1 + stream:
                    await asyncio.sleep(0.01)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                while not server.requests[-1].disconnected.is_set():
                    await asyncio.sleep(0.01)


async def test_leaving_a_stream_early_leaves_the_model(server: Loopback) -> None:
    drip = openai_stream(["Lis", "bon."])
    slow = type(drip)(
        pieces=(*drip.pieces[:2], (60.0, b"")), headers=drip.headers, framing="chunked"
    )
    server.script(slow)
    async with standby.async_openai_client(settings=loopback_chain(openai=server.url)) as client:
        stream = await client.chat.completions.create(model="default", messages=HELLO, stream=True)
        assert (await anext(stream)).choices[0].delta.content == "Lis"
        await stream.close()
        async with asyncio.timeout(2):
            while not server.requests[-1].disconnected.is_set():
                await asyncio.sleep(0.01)


def test_twenty_threads_share_a_client() -> None:
    with both() as (gemini, openai_server):
        gemini.script(OPENAI_500)
        settings = loopback_chain(gemini=gemini.url, openai=openai_server.url, retry=ONCE)
        with standby.openai_client(settings=settings) as client, ThreadPoolExecutor(20) as pool:
            reply = list(pool.map(lambda _: ask(client).choices[0].message.content, range(20)))
    assert reply == ["Lisbon, says OpenAI."] * 20


async def test_twenty_tasks_share_a_client() -> None:
    async with standby.async_openai_client(
        settings=scripted_chain([BUSY], [{"delay": "50ms", "reply": "Lisbon."}])
    ) as client:
        calls = [client.chat.completions.create(model="default", messages=HELLO) for _ in range(20)]
        replies = await asyncio.gather(*calls)
    assert {reply.choices[0].message.content for reply in replies} == {"Lisbon."}


async def test_the_blocking_client_works_inside_a_running_loop() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", RuntimeWarning
        )  # said once in a process: it blocks the loop
        with standby.openai_client(settings=scripted_chain("Lisbon.")) as client:
            assert ask(client).choices[0].message.content == "Lisbon."


# What makes it

FILE = """\
version: 1
models: {well: {provider: scripted, options: {reply: Lisbon.}}}
chains: {default: {models: [well]}}
"""


@pytest.mark.parametrize("form", [Path, str, lambda path: yaml.safe_load(path.read_text("utf-8"))])
@pytest.mark.parametrize(
    "make",
    [standby.openai_client, standby.async_openai_client, StandbyTransport, AsyncStandbyTransport],
)
def test_a_path_or_a_dictionary_is_taken_first_or_by_name(
    make: Any, tmp_path: Path, form: Any
) -> None:
    path = tmp_path / "chain.yaml"
    path.write_text(FILE, encoding="utf-8")
    config = form(path)
    for created in (make(config), make(config=config)):
        transport = getattr(getattr(created, "_client", None), "_transport", created)
        assert transport._client.settings.models["well"].options == {"reply": "Lisbon."}
    with pytest.raises(TypeError, match="give the configuration once"):
        make(config, config=config)


@pytest.mark.parametrize(
    ("make", "argument", "message"),
    [
        (standby.openai_client, 7, "client: expected Standby, a path or a dictionary, not int"),
        (standby.openai_client, AsyncStandby, "client: expected Standby, .* not AsyncStandby"),
        (StandbyTransport, AsyncStandby, "client: expected Standby, .* not AsyncStandby"),
        (standby.async_openai_client, Standby, "client: expected AsyncStandby, .* not Standby"),
        (AsyncStandbyTransport, b"models.yaml", "client: expected AsyncStandby, .* not bytes"),
    ],
)
def test_anything_else_is_refused_at_once(make: Any, argument: Any, message: str) -> None:
    argument = (
        argument(settings=scripted_chain("Lisbon.")) if isinstance(argument, type) else argument
    )
    for arguments in ((argument,), ()):
        with pytest.raises(TypeError, match=message):
            make(*arguments, **({} if arguments else {"client": argument}))


def test_a_client_may_be_named() -> None:
    with (
        Standby(settings=scripted_chain("Lisbon.")) as standby_client,
        standby.openai_client(client=standby_client) as client,
    ):
        assert ask(client).choices[0].message.content == "Lisbon."


@pytest.mark.skipif(HTTP.__name__ == "httpx", reason="openai itself imports httpx up to version 2")
def test_a_request_is_answered_while_another_thread_imports_httpx(tmp_path: Path) -> None:
    program = """
import standby
file = {
    "version": 1,
    "models": {"m": {"provider": "scripted", "options": {"reply": ["Lisbon."]}}},
    "chains": {"default": {"models": ["m"]}},
}
with standby.openai_client(file) as client:
    messages = [{"role": "user", "content": "Hi?"}]
    reply = client.chat.completions.create(model="default", messages=messages)
print(reply.choices[0].message.content)
"""
    assert run_program(program, tmp_path) == ("Lisbon.\n", "")


MAKERS = [
    standby.openai_client,
    standby.async_openai_client,
    StandbyTransport,
    AsyncStandbyTransport,
]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("enviro", r"did you mean 'environ'\?"),
        ("setings", r"did you mean 'settings'\?"),
        ("api_key", "standby sets it itself: keys, URLs and time-outs belong in models.yaml"),
        ("max_retries", "standby sets it itself"),
        ("xyz", "the options are client, config, settings, environ, sinks, jitter, warm_up, watch"),
    ],
)
@pytest.mark.parametrize("make", MAKERS)
def test_an_unknown_option_is_refused_by_the_function_that_was_called(
    make: Any, name: str, hint: str
) -> None:
    for first in ((), (7,), ({"version": 1},)):
        with pytest.raises(TypeError, match=rf"^{make.__name__}: unknown option '{name}'; {hint}"):
            make(*first, **{name: "a-secret"})


@pytest.mark.parametrize("make", [*MAKERS, Standby, AsyncStandby])
def test_an_empty_path_is_refused(make: Any) -> None:
    for argument in ((("",), {}), ((), {"config": ""})):
        with pytest.raises(
            ConfigError, match="the configuration's path is an empty text"
        ) as caught:
            make(*argument[0], **argument[1])
        assert "leave it out" in str(caught.value)
