"""What standby answers, as Chat Completions has it: bodies, pieces of a stream, errors and headers. Pure; knows no SDK."""

import math
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import msgspec

from standby.errors import (
    CallFailed,
    ChainExhausted,
    DeadlineExceeded,
    RequestError,
    StandbyError,
    Stopped,
    StreamBroken,
)
from standby.failures import Failure, Kind
from standby.integrations.openai.request import Refused, refusal_of
from standby.types import Attempt, Chunk, Finish, Reply, ToolCall, Usage

DONE = b"data: [DONE]\n\n"

_SAFE = "/:.@+-_"
"""Characters of a name that a header may hold as they are, besides letters and digits."""

_CODES = {Kind.BLOCKED: "content_filter", Kind.CONTEXT_TOO_LONG: "context_length_exceeded"}

_STATUS: Mapping[type[StandbyError], tuple[int, str]] = {
    ChainExhausted: (HTTPStatus.SERVICE_UNAVAILABLE, "chain_exhausted"),
    DeadlineExceeded: (HTTPStatus.GATEWAY_TIMEOUT, "deadline_exceeded"),
    StreamBroken: (HTTPStatus.BAD_GATEWAY, "stream_broken"),
    StandbyError: (HTTPStatus.INTERNAL_SERVER_ERROR, "standby_error"),
}

RESTARTED = (
    "the stream broke, and another model began anew (on_break: restart); "
    "this wire cannot take words back: set on_break to fail, or release to whole"
)


class Wrong(msgspec.Struct, frozen=True, kw_only=True):
    """An error as it is answered: its status, the object below "error", and headers of its own."""

    status: int
    error: Mapping[str, Any]
    headers: Mapping[str, str] = {}

    @property
    def body(self) -> bytes:
        """Return the body."""
        return msgspec.json.encode({"error": self.error})


# Replies


def completion_of(reply: Reply, known_as: str, created: int) -> bytes:
    """Return the body of a whole reply."""
    message: dict[str, Any] = {"role": "assistant", "content": reply.text or None, "refusal": None}
    if reply.reasoning:
        message["reasoning_content"] = reply.reasoning
    if reply.tool_calls:
        message["tool_calls"] = [_call(call) for call in reply.tool_calls]
    choice = {"index": 0, "message": message, "finish_reason": reply.finish.value, "logprobs": None}
    return msgspec.json.encode(
        {
            "id": known_as,
            "object": "chat.completion",
            "created": created,
            "model": reply.model,
            "choices": [choice],
            "usage": usage_of(reply.usage),
        }
    )


def usage_of(usage: Usage) -> dict[str, Any]:
    """Return the tokens by OpenAI's names."""
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cached},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }


def _call(call: ToolCall) -> dict[str, Any]:
    arguments = msgspec.json.encode(call.arguments).decode()
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": arguments},
    }


class Frames:
    """The events of one streamed reply, in order."""

    def __init__(self, known_as: str, created: int, model: str, *, with_usage: bool) -> None:
        """Begin: the first piece names the role."""
        self._head = {
            "id": known_as,
            "object": "chat.completion.chunk",
            "created": created,
            "model": model,
        }
        self._with_usage = with_usage
        self._begun = False
        self._calls = 0

    def of(self, chunk: Chunk) -> bytes:
        """Return a chunk's events; none for a chunk that says nothing."""
        delta: dict[str, Any] = {}
        if chunk.text:
            delta["content"] = chunk.text
        if chunk.reasoning:
            delta["reasoning_content"] = chunk.reasoning
        if chunk.tool_call is not None:
            delta["tool_calls"] = [{"index": self._calls, **_call(chunk.tool_call)}]
            self._calls += 1
        said = self._piece(delta) if delta else b""
        return said if chunk.end is None else said + self._end(chunk.end.finish, chunk.end.usage)

    def _end(self, finish: Finish, usage: Usage) -> bytes:
        counted = self._event(choices=[], usage=usage_of(usage)) if self._with_usage else b""
        return self._piece({}, finish.value) + counted + DONE

    def _piece(self, delta: Mapping[str, Any], finish: str | None = None) -> bytes:
        role = {} if self._begun else {"role": "assistant"}
        self._begun = True
        choice = {"index": 0, "delta": {**role, **delta}, "finish_reason": finish, "logprobs": None}
        return self._event(choices=[choice], **({"usage": None} if self._with_usage else {}))

    def _event(self, **rest: Any) -> bytes:
        return _framed({**self._head, **rest})


def broken(error: CallFailed) -> bytes:
    """Return the event that ends a stream which broke; no end marker follows it."""
    return _framed({"error": wrong_of(error).error})


