"""A plugin's observers and predicates: used where the file names them, and guarded."""

import asyncio
import logging
from pathlib import Path

import pytest
from click.testing import CliRunner

from standby import AsyncStandby, ChainExhausted, Reply, Standby, StreamBroken
from standby.cli import standby
from standby.plugin import GROUP
from tests.docs.distributions import put

PLUGIN = """
from standby.plugin import Failure, Reply, events, hookimpl

EVENTS = []
OUTCOMES = []

@hookimpl
def standby_observers():
    return [EVENTS.append]

@hookimpl
def standby_predicates():
    return {"no-price": no_price, "out-of-credit": out_of_credit, "broken": broken}

def no_price(outcome):
    OUTCOMES.append(outcome)
    return isinstance(outcome, Reply) and not outcome.tool_calls and "EUR" not in outcome.text

def out_of_credit(outcome):
    return isinstance(outcome, Failure) and "credit" in outcome.message

def broken(outcome):
    raise ValueError("no")
"""

FILE = """\
version: 1
observers: [house]
models:
  first: {{provider: scripted, options: {{{first}}}}}
  second: {{provider: scripted, options: {{reply: It costs 90 EUR.}}}}
  third: {{provider: scripted, options: {{reply: Good morning.}}}}
triggers:
  {trigger}
chains:
  default: {{models: [first, second], retry: {{attempts: 1}}}}
  priceless: {{models: [first, third], retry: {{attempts: 1}}}}
  held: {{models: [first, second], retry: {{attempts: 1}}, stream: {{release: whole}}}}
"""


def install(
    folder: Path, trigger: str, first: str = "reply: Good morning.", plugin: str = PLUGIN
) -> None:
    project = {
        "name": "house-rules",
        "version": "0.3.0",
        "entry-points": {GROUP: {"house": "house_rules"}},
    }
    put(folder, project, {"house_rules.py": plugin})
    (folder / "models.yaml").write_text(FILE.format(trigger=trigger, first=first), encoding="utf-8")


def ask(chain: str = "default") -> Reply:
    with Standby(environ={}, warm_up=False) as client:
        return client.chat("What does it cost?", chain=chain)


def test_a_reply_that_a_predicate_matches_moves_the_request_on(folder: Path) -> None:
    install(folder, "cheap: {test: house/no-price, then: next}")
    reply = ask()
    assert reply.text == "It costs 90 EUR."
    first = reply.trail[0]
    assert (first.outcome, first.kind, first.trigger, first.then) == (
        "failed",
        "rejected",
        "cheap",
        "next",
    )
    assert first.text == "house/no-price. rejected: the trigger 'cheap' recognises the reply"


def test_a_rejected_reply_does_not_count_against_the_models_health(folder: Path) -> None:
    install(folder, "cheap: {test: house/no-price, then: next}")
    with Standby(environ={}, warm_up=False) as client:
        for _ in range(8):
            client.chat("What does it cost?")
        assert client.health()["first"].state == "closed"


def test_the_call_fails_where_every_reply_is_rejected(folder: Path) -> None:
    install(folder, "cheap: {test: house/no-price, then: next}")
    with pytest.raises(ChainExhausted, match=r"first: house/no-price\. rejected") as caught:
        ask("priceless")
    assert [attempt.kind for attempt in caught.value.trail] == ["rejected", "rejected"]
    assert "Good morning" not in str(caught.value)


def test_a_trigger_that_retries_calls_the_same_model_again(folder: Path) -> None:
    script = "script: [{reply: Good morning.}, {reply: It costs 80 EUR.}]"
    install(folder, "cheap: {test: house/no-price, then: retry}", script)
    (folder / "models.yaml").write_text(
        (folder / "models.yaml").read_text().replace("attempts: 1", "attempts: 2")
    )
    assert ask().text == "It costs 80 EUR."


def test_a_predicate_matches_a_failure_of_any_kind(folder: Path) -> None:
    install(
        folder,
        "credit: {test: house/out-of-credit, then: next}",
        "script: [{fail: {kind: invalid_request, status: 400, message: out of credit}}]",
    )
    reply = ask()
    assert (reply.model, reply.trail[0].trigger, reply.trail[0].kind) == (
        "second",
        "credit",
        "invalid_request",
    )


def test_the_other_fields_of_a_trigger_restrict_its_predicate(folder: Path) -> None:
    install(folder, "cheap: {test: house/no-price, model: second, then: next}")
    assert ask().text == "Good morning."


def test_with_a_field_of_failures_the_predicate_sees_no_replies(folder: Path) -> None:
    install(folder, "cheap: {test: house/no-price, kind: overloaded, then: next}")
    assert ask().text == "Good morning."


