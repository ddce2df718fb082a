"""requirements.lock, made by `scripts/lock`: one development environment for every machine."""

import re
import tomllib
from collections.abc import Iterator
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.docs.documents import ROOT

LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
ENTRIES = re.findall(
    r"^([^#\s][^\n]*?) ?\\?\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", LOCK, re.MULTILINE
)
LOCKED = {
    canonicalize_name(each.name): each for each in (Requirement(entry) for entry, _ in ENTRIES)
}
AGAIN = "run: scripts/lock"


def list_requirements() -> list[Requirement]:
    """What the project, its extra for the embedded model and its tests ask for."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = pyproject["project"]
    requested = [
        *project["dependencies"],
        *project["optional-dependencies"]["local"],
        *pyproject["dependency-groups"]["dev"],
    ]
    return [Requirement(each) for each in requested]


def version_of(locked: Requirement) -> str:
    (pin,) = locked.specifier
    assert pin.operator == "=="
    return pin.version


@pytest.mark.parametrize("requirement", list_requirements(), ids=str)
def test_every_requirement_is_locked_within_its_range(requirement: Requirement) -> None:
    locked = LOCKED.get(canonicalize_name(requirement.name))
    assert locked is not None, AGAIN
    assert locked.marker is None, "needed everywhere"
    assert requirement.specifier.contains(version_of(locked), prereleases=True), AGAIN


def test_nothing_is_locked_that_is_not_required() -> None:
    here = {
        name: each for name, each in LOCKED.items() if each.marker is None or each.marker.evaluate()
    }
    if any(version_of(each) != installed_version(name) for name, each in here.items()):
        pytest.skip("these tests run outside of the locked environment")
    requested = {canonicalize_name(each.name) for each in list_requirements()}
    for name in here:
        requested |= {
            canonicalize_name(Requirement(each).name) for each in metadata.requires(name) or ()
        }
    assert set(LOCKED) - requested == set(), AGAIN


def installed_version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def test_each_is_one_version_known_by_its_contents_wherever_it_comes_from() -> None:
    assert len(LOCKED) == len(ENTRIES) > 0
    others = [
        line
        for line in LOCK.splitlines()
        if line not in set(lines_of_entries()) and not line.startswith("#")
    ]
    assert others == []
    assert "//" not in LOCK, "the lock names no place"


def lines_of_entries() -> Iterator[str]:
    for entry, hashes in ENTRIES:
        yield from (f"{entry} \\", entry, *hashes.splitlines())
