"""Every one-letter typo of a key of models.yaml is reported on its line, with the right key.

All of them, some 20,000, are tried by `python -m tests.config.test_typos`; a run of the tests takes
a sample.
"""

import random
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from standby.config import load
from standby.config.durations import DURATION
from standby.config.schema import schema
from standby.errors import Problem
from standby.plugin import GROUP
from standby.registry.plugins import Registry

Keys = tuple[str, ...]
Schema = Mapping[str, Any]

CHAINS = {"default": {"models": ["openai/a-model"]}}

HOUSE_RULES = EntryPoint("house-rules", "tests.config.house_rules", GROUP)
REGISTRY = Registry([*entry_points(group=GROUP), HOUSE_RULES])
TODAY = date(2026, 11, 20)
ENVIRON = {"MINE": "a-key"}
RIGHT = 0.95
SAMPLE = 6
"""Typos of each key in a run of the tests."""

NAMES = {"providers": "mine", "models": "own", "triggers": "outage", "chains": "default"}
VALUES: dict[str, Any] = {
    "plugin": "openai",
    "distribution": "standby",
    "provider": "openai",
    "api_key": "${MINE}",
    "models": ["openai/a-model"],
    "triggers": [],
    "observers": ["house-rules"],
    "drop": ["seed"],
    "refuses": ["seed"],
    "open_limit": "60s",
    "limit": "60s",
    "open": "1s",
    "initial": "1s",
    "model": "openai/a-model",
}
"""The values of keys that do not accept just any value."""


class Spot(msgspec.Struct, frozen=True, kw_only=True):
    """A key: the path to it ("0" into a list), its siblings, and a valid file that has it."""

    keys: Keys
    siblings: frozenset[str]
    file: Any

    def __str__(self) -> str:
        return ".".join(self.keys)

    def text(self, key: str) -> tuple[str, int]:
        """Return the file with another key in place of this one, and the line it is on."""
        tree = msgspec.json.decode(msgspec.json.encode(self.file))
        around: Any = tree
        for step in self.keys[:-1]:
            around = around[0] if step == "0" else around[step]
        around["@"] = around.pop(self.keys[-1])
        before, _, after = yaml.safe_dump(tree, sort_keys=False, allow_unicode=True).partition(
            "'@':"
        )
        return f"{before}{yaml.safe_dump(key).splitlines()[0]}:{after}", before.count("\n") + 1


def spots() -> list[Spot]:
    """Find each key of the grammar, and of each plugin's options for a model or a provider."""
    result = [
        Spot(keys=keys, siblings=siblings, file=_file(keys))
        for keys, siblings in _keys(schema(), (), schema())
    ]
    for plugin in (
        name for name in REGISTRY.names() if name != HOUSE_RULES.name
    ):  # it reaches no model
        info = REGISTRY.info(plugin)
        for location, branch, options in (
            (("models", "own"), {"provider": plugin}, info.options),
            (("providers", "mine"), {"plugin": plugin}, info.account),
        ):
            for keys, siblings in _keys(options, (), options):
                definition = {**branch, "options": _with(options, keys, options)}
                file = _file() | {location[0]: {location[1]: definition}}
                result.append(
                    Spot(keys=(*location, "options", *keys), siblings=siblings, file=file)
                )
    return result


def _keys(schema_: Schema, at: Keys, root: Schema) -> Iterator[tuple[Keys, frozenset[str]]]:
    for branch in _branches(schema_, root):
        siblings = frozenset(branch.get("properties", {}))
        for key in sorted(siblings):
            yield (*at, key), siblings
            yield from _keys(branch["properties"][key], (*at, key), root)
        for name, kind in (
            (NAMES.get(at[-1] if at else ""), "additionalProperties"),
            ("0", "items"),
        ):
            if name and isinstance(branch.get(kind), dict):
                yield from _keys(branch[kind], (*at, name), root)


def _file(keys: Keys = ()) -> Any:
    keys = (*keys, NAMES[keys[0]]) if len(keys) == 1 and keys[0] in NAMES else keys
    text_ = _with(schema(), keys, schema())
    for section, key, value in (
        ("models", "provider", "openai"),
        ("triggers", "kind", "overloaded"),
    ):
        for definition in text_.get(section, {}).values():
            definition.setdefault(key, value)
    return text_ if keys[:1] == ("chains",) and keys[2:] else text_ | {"chains": CHAINS}


def _with(schema_: Schema, keys: Keys, root: Schema, key: str = "") -> Any:
    """Return a value that fits, with these keys and whatever they require."""
    if keys[:1] == ("0",):
        return [_with(_first(schema_, "items", root), keys[1:], root, key)]
    branch = next(
        (
            branch
            for branch in _branches(schema_, root)
            if "properties" in branch or "additionalProperties" in branch
        ),
        None,
    )
    if branch is None:
        return VALUES[key] if key in VALUES else _scalar(schema_, root)
    if not keys and key in VALUES:
        return VALUES[key]
    inner: Schema = branch.get("properties", {})
    needed = [
        *branch.get("required", ()),
        *branch.get("dependentRequired", {}).get(keys[0] if keys else "", ()),
    ]
    choices = [choice["required"][0] for choice in branch.get("oneOf", ())]
    needed += choices[: not set(keys[:1]) & set(choices)]
    needed += [] if keys or needed else [*inner][: branch.get("minProperties", 0)]
    text_ = {name: _with(inner[name], (), root, name) for name in needed if name not in keys[:1]}
    if keys:
        text_[keys[0]] = _with(
            inner.get(keys[0], branch.get("additionalProperties")), keys[1:], root, keys[0]
        )
    return text_


