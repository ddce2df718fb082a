"""A failure, made from what people have of one: a status, an exception's text, a recorded answer. Pure; asks nobody."""

import ast
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from standby.dispatch.redaction import LONGEST_TEXT, without_keys
from standby.errors import RequestError
from standby.failures import Failure, Kind, kind_of_status
from standby.http.bodies import decode_error, get_list, get_object, get_str
from standby.http.cassettes import LARGEST, RecordedAnswer, answers_in, turns_in, unpack
from standby.plugin import FailureReader, StubHandler
from standby.settings import Secret

_RAISED = re.compile(
    r"[ |]*((?:\w+\.)*(?:\w*(?:[Ee]rror|Exception|Timeout)|(?<=\.)[A-Z]\w*))(?:: ?(.*))?", re.DOTALL
)
_STATUS = re.compile(
    r"(?:^\s*|error code:? |error '|status(?:[ _]code)?[ :=]+|HTTP(?:/[0-9.]+)? )([1-5][0-9]{2})(?!\w)",
    re.IGNORECASE,
)
_CODE = re.compile(r"\s+([A-Z][A-Z_]+[A-Z])\b\.?\s*")
_LATE = re.compile(r"time-?out|timed out", re.IGNORECASE)
_LOST = re.compile(
    r"connect|refused|reset|broken pipe|remoteprotocol|readerror|writeerror|getaddrinfo|name resolution"
    r"|name or service not known|unreachable|certificate|ssl",
    re.IGNORECASE,
)


Player = Callable[[int, Mapping[str, str], bytes], Failure | None]
"""Plays an answer's status, headers and body to the plugin; `None`: it is a good one."""


class Evidence(msgspec.Struct, frozen=True):
    """A failure, and what its kind was told by."""

    failure: Failure
    because: str


_OWN_WORDS = {
    Kind.TIMEOUT: "timeout: no answer in {timeout:g}s",
    Kind.CONNECTION: "connection error: Connection refused",
    Kind.EMPTY: "empty: a reply without text, finish stop",
    Kind.TRUNCATED: "truncated: the token limit cut it",
}
"""How failures that no vendor reports begin: a trigger may look for that."""


def of_kind(
    kind: Kind, timeout: float, *, status: int | None = None, code: str = "", message: str = ""
) -> Evidence:
    """Return a failure of that kind; left out, its words are standby's own, where it has such."""
    own = _OWN_WORDS.get(kind, "") if status is None and not code else ""
    failure = Failure(
        kind=kind, status=status, code=code or None, message=message or own.format(timeout=timeout)
    )
    return Evidence(failure, "it was given")


def of_status(
    status: int | None,
    code: str,
    message: str,
    read: FailureReader | None,
    stub: StubHandler | None = None,
) -> Evidence:
    """Return the failure of an answer with that status, the vendor's own code and its words, each as far as it is known.

    The plugin reads it in the shape that most vendors' errors have, or else in the one that its
    stub server makes.

    Raises:
        RequestError: All that is known tells no kind.
    """
    if status is None and not code:
        found = _of_words("", message)
        if found is None:
            raise RequestError(
                "the words alone tell no kind; say --status or --code too, or --kind"
            )
        return found
    stated = status or HTTPStatus.OK
    names = {"code": code, "status": code, "type": code} if code else {}
    found = of_answer(stated, {}, {"error": {**names, "message": message}}, read, code)
    if stub is not None and read is not None and not _says(found.failure, code, message):
        said = Failure(
            kind=kind_of_status(stated), status=stated, code=code or None, message=message
        )
        found = of_answer(stated, {}, stub("/", {}, said), read, code)
    stated_code = found.failure.code if code else None  # a stub server makes one up
    words = found.failure.message if message else ""  # where words miss, a body is told
    return Evidence(
        msgspec.structs.replace(found.failure, code=stated_code, message=words), found.because
    )


def _says(failure: Failure, code: str, message: str) -> bool:
    return (failure.code or "", failure.message) == (code, message) or (
        not message and failure.code == code
    )


def of_answer(
    status: int, headers: Mapping[str, str], body: Any, read: FailureReader | None, code: str = ""
) -> Evidence:
    """Return the failure of an error answer, read by the plugin's own function, or else by the HTTP status."""
    if read is None:
        words = get_str(get_object(get_object(body).get("error")).get("message")) or get_str(body)
        failure = Failure(
            kind=kind_of_status(status), status=status, code=code or None, message=words
        )
        return Evidence(failure, f"HTTP {status} means that")
    failure = read(status, headers, body)
    if failure.kind is kind_of_status(status):
        return Evidence(failure, f"HTTP {status} means that")
    bare: Any = {} if isinstance(body, str) else _without_message(body, failure.message)
    if read(status, headers, bare).kind is failure.kind:
        names = f"code {failure.code!r}" if failure.code else "body"
        return Evidence(failure, f"the vendor's {names} says so")
    return Evidence(failure, "the words of the message say so")


