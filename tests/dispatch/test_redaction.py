"""What is cut out of a vendor's words: keys, the caller's own text, and what is too long."""

from typing import Any

import pytest

from standby.dispatch.redaction import drop_frames, hide_keys, redact, redact_names, shows_key
from standby.settings import Secret
from standby.types import (
    Media,
    Message,
    Part,
    Reasoning,
    Reply,
    Request,
    Text,
    ToolCall,
    ToolResult,
)
from tests.support.playing import failure

KEY = Secret("sk-canary-1")
LONG = "a long text of the caller's"
OTHER = "https://example.org/portrait.png"


def request_of(*parts: Part) -> Request:
    return Request((Message("user", parts),))


@pytest.mark.parametrize(
    "parts",
    [
        [Text(LONG), Text(OTHER)],
        [Reasoning(text=LONG), Text(OTHER)],
        [Media(media_type="image/png", data=LONG), Media(media_type="image/png", url=OTHER)],
        [ToolCall(id="1", name="f", arguments={"a": LONG, "n": 7, "b": OTHER})],
        [ToolResult(id="1", name="f", text=LONG), Text(OTHER)],
        [
            ToolResult(
                id="1",
                name="f",
                text="short",
                media=(
                    Media(media_type="image/png", data=LONG),
                    Media(media_type="image/png", url=OTHER),
                ),
            )
        ],
    ],
    ids=["text", "reasoning", "media", "arguments", "result", "media in a result"],
)
def test_whatever_the_caller_sent_is_cut_out_of_an_echo(parts: list[Part]) -> None:
    echo = failure("invalid_request", f"no {LONG} and {OTHER}, please", code=LONG, id=OTHER)
    redacted = redact(echo, [], request_of(*parts))
    assert (redacted.message, redacted.code, redacted.id) == (
        "no […] and […], please",
        "[…]",
        "[…]",
    )


@pytest.mark.parametrize(("said", "shown"), [("12345678", "[…]"), ("1234567", "1234567")])
def test_a_word_of_seven_letters_is_not_taken_for_an_echo(said: str, shown: str) -> None:
    assert redact(failure("timeout", said), [], request_of(Text(said))).message == shown


@pytest.mark.parametrize(("key", "shown"), [("abcdef", "a *** key"), ("abcde", "a abcde key")])
def test_only_a_key_of_six_letters_or_more_is_cut_out(key: str, shown: str) -> None:
    assert hide_keys(f"a {key} key", [Secret(key)]) == shown


@pytest.mark.parametrize(("field", "longest"), [("message", 2_000), ("code", 200), ("id", 200)])
def test_a_vendors_words_are_cut_to_length(field: str, longest: int) -> None:
    def redacted(text: str) -> Any:
        failed = failure("server_error", **{"message": "", field: text})
        return getattr(redact(failed, [], request_of()), field)

    assert redacted("x" * longest) == "x" * longest
    assert redacted("x" * (longest + 1)) == "x" * longest + " […]"


def test_a_failure_without_a_code_stays_without_one() -> None:
    assert redact(failure("timeout"), [KEY], request_of()).code is None


def test_the_names_in_an_answer_have_no_keys_and_a_bounded_length() -> None:
    reply = Reply(text="", response_model=f"m {KEY.reveal()}", id="x" * 201)
    assert redact_names(reply, [KEY]) == ("m ***", "x" * 200 + " […]")


def raised(message: str, *, cause: BaseException | None = None) -> BaseException:
    try:
        raise ValueError(message) from cause  # noqa: TRY301 - it must have a frame
    except ValueError as error:
        return error


@pytest.mark.parametrize(
    ("error", "shows"),
    [
        (raised("no"), False),
        (raised(KEY.reveal()), True),
        (raised("no", cause=raised(KEY.reveal())), True),
    ],
)
def test_a_key_in_an_exception_or_its_cause_is_seen(error: BaseException, *, shows: bool) -> None:
    assert shows_key(error, [KEY]) is shows


def test_an_expected_error_keeps_its_causes_but_not_their_frames() -> None:
    deepest = raised("deepest")
    middle = raised("middle", cause=deepest)
    error = raised("error")
    error.__context__ = middle
    assert all(each.__traceback__ is not None for each in (error, middle, deepest))
    assert drop_frames(error) is error
    assert error.__context__ is middle
    assert [each.__traceback__ for each in (error, middle, deepest)] == [None] * 3


def test_where_there_is_no_cause_no_frames_are_dropped() -> None:
    assert drop_frames(None) is None
