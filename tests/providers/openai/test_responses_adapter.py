"""Responses over real sockets, through the real SDK."""

import json
from typing import Any

import msgspec
import pytest

from standby.plugin import AttemptFailed, Chunk, End, Finish, Kind, Request, Tool, ToolCall, Usage
from tests.providers.openai.requests import KEY, collect, get_failure, model_request
from tests.providers.openai.responses_errors import MISSING
from tests.support.loopback import (
    OPENAI_404,
    OPENAI_429_QUOTA,
    OPENAI_500,
    OPENAI_503,
    Answer,
    Loopback,
    cut,
    garbage,
    html,
    openai_answers,
    openai_error,
    reset,
    respond,
)
from tests.support.responses_wire import (
    RESPONSE_ID,
    RESPONSE_MODEL,
    SSE,
    call_item,
    events_of_response,
    frames,
    incomplete,
    message_item,
    openai_response,
    openai_response_stream,
    openai_responses,
    play_events,
    reasoning_item,
    response,
)
from tests.support.transports import OpenAdapter

BOTH = pytest.mark.parametrize("stream", [False, True], ids=["reply", "stream"])
SOL = "gpt-5.6-sol"
REQUEST = model_request(model=SOL)
ITEMS = (
    reasoning_item("Hm.", encrypted="gAAAA"),
    message_item("Lisbon, says OpenAI."),
    call_item("now", "{}"),
)
USAGE = Usage(input=12, output=28, reasoning=25, cached=4)
BELOW = openai_error(
    400,
    (
        "Invalid 'temperature': decimal below minimum value. "
        "Expected a value >= 0, but got -1 instead."
    ),
    kind="invalid_request_error",
    code="decimal_below_min_value",
    param="temperature",
)
ERROR = {
    "type": "error",
    "code": "server_error",
    "message": "The server had an error.",
    "param": None,
    "sequence_number": 9,
}


@pytest.mark.parametrize("base", ["", "/", "/v1", "/v1/", "/proxy/openai/v1"])
async def test_the_request_has_the_apis_path_and_the_key(
    server: Loopback, base: str, adapter: OpenAdapter
) -> None:
    server.answer = openai_responses(*ITEMS)
    async with adapter(server.url + base) as openai:
        await openai.complete(REQUEST)
        await collect(openai, REQUEST)
    for request in server.requests:
        assert (request.method, request.path, request.query) == (
            "POST",
            f"{base.rstrip('/')}/responses",
            {},
        )
        assert request.headers["authorization"] == f"Bearer {KEY}"
        assert request.headers["content-type"] == request.headers["accept"] == "application/json"
    unary, streamed = (request.json for request in server.requests)
    assert unary == {
        "model": SOL,
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "Which city?"}]}],
        "store": False,
        "include": ["reasoning.encrypted_content"],
    }
    assert streamed == unary | {"stream": True}


@pytest.mark.parametrize(
    ("model", "path"),
    [
        (SOL, "responses"),
        ("gpt-6.2-sol", "responses"),
        ("gpt-4o", "chat/completions"),
        ("o3-mini", "chat/completions"),
        ("a-model-of-ones-own", "chat/completions"),
    ],
)
@BOTH
async def test_the_card_chooses_the_max_tokens_field(
    server: Loopback, model: str, path: str, adapter: OpenAdapter, *, stream: bool
) -> None:
    server.answer = openai_responses(*ITEMS) if path == "responses" else openai_answers("Lisbon")
    async with adapter(f"{server.url}/v1") as openai:
        await (
            collect(openai, model_request(model=model))
            if stream
            else openai.complete(model_request(model=model))
        )
    assert [request.path for request in server.requests] == [f"/v1/{path}"]


