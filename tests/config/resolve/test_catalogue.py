import pytest

from standby.cards import Card
from standby.config.finding import Findings
from standby.config.resolve.catalogue import UNKNOWN, CachedCatalogue
from tests.config.files import Catalogue, broken, catalogue, info

PLACE = ("chains", "default", "models", 0)
OTHER = ("chains", "default", "models", 1)


def test_each_thing_is_asked_once() -> None:
    asked = catalogue()
    plugins = CachedCatalogue(asked, Findings())
    for _ in range(3):
        assert plugins.info("acme", PLACE) is not None
        assert plugins.find_plugins("flash", PLACE) == ["bolt"]
        assert set(plugins.vendor_ids(PLACE)) >= {"large-3", "flash"}
    assert asked.asked == {"acme": 2, "bolt": 1}


def test_nobody_is_asked_for_the_names() -> None:
    asked = catalogue()
    assert CachedCatalogue(asked, Findings()).names == ("acme", "bolt")
    assert not asked.asked


def test_a_look_up_goes_on_without_a_broken_plugin_and_tells_it_once() -> None:
    findings = Findings()
    plugins = CachedCatalogue(Catalogue(rusty=broken(), good=(info(), {"m": Card()})), findings)
    assert plugins.find_plugins("m", PLACE) == plugins.find_plugins("m", OTHER) == ["good"]
    assert [(f.location, f.problem.severity, f.problem.message) for f in findings] == [
        (PLACE, "warning", "plugin 'rusty' is broken: ImportError")
    ]


def test_a_broken_plugin_that_is_needed_is_an_error_told_once() -> None:
    findings = Findings()
    plugins = CachedCatalogue(Catalogue(rusty=broken()), findings)
    assert plugins.info("rusty", PLACE) is plugins.info("rusty", OTHER) is UNKNOWN
    assert [(f.location, f.problem.severity, f.problem.hint) for f in findings] == [
        (PLACE, "error", "update it")
    ]


@pytest.mark.parametrize(
    ("code", "severity"), [("plugin-conflict", "error"), ("broken-plugin", "warning")]
)
def test_two_plugins_of_one_name_are_an_error_whoever_looks(code: str, severity: str) -> None:
    findings = Findings()
    CachedCatalogue(Catalogue(rusty=broken(code)), findings).cards("rusty", PLACE)
    assert [f.problem.severity for f in findings] == [severity]
