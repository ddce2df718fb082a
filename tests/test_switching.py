"""One conversation with tools moves to another vendor at each turn.

No vendor receives what only another can read.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from standby import AsyncStandby, Reply
from standby.resilience import health
from standby.types import ToolCall
from tests.oracles import chat_rules, gemini_rules, responses_rules
from tests.support.loopback import (
    GEMINI_503,
    OPENAI_503,
    Answer,
    Answers,
    Loopback,
    Received,
    respond,
)
from tests.support.wire_requests import targets
from tests.test_agent_loop import SENTINEL, TOOLS, events, run_tool

FLASH, SOL, FOUR = "gemini-3.8-flash", "gpt-5.6-sol", "gpt-4o"
YAML = """
version: 1
providers:
  first: {{plugin: gemini, base_url: "{gemini}", api_key: "${{KEY}}"}}
  second: {{plugin: openai, base_url: "{openai}/v1", api_key: "${{KEY}}"}}
models:
  gemini-3.8-flash: {{provider: first, breaker: {{failures: 100}}}}
  gpt-5.6-sol: {{provider: second, breaker: {{failures: 100}}}}
  gpt-4o: {{provider: second, breaker: {{failures: 100}}}}
chains:
  default: {{models: [gemini-3.8-flash, gpt-5.6-sol, gpt-4o], retry: {{attempts: 1}}}}
