"""The log: a line for what a person on duty must see; silent until configured, without secrets."""

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from standby import Standby, events
from standby.errors import CallFailed
from standby.failures import Attempt, Kind
from standby.observe.log import log, logger, report_broken_close, report_broken_sink
from standby.settings import Chain, Model, Retry, Secret, Settings
from tests.support.chains import loopback_chain, scripted_chain
from tests.support.loopback import both, openai_reply
from tests.support.playing import QUESTION, Plays, dispatch, failure, route, target
from tests.support.virtual_clock import run

Records = pytest.LogCaptureFixture


@pytest.fixture(autouse=True)
def every_level(caplog: Records) -> None:
    caplog.set_level(logging.DEBUG, logger="standby")


def lines(caplog: Records) -> list[tuple[str, str]]:
    assert {record.name for record in caplog.records} <= {"standby"}
    return [(record.levelname, record.getMessage()) for record in caplog.records]


# A model that a person must see to

LAST = {"last": Model(provider="scripted", options={"reply": "Here I am."})}
CLAUDE_OR_A_TEXT = Settings(
    models=LAST, chains={"default": Chain(models=("claude-opus-5-5", "last"))}
)
EMBEDDED_OR_A_TEXT = Settings(
    models=LAST, chains={"default": Chain(models=("smollm2-135m", "last"))}
)


@pytest.fixture
def without_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)


@pytest.mark.usefixtures("without_the_engine")
def test_a_missing_library_is_one_warning_for_each_client(caplog: Records) -> None:
    caplog.set_level(logging.WARNING, logger="standby")
    for _ in range(2):
        caplog.clear()
        with Standby(settings=EMBEDDED_OR_A_TEXT) as client:
            assert [client.chat(QUESTION).text for _ in range(3)] == ["Here I am."] * 3
        [(level, line)] = lines(caplog)
        assert level == "WARNING"
        assert "smollm2-135m skipped (unavailable)" in line
        assert line.endswith("is not installed: pip install 'xllamacpp>=2026.6.9538'")


def test_a_missing_key_is_one_warning_too(caplog: Records) -> None:
    caplog.set_level(logging.WARNING, logger="standby")
    with Standby(settings=CLAUDE_OR_A_TEXT, environ={}) as client:
        for _ in range(3):
            client.chat(QUESTION)
    text = "default: claude-opus-5-5 skipped (unavailable): no key: set ANTHROPIC_API_KEY"
    assert lines(caplog) == [("WARNING", text)]


@pytest.mark.usefixtures("without_the_engine")
def test_from_the_second_time_on_it_is_an_info(caplog: Records) -> None:
    with Standby(settings=EMBEDDED_OR_A_TEXT) as client:
        client.chat(QUESTION)
        caplog.clear()
        client.chat(QUESTION)
    assert {level for level, _ in lines(caplog)} == {"INFO"}


# Each event

IGNORED = "ignored the cancellation of a request to a, which is still running"
AUTHORS = "or ask its authors to let CancelledError through"
ADVICE = "wrap work that blocks in standby.plugin.blocking()"


def at(moment: type[events.Event], **rest: Any) -> events.Event:
    return moment(call="1", chain="default", model="a", at=0.0, **rest)


