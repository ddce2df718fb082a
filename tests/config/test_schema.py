import inspect
import json
import re
from collections.abc import Iterator
from datetime import date
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
import yaml
from jsonschema import Draft202012Validator

from standby.cli.schema import schema_text
from standby.config import load
from standby.config.scalars import convert_scalars, parse_durations
from standby.config.schema import DIALECT, editor_schema, schema
from standby.config.validation import validate
from standby.plugin import GROUP
from standby.registry.plugins import Registry
from standby.settings import Secret, Settings
from tests.config.files import OPTIONS

ROOT = Path(__file__).parents[2]
PUBLISHED = json.loads(schema_text(Registry()))
EDITOR = Draft202012Validator(PUBLISHED)


def test_the_committed_schema_is_the_generated_one() -> None:
    committed = (ROOT / "config" / "models.schema.json").read_text()
    own_keywords = [
        point
        for point in entry_points(group=GROUP)
        if point.dist is not None and point.dist.name == "standby"
    ]
    remedy = (
        "run, where no plugins but those of standby are installed: standby schema --out "
        "config/models.schema.json"
    )
    assert committed == schema_text(Registry(own_keywords)), remedy


def test_its_text_is_the_same_whether_docstrings_keep_their_indentation_or_not() -> None:
    """They do up to Python 3.12, and up to msgspec 0.22."""
    descriptions = [
        node["description"] for node in nodes(PUBLISHED) if isinstance(node.get("description"), str)
    ]
    assert any("\n" in each for each in descriptions)
    assert [each for each in descriptions if each != inspect.cleandoc(each)] == []


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for each in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from nodes(each)


