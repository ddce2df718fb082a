from datetime import date
from typing import Any

import pytest

from standby.cards import Card
from standby.config.resolve.models import TIMEOUT
from standby.settings import Chain, Model, Provider, Secret, Settings
from standby.types import Sampling
from tests.config.files import Catalogue, catalogue, info, one_chain, resolve_settings


def model(name: str, entry: Model | None = None, **options: Any) -> Model:
    """Return what a name resolves to, without errors."""
    resolution = resolve_settings(
        one_chain(name, models={} if entry is None else {name: entry}, **options)
    )
    assert [problem for problem in resolution.problems if problem.severity == "error"] == []
    return resolution.settings.models[name]


def format_findings(
    settings: Settings, environ: dict[str, str] | None = None, plugins: Catalogue | None = None
) -> list[str]:
    keys = {"ACME_KEY": "a", "BOLT_KEY": "b"} if environ is None else environ
    findings = resolve_settings(settings, keys, plugins).findings
    return [
        (
            f"{'.'.join(map(str, f.location))} {f.problem.severity}: {f.problem.message}; "
            f"{f.problem.hint}"
        )
        for f in findings
    ]


# Which provider a name has


def test_a_bare_name_is_served_by_the_plugin_whose_card_knows_it() -> None:
    findings = model("flash")
    assert (findings.provider, findings.model) == ("bolt", "flash")


@pytest.mark.parametrize(
    ("name", "vendor_id"), [("acme/new-9", "new-9"), ("acme/org/new-9", "org/new-9")]
)
def test_a_name_with_a_provider_is_split_at_the_first_slash(name: str, vendor_id: str) -> None:
    findings = model(name)
    assert (findings.provider, findings.model) == ("acme", vendor_id)


def test_a_provider_of_the_settings_serves_too() -> None:
    findings = model("mine/new-9", providers={"mine": Provider(plugin="acme")})
    assert (findings.provider, findings.model) == ("mine", "new-9")


def test_a_definition_may_have_any_name() -> None:
    findings = model("fast", Model(provider="bolt", model="flash"))
    assert (findings.provider, findings.model, findings.card) == (
        "bolt",
        "flash",
        Card(refuses=("seed",), timeout=5.0),
    )


def test_the_id_of_a_definition_is_its_name_by_default() -> None:
    assert model("new-9", Model(provider="bolt")).model == "new-9"


def test_a_definition_with_a_slash_overrides_what_the_name_says() -> None:
    findings = model("acme/new-9", Model(timeout=7.0))
    assert (findings.provider, findings.model, findings.timeout) == ("acme", "new-9", 7.0)


def test_an_id_with_a_slash_is_not_split_where_the_provider_is_named() -> None:
    assert model("acme/new-9", Model(provider="bolt")).model == "acme/new-9"


def test_the_card_is_looked_up_by_the_definitions_id() -> None:
    findings = model("fast", Model(model="flash"))
    assert (findings.provider, findings.model) == ("bolt", "flash")


# Its card and its time-out


def test_a_card_is_merged_key_by_key() -> None:
    card = model("large-3", Model(card=Card(context_window=5, wire={"b": 2}))).card
    assert card == Card(context_window=5, timeout=90.0, refuses=("top_k",), wire={"b": 2})


def test_the_card_of_all_models_is_below_the_models_own() -> None:
    assert model("flash").card == Card(refuses=("seed",), timeout=5.0)
    assert model("bolt/unheard-of").card == Card(refuses=("seed",), timeout=20.0)


@pytest.mark.parametrize(
    ("name", "entry", "timeout"),
    [
        ("large-3", Model(timeout=3.0), 3.0),
        ("large-3", Model(timeout=3.0, card=Card(timeout=4.0)), 3.0),
        ("large-3", Model(card=Card(timeout=4.0)), 4.0),
        ("large-3", None, 90.0),
        ("bolt/other", None, 20.0),
        ("small-3", None, TIMEOUT),
    ],
)
def test_the_settings_the_card_the_vendor_then_a_minute(
    name: str, entry: Model | None, timeout: float
) -> None:
    assert model(name, entry).timeout == timeout


