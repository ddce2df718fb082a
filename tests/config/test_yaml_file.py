import os
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from standby.config.tree import MOST_NODES, UnreadableConfig
from standby.config.yaml_file import LARGEST, parse_text, read_file
from tests.support.busy import SLACK

TABS = "indent with spaces, not with tabs"
QUOTE = 'quote it: inside [ ] and { } a variable is written "${NAME}"'
SHAPE = "check the indentation and the quotes"
NO_TEXT = "this is not text, or not UTF-8; is it the right file?"
EMPTY = "m.yaml  error  the file is empty; begin with 'version: 1' and 'chains:'"


def read_refused(data: bytes, folder: Path) -> str:
    path = folder / "m.yaml"
    path.write_bytes(data)
    with pytest.raises(UnreadableConfig) as refused_problem:
        read_file(path, "m.yaml")
    return str(refused_problem.value.problem)


def problems(text: str) -> list[str]:
    return [str(problem) for problem in parse_text(text, "m.yaml").problems]


# What is no tree


@pytest.mark.parametrize(
    "data", [b"", b"\n\n", b"# only a comment\n", b"---\n", b"null\n", b"~", b"\xef\xbb\xbf"]
)
def test_a_file_that_says_nothing_is_empty(data: bytes, tmp_path: Path) -> None:
    assert read_refused(data, tmp_path) == EMPTY


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            b"a:\n\tb: 1\n",
            (
                "m.yaml:2:1  error  this is not YAML: found character that cannot start any token; "
                f"{TABS}"
            ),
        ),
        (
            b"a:\n  b:\n \tc: 1\n",
            (
                "m.yaml:3:2  error  this is not YAML: found character that cannot start any token; "
                f"{TABS}"
            ),
        ),
        (
            b"a: [1",
            f"m.yaml:1:6  error  this is not YAML: did not find expected ',' or ']'; {SHAPE}",
        ),
        (
            b'a: "x\n',
            (
                "m.yaml:1:6  error  this is not YAML: a quote that begins in this line never ends; "
                "close it"
            ),
        ),
        (
            b"a: b: c\n",
            (
                "m.yaml:1:5  error  this is not YAML: "
                "a value with ': ' in it is read as another key; quote what comes after a:"
            ),
        ),
        (
            b"a: @x\n",
            "m.yaml:1:4  error  this is not YAML: a value cannot begin with '@'; quote it",
        ),
        (
            b"a: {b: ${X}}\n",
            f"m.yaml:1:9  error  this is not YAML: did not find expected ',' or '}}'; {QUOTE}",
        ),
        (
            b"a: [${X}]\n",
            f"m.yaml:1:6  error  this is not YAML: did not find expected ',' or ']'; {QUOTE}",
        ),
        (
            b"a: [\n  b,\n  ${X},\n]\n",
            f"m.yaml:3:4  error  this is not YAML: did not find expected ',' or ']'; {QUOTE}",
        ),
        (
            b'a: ["${X}" b]\n',
            f"m.yaml:1:12  error  this is not YAML: did not find expected ',' or ']'; {SHAPE}",
        ),
        (
            b"a: 1\x00\n",
            f"m.yaml  error  this is not YAML: control characters are not allowed; {NO_TEXT}",
        ),
        (
            "a: 1\n".encode("utf-16-le"),
            f"m.yaml  error  this is not YAML: control characters are not allowed; {NO_TEXT}",
        ),
        (
            "a: 1\n".encode("utf-16"),
            "m.yaml  error  the file is not UTF-8 (byte 0); save it as UTF-8",
        ),
        (b"\x89PNG\r\n\x1a\n", "m.yaml  error  the file is not UTF-8 (byte 0); save it as UTF-8"),
        (b"a: caf\xe9\n", "m.yaml  error  the file is not UTF-8 (byte 6); save it as UTF-8"),
        (
            b"#" * (LARGEST + 1),
            "m.yaml  error  the file is larger than 1048576 bytes; is it the right one?",
        ),
    ],
)
def test_what_cannot_be_read_is_reported_with_a_hint(
    data: bytes, message: str, tmp_path: Path
) -> None:
    assert read_refused(data, tmp_path) == message


def unreadable(path: Path) -> str:
    began = time.monotonic()
    with pytest.raises(UnreadableConfig) as refused_problem:
        read_file(path, "m.yaml")
    assert time.monotonic() - began < SLACK
    return str(refused_problem.value.problem)


def test_a_directory_is_reported_as_one(tmp_path: Path) -> None:
    assert unreadable(tmp_path) == "m.yaml  error  this is a directory; name the models.yaml in it"


def test_a_fifo_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert unreadable(tmp_path / "pipe") == "m.yaml  error  this is not a regular file; name a file"


def test_a_device_is_refused() -> None:
    assert unreadable(Path("/dev/zero")) == "m.yaml  error  this is not a regular file; name a file"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.yaml", "no such file or directory"),
        ("x" * 300, "file name too long"),
        ("a\0b", "embedded null byte"),
    ],
)
def test_a_missing_file_is_reported(name: str, message: str, tmp_path: Path) -> None:
    problem = (
        unreadable(tmp_path / name)
        .replace("stat: ", "")
        .replace("null character in path", "null byte")
    )
    assert (
        problem == f"m.yaml  error  cannot be read: {message}; check the name and the permissions"
    )


