import subprocess
import sys
from datetime import date

import jsonschema
import pytest

import standby_gemini
from standby.plugin import Sampling

INFO = standby_gemini.standby_provider()
CARDS = standby_gemini.standby_models()


def test_the_manifest_imports_no_sdk_and_no_http() -> None:
    code = (
        "import standby_gemini, sys; "
        "standby_gemini.standby_models(); standby_gemini.standby_provider(); "
        "heavy = ('google.genai', 'google.auth', 'httpx2', 'pydantic'); "
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 - ourselves
    assert done.stdout.strip() == "[]"


def test_the_adapter_is_where_the_manifest_says() -> None:
    from standby_gemini import adapter  # noqa: PLC0415 - the manifest must not need it

    assert (
        INFO.adapter == f"{adapter.GeminiAdapter.__module__}:{adapter.GeminiAdapter.__qualname__}"
    )


@pytest.mark.parametrize("name", CARDS)
def test_every_card_has_a_source_and_refuses_what_exists(name: str) -> None:
    card = CARDS[name]
    assert card.source
    assert set(card.refuses or ()) <= set(Sampling.__struct_fields__)
    assert card.successor is None or card.successor in CARDS


def test_the_retiring_models_name_their_successors() -> None:
    retiring = {
        name: (card.retires, card.successor) for name, card in CARDS.items() if card.retires
    }
    assert retiring["gemini-2.5-pro"] == (date(2026, 12, 1), "gemini-3.8-flash")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"thinking_budget": -1},
        {"thinking_budget": 32768},
        {"thinking_level": "low"},
        {"api_version": "v1"},
    ],
)
def test_options_that_gemini_knows_are_valid(options: dict[str, object]) -> None:
    jsonschema.validate(options, INFO.options)


@pytest.mark.parametrize(
    "options",
    [
        {"thinking_budget": -2},
        {"thinking_budget": 32769},
        {"thinking_budget": "8192"},
        {"thinking_level": "max"},
        {"thinking_budget": 128, "thinking_level": "low"},
        {"api_version": "v2"},
        {"thinking": 128},
    ],
)
def test_options_that_gemini_refuses_are_invalid(options: dict[str, object]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(options, INFO.options)
