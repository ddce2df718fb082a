"""A dictionary of the file's form means what the file means; problems have their path."""

import copy
import json
from collections import Counter
from collections.abc import Mapping
from datetime import date
from enum import Enum
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any

import pytest
import yaml

from standby.config import LoadedConfig, load
from standby.config.tree import DEEPEST, MOST_NODES
from standby.failures import Kind
from standby.registry.plugins import Registry
from standby.settings import Model, Secret
from tests.config.files import KEYS, TODAY, catalogue
from tests.config.test_golden import GOLDEN, plugins

CORPUS = Path(__file__).parents[1] / "corpus"
VALID = [Path(__file__).parents[2] / "config" / "models.yaml", *sorted(CORPUS.glob("valid-*.yaml"))]
SET = {"MODEL": "o3-mini", "YES": "yes", "NUMBER": "3", "SPAN": "5s"}
OF_THE_TEXT = (
    "alias",
    "bad-key",
    "duplicate-key",
    "dotenv",
    "empty",
    "not-utf-8",
    "syntax",
    "tag",
    "two-documents",
)
"""Codes of problems that only a text can have."""

WRONG = [
    path for path in sorted(GOLDEN.glob("*.yaml")) if path.stem.partition(".")[0] not in OF_THE_TEXT
]
CHAIN = {"models": ["large-3"]}


def load_dictionary(
    folder: Path, config: Mapping[str, Any], environ: Mapping[str, str] = KEYS
) -> LoadedConfig:
    return load(config, catalogue(), environ, cwd=folder, today=TODAY)


def problems(folder: Path, **more: Any) -> list[str]:
    """Return the problems of a dictionary with one chain and these keys."""
    return [
        str(problem)
        for problem in load_dictionary(
            folder, {"version": 1, "chains": {"default": CHAIN}, **more}
        ).problems
    ]


def codes(loaded: LoadedConfig) -> Counter[str]:
    return Counter(problem.code for problem in loaded.problems)


# What it means


def load_json(text: str) -> Any:
    return json.loads(json.dumps(yaml.safe_load(text), default=str))


def load_texts(text: str) -> Any:
    return yaml.load(text, yaml.BaseLoader)  # which makes nothing but texts


@pytest.mark.parametrize("read", [yaml.safe_load, load_texts, load_json])
@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_it_means_what_the_file_means_with_any_parser(
    path: Path, read: Any, tmp_path: Path
) -> None:
    registry = Registry()
    from_file = load(path, registry, SET, cwd=tmp_path, today=TODAY)
    config = read(path.read_bytes().decode("utf-8-sig"))
    before = copy.deepcopy(config)
    from_dictionary = load(config, registry, SET, cwd=tmp_path, today=TODAY)
    assert from_file.settings is not None
    assert from_dictionary.settings == from_file.settings
    assert config == before


@pytest.mark.parametrize("path", WRONG, ids=lambda path: path.stem)
def test_it_has_the_files_problems_with_their_paths(path: Path, tmp_path: Path) -> None:
    config = yaml.safe_load(path.read_text("utf-8"))
    loaded = load(config, plugins(path.stem), KEYS, cwd=tmp_path, today=TODAY)
    assert codes(loaded) == codes(load(path, plugins(path.stem), KEYS, cwd=tmp_path, today=TODAY))
    assert {(problem.line, problem.column, problem.excerpt) for problem in loaded.problems} == {
        (0, 0, "")
    }
    assert all(
        str(problem).startswith(f"{problem.file}  {problem.severity}  ")
        for problem in loaded.problems
    )


def test_pythons_own_types_are_read_as_a_file_would_write_them(tmp_path: Path) -> None:
    class Which(Enum):
        LARGE = "large-3"

    options = {
        "stop": (1, "b"),
        "free": {"day": date(2026, 12, 1), "path": PurePosixPath("a/b"), "n": 2**70, "x": 0.1},
    }
    config = {
        "version": 1,
        "models": {
            "m": MappingProxyType(
                {"provider": "acme", "model": 4, "options": options, "timeout": None}
            )
        },
        "triggers": {"t": {"kind": [Kind.OVERLOADED], "code": 503, "status": 503, "then": "next"}},
        "chains": {"default": {"models": (Which.LARGE, "m"), "fallback": True}},
    }
    loaded = load_dictionary(tmp_path, config)
    settings = loaded.settings
    assert settings is not None, loaded.problems
    assert (
        settings.models["m"].model,
        settings.triggers["t"].code,
        settings.triggers["t"].status,
    ) == ("4", "503", 503)
    assert settings.chains["default"].models == ("large-3", "m")
    free = {"day": "2026-12-01", "path": "a/b", "n": 2**70, "x": 0.1}
    assert settings.models["m"].options == {"stop": ["1", "b"], "free": free}


