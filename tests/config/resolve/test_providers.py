from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from standby.config.finding import Findings
from standby.config.resolve.catalogue import CachedCatalogue
from standby.config.resolve.providers import Providers
from standby.registry.plugins import Registry
from standby.settings import Provider, Secret
from tests.config.files import Catalogue, catalogue, info, plugin_error

LOCATION = ("chains", "default", "models", 0)


def providers(
    configured: Mapping[str, Provider] | None = None,
    plugins: Catalogue | Registry | None = None,
    **environ: str,
) -> tuple[Providers, Findings]:
    findings = Findings()
    return Providers(
        configured or {}, CachedCatalogue(plugins or catalogue(), findings), environ, findings
    ), findings


def format_findings(findings: Findings) -> list[tuple[object, str]]:
    return [
        (finding.location, f"{finding.problem.message}; {finding.problem.hint}")
        for finding in findings
    ]


def test_each_plugin_is_a_provider_by_itself() -> None:
    finding, findings = providers(ACME_KEY="a")
    provider = finding.get("acme", LOCATION)
    assert provider == Provider(plugin="acme", api_key=Secret("a"), options={})
    assert (finding.names, finding.as_dict(), findings) == (
        ("acme", "bolt"),
        {"acme": provider},
        [],
    )


@pytest.mark.parametrize(
    ("environ", "secret", "origin"),
    [
        ({"ACME_KEY": "a", "OLD_ACME_KEY": "b"}, "a", "ACME_KEY"),
        ({"OLD_ACME_KEY": "b"}, "b", "OLD_ACME_KEY"),
        ({"ACME_KEY": " \n", "OLD_ACME_KEY": "b"}, "b", "OLD_ACME_KEY"),
        ({"ACME_KEY": " a\n"}, "a", "ACME_KEY"),
        ({}, "", "ACME_KEY or OLD_ACME_KEY"),
    ],
)
def test_the_first_variable_that_is_set_holds_the_key(
    environ: dict[str, str], secret: str, origin: str
) -> None:
    provider = providers(**environ)[0].get("acme", LOCATION)
    assert provider is not None
    assert provider.api_key is not None
    assert (provider.api_key.reveal(), provider.api_key.origin) == (secret, origin)


def test_a_plugin_without_key_variables_needs_none() -> None:
    provider = providers(plugins=Catalogue(free=(info(), {})))[0].get("free", LOCATION)
    assert provider == Provider(plugin="free", options={})


def test_a_plugin_that_takes_a_key_may_be_used_without_one() -> None:
    free = msgspec.structs.replace(info(), keys=("FREE_KEY",), key_needed=False)
    for environ, key in (({}, None), ({"FREE_KEY": "a"}, Secret("a"))):
        provider = providers(plugins=Catalogue(free=(free, {})), **environ)[0].get("free", LOCATION)
        assert provider == Provider(plugin="free", api_key=key)


def test_an_own_endpoint_may_need_no_key() -> None:
    here = {"here": Provider(plugin="acme", base_url="http://127.0.0.1")}
    assert providers(here)[0].as_dict()["here"].api_key is None
    assert providers(here, ACME_KEY="a")[0].as_dict()["here"].api_key == Secret("a")


@pytest.mark.parametrize(
    ("plugin", "options", "missing"),
    [
        ("anthropic", {"api_version": "2023-06-01"}, "ANTHROPIC_API_KEY"),
        ("gemini", {"express": True}, "GEMINI_API_KEY or GOOGLE_API_KEY"),
        ("gemini", {"project": "mine"}, None),
    ],
)
def test_only_an_option_that_brings_credentials_makes_a_key_unnecessary(
    plugin: str, options: dict[str, Any], missing: str | None
) -> None:
    given = {"mine": Provider(plugin=plugin, options=options)}
    key = providers(given, plugins=Registry())[0].as_dict()["mine"].api_key
    assert key == (None if missing is None else Secret("", missing))


def test_a_key_that_is_given_stays() -> None:
    configured = {"acme": Provider(plugin="acme", api_key=Secret("", origin="MINE"))}
    assert providers(configured, ACME_KEY="a")[0].as_dict() == {
        "acme": msgspec.structs.replace(configured["acme"], options={})
    }


def test_a_provider_of_the_settings_is_checked_even_if_no_model_uses_it_and_reported_once() -> None:
    finding, findings = providers({"mine": Provider(plugin="akme")})
    assert finding.get("mine", LOCATION) is finding.get("mine", LOCATION) is None
    assert format_findings(findings) == [
        (
            ("providers", "mine", "plugin"),
            "no provider and no plugin is named 'akme'; did you mean 'acme'?",
        )
    ]


def test_an_unknown_name_is_reported_at_each_location() -> None:
    finding, findings = providers({"router": Provider(plugin="acme")})
    for location in ((*LOCATION[:-1], 1), (*LOCATION[:-1], 2)):
        assert finding.get("zzz", location) is None
    message = (
        "no provider and no plugin is named 'zzz'; installed: acme, bolt; else install its package"
    )
    assert format_findings(findings) == [
        ((*LOCATION[:-1], 1), message),
        ((*LOCATION[:-1], 2), message),
    ]


def test_the_names_of_the_settings_are_suggested_too() -> None:
    finding, findings = providers({"router": Provider(plugin="acme")})
    finding.get("ruter", LOCATION)
    assert format_findings(findings) == [
        (LOCATION, "no provider and no plugin is named 'ruter'; did you mean 'router'?")
    ]


def test_with_no_plugin_at_all_it_says_so() -> None:
    finding, findings = providers(plugins=Catalogue())
    finding.get("acme", LOCATION)
    assert format_findings(findings) == [
        (
            LOCATION,
            "no provider and no plugin is named 'acme'; installed: none; else install its package",
        )
    ]


def test_a_broken_plugin_is_reported_and_its_provider_stays_to_be_skipped() -> None:
    finding, findings = providers(plugins=Catalogue(rusty=plugin_error()))
    assert finding.get("rusty", LOCATION) is not None
    assert format_findings(findings) == [
        (LOCATION, "plugin 'rusty' is broken: ImportError; update it")
    ]
