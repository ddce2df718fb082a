"""Responses in whole chains, beside Gemini."""

import json
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from standby import AsyncStandby, CallFailed, Reply
from standby.plugin import Kind, ToolCall
from tests.providers.openai.responses_errors import MISSING
from tests.support.loopback import GEMINI_503, OPENAI_503, Answer, Answers, Loopback, Received
from tests.support.responses_wire import (
    SSE,
    call_item,
    events_of_response,
    frames,
    message_item,
    openai_responses,
    reasoning_item,
    response,
)
from tests.test_agent_loop import (
    FLASH,
    SCHEMAS,
    TEXTS,
    TOOLS,
    TURNS,
    check_gemini,
    gemini,
    run_tool,
)

SOL = "gpt-5.6-sol"

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
    succeed = gemini(FLASH, None)

    def answer(request: Received) -> Answer:
        fails_now = len(request.json["contents"]) // 2 in fails
        chosen = GEMINI_503 if fails_now else succeed(request)
        return chosen if isinstance(chosen, Answer) else chosen(request)

    return answer


def sol(fails: frozenset[int]) -> Answers:
    """Think, encrypted, at every turn; make the turn's calls, and at the end repeat the results."""

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
        final = [] if calls else [message_item(json.dumps(results))]
        texts = [message_item(TEXTS[turn])] if turn in TEXTS else final
        return openai_responses(own_thought(turn), *texts, *calls)(request)

    return answer


def own_thought(turn: int) -> dict[str, Any]:
    return reasoning_item("Hm.", item_id=f"rs_{turn}", encrypted=f"sealed-{turn}")


def check_sol(body: dict[str, Any], by_sol: frozenset[int]) -> None:
    """Check a body against the turns so far.

    Each of the model's own turns begins with its thoughts, encrypted as it sent them.
    """
    items = deque(body["input"][2:])
    turn = 0
    while items:
        if turn in by_sol:
            assert items.popleft() == own_thought(turn)
        if turn in TEXTS:
            assert items.popleft()["role"] == "assistant"
        size = len(TURNS[turn])
        calls, results = ([items.popleft() for _ in range(size)] for _ in range(2))
        check_calls(calls, results, turn, own=turn in by_sol)
        turn += 1
    assert "ignature" not in json.dumps(body)
    assert [(tool["name"], tool["parameters"], tool["strict"]) for tool in body["tools"]] == [
        (name, schema, False) for name, schema in SCHEMAS.items()
    ]


def check_calls(calls: list[Any], results: list[Any], turn: int, *, own: bool) -> None:
    assert [(each["type"], each["name"], json.loads(each["arguments"])) for each in calls] == [
        ("function_call", name, args) for name, args in TURNS[turn]
    ]
    assert [(each["type"], each["call_id"]) for each in results] == [
        ("function_call_output", each["call_id"]) for each in calls
    ]
    for each in calls:
        assert 0 < len(each["call_id"]) <= 40
        assert each["call_id"].startswith("call_openai_") is own


async def run_turn(
    client: AsyncStandby, messages: list[Any], chain: str, *, streamed: bool
) -> Reply:
    if not streamed:
        return await client.chat(messages, tools=TOOLS, chain=chain)
    async with client.stream(messages, tools=TOOLS, chain=chain) as chunks:
        seen = tuple([chunk.tool_call async for chunk in chunks if chunk.tool_call])
    assert seen == chunks.reply.tool_calls
    return chunks.reply


async def run_loop(
    client: AsyncStandby, chain: str, *, streamed: bool
) -> tuple[list[Reply], list[tuple[ToolCall, str]]]:
    """Run tools until a reply calls none; return the replies, and the calls with their results."""
    messages: list[Any] = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Add, and look up."},
    ]
    replies: list[Reply] = []
    results: list[tuple[ToolCall, str]] = []
    while not replies or replies[-1].tool_calls:
        reply = await run_turn(client, messages, chain, streamed=streamed)
        new = [(call, run_tool(call)) for call in reply.tool_calls]
        messages = [
            *messages,
            reply.message,
            *({"role": "tool", "tool_call_id": call.id, "content": text} for call, text in new),
        ]
        replies.append(reply)
        results += new
    return replies, results


@pytest.mark.parametrize("streamed", [False, True], ids=["complete", "streamed"])
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
    async with client:
        replies, results = await run_loop(client, chain, streamed=streamed)
    assert [reply.model for reply in replies] == [
        SOL if turn in by_sol else FLASH for turn in range(6)
    ]
    assert [(call.name, call.arguments) for call, _ in results] == [
        call for turn in TURNS for call in turn
    ]
    assert json.loads(replies[-1].text) == [text for _, text in results]
    for turn, reply in enumerate(replies):
        assert bool(reply.provider_state) is (turn in by_sol)
    check_gemini([request.json for request in first.requests], FLASH)
    for request in first.requests:
        assert b"sealed" not in request.body
        assert b"Hm." not in request.body
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


async def test_a_model_may_think_in_silence_longer_than_its_idle_timeout(world: Any) -> None:
    client, _, second = world
    start, *rest = frames(
        events_of_response(response(reasoning_item(), message_item("Lisbon.")))[2:]
    )
    pieces = ((0.0, start), (1.0, rest[0]), *((0.0, frame) for frame in rest[1:]))
    second.script(Answer(pieces=pieces, headers=SSE, framing="chunked"))
    async with client, client.stream("Which city?", chain="thinker") as chunks:
        assert "".join([chunk.text async for chunk in chunks]) == "Lisbon."
