"""Which trigger recognises a failure: each field, all of them, and text never by itself alone."""

import re
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from standby.failures import Failure, Kind
from standby.resilience.triggers import Triggers, pattern
from standby.settings import Trigger
from standby.types import Reply
from tests.support.playing import failure

UNAVAILABLE = failure("overloaded", "The model is busy.", status=503, code="UNAVAILABLE")
LETTERS = st.text("abcXYZ019 éÉßςΣжЖ.*+?[(\\|", min_size=1, max_size=8)


def matches(failed: Failure, **fields: Any) -> bool:
    """Say whether a trigger with these fields recognises the failure of model m of provider p."""
    triggers = Triggers([("it", Trigger(then="next", **fields))])
    return triggers.match(failed, provider="p", model="m") is not None


@pytest.mark.parametrize(
    ("fields", "is_match"),
    [
        ({"kind": Kind.OVERLOADED}, True),
        ({"kind": (Kind.TIMEOUT, Kind.OVERLOADED)}, True),
        ({"kind": Kind.TIMEOUT}, False),
        ({"kind": ()}, False),
        ({"status": 503}, True),
        ({"status": (500, 503)}, True),
        ({"status": "5xx"}, True),
        ({"status": (429, "5xx")}, True),
        ({"status": "4xx"}, False),
        ({"status": 500}, False),
        ({"code": "UNAVAILABLE"}, True),
        ({"code": "unavailable"}, True),
        ({"code": ("x", "Unavailable")}, True),
        ({"code": "UNAVAIL"}, False),
        ({"message": "503 unavailable. the MODEL"}, True),
        ({"message": ("nothing", "busy")}, True),
        ({"message": "quota"}, False),
        ({"message": "/model is (busy|tired)/"}, True),
        ({"message": "/^BUSY/"}, False),
        ({"message": ("quota", "/^503 /")}, True),
        ({"provider": "p"}, True),
        ({"provider": ("q", "p")}, True),
        ({"provider": "P"}, False),
        ({"model": "m"}, True),
        ({"model": ("n", "m")}, True),
        ({"model": "n"}, False),
    ],
)
def test_a_field_matches_what_it_names_and_a_list_any_of_its_items(
    fields: dict[str, Any], *, is_match: bool
) -> None:
    assert matches(UNAVAILABLE, **fields) is is_match


@pytest.mark.parametrize("other", ["kind", "status", "code", "message", "provider", "model"])
def test_all_fields_must_match(other: str) -> None:
    good: dict[str, Any] = {
        "kind": Kind.OVERLOADED,
        "status": 503,
        "code": "UNAVAILABLE",
        "message": "busy",
        "provider": "p",
        "model": "m",
    }
    bad = {
        "kind": Kind.TIMEOUT,
        "status": 500,
        "code": "x",
        "message": "x",
        "provider": "x",
        "model": "x",
    }
    assert matches(UNAVAILABLE, **good)
    assert not matches(UNAVAILABLE, **(good | {other: bad[other]}))


@pytest.mark.parametrize("fields", [{"status": 500}, {"status": "5xx"}, {"code": "INTERNAL"}])
def test_a_failure_of_our_own_has_neither_status_nor_code(fields: dict[str, Any]) -> None:
    assert not matches(failure("timeout", "timeout: no answer in 30s"), **fields)


@pytest.mark.parametrize("status", [499, 500, 529, 599, 600])
def test_5xx_is_500_to_599(status: int) -> None:
    assert matches(failure("server_error", status=status), status="5xx") is (500 <= status < 600)


def test_the_first_match_wins() -> None:
    triggers = Triggers(
        [
            ("not it", Trigger(then="stop", kind=Kind.TIMEOUT)),
            ("first", Trigger(then="retry", status=503)),
            ("second", Trigger(then="next", kind=Kind.OVERLOADED)),
        ]
    )
    matched = triggers.match(UNAVAILABLE, provider="p", model="m")
    assert matched is not None
    assert (matched[0], matched[1].then) == ("first", "retry")
    assert Triggers([]).match(UNAVAILABLE, provider="p", model="m") is None


