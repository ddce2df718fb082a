"""The models.yaml that `standby init` writes for the vendors that somebody has: a chain of models in service."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date

from standby.cards import Card, describe_retirement
from standby.cli.output import Refused
from standby.config.finding import suggest
from standby.config.resolve.models import TIMEOUT
from standby.errors import ConfigError
from standby.registry.plugins import Registry

ENOUGH = 2
"""Models that a chain should have, so that there is one to fall back to."""

_HEAD = """\
# yaml-language-server: $schema=./models.schema.json
#
# The models that answer, in the order in which they are asked: each is in service. Reorder them,
# then run: standby validate Every key is described by: standby schema "standby: ignore[code]
# reason" silences a warning of standby validate in the line below: see lints.md.

version: 1

chains:
  # standby ask "…"
  default:
"""

_ALONE = """\
    # standby: ignore[shared-quota] one vendor; a model of a second one answers when the account is
    # at fault
"""

_HEDGE = """\
    hedge: {after: 10s}                  # 10 s without a sign of life: the next is asked beside it (cost: standby explain)
"""

_POLICY = """\
    # deadline: 3m                       # the whole call, all attempts and waits
    # stream:
    #   release: whole                   # a stream is held back until all of it is there: no break
    # is ever seen   on_break: restart                # or: one that breaks begins anew with the
    # next model, after a reset chunk
"""

_TIMES = """
# models:                                # what you want otherwise than the model's card says
"""


def vendors(registry: Registry) -> dict[str, Mapping[str, Card]]:
    """Return the plugins that know models, with their cards; a broken one is left out, 'standby plugins' tells of it."""
    found: dict[str, Mapping[str, Card]] = {}
    for name in registry.names():
        with suppress(ConfigError):
            if cards := registry.cards(name):
                found[name] = cards
    return found


def chain_text(chosen: Sequence[str], registry: Registry, today: date) -> str:
    """Return the file for these vendors; raises `Refused` for one that is not known, or has no model in service."""
    known = vendors(registry)
    models = list(_models(tuple(dict.fromkeys(chosen)), known, today))
    names = {vendor_id: _quoted(_name(vendor, vendor_id, known)) for vendor, vendor_id in models}
    width = max(map(len, names.values()), default=0)
    lines = [f"      - {names[vendor_id]:<{width}}  # {vendor}\n" for vendor, vendor_id in models]
    alone = _ALONE if models[1:] and len({vendor for vendor, _ in models}) == 1 else ""
    hedge = _HEDGE if models[1:] else ""
    return "".join(
        (
            _HEAD,
            alone,
            "    models:\n",
            *lines,
            hedge,
            _POLICY,
            _TIMES,
            *_times(models, names, known),
        )
    )


def in_service(cards: Mapping[str, Card], today: date) -> list[str]:
    """Return the models that are not retired, nor soon will be: first those that the plugin suggests, then by what is left."""
    living = [name for name, card in cards.items() if not describe_retirement(card, today)]
    return sorted(
        living, key=lambda name: (cards[name].suggested or len(cards) + 1, -_last_day(cards[name]))
    )


def _last_day(card: Card) -> int:
    return (card.retires or date.max).toordinal()


def _models(
    chosen: Sequence[str], known: Mapping[str, Mapping[str, Card]], today: date
) -> Iterator[tuple[str, str]]:
    """Give the first model of each vendor; of one alone, its first two."""
    for vendor in chosen:
        if vendor not in known:
            hint = suggest(vendor, tuple(known)) or f"there is {', '.join(known)}"
            raise Refused(f"no installed plugin that knows models is named {vendor!r}; {hint}")
        living = in_service(known[vendor], today)
        if not living:
            raise Refused(
                f"{vendor} knows no model that stays in service; update its plugin, or write models.yaml yourself"
            )
        for model in living[: 1 if len(chosen) >= ENOUGH else ENOUGH]:
            yield vendor, model


def _name(vendor: str, vendor_id: str, known: Mapping[str, Mapping[str, Card]]) -> str:
    """Return the model's name, with its vendor where another knows one of that name, or where a "/" would be read so."""
    alone = [name for name, cards in known.items() if vendor_id in cards] == [vendor]
    return vendor_id if alone and "/" not in vendor_id else f"{vendor}/{vendor_id}"


def _times(
    models: Sequence[tuple[str, str]],
    names: Mapping[str, str],
    known: Mapping[str, Mapping[str, Card]],
) -> Iterator[str]:
    for vendor, vendor_id in models:
        timeout = f"#     timeout: {known[vendor][vendor_id].timeout or TIMEOUT:g}s"
        yield f"#   {names[vendor_id]}:\n{timeout:<40} # one attempt\n"


def _quoted(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z][\w./-]*", name) else json.dumps(name)