def _scalar(schema_: Schema, root: Schema) -> Any:
    branch = next(
        branch
        for branch in _branches(schema_, root)
        if branch.keys() & {"type", "enum", "const", "pattern"} or not branch
    )
    if "enum" in branch or "const" in branch:
        return branch.get("const", branch.get("enum", [None])[0])
    kind = branch.get("type")
    if branch.get("pattern"):
        return "30s" if branch["pattern"] == DURATION else branch.get("examples", ["5xx"])[0]
    if kind == "array":
        return [_with(branch.get("items", {}), (), root)]
    by_type = {"integer": max(branch.get("minimum", 1), 1), "boolean": True, "object": {}}
    text = branch.get("examples", ["2030-01-01" if branch.get("format") == "date" else "x"])[0]
    return by_type.get(str(kind), text)


def _first(schema_: Schema, kind: str, root: Schema) -> Schema:
    return next(branch[kind] for branch in _branches(schema_, root) if kind in branch)


def _branches(schema_: Schema, root: Schema) -> Iterator[Schema]:
    if "$ref" in schema_:
        yield from _branches(root["$defs"][schema_["$ref"].rpartition("/")[2]], root)
        return
    yield schema_
    for branch in schema_.get("anyOf", ()):
        yield from _branches(branch, root)


def typos(spot: Spot) -> list[str]:
    """Leave a letter out, swap two neighbours, write one twice, write another one instead."""
    key = spot.keys[-1]
    text_ = {key[:at] + key[at + 1 :] for at in range(len(key))}
    text_ |= {key[:at] + key[at + 1] + key[at] + key[at + 2 :] for at in range(len(key) - 1)}
    text_ |= {key[:at] + key[at] + key[at:] for at in range(len(key))}
    text_ |= {key[:at] + letter + key[at + 1 :] for at in range(len(key)) for letter in "aexz"}
    return sorted(text_ - spot.siblings - {key, ""})


def load_errors(text: str, folder: Path) -> list[Problem]:
    (folder / "m.yaml").write_text(text, encoding="utf-8")
    problems = load(Path("m.yaml"), REGISTRY, ENVIRON, cwd=folder, today=TODAY).problems
    return [problem for problem in problems if problem.severity == "error"]


def is_right(spot: Spot, typo: str, folder: Path) -> bool:
    """Say whether the typo is reported on its line, with the right key."""
    text, line = spot.text(typo)
    unknown = [problem for problem in load_errors(text, folder) if problem.code == "unknown-key"]
    return [(problem.line, problem.hint) for problem in unknown] == [
        (line, f"did you mean {spot.keys[-1]!r}?")
    ]


def check_typos(
    chosen: Sequence[Spot], folder: Path, sample: int | None, rng: random.Random
) -> tuple[int, dict[str, list[str]]]:
    """Try typos of each key; return their number, and by key those not reported right."""
    tried, wrong = 0, dict[str, list[str]]()
    for spot in chosen:
        some = typos(spot)
        some = some if sample is None else rng.sample(some, min(sample, len(some)))
        tried += len(some)
        if missed := [typo for typo in some if not is_right(spot, typo, folder)]:
            wrong[str(spot)] = missed
    return tried, wrong


def test_every_key_of_the_grammar_and_of_the_plugins_is_looked_at() -> None:
    keys = {str(spot) for spot in spots()}
    some = {
        "version",
        "providers.mine.api_key",
        "models.own.breaker.open_limit",
        "triggers.outage.then",
    }
    some |= {
        "chains.default.hedge.after",
        "models.own.options.reasoning_effort",
        "models.own.options.script.0.fail.kind",
    }
    assert some | {"providers.mine.options.project"} <= keys
    siblings = schema()["$defs"].values()
    assert len(keys) > sum(len(kind.get("properties", ())) for kind in siblings) + len(
        schema()["properties"]
    )


@pytest.mark.parametrize("spot", spots(), ids=str)
def test_a_file_with_the_key_is_valid(spot: Spot, tmp_path: Path) -> None:
    assert load_errors(spot.text(spot.keys[-1])[0], tmp_path) == []


def test_a_typo_of_a_key_is_reported_on_its_line_with_the_right_key(tmp_path: Path) -> None:
    tried, wrong = check_typos(spots(), tmp_path, SAMPLE, random.Random(1))
    assert sum(map(len, wrong.values())) <= (1 - RIGHT) * tried, report(tried, wrong)


def report(tried: int, wrong: Mapping[str, Sequence[str]]) -> str:
    missed = sum(map(len, wrong.values()))
    share = f"{tried - missed:,} of {tried:,} typos are reported right: {1 - missed / tried:.1%}"
    return "\n".join(
        [share, *(f"  {key}: {', '.join(typos)}" for key, typos in sorted(wrong.items()))]
    )


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        tried, wrong = check_typos(spots(), Path(folder), None, random.Random(1))
    print(report(tried, wrong))  # noqa: T201 - what it is for
    return int(sum(map(len, wrong.values())) > (1 - RIGHT) * tried)


if __name__ == "__main__":
    sys.exit(main())