def of_exception(text: str, provider: str, read: FailureReader | None) -> Evidence:
    """Return the failure that a traceback's last exception, or an SDK's message, tells of."""
    name, words = _last_raised(text)
    head, brace, rest = words.partition("{")
    status = _STATUS.search(head)
    body = _literal(brace + rest)
    if status is not None and (read is not None or not body):
        code = _CODE.match(head, status.end())
        told = words[(code or status).end() :].lstrip(" .-:")
        return (
            of_answer(int(status[1]), {}, body, read)
            if body
            else of_status(int(status[1]), code[1] if code else "", told, read)
        )
    if body and read is not None:
        return of_answer(HTTPStatus.OK, {}, body, read)
    if status is not None:
        return of_answer(int(status[1]), {}, words, read)
    found = _of_words(name, words)
    if found is not None:
        return found
    failure = Failure(
        kind=Kind.CONTRACT, message=f"the plugin of provider {provider!r} raised {name}: {words}"
    )
    return Evidence(
        failure, "it is no failure of a vendor's or of the connection's, so the plugin is at fault"
    )


def of_recording(
    data: bytes,
    name: str,
    status: int | None,
    read: FailureReader | None,
    play: Player | None = None,
) -> Evidence:
    """Return the failure in a recorded answer: JSON, events, or a cassette's of VCR or its kin, packed with gzip or not.

    `status` is that of an answer which was kept without it. Of a cassette's answers the last with a
    status of 400 or more counts, else the last, and of these one whose body has an error object.
    One without an error may still be none: `play` shows it to the plugin. Raises `RequestError` for
    an answer that the chain would take.
    """
    headers: Mapping[str, str] = {}
    try:
        data = unpack(data, "")
        if (answers := _answers(data, name)) is not None:
            kept, headers, data = _last_answer(answers)
            status = kept if status is None else status
    except ValueError as error:
        raise RequestError(f"{name} {error}") from error
    body = _refusal_in(data) if (status or 0) >= HTTPStatus.BAD_REQUEST else _error_in(data)
    if body is None:
        played = None if play is None else _played(play, headers, data)
        if played is None:
            words = "it is an answer, which the chain takes; say --status if it was none, or what it comes to by --kind"
            raise RequestError(f"{name} holds no failure: {words}")
        return _of_no_answer(played, headers, data, read)
    return of_answer(_status_in(body) if status is None else status, headers, body, read)


def _of_no_answer(
    played: Failure, headers: Mapping[str, str], data: bytes, read: FailureReader | None
) -> Evidence:
    """Return the failure of what the adapter takes for no answer; it may be an error in a shape of the vendor's own."""
    if played.kind is Kind.MALFORMED and read is not None:
        found = of_answer(HTTPStatus.OK, headers, decode_error(data), read)
        if found.failure.kind is not Kind.MALFORMED:
            return found
    return Evidence(played, "the plugin reads the answer so")


def shortened(failure: Failure, secrets: tuple[Secret, ...]) -> Failure:
    """Keep keys out of a failure's message, and the message as short as the dispatcher keeps it."""
    message = without_keys(failure.message, secrets)
    if len(message) > LONGEST_TEXT:
        message = message[:LONGEST_TEXT] + " […]"
    return msgspec.structs.replace(failure, message=message)


# Texts


def _last_raised(text: str) -> tuple[str, str]:
    """Return the last exception's name and its words, which may take several lines; without a name: the text."""
    lines = text.strip().splitlines()
    for at in range(len(lines) - 1, -1, -1):
        found = _RAISED.fullmatch("\n".join(lines[at:]))
        if found is not None:
            return found[1].rpartition(".")[2], (found[2] or "").strip()
    return "", text.strip()


def _literal(text: str) -> Any:
    """Read what an SDK printed of a body: a Python literal, or JSON; `None`: it is neither."""
    text = text[: text.rfind("}") + 1]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return _json(text)


