"""The exact message of each problem: for each code `tests/golden` has a file and its report.

`unknown-key.yaml` stands beside `unknown-key.txt`; a second case of a code is `unknown-key.2.yaml`,
and `.env` files may go with them. After a change that is meant: `python -m
tests.config.test_golden`, and read the difference.
"""

import ast
import shutil
import tempfile
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import msgspec
import pytest

import standby
from standby.cards import Card
from standby.config import load
from standby.errors import ConfigError, Problem
from standby.plugin import GROUP
from standby.registry.plugins import Registry
from tests.config.files import KEYS, TODAY, Catalogue, catalogue, info

GOLDEN = Path(__file__).parents[1] / "golden"
REFRESH = "python -m tests.config.test_golden"

REPORTERS = frozenset({"error", "warn", "report", "_report", "_unreadable"})
"""Functions that make a problem; the second argument is its code."""

PARTS = {"unknown-": {"unknown-provider", "unknown-model"}}
"""Codes that are composed, with the field of a trigger."""


def error_of_registry(name: str, *points: EntryPoint) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        Registry(points).info(name)
    return caught.value


def plugins(case: str) -> Catalogue:
    """Two working plugins, and the one that a case is about, with the registry's error."""
    reference = catalogue()
    if case == "ambiguous-model":
        reference.plugins["copy"] = (info(), {"large-3": Card()})
    if case == "broken-plugin":
        reference.plugins["rusty"] = error_of_registry(
            "rusty", EntryPoint("rusty", "nowhere.at_all", GROUP)
        )
    if case == "broken-plugin.2":
        reference.plugins["muddled"] = (
            info(options={"properties": {"a": {"$ref": "#/$defs/nowhere"}}}),
            {},
        )
    if case == "plugin-conflict":
        twin = EntryPoint("twin", "nowhere", GROUP)
        reference.plugins["twin"] = error_of_registry("twin", twin, twin)
    return reference


def cases() -> list[str]:
    return sorted(path.name.removesuffix(".txt") for path in GOLDEN.glob("*.txt"))


def load_problems(case: str) -> list[Problem]:
    """Load a case's file, if there is one, as `models.yaml`."""
    with tempfile.TemporaryDirectory() as folder:
        for suffix, name in ((".yaml", "models.yaml"), (".env", ".env")):
            if (file := GOLDEN / f"{case}{suffix}").exists():
                shutil.copy(file, Path(folder, name))
        loaded = load(Path("models.yaml"), plugins(case), KEYS, cwd=Path(folder), today=TODAY)
        home = f"{Path(folder).resolve()}/"
        return [
            msgspec.structs.replace(problem, file=problem.file.removeprefix(home))
            for problem in loaded.problems
        ]


def format_problems(case: str) -> str:
    return "".join(f"{problem}\n" for problem in load_problems(case))


@pytest.mark.parametrize("case", cases())
def test_each_problem_has_its_exact_message(case: str) -> None:
    assert format_problems(case) == (GOLDEN / f"{case}.txt").read_text(encoding="utf-8"), (
        f"if that is meant, run: {REFRESH}"
    )


@pytest.mark.parametrize("case", cases())
def test_the_file_that_shows_a_problem_shows_no_other(case: str) -> None:
    assert {problem.code for problem in load_problems(case)} == {case.partition(".")[0]}


def test_every_code_in_the_source_has_a_golden_file() -> None:
    assert set(codes()) == {case.partition(".")[0] for case in cases()}


def test_the_registry_reports_a_plugin_that_is_not_installed() -> None:
    assert (
        str(error_of_registry("missing").problems[0])
        == "error  no plugin named 'missing' is installed"
    )


def test_a_problem_without_a_golden_file_would_be_noticed() -> None:
    source = (
        'def f(x):\n    x.error((), "brand-new", "a", "b")\n    return "newer", f"{x}", ""\n'
        'Problem(code="newest")\n'
    )
    assert set(_codes(ast.parse(source))) == {"brand-new", "newer", "newest"}


def codes() -> Iterator[str]:
    """Find the code of each problem that reading a file can report, in the source."""
    core = Path(str(standby.__file__)).parent
    reading = (
        path
        for path in sorted((core / "config").rglob("*.py"))
        if path.parent.name != "lint" and path.name != "ignore_comments.py"
    )
    # lints.md has the examples of the lints, which no client reports
    for path in (*reading, core / "registry" / "discovery.py", core / "registry" / "plugins.py"):
        yield from _codes(ast.parse(path.read_text(encoding="utf-8")))


def _codes(module: ast.Module) -> Iterator[str]:
    constants = {
        target.id: node.value
        for node in module.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(module):
        for span in _code_nodes(node):
            code = constants.get(span.id, span) if isinstance(span, ast.Name) else span
            if isinstance(code, ast.JoinedStr) and isinstance(code.values[0], ast.Constant):
                yield from PARTS[str(code.values[0].value)]
            elif isinstance(code, ast.Constant) and isinstance(code.value, str):
                yield code.value


def _code_nodes(node: ast.AST) -> Iterator[ast.expr]:
    """Yield the nodes of codes: a keyword, a second argument, or the first item of a tuple."""
    if isinstance(node, ast.Call):
        name = (
            node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        )
        yield from (
            word.value for word in node.keywords if word.arg == "code" and name == "Problem"
        )
        yield from node.args[1:2] if name in REPORTERS else ()
    if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
        yield from node.value.elts[:1] if len(node.value.elts) == 3 else ()


def refresh() -> None:
    for yaml in GOLDEN.glob("*.yaml"):
        yaml.with_suffix(".txt").touch()
    for case in cases():
        (GOLDEN / f"{case}.txt").write_text(format_problems(case), encoding="utf-8")


if __name__ == "__main__":
    refresh()
