from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from standby.cards import Card
from standby.settings import Chain, Model, Provider, Retry, Secret, Settings, Trigger
from tests.config.files import one_chain, resolve_settings


def format_findings(settings: Settings) -> list[str]:
    findings = resolve_settings(settings).findings
    return [
        (
            f"{'.'.join(map(str, f.location))} {f.problem.severity}: {f.problem.message}; "
            f"{f.problem.hint}"
        )
        for f in findings
    ]


# Chains


def test_one_name_twice_is_a_warning_and_is_tried_once() -> None:
    settings = one_chain("flash", "large-3", "flash")
    assert format_findings(settings) == [
        "chains.default.models.2 warning: 'flash' is already in this chain; it is tried once"
    ]
    assert resolve_settings(settings).settings.chains["default"].models == ("flash", "large-3")


def test_two_names_for_one_model_are_a_warning_and_the_model_is_tried_once() -> None:
    settings = one_chain(
        "flash", "bolt/flash", "quick", models={"quick": Model(model="flash", timeout=1.0)}
    )
    assert format_findings(settings) == [
        (
            "chains.default.models.1 warning: 'bolt/flash' is the same model as 'flash' before "
            "it; it is tried once"
        ),
        (
            "chains.default.models.2 warning: 'quick' is the same model as 'flash' before it; it "
            "is tried once"
        ),
    ]
    assert resolve_settings(settings).settings.chains["default"].models == ("flash",)


@pytest.mark.parametrize(
    "provider",
    [
        Provider(plugin="acme", api_key=Secret("another")),
        Provider(plugin="acme", base_url="http://127.0.0.1"),
        Provider(plugin="bolt", api_key=Secret("acme-opens-nothing")),
    ],
)
def test_another_account_endpoint_or_plugin_is_another_model(provider: Provider) -> None:
    assert format_findings(one_chain("acme/x", "mine/x", providers={"mine": provider})) == []


def test_other_options_make_another_model() -> None:
    models = {
        name: Model(provider="acme", model="x", options={"effort": name})
        for name in ("low", "high")
    }
    assert format_findings(one_chain("low", "high", models=models)) == []


def test_two_providers_of_one_account_are_one() -> None:
    provider = {
        "mine": Provider(plugin="acme", api_key=Secret("acme-opens-nothing", origin="OTHER_NAME"))
    }
    assert len(format_findings(one_chain("acme/x", "mine/x", providers=provider))) == 1


def test_a_chain_uses_all_triggers_in_their_order_unless_it_lists_its_own() -> None:
    triggers = {name: Trigger(then="next", kind="timeout") for name in ("b", "a")}
    chains = {
        "all": Chain(models=("flash",)),
        "none": Chain(models=("flash",), triggers=()),
        "one": Chain(models=("flash",), triggers=("a",)),
    }
    resolved = resolve_settings(Settings(chains=chains, triggers=triggers)).settings.chains
    assert {name: chain.triggers for name, chain in resolved.items()} == {
        "all": ("b", "a"),
        "none": (),
        "one": ("a",),
    }


def test_an_unknown_trigger_is_reported_with_the_most_similar() -> None:
    settings = Settings(
        chains={"x": Chain(models=("flash",), triggers=("busi", "zzz"))},
        triggers={"busy": Trigger(then="retry", kind="overloaded")},
    )
    assert format_findings(settings) == [
        "chains.x.triggers.0 error: no trigger is named 'busi'; did you mean 'busy'?",
        "chains.x.triggers.1 error: no trigger is named 'zzz'; define it under 'triggers:'",
    ]


# Settings


def test_settings_made_in_code_are_checked_before_they_are_looked_up() -> None:
    settings = Settings(chains={"x": Chain(models=("zzz",), retry=Retry(attempts=0))})
    resolution = resolve_settings(settings)
    assert [problem.code for problem in resolution.problems] == ["out-of-range"]
    assert resolution.settings is settings


def test_what_is_resolved_leaves_nothing_open() -> None:
    resolved = resolve_settings(one_chain("large-3", "acme/x")).settings
    assert resolved.providers == {
        "acme": Provider(plugin="acme", api_key=Secret("acme-opens-nothing"), options={})
    }
    for name in ("large-3", "acme/x"):
        findings = resolved.models[name]
        assert None not in (
            findings.provider,
            findings.model,
            findings.timeout,
            findings.options,
            findings.drop,
            findings.card,
        )
    assert resolved.chains["default"].triggers == ()


NAMES = ["flash", "large-3", "old-1", "acme/x", "bolt/flash", "mine/y", "own", "zzz"]
SECONDS = st.sampled_from([0.5, 30.0])


def optional(of: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | of


CARDS = st.builds(
    Card,
    context_window=optional(st.just(5)),
    timeout=optional(SECONDS),
    refuses=optional(st.just(("seed",))),
    retires=optional(st.just(date(2026, 1, 1))),
)
MODELS = st.builds(
    Model,
    provider=optional(st.sampled_from(["acme", "bolt", "mine", "missing"])),
    model=optional(st.sampled_from(["flash", "x"])),
    timeout=optional(SECONDS),
    options=optional(st.sampled_from([{}, {"budget": "5"}, {"budget": 5, "loud": "no"}])),
    drop=optional(st.sampled_from([(), ("seed",), ("zzz",)])),
    card=optional(CARDS),
)
SETTINGS = st.builds(
    Settings,
    providers=st.dictionaries(
        st.sampled_from(["mine", "acme"]),
        st.builds(
            Provider,
            plugin=st.sampled_from(["acme", "bolt"]),
            base_url=optional(st.just("http://127.0.0.1")),
            api_key=optional(st.sampled_from([Secret(""), Secret("k")])),
        ),
    ),
    models=st.dictionaries(st.sampled_from(["own", "flash", "acme/x"]), MODELS),
    triggers=st.dictionaries(
        st.sampled_from(["t", "u"]), st.just(Trigger(then="next", kind="timeout"))
    ),
    chains=st.dictionaries(
        st.sampled_from(["default", "other"]),
        st.builds(
            Chain,
            models=st.lists(st.sampled_from(NAMES), min_size=1, max_size=4).map(tuple),
            triggers=optional(st.sampled_from([(), ("t",)])),
        ),
        min_size=1,
    ),
)


@given(SETTINGS, st.sampled_from([{}, {"ACME_KEY": "a"}, {"ACME_KEY": "a", "BOLT_KEY": "b"}]))
@limits(max_examples=150)
def test_resolving_what_is_resolved_changes_nothing(
    settings: Settings, environ: dict[str, str]
) -> None:
    once = resolve_settings(settings, environ)
    if any(problem.severity == "error" for problem in once.problems):
        return
    twice = resolve_settings(once.settings, {})
    assert twice.settings == once.settings
    assert [
        problem for problem in twice.problems if problem.code not in ("retired", "no-key")
    ] == []


def test_a_chain_that_lost_its_models_to_errors_is_an_error() -> None:
    assert any(
        problem.severity == "error" for problem in resolve_settings(one_chain("zzz")).problems
    )
