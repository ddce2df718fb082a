"""Builds a failure from a recorded answer: JSON, events, or a cassette. Pure: nothing is sent."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from standby.diagnostics.failure_input import Evidence, from_answer, parse_json
from standby.errors import RequestError
from standby.failures import Failure, Kind
from standby.http.bodies import decode_error, get_list, get_object
from standby.http.cassettes import LARGEST, RecordedAnswer, find_interactions, read_answers, unpack
from standby.plugin import FailureReader

Replay = Callable[[int, Mapping[str, str], bytes], Failure | None]
"""Replays an answer's status, headers and body to the plugin; `None`: the answer is a good one."""

_NO_FAILURE = (
    "it is an answer that the chain accepts; "
    "give --status if it was an error, or the failure's kind by --kind"
)


def from_recording(
    data: bytes,
    name: str,
    status: int | None,
    read: FailureReader | None,
    replay: Replay | None = None,
) -> Evidence:
    """Build the failure of a recorded answer.

    Of a cassette's answers the last one with a status of 400 or more counts, or else the last one;
    an answer whose body has an error object comes before the others.

    Args:
        data: The file: JSON, events, or a cassette of VCR or its kin, packed with gzip or not.
        name: The name of the file.
        status: The HTTP status of an answer that was recorded without it.
        read: The plugin's reader of error bodies, if it has one.
        replay: Shows the plugin an answer without an error: it may be a failure all the same.

    Returns:
        The failure and the reason for its kind.

    Raises:
        RequestError: The file cannot be read, or holds an answer that the chain accepts.
    """
    headers: Mapping[str, str] = {}
    try:
        data = unpack(data, "")
        if (answers := _read_cassette(data, name)) is not None:
            recorded_status, headers, data = _choose_answer(answers)
            status = recorded_status if status is None else status
    except ValueError as error:
        raise RequestError(f"{name} {error}") from error
    is_error = (status or 0) >= HTTPStatus.BAD_REQUEST
    body = _find_error_body(data) if is_error else _find_error(data)
    if body is not None:
        return from_answer(_stated_status(body) if status is None else status, headers, body, read)
    failure = None if replay is None else _replay_body(replay, headers, data)
    if failure is None:
        raise RequestError(f"{name} holds no failure: {_NO_FAILURE}")
    return _from_replay(failure, headers, data, read)


def _from_replay(
    failure: Failure, headers: Mapping[str, str], data: bytes, read: FailureReader | None
) -> Evidence:
    """Build the failure of an answer that the adapter rejects; it may hold a vendor's own error."""
    if failure.kind is Kind.MALFORMED and read is not None:
        evidence = from_answer(HTTPStatus.OK, headers, decode_error(data), read)
        if evidence.failure.kind is not Kind.MALFORMED:
            return evidence
    return Evidence(failure, "the plugin reads the answer so")


# Cassettes


def _read_cassette(data: bytes, name: str) -> list[RecordedAnswer] | None:
    """Return the answers of a cassette; `None`: the file is one answer."""
    is_yaml = name.removesuffix(".gz").endswith((".yaml", ".yml"))
    if not is_yaml and find_interactions(_parse(data)) is None:
        return None
    answers = read_answers(data)
    if not answers:
        raise ValueError("has no interactions; is it a cassette?")
    return answers


def _choose_answer(answers: Sequence[RecordedAnswer]) -> tuple[int, Mapping[str, str], bytes]:
    """Return the status, the headers and the unpacked body of the answer that counts."""
    errors = [each for each in answers if each.status >= HTTPStatus.BAD_REQUEST] or answers
    limit = LARGEST
    for each in reversed(errors):
        try:
            body = each.unpack(limit)
        except ValueError:
            limit //= 2  # a file full of bombs unpacks to no more than one of them
            continue
        limit -= len(body)
        if _error_object(_find_error(body)):  # cassettes also record telemetry
            return each.status, _without_encoding(each.headers), body
    return errors[-1].status, _without_encoding(errors[-1].headers), errors[-1].unpack()


def _without_encoding(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name != "content-encoding"}


# Bodies


def _replay_body(replay: Replay, headers: Mapping[str, str], data: bytes) -> Failure | None:
    """Replay a body; lines of JSON first as events, then as the NDJSON that some vendors stream."""
    events = _as_events(data)
    failure = replay(HTTPStatus.OK, headers, events)
    if events is data or not _is_malformed(failure):
        return failure
    as_ndjson = replay(HTTPStatus.OK, headers, data)
    return failure if _is_malformed(as_ndjson) else as_ndjson


def _is_malformed(failure: Failure | None) -> bool:
    return failure is not None and failure.kind is Kind.MALFORMED


def _as_events(data: bytes) -> bytes:
    """Return a body as it came; lines of JSON become server-sent events."""
    lines = data.split(b"\n")
    if _parse(data) is not None or not all(_parse(line) for line in lines if line):
        return data
    return b"".join(b"data: %s\n\n" % line.strip() for line in lines if line.strip())


def _find_error(data: bytes) -> Any:
    """Return the body, or the event of a stream, that is an error; `None`: there is none."""
    for value in _json_values(data.decode("utf-8", "replace")):
        fields = get_object(next(iter(get_list(value)), value))
        inner = get_object(fields.get("response")).get("error")
        if inner:
            return {"error": inner}
        if fields.get("error") or "error" in (fields.get("type"), fields.get("object")):
            return value
    return None


def _find_error_body(data: bytes) -> Any:
    """Return the body of an error answer in any shape; of a stream the event that is an error."""
    body = decode_error(data)
    return (_find_error(data) or body) if isinstance(body, str) else body


def _json_values(text: str) -> Iterator[Any]:
    """Yield each JSON value of a body: the body, or the events of a stream, or each line."""
    body = parse_json(text)
    if body is not None:
        yield body
        return
    for block in re.split(r"(?:\r\n|\r|\n){2}", text):
        data = "\n".join(re.findall(r"^data: ?(.*?)\r?$", block, re.MULTILINE))
        value = parse_json(data or block)
        if value is not None:
            yield value
        else:
            yield from filter(None, map(parse_json, block.splitlines()))


def _parse(data: bytes) -> Any:
    return parse_json(data.decode("utf-8", "replace"))


def _error_object(body: Any) -> dict[str, Any]:
    """Return the error object of a body, which a list may hold; empty where there is none."""
    return get_object(get_object(next(iter(get_list(body)), body)).get("error"))


def _stated_status(body: Any) -> int:
    """Return the error status that a body states, or else 200: an error inside a 200."""
    status = _error_object(body).get("code")
    errors = range(HTTPStatus.BAD_REQUEST, 600)
    return status if isinstance(status, int) and status in errors else HTTPStatus.OK
