"""What others recorded of Chat Completions, read to the reply or the failure that it was.

The recordings of the Responses API are left out: this plugin does not speak it yet.
"""

import msgspec
import pytest

from standby.plugin import Finish, Kind, Usage, decoded
from standby_openai.failures import failure_of
from standby_openai.reply import reply_of
from tests.loopback import Answer, Loopback
from tests.providers.openai.calls import adapter, call, collected, recorded

O3_MINI = "o3-mini-2025-01-31"
REPLIES = [
    ("pydantic-ai/test_max_completion_tokens[o3-mini].yaml", "Hello there! How can I", O3_MINI, (7, 87, 64)),
    (
        "pydantic-ai/test_reasoning_model_with_temperature.yaml",
        "The capital of Mexico is Mexico City.",
        O3_MINI,
        (13, 238, 192),
    ),
    ("pydantic-ai/test_stop_settings[openai].yaml", "The capital of France is ", O3_MINI, (31, 467, 448)),
    ("pydantic-ai/test_openai_model_without_system_prompt.yaml", "That's right—I am a potato!", O3_MINI, (11, 809, 768)),
    ("pydantic-ai/test_openai_model_thinking_part.yaml", "When it comes to crossing a river safely", O3_MINI, None),
    ("crewai/test_o3_mini_reasoning_effort_low.yaml", "The capital of France is Paris.", O3_MINI, (13, 17, 0)),
    ("pydantic-ai/test_openai_native_output.yaml#1", '{"city":"Mexico City"', "gpt-4o-2024-08-06", (92, 15, 0)),
]
STREAMS = [
    ("pydantic-ai/test_run_stream_sync_streams_real_model.yaml#1", "The", "gpt-4o-mini-2024-07-18", Finish.STOP, (78, 9, 0)),
    ("fantasy/TestOpenAICommon/openai-o4-mini/simple_streaming.yaml", "Olá!", "o4-mini-2025-04-16", Finish.STOP, (19, 84, 64)),
    (
        "fantasy/TestOpenAICommon/openai-o4-mini/tool_streaming.yaml#1",
        "The current",
        "o4-mini-2025-04-16",
        Finish.STOP,
        (95, 24, 0),
    ),
    ("vercel-ai/openai-text.chunks.txt", "**Holiday Name", "gpt-4.1-nano-2025-04-14", Finish.STOP, (16, 300, 0)),
]
TOOL_CALLS = [
    "pydantic-ai/test_openai_native_output.yaml",
    "pydantic-ai/test_run_stream_sync_streams_real_model.yaml",
    "fantasy/TestOpenAICommon/openai-o4-mini/tool_streaming.yaml",
]
ERRORS = [
    ("pydantic-ai/test_model_name_suggestion[openai-chat].yaml", 404, Kind.MODEL_MISSING),
    ("crewai/test_llm_call_with_error.yaml", 404, Kind.MODEL_MISSING),
    ("pydantic-ai/test_openai_o1_mini_system_role[system].yaml", 400, Kind.UNSUPPORTED),
    ("pydantic-ai/test_openai_o1_mini_system_role[developer].yaml", 400, Kind.UNSUPPORTED),
    ("vercel-ai/reasoning-model-legacy-parameter-error.json", 400, Kind.UNSUPPORTED),
    ("vercel-ai/reasoning-model-temperature-error.json", 400, Kind.UNSUPPORTED),
    ("vercel-ai/openai-error.1.json", 429, Kind.QUOTA_EXHAUSTED),
]


def usage(counts: tuple[int, int, int]) -> Usage:
    return Usage(input=counts[0], output=counts[1], reasoning=counts[2])


def played(name: str) -> Answer:
    """Return a recorded stream, in pieces that respect nothing."""
    body = recorded(name)[1]
    pieces = tuple((0.0, body[at : at + 1000]) for at in range(0, len(body), 1000))
    return Answer(pieces=pieces, headers={"Content-Type": "text/event-stream"}, framing="chunked")


@pytest.mark.parametrize(("name", "text", "served", "counts"), REPLIES)
def test_a_recorded_reply_is_read(name: str, text: str, served: str, counts: tuple[int, int, int] | None) -> None:
    status, body = recorded(name)
    reply = reply_of(decoded(body))
    assert status == 200
    assert reply.text.startswith(text)
    assert (reply.finish, reply.served) == (Finish.STOP, served)
    assert counts is None or reply.usage == usage(counts)


@pytest.mark.parametrize(("name", "text", "served", "finish", "counts"), STREAMS)
async def test_a_recorded_stream_is_read_through_the_sdk(
    server: Loopback, name: str, text: str, served: str, finish: Finish, counts: tuple[int, int, int]
) -> None:
    server.script(played(name))
    async with adapter(server.url) as openai:
        texts, end = await collected(openai, call())
    assert "".join(texts).startswith(text)
    assert (end.finish, end.served, end.usage) == (finish, served, usage(counts))


@pytest.mark.parametrize("name", TOOL_CALLS)
async def test_a_recorded_tool_call_is_read_whole(server: Loopback, name: str) -> None:
    if recorded(name)[1].startswith(b"data:"):
        server.script(played(name))
        async with adapter(server.url) as openai:
            chunks = [chunk async for chunk in openai.stream(call())]
        calls = [chunk.tool_call for chunk in chunks if chunk.tool_call is not None]
        end = chunks[-1].end
        assert end is not None
        finish = end.finish
    else:
        reply = reply_of(decoded(recorded(name)[1]))
        calls, finish = list(reply.tool_calls), reply.finish
    assert finish is Finish.TOOL_CALLS
    assert [bool(asked.id and asked.name) for asked in calls] == [True] * len(calls) != []


@pytest.mark.parametrize(("name", "status", "kind"), ERRORS)
def test_a_recorded_error_has_its_kind_and_keeps_openais_words(name: str, status: int, kind: Kind) -> None:
    recorded_status, raw = recorded(name)
    body = msgspec.json.decode(raw)
    failure = failure_of(status, {}, body)
    assert recorded_status == status or name.endswith(".json")
    assert (failure.kind, failure.message) == (kind, body["error"]["message"])
