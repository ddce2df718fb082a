"""`explain` of a failure: its kind, the trigger, and the next model, as the dispatcher decides."""

import base64
import gzip
import json
import random
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from standby.cards import Card, Price
from standby.diagnostics.explain import explain, plan
from standby.diagnostics.explanation import ExplainContext, Explanation, PassedOver
from standby.diagnostics.failure_input import (
    from_answer,
    from_exception,
    from_kind,
    from_status,
)
from standby.diagnostics.recorded_failure import from_recording
from standby.dispatch.policy import LONG_REST, decide
from standby.dispatch.redaction import redact
from standby.errors import RequestError
from standby.failures import REACTIONS, Failure, Kind, kind_of_status
from standby.http.bodies import get_object, get_str
from standby.plugin import FailureReader
from standby.pricing import Cost
from standby.registry.plugins import Registry
from standby.resilience.circuit_breaker import CircuitBreaker, DisabledBreaker
from standby.settings import Hedge, Retry, Secret, StreamRules, Trigger
from standby.types import Request, Usage
from tests.oracles.expected import ExpectedFailure
from tests.oracles.gemini_errors import GEMINI
from tests.oracles.gemini_errors import build_error as gemini_error
from tests.oracles.openai_errors import OPENAI
from tests.oracles.openai_errors import build_error as openai_error
from tests.support.playing import Plays, failure, route, target
from tests.support.recorded import PLUGINS, ROWS, list_answers, recorded
from tests.support.recordings import find_path

BUSY = {"error": {"code": 503, "message": "Busy.", "status": "UNAVAILABLE"}}
FAILED = {name: row for name, row in ROWS.items() if isinstance(row, ExpectedFailure)}
CASSETTES = [
    name
    for name, row in FAILED.items()
    if name.endswith("#0") and row.status >= 400 and len(list_answers(name.partition("#")[0])) == 1
]


def reader(plugin: str) -> FailureReader:
    failure_reader = Registry().failure_reader(plugin)
    assert failure_reader is not None
    return failure_reader


def explain_failure(
    failed: Failure,
    triggers: dict[str, Trigger] | None = None,
    windows: tuple[Any, ...] = (),
    **chain: Any,
) -> Explanation:
    cards = [Card(context_window=window) for window in windows] or [Card(), Card()]
    targets = [
        target(name, Plays("x"), card=card) for name, card in zip("abcd", cards, strict=False)
    ]
    chain = route(*targets, triggers=triggers, **chain)
    return explain(
        failed,
        targets[0],
        chain,
        triggers or {},
        context=ExplainContext(locations={"mine": "models.yaml:7"}),
    )


# What the dispatcher does


@pytest.mark.parametrize("kind", Kind)
def test_the_first_step_is_the_dispatchers_decision(kind: Kind) -> None:
    model = target("a", Plays("x"))
    chain = route(model, target("b", Plays("x")))
    report = explain(failure(kind), model, chain, {})
    assert (
        report.steps[0].then
        == decide(failure(kind), model, chain.chain, chain.triggers, 1, random.Random(1)).then
        == REACTIONS[kind].then
    )
    assert report.alert is REACTIONS[kind].alert
    assert (report.next == "b") is (report.steps[-1].then in ("next", "accept"))


# Rules


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"kind": Kind.EMPTY}, "kind: overloaded, not empty"),
        ({"kind": (Kind.EMPTY, Kind.TIMEOUT)}, "kind: overloaded, not empty or timeout"),
        ({"status": 500}, "status: 503, not 500"),
        ({"status": "4xx"}, "status: 503, not 4xx"),
        ({"code": "INTERNAL"}, "code: UNAVAILABLE, not INTERNAL"),
        ({"message": ("internal", "/^5.2/")}, "message: the text has no 'internal' or '/^5.2/'"),
        ({"provider": "q"}, "provider: p, not q"),
        ({"model": "b"}, "model: a, not b"),
        (
            {"kind": Kind.OVERLOADED, "status": "5xx", "message": "late"},
            "message: the text has no 'late'",
        ),
    ],
)
def test_a_skipped_rule_names_the_first_field_that_differs(fields: Any, reason: str) -> None:
    report = explain_failure(
        failure("overloaded", "busy", status=503, code="UNAVAILABLE"),
        {"mine": Trigger(then="stop", **fields)},
    )
    [rule] = report.rules
    assert (rule.outcome, rule.why, rule.place) == ("passed over", reason, "models.yaml:7")