# What is wrong with a name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("large3", "no model is named 'large3'; did you mean 'large-3'?"),
        ("Flash", "no model is named 'Flash'; did you mean 'flash'?"),
        (
            "zzz",
            "no model is named 'zzz'; a model that no card knows needs its provider, like acme/zzz",
        ),
        ("akme/x", "no provider and no plugin is named 'akme'; did you mean 'acme'?"),
        (
            "zzz/x",
            (
                "no provider and no plugin is named 'zzz'; installed: acme, bolt; else install "
                "its package"
            ),
        ),
        ("acme/", "'acme/' names no model; write the vendor's id: acme/…"),
        (
            "/x",
            (
                "no provider and no plugin is named ''; installed: acme, bolt; else install its "
                "package"
            ),
        ),
    ],
)
def test_an_unknown_name_is_reported_with_the_most_similar(name: str, expected: str) -> None:
    assert format_findings(one_chain("flash", name)) == [
        f"chains.default.models.1 error: {expected}"
    ]


def test_a_name_of_the_settings_is_suggested_too() -> None:
    settings = one_chain("my-modle", models={"my-model": Model(provider="acme")})
    assert format_findings(settings)[0].endswith(
        "no model is named 'my-modle'; did you mean 'my-model'?"
    )


def test_with_no_plugin_the_hint_still_says_how() -> None:
    assert format_findings(one_chain("x"), plugins=Catalogue()) == [
        (
            "chains.default.models.0 error: no model is named 'x'; a model that no card knows "
            "needs its provider, like plugin/x"
        )
    ]


def test_a_name_that_two_cards_bear_lists_both_and_how_to_choose() -> None:
    both = Catalogue(one=(info(), {"same": Card()}), two=(info(), {"same": Card()}))
    assert format_findings(one_chain("same"), plugins=both) == [
        "chains.default.models.0 error: 'same' is known to one and two; write one/same or two/same"
    ]
    assert format_findings(one_chain("one/same"), plugins=both) == []


def test_an_unknown_name_is_reported_in_each_chain_and_a_wrong_definition_once() -> None:
    chains = {"a": Chain(models=("zzz", "bad")), "b": Chain(models=("zzz", "bad"))}
    expected = [
        line.partition(";")[0]
        for line in format_findings(
            Settings(chains=chains, models={"bad": Model(provider="missing")})
        )
    ]
    assert expected == [
        "models.bad.provider error: no provider and no plugin is named 'missing'",
        "chains.a.models.0 error: no model is named 'zzz'",
        "chains.b.models.0 error: no model is named 'zzz'",
    ]


# Parameters and options


@pytest.mark.parametrize(
    ("entry", "location"),
    [
        (Model(drop=("temprature", "top_p")), "drop.0"),
        (Model(card=Card(refuses=("seed", "temprature"))), "card.refuses.1"),
    ],
)
def test_an_unknown_parameter_is_reported(entry: Model, location: str) -> None:
    assert format_findings(one_chain("large-3", models={"large-3": entry})) == [
        (
            f"models.large-3.{location} error: no parameter is named 'temprature'; did you mean "
            "'temperature'?"
        )
    ]


def test_all_parameters_are_listed_where_none_is_similar() -> None:
    [line] = format_findings(one_chain("large-3", models={"large-3": Model(drop=("zzz",))}))
    assert line.endswith(f"it is one of {', '.join(Sampling.__struct_fields__)}")


def test_options_are_typed_and_checked_by_the_plugins_own_schema() -> None:
    findings = model(
        "x",
        Model(provider="acme", options={"budget": "5", "loud": "yes", "free": "1", "level": "3"}),
    )
    assert findings.options == {"budget": 5, "loud": True, "free": "1", "level": 3}
    assert format_findings(
        one_chain(
            "x", models={"x": Model(provider="acme", options={"budget": "500", "efort": "low"})}
        )
    ) == [
        "models.x.options.efort error: unknown key 'efort'; did you mean 'effort'?",
        (
            "models.x.options.budget error: models.x.options.budget: 500 is out of range; write "
            "at most 100"
        ),
    ]


