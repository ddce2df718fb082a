"""`standby models`: what the plugins know."""

from collections.abc import Iterable
from datetime import date

import click
import msgspec

from standby.cards import Card, Price
from standby.cli.completing import known_models
from standby.cli.options import json_option, narrow
from standby.cli.output import print_json
from standby.cli.tables import print_table
from standby.errors import ConfigError
from standby.registry.plugins import Registry

_SIZES = ((1_000_000, "M"), (1_000, "k"))


@click.command("models")
@click.argument("text", required=False, default="", shell_complete=known_models)
@json_option
def command(*, text: str, as_json: bool) -> None:
    """List the models that the plugins know, or those with TEXT in their name or their plugin's.

    Any other model is written PLUGIN/ID.
    A card is shown as it holds: what its plugin says of all its models, and of this one. An empty
    cell is not known, and then taken for "no". A price is in US dollars for a million tokens, in
    and out.

    \b
    standby models
    standby models gemini
    standby models gpt-6 --json
    """  # noqa: D301 - click wants the character itself
    registry = Registry()
    known = [
        (name, plugin, card)
        for plugin in registry.names()
        for name, card in _cards(registry, plugin)
    ]
    known = narrow(known, text, lambda row: row[:2])
    if as_json:
        rows = [{"name": name, "plugin": plugin, "card": card} for name, plugin, card in known]
        print_json(rows)
        return
    print_table(
        (
            "model",
            "plugin",
            "window",
            "price",
            "retires",
            "tools",
            "schema",
            "reads",
            "successor",
            "disclaimer",
        ),
        [(name, plugin, *_cells(card)) for name, plugin, card in known],
        names=(0, 8),
    )


def _cards(registry: Registry, plugin: str) -> list[tuple[str, Card]]:
    try:
        own = registry.cards(plugin)
    except ConfigError:
        return []  # 'standby plugins' tells of a broken one
    try:
        shared = registry.info(plugin).card
    except ConfigError:
        shared = Card()  # it registers models and reaches none
    return sorted((name, _over(shared, card)) for name, card in own.items())


def _over(shared: Card, own: Card) -> Card:
    known = {
        name: value for name, value in msgspec.structs.asdict(own).items() if value is not None
    }
    return msgspec.structs.replace(shared, **known)


def _cells(card: Card) -> Iterable[str]:
    yield _compact(card.context_window)
    yield _price(card.price)
    yield _retirement(card)
    yield _yes(card.tools)
    yield _yes(card.schema)
    yield ", ".join(card.reads or ())
    yield card.successor or ""
    yield card.disclaimer or ""


def _compact(tokens: int | None) -> str:
    """Return a number of tokens in three digits: 1048576 as "1.05M"."""
    if tokens is None:
        return ""
    return next(
        (f"{tokens / size:.3g}{unit}" for size, unit in _SIZES if tokens >= size), str(tokens)
    )


def _price(price: Price | None) -> str:
    return "" if price is None else f"{price.input:g}/{price.output:g}"


def _yes(value: bool | None) -> str:
    return "" if value is None else "yes" if value else "no"


def _retirement(card: Card) -> str:
    if card.retires is None:
        return ""
    gone = card.is_retired(date.today())  # noqa: DTZ011 - the user's own day
    return f"{card.retires} (retired)" if gone else str(card.retires)
