"""What tokens cost: the sum, what is not known, and how both are written."""

import json
from pathlib import Path

import msgspec
import pytest

from standby.cards import Card, Price
from standby.pricing import Cost, cost, format_cost, format_dollars, format_size, parse_size, total
from standby.registry.plugins import Registry
from standby.types import Usage

DEAR = Price(input=2.0, output=10.0, cached=0.5)
FREE = Price(input=0.0, output=0.0)
VENDORS = ("gemini", "openai", "anthropic")
UNPRICED = {"gemini-flash-latest"}
"""An alias whose model changes."""


@pytest.mark.parametrize(
    ("usage", "price", "dollars"),
    [
        (Usage(input=1_000_000), DEAR, 2.0),
        (Usage(output=1_000_000), DEAR, 10.0),
        (Usage(output=1_000_000, reasoning=900_000), DEAR, 10.0),
        (Usage(input=1_000_000, cached=400_000), DEAR, 0.6 * 2.0 + 0.4 * 0.5),
        (Usage(input=1_000_000, cached=400_000), Price(input=2.0, output=10.0), 2.0),
        (Usage(input=10, cached=1_000_000), Price(input=2.0, output=10.0, cached=0.0), 0.0),
        (Usage(input=5, output=5), FREE, 0.0),
        (Usage(input=5, output=5), None, None),
    ],
)
def test_a_call_costs_its_tokens_and_the_cached_ones_less(
    usage: Usage, price: Price | None, dollars: float | None
) -> None:
    assert cost(usage, price) == (None if dollars is None else pytest.approx(dollars))


def test_a_sum_names_each_called_model_without_a_price_once() -> None:
    prices = {"dear": DEAR, "free": FREE, "odd": None, "idle": None}
    bill = total(["dear", "odd", "free", "dear", "odd"], prices, Usage(input=500_000))
    assert bill == Cost(2.0, ("odd",))
    assert total([], prices, Usage(input=5)) == Cost(0.0)


@pytest.mark.parametrize(
    ("text", "usage"), [("1000/500", Usage(input=1000, output=500)), ("0/0", Usage())]
)
def test_a_size_is_tokens_in_and_out(text: str, usage: Usage) -> None:
    assert parse_size(text) == usage


@pytest.mark.parametrize(
    "text",
    ["", "1000", "1000/", "/5", "1/2/3", "-1/5", "1.5/2", "1k/2", "²/1", f"1/{10**9}", " 1/2"],
)
def test_any_other_size_is_rejected_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="write tokens in and tokens out, like 1000/500"):
        parse_size(text)


@pytest.mark.parametrize(
    ("dollars", "written"),
    [
        (0.0, "$0.00"),
        (0.00625, "$0.00625"),
        (0.0000123456, "$0.0000123"),
        (0.05, "$0.05"),
        (0.1274, "$0.127"),
        (0.9999, "$1.00"),
        (1.0, "$1.00"),
        (1234.567, "$1,234.57"),
    ],
)
def test_a_sum_is_written_with_as_many_decimals_as_say_something(
    dollars: float, written: str
) -> None:
    assert format_dollars(dollars) == written


@pytest.mark.parametrize(
    ("bill", "written"),
    [
        (Cost(1.5), "$1.50"),
        (Cost(0.0), "$0.00"),
        (Cost(1.5, ("a", "b")), "at least $1.50 (the price of a, b is not known)"),
        (Cost(0.0, ("a",)), "an unknown cost (the price of a is not known)"),
    ],
)
def test_an_unknown_price_is_named(bill: Cost, written: str) -> None:
    assert format_cost(bill) == written
    assert format_size(Usage(input=7, output=5)) == "7 tokens in and 5 out"


def test_a_price_has_no_other_field_and_is_never_below_nothing() -> None:
    for wrong in ({"input": 1, "output": 2, "inputs": 3}, {"input": -1, "output": 2}, {"input": 1}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(wrong, Price)


@pytest.mark.parametrize("vendor", VENDORS)
def test_each_price_that_ships_has_its_source_and_is_dearer_out_than_in(vendor: str) -> None:
    cards = Registry().cards(vendor)
    prices = {
        name: (card.price, card.source) for name, card in cards.items() if card.price is not None
    }
    assert prices
    assert set(cards) - set(prices) <= UNPRICED
    for price, source in prices.values():
        assert "price: " in (source or "")
        assert 0 < (price.cached or 0) < price.input < price.output


def test_a_model_on_ones_own_machine_costs_nothing_and_a_script_has_no_price() -> None:
    assert Registry().info("local").card.price == FREE
    assert Registry().info("scripted").card.price is None


def test_the_files_of_the_vendors_write_a_price_as_the_card_does() -> None:
    for vendor in VENDORS:
        path = Path(__file__).parents[1] / "providers" / f"standby_{vendor}" / "cards.json"
        written = json.loads(path.read_text(encoding="utf-8"))
        assert msgspec.convert(written, dict[str, Card])
