import inspect
import re
import subprocess
import sys
from datetime import date
from importlib.metadata import version
from typing import get_args, get_type_hints

import jsonschema
import pytest

import standby_openai
from standby.plugin import Sampling
from tests.support.sdks import needs_openai_3

INFO = standby_openai.standby_provider()
CARDS = standby_openai.standby_models()


@pytest.fixture(scope="module")
def retirements() -> dict[str, date]:
    """Read the installed SDK's own table of retirements.

    A row has names, and then "Announced shutdown date: 2026-10-23".
    """
    if tuple(map(int, version("openai").split(".")[:2])) < (3, 54):
        pytest.skip("the cards were made from openai 3.54")
    from openai.types.shared import chat_model  # noqa: PLC0415 - the manifest must not need it

    documented = re.sub(
        r"\s+", " ", inspect.getsource(chat_model).partition('"""Deprecated values:')[2]
    )
    rows = re.findall(
        r'- ((?:"[^"]+",? ?)+): Announced shutdown date: (\d{4}-\d\d-\d\d)', documented
    )
    return {
        name: date.fromisoformat(day)
        for names, day in rows
        for name in re.findall(r'"([^"]+)"', names)
    }


def test_the_manifest_imports_no_sdk_and_no_http() -> None:
    code = (
        "import standby_openai, sys; "
        "standby_openai.standby_models(); standby_openai.standby_provider(); "
        "print([name for name in ('openai', 'httpx2', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 - ourselves
    assert done.stdout.strip() == "[]"


def test_the_adapter_is_where_the_manifest_says() -> None:
    from standby_openai import adapter  # noqa: PLC0415 - the manifest must not need it

    assert (
        INFO.adapter == f"{adapter.OpenAIAdapter.__module__}:{adapter.OpenAIAdapter.__qualname__}"
    )


@pytest.mark.parametrize("name", CARDS)
def test_every_card_has_a_source_and_refuses_what_exists(name: str) -> None:
    card = CARDS[name]
    assert card.source
    assert set(card.refuses or ()) <= set(Sampling.__struct_fields__)
    assert "top_k" in (card.refuses or ())  # Chat Completions has no such parameter
    assert card.successor is None or card.successor in CARDS


@pytest.mark.parametrize("name", CARDS)
def test_every_card_is_of_a_model_that_the_sdk_lists_and_has_its_retirement(
    name: str, retirements: dict[str, date]
) -> None:
    from openai.types.shared import chat_model  # noqa: PLC0415 - the manifest must not need it

    assert name in chat_model.ChatModel.__args__
    assert CARDS[name].retires == retirements.get(name)


def test_the_sdk_lists_retirements(retirements: dict[str, date]) -> None:
    assert retirements["o3-mini"] == date(2026, 10, 23)


def test_o3_mini_refuses_the_recorded_parameters_and_names_a_current_successor() -> None:
    card = CARDS["o3-mini"]
    assert card.refuses == (
        "temperature",
        "top_p",
        "top_k",
        "presence_penalty",
        "frequency_penalty",
        "parallel_tool_calls",
    )
    assert card.context_window == 200_000
    assert card.successor == "gpt-5.6-sol"


@pytest.mark.parametrize("name", CARDS)
def test_a_successor_is_in_service(name: str) -> None:
    successor = CARDS[name].successor
    assert successor is None or CARDS[successor].retires is None


@pytest.mark.parametrize(
    "options",
    [{}, {"reasoning_effort": "low"}, {"reasoning_effort": "none"}, {"service_tier": "flex"}],
)
def test_options_that_openai_knows_are_valid(options: dict[str, object]) -> None:
    jsonschema.validate(options, INFO.options)


@pytest.mark.parametrize(
    "options",
    [{"reasoning_effort": "huge"}, {"reasoning_effort": 3}, {"service_tier": ""}, {"model": "x"}],
)
def test_options_that_openai_refuses_are_invalid(options: dict[str, object]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(options, INFO.options)


@needs_openai_3
def test_the_options_values_are_the_sdks_own() -> None:
    from openai.types.chat.completion_create_params import CompletionCreateParamsBase  # noqa: PLC0415 - only this test
    from openai.types.shared_params.reasoning import Reasoning  # noqa: PLC0415 - likewise

    types = get_type_hints(CompletionCreateParamsBase) | {
        "reasoning_summary": get_type_hints(Reasoning)["summary"]
    }
    for name, option in INFO.options["properties"].items():
        documented = {value for literal in get_args(types[name]) for value in get_args(literal)}
        assert set(option["enum"]) == documented
