"""Anthropic in a chain, from the file and over real sockets."""

from pathlib import Path

import pytest

from standby import AsyncStandby, Reply
from standby.plugin import Tool
from tests.providers.anthropic.wire_server import (
    OVERLOADED,
    answers,
    text_block,
    thinking_block,
    tool_use,
)
from tests.support.loopback import Loopback, respond

CHAIN = """
version: 1
providers:
  claude: {{plugin: anthropic, base_url: "{url}", api_key: "${{CLAUDE_KEY}}"}}
  other: {{plugin: anthropic, base_url: "{url}/other", api_key: "${{CLAUDE_KEY}}"}}
models:
  down: {{provider: scripted, options: {{script: [{{fail: {{kind: overloaded, status: 503}}}}]}}}}
  claude-haiku-5-5: {{provider: claude}}
  second: {{provider: other, model: claude-opus-4-8}}
chains:
  default: {{models: [down, claude-haiku-5-5], retry: {{attempts: 1}}}}
  two: {{models: [claude-haiku-5-5, second], retry: {{attempts: 1}}}}
"""
WEATHER = Tool(
    name="weather", parameters={"type": "object", "properties": {"city": {"type": "string"}}}
)
CALL = tool_use("toolu_1", "weather", {"city": "Oslo"})


@pytest.fixture
def file(server: Loopback, tmp_path: Path) -> Path:
    path = tmp_path / "models.yaml"
    path.write_text(CHAIN.format(url=server.url), encoding="utf-8")
    return path


def client(file: Path) -> AsyncStandby:
    return AsyncStandby(file, environ={"CLAUDE_KEY": "sk-ant-nothing"}, warm_up=False)


HISTORY = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Bergen?"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": "call|fc:1",
                "type": "function",
                "function": {"name": "weather", "arguments": "{}"},
            }
        ],
    },
    {"role": "tool", "tool_call_id": "call|fc:1", "content": "Rain."},
    {"role": "assistant", "content": "Rain."},
    {"role": "user", "content": "Oslo?"},
]
RESULT = {"role": "tool", "tool_call_id": "toolu_1", "content": "Sun."}


async def send(standby: AsyncStandby, *, stream: bool) -> Reply:
    if not stream:
        return await standby.chat(HISTORY, tools=[WEATHER], temperature=0.5)
    async with standby.stream(HISTORY, tools=[WEATHER], temperature=0.5) as chunks:
        async for _ in chunks:
            pass
    return chunks.reply


@pytest.mark.parametrize("stream", [False, True], ids=["reply", "stream"])
async def test_claude_stands_by_with_tools_and_a_history(
    server: Loopback, file: Path, *, stream: bool
) -> None:
    server.answer = answers(thinking_block("Oslo."), text_block("I look."), CALL, stop="tool_use")
    async with client(file) as standby:
        reply = await send(standby, stream=stream)
    assert [(attempt.model, attempt.outcome) for attempt in reply.trail] == [
        ("down", "failed"),
        ("claude-haiku-5-5", "answered"),
    ]
    assert reply.trail[-1].dropped == ("temperature",)
    assert (reply.text, reply.reasoning) == ("I look.", "Oslo.")
    assert reply.tool_calls[0].arguments == {"city": "Oslo"}
    assert "temperature" not in server.requests[0].json


async def test_claude_gets_its_own_thoughts_and_calls_back(server: Loopback, file: Path) -> None:
    content = [thinking_block("Oslo."), text_block("I look."), CALL]
    server.answer = answers(*content, stop="tool_use")
    async with client(file) as standby:
        reply = await send(standby, stream=False)
        server.answer = answers(text_block("Sun."))
        after = await standby.chat([*HISTORY, reply.message, RESULT], tools=[WEATHER])
    assert after.text == "Sun."
    messages = server.requests[1].json["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant"] * 3 + ["user"]
    assert messages[5]["content"] == content
    assert messages[6]["content"] == [
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": "Sun."}
    ]


async def test_an_overloaded_model_is_replaced_and_its_thoughts_are_not_passed_on(
    server: Loopback, file: Path
) -> None:
    server.answer = answers(thinking_block("Oslo."), CALL, stop="tool_use")
    async with client(file) as standby:
        reply = await standby.chat("Oslo?", chain="two", tools=[WEATHER])
        second_answer = answers(text_block("Sun."), model="claude-opus-4-8")
        server.answer = lambda request: (
            second_answer(request)
            if request.path.startswith("/other")
            else respond(529, OVERLOADED)
        )
        after = await standby.chat(
            [{"role": "user", "content": "Oslo?"}, reply.message, RESULT],
            chain="two",
            tools=[WEATHER],
        )
    assert (after.text, after.model) == ("Sun.", "second")
    assert (after.trail[0].kind, after.trail[0].id) == ("overloaded", "req_011Cb6r")
    assert [request.path for request in server.requests] == [
        "/v1/messages",
        "/v1/messages",
        "/other/v1/messages",
    ]
    own, foreign = (request.json["messages"][1]["content"] for request in server.requests[1:])
    assert (own, foreign) == ([thinking_block("Oslo."), CALL], [CALL])


async def test_a_picture_and_an_effort_reach_the_wire(server: Loopback, file: Path) -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    question = [{"role": "user", "content": [picture, {"type": "text", "text": "What?"}]}]
    async with client(file) as standby:
        reply = await standby.chat(
            question, reasoning_effort="high", extra={"claude": {"metadata": {"user_id": "7"}}}
        )
    assert reply.trail[-1].outcome == "answered"
    body = server.requests[0].json
    assert body["messages"][0]["content"][0]["source"]["media_type"] == "image/png"
    assert body["output_config"] == {"effort": "high"}
    assert body["metadata"] == {"user_id": "7"}


@pytest.mark.parametrize("version", ['"2023-06-01"', "2023-06-01"], ids=["quoted", "bare"])
async def test_a_card_lets_sampling_through_to_the_older_version(
    server: Loopback, tmp_path: Path, version: str
) -> None:
    path = tmp_path / "models.yaml"
    path.write_text(
        f"""
version: 1
providers:
  older:
    plugin: anthropic
    base_url: "{server.url}"
    options: {{api_version: {version}}}
    api_key: "${{CLAUDE_KEY}}"
models:
  claude-haiku-5-5:
    provider: older
    card: {{refuses: [seed, presence_penalty, frequency_penalty]}}
chains:
  default: {{models: [claude-haiku-5-5]}}
""",
        encoding="utf-8",
    )
    async with client(path) as standby:
        reply = await standby.chat("Oslo?", temperature=0.5, top_k=3, seed=7)
    body = server.requests[0].json
    assert (body["temperature"], body["top_k"], "seed" in body) == (0.5, 3, False)
    assert reply.trail[-1].dropped == ("seed",)
    assert server.requests[0].headers["x-api-key"] == "sk-ant-nothing"
