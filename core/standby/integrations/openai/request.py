"""A request as Chat Completions has it, read into what standby takes. Pure; knows no SDK."""

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from standby.errors import RequestError, StandbyError
from standby.http.bodies import get_list, get_object, get_str
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
"""Parameters that say how one vendor keeps, bills or caches a request, and nothing of the answer: they go nowhere."""

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
"""Parameters that an answer may do without: frameworks send them unasked. They are dropped, and named in a header."""

_NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    "n": (1,),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "logit_bias": ({},),
    "modalities": (["text"],),
    "functions": ([],),
    "function_call": ("auto", "none"),
}
"""Values that ask for nothing beyond what there is."""

REASONS = {
    "audio": "standby gives answers in text",
    "modalities": "standby gives answers in text",
    "moderation": "standby cannot have every model of a chain moderated; moderate its answer",
    "n": "standby gives one answer to a request; ask n times",
    "functions": "use 'tools'",
    "function_call": "use 'tool_choice'",
    "web_search_options": "not every model of a chain can search; offer a tool",
}
"""Parameters without which the answer would be another one: they are refused, for this reason."""

_FOR_ONE = (
    "standby cannot hold every model of a chain to it; leave it out, or send it to the provider that knows it: "
    'extra_body={"standby": {"extra": {PROVIDER: {"%s": …}}}}'
)

_OWN = frozenset(
    {
        "model",
        "messages",
        "stream",
        "stream_options",
        "response_format",
        "standby",
        "max_completion_tokens",
    }
)
_AS_THEY_ARE = frozenset({*Sampling.__struct_fields__, "tools", "tool_choice"})
CARRIED = _OWN | _AS_THEY_ARE
"""Parameters that the models are asked with."""

_OF_ANY = ("cache_control", "id", "name", "provider_specific_fields", "timestamp")
_UNSENT: Mapping[str, tuple[str, ...]] = {
    "assistant": (
        *_OF_ANY,
        *("annotations", "extra_content", "parsed", "prefix", "refusal"),
        *(
            "reasoning",
            "reasoning_content",
            "reasoning_details",
            "reasoning_signature",
            "thinking_blocks",
        ),
    ),
    "developer": _OF_ANY,
    "system": _OF_ANY,
    "tool": (*(name for name in _OF_ANY if name != "name"), "artifact", "is_error", "status"),
    "user": _OF_ANY,
}
"""What frameworks keep in a message and no other vendor has a place for: the speaker's name, the sources of an answer,
and thoughts, which a reply here tells to a reader; no model takes another's."""

_THOUGHTS = ("reasoning", "redacted_thinking", "thinking")
"""Types of the parts of an answer's content that are thoughts."""

_ANY_OBJECT: Mapping[str, Any] = {"type": "object"}


class Refused(StandbyError):
    """A request that is answered with an error at once: its HTTP status, the parameter at fault, and OpenAI's code."""

    def __init__(
        self, message: str, *, status: int = 400, param: str | None = None, code: str | None = None
    ) -> None:
        """Keep what the error's body says."""
        super().__init__(message)
        self.status = status
        self.param = param
        self.code = code


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a request asks for: a chain, and what `Standby.chat` takes; whether as a stream, and that with its usage."""

    chain: str
    messages: Any
    options: Mapping[str, Any]
    deadline: Any = None
    stream: bool = False
    with_usage: bool = False
    dropped: tuple[str, ...] = ()


def asked_of(body: bytes) -> Asked:
    """Read a request's body; raises `Refused` that names the parameter at fault."""
    given = _decoded(body)
    own = _object(given, "standby", {"deadline", "extra", "strict"})
    dropped = _dropped(given, own.get("strict", False))
    options = {name: value for name, value in given.items() if name in _AS_THEY_ARE}
    if (allowed := _allowed(given.get("tool_choice"))) is not None:
        options |= _narrowed(allowed, given.get("tools"))
    if (most := _most_tokens(given)) is not None:
        options["max_tokens"] = most
    if (schema := _schema(given.get("response_format"))) is not None:
        options["schema"] = schema
    options |= {name: own[name] for name in ("extra", "strict") if name in own}
    return Asked(
        chain=_chain(given.get("model")),
        messages=_messages(given.get("messages")),
        options=options,
        deadline=own.get("deadline"),
        stream=bool(given.get("stream")),
        with_usage=bool(
            _object(given, "stream_options", {"include_usage", "include_obfuscation"}).get(
                "include_usage"
            )
        ),
        dropped=dropped,
    )


def refusal_of(error: RequestError) -> Refused:
    """Return what standby says of a request, with the parameter as OpenAI names it."""
    if error.index is not None:
        return Refused(str(error), param=f"messages[{error.index}]")
    head = str(error).partition(":")[0].partition(" ")[0]
    renamed = {
        "schema": "response_format",
        "tool": "tools",
        "extra": "standby.extra",
        "deadline": "standby.deadline",
    }
    known = {*_AS_THEY_ARE, "messages"}
    return Refused(str(error), param=renamed.get(head, head if head in known else None))


