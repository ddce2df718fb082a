from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from standby.cards import Card
from standby.settings import Chain, Model, Provider, Retry, Secret, Settings, Trigger
from tests.config.files import one_chain, resolved


def told(settings: Settings) -> list[str]:
    found = resolved(settings).findings
    return [
        f"{'.'.join(map(str, f.location))} {f.problem.severity}: {f.problem.message}; {f.problem.hint}"
        for f in found
    ]


# Chains


def test_one_name_twice_is_a_warning_and_asked_once() -> None:
    settings = one_chain("flash", "large-3", "flash")
    assert told(settings) == [
        "chains.default.models.2 warning: 'flash' stands in this chain already; it is tried once"
    ]
    assert resolved(settings).settings.chains["default"].models == ("flash", "large-3")


def test_two_names_for_one_model_are_a_warning_and_it_is_asked_once() -> None:
    settings = one_chain(
        "flash", "bolt/flash", "quick", models={"quick": Model(model="flash", timeout=1.0)}
    )
    assert told(settings) == [
        "chains.default.models.1 warning: 'bolt/flash' is the same model as 'flash' before it; it is tried once",
        "chains.default.models.2 warning: 'quick' is the same model as 'flash' before it; it is tried once",
    ]
    assert resolved(settings).settings.chains["default"].models == ("flash",)


@pytest.mark.parametrize(
    "mine",
    [
        Provider(plugin="acme", api_key=Secret("another")),
        Provider(plugin="acme", base_url="http://127.0.0.1"),
        Provider(plugin="bolt", api_key=Secret("acme-opens-nothing")),
    ],
)
def test_another_account_endpoint_or_plugin_is_another_model(mine: Provider) -> None:
    assert told(one_chain("acme/x", "mine/x", providers={"mine": mine})) == []


def test_other_options_make_another_model() -> None:
    models = {
        name: Model(provider="acme", model="x", options={"effort": name})
        for name in ("low", "high")
    }
    assert told(one_chain("low", "high", models=models)) == []


def test_two_providers_of_one_account_are_one() -> None:
    mine = {
        "mine": Provider(plugin="acme", api_key=Secret("acme-opens-nothing", origin="OTHER_NAME"))
    }
    assert len(told(one_chain("acme/x", "mine/x", providers=mine))) == 1


def test_triggers_left_out_are_all_in_their_order_and_none_are_none() -> None:
    triggers = {name: Trigger(then="next", kind="timeout") for name in ("b", "a")}
    chains = {
        "all": Chain(models=("flash",)),
        "none": Chain(models=("flash",), triggers=()),
        "one": Chain(models=("flash",), triggers=("a",)),
    }
    done = resolved(Settings(chains=chains, triggers=triggers)).settings.chains
    assert {name: chain.triggers for name, chain in done.items()} == {
        "all": ("b", "a"),
        "none": (),
        "one": ("a",),
    }


def test_an_unknown_trigger_is_told_with_the_nearest() -> None:
    settings = Settings(
        chains={"x": Chain(models=("flash",), triggers=("busi", "zzz"))},
        triggers={"busy": Trigger(then="retry", kind="overloaded")},
    )
    assert told(settings) == [
        "chains.x.triggers.0 error: no trigger is named 'busi'; did you mean 'busy'?",
        "chains.x.triggers.1 error: no trigger is named 'zzz'; define it under 'triggers:'",
    ]


# Settings


def test_settings_made_in_code_are_checked_before_they_are_looked_up() -> None:
    settings = Settings(chains={"x": Chain(models=("zzz",), retry=Retry(attempts=0))})
    resolution = resolved(settings)
    assert [problem.code for problem in resolution.problems] == ["out-of-range"]
    assert resolution.settings is settings


def test_what_is_resolved_leaves_nothing_open() -> None:
    done = resolved(one_chain("large-3", "acme/x")).settings
    assert done.providers == {
        "acme": Provider(plugin="acme", api_key=Secret("acme-opens-nothing"), options={})
    }
    for name in ("large-3", "acme/x"):
        found = done.models[name]
        assert None not in (
            found.provider,
            found.model,
            found.timeout,
            found.options,
            found.drop,
            found.card,
        )
    assert done.chains["default"].triggers == ()


NAMES = ["flash", "large-3", "old-1", "acme/x", "bolt/flash", "mine/y", "own", "zzz"]
SECONDS = st.sampled_from([0.5, 30.0])


def perhaps(of: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | of


CARDS = st.builds(
    Card,
    context_window=perhaps(st.just(5)),
    timeout=perhaps(SECONDS),
    refuses=perhaps(st.just(("seed",))),
    retires=perhaps(st.just(date(2026, 1, 1))),
)
MODELS = st.builds(
    Model,
    provider=perhaps(st.sampled_from(["acme", "bolt", "mine", "nobody"])),
    model=perhaps(st.sampled_from(["flash", "x"])),
    timeout=perhaps(SECONDS),
    options=perhaps(st.sampled_from([{}, {"budget": "5"}, {"budget": 5, "loud": "no"}])),
    drop=perhaps(st.sampled_from([(), ("seed",), ("zzz",)])),
    card=perhaps(CARDS),
)
SETTINGS = st.builds(
    Settings,
    providers=st.dictionaries(
        st.sampled_from(["mine", "acme"]),
        st.builds(
            Provider,
            plugin=st.sampled_from(["acme", "bolt"]),
            base_url=perhaps(st.just("http://127.0.0.1")),
            api_key=perhaps(st.sampled_from([Secret(""), Secret("k")])),
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
            triggers=perhaps(st.sampled_from([(), ("t",)])),
        ),
        min_size=1,
    ),
)


@given(SETTINGS, st.sampled_from([{}, {"ACME_KEY": "a"}, {"ACME_KEY": "a", "BOLT_KEY": "b"}]))
@limits(max_examples=150)
def test_resolving_what_is_resolved_changes_nothing(
    settings: Settings, environ: dict[str, str]
) -> None:
    once = resolved(settings, environ)
    if any(problem.severity == "error" for problem in once.problems):
        return
    twice = resolved(once.settings, {})
    assert twice.settings == once.settings
    assert [
        problem for problem in twice.problems if problem.code not in ("retired", "no-key")
    ] == []


def test_a_chain_that_lost_its_models_to_errors_is_an_error() -> None:
    assert any(problem.severity == "error" for problem in resolved(one_chain("zzz")).problems)