def test_options_of_a_plugin_that_has_none_are_reported() -> None:
    assert format_findings(
        one_chain("x", models={"x": Model(provider="bolt", options={"a": 1})})
    ) == ["models.x.options.a error: unknown key 'a'; an option of 'bolt' is one of none"]


@pytest.mark.parametrize(
    "schema", [{"required": ["a"]}, {"minProperties": 1}, {"oneOf": [{"required": ["a"]}]}]
)
def test_options_that_a_plugin_demands_are_missing_where_there_are_none(
    schema: dict[str, Any],
) -> None:
    assert (
        len(format_findings(one_chain("p/x"), plugins=Catalogue(p=(info(options=schema), {})))) == 1
    )


@pytest.mark.parametrize(
    "schema", [{"type": "objekt"}, {"properties": []}, {"properties": {"a": {"pattern": "("}}}]
)
def test_an_invalid_schema_is_reported_as_the_plugins_fault(schema: dict[str, Any]) -> None:
    settings = one_chain("x", models={"x": Model(provider="p", options={"a": "b"})})
    [line] = format_findings(settings, plugins=Catalogue(p=(info(options=schema), {})))
    assert line.startswith(
        "models.x.options error: the options of plugin 'p' (standby-p 1.0) cannot be "
        "checked: its schema is broken: "
    )
    assert line.endswith("; update standby-p, or leave the options out")


# Warnings


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("old-1", "old-1 was retired on 2026-01-31; use large-3 instead"),
        ("last-2", "last-2 retires on 2027-01-19; choose another"),
    ],
)
def test_a_model_that_is_retired_within_sixty_days_is_a_warning(name: str, expected: str) -> None:
    assert format_findings(one_chain(name)) == [f"chains.default.models.0 warning: {expected}"]


def test_no_retirement_is_reported_for_an_own_endpoint() -> None:
    providers = {"mine": Provider(plugin="acme", base_url="http://127.0.0.1:9/v1")}
    assert format_findings(one_chain("mine/old-1", providers=providers)) == []


def test_a_later_retirement_is_no_warning() -> None:
    assert format_findings(one_chain("next-4")) == []


def test_a_retirement_is_reported_once_and_may_be_overridden() -> None:
    settings = Settings(chains={name: Chain(models=("old-1",)) for name in ("a", "b")})
    assert len(format_findings(settings)) == 1
    assert (
        format_findings(
            one_chain("old-1", models={"old-1": Model(card=Card(retires=date(2030, 1, 1)))})
        )
        == []
    )


def test_a_missing_key_is_a_warning_for_each_model() -> None:
    assert format_findings(one_chain("large-3", "flash"), environ={"BOLT_KEY": "b"}) == [
        (
            "chains.default.models.0 warning: no key for large-3: it is skipped; set ACME_KEY or "
            "OLD_ACME_KEY"
        )
    ]


def test_a_named_key_is_missing_even_for_an_own_endpoint() -> None:
    providers = Provider(
        plugin="acme", base_url="http://127.0.0.1", api_key=Secret("", origin="MINE")
    )
    assert format_findings(one_chain("mine/x", providers={"mine": providers})) == [
        "chains.default.models.0 warning: no key for mine/x: it is skipped; set MINE"
    ]
    bare = Provider(plugin="acme", base_url="http://127.0.0.1")
    assert format_findings(one_chain("mine/x", providers={"mine": bare}), environ={}) == []


# Which plugins are read


@pytest.mark.parametrize(
    ("settings", "read"),
    [
        (one_chain("acme/x"), {"acme"}),
        (one_chain("x", models={"x": Model(provider="bolt")}), {"bolt"}),
        (one_chain("mine/x", providers={"mine": Provider(plugin="acme")}), {"acme"}),
        (one_chain("flash"), {"acme", "bolt"}),
    ],
)
def test_where_every_model_names_its_provider_only_those_plugins_are_read(
    settings: Settings, read: set[str]
) -> None:
    plugins = catalogue()
    resolve_settings(settings, plugins=plugins)
    assert set(plugins.reads) == read
