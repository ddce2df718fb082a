"""The mutation campaign: which changes it makes, and which outcomes it reports."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from campaigns.mutants import mutants_of
from campaigns.mutation import (
    Baseline,
    Results,
    compare_outcome,
    read_equivalents,
    sample,
)
from campaigns.mutation_targets import OWN, targets
from tests.docs.documents import ROOT


def changes(code: str) -> list[str]:
    return [mutant.name.removeprefix("m.f: ") for mutant in mutants_of(ast.parse(code), "m")]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("x = a < b <= c", ["a < b <= c -> a <= b <= c", "a < b <= c -> a < b < c"]),
        ("x = a is None", ["a is None -> a is not None"]),
        ("x = a not in b", ["a not in b -> a in b"]),
        ("x = a and b", ["a and b -> a or b"]),
        ("x = not a", ["not a -> a"]),
        ("x = a - b * c", ["a - b * c -> a + b * c", "b * c -> b / c"]),
        ("x += a", ["x += a -> x -= a"]),
        ("x = min(a, b)", ["min -> max"]),
        ("x = 2", ["2 -> 3"]),
        ("x = True", ["True -> False"]),
        ("x = 'a'", ["'a' -> ''"]),
        ("x = g(b=1, a=0)", ["b=1 -> b=2", "a=0 -> a=1"]),
        (
            "x = a if b else c",
            ["a if b else c -> a if True else c", "a if b else c -> a if False else c"],
        ),
        ("while a: break", ["while a: -> while False:"]),
        ("while True: break", ["True -> False"]),
        ("if a: b()", ["if a: -> if True:", "if a: -> if False:", "b() -> pass"]),
        ("await a.b()", ["await a.b() -> pass"]),
        ("raise a", ["raise a -> pass"]),
        ("return a", ["return a -> return None"]),
        ("self.x = a", ["self.x = a -> pass"]),
        ("x = a + a; y = a + a", ["a + a -> a - a", "a + a -> a - a #2"]),
        ("__slots__ = ('a',)", []),
        ("if TYPE_CHECKING: a()", []),
        ("x: 'T' = a", []),
        ("'what it does'", []),
        ("x = cast('T', a)", []),
        ("x = set['T'](a)", []),
        ("x = f'{a:>5} {b}'", []),
        ("import a", []),
        ("__all__ = ['a']", []),
        ("class A(B, frozen=True): ...", []),
    ],
)
def test_each_line_has_its_changes(line: str, expected: list[str]) -> None:
    assert changes(f"async def f(self, a, b, c):\n    {line}") == expected


def test_a_change_is_in_the_code_that_is_then_compiled() -> None:
    tree = ast.parse("def f(a):\n    if a > 1:\n        return 'large'\n    return 'small'")
    [always_true] = [
        mutant for mutant in mutants_of(tree, "m") if mutant.name.endswith("-> if True:")
    ]
    always_true.apply()
    names: dict[str, object] = {}
    exec(compile(tree, "m", "exec"), names)  # noqa: S102 - code of this test's own
    assert names["f"](0) == "large"  # type: ignore[operator] # it is the function


@pytest.mark.parametrize("folder", ["dispatch", "resilience"])
def test_every_module_of_the_two_folders_is_in_the_table(folder: str) -> None:
    paths = (ROOT / "core" / "standby" / folder).glob("*.py")
    modules = {f"{folder}.{path.stem}" for path in paths} - {f"{folder}.__init__"}
    assert {name for name in OWN if name.startswith(f"{folder}.")} == modules


def test_the_lines_of_a_mutant_begin_with_its_statement_and_end_before_a_block() -> None:
    code = "def f(a):\n  if (\n    a > 1\n  ):\n    return g(\n      a + 1\n    )"
    lines = {mutant.name: mutant.lines for mutant in mutants_of(ast.parse(code), "m")}
    assert lines["m.f: a > 1 -> a >= 1"] == range(2, 4)
    assert lines["m.f: if a > 1: -> if True:"] == range(2, 4)
    assert lines["m.f: a + 1 -> a - 1"] == range(5, 7)


def test_a_mutant_has_the_tests_that_execute_its_lines() -> None:
    [target] = targets(["resilience.bulkhead"])
    baseline, mutant = Baseline([target]), target.mutants()[0]
    one, other = "tests/resilience/test_bulkhead.py::one", "tests/other.py::other"
    executed = {"": {1}, one: {30, 31}, other: {30}}
    baseline.__dict__["_run"] = ({str(target.path): executed}, dict.fromkeys((one, other), 0.1))

    def tests(*lines: int) -> list[str]:
        return list(baseline.tests(target, mutant._replace(lines=range(*lines))))

    assert (tests(1, 2), tests(29, 31), tests(32, 40)) == ([one], [one], [])


def test_each_module_has_mutants_of_one_name_each_and_tests_that_are_there() -> None:
    for target in targets(()):
        names = [mutant.name for mutant in target.mutants()]
        assert len(set(names)) == len(names) > 0
        assert [path for path in target.tests if not path.is_file()] == []


def test_the_equivalent_mutants_exist_are_few_and_have_a_reason() -> None:
    names = {mutant.name for target in targets(()) for mutant in target.mutants()}
    assert set(read_equivalents()) <= names
    assert len(read_equivalents()) <= 0.03 * len(names)
    assert all(len(reason) > 20 for reason in read_equivalents().values())


def test_a_sample_is_the_same_each_time_and_part_of_a_larger_one() -> None:
    [target] = targets(["resilience.circuit_breaker"])
    mutants = target.mutants()
    small, large = sample(mutants, 0.05, 1), sample(mutants, 0.5, 1)
    assert small == sample(target.mutants(), 0.05, 1) != sample(mutants, 0.05, 2)
    assert set(small) < set(large)
    assert 0.4 < len(large) / len(mutants) < 0.6
    assert len(sample(mutants, 1.0, 1)) == len(mutants)


def test_an_outcome_counts_until_the_module_or_a_test_changes(tmp_path: Path) -> None:
    [target] = targets(["resilience.bulkhead"])
    module, file = tmp_path / "permits.py", tmp_path / "results"
    module.write_bytes(target.path.read_bytes())
    target = target._replace(path=module)
    Results(file).add(target, "one", "killed")
    assert (Results(file).get(target, "one"), Results(file).get(target, "other")) == (
        "killed",
        None,
    )
    module.write_text("another", "utf-8")
    assert Results(file).get(target, "one") is None


@pytest.mark.parametrize(
    ("outcome", "equivalents", "expected"),
    [
        ("killed", (), "killed"),
        ("survived", (), "survived"),
        ("survived", ("it",), "equivalent"),
        ("killed", ("it",), "killed, though called equivalent"),
        ("timed out", ("it",), "killed, though called equivalent"),
    ],
)
def test_an_equivalent_mutant_must_survive(
    outcome: str, equivalents: tuple[str, ...], expected: str
) -> None:
    assert compare_outcome("it", outcome, equivalents) == expected


def run_command(*arguments: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "campaigns.mutation", *arguments]
    return subprocess.run(  # noqa: S603 - ours
        line, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_the_command_kills_one_and_changes_no_file() -> None:
    [target] = targets(["resilience.bulkhead"])
    before = target.path.read_bytes()
    process = run_command(
        "resilience.bulkhead", "--only", "release: self._semaphore().release() -> pass"
    )
    assert (process.returncode, process.stderr, process.stdout.partition(", in ")[0]) == (
        0,
        "",
        "resilience.bulkhead: 1 mutants, 1 killed",
    )
    assert target.path.read_bytes() == before


def test_the_command_lists_the_modules() -> None:
    process = run_command("bulkhead")
    assert (process.returncode, process.stdout) == (2, "")
    assert f"no such module: bulkhead; there are {', '.join(OWN)}" in process.stderr
