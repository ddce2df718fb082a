"""Responses over real sockets, through the real SDK; and through the whole of standby, beside Gemini."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from standby import AsyncStandby, CallFailed, Reply
from standby.plugin import AttemptFailed, Chunk, End, Finish, Kind, Request, Tool, ToolCall, Usage
from tests.providers.openai.requests import KEY, adapter, collect, get_failure, model_request
from tests.support.loopback import (
    GEMINI_503,
    OPENAI_404,
    OPENAI_429_QUOTA,
    OPENAI_500,
    OPENAI_503,
    Answer,
    Answers,
    Loopback,
    Received,
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
from tests.test_agent_loop import (
    FLASH,
    SCHEMAS,
    TOOLS,
    TURNS,
    WORDS,
    check_gemini,
    gemini,
    run_tool,
)

BOTH = pytest.mark.parametrize("stream", [False, True], ids=["reply", "stream"])
SOL = "gpt-5.6-sol"
REQUEST = model_request(model=SOL)
ITEMS = (
    reasoning_item("Hm.", encrypted="gAAAA"),
    message_item("Lisbon, says OpenAI."),
    call_item("now", "{}"),
)
USAGE = Usage(input=12, output=28, reasoning=25, cached=4)
MISSING = openai_error(
    400,
    "The requested model 'gpt-9' does not exist.",
    kind="invalid_request_error",
    code="model_not_found",
    param="model",
)
BELOW = openai_error(
    400,
    "Invalid 'temperature': decimal below minimum value. Expected a value >= 0, but got -1 instead.",
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
async def test_the_request_has_the_apis_path_and_the_key(server: Loopback, base: str) -> None:
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
    server: Loopback, model: str, path: str, *, stream: bool
) -> None:
    server.answer = openai_responses(*ITEMS) if path == "responses" else openai_answers("Lisbon")
    async with adapter(f"{server.url}/v1") as openai:
        await (
            collect(openai, model_request(model=model))
            if stream
            else openai.complete(model_request(model=model))
        )
    assert [request.path for request in server.requests] == [f"/v1/{path}"]


async def test_a_reply_arrives_complete(server: Loopback) -> None:
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
async def test_a_stream_arrives_in_pieces_and_ends(server: Loopback, framing: Any) -> None:
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
async def test_one_connection_serves_many(server: Loopback, *, stream: bool) -> None:
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
    server: Loopback, answer: Answer, kind: Kind, text: str, *, stream: bool
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
    server: Loopback, answer: Answer, kind: Kind, text: str, *, stream: bool
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
    server: Loopback, how: Any, share: float, *, stream: bool
) -> None:
    answer = (openai_response_stream if stream else openai_response)(*ITEMS)
    server.script(cut(answer, int(len(answer.body) * share), how))
    async with adapter(server.url) as openai:
        failure = await get_failure(openai, REQUEST, stream=stream)
    assert failure.kind is Kind.CONNECTION


@pytest.mark.parametrize("kept", [0, 1, 5, 9, -1])
async def test_a_stream_without_its_end_marker_is_malformed(server: Loopback, kept: int) -> None:
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
    server: Loopback, event: dict[str, Any], kept: int
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
async def test_a_complete_stream_survives_a_broken_connection(server: Loopback, then: Any) -> None:
    server.script(play_events(events_of_response(response(*ITEMS)), then=then))
    async with adapter(server.url) as openai:
        texts, end = await collect(openai, REQUEST)
    assert ("".join(texts), end.id) == ("Lisbon, says OpenAI.", RESPONSE_ID)


async def test_done_may_follow_the_end(server: Loopback) -> None:
    pieces = tuple(
        (0.0, frame)
        for frame in [*frames(events_of_response(response(*ITEMS))), b"data: [DONE]\n\n"]
    )
    server.script(Answer(pieces=pieces, headers=SSE, framing="chunked"))
    async with adapter(server.url) as openai:
        assert (await collect(openai, REQUEST))[1].finish is Finish.TOOL_CALLS


@BOTH
async def test_a_token_limit_without_text_is_empty(server: Loopback, *, stream: bool) -> None:
    answer = incomplete("max_output_tokens", reasoning_item("Hm."))
    server.script(play_events(events_of_response(answer)) if stream else respond(200, answer))
    async with adapter(server.url) as openai:
        assert (await get_failure(openai, REQUEST, stream=stream)).kind is Kind.EMPTY


async def test_an_impossible_request_is_not_sent(server: Loopback) -> None:
    request = msgspec.structs.replace(
        REQUEST, request=Request(REQUEST.request.messages, tools=(Tool(name="\ud800"),))
    )
    async with adapter(server.url) as openai:
        with pytest.raises(AttemptFailed) as caught:
            await openai.complete(request)
    assert (caught.value.failure.kind, server.requests) == (Kind.INVALID_REQUEST, [])


# Through the whole of standby

YAML = """
version: 1
providers:
  first: {{plugin: gemini, base_url: "{gemini}", api_key: "${{KEY}}"}}
  second: {{plugin: openai, base_url: "{openai}/v1", api_key: "${{KEY}}"}}