"""
TURNS: list[list[tuple[str, dict[str, Any]]]] = [
    [
        ("add", {"numbers": [turn, 0.5]}),
        *([("look_up", {"word": f"Zürich {turn} 🚋"})] if turn % 2 else []),
    ]
    for turn in range(10)
]
CALLS_BEFORE = [sum(map(len, TURNS[:turn])) for turn in range(11)]
"""The number of calls before each turn, by which a server recognises the turn."""

ROUNDS = {
    "flash and sol": [FLASH, SOL] * 5 + [FLASH],
    "sol and flash": [SOL, FLASH] * 5 + [SOL],
    "flash and gpt-4o": [FLASH, FOUR] * 5 + [FLASH],
    "sol and gpt-4o": [FOUR, SOL] * 5 + [FOUR],
    "all three": [FLASH, SOL, FOUR] * 3 + [FLASH, SOL],
    "all three, backwards": [FOUR, SOL, FLASH] * 3 + [SOL, FOUR],
}


def leading_text(turn: int) -> str:
    return "Let me see. " if turn % 3 == 0 else ""


def gemini_answer(turn: int, results: list[Any]) -> list[dict[str, Any]]:
    if turn == len(TURNS):
        return [{"text": json.dumps(results), "thoughtSignature": "flash-last"}]
    calls = [
        {"functionCall": {"id": f"flash-id-{turn}-{at}-{'x' * 40}", "name": n, "args": a}}
        for at, (n, a) in enumerate(TURNS[turn])
    ]
    signed = {**calls[0], "thoughtSignature": f"flash-{turn}"}
    return [*([{"text": leading_text(turn)}] if leading_text(turn) else []), signed, *calls[1:]]


def gemini(models: list[str]) -> Answers:
    def answer(request: Received) -> Answer:
        parts = [part for content in request.json["contents"] for part in content["parts"]]
        turn = CALLS_BEFORE.index(sum("functionCall" in part for part in parts))
        if models[turn] != FLASH:
            return GEMINI_503
        results = [
            part["functionResponse"]["response"] for part in parts if "functionResponse" in part
        ]
        message = gemini_answer(turn, [one.get("result") or json.dumps(one) for one in results])
        candidate = {"content": {"role": "model", "parts": message}, "finishReason": "STOP"}
        payload = {
            "candidates": [candidate],
            "modelVersion": FLASH,
            "responseId": f"flash-reply-{turn}",
        }
        return events([payload]) if "stream" in request.path else respond(200, payload)

    return answer


def responses_answer(turn: int, results: list[str]) -> dict[str, Any]:
    text = json.dumps(results) if turn == len(TURNS) else leading_text(turn)
    calls = [] if turn == len(TURNS) else TURNS[turn]
    thought = {
        "type": "reasoning",
        "id": f"rs_{turn}",
        "summary": [],
        "encrypted_content": f"sol-{turn}",
        "status": None,
    }
    message = {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": text, "annotations": []}],
    }
    tool_calls = [
        {
            "type": "function_call",
            "id": f"fc_{turn}",
            "call_id": f"sol_id_{turn}_{at}",
            "name": n,
            "arguments": json.dumps(a),
        }
        for at, (n, a) in enumerate(calls)
    ]
    output = [thought, *([message] if text else []), *tool_calls]
    return {
        "id": f"resp_{turn}",
        "object": "response",
        "status": "completed",
        "model": SOL,
        "error": None,
        "output": output,
    }


def responses_stream(response: dict[str, Any]) -> list[dict[str, Any]]:
    started = {**response, "status": "in_progress", "output": []}
    payloads: list[dict[str, Any]] = [{"type": "response.created", "response": started}]
    for index, item in enumerate(response["output"]):
        payloads.append(
            {
                "type": "response.output_item.added",
                "output_index": index,
                "item": {**item, "content": []},
            }
        )
        deltas = [part["text"] for part in item.get("content", [])]
        payloads += [
            {"type": "response.output_text.delta", "output_index": index, "delta": delta}
            for delta in deltas
        ]
        payloads.append({"type": "response.output_item.done", "output_index": index, "item": item})
    return [*payloads, {"type": "response.completed", "response": response}]


def responses(request: Received, models: list[str]) -> Answer:
    items = request.json["input"]
    turn = CALLS_BEFORE.index(sum(item.get("type") == "function_call" for item in items))
    if models[turn] != SOL:
        return OPENAI_503
    answer = responses_answer(
        turn, [item["output"] for item in items if item.get("type") == "function_call_output"]
    )
    return events(responses_stream(answer)) if request.json.get("stream") else respond(200, answer)


def chat(request: Received) -> Answer:
    messages = request.json["messages"]
    turn = CALLS_BEFORE.index(sum(len(message.get("tool_calls", [])) for message in messages))
    results = [message["content"] for message in messages if message["role"] == "tool"]
    text, calls = (
        (json.dumps(results), [])
        if turn == len(TURNS)
        else (leading_text(turn) or None, TURNS[turn])
    )
    tool_calls = [
        {
            "id": f"four_id_{turn}_{at}",
            "type": "function",
            "function": {"name": n, "arguments": json.dumps(a)},
            "index": at,
        }
        for at, (n, a) in enumerate(calls)
    ]
    message, finish = (
        {"role": "assistant", "content": text, "tool_calls": tool_calls},
        "tool_calls" if tool_calls else "stop",
    )
    base = {"id": f"four-reply-{turn}", "model": FOUR}
    if not request.json.get("stream"):
        return respond(
            200, {**base, "choices": [{"index": 0, "message": message, "finish_reason": finish}]}
        )
    choices = [{"index": 0, "delta": message}, {"index": 0, "delta": {}, "finish_reason": finish}]
    return events([{**base, "choices": [choice]} for choice in choices])


def openai(models: list[str]) -> Answers:
    return lambda request: (
        responses(request, models) if request.path.endswith("/responses") else chat(request)
    )


@pytest.fixture
def world(tmp_path: Path) -> Iterator[tuple[Path, Loopback, Loopback]]:
    with Loopback() as first, Loopback() as second:
        config = tmp_path / "models.yaml"
        config.write_text(YAML.format(gemini=first.url, openai=second.url), encoding="utf-8")
        yield config, first, second


class Talk:
    """A conversation with tools: the replies, and the calls with their results."""

    def __init__(self, *, streamed: bool) -> None:
        self.streamed = streamed
        self.messages: list[Any] = [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Add, look up."},
        ]
        self.replies: list[Reply] = []
        self.results: list[tuple[ToolCall, str]] = []

    async def take_turns(self, config: Path, turns: int) -> None:
        """Take some turns with a fresh client: a model that fails every other time would rest."""
        health.forget()
        async with AsyncStandby(config, environ={"KEY": "a-key"}, warm_up=False) as client:
            for _ in range(turns):
                self.replies.append(await self._send(client))
                results = [(call, run_tool(call)) for call in self.replies[-1].tool_calls]
                self.results += results
                self.messages += [
                    self.replies[-1].message,
                    *(
                        {"role": "tool", "tool_call_id": call.id, "content": text}
                        for call, text in results
                    ),
                ]

    async def _send(self, client: AsyncStandby) -> Reply:
        if not self.streamed:
            return await client.chat(self.messages, tools=TOOLS)
        async with client.stream(self.messages, tools=TOOLS) as chunks:
            async for _ in chunks:
                pass
        return chunks.reply


def check_gemini(body: dict[str, Any], models: list[str]) -> None:
    assert gemini_rules.check(body, FLASH, targets()[FLASH].card) == []
    turns = [content["parts"] for content in body["contents"] if content["role"] == "model"]
    signed = [
        [part.get("thoughtSignature") for part in parts if "functionCall" in part]
        for parts in turns
    ]
    expected = [
        f"flash-{turn}" if models[turn] == FLASH else SENTINEL for turn in range(len(turns))
    ]
    assert signed == [
        [first, *[None] * (len(TURNS[turn]) - 1)] for turn, first in enumerate(expected)
    ]
    assert "sol-" not in json.dumps(body)


def check_responses(body: dict[str, Any], models: list[str]) -> None:
    own_thoughts = [f"sol-{turn}" for turn in range(len(TURNS)) if models[turn] == SOL]
    assert responses_rules.check(body, own_thoughts) == []
    items = body["input"]
    turn = CALLS_BEFORE.index(sum(item.get("type") == "function_call" for item in items))
    assert [item["encrypted_content"] for item in items if item.get("type") == "reasoning"] == [
        thought for thought in own_thoughts if int(thought.removeprefix("sol-")) < turn
    ]
    assert all(
        set(item) == {"type", "id", "summary", "encrypted_content"}
        for item in items
        if item.get("type") == "reasoning"
    )
    for index, item in enumerate(items):
        if item.get("type") == "reasoning":
            later = next(one for one in items[index:] if one.get("type") == "function_call")
            assert later["call_id"].startswith(
                f"sol_id_{item['encrypted_content'].removeprefix('sol-')}_"
            )
    assert "ignature" not in json.dumps(body)


def check_chat(body: dict[str, Any]) -> None:
    assert chat_rules.check(body, own=True) == []
    assert not any(
        word in json.dumps(body) for word in ("ignature", "encrypted", "sol-", "flash-last")
    )


@pytest.mark.parametrize("streamed", [False, True], ids=["complete", "streamed"])
@pytest.mark.parametrize("models", ROUNDS.values(), ids=ROUNDS)
async def test_a_conversation_goes_back_and_forth_ten_times(
    world: Any, models: list[str], streamed: bool
) -> None:
    config, first, second = world
    first.answer, second.answer = gemini(models), openai(models)
    talk = Talk(streamed=streamed)
    await talk.take_turns(config, 6)
    await talk.take_turns(config, 5)
    assert [reply.model for reply in talk.replies] == models
    assert [(call.name, call.arguments) for call, _ in talk.results] == [
        call for turn in TURNS for call in turn
    ]
    assert (talk.replies[-1].tool_calls, json.loads(talk.replies[-1].text)) == (
        (),
        [text for _, text in talk.results],
    )
    bodies = [request.json for request in second.requests]
    assert (len(first.requests), len(bodies)) == (
        11,
        sum({FLASH: 0, SOL: 1, FOUR: 2}[name] for name in models),
    )
    for body in (request.json for request in first.requests):
        check_gemini(body, models)
    for body in bodies:
        check_responses(body, models) if "input" in body else check_chat(body)