def test_a_missing_status_is_reported() -> None:
    report = explain_failure(
        failure("timeout"), {"mine": Trigger(then="stop", status=503, code="X")}
    )
    assert report.rules[0].why == "status: none, not 503"


@pytest.mark.parametrize("kind", [Kind.INVALID_REQUEST, Kind.BLOCKED])
def test_a_message_alone_never_decides_about_the_callers_own_failures(kind: Kind) -> None:
    report = explain_failure(failure(kind, "429"), {"mine": Trigger(then="next", message="429")})
    assert (
        report.rules[0].why
        == f"a text alone never decides about {kind}; add kind: {kind}, a status or a code"
    )


def test_the_first_rule_that_fires_ends_the_search() -> None:
    rules = {
        "late": Trigger(then="next", kind=Kind.TIMEOUT),
        "mine": Trigger(then="stop", status=503),
    }
    report = explain_failure(
        failure("overloaded", status=503), rules | {"other": Trigger(then="next", status="5xx")}
    )
    assert [(rule.name, rule.outcome) for rule in report.rules] == [
        ("late", "passed over"),
        ("mine", "fires"),
        ("other", "not reached"),
    ]
    assert (report.steps[0].then, report.steps[0].trigger, report.next) == ("stop", "mine", None)


# What follows


def test_each_retry_has_the_longest_pause_and_then_comes_the_next_model() -> None:
    rules = {"mine": Trigger(then="retry", kind=Kind.TIMEOUT)}
    report = explain_failure(
        failure("timeout"), rules, retry=Retry(attempts=4, initial=0.5, limit=1.5)
    )
    assert [(step.then, step.pause) for step in report.steps] == [
        ("retry", 0.5),
        ("retry", 1.0),
        ("retry", 1.5),
        ("next", 0.0),
    ]
    assert report.next == "b"


@pytest.mark.parametrize(
    ("kind", "pause"), [("server_error", 0.1), ("connection", 0.1), ("overloaded", 0.5)]
)
def test_without_a_setting_of_the_chain_the_kind_sets_the_pause(kind: str, pause: float) -> None:
    assert explain_failure(failure(kind)).steps[0].pause == pause
    assert explain_failure(failure(kind), retry=Retry(initial=1.0)).steps[0].pause == 1.0


def test_a_pause_that_may_exceed_the_deadline_is_reported() -> None:
    report = explain_failure(failure("overloaded"), deadline=2.0, retry=Retry(initial=4.0))
    assert [(step.then, step.within) for step in report.steps] == [("retry", 1.0), ("next", None)]


def test_a_retry_after_beyond_the_deadline_means_the_next_model() -> None:
    assert (
        explain_failure(failure("overloaded", retry_after=1.0), deadline=4.0).steps[0].then
        == "retry"
    )
    assert (
        explain_failure(failure("overloaded", retry_after=2.0), deadline=4.0).steps[0].then
        == "next"
    )
    model = target("a", Plays("x"))
    report = explain(failure("overloaded"), model, route(model, deadline=9.0), {}, spent=9.0)
    assert (report.steps[0].then, report.steps[0].within) == ("retry", 0.0)


@pytest.mark.parametrize(
    ("failed", "counts", "rests"),
    [
        (failure("timeout"), True, None),
        (failure("unauthorized"), False, LONG_REST),
        (failure("rate_limited", retry_after=34.0), False, 34.0),
        (failure("blocked"), False, None),
    ],
)
def test_the_step_reports_what_is_recorded_of_the_model(
    failed: Failure, *, counts: bool, rests: float | None
) -> None:
    step = explain_failure(failed).steps[-1]
    assert (step.counts, step.rests) == (counts, rests)


def test_without_a_retry_after_it_rests_for_at_least_half_a_first_pause() -> None:
    assert explain_failure(failure("rate_limited")).steps[-1].rests == 2.5


def test_after_context_too_long_smaller_windows_are_passed_over() -> None:
    report = explain_failure(failure("context_too_long"), windows=(100, 50, 100, 101))
    message = "tokens is no larger than the one that was too small"
    assert report.passed_over == tuple(
        PassedOver(name, f"its context window of {n} {message}")
        for name, n in (("b", 50), ("c", 100))
    )
    assert report.next == "d"


