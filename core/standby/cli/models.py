"""`standby models`: what the plugins know."""

from datetime import date

import click
import msgspec

from standby.cli.tables import print_table
from standby.errors import ConfigError
from standby.policy import Card
from standby.registry import Registry


@click.command("models")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def command(*, as_json: bool) -> None:
    """List the models that the plugins know; any other is written PLUGIN/ID."""
    registry = Registry()
    known = [(name, plugin, card) for plugin in registry.names() for name, card in _cards(registry, plugin)]
    if as_json:
        rows = [{"name": name, "plugin": plugin, "card": _given(card)} for name, plugin, card in known]
        click.echo(msgspec.json.encode(rows))
        return
    print_table(
        ("model", "plugin", "context window", "retires", "successor", "notice"),
        [
            (name, plugin, f"{card.context_window or ''}", _retirement(card), card.successor or "", card.notice or "")
            for name, plugin, card in known
        ],
    )


def _cards(registry: Registry, plugin: str) -> list[tuple[str, Card]]:
    try:
        return sorted(registry.cards(plugin).items())
    except ConfigError:
        return []  # 'standby plugins' tells of a broken one


def _given(card: Card) -> dict[str, object]:
    return {name: value for name, value in msgspec.structs.asdict(card).items() if value is not None}


def _retirement(card: Card) -> str:
    if card.retires is None:
        return ""
    gone = card.retires <= date.today()  # noqa: DTZ011 - the user's own day
    return f"{card.retires} (retired)" if gone else str(card.retires)
