"""An installed version is compared with a requirement by its metadata alone."""

import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from standby.registry.plugins import Registry
from standby.runtime.versions import version_mismatch
from standby.settings import Provider
from tests.docs.distributions import put

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("version", "requirement", "fits"),
    [
        ("2.54.0", "acme-sdk>=3.0", False),
        ("3", "acme-sdk>=3.0.0", True),
        ("3.0rc1", "acme-sdk >= 3.0", True),
        ("10.1", "acme-sdk>=9.2,<11", True),
        ("11.0", "acme-sdk[extra]>=9.2,<11", False),
        ("11.0.post1", "acme-sdk<=11", True),
        ("11", "acme-sdk>11", False),
        ("1.0", "acme-sdk", True),
        ("1.0", "acme-sdk>=0.1; python_version < '9'", True),
        ("unknown", "acme-sdk>=3", True),
        ("1.0", "nowhere-at-all>=3", True),
        ("1.0", "", True),
    ],
)
def test_a_version_fits_or_is_named(
    version: str, requirement: str, *, fits: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    put(
        tmp_path,
        {"name": "acme-sdk", "version": version, "entry-points": {"standby.plugins": {}}},
        {},
    )
    assert version_mismatch(requirement) == ("" if fits else version)


def test_it_imports_nothing() -> None:
    before = set(sys.modules)
    assert version_mismatch(f"pytest>{metadata.version('pytest')}") == metadata.version("pytest")
    assert set(sys.modules) == before


def test_the_plugins_require_the_ranges_that_the_distribution_declares() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {
        *project["dependencies"],
        *(one for extra in project["optional-dependencies"].values() for one in extra),
    }
    registry = Registry()
    needed = [
        (library.requirement, registry.info(name).install)
        for name in registry.names()
        for library in registry.info(name).libraries
        if library.is_needed_by(Provider(plugin=name))
    ]
    assert needed
    assert all(
        requirement in declared and requirement in install for requirement, install in needed
    )


def test_an_sdk_is_installed_though_maybe_in_an_older_version_than_its_transport_needs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extra = project["optional-dependencies"]["anthropic"]
    declared = {Requirement(each).name for each in (*project["dependencies"], *extra)}
    registry = Registry()
    sdks = {
        Requirement(library.requirement).name
        for name in registry.names()
        for library in registry.info(name).libraries
        if library.transport == "sdk"
    }
    assert sdks == {"anthropic", "google-genai", "openai"} & declared
