"""What others recorded of the real service, read to the reply or the failure that it was."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from standby.plugin import AttemptFailed, Chunk, Finish, Kind, Reply, Usage, decoded, events_of
from standby_gemini.failures import failure_of
from standby_gemini.reply import Reader, reply_of
from tests.providers.gemini.calls import recorded

REPLIES = [
    ("pydantic-ai/test_google_model.yaml", "Hello! How can I help you", Finish.STOP, (9, 43, 34)),
    ("pydantic-ai/test_google_model_empty_assistant_response.yaml", "As an AI, I don't retain", Finish.STOP, (10, 818, 699)),
    ("pydantic-ai/test_google_model_max_tokens.yaml", "The capital of France is", Finish.LENGTH, (15, 5, 0)),
    ("pydantic-ai/test_google_timeout.yaml", "Hello there! How can I", Finish.STOP, (2, 11, 0)),
    ("pydantic-ai/test_google_native_output.yaml", '{\n  "city": "Mexico City"', Finish.STOP, (8, 20, 0)),
    ("pydantic-ai/test_google_recursive_schema_native_output_gemini_2_5.yaml", '{"value":"A"', Finish.STOP, (20, 199, 183)),
    ("pydantic-ai/test_google_url_input[ImageUrl].yaml", "The URL's main content", Finish.STOP, (2589, 33, 0)),
    ("pydantic-ai/test_google_vertex_logprobs.yaml", "2 + 2 = 4", Finish.STOP, (7, 80, 73)),
    ("pydantic-ai/test_google_tool_config_any_with_tool_without_args.yaml", "", Finish.TOOL_CALLS, (21, 1, 0)),
    (
        "crewai/TestAgentMultimodalGemini.test_mixed_files[gemini-gemini-2.0-flash].yaml",
        "I see a line",
        Finish.STOP,
        (1454, 100, 0),
    ),
    ("logfire/test_instrument_google_genai.yaml", "", Finish.TOOL_CALLS, (42, 9, 0)),
    ("logfire/test_instrument_google_genai.yaml#1", "It is rainy in Boston, MA.", Finish.STOP, (58, 9, 0)),
]
STREAMS = [
    ("fantasy/TestGoogleCommon/gemini-2.5-pro/simple_streaming.yaml", "Of course!", "gemini-2.5-pro", (11, 652, 603)),
    ("fantasy/TestGoogleCommon/gemini-2.5-pro/multi_tool_streaming.yaml", "", "gemini-2.5-pro", (121, 229, 193)),
    ("fantasy/TestGoogleCommon/gemini-2.5-pro/multi_tool_streaming.yaml#1", "The sum of 2", "gemini-2.5-pro", (374, 24, 0)),
    (
        "fantasy/TestGoogleObjectGeneration/gemini-2.5-pro/simple_object_streaming.yaml",
        '{\n  "age": 30',
        "gemini-2.5-pro",
        (20, 71, 43),
    ),
    ("pydantic-ai/test_google_model_stream.yaml", "The capital of France is Paris.\n", "gemini-2.0-flash-exp", (13, 8, 0)),
    ("pydantic-ai/test_google_model_thinking_part_iter.yaml", "This is a great question!", "gemini-2.5-pro", (34, 1256, 787)),
    (
        "pydantic-ai/test_google_model_iter_stream.yaml#2",
        "The temperature in Paris is 30°C.\n",
        "gemini-2.0-flash",
        (79, 12, 0),
    ),
    ("pydantic-ai/test_cancel_recorded_provider_stream[google].yaml", "Paris", "gemini-2.5-flash", (6, 36, 35)),
    ("pydantic-ai/test_google_streaming_tool_call_thought_signature.yaml", "", "gemini-3-pro-preview", (29, 212, 202)),
    (
        "vertexai-sdk-test-data/googleai/streaming-success-thinking-function-call-thought-summary-signature.txt",
        "",
        "gemini-2.5-flash",
        (38, 174, 168),
    ),
    (
        "vertexai-sdk-test-data/googleai/streaming-success-no-content-parts.txt",
        "I will generate a 3D rendering",
        "gemini-2.0-flash-preview-image-generation",
        (34, 1370, 0),
    ),
]
UNUSABLE = [
    ("pydantic-ai/test_google_model_max_tokens_thinking_model_empty_response.yaml", Kind.EMPTY, "MAX_TOKENS"),
    ("pydantic-ai/test_google_model_safety_settings.yaml", Kind.BLOCKED, "SAFETY"),
    ("pydantic-ai/test_google_model_armor_prompt_template_text_gets_blocked.yaml", Kind.BLOCKED, "Prompt Injection"),
    ("vertexai-sdk-test-data/googleai/unary-failure-with-message-no-content.json", Kind.MALFORMED, "due to internal error"),
    ("vertexai-sdk-test-data/vertexai/unary-failure-prompt-blocked-safety.json", Kind.BLOCKED, "SAFETY"),
    ("vertexai-sdk-test-data/vertexai/unary-failure-finish-reason-safety-no-content.json", Kind.BLOCKED, "SAFETY"),
    ("vertexai-sdk-test-data/vertexai/unary-failure-unknown-enum-finish-reason.json", Kind.MALFORMED, "FAKE_NEW_FINISH_REASON"),
]
BROKEN_STREAMS = [
    ("vertexai/streaming-failure-error-mid-stream.txt", "First Second ", Kind.SERVER_ERROR, "499 CANCELLED. The operation"),
    ("vertexai/streaming-failure-empty-content.txt", "", Kind.MALFORMED, "no finishReason"),
    ("vertexai/streaming-failure-image-rejected.txt", "", Kind.INVALID_REQUEST, "400 INVALID_ARGUMENT. Request contains"),
    ("googleai/streaming-failure-prompt-blocked-safety.txt", "", Kind.BLOCKED, "SAFETY"),
]
ERRORS = [
    ("vertexai-sdk-test-data/googleai/unary-failure-api-key.json", Kind.UNAUTHORIZED, None),
    ("vertexai-sdk-test-data/googleai/unary-failure-unknown-model.json", Kind.MODEL_MISSING, None),
    ("vertexai-sdk-test-data/vertexai/unary-failure-unsupported-user-location.json", Kind.UNAUTHORIZED, None),
    ("vercel-ai/google-429-retry-info.json", Kind.RATE_LIMITED, 34.4),
    ("crewai/TestAgentMultimodalGemini.test_mixed_files[gemini-gemini-2.0-flash].yaml#1", Kind.RATE_LIMITED, None),
    ("pydantic-ai/test_multimodal_tool_return_matrix[direct-url-image-google_vertex].yaml#2", Kind.INVALID_REQUEST, None),
]


async def read(body: bytes, texts: list[str]) -> Reply:
    """Read a stream as the adapter does; its text so far is in `texts` even if it breaks."""

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(body), 1000):
            yield body[at : at + 1000]

    reader = Reader()
    async for event in events_of(pieces()):
        texts.append((reader.chunk(decoded(event.stray or event.data)) or Chunk()).text)  # noqa: PERF401 - keeps what came before a break
    end = reader.end()
    calls = reader.tool_calls
    return Reply(text="".join(texts), tool_calls=calls, finish=end.finish, usage=end.usage, served=end.served)


def usage(counts: tuple[int, int, int]) -> Usage:
    return Usage(input=counts[0], output=counts[1], reasoning=counts[2])


@pytest.mark.parametrize(("name", "text", "finish", "counts"), REPLIES)
def test_a_recorded_reply_is_read(name: str, text: str, finish: Finish, counts: tuple[int, int, int]) -> None:
    reply = reply_of(decoded(recorded(name)))
    assert reply.text.startswith(text)
    assert bool(reply.text) is bool(text)
    assert (reply.finish, reply.usage) == (finish, usage(counts))


@pytest.mark.parametrize(("name", "text", "served", "counts"), STREAMS)
async def test_a_recorded_stream_is_read(name: str, text: str, served: str, counts: tuple[int, int, int]) -> None:
    reply = await read(recorded(name), [])
    assert reply.text.startswith(text)
    assert (reply.finish, reply.served, reply.usage) == (Finish.STOP if text else Finish.TOOL_CALLS, served, usage(counts))


@pytest.mark.parametrize(
    ("name", "calls"),
    [
        (
            "fantasy/TestGoogleCommon/gemini-2.5-pro/multi_tool_streaming.yaml",
            [("add", {"a": 2, "b": 3}), ("multiply", {"a": 2, "b": 3})],
        ),
        ("pydantic-ai/test_google_model_iter_stream.yaml", [("get_capital", {"country": "France"})]),
        ("pydantic-ai/test_google_model_iter_stream.yaml#1", [("get_temperature", {"city": "Paris"})]),
        ("pydantic-ai/test_google_streaming_tool_call_thought_signature.yaml", [("get_country", {})]),
    ],
)
async def test_a_recorded_streams_tool_calls_are_read(name: str, calls: list[tuple[str, dict[str, object]]]) -> None:
    reply = await read(recorded(name), [])
    assert [(call.name, call.arguments) for call in reply.tool_calls] == calls
    assert len({call.id for call in reply.tool_calls}) == len(calls)
    assert [bool(call.private) for call in reply.tool_calls[1:]] == [False] * (len(calls) - 1)  # the first is signed for all


async def test_a_recorded_thought_signature_is_kept_with_its_call() -> None:
    reply = await read(recorded("pydantic-ai/test_google_streaming_tool_call_thought_signature.yaml"), [])
    [call] = reply.tool_calls
    assert call.private.startswith("EpwICpkIAXLI2nxlU6gs")


@pytest.mark.parametrize(("name", "kind", "words"), UNUSABLE)
def test_a_recorded_200_that_is_no_reply_is_the_failure_that_it_is(name: str, kind: Kind, words: str) -> None:
    with pytest.raises(AttemptFailed, match=words) as caught:
        reply_of(decoded(recorded(name)))
    assert caught.value.failure.kind is kind


@pytest.mark.parametrize(("name", "text", "kind", "words"), BROKEN_STREAMS)
async def test_a_recorded_stream_that_breaks_is_the_failure_that_it_is(name: str, text: str, kind: Kind, words: str) -> None:
    texts: list[str] = []
    with pytest.raises(AttemptFailed, match=words) as caught:
        await read(recorded(f"vertexai-sdk-test-data/{name}"), texts)
    assert ("".join(texts), caught.value.failure.kind) == (text, kind)


@pytest.mark.parametrize(("name", "kind", "delay"), ERRORS)
def test_a_recorded_error_has_its_kind_and_keeps_geminis_words(name: str, kind: Kind, delay: float | None) -> None:
    body = msgspec.json.decode(recorded(name))
    failure = failure_of(body["error"]["code"], {}, body)
    assert (failure.kind, failure.message, failure.retry_after) == (kind, body["error"]["message"], delay)
