"""The models.yaml that `standby init` writes for some vendors: a chain of models in service."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date

from standby.cards import Card, describe_retirement
from standby.cli.errors import CommandError
from standby.config.finding import suggest
from standby.config.resolve.models import TIMEOUT
from standby.errors import ConfigError
from standby.registry.plugins import Registry

ENOUGH = 2
"""Models that a chain should have, so that there is one to fall back to."""

Vendors = Mapping[str, Mapping[str, Card]]
"""The cards of each plugin by the models' names."""

_HEAD = """\
# yaml-language-server: $schema=./models.schema.json
#
# The models that answer, in the order in which they are called: each is in service.
# Reorder them, then run: standby validate
# Every key is described by: standby schema
# "standby: ignore[code] reason" silences a warning of standby validate in the line below:
# see lints.md.

version: 1

chains:
  # standby ask "…"
  default:
"""

_ONE_VENDOR = """\
    # standby: ignore[shared-quota] one vendor; if its account fails, only another vendor helps
"""

_HEDGE = """\
    hedge: {after: 10s}                  # 10 s of silence: the next is called too (standby explain)
"""

_POLICY = """\
    # deadline: 3m                       # the whole call, all attempts and waits
    # stream:
    #   release: whole                   # hold a stream back until it is complete
    #   on_break: restart                # or restart one that breaks, after a reset chunk
"""

_TIMES = """
# models:                                # what you want otherwise than the model's card says
"""


def list_vendors(registry: Registry) -> dict[str, Mapping[str, Card]]:
    """Return the plugins that know models, with their cards.

    Args:
        registry: The installed plugins; a broken one is skipped, 'standby plugins' reports it.

    Returns:
        By the plugin's name: its cards by the models' names.
    """
    vendors: dict[str, Mapping[str, Card]] = {}
    for name in registry.names():
        with suppress(ConfigError):
            if cards := registry.cards(name):
                vendors[name] = cards
    return vendors


def render_chain(chosen: Sequence[str], registry: Registry, today: date) -> str:
    """Write the file for some vendors.

    Args:
        chosen: The plugins' names, in the chain's order.
        registry: The installed plugins.
        today: The date by which models are in service.

    Returns:
        The text of models.yaml.

    Raises:
        CommandError: A vendor is not known, or has no model in service.
    """
    vendors = list_vendors(registry)
    models = list(_choose_models(tuple(dict.fromkeys(chosen)), vendors, today))
    names = {
        vendor_id: _quote(_model_name(vendor, vendor_id, vendors)) for vendor, vendor_id in models
    }
    width = max(map(len, names.values()), default=0)
    lines = [f"      - {names[vendor_id]:<{width}}  # {vendor}\n" for vendor, vendor_id in models]
    has_fallback = len(models) > 1
    is_one_vendor = len({vendor for vendor, _ in models}) == 1
    parts = (
        _HEAD,
        _ONE_VENDOR if has_fallback and is_one_vendor else "",
        "    models:\n",
        *lines,
        _HEDGE if has_fallback else "",
        _POLICY,
        _TIMES,
        *_render_timeouts(models, names, vendors),
    )
    return "".join(parts)


def models_in_service(cards: Mapping[str, Card], today: date) -> list[str]:
    """Return the models that are not retired, nor soon will be.

    Args:
        cards: A plugin's cards by the models' names.
        today: The date by which they are in service.

    Returns:
        First those that the plugin suggests, then those that stay longest.
    """
    names = [name for name, card in cards.items() if not describe_retirement(card, today)]
    return sorted(
        names, key=lambda name: (cards[name].suggested or len(cards) + 1, -_last_day(cards[name]))
    )


def _last_day(card: Card) -> int:
    return (card.retires or date.max).toordinal()


def _choose_models(
    chosen: Sequence[str], vendors: Vendors, today: date
) -> Iterator[tuple[str, str]]:
    """Yield the first model of each vendor, with the vendor; of a single vendor its first two."""
    for vendor in chosen:
        if vendor not in vendors:
            hint = suggest(vendor, tuple(vendors)) or f"choose from {', '.join(vendors)}"
            raise CommandError(f"no installed plugin that knows models is named {vendor!r}; {hint}")
        names = models_in_service(vendors[vendor], today)
        if not names:
            raise CommandError(
                f"{vendor} knows no model that stays in service; update its plugin, or write "
                "models.yaml yourself"
            )
        for name in names[: 1 if len(chosen) >= ENOUGH else ENOUGH]:
            yield vendor, name


def _model_name(vendor: str, vendor_id: str, vendors: Vendors) -> str:
    """Return the model's name, with its vendor where the bare name would be read otherwise."""
    is_unique = [name for name, cards in vendors.items() if vendor_id in cards] == [vendor]
    return vendor_id if is_unique and "/" not in vendor_id else f"{vendor}/{vendor_id}"


def _render_timeouts(
    models: Sequence[tuple[str, str]], names: Mapping[str, str], vendors: Vendors
) -> Iterator[str]:
    for vendor, vendor_id in models:
        timeout = f"#     timeout: {vendors[vendor][vendor_id].timeout or TIMEOUT:g}s"
        yield f"#   {names[vendor_id]}:\n{timeout:<40} # one attempt\n"


def _quote(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z][\w./-]*", name) else json.dumps(name)
