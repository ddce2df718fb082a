"""A request of Chat Completions, parsed into the arguments of `Standby.chat`. Knows no SDK."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

import msgspec

from standby.http.bodies import get_list, get_object, get_str
from standby.integrations.openai.errors import RejectedRequest
from standby.types import Sampling

IGNORED = frozenset(
    {
        "metadata",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "safety_identifier",
        "service_tier",
        "store",
        "user",
    }
)
"""Parameters that say how one vendor keeps, bills or caches a request: no model is sent them."""

HINTS = frozenset(
    {
        "logit_bias",
        "logprobs",
        "min_p",
        "prediction",
        "repetition_penalty",
        "top_logprobs",
        "verbosity",
    }
)
"""Parameters that an answer can do without: frameworks send them by default.

They are dropped, and a header names them.
"""

_NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    "n": (1,),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "logit_bias": ({},),
    "modalities": (["text"],),
    "functions": ([],),
    "function_call": ("auto", "none"),
}
"""Values that request nothing beyond the default."""

REASONS = {
    "audio": "standby gives answers in text",
    "modalities": "standby gives answers in text",
    "moderation": "standby cannot have every model of a chain moderated; moderate its answer",
    "n": "standby gives one answer to a request; ask n times",
    "functions": "use 'tools'",
    "function_call": "use 'tool_choice'",
    "web_search_options": "not every model of a chain can search; offer a tool",
}
"""Parameters without which the answer would be another one, and why each is rejected."""

_OF_ONE_VENDOR = (
    "standby cannot hold every model of a chain to it; leave it out, "
    "or send it to the provider that knows it: "
    'extra_body={"standby": {"extra": {PROVIDER: {"%s": …}}}}'
)

_UNCHANGED = frozenset({*Sampling.__struct_fields__, "tools", "tool_choice"})
"""Parameters that `Standby.chat` takes by the same name."""

CARRIED = _UNCHANGED | {
    "model",
    "messages",
    "stream",
    "stream_options",
    "response_format",
    "standby",
    "max_completion_tokens",
}
"""Parameters that reach the models."""

_UNSENT_OF_ALL = ("cache_control", "id", "name", "provider_specific_fields", "timestamp")
_UNSENT: Mapping[str, tuple[str, ...]] = {
    "assistant": (
        *_UNSENT_OF_ALL,
        "annotations",
        "extra_content",
        "parsed",
        "prefix",
        "refusal",
        "reasoning",
        "reasoning_content",
        "reasoning_details",
        "reasoning_signature",
        "thinking_blocks",
    ),
    "developer": _UNSENT_OF_ALL,
    "system": _UNSENT_OF_ALL,
    "tool": (
        *(name for name in _UNSENT_OF_ALL if name != "name"),
        "artifact",
        "is_error",
        "status",
    ),
    "user": _UNSENT_OF_ALL,
}
"""Fields of a message, by its role, that frameworks keep and other vendors have no place for.

They are the speaker's name, the sources of an answer, and reasoning: a reply shows it to its
reader, and no model takes another's.
"""

_REASONING_TYPES = ("reasoning", "redacted_thinking", "thinking")
"""Types of the parts of an answer's content that are reasoning."""

_ANY_OBJECT: Mapping[str, Any] = {"type": "object"}


class ChatRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A parsed request: the chain, and what `Standby.chat` takes besides.

    `deadline` is in seconds. `with_usage`: the stream ends with its usage. `dropped` names the
    hints that no model is sent.
    """

    chain: str
    messages: Any
    options: Mapping[str, Any]
    deadline: Any = None
    stream: bool = False
    with_usage: bool = False
    dropped: tuple[str, ...] = ()


def parse_chat_request(body: bytes) -> ChatRequest:
    """Parse the body of a request.

    Args:
        body: The body, as JSON.

    Returns:
        The request; its messages and options are not checked yet.

    Raises:
        RejectedRequest: The body is not a JSON object, or a parameter cannot be carried.
    """
    fields = _decode(body)
    own = _get_object(fields, "standby", {"deadline", "extra", "strict"})
    dropped = _find_dropped(fields, own.get("strict", False))
    options = dict(_parse_options(fields, own))
    chain, messages = _parse_chain(fields.get("model")), _parse_messages(fields.get("messages"))
    stream_options = _get_object(fields, "stream_options", {"include_usage", "include_obfuscation"})
    return ChatRequest(
        chain=chain,
        messages=messages,
        options=options,
        deadline=own.get("deadline"),
        stream=bool(fields.get("stream")),
        with_usage=bool(stream_options.get("include_usage")),
        dropped=dropped,
    )


def _decode(body: bytes) -> dict[str, Any]:
    """Return the parameters that are not null."""
    try:
        fields = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise RejectedRequest("the body of the request is not a JSON object")
    items = cast("dict[str, Any]", fields).items()
    return {name: value for name, value in items if value is not None}


def _get_object(fields: Mapping[str, Any], name: str, allowed: set[str]) -> Mapping[str, Any]:
    value = fields.get(name, {})
    unknown = (
        set(cast("Mapping[str, Any]", value)) - allowed if isinstance(value, Mapping) else {""}
    )
    if unknown:
        names = " and ".join(sorted(allowed))
        raise RejectedRequest(f"{name}: expected an object with {names}", param=name)
    return cast("Mapping[str, Any]", value)


def _find_dropped(fields: Mapping[str, Any], strict: Any) -> tuple[str, ...]:
    """Return the hints that are dropped; rejects other parameters, and if `strict` hints too."""
    if not isinstance(strict, bool):
        raise RejectedRequest("standby.strict: expected true or false", param="standby.strict")
    accepted = CARRIED | IGNORED
    dropped = [
        name
        for name, value in fields.items()
        if name not in accepted and value not in _NEUTRAL.get(name, ())
    ]
    for name in dropped:
        if strict or name not in HINTS:
            raise RejectedRequest(
                f"the parameter {name!r} is not carried: {_explain(name)}",
                param=name,
                code="unsupported_parameter",
            )
    return tuple(sorted(dropped))


def _explain(name: str) -> str:
    """Explain why a parameter is rejected."""
    if name in HINTS:
        return "standby drops it, unless the request is strict"
    return REASONS.get(name) or _OF_ONE_VENDOR % name


def _parse_chain(model: Any) -> str:
    if not isinstance(model, str) or not model:
        raise RejectedRequest("model: expected the name of a chain, like 'default'", param="model")
    return model


# Options


def _parse_options(fields: Mapping[str, Any], own: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the options of `Standby.chat`; a later one replaces an earlier one of its name."""
    yield from ((name, value) for name, value in fields.items() if name in _UNCHANGED)
    if (allowed := _allowed_tools(fields.get("tool_choice"))) is not None:
        yield from _narrow_tools(allowed, fields.get("tools")).items()
    if (max_tokens := _max_tokens(fields)) is not None:
        yield "max_tokens", max_tokens
    if (schema := _parse_schema(fields.get("response_format"))) is not None:
        yield "schema", schema
    yield from ((name, own[name]) for name in ("extra", "strict") if name in own)


