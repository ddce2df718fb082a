"""The log's two formats, where it is sent, and what a record carries for others."""

import io
import json
import logging
import logging.handlers
import queue
import re
import subprocess
import sys
import timeit
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from standby import events
from standby.failures import Attempt, Kind
from standby.observe import JsonFormatter, TextFormatter, log_to
from standby.observe.log import Log, log, logger
from standby.settings import Trigger
from tests.support.playing import QUESTION, Plays, dispatch, failure, route, target
from tests.support.virtual_clock import run


@pytest.fixture(autouse=True)
def restored_logger() -> Iterator[None]:
    handlers, level = logger.handlers[:], logger.level
    yield
    logger.handlers[:] = handlers
    logger.setLevel(level)


DOWN = failure("server_error", "An internal error has occurred.", status=500, code="INTERNAL")


def ended_event(**rest: Any) -> events.Event:
    attempt = Attempt(model="a", provider="p", outcome="failed", start=0.0, duration=1.0, **rest)
    return events.AttemptEnded(call="1", chain="default", model="a", at=0.0, attempt=attempt)


def answered_event(model: str, instead_of: str = "") -> events.Event:
    attempts = 2 if instead_of else 1
    return events.Answered(
        call="1",
        chain="default",
        model=model,
        at=0.0,
        attempts=attempts,
        duration=1.0,
        instead_of=instead_of,
    )


def fallen_back(**how: Any) -> list[str]:
    """Carry one call from a first model that is down to the second; return the log's lines."""
    lines = io.StringIO()
    log_to(lines, **how)
    outage = {"outage": Trigger(message="500 internal", then="next")}
    chain = route(target("first", Plays(DOWN)), target("second", Plays("Lisbon.")), triggers=outage)
    run(dispatch(chain, emit=Log()).run())
    return lines.getvalue().splitlines()


# For people


def test_people_read_the_failure_the_switch_and_the_success_each_with_time_and_level() -> None:
    lines = fallen_back()
    assert [re.sub(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} ", "", line) for line in lines] == [
        (
            "WARNING default: first failed (server_error, trigger outage): "
            "500 INTERNAL. An internal error has occurred."
        ),
        "WARNING default: moving on from first to second (server_error, trigger outage)",
        "INFO default: second answered in 0.0s, instead of first",
    ]
    assert all(line[0] == "2" for line in lines)


def test_the_return_of_the_first_model_is_logged_once() -> None:
    lines, sink = io.StringIO(), Log()
    log_to(lines)
    for event in (
        answered_event("a"),
        answered_event("b", "a"),
        answered_event("c", "a"),
        answered_event("a"),
        answered_event("a"),
    ):
        sink(event)
    assert [line.partition("INFO ")[2] for line in lines.getvalue().splitlines()] == [
        "default: b answered in 1.0s, instead of a",
        "default: c answered in 1.0s, instead of a",
        "default: a answers again, c stands by",
    ]


def test_each_client_remembers_its_own_chains() -> None:
    lines = io.StringIO()
    log_to(lines)
    one, other = Log(), Log()
    one(answered_event("b", "a"))
    other(answered_event("a"))
    assert "answers again" not in lines.getvalue()


# For machines


def test_machines_read_one_object_a_line_with_the_fields_of_the_event() -> None:
    failed, moved, stood_in = map(json.loads, fallen_back(json=True))
    call = failed["call"]
    for line in (failed, moved, stood_in):
        assert (
            abs(datetime.fromisoformat(line.pop("time")) - datetime.now(UTC)).total_seconds() < 60
        )
        assert line.pop("call") == call
    text = "500 INTERNAL. An internal error has occurred."
    assert failed == {
        "level": "WARNING",
        "event": "attempt_ended",
        "chain": "default",
        "model": "first",
        "provider": failed["provider"],
        "outcome": "failed",
        "setup": 0.0,
        "duration": 0.0,
        "kind": "server_error",
        "status": 500,
        "text": text,
        "trigger": "outage",
        "then": "next",
        "message": f"default: first failed (server_error, trigger outage): {text}",
    }
    assert moved == {
        "level": "WARNING",
        "event": "moved_on",
        "chain": "default",
        "model": "first",
        "to": "second",
        "kind": "server_error",
        "trigger": "outage",
        "message": "default: moving on from first to second (server_error, trigger outage)",
    }
    assert stood_in == {
        "level": "INFO",
        "event": "answered",
        "chain": "default",
        "model": "second",
        "attempts": 2,
        "duration": 0.0,
        "instead_of": "first",
        "message": "default: second answered in 0.0s, instead of first",
    }


def test_the_time_is_iso_8601_in_utc() -> None:
    record = logging.makeLogRecord({"created": 1_790_000_000.25, "msg": "x"})
    assert json.loads(JsonFormatter().format(record))["time"] == "2026-09-21T14:13:20.250Z"


def test_the_return_of_the_first_model_has_an_event_of_its_own() -> None:
    lines, sink = io.StringIO(), Log()
    log_to(lines, json=True)
    sink(answered_event("b", "a"))
    sink(answered_event("a"))
    assert [json.loads(line)["event"] for line in lines.getvalue().splitlines()] == [
        "answered",
        "returned",
    ]


