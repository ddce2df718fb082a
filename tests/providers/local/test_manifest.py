"""The local provider's manifest."""

import subprocess
import sys
from typing import Any

import jsonschema
import pytest

import standby_local
from standby.plugin import AttemptFailed, Kind
from standby_local.options import Options, parse_options


def accepted_by_schema(options: dict[str, Any]) -> bool:
    return jsonschema.Draft202012Validator(standby_local.standby_provider().options).is_valid(
        options
    )


def test_no_key_is_needed() -> None:
    assert standby_local.standby_provider().keys == ()


def test_the_card_has_a_disclaimer() -> None:
    card = standby_local.standby_models()["smollm2-135m"]
    assert (
        card.disclaimer
        == "from a very small model on this machine: English only, its facts are unreliable"
    )
    assert card.context_window == Options().context


def test_the_manifest_imports_nothing_but_the_plugin_interface() -> None:
    code = (
        "import sys; import standby.plugin; before = set(sys.modules); import standby_local; "
        "standby_local.standby_provider(); standby_local.standby_models(); "
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 - our own code
    assert done.stdout.split() == ["standby_local"]


def test_the_adapter_imports_without_the_engine() -> None:
    code = (
        "import sys; import standby_local.adapter; "
        "print('xllamacpp' in sys.modules, 'click' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 - our own code
    assert done.stdout.split() == ["False", "False"]


def test_the_plugin_adds_the_command_pull() -> None:
    assert [command.name for command in standby_local.standby_commands()] == ["pull"]


@pytest.mark.parametrize(
    "options", [{}, {"path": "~/a.gguf"}, {"threads": 4, "context": 8192, "max_tokens": 1000}]
)
def test_options_that_the_schema_accepts_are_read(options: dict[str, Any]) -> None:
    assert accepted_by_schema(options)
    parse_options("m", options)


@pytest.mark.parametrize(
    "options",
    [
        {"pth": "a"},
        {"path": 3},
        {"path": ""},
        {"threads": 0},
        {"context": 100},
        {"max_tokens": "many"},
    ],
)
def test_options_that_the_schema_refuses_are_unavailable_and_named(options: dict[str, Any]) -> None:
    assert not accepted_by_schema(options)
    with pytest.raises(
        AttemptFailed, match=f"the options of 'm' are wrong: .*{next(iter(options))}"
    ) as caught:
        parse_options("m", options)
    assert caught.value.failure.kind is Kind.UNAVAILABLE


def test_the_schemas_defaults_are_the_ones_that_are_used() -> None:
    properties = standby_local.standby_provider().options["properties"]
    defaults = {name: field["default"] for name, field in properties.items() if "default" in field}
    assert parse_options("m", defaults) == Options()
