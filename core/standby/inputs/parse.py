"""What a caller passes to `chat` and `stream`, parsed and checked before anything is sent."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, TypedDict, cast

import msgspec

from standby.cards import LONGEST_SPAN, Effort
from standby.errors import RequestError
from standby.inputs.messages import Messages, describe_type, parse_messages
from standby.inputs.schemas import parse_schema
from standby.inputs.tools import ToolChoices, Tools, is_json, parse_tool_choice, parse_tools
from standby.types import Request, Sampling

_NOT_SAMPLING = frozenset({"tools", "tool_choice", "schema", "extra", "strict"})


class SamplingOptions(TypedDict, total=False):
    """The sampling parameters as keywords; the fields of `Sampling`."""

    temperature: float | None
    top_p: float | None
    top_k: int | None
    max_tokens: int | None
    stop: str | Iterable[str] | None
    seed: int | None
    presence_penalty: float | None
    frequency_penalty: float | None
    parallel_tool_calls: bool | None
    reasoning_effort: Effort | None


class CallOptions(SamplingOptions, total=False):
    """The options of a call besides its messages; see `AsyncStandby.chat`."""

    tools: Tools
    tool_choice: ToolChoices
    schema: Any
    extra: Mapping[str, Mapping[str, Any]]
    strict: bool


def parse_request(
    messages: Messages, options: Mapping[str, Any], providers: Iterable[str] = ()
) -> Request:
    """Parse a call.

    Args:
        messages: A string, messages, or OpenAI-style dictionaries.
        options: The options by the names of `CallOptions`.
        providers: The names that `extra` may have.

    Returns:
        The request.

    Raises:
        RequestError: A message or an option is wrong; the error has the index of a message.
    """
    parsed = parse_messages(messages)
    if not options:
        return Request(parsed)
    sampling = {name: value for name, value in options.items() if name not in _NOT_SAMPLING}
    tools = parse_tools(options.get("tools", ()))
    return Request(
        parsed,
        parse_sampling(sampling) if sampling else Sampling(),
        tools,
        parse_tool_choice(options.get("tool_choice", "auto"), tools),
        parse_schema(options.get("schema")),
        _parse_extra(options.get("extra", {}), tuple(providers)),
        _parse_strict(options.get("strict", False)),
    )


def _parse_strict(strict: Any) -> bool:
    if not isinstance(strict, bool):
        raise RequestError(f"strict: expected True or False, not {describe_type(strict)}")
    return strict


def _parse_extra(extra: Any, providers: tuple[str, ...]) -> Mapping[str, Mapping[str, Any]]:
    if not isinstance(extra, Mapping):
        raise RequestError(f"extra: expected a dictionary by provider, not {describe_type(extra)}")
    for name, fields in cast("Mapping[str, Any]", extra).items():
        if name not in providers:
            hint = _suggest(str(name), providers)
            raise RequestError(f"extra: no provider is named {name!r}; {hint}")
        if not isinstance(fields, Mapping) or not is_json(fields):
            raise RequestError(f"extra: the fields for {name!r} must be a JSON object")
    return cast("Mapping[str, Mapping[str, Any]]", extra)


def parse_sampling(options: Mapping[str, Any]) -> Sampling:
    """Parse the sampling parameters.

    Args:
        options: The parameters by the names of `Sampling`.

    Returns:
        The parameters; an empty `stop` is none.

    Raises:
        RequestError: A parameter is unknown or wrong; the message names it.
    """
    for name in options:
        if name not in Sampling.__struct_fields__:
            hint = _suggest(name, Sampling.__struct_fields__)
            raise RequestError(f"unknown parameter {name!r}; {hint}")
    stop = options.get("stop")
    if isinstance(stop, Iterable):
        stops = (stop,) if isinstance(stop, str) else cast("Iterable[object]", stop)
        options = {**options, "stop": tuple(each for each in stops if each != "") or None}
    try:
        return msgspec.convert(dict(options), Sampling)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$.")
        message = message.replace("array", "list").replace("null", "None")
        raise RequestError(f"{path.rstrip('`')}: {message[:1].lower()}{message[1:]}") from None


def _suggest(name: str, candidates: Iterable[str]) -> str:
    similar = difflib.get_close_matches(name, candidates, n=1)
    return f"did you mean {similar[0]!r}?" if similar else f"one of {', '.join(candidates)}"


def check_deadline(deadline: Any) -> None:
    """Check the deadline of a call.

    Args:
        deadline: Seconds, or `None`.

    Raises:
        RequestError: It is not a number of seconds above 0 and of at most a day.
    """
    if deadline is None:
        return
    if isinstance(deadline, bool) or not isinstance(deadline, int | float):
        kind = type(deadline).__name__
        raise RequestError(f"deadline: expected seconds, as a number, not a {kind}")
    if not 0 < deadline <= LONGEST_SPAN:  # nan too
        is_short = isinstance(deadline, float) or abs(deadline) < LONGEST_SPAN**2
        expected = f"expected seconds, more than 0 and at most {LONGEST_SPAN:.0f}, a day"
        raise RequestError(f"deadline: {expected}, not {deadline if is_short else 'that many'}")
