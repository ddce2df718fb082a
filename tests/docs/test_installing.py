"""standby is not yet on an index, so no text says to install it or its plugins from one."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INSTALLING = re.compile(
    r"\b(?:pip3?|pipx|uv|poetry|pdm|conda) (?:(?:pip|tool) )?(?:install|add) (?P<what>[^`#;&|]*)"
)
OWN_REQUIREMENT = re.compile(r"['\"]?standby(?:$|[-\[=<>~!@'\"),.:])")


def installs_from_an_index(line: str) -> bool:
    """Say whether a command installs standby, or one of its plugins, from an index."""
    commands = (each["what"].partition(" and ")[0].split() for each in INSTALLING.finditer(line))
    return any(OWN_REQUIREMENT.match(word) for arguments in commands for word in arguments)


TEXTS = {".py", ".md", ".template", ".jinja", ".yaml", ".yml", ".json", ".toml", ".sh", ""}
FOLDERS = ("core", "providers", "docs", "scripts", "config", "benchmarks", "findings", "tests")


def list_texts() -> list[Path]:
    below = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*"))
    files = [
        path
        for path in (*ROOT.glob("*"), *ROOT.glob(".ci/*"), *below)
        if path.is_file() and path.suffix in TEXTS
    ]
    return [path for path in files if "__pycache__" not in path.parts and path != Path(__file__)]


def test_no_text_says_to_install_it_from_an_index() -> None:
    texts = list_texts()
    assert {ROOT / "README.md", ROOT / "core/standby/cli/init.py", ROOT / "CHANGELOG.md"} <= set(
        texts
    )
    wrong = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in texts
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines()
        if installs_from_an_index(line)
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("line", "installs"),
    [
        ("pip install standby", True),
        ("run `pip install 'standby[local]'` first", True),
        ('pip install "standby>=0.1"', True),
        ("python -m pip install --upgrade standby-acme", True),
        ("uv add standby[agno]", True),
        ("uv pip install standby", True),
        ("pipx install standby", True),
        ("pip install path/to/standby", False),
        ("pip install 'path/to/standby[agno]'", False),
        ("pip install ../standby", False),
        ("pip install -e . and then: standby local pull", False),
        ("pip install 'xllamacpp>=2026.6'", False),
        ("pip install standby_helper_of_others", False),
    ],
)
def test_a_command_that_installs_from_an_index_is_recognised(line: str, installs: bool) -> None:
    assert installs_from_an_index(line) is installs
