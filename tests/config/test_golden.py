"""Each problem that a file can have, in its exact words: for each code there are files in `tests/golden`, and what is told.

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

TELLERS = frozenset({"error", "warn", "_error", "_problem", "_refusal"})
"""What makes a problem; the second argument is its code."""

PARTS = {"unknown-": {"unknown-provider", "unknown-model"}}
"""Codes that are put together: by the field of a trigger that names somebody."""


def told_by_registry(name: str, *points: EntryPoint) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        Registry(points).info(name)
    return caught.value


def plugins(case: str) -> Catalogue:
    """Two plugins that are well, and the one that a case is about; what is wrong with it is told by the registry."""
    made = catalogue()
    if case == "ambiguous-model":
        made.plugins["copy"] = (info(), {"large-3": Card()})
    if case == "broken-plugin":
        made.plugins["rusty"] = told_by_registry(
            "rusty", EntryPoint("rusty", "nowhere.at_all", GROUP)
        )
    if case == "broken-plugin.2":
        made.plugins["muddled"] = (
            info(options={"properties": {"a": {"$ref": "#/$defs/nowhere"}}}),
            {},
        )
    if case == "plugin-conflict":
        twin = EntryPoint("twin", "nowhere", GROUP)
        made.plugins["twin"] = told_by_registry("twin", twin, twin)
    return made


def cases() -> list[str]:
    return sorted(path.name.removesuffix(".txt") for path in GOLDEN.glob("*.txt"))


def told(case: str) -> list[Problem]:
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


def printed(case: str) -> str:
    return "".join(f"{problem}\n" for problem in told(case))


@pytest.mark.parametrize("case", cases())
def test_each_problem_has_its_exact_words(case: str) -> None:
    assert printed(case) == (GOLDEN / f"{case}.txt").read_text(encoding="utf-8"), (
        f"if that is meant, run: {REFRESH}"
    )


@pytest.mark.parametrize("case", cases())
def test_the_file_that_shows_a_problem_shows_no_other(case: str) -> None:
    assert {problem.code for problem in told(case)} == {case.partition(".")[0]}


def test_every_code_in_the_source_has_a_golden_file() -> None:
    assert set(codes()) == {case.partition(".")[0] for case in cases()}


def test_the_registry_tells_of_a_plugin_that_nobody_has_installed() -> None:
    assert (
        str(told_by_registry("nobody").problems[0])
        == "error  no plugin named 'nobody' is installed"
    )


def test_a_problem_without_a_golden_file_would_be_noticed() -> None:
    source = 'def f(x):\n    x.error((), "brand-new", "a", "b")\n    return "newer", f"{x}", ""\nProblem(code="newest")\n'
    assert set(_codes(ast.parse(source))) == {"brand-new", "newer", "newest"}


def codes() -> Iterator[str]:
    """Find the code of each problem that reading a file can tell, in the source."""
    core = Path(str(standby.__file__)).parent
    reading = (
        path
        for path in sorted((core / "config").rglob("*.py"))
        if path.parent.name != "lint" and path.name != "ignore_comments.py"
    )
    for path in (
        *reading,
        core / "registry" / "plugins.py",
    ):  # lints.md has the lints, which no client is told of
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
        for given in _places(node):
            code = constants.get(given.id, given) if isinstance(given, ast.Name) else given
            if isinstance(code, ast.JoinedStr) and isinstance(code.values[0], ast.Constant):
                yield from PARTS[str(code.values[0].value)]
            elif isinstance(code, ast.Constant) and isinstance(code.value, str):
                yield code.value


def _places(node: ast.AST) -> Iterator[ast.expr]:
    """Return what stands where a code belongs: by name, as a teller's second argument, or first of three words returned."""
    if isinstance(node, ast.Call):
        name = (
            node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        )
        yield from (
            word.value for word in node.keywords if word.arg == "code" and name == "Problem"
        )
        yield from node.args[1:2] if name in TELLERS else ()
    if (
        isinstance(node, ast.Return)
        and isinstance(node.value, ast.Tuple)
        and len(node.value.elts) == 3
    ):
        yield node.value.elts[0]


def refresh() -> None:
    for yaml in GOLDEN.glob("*.yaml"):
        yaml.with_suffix(".txt").touch()
    for case in cases():
        (GOLDEN / f"{case}.txt").write_text(printed(case), encoding="utf-8")


if __name__ == "__main__":
    refresh()