def restarted() -> bytes:
    """Return the event that ends a stream where standby has begun anew."""
    return _framed({"error": _error(RESTARTED, kind="server_error", code="stream_restarted")})


def _framed(value: Any) -> bytes:
    return b"data: " + msgspec.json.encode(value) + b"\n\n"


# Models


def model_of(chain: str) -> dict[str, Any]:
    """Return a chain as a model: what a request may name."""
    return {"id": chain, "object": "model", "created": 0, "owned_by": "standby"}


def models_of(chains: Iterable[str]) -> bytes:
    """Return the body that lists the chains."""
    return msgspec.json.encode({"object": "list", "data": [model_of(chain) for chain in chains]})


# Errors


def wrong_of(error: StandbyError) -> Wrong:
    """Return an error as OpenAI words it, with the status that its SDK makes an exception of."""
    if isinstance(error, RequestError):
        error = refusal_of(error)
    if isinstance(error, Refused):
        said = _error(str(error), kind="invalid_request_error", code=error.code, param=error.param)
        return Wrong(status=error.status, error=said)
    if isinstance(error, Stopped):
        return _stopped(error)
    if isinstance(error, ChainExhausted) and _is_too_long(error):
        said = _error(
            str(error),
            kind="invalid_request_error",
            code=_CODES[Kind.CONTEXT_TOO_LONG],
            param="messages",
        )
        return Wrong(status=HTTPStatus.BAD_REQUEST, error=said)
    status, code = next(told for kind, told in _STATUS.items() if isinstance(error, kind))
    after = getattr(error, "retry_after", None)
    headers = {} if after is None else {"retry-after": str(math.ceil(after))}
    return Wrong(
        status=status, error=_error(str(error), kind="server_error", code=code), headers=headers
    )


def _is_too_long(error: ChainExhausted) -> bool:
    """Say whether nothing but its length kept the request from an answer: whoever asked may shorten it, and ask again."""
    kinds = {attempt.kind for attempt in error.trail}
    return kinds - {Kind.UNAVAILABLE, Kind.UNSUPPORTED} == {Kind.CONTEXT_TOO_LONG}


def _stopped(error: Stopped) -> Wrong:
    failure = error.failure
    status = _status(failure)
    kind = "invalid_request_error" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "server_error"
    code = _CODES.get(failure.kind) or failure.code or failure.kind.value
    return Wrong(status=status, error=_error(str(error), kind=kind, code=code))


def _status(failure: Failure) -> int:
    """Return the vendor's own status where it is an error's; a 200 may hold a refusal, or something worse."""
    if failure.kind is Kind.BLOCKED:
        return HTTPStatus.BAD_REQUEST
    if failure.status is not None and failure.status >= HTTPStatus.BAD_REQUEST:
        return failure.status
    return (
        HTTPStatus.BAD_REQUEST if failure.kind is Kind.INVALID_REQUEST else HTTPStatus.BAD_GATEWAY
    )


def _error(
    message: str, *, kind: str, code: str | None, param: str | None = None
) -> dict[str, Any]:
    return {"message": message, "type": kind, "param": param, "code": code}


# Headers


def headers_of(
    chain: str,
    trail: Iterable[Attempt],
    model: str = "",
    provider: str = "",
    disclaimer: str = "",
    dropped: Iterable[str] = (),
) -> dict[str, str]:
    """Return what came about, without a word of what was said.

    `model`: who answers; while it does, the trail lacks it. `dropped`: what no model was sent; the
    trail knows what this one was not sent.
    """
    attempts = tuple(trail)
    unsent = (name for attempt in attempts if attempt.model == model for name in attempt.dropped)
    told = [_told(attempt) for attempt in attempts]
    asked = sum(attempt.outcome != "skipped" for attempt in attempts)
    if model and not any(attempt.outcome == "answered" for attempt in attempts):
        told, asked = [*told, f"{quoted(model)} answering"], asked + 1
    facts = {
        "chain": quoted(chain),
        "model": quoted(model),
        "provider": quoted(provider),
        "attempts": str(asked),
        "trail": "; ".join(told),
        "disclaimer": quoted(disclaimer, " ,;'"),
        "dropped": ", ".join(map(quoted, dict.fromkeys((*dropped, *unsent)))),
    }
    return {f"x-standby-{name}": fact for name, fact in facts.items() if fact}


def quoted(name: str, also: str = "") -> str:
    """Return a name, or a vendor's id, as a header may hold it: the rest is percent-encoded."""
    return quote(name, _SAFE + also)


def _told(attempt: Attempt) -> str:
    """Return an attempt in a few words: the model, the outcome, and of a failure its kind and status."""
    words = (quoted(attempt.model), attempt.outcome, attempt.kind, attempt.status)
    return " ".join(str(word) for word in words if word is not None)