def test_a_window_that_was_too_small_is_not_tried_again() -> None:
    report = explain_failure(
        failure("context_too_long"),
        {"mine": Trigger(then="retry", kind=Kind.CONTEXT_TOO_LONG)},
        windows=(9, None),
    )
    assert [step.then for step in report.steps] == ["retry"]
    assert ([skipped.model for skipped in report.passed_over], report.next) == (["a"], "b")


def test_without_fallback_there_is_no_next_model() -> None:
    report = explain_failure(failure("empty"), fallback=False)
    assert (report.next, report.worst.attempts) == (None, 1)


def test_a_stream_restarts_if_the_chain_says_so() -> None:
    assert explain_failure(failure("empty")).on_break == "fail"
    assert (
        explain_failure(failure("empty"), stream=StreamRules(on_break="restart")).on_break
        == "restart"
    )


# The plan and the worst case


def test_the_worst_case_is_every_attempt_at_its_timeout_within_the_deadline() -> None:
    targets = [target("a", Plays("x"), timeout=10.0), target("b", Plays("x"), timeout=20.0)]
    report = plan(route(*targets), {})
    assert (report.worst.attempts, report.worst.seconds) == (4, 10 + 2 + 10 + 20 + 2 + 20)
    assert plan(route(*targets, deadline=30.0), {}).worst.seconds == 30.0
    with_retries = plan(
        route(*targets, retry=Retry(attempts=5)),
        {"mine": Trigger(then="retry", kind=Kind.EMPTY, model="b")},
    )
    assert [model.attempts for model in with_retries.models] == [2, 5]


def test_the_worst_case_bills_every_attempt_and_names_models_without_a_price() -> None:
    priced, free = (
        Card(price=Price(input=1.0, output=10.0)),
        Card(price=Price(input=0.0, output=0.0)),
    )
    targets = [
        target("a", Plays("x"), card=priced),
        target("b", Plays("x"), card=free),
        target("c", Plays("x")),
    ]
    size = Usage(input=100_000, output=10_000)
    report = plan(route(*targets), {}, context=ExplainContext(tokens=size))
    assert report.worst.cost == Cost(pytest.approx(2 * 0.2), ("c",))  # type: ignore[arg-type] # a sum of floats
    assert report.worst.tokens == size
    assert [model.cost for model in report.models] == [pytest.approx(0.2), 0.0, None]
    alone = plan(route(*targets, fallback=False), {}, context=ExplainContext(tokens=size))
    assert alone.worst.cost == Cost(pytest.approx(0.4))  # type: ignore[arg-type] # as above
    after = explain(
        failure("empty"), targets[0], route(*targets[:2]), {}, context=ExplainContext(tokens=size)
    )
    assert (after.worst.attempts, after.worst.cost) == (3, Cost(pytest.approx(0.2)))  # type: ignore[arg-type] # as above


def test_the_plan_lists_what_each_model_cannot_take_and_its_triggers() -> None:
    capable = Card(tools=True, schema=True, efforts=("low",), reads=("image",))
    targets = [
        target("a", Plays("x"), card=capable),
        target("b", Plays("x"), refused=("top_k", "top_k")),
    ]
    rules = {
        "mine": Trigger(then="next", kind=Kind.EMPTY, model="b"),
        "all": Trigger(then="next", kind=Kind.EMPTY),
    }
    report = plan(
        route(*targets, fallback=False, hedge=Hedge(after=8.0)),
        rules,
        ExplainContext(locations={"mine": "m.yaml:3"}),
    )
    assert [model.cannot for model in report.models] == [
        (),
        ("tools", "a JSON Schema", "reasoning_effort", "media", "top_k"),
    ]
    assert [model.triggers for model in report.models] == [("all",), ("mine", "all")]
    assert [(model.asked, model.attempts) for model in report.models] == [(True, 2), (False, 0)]
    assert (report.hedge_after, report.triggers[0].place, report.worst.attempts) == (
        8.0,
        "m.yaml:3",
        2,
    )
    assert report.hedge is None  # no other model can be called beside it


