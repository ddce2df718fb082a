"""What a play would have cost, as a fold over its events."""

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

from standby.diagnostics.simulation.model import Billed
from standby.events import Answered, Event
from standby.pricing import Cost, Price, cost, total
from standby.types import Usage


class ModelBill(msgspec.Struct, frozen=True, kw_only=True):
    """The calls that a model's vendor bills, and what they cost in US dollars; `None`: its price is not known."""

    model: str
    billed: int
    dollars: float | None


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """What all calls cost, each billed for the same `tokens`.

    `in_vain` is the part for answers that no caller got: cut, given up, refused by standby, or
    slower than another.
    """

    tokens: Usage
    models: tuple[ModelBill, ...]
    all: Cost
    in_vain: Cost


def bill_of(events: Iterable[Event], prices: Mapping[str, Price | None], tokens: Usage) -> Bill:
    """Add up what the vendors bill; `prices` are those of all models, in the order in which they are told."""
    billed, served = Counter[str](), Counter[str]()
    for event in events:
        if isinstance(event, Billed):
            billed[event.model] += 1
        elif isinstance(event, Answered):
            served[event.model] += 1
    one_call = {model: cost(tokens, price) for model, price in prices.items()}
    return Bill(
        tokens=tokens,
        models=tuple(
            ModelBill(
                model=model,
                billed=billed[model],
                dollars=None if dollars is None else billed[model] * dollars,
            )
            for model, dollars in one_call.items()
        ),
        all=total(billed.elements(), prices, tokens),
        in_vain=total((billed - served).elements(), prices, tokens),
    )
