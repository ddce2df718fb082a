"""The published rules of Responses, as a validator that reads the JSON alone."""

from collections.abc import Iterable, Iterator
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
    *("model", "input", "store", "include", "tools", "tool_choice", "parallel_tool_calls"),
    *("text", "reasoning", "stream", "temperature", "top_p", "max_output_tokens"),
    *("service_tier", "user"),
)
EFFORTS = ("none", "low", "medium", "high", "xhigh", "max")
INPUTS = {"input_text", "input_image", "input_file"}
OUTPUTS = {"output_text", "refusal"}
MAX_ID = 64


def check(body: JSON, own_thoughts: Iterable[str] | None = None) -> list[str]:
    """Return the rules that a body breaks; `own_thoughts`: the model's own encrypted ones."""
    tools, choice = body.get("tools", []), body.get("tool_choice")
    answer_format = body.get("text", {}).get("format", {})
    effort = body.get("reasoning", {}).get("effort", "low")
    return [
        *unknown_fields(body, FIELDS),
        *broken(
            (body.get("store") is not False, "store is not false"),
            (
                not all(map(_is_function, tools)),
                "a tool is not a function, or does not state whether it is strict",
            ),
            ("include" not in body, "a reasoning model is not asked for its thoughts"),
            (effort not in EFFORTS, f"the effort is {effort!r}"),
        ),
        *_check_items(body["input"], None if own_thoughts is None else set(own_thoughts)),
        *check_tools(body, tools, choice),
        *(check_format(answer_format.get("type"), answer_format) if answer_format else ()),
    ]


def _is_function(tool: JSON) -> bool:
    is_flat = tool.get("type") == "function" and "name" in tool
    return is_flat and isinstance(tool.get("strict"), bool)


def _check_items(items: list[JSON], own_thoughts: set[str] | None) -> Iterator[str]:
    yield from broken((not items, "there is no input"))
    pending: list[str] = []
    for item, after in zip(items, [*items, {}][1:], strict=True):
        kind = item.get("type", "message")
        if kind == "function_call":
            pending.append(item.get("call_id", ""))
            yield from check_function(item)
            yield from check_ids(pending, MAX_ID)
        elif kind == "function_call_output":
            call_id = pending.pop(0) if pending else None
            answers = call_id is not None and item.get("call_id") == call_id
            yield from broken((not answers, "an output answers no call, or out of order"))
            yield from _check_content(item.get("output"), INPUTS)
        else:
            yield from broken((pending, "calls have no outputs directly after them"))
            yield from _check_item(item, after, own_thoughts)
    yield from broken((pending, "calls have no outputs"))


def _check_item(item: JSON, after: JSON, own_thoughts: set[str] | None) -> Iterator[str]:
    kind = item.get("type", "message")
    if kind == "message":
        return _check_message(item)
    if kind == "reasoning":
        return _check_thought(item, after, own_thoughts)
    return iter([f"an item is {kind!r}"])


def _check_thought(item: JSON, after: JSON, own_thoughts: set[str] | None) -> Iterator[str]:
    content = item.get("encrypted_content")
    is_followed = after and after.get("role", "assistant") == "assistant"
    return broken(
        (
            own_thoughts is not None and content not in own_thoughts,
            "a thought is of another model",
        ),
        (
            not content or not is_followed,
            "a thought is not encrypted, or nothing of the model follows it",
        ),
    )


def _check_message(item: JSON) -> Iterator[str]:
    role, content = item.get("role"), item.get("content")
    yield from broken(
        (role not in ROLES or not content, f"a message of {role!r} is empty, or of no role")
    )
    yield from _check_content(content, OUTPUTS if role == "assistant" else INPUTS)


def _check_content(content: Any, allowed: set[str]) -> Iterator[str]:
    yield from broken((not isinstance(content, str | list), "a content is neither text nor a list"))
    for part in content if isinstance(content, list) else ():
        kind = part.get("type")
        yield from broken((kind not in allowed, f"a content's part is {kind!r}"))
        if kind == "input_file":
            has_data = part.get("filename") and part.get("file_data")
            yield from broken(
                (not part.get("file_url") and not has_data, "a file has no name, or no data")
            )
