"""Builds a failure from what people have of one: a kind, a status, or an exception's text.

Pure: nothing is sent. `recorded_failure` does the same for a recorded answer.
"""

import ast
import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec

from standby.errors import RequestError
from standby.failures import Failure, Kind, kind_of_status
from standby.http.bodies import get_list, get_object, get_str
from standby.plugin import FailureReader, StubHandler

_EXCEPTION = re.compile(
    r"[ |]*((?:\w+\.)*(?:\w*(?:[Ee]rror|Exception|Timeout)|(?<=\.)[A-Z]\w*))(?:: ?(.*))?", re.DOTALL
)
_STATUS = re.compile(
    r"(?:^\s*|error code:? |error '|status(?:[ _]code)?[ :=]+|HTTP(?:/[0-9.]+)? )"
    r"([1-5][0-9]{2})(?!\w)",
    re.IGNORECASE,
)
_CODE = re.compile(r"\s+([A-Z][A-Z_]+[A-Z])\b\.?\s*")
_TIMED_OUT = re.compile(r"time-?out|timed out", re.IGNORECASE)
_CONNECTION_LOST = re.compile(
    r"connect|refused|reset|broken pipe|remoteprotocol|readerror|writeerror|getaddrinfo"
    r"|name resolution|name or service not known|unreachable|certificate|ssl",
    re.IGNORECASE,
)


class Evidence(msgspec.Struct, frozen=True):
    """A failure, and the reason for its kind."""

    failure: Failure
    reason: str


_OWN_MESSAGES = {
    Kind.TIMEOUT: "timeout: no answer in {timeout:g}s",
    Kind.CONNECTION: "connection error: Connection refused",
    Kind.EMPTY: "empty: a reply without text, finish stop",
    Kind.TRUNCATED: "truncated: the token limit cut it",
}
"""How standby describes failures that no vendor reports: a trigger may look for that."""


def from_kind(
    kind: Kind, timeout: float, *, status: int | None = None, code: str = "", message: str = ""
) -> Evidence:
    """Build a failure of a given kind.

    Args:
        kind: The kind.
        timeout: The model's time-out, in seconds.
        status: The HTTP status, if there was one.
        code: The vendor's own code; empty: none.
        message: The vendor's message; empty: standby's own message for the kind, if it has one.

    Returns:
        The failure and its reason.
    """
    own = _OWN_MESSAGES.get(kind, "") if status is None and not code else ""
    failure = Failure(
        kind=kind, status=status, code=code or None, message=message or own.format(timeout=timeout)
    )
    return Evidence(failure, "it was given")


def from_status(
    status: int | None,
    code: str,
    message: str,
    read: FailureReader | None,
    stub: StubHandler | None = None,
) -> Evidence:
    """Build the failure of an error answer of which parts are known.

    The plugin reads them in the shape that most vendors' errors have, or else in the shape that its
    stub server writes.

    Args:
        status: The HTTP status; `None`: not known.
        code: The vendor's own code; empty: not known.
        message: The vendor's message; empty: not known.
        read: The plugin's reader of error bodies, if it has one.
        stub: The plugin's stub server, if it has one.

    Returns:
        The failure and the reason for its kind.

    Raises:
        RequestError: Only the message is known, and it shows no kind.
    """
    if status is None and not code:
        return _from_message(message)
    known_status = status or HTTPStatus.OK
    names = {"code": code, "status": code, "type": code} if code else {}
    evidence = from_answer(known_status, {}, {"error": {**names, "message": message}}, read, code)
    needs_stub = read is not None and not _holds(evidence.failure, code, message)
    if stub is not None and needs_stub:
        kind = kind_of_status(known_status)
        stated = Failure(kind=kind, status=known_status, code=code or None, message=message)
        evidence = from_answer(known_status, {}, stub("/", {}, stated), read, code)
    return Evidence(_only_given(evidence.failure, code, message), evidence.reason)


def _from_message(message: str) -> Evidence:
    evidence = match_message("", message)
    if evidence is None:
        raise RequestError(
            "the message alone shows no kind; give --status or --code too, or --kind"
        )
    return evidence


def _only_given(failure: Failure, code: str, message: str) -> Failure:
    """Remove the code that a stub server makes up, and the body that replaces a message."""
    return msgspec.structs.replace(
        failure,
        code=failure.code if code else None,
        message=failure.message if message else "",
    )


def _holds(failure: Failure, code: str, message: str) -> bool:
    """Say whether the plugin has read the code and the message; an empty message need not be."""
    if (failure.code or "", failure.message) == (code, message):
        return True
    return not message and failure.code == code