def ended_event(outcome: Any, **rest: Any) -> events.Event:
    attempt = Attempt(model="a", provider="p", outcome=outcome, start=0.0, duration=1.0, **rest)
    return at(events.AttemptEnded, attempt=attempt)


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (at(events.AttemptStarted), None),
        (ended_event("answered"), None),
        (ended_event("answered", kind=Kind.TRUNCATED, text="cut"), None),
        (ended_event("cancelled"), None),
        (
            ended_event("failed", kind=Kind.OVERLOADED, text="503 UNAVAILABLE. Busy.", then="next"),
            ("WARNING", "default: a failed (overloaded): 503 UNAVAILABLE. Busy."),
        ),
        (
            ended_event(
                "failed",
                kind=Kind.OVERLOADED,
                text="503 UNAVAILABLE. Busy.",
                trigger="busy",
                then="next",
            ),
            ("WARNING", "default: a failed (overloaded, trigger busy): 503 UNAVAILABLE. Busy."),
        ),
        (
            ended_event("skipped", kind=Kind.UNAVAILABLE, text="no key: set A_KEY", then="next"),
            ("INFO", "default: a skipped (unavailable): no key: set A_KEY"),
        ),
        (at(events.RetryScheduled, delay=0.3), ("WARNING", "default: asking a again in 0.3s")),
        (
            at(events.MovedOn, to="b", kind=Kind.TIMEOUT),
            ("WARNING", "default: moving on from a to b (timeout, by default)"),
        ),
        (
            at(events.MovedOn, to="b", kind=Kind.TIMEOUT, trigger="slow"),
            ("WARNING", "default: moving on from a to b (timeout, trigger slow)"),
        ),
        (
            at(events.MovedOn, to="b", kind=Kind.UNAVAILABLE),
            ("INFO", "default: moving on from a to b (unavailable)"),
        ),
        (at(events.Hedged, to="b"), ("INFO", "default: a is slow, asking b beside it")),
        (
            at(
                events.HealthChanged,
                state="open",
                resting=4.6,
                reason="after 5 failures in a row, the last: timeout",
            ),
            ("WARNING", "default: a rests for 5s, after 5 failures in a row, the last: timeout"),
        ),
        (
            at(events.HealthChanged, state="half_open", resting=0.0, reason=""),
            ("INFO", "default: probing a, whether it is well again"),
        ),
        (
            at(events.HealthChanged, state="closed", resting=0.0, reason=""),
            ("WARNING", "default: a is well again"),
        ),
        (
            at(events.Abandoned, provider="p"),
            ("ERROR", f"default: the plugin of provider 'p' {IGNORED}; update it, {AUTHORS}"),
        ),
        (
            at(
                events.Abandoned,
                provider="p",
                plugin="acme",
                distribution="acme-standby",
                version="1.2.0",
            ),
            (
                "ERROR",
                (
                    f"default: plugin 'acme' (acme-standby 1.2.0) {IGNORED}; "
                    f"update acme-standby, {AUTHORS}"
                ),
            ),
        ),
        (
            at(events.LoopBlocked, code="acme.adapter.ask, line 7", seconds=1.04),
            (
                "ERROR",
                f"the event loop has been blocked for 1.0s by acme.adapter.ask, line 7; {ADVICE}",
            ),
        ),
        (
            at(events.Alert, kind=Kind.UNAUTHORIZED, text="401. No."),
            ("ERROR", "default: a needs a person's attention (unauthorized): 401. No."),
        ),
        (
            at(events.Reloaded, file="models.yaml"),
            ("INFO", "models.yaml has changed; its new settings are in use"),
        ),
        (
            at(events.ReloadFailed, file="models.yaml", problems=("a", "b")),
            (
                "ERROR",
                (
                    "models.yaml has changed, but cannot be used; "
                    "the old settings stay: a (and 1 more)"
                ),
            ),
        ),
        (at(events.Answered, attempts=1, duration=1.0, disclaimer="small"), None),
        (at(events.Answered, attempts=2, duration=1.26), ("INFO", "default: a answered in 1.3s")),
        (
            at(events.Answered, attempts=2, duration=1.0, disclaimer="small"),
            ("INFO", "default: a answered in 1.0s (small)"),
        ),
        (
            at(events.Answered, attempts=2, duration=1.0, instead_of="b", disclaimer="small"),
            ("INFO", "default: a answered in 1.0s, instead of b (small)"),
        ),
        (
            at(events.Failed, duration=2.0, text="all failed"),
            ("ERROR", "default: no reply after 2.0s: all failed"),
        ),
    ],
    ids=str,
)
def test_each_event_is_one_line_or_none(
    caplog: Records, event: events.Event, line: tuple[str, str] | None
) -> None:
    log(event)
    assert lines(caplog) == ([] if line is None else [line])


def test_every_kind_of_event_was_tried() -> None:
    marks = test_each_event_is_one_line_or_none.pytestmark  # type: ignore[attr-defined] # pytest's
    [parameters] = [mark.args[1] for mark in marks]
    assert {type(event) for event, _ in parameters} == {
        kind for kind in events.Event.__subclasses__() if kind.__module__ == events.__name__
    }


# A call


def test_a_call_that_the_first_model_answers_is_silent(caplog: Records) -> None:
    run(dispatch(route(target("a", Plays("Lisbon.")), target("b", Plays("never"))), emit=log).run())
    assert lines(caplog) == []


