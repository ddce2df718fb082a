from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from standby.cards import Card
from standby.config.conversion import convert_settings, find_type_errors
from standby.settings import (
    BreakerSettings,
    Chain,
    Hedge,
    Model,
    Provider,
    Retry,
    Secret,
    Settings,
    Trigger,
)
from tests.config.files import one_chain


def tree(**more: Any) -> dict[str, Any]:
    return {"version": 1, "chains": {"default": {"models": ["a"]}}, **more}


def test_a_tree_becomes_settings_with_seconds_and_keys() -> None:
    tree_with_values = tree(
        providers={"p": {"plugin": "acme", "api_key": "ACME_KEY"}}, models={"a": {"timeout": "3m"}}
    )
    settings = convert_settings(tree_with_values, lambda name: Secret(f"<{name}>", origin=name))
    assert settings.providers["p"].api_key == Secret("<ACME_KEY>")
    assert settings.models["a"].timeout == 180.0


def test_a_tree_that_does_not_fit_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        convert_settings(tree(models=[]), Secret)


VALID = one_chain(
    "a",
    providers={"p": Provider(plugin="acme", api_key=Secret("x"))},
    models={
        "a": Model(
            provider="p",
            timeout=0.5,
            options={"path": Path("x"), "free": object()},
            card=Card(retires=date.max),
        )
    },
    triggers={"t": Trigger(then="next", status=(503, "5xx"), kind="timeout", message=("a", "/b/"))},
)


def test_settings_made_in_code_that_a_file_could_have_fit() -> None:
    assert find_type_errors(VALID) == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (Settings(chains={}), "chains is empty; write at least one"),
        (one_chain(), "chains.default.models is empty; write at least one"),
        (
            Settings(chains={"x": Chain(models="abc")}),
            "chains.x.models: 'abc' is not a list; write one item per line, each after '- '",
        ),
        (
            Settings(chains={"x": ["a"]}),
            (
                "chains.x: this is not a mapping of keys; "
                "write 'models:' below 'x', and the list below that"
            ),
        ),
        (
            Settings(chains={"x": Chain(models=("a",), deadline=-1.0)}),
            (
                "chains.x.deadline: -1.0 is not a duration; "
                "write a number above 0 and a unit: 500ms, 30s, 3m, 1h"
            ),
        ),
        (
            one_chain("a", models={"a": Model(timeout=0.0)}),
            (
                "models.a.timeout: 0.0 is not a duration; "
                "write a number above 0 and a unit: 500ms, 30s, 3m, 1h"
            ),
        ),
        (
            Settings(chains={"x": Chain(models=("a",), retry=Retry(attempts=0))}),
            "chains.x.retry.attempts: 0 is out of range; write at least 1",
        ),
        (
            Settings(chains={"x": Chain(models=("a",), retry=Retry(attempts=True))}),
            "chains.x.retry.attempts: True is not a whole number; write a number, like 3",
        ),
        (
            one_chain("a", triggers={"t": Trigger(then="nxt", kind="timeout")}),
            "triggers.t.then: 'nxt' is not known; did you mean 'next'?",
        ),
        (
            one_chain("a", triggers={"t": Trigger(then="next", status="6xx")}),
            "triggers.t.status: '6xx' is not well formed; write it like 5xx",
        ),
        (
            one_chain("a", providers={"p": Provider(plugin="acme", base_url=Path("x"))}),
            "providers.p.base_url: this is not a text; write one text after the ':'",
        ),
        (
            one_chain("a", models={"a": Model(timeout="3s")}),
            "the settings: Expected `float | null`, got `str` - at `$.models[...].timeout`",
        ),
        (
            Settings(chains={"x": Chain(models=("a",), retry={"attempts": 1})}),
            "chains.x.retry is a dict, not a Retry; write Retry(…)",
        ),
        (
            Settings(chains={"x": {"models": ("a",)}}),
            "chains.x is a dict, not a Chain; write Chain(…)",
        ),
        (
            one_chain("a", models={"a": {"provider": "acme"}}),
            "models.a is a dict, not a Model; write Model(…)",
        ),
        (
            Settings(version=2, chains={"x": Chain(models=("a",))}),
            "version: 2 is not known; write 1",
        ),
    ],
)
def test_errors_in_settings_made_in_code_read_like_a_files(
    settings: Settings, message: str
) -> None:
    findings = find_type_errors(settings)
    assert [
        f"{finding.problem.message}; {finding.problem.hint}".removesuffix("; ")
        for finding in findings
    ] == [message]


@pytest.mark.parametrize("seconds", [86_400.5, 1e12, 10**400, float("inf")])
@pytest.mark.parametrize(
    "make",
    [
        lambda seconds: Settings(chains={"c": Chain(models=("m",), deadline=seconds)}),
        lambda seconds: Settings(
            chains={"c": Chain(models=("m",), retry=Retry(initial=seconds, limit=seconds))}
        ),
        lambda seconds: Settings(
            chains={"c": Chain(models=("m",), hedge=Hedge(after=seconds))},
        ),
        lambda seconds: Settings(
            models={"m": Model(breaker=BreakerSettings(open_limit=seconds))},
            chains={"c": Chain(models=("m",))},
        ),
        lambda seconds: Settings(
            models={"m": Model(card=Card(idle_timeout=seconds))}, chains={"c": Chain(models=("m",))}
        ),
    ],
    ids=["deadline", "retry", "hedge", "breaker", "card"],
)
def test_a_time_of_more_than_a_day_is_refused(make: Any, seconds: float) -> None:
    findings = find_type_errors(make(seconds))
    assert {each.problem.code for each in findings} == {"out-of-range"}
    assert all(
        each.problem.message.endswith(f": {seconds} is longer than a day") for each in findings
    )


def test_what_is_not_a_number_is_not_a_time() -> None:
    settings = Settings(chains={"c": Chain(models=("m",), deadline=float("nan"))})
    [finding] = find_type_errors(settings)
    assert finding.problem.message == "chains.c.deadline: nan is not a duration"


def test_a_key_is_never_in_the_message() -> None:
    settings = one_chain("a", providers={"p": Provider(plugin=3, api_key=Secret("canary-4711"))})
    literal = one_chain("a", providers={"p": Provider(plugin="acme", api_key="canary-4711")})
    assert [finding.problem.message for finding in find_type_errors(settings)] == [
        "providers.p.plugin: 3 is not a text"
    ]
    assert [finding.problem.message for finding in find_type_errors(literal)] == [
        "the settings: a key is written Secret(…) - at `$.providers[...].api_key`"
    ]
    assert "canary" not in repr((find_type_errors(settings), find_type_errors(literal)))
