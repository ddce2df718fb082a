"""The published rules of Chat Completions, as a validator that reads the JSON alone."""

from collections.abc import Iterator
from typing import Any

from tests.oracles.openai_rules import (
    JSON,
    ROLES,
    check_format,
    check_function,
    check_ids,
    check_tools,
)
from tests.oracles.rules import broken, unknown_fields

FIELDS = (
    *("model", "messages", "tools", "tool_choice", "parallel_tool_calls", "response_format"),
    *("stream", "stream_options", "temperature", "top_p", "stop", "seed", "presence_penalty"),
    *("frequency_penalty", "reasoning_effort", "max_tokens", "max_completion_tokens"),
    *("service_tier", "user"),
)
REASONERS = ("o1", "o3", "o4", "gpt-5", "gpt-6")
REFUSED_BY_REASONERS = (
    *("temperature", "top_p", "presence_penalty", "frequency_penalty"),
    *("logprobs", "logit_bias"),
)
MAX_ID = 40


def check(body: JSON, *, own: bool) -> list[str]:
    """Return the rules that a body breaks; `own`: it goes to OpenAI itself."""
    answer_format = body.get("response_format")
    return [
        *unknown_fields(body, FIELDS),
        *_check_messages(body["messages"]),
        *_check_tools(body),
        *_check_sampling(body, own=own),
        *(_check_own(body, str(body.get("model"))) if own else _check_other(body)),
        *(
            check_format(answer_format.get("type"), answer_format.get("json_schema") or {})
            if answer_format
            else ()
        ),
    ]


def _check_messages(messages: list[JSON]) -> Iterator[str]:
    pending: list[str] = []
    for message in messages:
        if message.get("role") == "tool":
            call_id = pending.pop(0) if pending else None
            yield from _check_result(message, call_id)
            continue
        yield from broken((pending, "calls have no results directly after them"))
        yield from _check_message(message)
        pending = [call.get("id", "") for call in message.get("tool_calls", [])]
    yield from broken((pending, "calls have no results"))


def _check_result(message: JSON, call_id: str | None) -> Iterator[str]:
    answers = call_id is not None and message.get("tool_call_id") == call_id
    is_text = isinstance(message.get("content"), str)
    return broken(
        (
            not answers or not is_text,
            "a tool's message answers no call, out of order, or with no text",
        )
    )


def _check_message(message: JSON) -> Iterator[str]:
    role, content, calls = (
        message.get("role"),
        message.get("content"),
        message.get("tool_calls", []),
    )
    yield from broken(
        (role not in ROLES, f"a role is {role!r}"),
        (calls and role != "assistant", "calls are not the assistant's"),
        (not calls and not content, "a message is empty"),
    )
    yield from check_ids([call.get("id", "") for call in calls], MAX_ID)
    for call in calls:
        yield from check_function(call.get("function", {}))
    for part in content if isinstance(content, list) else ():
        yield from _check_part(part, role)


def _check_part(part: JSON, role: Any) -> Iterator[str]:
    allowed = {"text", "image_url", "input_audio", "file"} if role == "user" else {"text"}
    kind = part.get("type")
    yield from broken(
        (
            kind not in allowed or set(part) != {"type", kind},
            f"a part of the {role}'s content is {kind!r}",
        )
    )
    if "file" in part:
        has_data = part["file"].get("file_data", "").startswith("data:")
        is_valid = part["file"].get("filename") and has_data
        yield from broken((not is_valid, "a file has no name, or no data URL"))
    if "input_audio" in part:
        audio_format = part["input_audio"].get("format")
        yield from broken((audio_format not in ("wav", "mp3"), "sound is neither wav nor mp3"))


def _check_tools(body: JSON) -> Iterator[str]:
    tools, choice = body.get("tools", []), body.get("tool_choice")
    are_functions = all(
        set(tool) == {"type", "function"} and tool["type"] == "function" for tool in tools
    )
    yield from broken((not are_functions, "a tool is not a function"))
    if isinstance(choice, dict):
        choice = {"name": choice.get("function", {}).get("name")}
    yield from check_tools(body, [tool.get("function", {}) for tool in tools], choice)


def _check_sampling(body: JSON, *, own: bool) -> Iterator[str]:
    refused = "max_tokens" if own else "max_completion_tokens"
    stops = body.get("stop", ["a stop"])
    is_list = isinstance(stops, list | tuple)
    return broken(
        (refused in body, f"{refused} is not the endpoint's name for it"),
        (
            ("stream_options" in body) != bool(body.get("stream")),
            "stream_options without stream, or the reverse",
        ),
        (is_list and not 0 < len(stops) <= 4, "more than four stops, or none"),
    )


def _check_own(body: JSON, model: str) -> Iterator[str]:
    """Check the rules of OpenAI's own models."""
    reasons = model.startswith(REASONERS)
    refused = [name for name in REFUSED_BY_REASONERS if name in body]
    effort = body.get("reasoning_effort")
    is_o3_mini = model == "o3-mini"
    return broken(
        (reasons and refused, f"a reasoning model refuses {', '.join(refused)}"),
        (
            is_o3_mini and "parallel_tool_calls" in body,
            "o3-mini refuses parallel_tool_calls",
        ),
        (effort and not reasons, "a reasoning_effort for a model that does not reason"),
        (
            is_o3_mini and effort not in (None, "low", "medium", "high"),
            "o3-mini does not have this reasoning_effort",
        ),
    )


def _check_other(body: JSON) -> Iterator[str]:
    return broken(
        ("reasoning_effort" in body, "a reasoning_effort for a model that does not reason")
    )
