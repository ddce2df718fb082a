"""Kinds, what follows each by default, and the line that triggers and people read."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from standby.failures import REACTIONS, Failure, Kind, Reaction, kind_of_status

TABLE = {
    "rate_limited": Reaction("retry", "rest"),
    "quota_exhausted": Reaction("next", "rest long", alert=True),
    "overloaded": Reaction("retry", "failure"),
    "server_error": Reaction("retry", "failure", pause=0.1),
    "connection": Reaction("retry", "failure", pause=0.1),
    "timeout": Reaction("next", "failure"),
    "malformed": Reaction("retry", "failure", pause=0.1),
    "empty": Reaction("next", "failure"),
    "schema_mismatch": Reaction("retry"),
    "rejected": Reaction("next"),
    "truncated": Reaction("accept"),
    "wrong_model": Reaction("accept", alert=True),
    "unauthorized": Reaction("next", "rest long", alert=True),
    "model_missing": Reaction("next", "rest long", alert=True),
    "context_too_long": Reaction("next"),
    "unsupported": Reaction("next"),
    "blocked": Reaction("stop"),
    "invalid_request": Reaction("stop"),
    "contract": Reaction("next", alert=True),
    "unavailable": Reaction("next"),
    "deadline": Reaction("stop"),
}
"""The promised table: a change here changes the behaviour for every user."""


def test_every_kind_has_the_promised_reaction() -> None:
    assert {kind.value: reaction for kind, reaction in REACTIONS.items()} == TABLE
    assert set(REACTIONS) == set(Kind)


NAMED = {
    401: "unauthorized",
    402: "quota_exhausted",
    403: "unauthorized",
    404: "model_missing",
    408: "server_error",
    409: "server_error",
    429: "rate_limited",
    499: "server_error",
    501: "unsupported",
    503: "overloaded",
    505: "unsupported",
    529: "overloaded",
}


def test_every_status_stands_for_a_kind() -> None:
    by_class = {
        1: "malformed",
        2: "malformed",
        3: "malformed",
        4: "invalid_request",
        5: "server_error",
    }
    stands_for = {status: kind_of_status(status) for status in range(100, 600)}
    assert stands_for == {
        status: NAMED.get(status, by_class[status // 100]) for status in range(100, 600)
    }


@pytest.mark.parametrize(
    ("failure", "text"),
    [
        (
            Failure(kind=Kind.SERVER_ERROR, message="It broke.", status=500, code="INTERNAL"),
            "500 INTERNAL. It broke.",
        ),
        (Failure(kind=Kind.OVERLOADED, message="", status=503), "503 Service Unavailable"),
        (
            Failure(kind=Kind.OVERLOADED, message="busy", status=503, code=""),
            "503 Service Unavailable. busy",
        ),
        (Failure(kind=Kind.OVERLOADED, message="busy", status=529), "529. busy"),
        (
            Failure(kind=Kind.QUOTA_EXHAUSTED, message="spent", code="insufficient_quota"),
            "insufficient_quota. spent",
        ),
        (
            Failure(kind=Kind.TIMEOUT, message="timeout: no answer in 30s"),
            "timeout: no answer in 30s",
        ),
        (Failure(kind=Kind.EMPTY, message=""), ""),
    ],
)
def test_a_failures_text_is_the_status_the_code_and_the_message(
    failure: Failure, text: str
) -> None:
    assert failure.text == text


@given(
    status=st.none() | st.integers(100, 599),
    code=st.none() | st.text(min_size=1),
    message=st.text(min_size=1),
)
def test_a_failures_text_is_one_line_that_keeps_all_of_the_vendors_message(
    status: int | None, code: str | None, message: str
) -> None:
    text = Failure(kind=Kind.SERVER_ERROR, message=message, status=status, code=code).text
    assert text == " ".join(text.split())
    assert text.startswith("" if status is None else str(status))
    assert "".join((code or "").split()) in "".join(text.split())
    assert "".join(text.split()).endswith("".join(message.split()))


def test_a_failure_is_frozen() -> None:
    failure = Failure(kind=Kind.EMPTY, message="")
    with pytest.raises(AttributeError):
        failure.message = "other"  # type: ignore[misc] # the point
    assert msgspec.structs.replace(failure, status=200).status == 200
