import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from standby.config.tree import Tree
from standby.config.variables import Variables, substitute
from standby.config.yaml_file import parse_text

CANARY = "canary-4711"


def variables(folder: Path, dotenv: str | bytes = "", **environ: str) -> Variables:
    (folder / ".env").write_bytes(dotenv if isinstance(dotenv, bytes) else dotenv.encode())
    return Variables(environ, [folder])


def fill_in(text: str, variables: Variables) -> tuple[Tree, Any, dict[Any, str]]:
    tree = parse_text(text, "m.yaml")
    done = substitute(tree, variables)
    return tree, done.value, done.origins


# Where they come from


@pytest.mark.parametrize("line", ["# a comment\n", "A=1\n", "\0"])
def test_a_file_that_is_too_large_is_an_error_and_not_read(tmp_path: Path, line: str) -> None:
    [problem] = variables(tmp_path, line * (2**20 // len(line) + 1)).problems
    assert str(problem) == (
        f"{tmp_path}/.env  error  the file is larger than 1048576 bytes; is it the right one?"
    )


def test_a_file_of_the_largest_size_is_read(tmp_path: Path) -> None:
    loaded = variables(tmp_path, "A=1\n#" + "x" * (2**20 - 5))
    assert (dict(loaded), loaded.problems) == ({"A": "1"}, [])


def test_the_environment_wins_over_every_file(tmp_path: Path) -> None:
    loaded = variables(tmp_path, "A=file\nB=file\n", A="environment")
    assert dict(loaded) == {"A": "environment", "B": "file"}
    assert (loaded.origin("A"), loaded.origin("B"), len(loaded)) == ("environment", ".env:2", 2)


def test_of_two_files_the_first_wins(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / ".env").write_text("A=inner\n")
    (tmp_path / ".env").write_text("A=outer\nB=outer\n")
    assert dict(Variables({}, [tmp_path / "inner", tmp_path])) == {"A": "inner", "B": "outer"}


def test_the_process_environment_is_not_changed(tmp_path: Path) -> None:
    before = dict(os.environ)
    assert (
        variables(tmp_path, "SURELY_NOT_SET_BEFORE=1", **os.environ)["SURELY_NOT_SET_BEFORE"] == "1"
    )
    assert dict(os.environ) == before


def test_a_file_is_read_as_dotenv_files_are(tmp_path: Path) -> None:
    text = "# why\n\nexport A=1\nB = 'two words' # why\nC=\"a\nb\"\n\n\nD=${A}\nE\nF=\n"
    loaded = variables(tmp_path, text)
    assert dict(loaded) == {"A": "1", "B": "two words", "C": "a\nb", "D": "${A}", "F": ""}
    assert [loaded.origin(name) for name in "ABCDF"] == [
        ".env:3",
        ".env:4",
        ".env:5",
        ".env:9",
        ".env:11",
    ]
    assert loaded.problems == []


def test_a_byte_order_mark_is_not_part_of_the_first_name(tmp_path: Path) -> None:
    assert dict(variables(tmp_path, b"\xef\xbb\xbfA=1\r\nB=2\r\n")) == {"A": "1", "B": "2"}


def test_a_line_that_is_not_an_assignment_is_reported_and_not_shown(tmp_path: Path) -> None:
    loaded = variables(tmp_path, f"A=1\n{CANARY} is my key\nB='{CANARY}\n")
    assert dict(loaded) == {"A": "1"}
    assert [str(problem) for problem in loaded.problems] == [
        f"{tmp_path}/.env:{line}:1  warning  this line is ignored; write NAME=value"
        for line in (2, 3)
    ]
    assert CANARY not in repr(loaded.problems)


def test_a_file_in_another_encoding_is_reported(tmp_path: Path) -> None:
    loaded = variables(tmp_path, "A=1".encode("utf-16"))
    assert [str(problem) for problem in loaded.problems] == [
        f"{tmp_path}/.env  warning  this is not UTF-8, and is ignored; save it as UTF-8"
    ]


@pytest.mark.usefixtures("anybody")
def test_a_file_without_read_permission_is_reported() -> None:
    folder = Path(tempfile.mkdtemp())
    (folder / ".env").write_text("A=1")
    (folder / ".env").chmod(0)
    [problem] = Variables({}, [folder]).problems
    assert str(problem) == (
        f"{folder}/.env  warning  cannot be read: permission denied; it is ignored; "
        "check the permissions"
    )


def test_a_folder_or_a_fifo_of_that_name_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a" / ".env").mkdir(parents=True)
    os.mkfifo(tmp_path / ".env")
    loaded = Variables({}, [tmp_path / "a", tmp_path, tmp_path / "not-there"])
    assert (dict(loaded), loaded.problems) == ({}, [])


# How they are put in


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${A}", "one"),
        ('"${A}"', "one"),
        ("'${A}'", "one"),
        ("pre-${A}-${B}.post", "pre-one-two.post"),
        ("${A:-x}", "one"),
        ("${NONE:-x}", "x"),
        ("'${NONE:-x y: z}'", "x y: z"),
        ("${EMPTY:-x}", "x"),
        ("${BLANK:-x}", "x"),
        ("${NONE:-}", None),
        ("${EMPTY:-}", None),
        ("'  ${NONE:-} '", None),
        ("$${A}", "${A}"),
        ("$$${A}", "$${A}"),
        ("a$${b", "a${b"),
        ("$A", "$A"),
        ("{}", {}),
        ("${LIST}", "[a, b]"),
        ("${NESTED}", "${A}"),
        ("plain", "plain"),
        ("' '", " "),
        ("''", ""),
    ],
)
def test_a_reference_is_replaced_by_the_value(text: str, value: object, tmp_path: Path) -> None:
    config = {
        "A": "one",
        "B": "two",
        "EMPTY": "",
        "BLANK": " \t",
        "LIST": "[a, b]",
        "NESTED": "${A}",
    }
    tree, filled_in, _ = fill_in(f"a: {text}\nb: [x]", variables(tmp_path, **config))
    assert filled_in == {"a": value, "b": ["x"]}
    assert tree.problems == []