@pytest.mark.parametrize(
    "schema_", [schema(), editor_schema({}), editor_schema({"acme": OPTIONS}), PUBLISHED]
)
def test_it_is_a_schema_of_its_dialect(schema_: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(schema_)
    assert schema_["$schema"] == DIALECT


def test_every_key_is_described() -> None:
    parts = {"Settings": PUBLISHED, **PUBLISHED["$defs"]}
    undescribed = [
        f"{name}.{key}"
        for name, part in parts.items()
        for key in part.get("properties", ())
        if not is_described(part, key)
    ]
    assert undescribed == []


def is_described(part: dict[str, Any], key: str) -> bool:
    return bool(part["properties"][key].get("description"))


def test_the_shipped_file_names_the_schema_beside_it_and_fits() -> None:
    text = (ROOT / "config" / "models.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=./models.schema.json\n")
    assert list(EDITOR.iter_errors(yaml.safe_load(text))) == []


def file(text: str) -> dict[str, Any]:
    """Return what an editor makes of a file: YAML 1.2, which leaves dates and "yes" alone."""
    return yaml.load(text, Loader=Editor)  # noqa: S506 - the loader below is a safe one


class Editor(yaml.SafeLoader):
    """Reads numbers, true, false and null, and all else as text."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - as PyYAML has it


Editor.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(true|false)$"), list("tf"))
Editor.add_implicit_resolver("tag:yaml.org,2002:null", re.compile("^(null|~|)$"), ["n", "~", ""])
Editor.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"^[-+]?[0-9]+$"), list("-+0123456789")
)
Editor.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+\.[0-9]+$"), list("-+0123456789")
)


CHAIN = "chains: {default: {models: [smollm2-135m]}}\n"
HEAD = f"version: 1\n{CHAIN}"

VALID = [
    HEAD,
    "version: '${NONE:-1}'\n" + CHAIN,
    (
        "version: 1\nchains:\n  default:\n    models:\n      - gemini-2.5-pro\n      - o3-mini\n "
        "     - openai/gpt-5.6-sol\n"
    ),
    HEAD
    + """
providers:
  openrouter:
    plugin: openai
    base_url: https://openrouter.example/api/v1
    api_key: ${OPENROUTER_API_KEY}
""",
    HEAD
    + """
models:
  gemini-2.5-pro:
    provider: gemini
    model: gemini-2.5-pro
    timeout: 120s
    options: {thinking_budget: 8192}
    drop: [temperature]
    card: {context_window: 1048576}
""",
    HEAD + "models: {smollm2-135m: {breaker: off}}\n",
    HEAD + "models: {smollm2-135m: {breaker: '${BREAKER:-off}'}}\n",
    """
version: 1
triggers:
  outage-as-gemini-words-it:
    message:
      - 500 internal
      - internal error has occurred
    then: next
  busy:      {kind: [rate_limited, overloaded], then: retry}
  any-5xx:   {status: [5xx], then: next}
chains:
  default:
    models:
      - "${PRIMARY_AI_MODEL:-gemini-2.5-pro}"
      - "${FALLBACK_AI_MODEL:-o3-mini}"
    fallback: "${ENABLE_MODEL_FALLBACK:-true}"
    triggers: [busy, outage-as-gemini-words-it]
    deadline: 3m
    retry: {attempts: 2, initial: 500ms, limit: 8s}
""",
    HEAD.replace("]}", "], fallback: yes}"),
    HEAD.replace("]}", "], fallback: 'off'}"),
    HEAD.replace(
        "]}", "], fallback: '${NONE:-1}', deadline: '${NONE:-3m}', retry: {attempts: '${NONE:-2}'}}"
    ),
    HEAD + "models: {m: {provider: openai, options: {reasoning_effort: '${NONE:-low}'}}}\n",
    HEAD + "models: {m: {provider: gemini, card: {retires: 2026-12-01, wire: {a: b}}}}\n",
    HEAD
    + (
        "models: {m: {provider: scripted, options: {script: [{delay: 250ms, reply: [a, b]}, "
        "{hang: true}]}}}\n"
    ),
    HEAD + "triggers: {t: {status: 503, code: X, provider: openai, then: stop}}\n",
    HEAD + "providers: {p: {plugin: openai, api_key: '${OPENAI_API_KEY:-}'}}\n",
]

INVALID = [
    "hello",
    "[a]",
    "version: 1",
    CHAIN,
    "version: 2\n" + CHAIN,
    "version: 1\nchains: {}\n",
    "version: 1\nchains: {default: {}}\n",
    "version: 1\nchains: {default: {models: []}}\n",
    "version: 1\nchains: {default: {models: smollm2-135m}}\n",
    "version: 1\nchains: {default: {modles: [smollm2-135m]}}\n",
    "version: 1\nchains: {default: {models: [[a]]}}\n",
    *(
        HEAD.replace("]}", f"], {more}}}")
        for more in (
            "fallback: maybe",
            "fallback: []",
            "deadline: 30",
            "deadline: 0s",
            "deadline: soon",
            "deadline: 3 s",
            "retry: {attempts: 0}",
            "retry: {attempts: 11}",
            "retry: {attempts: two}",
            "retry: 2",
            "triggers: t",
            "hedge: {afterwards: 8s}",
        )
    ),
    *(
        f"{HEAD}triggers: {{t: {body}}}\n"
        for body in (
            "{kind: timeout}",
            "{kind: timout, then: next}",
            "{kind: [], then: next}",
            "{kind: timeout, then: nxt}",
            "{status: 6xx, then: next}",
            "{status: 99, then: next}",
            "{status: [600], then: next}",
            "{message: '', then: next}",
            "{message: [''], then: next}",
            "{message: {a: b}, then: next}",
            "{kind: timeout, then: next, when: now}",
        )
    ),
    *(
        f"{HEAD}providers: {{p: {body}}}\n"
        for body in (
            "openai",
            "{base_url: http://x}",
            "{plugin: [openai]}",
            "{plugin: openai, api_key: sk-1}",
            "{plugin: openai, api_key: '${A:-sk-1}'}",
            "{plugin: openai, api_key: 'x${A}'}",
            "{plugin: openai, key: a}",
        )
    ),
    *(
        f"{HEAD}models: {{m: {body}}}\n"
        for body in (
            "{provider: openai, timeout: 30}",
            "{provider: openai, timout: 30s}",
            "{provider: openai, drop: temperature}",
            "{provider: openai, card: {context_window: big}}",
            "{provider: openai, card: {colour: blue}}",
            "{provider: openai, options: {reasoning_effort: hihg}}",
            "{provider: openai, options: {budget: 1}}",
            "{provider: openai, options: [a]}",
            "{provider: gemini, options: {thinking_budget: 99999}}",
            "{provider: gemini, options: {thinking_budget: 1, thinking_level: low}}",
            "{provider: scripted, options: {script: []}}",
        )
    ),
]


def is_valid(text: str, folder: Path) -> bool:
    (folder / "models.yaml").write_text(text)
    loaded = load(Path("models.yaml"), Registry(), {}, cwd=folder, today=date(2026, 11, 20))
    return loaded.settings is not None


@pytest.mark.parametrize("text", VALID)
def test_what_is_valid_fits_the_schema(text: str, tmp_path: Path) -> None:
    assert is_valid(text, tmp_path)
    assert list(EDITOR.iter_errors(file(text))) == []


@pytest.mark.parametrize("text", INVALID)
def test_what_is_not_valid_does_not_fit_the_schema(text: str, tmp_path: Path) -> None:
    assert not is_valid(text, tmp_path)
    assert list(EDITOR.iter_errors(file(text))) != []


@pytest.mark.parametrize("text", VALID + INVALID)
def test_the_types_and_the_schema_agree(text: str) -> None:
    """The types decide whether a file fits, and the schema supplies the message."""
    value = yaml.load(text.replace("${NONE:-1}", "1"), Loader=yaml.BaseLoader)  # makes only texts
    value = convert_scalars(value, schema(), schema())
    try:
        msgspec.convert(
            parse_durations(value, schema(), schema()),
            Settings,
            dec_hook=lambda _, name: Secret(name),
        )
        fits = "version" in value
    except msgspec.ValidationError:
        fits = False
    assert (validate(value, schema()) == []) == fits


def test_a_plugins_options_are_its_own() -> None:
    validator = Draft202012Validator(
        editor_schema({"acme": OPTIONS, "bolt": {"properties": {"default": {"type": "integer"}}}})
    )

    def fits(provider: str, options: dict[str, Any]) -> bool:
        return validator.is_valid(
            {
                "version": 1,
                "chains": {"default": {"models": ["a"]}},
                "models": {"a": {"provider": provider, "options": options}},
            }
        )

    assert fits("acme", {"budget": 5})
    assert fits("acme", {"budget": "${BUDGET}", "loud": "yes", "stop": ["${STOP}"]})
    assert not fits("acme", {"budget": "5 or so"})
    assert not fits("acme", {"unheard": 1})
    assert fits("bolt", {"default": "${N}", "unheard": 1})
    assert not fits("bolt", {"default": "x"})
    assert fits("other", {"anything": 1})


def test_a_type_without_a_schema_is_refused_when_the_schema_is_made() -> None:
    from standby.config.schema import _describe_type  # noqa: PLC0415 - what msgspec calls

    with pytest.raises(NotImplementedError, match="no schema for <class 'complex'>"):
        _describe_type(complex)


def test_the_schema_has_the_defaults() -> None:
    chain = PUBLISHED["$defs"]["Chain"]["properties"]
    assert (chain["deadline"]["default"], chain["fallback"]["default"]) == ("3m", True)
    assert PUBLISHED["$defs"]["Retry"]["properties"]["limit"]["default"] == "8s"
    assert (
        "default" not in PUBLISHED["$defs"]["Retry"]["properties"]["initial"]
    )  # each kind has its own
    assert "default" not in PUBLISHED["$defs"]["Model"]["properties"]["timeout"]


def test_jsonschema_and_editors_read_one_dialect() -> None:
    assert jsonschema.validators.validator_for(PUBLISHED) is Draft202012Validator
