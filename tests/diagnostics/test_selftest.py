"""The self-test: each plugin's stub server speaks its wire, and each fault is recognised."""

import sys
from collections.abc import Mapping, Sequence
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import pytest

from standby.config.resolve.resolver import resolve
from standby.diagnostics.selftest.faults import NETWORK, USUAL, Fault, list_faults
from standby.diagnostics.selftest.results import SelftestResult
from standby.diagnostics.selftest.runner import ListFaults, run_selftest
from standby.errors import ConfigError
from standby.failures import Failure, Kind, kind_of_status
from standby.registry.plugins import Registry
from standby.settings import BreakerSettings, Chain, Model, Retry, Settings, Trigger
from standby.testing import isolated_registry

VENDORS = ("gemini", "openai", "anthropic")
PATHS = {
    "gemini": ["/v1beta/models/m:generateContent"],
    "openai": ["/v1/chat/completions", "/v1/responses"],
    "anthropic": ["/v1/messages"],
}
WIRES = [(plugin, path) for plugin, paths in PATHS.items() for path in paths]


def few(_: Sequence[str]) -> list[Fault]:
    """Two faults, for rules that hold of any."""
    return [
        fault for fault in USUAL if fault.name in ("502 bad gateway", "503 service unavailable")
    ]


def run_chain(
    *models: str,
    registry: Registry | None = None,
    more_models: Mapping[str, Model] | None = None,
    faults: ListFaults = few,
    **rest: Any,
) -> SelftestResult:
    """Test one chain of these models, without a key."""
    registry = registry or Registry()
    triggers = rest.pop("triggers", {})
    settings = Settings(
        models=dict(more_models or {}),
        triggers=triggers,
        chains={"default": Chain(models=models, **rest)},
    )
    resolution = resolve(settings, registry, {}, today=date(2026, 11, 24))
    assert [problem for problem in resolution.problems if problem.severity == "error"] == []
    return run_selftest(resolution.settings, registry, "default", faults)


def stub_of(plugin: str) -> Any:
    module, _, name = Registry().info(plugin).stub_server.partition(":")
    return getattr(import_module(module), name)


# The stub servers


@pytest.mark.parametrize(("plugin", "path"), WIRES)
@pytest.mark.parametrize(
    ("status", "code"), [(500, "oh"), (503, None), (429, "oh"), (404, None), (401, None)]
)
def test_a_plugin_reads_the_failure_that_its_stub_server_writes(
    plugin: str, path: str, status: int, code: str | None
) -> None:
    stated = Failure(
        kind=kind_of_status(status), status=status, code=code, message="It is not what it was."
    )
    read = Registry().failure_reader(plugin)
    assert read is not None
    failure = read(
        status, {}, msgspec.json.decode(msgspec.json.encode(stub_of(plugin)(path, {}, stated)))
    )
    assert (failure.kind, failure.status, failure.message) == (
        stated.kind,
        stated.status,
        stated.message,
    )
    assert code is None or failure.code == code


PAIRS = [
    ("gemini/first", "openai/second"),
    ("openai/first", "anthropic/second"),
    ("anthropic/first", "gemini/second"),
]


@pytest.mark.parametrize(("first", "second"), [*PAIRS, ("gpt-5.6-sol", "o3-mini")])
def test_each_vendor_and_each_api_of_one_falls_back_after_every_fault_and_comes_back(
    first: str, second: str
) -> None:
    report = run_chain(first, second, faults=list_faults)
    assert [each.outcome for each in report.models] == ["answers", "answers"]
    assert report.failing == first
    assert {case.group for case in report.cases} == {"usual", "vendor", "network"}
    assert [case.fault for case in report.cases if not case.passed] == []
    assert report.recovery is not None
    assert report.recovery.passed


@pytest.mark.parametrize("plugin", VENDORS)
def test_a_vendor_falls_back_to_another_model_of_its_own(plugin: str) -> None:
    report = run_chain(f"{plugin}/first", f"{plugin}/second")
    assert [case.answered_by for case in report.cases] == [f"{plugin}/second"] * 2
    assert report.recovery is not None
    assert report.recovery.passed


# The faults


def test_every_text_of_an_error_answer_that_a_plugin_names_is_a_fault() -> None:
    for plugin in VENDORS:
        texts = Registry().info(plugin).errors
        named = [fault.name for fault in list_faults(texts) if fault.group == "vendor"]
        assert named == [text for text in texts if text[:3].isdigit()]


def test_each_fault_has_a_name_of_its_own() -> None:
    names = [fault.name for fault in (*USUAL, *NETWORK)]
    assert len(set(names)) == len(names)


def test_each_fault_becomes_the_kind_that_it_is() -> None:
    kinds = {
        case.fault: case.kind
        for case in run_chain(
            "gemini-2.5-pro", "o3-mini", faults=lambda _: (*USUAL, *NETWORK)
        ).cases
    }
    expected = {
        "503 service unavailable": Kind.OVERLOADED,
        "timeout": Kind.TIMEOUT,
        "connection error": Kind.CONNECTION,
        "server error": Kind.SERVER_ERROR,
        "bytes that are not HTTP": Kind.CONNECTION,
        "half an answer": Kind.CONNECTION,
        "a 200 with a page of HTML": Kind.MALFORMED,
        "a 200 with an error inside": Kind.OVERLOADED,
        "an answer without text": Kind.EMPTY,
        "529 overloaded": Kind.OVERLOADED,
    }
    assert {fault: kinds[fault] for fault in expected} == expected


