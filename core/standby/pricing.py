"""What tokens cost, in US dollars. An estimate: the vendor's bill is what counts."""

from collections.abc import Iterable, Mapping
from math import floor, fsum, log10

import msgspec

from standby.cards import Price
from standby.types import Usage

TYPICAL = Usage(input=1_000, output=500)
"""One call where nobody says how large it is: a page of text in, half of one out; our choice."""

MILLION = 1_000_000

FIGURES = 3
"""Of a sum below a dollar, so many are told."""


class Cost(msgspec.Struct, frozen=True):
    """A sum in US dollars; it lacks what the `unpriced` models cost, and then is the least that it can be."""

    dollars: float
    unpriced: tuple[str, ...] = ()


def cost(usage: Usage, price: Price | None) -> float | None:
    """Return what the tokens cost, in US dollars; `None`: the price is not known."""
    if price is None:
        return None
    cached = min(usage.cached, usage.input)
    kept = price.input if price.cached is None else price.cached
    return (
        (usage.input - cached) * price.input + cached * kept + usage.output * price.output
    ) / MILLION


def total(calls: Iterable[str], prices: Mapping[str, Price | None], usage: Usage) -> Cost:
    """Add up calls of one size, each given as its model's name; a model that is not asked is not missed."""
    asked = tuple(calls)
    each = {name: cost(usage, prices.get(name)) for name in dict.fromkeys(asked)}
    return Cost(
        dollars=fsum(each[name] or 0.0 for name in asked),
        unpriced=tuple(name for name, dollars in each.items() if dollars is None),
    )


def parse_size(text: str) -> Usage:
    """Read the size of a call, "IN/OUT" in tokens; raises `ValueError`."""
    parts = text.split("/")
    if len(parts) != 2 or not all(
        part.isascii() and part.isdigit() and len(part) <= 9 for part in parts
    ):  # noqa: PLR2004 - a pair
        raise ValueError(
            f"{text!r} is no size of a call; write tokens in and tokens out, like 1000/500"
        )
    return Usage(input=int(parts[0]), output=int(parts[1]))


def format_size(usage: Usage) -> str:
    """Return the size of a call in words."""
    return f"{usage.input} tokens in and {usage.output} out"


def format_dollars(dollars: float) -> str:
    """Return a sum with two decimals, or with as many as three figures need where it is below a dollar."""
    decimals = 2 if dollars <= 0 or dollars >= 1 else FIGURES - 1 - floor(log10(dollars))
    whole, _, rest = f"{dollars:,.{decimals}f}".partition(".")
    return f"${whole}.{rest.rstrip('0').ljust(2, '0')}"


def format_cost(told: Cost) -> str:
    """Return a sum in words, "at least" where a price is not known, or what it cannot be told for."""
    unknown = f"the price of {', '.join(told.unpriced)} is not known"
    if not told.unpriced:
        return format_dollars(told.dollars)
    return (
        f"at least {format_dollars(told.dollars)} ({unknown})"
        if told.dollars
        else f"a cost that cannot be told ({unknown})"
    )