@pytest.mark.usefixtures("anybody")
def test_a_file_without_read_permission_is_reported() -> None:
    folder = Path(tempfile.mkdtemp())
    (folder / "m.yaml").write_text("a: 1")
    (folder / "m.yaml").chmod(0)
    message = "m.yaml  error  cannot be read: permission denied; check the name and the permissions"
    assert unreadable(folder / "m.yaml") == message


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real.yaml").write_text("a: b")
    (tmp_path / "link.yaml").symlink_to("real.yaml")
    assert read_file(tmp_path / "link.yaml", "m.yaml").value == {"a": "b"}


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "[" * 60 + "]" * 60,
        "".join(f"{' ' * depth}k:\n" for depth in range(60)),
        "\n".join(f"k{number}: v" for number in range(MOST_NODES + 1)),
    ],
    ids=["brackets", "indentation", "values"],
)
def test_a_file_that_is_too_deep_or_has_too_much_is_refused(text: str) -> None:
    with pytest.raises(UnreadableConfig) as refused_problem:
        parse_text(text, "m.yaml")
    assert refused_problem.value.problem.code == "too-large"
    assert (
        refused_problem.value.problem.message
        == "the file has more than 10000 values, or is nested deeper than 50"
    )
    assert refused_problem.value.problem.line


# What a tree holds