def _decoded(body: bytes) -> dict[str, Any]:
    try:
        given = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise Refused("the body of the request is no JSON object")
    return {
        name: value for name, value in cast("dict[str, Any]", given).items() if value is not None
    }


def _dropped(given: Mapping[str, Any], strict: Any) -> tuple[str, ...]:
    """Return the hints that are left out; raises `Refused` for what the answer would lack, with `strict` for a hint too."""
    if not isinstance(strict, bool):
        raise Refused("standby.strict: expected true or false", param="standby.strict")
    left = [
        name
        for name in given
        if name not in CARRIED | IGNORED and given[name] not in _NEUTRAL.get(name, ())
    ]
    for name in left:
        if strict or name not in HINTS:
            hint = "standby drops it, unless it is asked to be strict" if name in HINTS else ""
            reason = REASONS.get(name) or hint or _FOR_ONE % name
            raise Refused(
                f"the parameter {name!r} is not carried: {reason}",
                param=name,
                code="unsupported_parameter",
            )
    return tuple(sorted(left))


def _chain(model: Any) -> str:
    if not isinstance(model, str) or not model:
        raise Refused("model: expected the name of a chain, like 'default'", param="model")
    return model


def _most_tokens(given: Mapping[str, Any]) -> Any:
    older, newer = given.get("max_tokens"), given.get("max_completion_tokens")
    if None not in (older, newer) and older != newer:
        raise Refused(
            "max_tokens and max_completion_tokens are two names for one thing; give one",
            param="max_tokens",
        )
    return newer if older is None else older


def _allowed(choice: Any) -> Mapping[str, Any] | None:
    """Return what a choice among some of the tools says: its mode, and the tools; `None` for any other choice."""
    fields = get_object(choice)
    return (
        get_object(fields.get("allowed_tools")) if fields.get("type") == "allowed_tools" else None
    )


def _narrowed(allowed: Mapping[str, Any], tools: Any) -> dict[str, Any]:
    """Return the tools that may be called as all that there are, and the mode as the choice: every model takes that."""
    names = [_name(tool) for tool in get_list(allowed.get("tools"))]
    offered = [tool for tool in get_list(tools) if _name(tool) in names]
    if (
        allowed.get("mode") not in ("auto", "required")
        or not names
        or {*map(_name, offered)} != {*names}
    ):
        words = "tool_choice: allowed_tools wants a mode, auto or required, and tools that the request has, by their names"
        raise Refused(words, param="tool_choice")
    return {"tools": offered, "tool_choice": allowed["mode"]}


def _name(tool: Any) -> str:
    fields = get_object(tool)
    return get_str(get_object(fields.get("function")).get("name") or fields.get("name"))


def _object(given: Mapping[str, Any], name: str, fields: set[str]) -> Mapping[str, Any]:
    value = given.get(name, {})
    unknown = set(cast("Mapping[str, Any]", value)) - fields if isinstance(value, Mapping) else {""}
    if unknown:
        raise Refused(f"{name}: expected an object with {' and '.join(sorted(fields))}", param=name)
    return cast("Mapping[str, Any]", value)


def _schema(given: Any) -> Any:
    """Return the JSON Schema that an answer is to fit, `None` for plain text; "json_object" is any object."""
    wanted: Mapping[str, Any] = (
        cast("Mapping[str, Any]", given) if isinstance(given, Mapping) else {}
    )
    if given is None or wanted.get("type") == "text":
        return None
    if wanted.get("type") == "json_object":
        return _ANY_OBJECT
    named: Any = wanted.get("json_schema")
    if wanted.get("type") == "json_schema" and isinstance(named, Mapping):
        fields = cast("Mapping[str, Any]", named)
        schema: Any = fields.get("schema", _ANY_OBJECT)
        titled = {"title": fields["name"]} if "name" in fields else {}
        return (
            {**titled, **cast("Mapping[str, Any]", schema)}
            if isinstance(schema, Mapping)
            else schema
        )
    words = (
        "response_format: expected the type text, json_object, or json_schema with a 'json_schema'"
    )
    raise Refused(words, param="response_format")


def _messages(messages: Any) -> list[Any]:
    """Leave out what is not sent; whatever is wrong with the rest is said when it is read."""
    if not isinstance(messages, list):
        raise Refused("messages: expected a list of messages", param="messages")
    return [_sent(message) for message in cast("list[object]", messages)]


def _sent(message: Any) -> Any:
    fields = get_object(message)
    role = get_str(fields.get("role"))
    if role not in _UNSENT:
        return message
    sent = {name: value for name, value in fields.items() if name not in _UNSENT[role]}
    content = _said(fields) if role == "assistant" else None
    return sent if content is None else {**sent, "content": content}


def _said(message: Mapping[str, Any]) -> Any:
    """Return an answer's content; a refusal is what was said, in the place of a text or as a part."""
    content: Any = message.get("content") or message.get("refusal")
    if not isinstance(content, list):
        return content
    return [
        _spoken(part) for part in get_list(content) if get_object(part).get("type") not in _THOUGHTS
    ]


def _spoken(part: Any) -> Any:
    fields = get_object(part)
    return (
        {"type": "text", "text": fields.get("refusal")} if fields.get("type") == "refusal" else part
    )