def test_records_of_other_origin_keep_their_logger_and_their_traceback_on_one_line() -> None:
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    handler.setFormatter(JsonFormatter())
    other = logging.getLogger("app")
    other.addHandler(handler)
    try:
        {}["oh"]
    except KeyError:
        other.exception("broken %s", "thing")
    other.removeHandler(handler)
    [line] = map(json.loads, lines.getvalue().splitlines())
    assert (line["logger"], line["message"], line["level"]) == ("app", "broken thing", "ERROR")
    assert line["exception"].endswith("KeyError: 'oh'")


def test_neither_format_has_a_messages_text() -> None:
    for how in ({}, {"json": True}):
        assert QUESTION not in str(fallen_back(**how))
        assert "Lisbon" not in str(fallen_back(**how))


@pytest.mark.parametrize(
    "text", ["two\nlines", 'a "quoted" \\ one', "\u2028 \x00 \x85", "half \ud800 a letter"]
)
def test_any_text_is_one_object_on_one_line(text: str) -> None:
    lines = io.StringIO()
    log_to(lines, json=True)
    log(ended_event(kind=Kind.SERVER_ERROR, text=text.encode(errors="replace").decode()))
    [line] = lines.getvalue().rstrip("\n").split("\n")
    assert json.loads(line)["kind"] == "server_error"


# What a record carries


def test_a_record_carries_its_fields() -> None:
    waiting: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    log_to(logging.handlers.QueueHandler(waiting))
    log(
        ended_event(kind=Kind.TIMEOUT, text="timeout: no answer in 1s", trigger="slow", then="next")
    )
    fields = waiting.get().__dict__["standby"]
    assert fields["event"] == "attempt_ended"
    assert {name: fields[name] for name in ("kind", "trigger", "then")} == {
        "kind": "timeout",
        "trigger": "slow",
        "then": "next",
    }
    assert all(type(value) in (str, int, float) for value in fields.values())


# Destinations


def test_the_default_destination_is_standard_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log_to()
    log(answered_event("b", "a"))
    out, err = capsys.readouterr()
    assert (out, err.partition("INFO ")[2]) == ("", "default: b answered in 1.0s, instead of a\n")


def test_a_second_call_for_one_stream_replaces_the_first() -> None:
    lines = io.StringIO()
    log_to(lines)
    log_to(lines, json=True)
    log(answered_event("b", "a"))
    [line] = lines.getvalue().splitlines()
    assert json.loads(line)["event"] == "answered"


def test_two_streams_each_have_their_format_and_their_level() -> None:
    people, machines = io.StringIO(), io.StringIO()
    log_to(machines, json=True)
    log_to(people, level="WARNING")
    log(answered_event("b", "a"))
    assert (people.getvalue(), len(machines.getvalue().splitlines())) == ("", 1)


def test_removing_the_returned_handler_ends_it() -> None:
    lines = io.StringIO()
    logger.removeHandler(log_to(lines))
    log(answered_event("b", "a"))
    assert lines.getvalue() == ""


def test_an_unknown_level_is_an_error_and_changes_nothing() -> None:
    before = logger.handlers[:]
    with pytest.raises(ValueError, match="LOUD"):
        log_to(io.StringIO(), level="LOUD")
    assert logger.handlers == before


@pytest.mark.parametrize(("name", "first"), [("JsonFormatter", '{"time"'), ("TextFormatter", "20")])
def test_the_configuration_of_logging_can_name_the_formatters(
    name: str, first: str, tmp_path: Path
) -> None:
    code = f"""
import logging.config
logging.config.dictConfig({{
    "version": 1,
    "formatters": {{"ours": {{"()": "standby.observe.{name}"}}}},
    "handlers": {{
        "file": {{"class": "logging.FileHandler", "filename": "log", "formatter": "ours"}},
    }},
    "loggers": {{"standby": {{"level": "INFO", "handlers": ["file"]}}}},
}})
from standby import events
from standby.observe.log import log
moment = dict(call="1", chain="default", model="b", at=0.0)
log(events.Answered(**moment, attempts=2, duration=1.0, instead_of="a"))
"""
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, timeout=30)  # noqa: S603 - this interpreter
    [line] = (tmp_path / "log").read_text(encoding="utf-8").splitlines()
    assert line.startswith(first)
    assert "b answered in 1.0s, instead of a" in line


def test_the_package_has_no_other_name() -> None:
    with pytest.raises(ImportError):
        exec("from standby.observe import XmlFormatter")  # noqa: S102 - the point
    assert issubclass(TextFormatter, logging.Formatter)


# What it costs


def test_a_normal_call_makes_no_record() -> None:
    """Nor does it take more than microseconds, whatever the level is."""
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[method-assign] # the simplest handler
    log_to(handler, level="DEBUG")
    sink = Log()
    attempt = Attempt(model="a", provider="p", outcome="answered", start=0.0, duration=1.0)
    normal = (
        events.AttemptStarted(call="1", chain="default", model="a", at=0.0),
        events.AttemptEnded(call="1", chain="default", model="a", at=0.0, attempt=attempt),
        answered_event("a"),
    )
    assert timeit.timeit(lambda: [sink(event) for event in normal], number=1000) / 1000 < 100e-6
    assert records == []


def test_nothing_is_formatted_for_a_level_that_is_off() -> None:
    class Unformatted(str):
        __slots__ = ()

        def __format__(self, _: str) -> str:
            raise AssertionError("formatted")

        __str__ = __format__  # type: ignore[assignment]

    logger.setLevel("CRITICAL")
    log(
        events.MovedOn(
            call="1",
            chain=Unformatted("default"),
            model=Unformatted("a"),
            at=0.0,
            to=Unformatted("b"),
            kind=Kind.TIMEOUT,
        )
    )