models:
  gemini-3.8-flash: {{provider: first}}
  gpt-5.6-sol: {{provider: second}}
  thinker: {{provider: second, model: gpt-5.6-sol, first_token_timeout: 10s, idle_timeout: 300ms}}
chains:
  gemini: {{models: [gemini-3.8-flash, gpt-5.6-sol], retry: {{initial: 10ms, limit: 20ms}}}}
  sol: {{models: [gpt-5.6-sol, gemini-3.8-flash], retry: {{initial: 10ms, limit: 20ms}}}}
  thinker: {{models: [thinker], retry: {{attempts: 1}}}}
"""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[tuple[AsyncStandby, Loopback, Loopback]]:
    with Loopback() as first, Loopback() as second:
        first.answer, second.answer = gemini(FLASH, None), sol(frozenset())
        (tmp_path / "models.yaml").write_text(
            YAML.format(gemini=first.url, openai=second.url), encoding="utf-8"
        )
        yield (
            AsyncStandby(tmp_path / "models.yaml", environ={"KEY": "a-key"}, warm_up=False),
            first,
            second,
        )


def flash(fails: frozenset[int]) -> Answers:
    well = gemini(FLASH, None)

    def answer(request: Received) -> Answer:
        fails_now = len(request.json["contents"]) // 2 in fails
        made = GEMINI_503 if fails_now else well(request)
        return made if isinstance(made, Answer) else made(request)

    return answer


def sol(fails: frozenset[int]) -> Answers:
    """Think, sealed, at every turn; call what the turn wants, and in the end tell what the tools have said."""

    def answer(request: Received) -> Answer:
        results = [
            item["output"]
            for item in request.json["input"]
            if item.get("type") == "function_call_output"
        ]
        turn = next(at for at in range(len(TURNS) + 1) if sum(map(len, TURNS[:at])) == len(results))
        if turn in fails:
            return OPENAI_503
        calls = [
            call_item(name, json.dumps(args), f"call_openai_{turn}_{at}")
            for at, (name, args) in enumerate([*TURNS, []][turn])
        ]
        words = (
            [message_item(WORDS[turn])]
            if turn in WORDS
            else []
            if calls
            else [message_item(json.dumps(results))]
        )
        return openai_responses(
            reasoning_item("Hm.", item_id=f"rs_{turn}", encrypted=f"sealed-{turn}"), *words, *calls
        )(request)

    return answer


def check_sol(body: dict[str, Any], by_sol: frozenset[int]) -> None:
    """Hold a body against the turns so far: each of one's own begins with its thoughts, as they were sealed."""
    items = iter(body["input"][2:])
    turn = -1
    for turn, item in enumerate(items):
        if turn in by_sol:
            assert item == reasoning_item("Hm.", item_id=f"rs_{turn}", encrypted=f"sealed-{turn}")
            item = next(items)  # noqa: PLW2901
        if turn in WORDS:
            assert item["role"] == "assistant"
            item = next(items)  # noqa: PLW2901
        calls = [item, *(next(items) for _ in TURNS[turn][1:])]
        assert [(one["type"], one["name"], json.loads(one["arguments"])) for one in calls] == [
            ("function_call", name, args) for name, args in TURNS[turn]
        ]
        results = [next(items) for _ in TURNS[turn]]
        assert [(one["type"], one["call_id"]) for one in results] == [
            ("function_call_output", one["call_id"]) for one in calls
        ]
        assert all(0 < len(one["call_id"]) <= 40 for one in calls)
        assert all(one["call_id"].startswith("call_openai_") is (turn in by_sol) for one in calls)
    assert "ignature" not in json.dumps(body)
    assert [(tool["name"], tool["parameters"], tool["strict"]) for tool in body["tools"]] == [
        (name, schema, False) for name, schema in SCHEMAS.items()
    ]


