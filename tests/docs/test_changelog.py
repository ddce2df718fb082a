import re
import tomllib

from packaging.requirements import Requirement

from standby import __version__
from tests.docs.documents import ROOT

TEXT = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_the_first_entry_is_this_version() -> None:
    assert re.findall(r"^## (\S+)", TEXT, re.MULTILINE)[0] == __version__


def test_every_dependency_has_its_reason_and_nothing_else_has_one() -> None:
    extras = PROJECT["optional-dependencies"]
    needed = [*PROJECT["dependencies"], *(line for extra in extras.values() for line in extra)]
    names = [Requirement(line).name for line in needed]
    assert sorted(
        re.findall(r"^- \*\*([\w-]+)\*\*: ", TEXT, re.MULTILINE), key=str.lower
    ) == sorted(names, key=str.lower)


def test_each_entry_is_one_sentence() -> None:
    entries = re.findall(r"^- (?!\*\*)(.+(?:\n  .+)*)", TEXT, re.MULTILINE)
    assert entries
    for entry in entries:
        assert re.fullmatch(r"[^.]*(?:\.(?! )[^.]*)*\.", entry), entry
