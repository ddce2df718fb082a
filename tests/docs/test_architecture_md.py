"""docs/explanation/architecture.md lists each folder, and the layers that lint-imports checks."""

import re
import tomllib

from tests.docs.documents import ROOT, table

PAGE = "docs/explanation/architecture.md"
CORE = ROOT / "core" / "standby"


def test_each_folder_and_each_module_at_the_root_has_a_row() -> None:
    named = {
        name
        for row in table(PAGE, head="folder of `core/standby`")
        for name in re.findall(r"`([\w./]+)`", row[0])
    }
    folders = {
        f"{path.name}/"
        for path in CORE.iterdir()
        if path.is_dir() and any(path.rglob("*.*")) and path.name != "__pycache__"
    }
    modules = {path.name for path in CORE.glob("*.py")} - {
        "__init__.py",
        "__main__.py",
        "version.py",
    }
    assert named == folders | modules


def test_the_layers_are_those_of_the_contract() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        [contract] = [
            each
            for each in tomllib.load(file)["tool"]["importlinter"]["contracts"]
            if each["name"] == "imports go down only"
        ]
    layers = [re.findall(r"standby\.(\w+)", layer) for layer in contract["layers"]]
    page = (ROOT / PAGE).read_text(encoding="utf-8")
    assert [re.findall(r"`(\w+)`", line) for line in re.findall(r"(?m)^\d\. (.+)$", page)] == layers


def test_there_are_at_most_14_modules_at_the_root() -> None:
    assert len(list(CORE.glob("*.py"))) <= 14