# The chain's own rules


def test_a_trigger_that_matches_is_named_and_followed() -> None:
    again = {"again": Trigger(status=502, then="retry")}
    cases = {
        case.fault: case
        for case in run_chain(
            "gemini-2.5-pro", "o3-mini", triggers=again, retry=Retry(attempts=3)
        ).cases
    }
    assert (cases["502 bad gateway"].trigger, cases["502 bad gateway"].attempts) == ("again", 3)
    assert (
        cases["503 service unavailable"].trigger,
        cases["503 service unavailable"].attempts,
    ) == (
        None,
        2,
    )


def test_a_fault_at_which_a_trigger_stops_does_not_pass() -> None:
    stop = {"no": Trigger(status=502, then="stop")}
    [wrong] = [
        case
        for case in run_chain("gemini-2.5-pro", "o3-mini", triggers=stop).cases
        if not case.passed
    ]
    assert (wrong.fault, wrong.trigger, wrong.then, wrong.answered_by) == (
        "502 bad gateway",
        "no",
        "stop",
        "",
    )


@pytest.mark.parametrize("failures", [1, 1000])
def test_the_model_rests_as_its_own_breaker_says_and_comes_back(failures: int) -> None:
    model = {"gemini-2.5-pro": Model(breaker=BreakerSettings(failures=failures))}
    back = run_chain("gemini-2.5-pro", "o3-mini", more_models=model).recovery
    assert back is not None
    assert back.passed
    assert back.rested_after == (1 if failures == 1 else 5)  # half of ten, each with two requests


def test_a_model_whose_breaker_is_off_never_rests_and_is_used_again() -> None:
    back = run_chain(
        "gemini-2.5-pro", "o3-mini", more_models={"gemini-2.5-pro": Model(breaker=False)}
    ).recovery
    assert back is not None
    assert (back.passed, back.never_rests, back.rested_after) == (True, True, 0)


# Who is not tested


def test_chains_of_one_model_or_without_fallback_meet_no_fault() -> None:
    assert run_chain("gemini-2.5-pro").cases == ()
    report = run_chain("gemini-2.5-pro", "o3-mini", fallback=False)
    assert (report.cases, [each.model for each in report.models]) == ((), ["gemini-2.5-pro"])


def test_a_model_in_this_process_runs_unchanged_and_the_first_stub_server_is_made_to_fail() -> None:
    word = {"word": Model(provider="scripted", options={"reply": "Later."})}
    report = run_chain("word", "gemini-2.5-pro", "word", more_models=word)
    assert [each.outcome for each in report.models] == ["answers"] * len(report.models)
    assert run_chain("gemini-2.5-pro", "word", more_models=word).cases[0].answered_by == "word"


ACME = """
from standby.plugin import Failure, Kind, ProviderInfo, Reply, hookimpl
from standby.plugin import AttemptFailed


class Acme:
    def __init__(self, provider):
        raise AssertionError("called without a stub server")


@hookimpl
def standby_provider():
    return ProviderInfo(
        adapter="standby_extra_acme:Acme", keys=("ACME_KEY",), stub_server={stub_server!r}
    )
"""


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "standby_extra_acme", raising=False)
    return tmp_path / "standby_extra_acme.py"


def with_acme() -> Registry:
    return isolated_registry(
        acme="standby_extra_acme", gemini="standby_gemini", openai="standby_openai"
    )


def test_a_model_without_a_stub_server_is_never_called_and_the_reason_is_reported(
    acme: Path,
) -> None:
    acme.write_text(ACME.format(stub_server=""), encoding="utf-8")
    report = run_chain("gemini/first", "acme/second", "openai/third", registry=with_acme())
    assert [(each.outcome, each.reason) for each in report.models] == [
        ("answers", ""),
        ("not tested", "its plugin 'acme' brings no stub server"),
        ("answers", ""),
    ]
    assert {case.answered_by for case in report.cases if case.answered_by} == {"openai/third"}


@pytest.mark.parametrize(
    "stub_server", ["standby_extra_acme:absent", "standby_extra_absent:answer", "nonsense"]
)
def test_a_stub_server_that_is_not_there_is_a_broken_plugin(acme: Path, stub_server: str) -> None:
    acme.write_text(ACME.format(stub_server=stub_server), encoding="utf-8")
    with pytest.raises(
        ConfigError, match=rf"plugin 'acme' \(.*\) is broken: stub_server: {stub_server}: "
    ):
        run_chain("gemini/first", "acme/second", registry=with_acme())


def test_no_health_of_the_process_is_touched() -> None:
    from standby.client import Standby  # noqa: PLC0415 - only this rule needs a client

    settings = Settings(chains={"default": Chain(models=("gemini-2.5-pro", "o3-mini"))})
    with Standby(settings=settings, environ={}) as client:
        run_chain("gemini-2.5-pro", "o3-mini")
        assert {health.state for health in client.health().values()} == {"closed"}