async def turn_of(
    client: AsyncStandby, messages: list[Any], chain: str, *, streamed: bool
) -> Reply:
    if not streamed:
        return await client.chat(messages, tools=TOOLS, chain=chain)
    async with client.stream(messages, tools=TOOLS, chain=chain) as chunks:
        seen = tuple([chunk.tool_call async for chunk in chunks if chunk.tool_call])
    assert seen == chunks.reply.tool_calls
    return chunks.reply


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("fails", [(), (0,), (1, 2), (0, 3), (2, 4), (4, 5), (5,)], ids=str)
@pytest.mark.parametrize("chain", ["gemini", "sol"])
async def test_a_conversation_of_tools_moves_to_the_other_vendor_and_back(
    world: Any, chain: str, fails: tuple[int, ...], *, streamed: bool
) -> None:
    client, first, second = world
    failing = frozenset(fails)
    by_sol = failing if chain == "gemini" else frozenset(range(6)) - failing
    if chain == "gemini":
        first.answer = flash(failing)
    else:
        second.answer = sol(failing)
    messages: list[Any] = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Add, and look up."},
    ]
    ran: list[tuple[ToolCall, str]] = []
    replies: list[Reply] = []
    async with client:
        while not replies or replies[-1].tool_calls:
            replies.append(await turn_of(client, messages, chain, streamed=streamed))
            results = [(one, run_tool(one)) for one in replies[-1].tool_calls]
            failure = [
                {"role": "tool", "tool_call_id": one.id, "content": text} for one, text in results
            ]
            messages, ran = [*messages, replies[-1].message, *failure], [*ran, *results]
    assert [reply.model for reply in replies] == [
        SOL if turn in by_sol else FLASH for turn in range(6)
    ]
    assert [(one.name, one.arguments) for one, _ in ran] == [one for turn in TURNS for one in turn]
    assert json.loads(replies[-1].text) == [text for _, text in ran]
    assert all(bool(reply.provider_state) is (turn in by_sol) for turn, reply in enumerate(replies))
    check_gemini([request.json for request in first.requests], FLASH)
    assert not any(
        b"sealed" in request.body or b"Hm." in request.body for request in first.requests
    )
    for request in second.requests:
        assert request.path == "/v1/responses"
        check_sol(request.json, by_sol)


async def test_when_all_models_fail_the_vendors_request_id_is_reported(world: Any) -> None:
    client, _, second = world
    second.script(
        msgspec.structs.replace(MISSING, headers={**MISSING.headers, "x-request-id": "req_7"})
    )
    async with client:
        with pytest.raises(CallFailed) as caught:
            await client.chat("Which city?", chain="thinker")
    attempt = caught.value.trail[0]
    assert (attempt.kind, attempt.status, attempt.id) == (Kind.MODEL_MISSING, 400, "req_7")


async def test_a_model_may_think_in_silence_longer_than_it_may_pause(world: Any) -> None:
    client, _, second = world
    begun, *rest = frames(
        events_of_response(response(reasoning_item(), message_item("Lisbon.")))[2:]
    )
    pieces = ((0.0, begun), (1.0, rest[0]), *((0.0, frame) for frame in rest[1:]))
    second.script(Answer(pieces=pieces, headers=SSE, framing="chunked"))
    async with client, client.stream("Which city?", chain="thinker") as chunks:
        assert "".join([chunk.text async for chunk in chunks]) == "Lisbon."