def test_a_byte_order_mark_is_not_part_of_the_first_key(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_bytes(b"\xef\xbb\xbfa: b\r\nc: d\r\n")
    assert read_file(tmp_path / "m.yaml", "m.yaml").value == {"a": "b", "c": "d"}


@pytest.mark.parametrize(
    "text",
    [
        "no",
        "yes",
        "on",
        "Off",
        "y",
        "true",
        "1:30",
        "010",
        "0x1f",
        "0b1",
        "1e3",
        "1_000",
        "2026-12-01",
        "1.10",
        "+5",
        ".inf",
    ],
)
def test_every_scalar_stays_text(text: str) -> None:
    assert parse_text(f"a: {text}\nb: [{text}]\n{text}: c", "m.yaml").value == {
        "a": text,
        "b": [text],
        text: "c",
    }


@pytest.mark.parametrize("nothing", ["", "~", "null", "Null", "NULL"])
def test_a_key_without_a_value_is_none(nothing: str) -> None:
    assert parse_text(f"a: {nothing}\nb: 1", "m.yaml").value == {"a": None, "b": "1"}


@pytest.mark.parametrize("quoted", ["'~'", '"null"', "''", '""'])
def test_what_is_quoted_is_text(quoted: str) -> None:
    assert parse_text(f"a: {quoted}", "m.yaml").value == {"a": quoted[1:-1]}


def test_every_value_and_every_key_has_its_mark() -> None:
    tree = parse_text("a:\n  - b\n  - {c: d}\n", "m.yaml")
    assert {location: (mark.line, mark.column) for location, mark in tree.values.items()} == {
        (): (1, 1),
        ("a",): (2, 3),
        ("a", 0): (2, 5),
        ("a", 1): (3, 5),
        ("a", 1, "c"): (3, 9),
    }
    assert {location: (mark.line, mark.column) for location, mark in tree.keys.items()} == {
        ("a",): (1, 1),
        ("a", 1, "c"): (3, 6),
    }


# What is refused in a tree


def test_a_duplicate_key_is_reported_with_both_lines() -> None:
    assert problems("a: 1\nb: 2\na: 3\n") == [
        "m.yaml:3:1  error  the key 'a' is here and in line 1; keep one of them"
    ]


def test_the_keys_of_a_duplicate_mapping_are_not_reported_as_well() -> None:
    assert problems("a:\n  x: 1\nb: 1\na:\n  x: 1\n") == [
        "m.yaml:4:1  error  the key 'a' is here and in line 1; keep one of them"
    ]


def test_an_alias_is_a_copy_of_what_its_anchor_marks() -> None:
    tree = parse_text(
        "a: &x [&y {b: 1}, *y]\nc: *x\n&k f: &s text\ng: [*k, *s]\nh: &x later\ni: *x\n", "m.yaml"
    )
    assert tree.problems == []
    pair = [{"b": "1"}, {"b": "1"}]
    assert tree.value == {
        "a": pair,
        "c": pair,
        "f": "text",
        "g": ["f", "text"],
        "h": "later",
        "i": "later",
    }
    assert tree.value["a"][0] is not tree.value["a"][1]
    marks = {location: (mark.line, mark.column) for location, mark in tree.values.items()}
    assert (marks["c",], marks["c", 1], marks["c", 1, "b"]) == ((2, 4), (1, 19), (1, 15)), (
        "what is wrong is mended there"
    )


NO_VALUE = "*x repeats no value"


def test_an_alias_that_repeats_nothing_is_refused() -> None:
    hint = "write the value out, or quote a text that begins with '*'"
    assert problems("a: *x\nb: &x {c: *x, d: [*x]}\ne: &y 1\n") == [
        f"m.yaml:1:4  error  {NO_VALUE}: no &x comes before it; {hint}",
        f"m.yaml:2:11  error  {NO_VALUE}: it is inside the value that it would repeat; {hint}",
        f"m.yaml:2:19  error  {NO_VALUE}: it is inside the value that it would repeat; {hint}",
    ]


def test_a_secret_is_copied_under_no_other_name() -> None:
    tree = parse_text(
        "a: {api_key: &x s3cret, b: *x}\nc: {api_key: *x}\nd: {tokens: [&y s3cret]}\ne: *y\n"
        "f: &x 1\ng: *x\n",
        "m.yaml",
    )
    assert [(problem.line, problem.message) for problem in tree.problems] == [
        (1, f"{NO_VALUE}: &x marks a value with a key's name"),
        (4, "*y repeats no value: &y marks a value with a key's name"),
    ]
    assert (tree.value["c"], tree.value["g"]) == ({"api_key": "s3cret"}, "1")


def test_merge_keys_are_refused() -> None:
    problem = ["m.yaml:3:3  error  merge keys (<<) are not used here; write the values out"]
    assert problems("a: &x {b: 1}\nd:\n  <<: *x\n  e: 1\n") == problem


def test_a_mistake_that_an_alias_repeats_is_reported_once() -> None:
    assert problems("a: &x {b: 1, b: 2, c: !t z}\nd: [*x, *x]\n") == [
        "m.yaml:1:14  error  the key 'b' is here and in line 1; keep one of them",
        (
            "m.yaml:1:23  error  tags (!) are not used here; remove it; "
            "the field's type is known without it"
        ),
    ]


class Spelt(yaml.SafeDumper):
    """Writes everything out."""

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


@given(st.data())
def test_what_pyyaml_dumps_with_aliases_means_the_same_as_without(data: st.DataObject) -> None:
    shared: list[Any] = [["x"], {"k": "v"}]
    for _ in range(data.draw(st.integers(1, 6))):
        parts = data.draw(st.lists(st.sampled_from(shared), max_size=4))
        shared.append(
            parts if data.draw(st.booleans()) else {f"k{at}": part for at, part in enumerate(parts)}
        )
    aliased, spelt = yaml.safe_dump(shared[-1]), yaml.dump(shared[-1], Dumper=Spelt)
    one, other = parse_text(aliased, "m.yaml"), parse_text(spelt, "m.yaml")
    assert (one.value, one.problems) == (other.value, [])


def test_tags_are_refused() -> None:
    message = "tags (!) are not used here; remove it; the field's type is known without it"
    assert problems("a: !!python/object:os.system {}\nb: !env X\nc: !!int '3'\nd: ! e\n") == [
        f"m.yaml:{line}:4  error  {message}" for line in (1, 2, 3, 4)
    ]


def test_a_second_document_is_refused() -> None:
    assert problems("a: 1\n---\nb: 2\n") == [
        "m.yaml:2:1  error  a second document begins here; keep one, without '---'"
    ]


def test_a_key_is_a_word() -> None:
    hint = 'quote it: inside [ ] and { } write "${NAME}"'
    assert problems("? [a]\n: b\nc: {? {d: e} : f}\n") == [
        f"m.yaml:1:3  error  a key must be a plain word; {hint}",
        f"m.yaml:3:7  error  a key must be a plain word; {hint}",
    ]


def test_an_empty_item_is_reported() -> None:
    tree = parse_text("a:\n  - b\n  -\n  - c\n", "m.yaml")
    assert [str(problem) for problem in tree.problems] == [
        "m.yaml:3:4  error  this item is empty; write it, or remove the '-'"
    ]
    assert tree.value == {"a": ["b", None, "c"]}


def bomb(levels: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)]
    return "\n".join(lines)


def merge_bomb(levels: int) -> str:
    lines = ["m0: &m0 {a: b}"]
    lines += [
        f"m{n}: &m{n} {{k{n}: {{<<: [*m{n - 1}, *m{n - 1}, *m{n - 1}, *m{n - 1}]}}}}"
        for n in range(1, levels)
    ]
    return "\n".join(lines)


@pytest.mark.parametrize("text", [bomb(20), merge_bomb(20), bomb(5), "a: &x [" * 60 + "]" * 60])
def test_a_bomb_is_refused(text: str) -> None:
    began = time.thread_time()
    with pytest.raises(
        UnreadableConfig, match="the file has more than 10000 values, or is nested deeper than 50"
    ) as read_refused:
        parse_text(text, "m.yaml")
    assert time.thread_time() - began < 1
    assert read_refused.value.problem.message.startswith("with its aliases (*) written out, ") is (
        "*" in text
    )


def test_what_is_just_small_enough_is_accepted() -> None:
    text = "a: &x [" + ", ".join("x" * 99) + "]\nb: [" + ", ".join(["*x"] * 98) + "]\n"
    tree = parse_text(text, "m.yaml")
    assert (tree.problems, len(tree.values)) == ([], 3 + 99 * 100 - 1)
