import subprocess
import sys
from datetime import date, datetime
from importlib import metadata
from typing import get_args, get_type_hints

import jsonschema
import pytest

import standby_anthropic
from standby.plugin import Sampling

INFO = standby_anthropic.standby_provider()
CARDS = standby_anthropic.standby_models()


def test_the_manifest_imports_no_sdk_and_no_http() -> None:
    code = (
        "import standby_anthropic, sys; "
        "standby_anthropic.standby_models(); standby_anthropic.standby_provider(); "
        "print([name for name in ('anthropic', 'httpx2', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 - ourselves
    assert done.stdout.strip() == "[]"


def test_the_adapter_is_where_the_manifest_says() -> None:
    from standby_anthropic import adapter  # noqa: PLC0415 - the manifest must not need it

    assert (
        INFO.adapter
        == f"{adapter.AnthropicAdapter.__module__}:{adapter.AnthropicAdapter.__qualname__}"
    )


def test_parameters_that_the_messages_api_lacks_are_refused_for_all_models() -> None:
    from anthropic.types.message_create_params import MessageCreateParamsBase  # noqa: PLC0415 - the manifest must not need it

    # the API has these under other names
    renamed = {"max_tokens", "stop", "parallel_tool_calls", "reasoning_effort"}
    assert set(INFO.card.refuses or ()) == set(Sampling.__struct_fields__) - renamed
    assert not set(INFO.card.refuses or ()) & get_type_hints(MessageCreateParamsBase).keys()
    # a card's own list would replace the provider's
    assert not any(card.refuses for card in CARDS.values())


def is_retired(name: str) -> bool:
    """Return whether a model is past its retirement: the SDK drops it in some later version."""
    retires = CARDS[name].retires
    return retires is not None and retires <= date.today()  # noqa: DTZ011 - the user's own day


@pytest.mark.parametrize("name", CARDS)
def test_the_sdk_lists_the_model_of_every_card_until_it_retires(name: str) -> None:
    from anthropic.types.model_param import ModelParam  # noqa: PLC0415 - the manifest must not need it

    assert name in get_args(get_args(ModelParam)[0]) or is_retired(name)


@pytest.mark.parametrize("name", CARDS)
def test_every_card_has_a_source_and_a_successor_that_is_known(name: str) -> None:
    card = CARDS[name]
    assert card.source
    assert card.successor is None or card.successor in CARDS
    assert (card.output_limit or 0) < (card.context_window or 0)


SDK = tuple(int(number) for number in metadata.version("anthropic").split(".")[:2])


@pytest.mark.parametrize("name", CARDS)
def test_every_card_has_the_sdks_retirement(name: str) -> None:
    from anthropic._data import DEPRECATED_MODELS  # noqa: PLC0415 - the manifest must not need it

    if name in DEPRECATED_MODELS:
        assert CARDS[name].retires == _day(DEPRECATED_MODELS[name])
    elif SDK < (2, 12) or is_retired(name):
        pytest.skip("this SDK does not list the model's retirement yet, or any more")
    else:
        assert CARDS[name].retires is None


def _day(text: str) -> date:
    month, day, year = text.replace(",", "").split()
    return datetime.strptime(f"{month} {day.rstrip('stndrh')} {year}", "%B %d %Y").date()  # noqa: DTZ007 - a day


def test_a_model_that_always_thinks_takes_no_effort_of_none() -> None:
    always = {
        name: card.efforts
        for name, card in CARDS.items()
        if (card.wire or {}).get("thinks") == "always"
    }
    assert "claude-opus-5-5" in always
    assert [name for name, efforts in always.items() if "none" in (efforts or ())] == []


@pytest.mark.parametrize(
    "options", [{}, {"effort": "low"}, {"thinking_budget": 1024}, {"service_tier": "standard_only"}]
)
def test_options_that_anthropic_knows_are_valid(options: dict[str, object]) -> None:
    jsonschema.validate(options, INFO.options)


@pytest.mark.parametrize(
    "options",
    [
        {"effort": "none"},
        {"thinking_budget": 1023},
        {"thinking_budget": "1k"},
        {"service_tier": ""},
        {"model": "x"},
    ],
)
def test_options_that_anthropic_refuses_are_invalid(options: dict[str, object]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(options, INFO.options)


def test_the_options_values_are_the_sdks_own() -> None:
    from anthropic.types.message_create_params import MessageCreateParamsBase  # noqa: PLC0415 - only this test
    from anthropic.types.output_config_param import OutputConfigParam  # noqa: PLC0415 - only this test

    tiers = get_type_hints(MessageCreateParamsBase)["service_tier"]
    assert set(INFO.options["properties"]["service_tier"]["enum"]) == set(get_args(tiers))
    efforts = get_args(get_type_hints(OutputConfigParam)["effort"])[0]
    assert set(INFO.options["properties"]["effort"]["enum"]) == set(get_args(efforts))


@pytest.mark.parametrize(
    ("options", "valid"),
    [
        ({}, True),
        ({"api_version": "2026-10-21"}, True),
        ({"api_version": "2023-06-01"}, True),
        ({"api_version": "2023-01-01"}, False),
        ({"version": "2023-06-01"}, False),
    ],
)
def test_account_options_are_validated(options: dict[str, str], *, valid: bool) -> None:
    assert jsonschema.Draft202012Validator(INFO.account).is_valid(options) is valid