def _of_words(name: str, words: str) -> Evidence | None:
    """Tell a time-out or a lost connection by an exception's name and words; `None`: it is neither."""
    said = f"the exception {name} says so" if name else "the words say so"
    if _LATE.search(name) or _LATE.search(words):
        told = (
            words
            if words.lower().startswith("timeout:")
            else f"timeout: {words or 'no connection in time'}"
        )
        return Evidence(Failure(kind=Kind.TIMEOUT, message=told), said)
    if _LOST.search(name) or _LOST.search(words):
        told = (
            words
            if words.lower().startswith("connection error")
            else f"connection error: {words or name}"
        )
        return Evidence(Failure(kind=Kind.CONNECTION, message=told), said)
    return None


# Answers


def _answers(data: bytes, name: str) -> list[RecordedAnswer] | None:
    """Return the answers of a cassette; `None`: the file is one answer."""
    named = name.removesuffix(".gz").endswith((".yaml", ".yml"))
    if not named and turns_in(_json(data.decode("utf-8", "replace"))) is None:
        return None
    answers = answers_in(data)
    if not answers:
        raise ValueError("has no interactions; is it a cassette?")
    return answers


def _last_answer(answers: Sequence[RecordedAnswer]) -> tuple[int, Mapping[str, str], bytes]:
    """Return the status, the headers and the unpacked body of a cassette's answer."""
    refused = [each for each in answers if each.status >= HTTPStatus.BAD_REQUEST] or answers
    left = LARGEST
    for each in reversed(refused):
        try:
            body = each.unpacked(left)
        except ValueError:
            left //= 2  # of a file full of bombs no more is unpacked than of one
            continue
        left -= len(body)
        if _inner(_error_in(body)):  # others may be no model's: telemetry is taped too
            return each.status, _bare(each.headers), body
    return refused[-1].status, _bare(refused[-1].headers), refused[-1].unpacked()


def _bare(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name != "content-encoding"}


def _played(play: Player, headers: Mapping[str, str], data: bytes) -> Failure | None:
    """Return what comes of a body; of lines of JSON, as events first, and then as the NDJSON that some vendors stream."""
    framed = _framed(data)
    first = play(HTTPStatus.OK, headers, framed)
    if framed is data or first is None or first.kind is not Kind.MALFORMED:
        return first
    second = play(HTTPStatus.OK, headers, data)
    return first if second is not None and second.kind is Kind.MALFORMED else second


def _framed(data: bytes) -> bytes:
    """Return a body as it came; events that were kept one a line get their frames back."""
    lines = data.split(b"\n")
    if _json(data.decode("utf-8", "replace")) is not None or not all(
        _json(line.decode("utf-8", "replace")) for line in lines if line
    ):
        return data
    return b"".join(b"data: %s\n\n" % line.strip() for line in lines if line.strip())


def _error_in(data: bytes) -> Any:
    """Return the body, or the event of a stream, that is an error; `None`: there is none."""
    for value in _values(data.decode("utf-8", "replace")):
        told = get_object(next(iter(get_list(value)), value))
        inner = get_object(told.get("response")).get("error")
        if inner:
            return {"error": inner}
        if told.get("error") or "error" in (told.get("type"), told.get("object")):
            return value
    return None


def _refusal_in(data: bytes) -> Any:
    """Return the body of an error answer as it came, in whatever shape; of a stream's events the one that is an error."""
    body = decode_error(data)
    return (_error_in(data) or body) if isinstance(body, str) else body


def _values(text: str) -> Iterator[Any]:
    """Give each JSON value in a body: the whole of it, or the events of a stream, or each line."""
    whole = _json(text)
    if whole is not None:
        yield whole
        return
    for block in re.split(r"(?:\r\n|\r|\n){2}", text):
        data = "\n".join(re.findall(r"^data: ?(.*?)\r?$", block, re.MULTILINE))
        found = _json(data or block)
        yield from [found] if found is not None else filter(None, map(_json, block.splitlines()))


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _inner(body: Any) -> dict[str, Any]:
    """Return the error object of a body, which a list may hold; empty where there is none."""
    return get_object(get_object(next(iter(get_list(body)), body)).get("error"))


def _status_in(body: Any) -> int:
    """Return the status that a body says it had, else that of a body with an error inside a 200."""
    stated = _inner(body).get("code")
    errors = range(HTTPStatus.BAD_REQUEST, 600)
    return stated if isinstance(stated, int) and stated in errors else HTTPStatus.OK


def _without_message(body: Any, words: str) -> Any:
    """Leave the vendor's words out of a body: whatever is called a message, and whatever reads as the failure does."""
    if isinstance(body, list):
        return [_without_message(each, words) for each in get_list(body)]
    if isinstance(body, dict):
        return {
            key: _without_message(value, words)
            for key, value in get_object(body).items()
            if key != "message"
        }
    return "" if body == words else body