async def test_a_reply_arrives_complete(server: Loopback, adapter: OpenAdapter) -> None:
    server.script(openai_response(*ITEMS))
    async with adapter(server.url) as openai:
        reply = await openai.complete(REQUEST)
    assert (reply.text, reply.reasoning, reply.finish, reply.usage) == (
        "Lisbon, says OpenAI.",
        "Hm.",
        Finish.TOOL_CALLS,
        USAGE,
    )
    assert (reply.response_model, reply.id) == (RESPONSE_MODEL, RESPONSE_ID)
    assert reply.tool_calls == (ToolCall(id="call_1", name="now", arguments={}),)
    assert json.loads(reply.provider_state) == [ITEMS[0]]


@pytest.mark.parametrize("framing", ["chunked", "eof"])
async def test_a_stream_arrives_in_pieces_and_ends(
    server: Loopback, framing: Any, adapter: OpenAdapter
) -> None:
    server.script(openai_response_stream(*ITEMS, framing=framing))
    async with adapter(server.url) as openai:
        chunks = [chunk async for chunk in openai.stream(REQUEST) if not chunk.working]
    assert chunks == [
        Chunk(reasoning="Hm."),
        *(Chunk(text) for text in ("Lisbon, ", "says Ope", "nAI.")),
        Chunk(tool_call=ToolCall(id="call_1", name="now", arguments={})),
        Chunk(
            end=End(
                finish=Finish.TOOL_CALLS,
                usage=USAGE,
                response_model=RESPONSE_MODEL,
                id=RESPONSE_ID,
                provider_state=msgspec.json.encode([ITEMS[0]]).decode(),
            )
        ),
    ]


@BOTH
async def test_one_connection_serves_many(
    server: Loopback, adapter: OpenAdapter, *, stream: bool
) -> None:
    server.answer = openai_responses(*ITEMS)
    async with adapter(server.url) as openai:
        for _ in range(3):
            await (collect(openai, REQUEST) if stream else openai.complete(REQUEST))
    assert server.accepted == 1


@BOTH
@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        (OPENAI_500, Kind.SERVER_ERROR, "500 server_error. The server had an error"),
        (
            OPENAI_503,
            Kind.OVERLOADED,
            "503 server_is_overloaded. That model is currently overloaded",
        ),
        (
            OPENAI_404,
            Kind.MODEL_MISSING,
            "404 model_not_found. The model `o3-mini` has been deprecated",
        ),
        (MISSING, Kind.MODEL_MISSING, "400 model_not_found. The requested model 'gpt-9'"),
        (BELOW, Kind.INVALID_REQUEST, "400 decimal_below_min_value. Invalid 'temperature'"),
        (OPENAI_429_QUOTA, Kind.QUOTA_EXHAUSTED, "429 insufficient_quota. You exceeded"),
        (html(502), Kind.SERVER_ERROR, "502 Bad Gateway. Bad Gateway"),
    ],
    ids=str,
)
async def test_a_refused_request_is_one_failure_with_its_id(
    server: Loopback, answer: Answer, kind: Kind, text: str, adapter: OpenAdapter, *, stream: bool
) -> None:
    server.script(
        msgspec.structs.replace(answer, headers={**answer.headers, "x-request-id": "req_7"})
    )
    async with adapter(server.url) as openai:
        failure = await get_failure(openai, REQUEST, stream=stream)
    assert (failure.kind, failure.id, len(server.requests)) == (kind, "req_7", 1)
    assert text in failure.text


@BOTH
@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        (html(200), Kind.MALFORMED, ""),
        (respond(200, ""), Kind.MALFORMED, ""),
        (respond(200, "null"), Kind.MALFORMED, ""),
        (respond(200, "[]"), Kind.MALFORMED, ""),
        (
            respond(200, OPENAI_500.body),
            Kind.SERVER_ERROR,
            "200 server_error. The server had an error",
        ),
        (reset(), Kind.CONNECTION, "connection error: Connection reset by peer"),
        (garbage(), Kind.CONNECTION, "connection error: "),
    ],
    ids=str,
)
async def test_every_fault_is_one_failure(
    server: Loopback, answer: Answer, kind: Kind, text: str, adapter: OpenAdapter, *, stream: bool
) -> None:
    server.script(answer)
    async with adapter(server.url) as openai:
        failure = await get_failure(openai, REQUEST, stream=stream)
    assert (failure.kind, len(server.requests)) == (kind, 1)
    assert text in failure.text