def test_a_fall_back_is_the_failure_the_switch_and_the_answer(caplog: Records) -> None:
    down = failure("server_error", "An internal error has occurred.", status=500, code="INTERNAL")
    chain = route(target("a", Plays(down)), target("b", Plays("Lisbon.")), retry=Retry(attempts=1))
    run(dispatch(chain, emit=log).run())
    assert lines(caplog) == [
        (
            "WARNING",
            "default: a failed (server_error): 500 INTERNAL. An internal error has occurred.",
        ),
        ("WARNING", "default: moving on from a to b (server_error, by default)"),
        ("INFO", "default: b answered in 0.0s, instead of a"),
    ]


def test_a_retry_has_a_line_too(caplog: Records) -> None:
    busy = failure("overloaded", "Busy.", status=503, code="UNAVAILABLE", retry_after=1.5)
    run(dispatch(route(target("a", Plays(busy, "Lisbon."))), emit=log).run())
    assert lines(caplog) == [
        ("WARNING", "default: a failed (overloaded): 503 UNAVAILABLE. Busy."),
        ("WARNING", "default: asking a again in 1.5s"),
        ("INFO", "default: a answered in 1.5s"),
    ]


def test_a_call_that_fails_ends_with_an_error(caplog: Records) -> None:
    chain = route(
        target("a", Plays(failure("timeout", "timeout: no answer in 30s"))),
        target("b", failure("unavailable", "no key")),
    )
    with pytest.raises(CallFailed):
        run(dispatch(chain, emit=log).run())
    assert lines(caplog) == [
        ("WARNING", "default: a failed (timeout): timeout: no answer in 30s"),
        ("WARNING", "default: moving on from a to b (timeout, by default)"),
        ("INFO", "default: b skipped (unavailable): no key"),
        (
            "ERROR",
            (
                "default: no reply after 0.0s: no model of chain 'default' answered: "
                "a: timeout: no answer in 30s; b: no key"
            ),
        ),
    ]


@pytest.mark.parametrize("text", ["two\nlines", "a\r\nforged: line", "\x85odd\u2028ends\x0b"])
def test_a_text_of_several_lines_is_one_line(caplog: Records, text: str) -> None:
    with pytest.raises(CallFailed):
        run(
            dispatch(
                route(target("a", Plays(failure("model_missing", text, status=404, code=text)))),
                emit=log,
            ).run()
        )
    assert len(lines(caplog)) == 4
    assert all(len(line.splitlines()) == 1 for _, line in lines(caplog))


@pytest.mark.parametrize("text", ["\x1b[2Jgone", "\x9b2J", "\u202etxt.exe", "\u2067", "bell\x07"])
def test_no_line_has_what_a_terminal_obeys(caplog: Records, text: str) -> None:
    failing = failure("model_missing", text, status=404, code=text, id=text)
    with pytest.raises(CallFailed) as caught:
        run(dispatch(route(target("a", Plays(failing))), emit=log).run())
    report_broken_close("p", "acme 1.0", ValueError(text))
    escaped = json.dumps(text)[1:-1]
    assert text in str(caught.value)
    assert len(lines(caplog)) == 5
    assert text not in str([line for _, line in lines(caplog)])
    assert sum(escaped in line for _, line in lines(caplog)) == 4


def test_no_line_has_a_key_or_a_messages_text(caplog: Records) -> None:
    echo = failure(
        "unauthorized", f"the key sk-opens-nothing is wrong; you said: {QUESTION}", status=401
    )
    chain = route(
        target("a", Plays(echo), secrets=(Secret("sk-opens-nothing"),)),
        target(
            "b",
            Plays(ValueError(f"sk-opens-nothing {QUESTION}")),
            secrets=(Secret("sk-opens-nothing"),),
        ),
        target("c", Plays("a secret answer")),
    )
    run(dispatch(chain, emit=log).run())
    assert len(lines(caplog)) == 8
    log_text = str(lines(caplog))
    assert "sk-opens-nothing" not in log_text
    assert QUESTION not in log_text
    assert "a secret answer" not in log_text


# What breaks no call


