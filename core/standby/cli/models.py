"""`standby models`: the models that the plugins know."""

from collections.abc import Iterator

import click
import msgspec

from standby.cards import Card, Price
from standby.cli.completers import complete_cards
from standby.cli.config_file import today
from standby.cli.options import json_option
from standby.cli.output import print_json
from standby.cli.tables import filter_rows, print_table
from standby.errors import ConfigError
from standby.registry.plugins import Registry

_UNITS = ((1_000_000, "M"), (1_000, "k"))

_COLUMNS = (
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
)


@click.command("models")
@click.argument("text", required=False, default="", shell_complete=complete_cards)
@json_option
def command(*, text: str, as_json: bool) -> None:
    """List the models that the plugins know, or those with TEXT in their name or their plugin's.

    Any other model is written PLUGIN/ID.
    A card has what its plugin says of all its models, and of this one. An empty cell is unknown,
    which counts as "no". A price is in US dollars for a million tokens, in and out.

    \b
    standby models
    standby models gemini
    standby models gpt-6 --json
    """  # noqa: D301 - click wants the character itself
    registry = Registry()
    rows = [
        (name, plugin, card)
        for plugin in registry.names()
        for name, card in _list_cards(registry, plugin)
    ]
    rows = filter_rows(rows, text, lambda row: row[:2])
    if as_json:
        print_json([{"name": name, "plugin": plugin, "card": card} for name, plugin, card in rows])
        return
    cells = [(name, plugin, *_format_card(card)) for name, plugin, card in rows]
    print_table(_COLUMNS, cells, names=(0, 8))


def _list_cards(registry: Registry, plugin: str) -> list[tuple[str, Card]]:
    try:
        own = registry.cards(plugin)
    except ConfigError:
        return []  # 'standby plugins' reports a broken one
    try:
        shared = registry.info(plugin).card
    except ConfigError:
        shared = Card()  # it registers models and reaches none
    return sorted((name, _overlay(shared, card)) for name, card in own.items())


def _overlay(shared: Card, own: Card) -> Card:
    fields = msgspec.structs.asdict(own)
    return msgspec.structs.replace(
        shared, **{name: value for name, value in fields.items() if value is not None}
    )


def _format_card(card: Card) -> Iterator[str]:
    yield _format_tokens(card.context_window)
    yield _format_price(card.price)
    yield _format_retirement(card)
    yield _format_flag(card.tools)
    yield _format_flag(card.schema)
    yield ", ".join(card.reads or ())
    yield card.successor or ""
    yield card.disclaimer or ""


def _format_tokens(tokens: int | None) -> str:
    """Return a number of tokens in three digits: 1048576 as "1.05M"."""
    if tokens is None:
        return ""
    for size, unit in _UNITS:
        if tokens >= size:
            return f"{tokens / size:.3g}{unit}"
    return str(tokens)


def _format_price(price: Price | None) -> str:
    return "" if price is None else f"{price.input:g}/{price.output:g}"


def _format_flag(value: bool | None) -> str:
    if value is None:
        return ""
    return "yes" if value else "no"


def _format_retirement(card: Card) -> str:
    if card.retires is None:
        return ""
    return f"{card.retires} (retired)" if card.is_retired(today()) else str(card.retires)