@BOTH
@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
async def test_a_cut_answer_is_a_failure(
    server: Loopback, how: Any, share: float, adapter: OpenAdapter, *, stream: bool
) -> None:
    answer = (openai_response_stream if stream else openai_response)(*ITEMS)
    server.script(cut(answer, int(len(answer.body) * share), how))
    async with adapter(server.url) as openai:
        failure = await get_failure(openai, REQUEST, stream=stream)
    assert failure.kind is Kind.CONNECTION


@pytest.mark.parametrize("kept", [0, 1, 5, 9, -1])
async def test_a_stream_without_its_end_marker_is_malformed(
    server: Loopback, kept: int, adapter: OpenAdapter
) -> None:
    server.script(play_events(events_of_response(response(*ITEMS))[:kept]))
    async with adapter(server.url) as openai:
        failure = await get_failure(openai, REQUEST, stream=True)
    assert (failure.kind, failure.message) == (
        Kind.MALFORMED,
        "malformed: the stream has no response.completed, so the answer is incomplete",
    )


@pytest.mark.parametrize(
    "event",
    [
        ERROR,
        {"type": "error", "error": {"code": "server_error", "message": "The server had an error."}},
    ],
)
@pytest.mark.parametrize("kept", [0, 3, 9])
async def test_an_error_in_the_middle_of_a_stream_fails(
    server: Loopback, event: dict[str, Any], kept: int, adapter: OpenAdapter
) -> None:
    server.script(play_events([*events_of_response(response(*ITEMS))[:kept], event]))
    async with adapter(server.url) as openai:
        failure = await get_failure(openai, REQUEST, stream=True)
    assert (failure.kind, failure.code, failure.message) == (
        Kind.SERVER_ERROR,
        "server_error",
        "The server had an error.",
    )


@pytest.mark.parametrize("then", ["close", "reset", "hang"])
async def test_a_complete_stream_survives_a_broken_connection(
    server: Loopback, then: Any, adapter: OpenAdapter
) -> None:
    server.script(play_events(events_of_response(response(*ITEMS)), then=then))
    async with adapter(server.url) as openai:
        texts, end = await collect(openai, REQUEST)
    assert ("".join(texts), end.id) == ("Lisbon, says OpenAI.", RESPONSE_ID)


async def test_done_may_follow_the_end(server: Loopback, adapter: OpenAdapter) -> None:
    pieces = tuple(
        (0.0, frame)
        for frame in [*frames(events_of_response(response(*ITEMS))), b"data: [DONE]\n\n"]
    )
    server.script(Answer(pieces=pieces, headers=SSE, framing="chunked"))
    async with adapter(server.url) as openai:
        assert (await collect(openai, REQUEST))[1].finish is Finish.TOOL_CALLS


@BOTH
async def test_a_token_limit_without_text_is_empty(
    server: Loopback, adapter: OpenAdapter, *, stream: bool
) -> None:
    answer = incomplete("max_output_tokens", reasoning_item("Hm."))
    server.script(play_events(events_of_response(answer)) if stream else respond(200, answer))
    async with adapter(server.url) as openai:
        assert (await get_failure(openai, REQUEST, stream=stream)).kind is Kind.EMPTY


async def test_an_impossible_request_is_not_sent(server: Loopback, adapter: OpenAdapter) -> None:
    request = msgspec.structs.replace(
        REQUEST, request=Request(REQUEST.request.messages, tools=(Tool(name="\ud800"),))
    )
    async with adapter(server.url) as openai:
        with pytest.raises(AttemptFailed) as caught:
            await openai.complete(request)
    assert (caught.value.failure.kind, server.requests) == (Kind.INVALID_REQUEST, [])