def from_answer(
    status: int, headers: Mapping[str, str], body: Any, read: FailureReader | None, code: str = ""
) -> Evidence:
    """Build the failure of an error answer.

    Args:
        status: The HTTP status.
        headers: The answer's headers.
        body: The decoded JSON, or the text of a body that is not JSON.
        read: The plugin's reader of error bodies; `None`: the kind follows from the status.
        code: The vendor's own code, used without a reader.

    Returns:
        The failure and the reason for its kind.
    """
    if read is None:
        error = get_object(get_object(body).get("error"))
        message = get_str(error.get("message")) or get_str(body)
        failure = Failure(
            kind=kind_of_status(status), status=status, code=code or None, message=message
        )
        return Evidence(failure, f"HTTP {status} means that")
    failure = read(status, headers, body)
    if failure.kind is kind_of_status(status):
        return Evidence(failure, f"HTTP {status} means that")
    bare: Any = {} if isinstance(body, str) else _without_message(body, failure.message)
    if read(status, headers, bare).kind is failure.kind:
        source = f"code {failure.code!r}" if failure.code else "body"
        return Evidence(failure, f"the vendor's {source} says so")
    return Evidence(failure, "the text of the message says so")


def _without_message(body: Any, message: str) -> Any:
    """Remove the vendor's message from a body: every "message", and every equal text."""
    if isinstance(body, list):
        return [_without_message(each, message) for each in get_list(body)]
    if isinstance(body, dict):
        fields = get_object(body).items()
        return {key: _without_message(value, message) for key, value in fields if key != "message"}
    return "" if body == message else body


def from_exception(text: str, provider: str, read: FailureReader | None) -> Evidence:
    """Build the failure that a traceback, or an SDK's message, shows.

    Args:
        text: The text; of a traceback the last exception counts.
        provider: The name of the model's provider.
        read: The plugin's reader of error bodies, if it has one.

    Returns:
        The failure and the reason for its kind. An exception that is not recognised is the
        plugin's fault.
    """
    name, message = _last_exception(text)
    head, brace, rest = message.partition("{")
    status = _STATUS.search(head)
    body = _parse_literal(brace + rest)
    if status is not None:
        return _from_stated_status(message, status, body, read)
    if body and read is not None:
        return from_answer(HTTPStatus.OK, {}, body, read)
    evidence = match_message(name, message)
    if evidence is not None:
        return evidence
    failure = Failure(
        kind=Kind.CONTRACT, message=f"the plugin of provider {provider!r} raised {name}: {message}"
    )
    reason = (
        "it is a failure neither of the vendor nor of the connection, so the plugin is at fault"
    )
    return Evidence(failure, reason)


def _from_stated_status(
    message: str, status: re.Match[str], body: Any, read: FailureReader | None
) -> Evidence:
    """Build the failure of a message that states a status, and perhaps a code or a body."""
    number = int(status[1])
    if body:
        return from_answer(number, {}, message if read is None else body, read)
    code = _CODE.match(message, status.end())
    rest = message[(code or status).end() :].lstrip(" .-:")
    return from_status(number, code[1] if code else "", rest, read)


def _last_exception(text: str) -> tuple[str, str]:
    """Return the last exception's name and message, which may take lines; without one: the text."""
    lines = text.strip().splitlines()
    for at in range(len(lines) - 1, -1, -1):
        match = _EXCEPTION.fullmatch("\n".join(lines[at:]))
        if match is not None:
            return match[1].rpartition(".")[2], (match[2] or "").strip()
    return "", text.strip()


def _parse_literal(text: str) -> Any:
    """Read what an SDK printed of a body, a Python literal or JSON; `None`: it is neither."""
    text = text[: text.rfind("}") + 1]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return parse_json(text)


def match_message(name: str, message: str) -> Evidence | None:
    """Recognise a time-out or a lost connection by its exception's name and message.

    Args:
        name: The name of the exception; empty: not known.
        message: The message.

    Returns:
        The failure and the reason for its kind, or `None` if it is neither.
    """
    reason = f"the exception {name} says so" if name else "the message says so"
    if _TIMED_OUT.search(name) or _TIMED_OUT.search(message):
        is_own = message.lower().startswith("timeout:")
        text = message if is_own else f"timeout: {message or 'no connection in time'}"
        return Evidence(Failure(kind=Kind.TIMEOUT, message=text), reason)
    if _CONNECTION_LOST.search(name) or _CONNECTION_LOST.search(message):
        is_own = message.lower().startswith("connection error")
        text = message if is_own else f"connection error: {message or name}"
        return Evidence(Failure(kind=Kind.CONNECTION, message=text), reason)
    return None


def parse_json(text: str) -> Any:
    """Parse a text as JSON.

    Args:
        text: Any text.

    Returns:
        The value, or `None` if the text is not JSON.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