def test_a_sink_that_raises_is_one_line_and_breaks_no_call(caplog: Records) -> None:
    def broken(event: events.Event) -> None:
        if isinstance(event, events.Answered):
            raise KeyError("oh")

    with Standby(settings=SETTINGS, sinks=[broken]) as client:
        assert client.chat("Which city?").text == "Lisbon."
    [(level, line)] = lines(caplog)
    assert level == "ERROR"
    assert line.startswith("the sink ")
    assert line.endswith(" raised KeyError: 'oh'")


SETTINGS = Settings(
    models={"well": Model(provider="scripted", options={"reply": "Lisbon."})},
    chains={"default": Chain(models=("well",))},
)


def test_what_breaks_outside_of_a_call_is_named(caplog: Records) -> None:
    report_broken_sink("mine", ValueError("oh"))
    report_broken_close("p", "acme 1.0", ValueError("oh"))
    assert lines(caplog) == [
        ("ERROR", "the sink 'mine' raised ValueError: oh"),
        ("ERROR", "acme 1.0: the adapter of provider 'p' did not close: ValueError: oh"),
    ]


# Silence

FAILING = """
from standby import CallFailed, Settings, Standby
from standby.settings import Chain, Model
script = [{"fail": {"kind": "model_missing"}}]
models = {"gone": Model(provider="scripted", options={"script": script})}
settings = Settings(models=models, chains={"default": Chain(models=("gone",))})
with Standby(settings=settings) as client:
    try:
        client.chat("Which city?")
    except CallFailed:
        pass
"""


CONFIGURE = "import logging; logging.basicConfig(); logging.getLogger('standby').setLevel('{}')"


@pytest.mark.parametrize(
    ("before", "count"),
    [
        ("", 0),
        ("import logging; logging.basicConfig()", 4),
        (
            CONFIGURE.format("CRITICAL"),
            0,
        ),
        (
            CONFIGURE.format("ERROR"),
            2,
        ),
    ],
    ids=["not configured", "configured", "switched off", "errors only"],
)
def test_it_is_silent_until_it_is_configured(before: str, count: int, tmp_path: Path) -> None:
    process = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", before + FAILING],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert process.stdout == ""
    assert len(process.stderr.splitlines()) == count, process.stderr


def test_the_logger_has_a_handler_that_does_nothing_and_sets_no_level() -> None:
    assert [type(handler) for handler in logger.handlers] == [logging.NullHandler]
    assert logger.propagate


def test_a_model_that_cannot_take_a_request_is_a_warning_once(caplog: Records) -> None:
    tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
    with both() as (gemini, openai):
        openai.answer = lambda _: openai_reply("{}")
        with Standby(settings=loopback_chain(gemini=gemini.url, openai=openai.url)) as client:
            replies = [
                client.chat(QUESTION, tools=[tool], schema={"type": "object"}) for _ in range(3)
            ]
        assert [reply.model for reply in replies] == ["o3-mini"] * 3
        assert not gemini.requests
    problem = "not sent: gemini-2.5-pro takes tools or a schema, not both"
    text = f"default: gemini-2.5-pro skipped (unsupported): {problem}"
    assert [line for line in lines(caplog) if "skipped" in line[1]] == [
        ("WARNING", text),
        ("INFO", text),
        ("INFO", text),
    ]
    assert {level for level, line in lines(caplog) if "moving on" in line} == {"INFO"}


def test_a_refusal_by_the_vendor_is_a_warning_each_time(caplog: Records) -> None:
    unable = [
        {"fail": {"kind": "unsupported", "status": 400, "message": "Image exceeds 5 MB maximum."}}
    ]
    with Standby(settings=scripted_chain(unable, "Lisbon.")) as client:
        assert [client.chat(QUESTION).model for _ in range(2)] == ["m2"] * 2
    assert [level for level, line in lines(caplog) if "m1 failed" in line] == ["WARNING"] * 2


def test_a_shortage_of_our_own_is_a_warning_once(caplog: Records) -> None:
    short = [{"fail": {"kind": "unavailable", "message": "not sent: Too many open files"}}] * 3
    with Standby(settings=scripted_chain(short, "Lisbon.")) as client:
        assert [client.chat(QUESTION).model for _ in range(3)] == ["m2"] * 3
    levels = [level for level, line in lines(caplog) if "m1 skipped (unavailable" in line]
    assert levels == ["WARNING", "INFO", "INFO"]