def _max_tokens(fields: Mapping[str, Any]) -> Any:
    older, newer = fields.get("max_tokens"), fields.get("max_completion_tokens")
    if None not in (older, newer) and older != newer:
        raise RejectedRequest(
            "max_tokens and max_completion_tokens are two names for one thing; give one",
            param="max_tokens",
        )
    return newer if older is None else older


def _allowed_tools(choice: Any) -> Mapping[str, Any] | None:
    """Return the mode and the tools of a choice among some tools; `None` for another choice."""
    fields = get_object(choice)
    is_allowed = fields.get("type") == "allowed_tools"
    return get_object(fields.get("allowed_tools")) if is_allowed else None


def _narrow_tools(allowed: Mapping[str, Any], tools: Any) -> dict[str, Any]:
    """Offer only the allowed tools, with the mode as the choice: every model takes that."""
    names = {_tool_name(tool) for tool in get_list(allowed.get("tools"))}
    offered = [tool for tool in get_list(tools) if _tool_name(tool) in names]
    has_mode = allowed.get("mode") in ("auto", "required")
    has_tools = bool(names) and {_tool_name(tool) for tool in offered} == names
    if not has_mode or not has_tools:
        raise RejectedRequest(
            "tool_choice: allowed_tools needs a mode, auto or required, "
            "and names of tools that the request has",
            param="tool_choice",
        )
    return {"tools": offered, "tool_choice": allowed["mode"]}


def _tool_name(tool: Any) -> str:
    fields = get_object(tool)
    return get_str(get_object(fields.get("function")).get("name") or fields.get("name"))


def _parse_schema(response_format: Any) -> Any:
    """Return the JSON Schema of the answer; `None`: plain text. "json_object" is any object."""
    if response_format is None:
        return None
    fields = get_object(response_format)
    kind, described = fields.get("type"), fields.get("json_schema")
    if kind == "text":
        return None
    if kind == "json_object":
        return _ANY_OBJECT
    if kind == "json_schema" and isinstance(described, Mapping):
        return _named_schema(cast("Mapping[str, Any]", described))
    raise RejectedRequest(
        "response_format: expected the type text, json_object, or json_schema with a 'json_schema'",
        param="response_format",
    )


def _named_schema(described: Mapping[str, Any]) -> Any:
    schema: Any = described.get("schema", _ANY_OBJECT)
    if not isinstance(schema, Mapping):
        return schema
    title = {"title": described["name"]} if "name" in described else {}
    return {**title, **cast("Mapping[str, Any]", schema)}


# Messages


def _parse_messages(messages: Any) -> list[Any]:
    """Remove what is not sent; `parse_request` checks the rest."""
    if not isinstance(messages, list):
        raise RejectedRequest("messages: expected a list of messages", param="messages")
    return [_parse_message(message) for message in cast("list[object]", messages)]


def _parse_message(message: Any) -> Any:
    fields = get_object(message)
    role = get_str(fields.get("role"))
    if role not in _UNSENT:
        return message
    sent = {name: value for name, value in fields.items() if name not in _UNSENT[role]}
    content = _answer_content(fields) if role == "assistant" else None
    return sent if content is None else {**sent, "content": content}


def _answer_content(message: Mapping[str, Any]) -> Any:
    """Return the content of an answer; a refusal replaces its text, or stands among its parts."""
    content: Any = message.get("content") or message.get("refusal")
    if not isinstance(content, list):
        return content
    parts = get_list(content)
    return [_parse_part(part) for part in parts if not _is_reasoning(part)]


def _is_reasoning(part: Any) -> bool:
    return get_object(part).get("type") in _REASONING_TYPES


def _parse_part(part: Any) -> Any:
    fields = get_object(part)
    is_refusal = fields.get("type") == "refusal"
    return {"type": "text", "text": fields.get("refusal")} if is_refusal else part
