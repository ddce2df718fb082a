"""`standby schema`: the schema for an editor, written out or to a file."""

from pathlib import Path

import msgspec
import pytest
from jsonschema import Draft202012Validator

from standby.cli.schema import schema_text
from standby.plugin import GROUP
from standby.registry.plugins import Registry
from tests.cli.runner import Run, write_scripted
from tests.docs.distributions import Install


def test_the_text_that_is_committed_goes_to_standard_output(run: Run) -> None:
    result = run("schema")
    assert (result.status, result.out, result.err) == (0, schema_text(Registry()), "")


def test_it_is_a_schema(run: Run) -> None:
    schema = run("schema").json
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(schema)


def test_it_can_be_written_to_a_file(run: Run) -> None:
    result = run("schema", "--out", "models.schema.json")
    assert (result.status, result.out, result.err) == (0, "", "wrote models.schema.json\n")
    assert Path("models.schema.json").read_text(encoding="utf-8") == run("schema").out


def test_it_knows_each_plugins_options(run: Run) -> None:
    rules = run("schema").json["$defs"]["Model"]["allOf"]
    named = {
        rule["if"]["properties"]["provider"]["const"]: rule["then"]["properties"]["options"]
        for rule in rules
    }
    assert set(named) == {"anthropic", "gemini", "local", "openai", "scripted"}
    assert "path" in named["local"]["properties"]


@pytest.mark.parametrize("out", [".", "no-folder/models.schema.json"])
def test_a_place_that_cannot_be_written_is_named_with_the_remedy(run: Run, out: str) -> None:
    result = run("schema", "--out", out)
    assert (result.status, result.out) == (2, "")
    assert f"Invalid value for '--out': {out} cannot be written: " in result.err
    assert result.err.endswith("; name a file in a folder that exists\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("models.yaml",), "FILE goes with --validate; to write the schema use --out\n"),
        (
            ("--validate", "--out", "x.json"),
            "--out writes the schema, --validate checks a file; give one of the two\n",
        ),
    ],
)
def test_options_that_exclude_each_other_are_reported(
    run: Run, arguments: tuple[str, ...], message: str
) -> None:
    result = run("schema", *arguments)
    assert (result.status, result.out) == (2, "")
    assert result.err.endswith(message)
    assert not Path("x.json").exists()


def test_with_validate_it_is_standby_validate(run: Run) -> None:
    write_scripted()
    assert run("schema", "--validate", "models.yaml") == run("validate", "models.yaml")
    assert run("schema", "--validate") == run("validate")


def test_it_is_written_as_msgspec_formats_it(run: Run) -> None:
    printed = run("schema").out
    assert printed == msgspec.json.format(printed, indent=2) + "\n"


def test_an_editor_is_offered_the_models_of_all_cards_and_any_other_may_be_written(
    run: Run,
) -> None:
    schema = run("schema").json
    expected = sorted({name for plugin in Registry().names() for name in Registry().cards(plugin)})
    assert schema["$defs"]["Chain"]["properties"]["models"]["items"]["anyOf"][0] == {
        "type": "string",
        "examples": expected,
    }
    for alternatives in schema["$defs"]["Trigger"]["properties"]["model"]["anyOf"]:
        assert alternatives.get("items", alternatives)["anyOf"][0]["examples"] == expected
    assert schema["properties"]["models"]["propertyNames"]["anyOf"][0] == {"enum": expected}
    other = "openai/one-that-no-card-knows"
    file = {
        "version": 1,
        "models": {other: {"timeout": "30s"}},
        "chains": {"default": {"models": [other, expected[0]]}},
    }
    assert Draft202012Validator(schema).is_valid(file)


def test_the_models_of_any_installed_plugin_are_offered(run: Run, install: Install) -> None:
    source = (
        "from standby.plugin import *\n@hookimpl\n"
        "def standby_models(): return {'parrot-1': Card()}\n"
    )
    install(
        {
            "name": "standby-parrot",
            "version": "1",
            "entry-points": {GROUP: {"parrot": "standby_extra"}},
        },
        {"standby_extra.py": source},
    )
    offered = run("schema").json["$defs"]["Chain"]["properties"]["models"]["items"]["anyOf"][0][
        "examples"
    ]
    assert "parrot-1" in offered