@pytest.mark.parametrize("says", [True, False])
def test_a_predicate_that_rejected_a_reply_is_known_by_its_name_and_not_asked_again(
    *, says: bool
) -> None:
    triggers = Triggers(
        [("cheap", Trigger(test="house/no-price", then="next"))], lambda _: lambda _: says
    )

    def is_recognised(failed: Failure) -> bool:
        return triggers.match(failed, provider="p", model="m") is not None

    assert is_recognised(failure("rejected", code="house/no-price"))
    assert not is_recognised(failure("rejected", code="house/too-long"))
    assert is_recognised(failure("overloaded", code="house/no-price")) is says


@pytest.mark.parametrize(
    ("reason", "shown"), [((b"missing )",), "missing )"), (("missing )",), "missing )"), ((), "")]
)
def test_the_reason_why_an_expression_is_refused_is_shown_as_re2_gives_it(
    reason: tuple[Any, ...], shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class RefusedError(Exception):
        pass

    def refuse(*_: Any, **__: Any) -> None:
        raise RefusedError(*reason)

    re2 = SimpleNamespace(Options=SimpleNamespace, error=RefusedError, compile=refuse)
    monkeypatch.setitem(sys.modules, "re2", re2)
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - its text is compared
        pattern("/(/")
    assert str(caught.value) == shown


ECHO = "Bad request: 'why do I get 429 rate limit?'"


@pytest.mark.parametrize("kind", ["invalid_request", "blocked"])
@pytest.mark.parametrize("message", ["429 rate limit", "/rate limit/", ("x", "429 rate limit")])
@pytest.mark.parametrize(
    "where", [{}, {"provider": "p"}, {"model": "m"}, {"provider": "p", "model": "m"}]
)
def test_text_alone_never_decides_about_the_callers_own_mistake(
    kind: str, message: Any, where: dict[str, Any]
) -> None:
    echoing = failure(kind, ECHO, status=400, code="INVALID_ARGUMENT")
    assert not matches(echoing, message=message, **where)
    assert matches(failure("rate_limited", ECHO, status=429), message=message, **where)


@pytest.mark.parametrize(
    "more", [{"status": 400}, {"kind": Kind.INVALID_REQUEST}, {"code": "INVALID_ARGUMENT"}]
)
def test_text_decides_about_it_together_with_what_the_caller_cannot_write(
    more: dict[str, Any],
) -> None:
    assert matches(
        failure("invalid_request", ECHO, status=400, code="INVALID_ARGUMENT"),
        message="429 rate limit",
        **more,
    )


@pytest.mark.parametrize(
    ("message", "failed"),
    [
        (
            "500 internal",
            failure("server_error", "An internal error has occurred.", status=500, code="INTERNAL"),
        ),
        ("503 service unavailable", failure("overloaded", "", status=503)),
        ("502 bad gateway", failure("server_error", "", status=502)),
        ("timeout", failure("timeout", "timeout: no answer in 30s")),
        ("connection error", failure("connection", "connection error: Connection refused")),
        ("server error", failure("server_error", "", status=500, code="Internal Server Error")),
        (
            "internal error has occurred",
            failure("server_error", "An internal error has occurred.", status=500),
        ),
    ],
)
def test_the_patterns_that_people_have_today_match_what_they_mean(
    message: str, failed: Failure
) -> None:
    assert matches(failed, message=message)


@given(
    before=LETTERS,
    piece=LETTERS,
    after=LETTERS,
    case=st.sampled_from([str.upper, str.lower, str.title, str.swapcase]),
)
def test_a_piece_of_text_is_found_in_any_case_and_no_character_of_it_is_special(
    before: str, piece: str, after: str, case: Any
) -> None:
    assert pattern(piece)(before + piece + after)
    assert pattern(piece)(case(before + piece + after))
    assert not pattern(piece + "#")(before + piece + after)


@pytest.mark.parametrize(
    ("expression", "text", "is_match"),
    [
        ("/É+/", "CAFÉé", True),
        ("/ab+c/", "xABBC", True),
        ("/AB+C/", "xabbc", True),
        ("/^a.c$/", "abc", True),
        ("/^a.c$/", "xabc", False),
        ("/", "a/b", True),
        ("/", "ab", False),
        ("/a", "b", False),
        ("a/", "b", False),
        ("/a", "b/A", True),
        ("a/", "A/b", True),
        ("/a/b/", "x a/b", True),
    ],
)
def test_an_expression_stands_between_slashes_and_matches_anywhere_in_any_case(
    expression: str, text: str, *, is_match: bool
) -> None:
    assert pattern(expression)(text) is is_match


@pytest.mark.parametrize("expression", ["x", "/x/"])
def test_text_that_is_not_valid_unicode_can_be_searched(expression: str) -> None:
    assert pattern(expression)("\ud800 x")
    assert not pattern(expression)("\ud800")


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("/(/", "missing ): ("),
        ("/a{1001}/", "invalid repetition size: {1001}"),
        (r"/(a)\1/", r"invalid escape sequence: \1"),
        ("/(?=a)/", "invalid perl operator: (?="),
        ("", "it is empty and would recognise every failure"),
        ("//", "it is empty and would recognise every failure"),
    ],
)
def test_a_bad_pattern_is_refused_with_re2s_own_message(
    expression: str, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        pattern(expression)
    assert str(caught.value) == message
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        Triggers([("bad", Trigger(then="next", message=("fine", expression)))])
    assert str(caught.value) == message
    assert capfd.readouterr() == ("", "")  # RE2's library would log to stderr


def test_no_expression_can_hang() -> None:
    assert not pattern("/(a+)+$/")("a" * 50_000 + "b")


def is_sorry(outcome: Reply | Failure) -> bool:
    return "sorry" in outcome.text


SORRY, FINE = Reply(text="I am sorry."), Reply(text="Lisbon.")


def test_a_predicate_recognises_failures_and_rejects_replies() -> None:
    triggers = Triggers(
        [("mine", Trigger(test="house/sorry", then="next"))], {"house/sorry": is_sorry}.__getitem__
    )
    is_match = triggers.match(failure("overloaded", "sorry"), provider="p", model="m")
    assert (is_match and is_match[0], triggers.match(UNAVAILABLE, provider="p", model="m")) == (
        "mine",
        None,
    )
    assert triggers.reject(FINE, provider="p", model="m") is None
    rejected = triggers.reject(SORRY, provider="p", model="m")
    message = "rejected: the trigger 'mine' recognises the reply"
    assert rejected == Failure(kind=Kind.REJECTED, code="house/sorry", message=message)


@pytest.mark.parametrize(
    "field",
    [{"kind": Kind.OVERLOADED}, {"status": 503}, {"code": "UNAVAILABLE"}, {"message": "sorry"}],
)
def test_beside_a_field_of_failures_a_predicate_rejects_no_reply(field: dict[str, Any]) -> None:
    triggers = Triggers(
        [("mine", Trigger(test="house/sorry", then="next", **field))], lambda _: is_sorry
    )
    assert triggers.reject(SORRY, provider="p", model="m") is None
    sorry = failure("overloaded", "sorry", status=503, code="UNAVAILABLE")
    assert triggers.match(sorry, provider="p", model="m") is not None


@pytest.mark.parametrize("field", [{"provider": "q"}, {"model": "n"}])
def test_a_reply_of_another_model_is_not_rejected(field: dict[str, Any]) -> None:
    triggers = Triggers(
        [("mine", Trigger(test="house/sorry", then="next", **field))], lambda _: is_sorry
    )
    assert triggers.reject(SORRY, provider="p", model="m") is None
    assert triggers.reject(SORRY, provider="q", model="n") is not None


def test_without_predicates_a_trigger_that_names_one_recognises_nothing() -> None:
    triggers = Triggers([("mine", Trigger(test="house/sorry", then="next"))])
    assert triggers.match(failure("overloaded", "sorry"), provider="p", model="m") is None
    assert triggers.reject(SORRY, provider="p", model="m") is None
