"""A request as Chat Completions has it, read into what standby takes. Pure; knows no SDK."""

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from standby.errors import RequestError, StandbyError
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

_NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    "n": (1,),
    "logprobs": (False,),
    "logit_bias": ({},),
    "modalities": (["text"],),
}
"""Values that ask for nothing beyond what there is."""

_REASONS = {
    "n": "standby gives one answer to a request; ask n times",
    "logprobs": "not every model of a chain has them",
    "top_logprobs": "not every model of a chain has them",
    "functions": "use 'tools'",
    "function_call": "use 'tool_choice'",
}

_OWN = frozenset({"model", "messages", "stream", "stream_options", "response_format", "standby", "max_completion_tokens"})
_AS_THEY_ARE = frozenset({*Sampling.__struct_fields__, "tools", "tool_choice"})
_UNSENT: Mapping[str, tuple[str, ...]] = {
    "assistant": ("reasoning_content", "reasoning", "name"),
    "developer": ("name",),
    "system": ("name",),
    "user": ("name",),
}
"""What frameworks put into a message and no other vendor has a place for: the speaker's name, and thoughts, which a reply
here tells to a reader; no model takes another's."""

_ANY_OBJECT: Mapping[str, Any] = {"type": "object"}


class Refused(StandbyError):
    """A request that is answered with an error at once: its HTTP status, the parameter at fault, and OpenAI's code."""

    def __init__(self, message: str, *, status: int = 400, param: str | None = None, code: str | None = None) -> None:
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


def asked_of(body: bytes) -> Asked:
    """Read a request's body; raises `Refused` that names the parameter at fault."""
    given = _decoded(body)
    for name in given:
        _refuse_unknown(name, given[name])
    own = _object(given, "standby", {"deadline", "extra"})
    options = {name: value for name, value in given.items() if name in _AS_THEY_ARE}
    if (most := _most_tokens(given)) is not None:
        options["max_tokens"] = most
    if (schema := _schema(given.get("response_format"))) is not None:
        options["schema"] = schema
    if "extra" in own:
        options["extra"] = own["extra"]
    return Asked(
        chain=_chain(given.get("model")),
        messages=_messages(given.get("messages")),
        options=options,
        deadline=own.get("deadline"),
        stream=bool(given.get("stream")),
        with_usage=bool(_object(given, "stream_options", {"include_usage", "include_obfuscation"}).get("include_usage")),
    )


def refusal_of(error: RequestError) -> Refused:
    """Return what standby says of a request, with the parameter as OpenAI names it."""
    if error.index is not None:
        return Refused(str(error), param=f"messages[{error.index}]")
    head = str(error).partition(":")[0].partition(" ")[0]
    renamed = {"schema": "response_format", "tool": "tools", "extra": "standby.extra", "deadline": "standby.deadline"}
    known = {*_AS_THEY_ARE, "messages"}
    return Refused(str(error), param=renamed.get(head, head if head in known else None))


def _decoded(body: bytes) -> dict[str, Any]:
    try:
        given = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise Refused("the body of the request is no JSON object")
    return {name: value for name, value in cast("dict[str, Any]", given).items() if value is not None}


def _refuse_unknown(name: str, value: Any) -> None:
    if name in _OWN or name in _AS_THEY_ARE or name in IGNORED or value in _NEUTRAL.get(name, ()):
        return
    reason = _REASONS.get(name, "standby cannot hold every model of a chain to it; leave it out")
    raise Refused(f"the parameter {name!r} is not carried: {reason}", param=name, code="unsupported_parameter")


def _chain(model: Any) -> str:
    if not isinstance(model, str) or not model:
        raise Refused("model: expected the name of a chain, like 'default'", param="model")
    return model


def _most_tokens(given: Mapping[str, Any]) -> Any:
    older, newer = given.get("max_tokens"), given.get("max_completion_tokens")
    if None not in (older, newer) and older != newer:
        raise Refused("max_tokens and max_completion_tokens are two names for one thing; give one", param="max_tokens")
    return newer if older is None else older


def _object(given: Mapping[str, Any], name: str, fields: set[str]) -> Mapping[str, Any]:
    value = given.get(name, {})
    unknown = set(cast("Mapping[str, Any]", value)) - fields if isinstance(value, Mapping) else {""}
    if unknown:
        raise Refused(f"{name}: expected an object with {' and '.join(sorted(fields))}", param=name)
    return cast("Mapping[str, Any]", value)


def _schema(given: Any) -> Any:
    """Return the JSON Schema that an answer is to fit, `None` for plain text; "json_object" is any object."""
    wanted: Mapping[str, Any] = cast("Mapping[str, Any]", given) if isinstance(given, Mapping) else {}
    if given is None or wanted.get("type") == "text":
        return None
    if wanted.get("type") == "json_object":
        return _ANY_OBJECT
    named: Any = wanted.get("json_schema")
    if wanted.get("type") == "json_schema" and isinstance(named, Mapping):
        fields = cast("Mapping[str, Any]", named)
        schema: Any = fields.get("schema", _ANY_OBJECT)
        titled = {"title": fields["name"]} if "name" in fields else {}
        return {**titled, **cast("Mapping[str, Any]", schema)} if isinstance(schema, Mapping) else schema
    words = "response_format: expected the type text, json_object, or json_schema with a 'json_schema'"
    raise Refused(words, param="response_format")


def _messages(messages: Any) -> list[Any]:
    """Leave out what is not sent; whatever is wrong with the rest is said when it is read."""
    if not isinstance(messages, list):
        raise Refused("messages: expected a list of messages", param="messages")
    return [_sent(message) for message in cast("list[object]", messages)]


def _sent(message: object) -> Any:
    fields: Mapping[str, Any] = cast("Mapping[str, Any]", message) if isinstance(message, Mapping) else {}
    role = fields.get("role")
    unsent = _UNSENT.get(role, ()) if isinstance(role, str) else ()
    return {name: value for name, value in fields.items() if name not in unsent} if unsent else cast("Any", message)