@pytest.mark.parametrize(
    ("raised", "message"),
    [('ValueError("no")', "ValueError: no"), ("SystemExit(3)", "SystemExit: 3")],
)
def test_a_predicate_that_raises_matches_nothing_and_is_logged(
    folder: Path, raised: str, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    install(
        folder,
        "odd: {test: house/broken, then: next}",
        plugin=PLUGIN.replace('ValueError("no")', raised),
    )
    with caplog.at_level(logging.ERROR, "standby"):
        assert ask().text == "Good morning."
    assert f"the predicate 'house/broken' raised {message}" in caplog.text


async def test_a_predicate_sees_the_reply_of_a_buffered_stream(folder: Path) -> None:
    install(folder, "cheap: {test: house/no-price, then: next}")
    async with AsyncStandby(environ={}, warm_up=False) as client:
        stream = client.stream("What does it cost?", chain="held")
        assert "".join([chunk.text async for chunk in stream]) == "It costs 90 EUR."


async def test_a_predicate_does_not_see_text_that_was_delivered(folder: Path) -> None:
    install(folder, "cheap: {test: house/no-price, then: next}")
    async with AsyncStandby(environ={}, warm_up=False) as client:
        stream = client.stream("What does it cost?")
        try:
            assert "".join([chunk.text async for chunk in stream]) == "Good morning."
        except StreamBroken:
            pytest.fail("a predicate broke a stream")


def test_an_observer_gets_every_event_of_a_call(folder: Path) -> None:
    install(folder, "cheap: {test: house/no-price, then: next}")
    ask()
    import house_rules  # type: ignore[import-not-found]  # noqa: PLC0415 - installed by this test

    names = [type(event).__name__ for event in house_rules.EVENTS]
    assert names == [
        "AttemptStarted",
        "AttemptEnded",
        "MovedOn",
        "AttemptStarted",
        "AttemptEnded",
        "Answered",
    ]


def test_a_reload_changes_the_observers(folder: Path) -> None:
    install(folder, "cheap: {test: house/no-price, then: next}")
    text = (folder / "models.yaml").read_text()
    (folder / "models.yaml").write_text(text.replace("observers: [house]\n", ""))
    with Standby(environ={}, warm_up=False) as client:
        client.chat("What does it cost?")
        (folder / "models.yaml").write_text(text)
        client.reload()
        client.chat("What does it cost?")
    import house_rules  # type: ignore[import-not-found]  # noqa: PLC0415 - installed by this test

    assert [type(event).__name__ for event in house_rules.EVENTS][:2] == [
        "Reloaded",
        "AttemptStarted",
    ]


@pytest.mark.parametrize(
    ("hook", "message"),
    [
        ("return 7", "standby_observers raised TypeError: 'int' object is not iterable"),
        ("return [7]", "standby_observers returned something that is not a list of functions"),
        ("return None", "standby_observers returned something that is not a list of functions"),
        ("raise SystemExit(3)", "standby_observers raised SystemExit: 3"),
    ],
)
def test_a_broken_observer_is_reported_and_calls_go_on(
    folder: Path, hook: str, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    install(
        folder,
        "{any: {kind: timeout, then: next}}"[1:-1],
        plugin=PLUGIN.replace("return [EVENTS.append]", hook),
    )
    result = CliRunner().invoke(standby, ["validate"])
    assert result.exit_code == 2
    assert f"plugin 'house' (house-rules 0.3.0) is broken: {message}" in result.output
    with caplog.at_level(logging.ERROR, "standby"):
        assert ask().text == "Good morning."
    assert message in caplog.text


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (
            "house/no-price",
            "house/no-prize",
            (
                "models.yaml:8:17  error  the plugin 'house' has no predicate named 'no-prize'; "
                "did you mean 'no-price'?"
            ),
        ),
        (
            "house/no-price",
            "horse/no-price",
            "models.yaml:8:17  error  no plugin named 'horse' is installed; did you mean 'house'?",
        ),
        (
            "house/no-price",
            "no-price",
            (
                "models.yaml:8:17  error  triggers.cheap.test: 'no-price' is not well formed; "
                "write it like house-rules/no-price"
            ),
        ),
        (
            "observers: [house]",
            "observers: [horse]",
            "models.yaml:2:13  error  no plugin named 'horse' is installed; did you mean 'house'?",
        ),
    ],
)
def test_an_unknown_name_is_an_error(folder: Path, before: str, after: str, message: str) -> None:
    install(folder, "cheap: {test: house/no-price, then: next}")
    path = folder / "models.yaml"
    path.write_text(path.read_text().replace(before, after))
    result = CliRunner().invoke(standby, ["validate"])
    assert result.exit_code == 2
    assert message in result.output


def test_explain_shows_which_predicate_matches_a_failure(folder: Path) -> None:
    install(folder, "credit: {test: house/out-of-credit, then: next}")
    fires = CliRunner().invoke(
        standby, ["explain", "--status", "400", "--message", "out of credit"]
    )
    passed = CliRunner().invoke(standby, ["explain", "--status", "400", "--message", "bad"])
    assert "credit" in fires.output
    assert "test: house/out-of-credit does not recognise it" in passed.output


async def test_twenty_concurrent_calls_are_each_observed_and_checked(folder: Path) -> None:
    install(folder, "cheap: {test: house/no-price, then: next}")
    async with AsyncStandby(environ={}, warm_up=False) as client:
        replies = await asyncio.gather(*(client.chat("What does it cost?") for _ in range(20)))
    import house_rules  # type: ignore[import-not-found]  # noqa: PLC0415 - installed by this test

    assert {reply.text for reply in replies} == {"It costs 90 EUR."}
    assert sum(type(event).__name__ == "Answered" for event in house_rules.EVENTS) == 20
