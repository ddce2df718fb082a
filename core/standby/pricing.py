"""What tokens cost, in US dollars. These are estimates: the vendor's bill is what counts."""

import re
from collections.abc import Iterable, Mapping
from math import floor, fsum, log10

import msgspec

from standby.cards import Price
from standby.types import Usage

TYPICAL = Usage(input=1_000, output=500)
"""The default size of a call: a page of text in, half a page out. Our choice."""

MILLION = 1_000_000
"""Tokens that a price is for."""

FIGURES = 3
"""Significant figures of a sum below a dollar."""

_SIZE = re.compile(r"([0-9]{1,9})/([0-9]{1,9})")


class Cost(msgspec.Struct, frozen=True):
    """A sum in US dollars; a lower bound if there are `unpriced` models, whose cost it lacks."""

    dollars: float
    unpriced: tuple[str, ...] = ()


def cost(usage: Usage, price: Price | None) -> float | None:
    """Return the cost of tokens.

    Args:
        usage: The tokens; the cached ones are part of `input`.
        price: The model's price, if it is known.

    Returns:
        US dollars; `None` if the price is not known.
    """
    if price is None:
        return None
    cached = min(usage.cached, usage.input)
    cached_price = price.input if price.cached is None else price.cached
    fresh = (usage.input - cached) * price.input
    return (fresh + cached * cached_price + usage.output * price.output) / MILLION


def total(calls: Iterable[str], prices: Mapping[str, Price | None], usage: Usage) -> Cost:
    """Add up the costs of calls of one size.

    Args:
        calls: The model's name, for each call.
        prices: The models' prices, by name; they may be unknown.
        usage: The tokens of each call.

    Returns:
        The sum. Only models that were called count as unpriced.
    """
    models = tuple(calls)
    costs = {name: cost(usage, prices.get(name)) for name in dict.fromkeys(models)}
    return Cost(
        dollars=fsum(costs[name] or 0.0 for name in models),
        unpriced=tuple(name for name, dollars in costs.items() if dollars is None),
    )


def parse_size(text: str) -> Usage:
    """Parse the size of a call.

    Args:
        text: "IN/OUT", in tokens.

    Returns:
        The tokens in and out.

    Raises:
        ValueError: The text has another form, or a number of more than nine digits.
    """
    size = _SIZE.fullmatch(text)
    if size is None:
        raise ValueError(
            f"{text!r} is not the size of a call; write tokens in and tokens out, like 1000/500"
        )
    return Usage(input=int(size[1]), output=int(size[2]))


def format_size(usage: Usage) -> str:
    """Return the size of a call as text.

    Args:
        usage: The tokens in and out.

    Returns:
        Text like "1000 tokens in and 500 out".
    """
    return f"{usage.input} tokens in and {usage.output} out"


def format_dollars(dollars: float) -> str:
    """Return a sum as text.

    Args:
        dollars: US dollars.

    Returns:
        Text with two decimals; below a dollar, with as many as three significant figures need.
    """
    decimals = FIGURES - 1 - floor(log10(dollars)) if 0 < dollars < 1 else 2
    units, _, rest = f"{dollars:,.{decimals}f}".partition(".")
    return f"${units}.{rest.rstrip('0').ljust(2, '0')}"


def format_cost(bill: Cost) -> str:
    """Return a sum as text that names the models without a price.

    Args:
        bill: The sum.

    Returns:
        The dollars; "at least" some dollars if a price is not known; "an unknown cost" if none is.
    """
    if not bill.unpriced:
        return format_dollars(bill.dollars)
    reason = f"the price of {', '.join(bill.unpriced)} is not known"
    amount = f"at least {format_dollars(bill.dollars)}" if bill.dollars else "an unknown cost"
    return f"{amount} ({reason})"
