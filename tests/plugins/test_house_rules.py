"""Observers and tests that a plugin brings: told by the file, guarded, and heard."""

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

TOLD = []
OUTCOMES = []

@hookimpl
def standby_observers():
    return [TOLD.append]

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


def installed(
    folder: Path, trigger: str, first: str = "reply: Good morning.", plugin: str = PLUGIN
) -> None:
    project = {
        "name": "house-rules",
        "version": "0.3.0",
        "entry-points": {GROUP: {"house": "house_rules"}},
    }
    put(folder, project, {"house_rules.py": plugin})
    (folder / "models.yaml").write_text(FILE.format(trigger=trigger, first=first), encoding="utf-8")


def asked(chain: str = "default") -> Reply:
    with Standby(environ={}, warm_up=False) as client:
        return client.chat("What does it cost?", chain=chain)


def test_a_reply_that_a_test_recognises_moves_the_request_on(folder: Path) -> None:
    installed(folder, "cheap: {test: house/no-price, then: next}")
    reply = asked()
    assert reply.text == "It costs 90 EUR."
    first = reply.trail[0]
    assert (first.outcome, first.kind, first.trigger, first.then) == (
        "failed",
        "rejected",
        "cheap",
        "next",
    )
    assert first.text == "house/no-price. rejected: the trigger 'cheap' recognises the reply"


def test_a_rejected_reply_teaches_nothing_of_the_models_health(folder: Path) -> None:
    installed(folder, "cheap: {test: house/no-price, then: next}")
    with Standby(environ={}, warm_up=False) as client:
        for _ in range(8):
            client.chat("What does it cost?")
        assert client.health()["first"].state == "closed"


def test_where_every_reply_is_rejected_there_is_none(folder: Path) -> None:
    installed(folder, "cheap: {test: house/no-price, then: next}")
    with pytest.raises(ChainExhausted, match=r"first: house/no-price\. rejected") as caught:
        asked("priceless")
    assert [attempt.kind for attempt in caught.value.trail] == ["rejected", "rejected"]
    assert "Good morning" not in str(caught.value)


def test_a_trigger_that_retries_asks_the_same_model_again(folder: Path) -> None:
    script = "script: [{reply: Good morning.}, {reply: It costs 80 EUR.}]"
    installed(folder, "cheap: {test: house/no-price, then: retry}", script)
    (folder / "models.yaml").write_text(
        (folder / "models.yaml").read_text().replace("attempts: 1", "attempts: 2")
    )
    assert asked().text == "It costs 80 EUR."


def test_a_test_recognises_a_failure_whatever_its_kind(folder: Path) -> None:
    installed(
        folder,
        "credit: {test: house/out-of-credit, then: next}",
        "script: [{fail: {kind: invalid_request, status: 400, message: out of credit}}]",
    )
    reply = asked()
    assert (reply.model, reply.trail[0].trigger, reply.trail[0].kind) == (
        "second",
        "credit",
        "invalid_request",
    )


def test_the_other_fields_of_a_trigger_narrow_its_test(folder: Path) -> None:
    installed(folder, "cheap: {test: house/no-price, model: second, then: next}")
    assert asked().text == "Good morning."


def test_with_a_field_of_failures_no_reply_is_tested(folder: Path) -> None:
    installed(folder, "cheap: {test: house/no-price, kind: overloaded, then: next}")
    assert asked().text == "Good morning."


