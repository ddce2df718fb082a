"""The distributions that plugins.md shows, installed into a folder."""

import importlib
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from standby import plugin
from tests.docs.documents import blocks

Install = Callable[[dict[str, Any], dict[str, str]], None]
"""Install a project's files; see `put`."""

PARROT = "A working plugin in 60 seconds"

HOUSE_RULES = "House rules: observers and predicates"


def put(folder: Path, project: dict[str, Any], files: dict[str, str]) -> None:
    """Write modules and a dist-info with entry points into a folder that is on `sys.path`."""
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    lines = [
        f"{name} = {module}\n" for name, module in project["entry-points"][plugin.GROUP].items()
    ]
    (info / "entry_points.txt").write_text(f"[{plugin.GROUP}]\n{''.join(lines)}")
    importlib.invalidate_caches()


def written(heading: str) -> dict[str, str]:
    """Return a section's files by name."""
    return {block.file: block.text for block in blocks("plugins.md", heading) if block.file}


def house_rules() -> tuple[dict[str, Any], dict[str, str]]:
    """Return the house rules' project table and files."""
    project = {
        "name": "house-rules",
        "version": "1.0",
        "entry-points": {plugin.GROUP: {"house-rules": "house_rules"}},
    }
    return project, written(HOUSE_RULES)


def project() -> dict[str, Any]:
    """Return the parrot's project table."""
    return tomllib.loads(written(PARROT)["pyproject.toml"])["project"]