def test_variables_are_filled_in_from_the_environment_and_from_env(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("FROM_FILE=acme/y\n", encoding="utf-8")
    models = ["acme/${NAME}", "${FROM_FILE}", "${NONE:-acme/z}", "acme/$${x}"]
    loaded = load_dictionary(
        tmp_path, {"version": 1, "chains": {"default": {"models": models}}}, {**KEYS, "NAME": "x"}
    )
    assert loaded.settings is not None
    assert loaded.settings.chains["default"].models == ("acme/x", "acme/y", "acme/z", "acme/${x}")
    assert loaded.origins["default", "acme/z"] == "default, chains.default.models[2]"
    assert loaded.origins["default", "acme/${x}"] == "chains.default.models[3]"
    [missing] = problems(tmp_path, chains={"default": {"models": ["${NONE}"]}})
    assert missing.startswith("chains.default.models[0]  error  the variable NONE is not set; ")


# What is wrong with it


def test_each_problem_has_its_path(tmp_path: Path) -> None:
    chains = {"default": {"models": ["large-3", "larg-3"], "deadlin": "3m"}}
    models = {"own": {"provider": "acme", "timeout": 30, "retries": 3}}
    message = problems(tmp_path, chains=chains, models=models)
    assert sorted(line.partition(";")[0] for line in message) == [
        "chains.default.deadlin  error  unknown key 'deadlin'",
        "chains.default.models[1]  error  no model is named 'larg-3'",
        "models.own.retries  error  unknown key 'retries'",
        "models.own.timeout  error  30 is not a duration",
    ]


def test_what_is_missing_at_the_top_is_missing_in_the_dictionary(tmp_path: Path) -> None:
    missing = [
        str(problem)
        for problem in load_dictionary(tmp_path, {"chains": {"default": CHAIN}}).problems
    ]
    assert missing == ["the dictionary  error  the dictionary has no 'version'; add 'version': 1"]
    empty = [str(problem) for problem in load_dictionary(tmp_path, {}).problems]
    assert empty == [
        "the dictionary  error  the dictionary is empty; begin with 'version' and 'chains'"
    ]


NOTHING = "cannot be written in a file"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            {"models": {7: {}}},
            "models  error  a key must be a text, not the int 7; write it in quotes",
        ),
        (
            {"models": {True: {}}},
            "models  error  a key must be a text, not the bool True; write it in quotes",
        ),
        (
            {("a",): 1},
            "the dictionary  error  a key must be a text, not the tuple ('a',); a key is a text",
        ),
        (
            {"models": {"m": Model()}},
            f"models.m  error  a Model {NOTHING}; write a text, a number, True",
        ),
        (
            {"models": {"m": {"provider": "acme", "extra": {"x": b"y"}}}},
            f"models.m.extra.x  error  a bytes {NOTHING}",
        ),
        (
            {"models": {"m": {"provider": "acme", "timeout": float("nan")}}},
            f"models.m.timeout  error  a number that is not finite {NOTHING}",
        ),
        ({"observers": {"a", "b"}}, f"observers  error  a set {NOTHING}"),
        ({"observers": iter("ab")}, f"observers  error  a str_ascii_iterator {NOTHING}"),
        (
            {"observers": ["acme", None]},
            "observers[1]  error  this item is empty; write it, or remove it",
        ),
        ({"chains": [CHAIN]}, "chains  error  this is not a mapping of keys"),
        (
            {"chains": {"default": {"models": "large-3"}}},
            "chains.default.models  error  'large-3' is not",
        ),
        (
            {"chains": {"default": {**CHAIN, "fallback": "maybe"}}},
            "chains.default.fallback  error  'maybe'",
        ),
    ],
)
def test_what_a_file_cannot_have_is_reported_with_its_type(
    more: dict[Any, Any], message: str, tmp_path: Path
) -> None:
    config = {"version": 1, "chains": {"default": CHAIN}, **more}
    [line] = [
        str(problem)
        for problem in load_dictionary(tmp_path, config).problems
        if problem.severity == "error"
    ]
    assert line.startswith(message)


KEY = "sk-canary-0123456789abcdefABCDEF"


@pytest.mark.parametrize("key", [KEY, 1234567890, f"${{X:-{KEY}}}"])
def test_a_literal_key_is_refused_and_not_shown(key: Any, tmp_path: Path) -> None:
    message = problems(tmp_path, providers={"p": {"plugin": "acme", "api_key": key}})
    hint = "put it into a variable and write api_key: ${NAME_OF_THE_VARIABLE}"
    assert message == [
        f"providers.p.api_key  error  a key must not be written in this file; {hint}"
    ]


@pytest.mark.parametrize("key", [[KEY], {"a": KEY}, Secret(KEY), (KEY,), b"" + KEY.encode()])
def test_what_is_not_a_key_is_not_shown_either(key: Any, tmp_path: Path) -> None:
    message = problems(tmp_path, providers={"p": {"plugin": "acme", "api_key": key}})
    assert message
    assert KEY not in "".join(message)


def test_a_secret_made_in_code_is_refused_with_the_place_for_it(tmp_path: Path) -> None:
    [line] = problems(tmp_path, providers={"p": {"plugin": "acme", "api_key": Secret(KEY)}})
    hint = "write '${NAME_OF_THE_VARIABLE}', or pass Standby(settings=Settings(…))"
    assert line == f"providers.p.api_key  error  a Secret {NOTHING}; {hint}"


def test_one_that_contains_itself_or_is_too_large_is_refused(tmp_path: Path) -> None:
    loop: dict[str, Any] = {"version": 1}
    loop["chains"] = loop
    wide = {"version": 1, "observers": ["x"] * MOST_NODES}
    wider: Any = ["x"]
    for _ in range(30):
        wider = [wider] * 9
    limits = f"more than {MOST_NODES} values, is nested deeper than {DEEPEST}"
    for config in (loop, wide, {"version": 1, "observers": wider}):
        (problem,) = load_dictionary(tmp_path, config).problems
        assert str(problem).startswith(
            f"the dictionary  error  it has {limits}, or contains itself;"
        )


def test_one_part_may_occur_twice(tmp_path: Path) -> None:
    loaded = load_dictionary(tmp_path, {"version": 1, "chains": {"default": CHAIN, "other": CHAIN}})
    assert loaded.settings is not None
    assert loaded.settings.chains["default"] == loaded.settings.chains["other"]