@pytest.mark.parametrize(
    ("raised", "words"),
    [('ValueError("no")', "ValueError: no"), ("SystemExit(3)", "SystemExit: 3")],
)
def test_a_test_that_raises_recognises_nothing_and_is_logged(
    folder: Path, raised: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    installed(
        folder,
        "odd: {test: house/broken, then: next}",
        plugin=PLUGIN.replace('ValueError("no")', raised),
    )
    with caplog.at_level(logging.ERROR, "standby"):
        assert asked().text == "Good morning."
    assert f"the test 'house/broken' raised {words}" in caplog.text


async def test_a_stream_that_is_held_back_is_tested_whole(folder: Path) -> None:
    installed(folder, "cheap: {test: house/no-price, then: next}")
    async with AsyncStandby(environ={}, warm_up=False) as client:
        stream = client.stream("What does it cost?", chain="held")
        assert "".join([chunk.text async for chunk in stream]) == "It costs 90 EUR."


async def test_words_that_are_out_are_not_tested(folder: Path) -> None:
    installed(folder, "cheap: {test: house/no-price, then: next}")
    async with AsyncStandby(environ={}, warm_up=False) as client:
        stream = client.stream("What does it cost?")
        try:
            assert "".join([chunk.text async for chunk in stream]) == "Good morning."
        except StreamBroken:
            pytest.fail("a test broke a stream")


def test_an_observer_is_told_every_event_of_a_call(folder: Path) -> None:
    installed(folder, "cheap: {test: house/no-price, then: next}")
    asked()
    import house_rules  # type: ignore[import-not-found]  # noqa: PLC0415 - installed by this test

    names = [type(event).__name__ for event in house_rules.TOLD]
    assert names == [
        "AttemptStarted",
        "AttemptEnded",
        "MovedOn",
        "AttemptStarted",
        "AttemptEnded",
        "Answered",
    ]


def test_a_reload_changes_the_observers(folder: Path) -> None:
    installed(folder, "cheap: {test: house/no-price, then: next}")
    text = (folder / "models.yaml").read_text()
    (folder / "models.yaml").write_text(text.replace("observers: [house]\n", ""))
    with Standby(environ={}, warm_up=False) as client:
        client.chat("What does it cost?")
        (folder / "models.yaml").write_text(text)
        client.reload()
        client.chat("What does it cost?")
    import house_rules  # type: ignore[import-not-found]  # noqa: PLC0415 - installed by this test

    assert [type(event).__name__ for event in house_rules.TOLD][:2] == [
        "Reloaded",
        "AttemptStarted",
    ]


@pytest.mark.parametrize(
    ("hook", "words"),
    [
        ("return 7", "standby_observers raised TypeError: 'int' object is not iterable"),
        ("return [7]", "standby_observers returned something that is not a list of functions"),
        ("return None", "standby_observers returned something that is not a list of functions"),
        ("raise SystemExit(3)", "standby_observers raised SystemExit: 3"),
    ],
)
def test_a_broken_observer_is_told_and_the_calls_go_on(
    folder: Path, hook: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    installed(
        folder,
        "{any: {kind: timeout, then: next}}"[1:-1],
        plugin=PLUGIN.replace("return [TOLD.append]", hook),
    )
    ran = CliRunner().invoke(standby, ["validate"])
    assert ran.exit_code == 2
    assert f"plugin 'house' (house-rules 0.3.0) is broken: {words}" in ran.output
    with caplog.at_level(logging.ERROR, "standby"):
        assert asked().text == "Good morning."
    assert words in caplog.text


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (
            "house/no-price",
            "house/no-prize",
            "models.yaml:8:17  error  the plugin 'house' has no test named 'no-prize'; did you mean 'no-price'?",
        ),
        (
            "house/no-price",
            "horse/no-price",
            "models.yaml:8:17  error  no plugin named 'horse' is installed; did you mean 'house'?",
        ),
        (
            "house/no-price",
            "no-price",
            "models.yaml:8:17  error  triggers.cheap.test: 'no-price' is not well formed; write it like house-rules/no-price",
        ),
        (
            "observers: [house]",
            "observers: [horse]",
            "models.yaml:2:13  error  no plugin named 'horse' is installed; did you mean 'house'?",
        ),
    ],
)
def test_a_name_that_nobody_brings_is_an_error(
    folder: Path, before: str, after: str, said: str
) -> None:
    installed(folder, "cheap: {test: house/no-price, then: next}")
    path = folder / "models.yaml"
    path.write_text(path.read_text().replace(before, after))
    ran = CliRunner().invoke(standby, ["validate"])
    assert ran.exit_code == 2
    assert said in ran.output


def test_explain_says_which_test_recognises_a_failure(folder: Path) -> None:
    installed(folder, "credit: {test: house/out-of-credit, then: next}")
    fires = CliRunner().invoke(
        standby, ["explain", "--status", "400", "--message", "out of credit"]
    )
    passed = CliRunner().invoke(standby, ["explain", "--status", "400", "--message", "bad"])
    assert "credit" in fires.output
    assert "test: house/out-of-credit does not recognise it" in passed.output


async def test_twenty_calls_at_once_are_each_told_and_tested(folder: Path) -> None:
    installed(folder, "cheap: {test: house/no-price, then: next}")
    async with AsyncStandby(environ={}, warm_up=False) as client:
        replies = await asyncio.gather(*(client.chat("What does it cost?") for _ in range(20)))
    import house_rules  # type: ignore[import-not-found]  # noqa: PLC0415 - installed by this test

    assert {reply.text for reply in replies} == {"It costs 90 EUR."}
    assert sum(type(event).__name__ == "Answered" for event in house_rules.TOLD) == 20