def test_the_plan_has_the_cost_of_a_hedge() -> None:
    reasoning, free = (
        Card(efforts=("low",), price=Price(input=1.0, output=2.0)),
        Card(price=Price(input=0.0, output=0.0)),
    )
    targets = [
        target("a", Plays("x"), card=reasoning, timeout=120.0),
        target(
            "old",
            Plays("x"),
            card=reasoning,
            breaker=CircuitBreaker(suspected="retired on 2026-12-01"),
        ),
        target("b", Plays("x"), card=free),
        target("c", Plays("x"), card=reasoning, timeout=90.0),
        target("d", Plays("x")),
    ]
    report = plan(
        route(*targets, hedge=Hedge(after=10.0)),
        {},
        ExplainContext(tokens=Usage(input=100_000, output=50_000)),
    ).hedge
    assert report is not None
    assert report.whole == {"a": 60.0, "c": 45.0}
    assert (report.share, report.first, report.cost) == (0.05, 5, Cost(0.2, ("d",)))
    assert plan(route(*targets[:2], hedge=Hedge(after=10.0)), {}).hedge is None
    assert plan(route(*targets), {}).hedge is None


# How a failure is read


@pytest.mark.parametrize("row", GEMINI)
def test_geminis_known_errors(row: tuple[Any, ...]) -> None:
    body = gemini_error(row[0], row[1], row[3], row[4] if len(row) > 4 else ())
    check_explanation(body, row[0], row[2], "gemini")


@pytest.mark.parametrize("row", OPENAI)
def test_openais_known_errors(row: tuple[Any, ...]) -> None:
    check_explanation(openai_error(row[1], row[2], row[4]), row[0], row[3], "openai")


def check_explanation(body: Any, status: int, kind: Kind, plugin: str) -> None:
    """Assert that a recording and an SDK's exception are explained as the plugin's own failure."""
    read = reader(plugin)
    result = from_recording(msgspec.json.encode(body), "body.json", status, read)
    assert result.failure == read(status, {}, body)
    assert result.failure.kind is kind
    last_line = f"sdk.errors.APIError: Error code: {status} - {body!r}\n"
    exception_text = f"Traceback (most recent call last):\n  …\n{last_line}"
    assert from_exception(exception_text, "p", read).failure == result.failure
    chain = route(target("a", Plays("x")), target("b", Plays("x")))
    first = chain.targets[0]
    report = explain(result.failure, first, chain, {})
    assert (
        report.steps[0].then
        == decide(result.failure, first, chain.chain, chain.triggers, 1, random.Random(1)).then
    )


@pytest.mark.parametrize("name", FAILED)
def test_a_recorded_error_has_its_failure(name: str) -> None:
    row = FAILED[name]
    plugin = PLUGINS[row.wire]
    data, file = (
        (recorded(name).unpacked, "body.txt")
        if "#" in name
        else (find_path(name).read_bytes(), Path(name).name)
    )
    status = recorded(name).status or (row.status if row.status != 200 else None)
    if b'"error"' not in data:  # not an error, but blocked or empty
        with pytest.raises(RequestError, match="holds no failure"):
            from_recording(data, file, None, reader(plugin))
        return
    result = from_recording(data, file, status, reader(plugin)).failure
    assert (result.kind, result.status, result.code, result.retry_after) == (
        row.kind,
        row.status,
        row.code,
        row.retry_after,
    )


@pytest.mark.parametrize("name", CASSETTES)
def test_a_cassette_is_read_for_its_error(name: str) -> None:
    row = FAILED[name]
    data = find_path(name.partition("#")[0]).read_bytes()
    result = from_recording(data, "cassette.yaml", None, reader(PLUGINS[row.wire])).failure
    assert (result.kind, result.status, result.code, result.retry_after) == (
        row.kind,
        row.status,
        row.code,
        row.retry_after,
    )


def test_the_last_error_of_a_cassette_counts() -> None:
    answers = [
        {"response": {"status": {"code": status}, "body": {"string": "{}"}, "headers": {}}}
        for status in (503, 404, 200)
    ]
    result = from_recording(
        msgspec.json.encode({"interactions": answers}), "cassette.yaml", None, None
    )
    assert (result.failure.status, result.failure.kind) == (404, Kind.MODEL_MISSING)


