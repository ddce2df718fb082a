"""What the vendors would have billed for a simulation, as a fold over its events."""

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

from standby.cards import Price
from standby.diagnostics.simulation.events import Billed
from standby.events import Answered, Event
from standby.pricing import Cost, cost, total
from standby.types import Usage


class ModelBill(msgspec.Struct, frozen=True, kw_only=True):
    """The requests that a model's vendor bills, and what they cost in US dollars.

    `dollars` is `None` where the model's price is not known.
    """

    model: str
    billed: int
    dollars: float | None


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """What all requests cost, each billed for the same `tokens`.

    `wasted` is the part for answers that no caller got: cut, cancelled, rejected by standby, or
    slower than another.
    """

    tokens: Usage
    models: tuple[ModelBill, ...]
    all: Cost
    wasted: Cost = msgspec.field(name="in_vain")


def compute_bill(
    events: Iterable[Event], prices: Mapping[str, Price | None], tokens: Usage
) -> Bill:
    """Add up what the vendors bill.

    Args:
        events: The simulation's events, in any order.
        prices: The prices of all models, in the order of the result; `None`: not known.
        tokens: The size of every request.

    Returns:
        The bill in US dollars.
    """
    billed, replies = Counter[str](), Counter[str]()
    for event in events:
        if isinstance(event, Billed):
            billed[event.model] += 1
        elif isinstance(event, Answered):
            replies[event.model] += 1
    one_request = {model: cost(tokens, price) for model, price in prices.items()}
    return Bill(
        tokens=tokens,
        models=tuple(
            ModelBill(
                model=model,
                billed=billed[model],
                dollars=None if dollars is None else billed[model] * dollars,
            )
            for model, dollars in one_request.items()
        ),
        all=total(billed.elements(), prices, tokens),
        wasted=total((billed - replies).elements(), prices, tokens),
    )
