import pytest

from standby.cards import Card
from standby.config.finding import Findings
from standby.config.resolve.catalogue import UNKNOWN, CachedCatalogue
from tests.config.files import Catalogue, catalogue, info, plugin_error

LOCATION = ("chains", "default", "models", 0)
OTHER_LOCATION = ("chains", "default", "models", 1)


def test_each_plugin_is_read_once() -> None:
    counting = catalogue()
    plugins = CachedCatalogue(counting, Findings())
    for _ in range(3):
        assert plugins.info("acme", LOCATION) is not None
        assert plugins.find_plugins("flash", LOCATION) == ["bolt"]
        assert set(plugins.vendor_ids(LOCATION)) >= {"large-3", "flash"}
    assert counting.reads == {"acme": 2, "bolt": 1}


def test_names_are_listed_without_reading_a_plugin() -> None:
    counting = catalogue()
    assert CachedCatalogue(counting, Findings()).names == ("acme", "bolt")
    assert not counting.reads


def test_a_look_up_goes_on_without_a_broken_plugin_and_reports_it_once() -> None:
    findings = Findings()
    plugins = CachedCatalogue(
        Catalogue(rusty=plugin_error(), good=(info(), {"m": Card()})), findings
    )
    assert (
        plugins.find_plugins("m", LOCATION) == plugins.find_plugins("m", OTHER_LOCATION) == ["good"]
    )
    assert [(f.location, f.problem.severity, f.problem.message) for f in findings] == [
        (LOCATION, "warning", "plugin 'rusty' is broken: ImportError")
    ]


def test_a_broken_plugin_that_is_needed_is_an_error_reported_once() -> None:
    findings = Findings()
    plugins = CachedCatalogue(Catalogue(rusty=plugin_error()), findings)
    assert plugins.info("rusty", LOCATION) is plugins.info("rusty", OTHER_LOCATION) is UNKNOWN
    assert [(f.location, f.problem.severity, f.problem.hint) for f in findings] == [
        (LOCATION, "error", "update it")
    ]


@pytest.mark.parametrize(
    ("code", "severity"), [("plugin-conflict", "error"), ("plugin_error-plugin", "warning")]
)
def test_two_plugins_of_one_name_are_an_error_even_in_a_look_up(code: str, severity: str) -> None:
    findings = Findings()
    CachedCatalogue(Catalogue(rusty=plugin_error(code)), findings).cards("rusty", LOCATION)
    assert [f.problem.severity for f in findings] == [severity]