@pytest.mark.parametrize(
    ("data", "name", "message"),
    [
        (b"interactions: []", "a.yaml", "has no interactions"),
        (b"a: [", "a.yml", "is not YAML"),
        (b'{"choices": []}', "a.json", "holds no failure"),
        (b"", "a.json", "holds no failure"),
    ],
)
def test_a_recording_without_an_error_is_refused(data: bytes, name: str, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        from_recording(data, name, None, None)


def test_a_page_with_a_given_status_is_an_error() -> None:
    result = from_recording(b"<html>bad gateway</html>", "a.html", 502, None)
    assert (result.failure.kind, result.failure.text) == (
        Kind.SERVER_ERROR,
        "502 Bad Gateway. <html>bad gateway</html>",
    )


@pytest.mark.parametrize(
    ("text", "kind", "status", "message"),
    [
        (
            f"google.genai.errors.ServerError: 503 UNAVAILABLE. {BUSY!r}",
            "overloaded",
            503,
            "503 UNAVAILABLE. Busy.",
        ),
        (
            f"ServerError: 503 UNAVAILABLE. {json.dumps(BUSY)}",
            "overloaded",
            503,
            "503 UNAVAILABLE. Busy.",
        ),
        (
            "503 UNAVAILABLE. The model is busy",
            "overloaded",
            503,
            "503 UNAVAILABLE. The model is busy",
        ),
        ("Error code: 429", "rate_limited", 429, "429 Too Many Requests"),
        (
            "httpx2.HTTPStatusError: Client error '404 Not Found' for url 'x'",
            "model_missing",
            404,
            None,
        ),
        ("httpx2.ReadTimeout", "timeout", None, "timeout: no connection in time"),
        (
            "Traceback (…):\nhttpx2.ReadTimeout: The read timed out\n",
            "timeout",
            None,
            "timeout: The read timed out",
        ),
        (
            "openai.APITimeoutError: Request timed out.",
            "timeout",
            None,
            "timeout: Request timed out.",
        ),
        (
            "httpx2.ConnectError: [Errno 111] refused",
            "connection",
            None,
            "connection error: [Errno 111] refused",
        ),
        ("openai.APIConnectionError: Connection error.", "connection", None, "Connection error."),
        ("socket.gaierror: [Errno -2] Name or service not known", "connection", None, None),
        ("timeout: no answer in 30s", "timeout", None, "timeout: no answer in 30s"),
        (
            "ValueError: 3 is odd",
            "contract",
            None,
            "the plugin of provider 'p' raised ValueError: 3 is odd",
        ),
    ],
)
def test_an_exception_is_read(
    text: str, kind: str, status: int | None, message: str | None
) -> None:
    result = from_exception(text, "p", reader("gemini")).failure
    assert (result.kind, result.status) == (Kind(kind), status)
    assert message is None or result.text == message


@pytest.mark.parametrize(
    ("status", "code", "message", "kind", "reason"),
    [
        (503, "", "busy", "overloaded", "HTTP 503 means that"),
        (
            429,
            "insufficient_quota",
            "",
            "quota_exhausted",
            "the vendor's code 'insufficient_quota' says so",
        ),
        (400, "", "Unsupported parameter: 'x'", "unsupported", "the text of the message says so"),
        (
            None,
            "rate_limit_error",
            "",
            "rate_limited",
            "the vendor's code 'rate_limit_error' says so",
        ),
        (None, "", "timeout: no answer in 3s", "timeout", "the message says so"),
    ],
)
def test_the_kind_comes_from_status_code_or_message(
    status: Any, code: str, message: str, kind: str, reason: str
) -> None:
    result = from_status(status, code, message, reader("openai"))
    assert (result.failure.kind, result.reason) == (Kind(kind), reason)


def test_a_message_without_a_known_kind_is_refused() -> None:
    with pytest.raises(RequestError, match="give --status or --code too, or --kind"):
        from_status(None, "", "it went wrong", reader("openai"))


def test_without_a_failure_reader_the_status_decides() -> None:
    assert Registry().failure_reader("scripted") is None
    result = from_answer(529, {}, {"error": {"message": "busy"}}, None, "slow")
    assert (result.failure.kind, result.failure.text, result.reason) == (
        Kind.OVERLOADED,
        "529 slow. busy",
        "HTTP 529 means that",
    )


@pytest.mark.parametrize(
    ("kind", "message"),
    [("timeout", "timeout: no answer in 9s"), ("overloaded", ""), ("truncated", "truncated")],
)
def test_a_kind_of_standby_has_its_own_message(kind: str, message: str) -> None:
    result = from_kind(Kind(kind), 9.0)
    assert result.failure.text.startswith(message)
    assert result.reason == "it was given"
    assert (
        from_kind(Kind(kind), 9.0, status=503, message="m").failure.text
        == "503 Service Unavailable. m"
    )


def test_keys_are_removed_and_long_messages_are_cut() -> None:
    report = redact(
        failure("unauthorized", "the key sk-proj-1 " + "x" * 3000),
        (Secret("sk-proj-1"),),
        Request(()),
    )
    assert report.message.startswith("the key *** x")
    assert len(report.message) == 2004


def test_no_failure_rests_a_model_without_a_breaker() -> None:
    never_resting = target("a", Plays("x"), breaker=DisabledBreaker())
    for kind in Kind:
        steps = explain(
            failure(kind, retry_after=60.0), never_resting, route(never_resting), {}
        ).steps
        assert {(step.counts, step.rests) for step in steps} == {(False, None)}


# A vendor whose errors have a shape of their own


def read_fault(status: int, headers: Any, body: Any) -> Failure:
    """Read a vendor's error from `fault` alone."""
    del headers
    report = get_object(get_object(body).get("fault"))
    kind = {"spent": Kind.QUOTA_EXHAUSTED}.get(
        get_str(report.get("reason")), kind_of_status(status)
    )
    if "too long" in get_str(report.get("detail")):
        kind = Kind.CONTEXT_TOO_LONG
    return Failure(
        kind=kind,
        status=status,
        code=get_str(report.get("reason")) or None,
        message=get_str(report.get("detail")),
    )


def stub_error(path: str, request: Any, answer: str | Failure) -> Any:
    del path, request
    assert isinstance(answer, Failure)
    return {"fault": {"reason": answer.code or "made_up", "detail": answer.message}}


@pytest.mark.parametrize(
    ("status", "code", "message", "kind", "reason"),
    [
        (429, "spent", "It is used up.", "quota_exhausted", "the vendor's code 'spent' says so"),
        (None, "spent", "", "quota_exhausted", "the vendor's code 'spent' says so"),
        (400, "", "The text is too long.", "context_too_long", "the text of the message says so"),
        (503, "", "Busy.", "overloaded", "HTTP 503 means that"),
        (503, "", "", "overloaded", "HTTP 503 means that"),
    ],
)
def test_a_plugin_gets_an_error_in_its_vendors_own_shape(
    status: int | None, code: str, message: str, kind: str, reason: str
) -> None:
    result = from_status(status, code, message, read_fault, stub_error)
    assert (result.failure.kind, result.reason) == (Kind(kind), reason)
    assert (result.failure.message, result.failure.code) == (message, code or None)


def test_a_plugin_that_knows_the_usual_shape_gets_it() -> None:
    def never(path: str, request: Any, answer: str | Failure) -> Any:
        raise AssertionError((path, request, answer))

    for plugin in ("openai", "gemini", "anthropic"):
        result = from_status(429, "", "Slow down.", reader(plugin), never)
        assert (result.failure.kind, result.failure.text) == (
            Kind.RATE_LIMITED,
            "429 Too Many Requests. Slow down.",
        )


OWN = b'{"fault": {"reason": "spent", "detail": "It is used up."}}'


@pytest.mark.parametrize("status", [429, 500, None])
def test_a_recorded_error_of_a_vendors_own_shape_is_read_by_its_plugin(status: int | None) -> None:
    malformed = Failure(kind=Kind.MALFORMED, status=200, message="malformed: no text")
    result = from_recording(OWN, "body.json", status, read_fault, lambda *_: malformed)
    assert (result.failure.kind, result.failure.text) == (
        Kind.QUOTA_EXHAUSTED,
        f"{status or 200} spent. It is used up.",
    )
    assert result.reason == "the vendor's code 'spent' says so"


def test_the_reader_gets_the_complete_body_of_an_error() -> None:
    bodies: list[Any] = []

    def read(status: int, headers: Any, body: Any) -> Failure:
        bodies.append(body)
        return Failure(kind=kind_of_status(status), status=status, message=str(headers))

    body = {"response": {"error": {"code": "x"}}, "fault": {"reason": "spent"}}
    from_recording(msgspec.json.encode(body), "body.json", 503, read)
    assert bodies[0] == body
    exception_text = f"acme.Refused: Error code: 503 - {body!r}"
    from_exception(exception_text, "p", read)
    assert bodies[-1] == body


# Packed and foreign cassettes


GOOD = b'{"id":"1","model":"m","choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]}'
REFUSED = b'{"error":{"message":"You exceeded your current quota.","code":"insufficient_quota"}}'


def cassette(*answers: tuple[int, bytes], ruby: bool = False, coding: str = "gzip") -> bytes:
    def build_interaction(status: int, body: bytes) -> dict[str, Any]:
        headers = {
            "Content-Encoding": [coding],
            "Retry-After": ["9"],
            "Content-Type": ["application/json"],
        }
        content = (
            {"encoding": "ASCII-8BIT", "base64_string": base64.b64encode(body).decode()}
            if ruby
            else {"string": body}
        )
        return {
            "request": {"uri": "x"},
            "response": {"status": {"code": status}, "headers": headers, "body": content},
        }

    name = "http_interactions" if ruby else "interactions"
    return yaml.safe_dump(
        {name: [build_interaction(status, body) for status, body in answers]}
    ).encode()


@pytest.mark.parametrize("ruby", [False, True])
@pytest.mark.parametrize(("coding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_a_packed_error_is_read(coding: str, pack: Any, *, ruby: bool) -> None:
    data = cassette(
        (200, pack(GOOD)), (429, pack(REFUSED)), (200, pack(GOOD)), ruby=ruby, coding=coding
    )
    result = from_recording(data, "cassette.yml", None, reader("openai")).failure
    assert (result.kind, result.status, result.retry_after) == (Kind.QUOTA_EXHAUSTED, 429, 9)
    assert result.message == "You exceeded your current quota."
    assert (
        from_recording(gzip.compress(data), "cassette.yml.gz", None, reader("openai")).failure
        == result
    )
    in_json = json.dumps(yaml.safe_load(data)).encode() if ruby else None  # JSON has no bytes
    assert (
        in_json is None
        or from_recording(in_json, "cassette.json", None, reader("openai")).failure == result
    )


@pytest.mark.parametrize("ruby", [False, True])
def test_a_packed_answer_is_unpacked_for_the_reader(*, ruby: bool) -> None:
    passed: list[tuple[dict[str, str], bytes]] = []

    def play(status: int, headers: Any, body: bytes) -> None:
        assert status == 200
        passed.append((dict(headers), body))

    with pytest.raises(
        RequestError, match="holds no failure: it is an answer that the chain accepts"
    ):
        from_recording(
            cassette((200, gzip.compress(GOOD)), ruby=ruby), "a.yaml", None, reader("openai"), play
        )
    [(headers, body)] = passed
    assert (body, "content-encoding" in headers, headers["content-type"]) == (
        GOOD,
        False,
        "application/json",
    )


@pytest.mark.parametrize(
    ("body", "coding", "message"),
    [
        (
            lambda: gzip.compress(b" " * 2**26),
            "gzip",
            f"a.yaml holds a packed body that unpacks to more than {2**25} bytes",
        ),
        (lambda: gzip.compress(GOOD)[:-9], "gzip", "a.yaml holds a packed body that is cut off"),
        (
            lambda: b"\x0b\x02\x80Lisbon.\x03",
            "br",
            "a.yaml holds a body that is packed with br, which Python's own library cannot",
        ),
    ],
    ids=["a bomb", "cut off", "Brotli"],
)
def test_a_body_that_cannot_be_unpacked_is_refused_with_the_reason(
    body: Callable[[], bytes], coding: str, message: str
) -> None:
    with pytest.raises(RequestError, match=message):
        from_recording(cassette((200, body()), coding=coding), "a.yaml", None, reader("openai"))


def test_broken_bodies_of_other_answers_are_skipped_and_bombs_do_not_add_up() -> None:
    bomb = (503, gzip.compress(b" " * 2**26))
    started = time.thread_time()
    result = from_recording(
        cassette((429, gzip.compress(REFUSED)), *[bomb] * 12), "a.yaml", None, reader("openai")
    ).failure
    assert (result.status, result.kind) == (429, Kind.QUOTA_EXHAUSTED)
    assert time.thread_time() - started < 10


def test_a_status_of_the_caller_overrides_the_cassettes() -> None:
    result = from_recording(
        cassette((200, gzip.compress(b'{"detail": "no"}'))), "a.yaml", 503, None
    ).failure
    assert (result.status, result.kind) == (503, Kind.OVERLOADED)
