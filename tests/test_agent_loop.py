"""An agent's loop over real sockets: six turns, two tools, and a primary that fails at any turn."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from standby import AsyncStandby, Reply, StreamBroken
from standby.types import ToolCall
from tests.support.loopback import GEMINI_503, Answer, Answers, Loopback, Received, respond

YAML = """
version: 1
providers:
  first: {{plugin: gemini, base_url: "{gemini}", api_key: "${{KEY}}"}}
  second: {{plugin: openai, base_url: "{openai}/v1", api_key: "${{KEY}}"}}
models:
  gemini-2.5-pro: {{provider: first}}
  gemini-3.8-flash: {{provider: first}}
  o3-mini: {{provider: second}}
chains:
  gemini-2.5-pro: {{models: [gemini-2.5-pro, o3-mini], retry: {{initial: 10ms, limit: 20ms}}}}
  gemini-3.8-flash: {{models: [gemini-3.8-flash, o3-mini], retry: {{initial: 10ms, limit: 20ms}}}}
  o3-mini: {{models: [o3-mini, gemini-3.8-flash], retry: {{initial: 10ms, limit: 20ms}}}}
"""
SCHEMAS: dict[str, dict[str, Any]] = {
    "add": {
        "type": "object",
        "properties": {"numbers": {"type": "array"}},
        "additionalProperties": False,
    },
    "look_up": {
        "type": "object",
        "properties": {"word": {"$ref": "#/$defs/word"}},
        "$defs": {"word": {}},
    },
}
DECLARED = [{"name": name, "parametersJsonSchema": schema} for name, schema in SCHEMAS.items()]
TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": schema}}
    for name, schema in SCHEMAS.items()
]
TURNS: list[list[tuple[str, dict[str, Any]]]] = [
    [("add", {"numbers": [1, 2.5]})],
    [
        ("look_up", {"word": "Zürich 🚋", "book": [{"in": '"'}, None, True]}),
        ("add", {"numbers": []}),
    ],
    [("look_up", {})],
    [("add", {"numbers": [-1]}), ("add", {"numbers": [-1]})],
    [("look_up", {"word": "Lisbon\n"}), ("look_up", {"word": "Lisbon"})],
]
TEXTS = {2: "Let me see. "}
FLASH = "gemini-3.8-flash"
SENTINEL = "skip_thought_signature_validator"


def run_tool(call: ToolCall) -> str:
    return (
        json.dumps({"sum": sum(call.arguments["numbers"])})
        if call.name == "add"
        else f"found {call.arguments}"
    )


def events(payloads: Sequence[Any], framing: Any = "chunked") -> Answer:
    pieces = tuple((0.0, f"data: {json.dumps(payload)}\r\n\r\n".encode()) for payload in payloads)
    return Answer(pieces=pieces, headers={"Content-Type": "text/event-stream"}, framing=framing)


def gemini_payload(
    parts: list[dict[str, Any]], turn: int, finish: str | None = None
) -> dict[str, Any]:
    candidate = {
        "content": {"role": "model", "parts": parts},
        "index": 0,
        **({"finishReason": finish} if finish else {}),
    }
    return {"candidates": [candidate], "modelVersion": "gemini", "responseId": f"response-{turn}"}


def gemini_parts(turn: int, vendor: str) -> list[dict[str, Any]]:
    """Give ids, and too long ones, only as 3.x does; sign the first call only, as both do."""
    parts: list[dict[str, Any]] = [{"text": TEXTS[turn]}] if turn in TEXTS else []
    for index, (name, args) in enumerate(TURNS[turn]):
        id_field = {"id": f"gemini-{turn}-{index}-{'x' * 40}"} if "3.8" in vendor else {}
        signature = {} if index else {"thoughtSignature": f"signature-{turn}"}
        parts.append({"functionCall": {"name": name, "args": args, **id_field}, **signature})
    return parts


def gemini(vendor: str, fails_at: int | None) -> Answers:
    def answer(request: Received) -> Answer:
        contents = request.json["contents"]
        turn = len(contents) // 2
        if turn == fails_at:
            return GEMINI_503
        conversation = [
            part["functionResponse"]["response"]
            for results in contents[2::2]
            for part in results["parts"]
        ]
        final = json.dumps([value.get("result") or json.dumps(value) for value in conversation])
        parts = gemini_parts(turn, vendor) if turn < len(TURNS) else [{"text": final}]
        if not request.path.endswith(":streamGenerateContent"):
            return respond(200, gemini_payload(parts, turn, "STOP"))
        return events(
            [
                *(gemini_payload([part], turn) for part in parts),
                gemini_payload([{"text": ""}], turn, "STOP"),
            ]
        )

    return answer


def openai_payload(finish: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"model": "o3-mini", "choices": [{"index": 0, **fields, "finish_reason": finish}]}


def openai_calls(turn: int) -> list[dict[str, Any]]:
    called = [{"name": name, "arguments": json.dumps(args)} for name, args in [*TURNS, []][turn]]
    return [
        {"id": f"call_openai_{turn}_{at}", "type": "function", "function": call}
        for at, call in enumerate(called)
    ]


def openai_chunks(turn: int, text: str | None = None) -> list[dict[str, Any]]:
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": text or TEXTS.get(turn)}]
    for at, call in enumerate(openai_calls(turn)):
        arguments_ = call["function"]["arguments"]
        deltas.append(
            {
                "tool_calls": [
                    {**call, "index": at, "function": {**call["function"], "arguments": ""}}
                ]
            }
        )
        pieces = [
            {"arguments": arguments_[start : start + 3]} for start in range(0, len(arguments_), 3)
        ]
        deltas += [{"tool_calls": [{"index": at, "function": piece}]} for piece in pieces]
    return [openai_payload(delta=delta) for delta in deltas]


def openai(request: Received) -> Answer:
    messages = request.json["messages"]
    turn = sum(message["role"] == "assistant" for message in messages)
    conversation = [message["content"] for message in messages if message["role"] == "tool"]
    text, finish = (
        (TEXTS.get(turn), "tool_calls") if turn < len(TURNS) else (json.dumps(conversation), "stop")
    )
    if request.json.get("stream"):
        return events([*openai_chunks(turn, text), openai_payload(finish, delta={})])
    return respond(
        200, openai_payload(finish, message={"content": text, "tool_calls": openai_calls(turn)})
    )


def check_gemini(bodies: list[dict[str, Any]], vendor: str) -> None:
    for contents in (body["contents"] for body in bodies):
        assert [content["role"] for content in contents] == [
            *["user", "model"] * (len(contents) // 2),
            "user",
        ]
        for turn, (model, user) in enumerate(zip(contents[1::2], contents[2::2], strict=True)):
            parts = [part for part in model["parts"] if "functionCall" in part]
            calls = [part["functionCall"] for part in parts]
            assert calls == [
                {"id": call["id"], "name": n, "args": a}
                for call, (n, a) in zip(calls, TURNS[turn], strict=True)
            ]
            results = [part["functionResponse"] for part in user["parts"]]
            assert [(result["id"], result["name"]) for result in results] == [
                (call["id"], call["name"]) for call in calls
            ]
            assert all(isinstance(result["response"], dict) for result in results)
            first = (
                {FLASH: SENTINEL}.get(vendor)
                if calls[0]["id"].startswith("call_openai")
                else f"signature-{turn}"
            )
            assert [part.get("thoughtSignature") for part in parts] == [
                first,
                *[None] * (len(calls) - 1),
            ]
    assert all(body["tools"] == [{"functionDeclarations": DECLARED}] for body in bodies)


def check_openai(bodies: list[dict[str, Any]]) -> None:
    assert all(
        set(body) <= {"model", "messages", "tools", "stream", "stream_options"} for body in bodies
    )
    assert all(body["tools"] == TOOLS and "ignature" not in json.dumps(body) for body in bodies)
    waiting: list[str] = []
    for message in (
        message
        for body in bodies
        for message in [*body["messages"], {"role": "user", "content": ""}]
    ):
        if message["role"] == "tool":
            assert message == {
                "role": "tool",
                "tool_call_id": waiting.pop(0),
                "content": message["content"],
            }
            continue
        assert not waiting
        assert set(message) == {
            "role",
            "content",
            *(["tool_calls"] if message["role"] == "assistant" else []),
        }
        for call in message.get("tool_calls", []):
            conversation = call["function"]
            assert call == {"id": call["id"], "type": "function", "function": conversation}
            assert (set(conversation), type(json.loads(conversation["arguments"]))) == (
                {"name", "arguments"},
                dict,
            )
            assert 0 < len(call["id"]) <= 40
            waiting.append(call["id"])


@pytest.fixture
def world(tmp_path: Path) -> Iterator[tuple[AsyncStandby, Loopback, Loopback]]:
    with Loopback() as first, Loopback() as second:
        first.answer, second.answer = gemini(FLASH, None), openai
        (tmp_path / "models.yaml").write_text(
            YAML.format(gemini=first.url, openai=second.url), encoding="utf-8"
        )
        yield (
            AsyncStandby(tmp_path / "models.yaml", environ={"KEY": "a-key"}, warm_up=False),
            first,
            second,
        )


async def ask(client: AsyncStandby, messages: Any, chain: str, seen: list[ToolCall]) -> Reply:
    async with client.stream(messages, tools=TOOLS, chain=chain) as chunks:
        seen += [chunk.tool_call async for chunk in chunks if chunk.tool_call]
    assert tuple(seen) == chunks.reply.tool_calls
    return chunks.reply


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("fails_at", [None, *range(6)])
@pytest.mark.parametrize("vendor", ["gemini-2.5-pro", FLASH])
async def test_a_loop_ends_alike_wherever_it_fails(
    world: Any, vendor: str, fails_at: int | None, streamed: bool
) -> None:
    client, first, second = world
    first.answer = gemini(vendor, fails_at)
    messages: list[Any] = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Add, and look up."},
    ]
    tool_runs: list[tuple[ToolCall, str]] = []
    replies: list[Reply] = []
    async with client:
        while not replies or replies[-1].tool_calls:
            streams = ask(client, messages, vendor, []) if streamed else None
            replies.append(await (streams or client.chat(messages, tools=TOOLS, chain=vendor)))
            results = [(call, run_tool(call)) for call in replies[-1].tool_calls]
            conversation = [
                {"role": "tool", "tool_call_id": call.id, "content": text}
                for call, text in reversed(results)
            ]
            messages, tool_runs = (
                [*messages, replies[-1].message, *conversation],
                [*tool_runs, *results],
            )
    check_gemini([request.json for request in first.requests], vendor)
    check_openai([request.json for request in second.requests])
    assert [(call.name, call.arguments) for call, _ in tool_runs] == [
        call for turn in TURNS for call in turn
    ]
    assert json.loads(replies[-1].text) == [text for _, text in tool_runs]
    assert [reply.model for reply in replies] == [
        "o3-mini" if turn == fails_at else vendor for turn in range(6)
    ]


@pytest.mark.parametrize(
    ("turn", "failed_turn"), [(1, 0), (1, 1), (2, 0)]
)  # how many pieces are lost besides the end marker
@pytest.mark.parametrize("framing", ["chunked", "eof"])
@pytest.mark.parametrize("wire", [FLASH, "o3-mini"])
async def test_a_call_of_a_broken_stream_stays_in(
    world: Any, wire: str, framing: str, turn: int, failed_turn: int
) -> None:
    client, first, second = world
    chunks = [gemini_payload([part], turn) for part in gemini_parts(turn, wire)]
    server, chunks, other = (
        (first, chunks, "o3-mini") if wire != "o3-mini" else (second, openai_chunks(turn), FLASH)
    )
    server.answer = lambda _: msgspec.structs.replace(
        events(chunks[: len(chunks) - failed_turn], framing), then="close"
    )
    seen: list[ToolCall] = []
    async with client:
        if turn in TEXTS:  # some of its words are out, so that no other model may go on
            with pytest.raises(StreamBroken):
                await ask(client, "Go.", wire, seen)
        else:
            assert (await ask(client, "Go.", wire, seen)).model == other
    assert [(call.name, call.arguments) for call in seen] == ([] if turn in TEXTS else TURNS[0])