def test_keys_are_left_unchanged(tmp_path: Path) -> None:
    tree, value, _ = fill_in("${A}: ${A}", variables(tmp_path, A="one"))
    assert (value, tree.problems) == ({"${A}": "one"}, [])


@pytest.mark.parametrize("environ", [{}, {"A": ""}, {"A": "  "}])
def test_a_variable_without_a_value_is_reported_by_name_and_line(
    environ: dict[str, str], tmp_path: Path
) -> None:
    tree, value, _ = fill_in("a:\n  - x\n  - ${A}\n", variables(tmp_path, **environ))
    state = "is empty" if environ else "is not set"
    assert [str(problem) for problem in tree.problems] == [
        f"m.yaml:3:5  error  the variable A {state}; set it, or write a default: ${{A:-…}}"
    ]
    assert value == {"a": ["x", None]}
    assert tree.failed == {("a", 1)}


@pytest.mark.parametrize(
    "text", ["${}", "${1A}", "${A", "${A-b}", "${A:?b}", "${A:=b}", "${A B}", "${a.b}", "${A:-${A}"]
)
def test_a_malformed_reference_is_reported(text: str, tmp_path: Path) -> None:
    tree, _, _ = fill_in(f"a: '{text}'", variables(tmp_path, A=CANARY))
    [problem] = tree.problems
    assert str(problem) == (
        f"m.yaml:1:4  error  {text!r} is not a variable; write ${{NAME}} or ${{NAME:-default}}, "
        "and $${ for the two characters themselves"
    )


def test_every_value_knows_where_it_came_from(tmp_path: Path) -> None:
    text = "a: ${A}\nb: ${B:-x}\nc: ${C:-x}\nd: x\ne: ${A}/${C:-x}\nf: $${A}\n"
    _, _, origins = fill_in(text, variables(tmp_path, "B=file\n", A="one"))
    assert origins == {
        ("a",): "A, environment",
        ("b",): "B, .env:1",
        ("c",): "default, line 3",
        ("e",): "A, environment; default, line 5",
    }


# Keys


@pytest.mark.parametrize("text", ["${A}", "'${A}'", "${A:-}", "${NONE}", "${NONE:-}"])
def test_a_key_is_kept_as_the_name_of_its_variable(text: str, tmp_path: Path) -> None:
    tree, value, _ = fill_in(f"api_key: {text}", variables(tmp_path, A=CANARY))
    assert value == {"api_key": "NONE" if "NONE" in text else "A"}
    assert tree.problems == []


@pytest.mark.parametrize(
    "text",
    [
        CANARY,
        f"'{CANARY}'",
        f"${{A:-{CANARY}}}",
        f"x${{A}}{CANARY}",
        f"$${CANARY}",
        f">-\n  {CANARY}\n  {CANARY}",
        "1",
    ],
)
def test_a_literal_key_is_refused_and_not_shown(text: str, tmp_path: Path) -> None:
    tree, value, _ = fill_in(f"api_key: {text}", variables(tmp_path, A="a"))
    [problem] = tree.problems
    assert str(problem) == (
        "m.yaml:1:10  error  a key must not be written in this file; "
        "put it into a variable and write api_key: ${NAME_OF_THE_VARIABLE}"
    )
    assert value == {"api_key": None}
    assert CANARY not in repr(tree.problems)


def test_an_empty_key_counts_as_absent(tmp_path: Path) -> None:
    tree, value, _ = fill_in("api_key: ''", variables(tmp_path))
    assert (value, tree.problems) == ({"api_key": None}, [])
