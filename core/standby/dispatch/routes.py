"""Settings, made ready to be walked: each model with its adapter, its health and its limits, each chain with its triggers."""

from collections.abc import Collection, Mapping
from datetime import date
from functools import partial
from typing import cast

import msgspec

from standby.config.finding import near
from standby.dispatch.adapter_call import Entry
from standby.dispatch.policy import Route
from standby.errors import RequestError
from standby.registry.adapters import Adapters, missing_key
from standby.resilience.bulkhead import Turns
from standby.resilience.health import known_of
from standby.resilience.retry_budget import Budget
from standby.resilience.triggers import Tests, Triggers
from standby.settings import Card, Chain, Settings

HEDGES = 5.0
"""Hedges that a chain may begin with; after them `HEDGED_SHARE` of the calls that needed none earn the next."""

HEDGED_SHARE = 0.05


class Routes(msgspec.Struct, frozen=True, kw_only=True):
    """What a client walks; replaced as a whole where the settings change, so that no call sees two of them."""

    settings: Settings
    entries: Mapping[str, Entry]
    routes: Mapping[str, Route]

    def route(self, chain: str) -> Route:
        """Return a chain as it is walked; raises `RequestError` for none."""
        if chain not in self.routes:
            raise RequestError(f"no chain is named {chain!r}; {_chain_hint(chain, self.routes)}")
        return self.routes[chain]

    @property
    def asked(self) -> dict[str, Entry]:
        """Return the models of the chains by name."""
        return {entry.name: entry for route in self.routes.values() for entry in route.entries}

    def forget_health(self, models: Collection[str]) -> None:
        """Forget what is known of these models, or of all and of the chains' hedges.

        Raises `RequestError` where no model has a name, and `TypeError` for what is no name; then
        nothing is forgotten.
        """
        entries = self.asked
        for name in cast("Collection[object]", models):
            if not isinstance(name, str):
                words = f"expected the names of models, each by itself, not a {type(name).__name__}"
                raise TypeError(f"forget_health: {words}: forget_health('m1', 'm2')")
            if name not in entries:
                raise RequestError(
                    f"no model of the chains is named {name!r}; {_hint(name, entries)}"
                )
        for name in models or entries:
            entries[name].breaker.forget()
            entries[name].budget.refill()
        for route in () if models else self.routes.values():
            route.hedges.refill()


def _chain_hint(chain: object, known: Collection[str]) -> str:
    """Say what is meant; a call that names no chain has no slip in it, but the file may have one."""
    slip = near("default", known) if chain == "default" else ""
    if not slip:
        return _hint(chain, known)
    likely = slip.removeprefix("did you mean ").removesuffix("?")
    return f"call {likely} 'default' in the file, or name a chain"


def _hint(name: object, known: Collection[str]) -> str:
    return near(str(name), known) or f"there is {', '.join(sorted(known))}"


def routes_of(
    settings: Settings,
    adapters: Adapters,
    tests: Tests,
    before: Routes | None = None,
    *,
    today: date = date.min,
) -> Routes:
    """Make resolved settings ready; what a chain of the same name had `before` goes on: its budget and its probes.

    The health of a model is the process's own, and so survives by itself. `tests` finds a plugin's
    test by its name. A model that is retired by `today` begins resting.
    """
    entries = {
        name: _entry(name, settings, adapters, today)
        for name in settings.models
        if settings.models[name].provider
    }
    earlier: Mapping[str, Route] = before.routes if before is not None else {}
    routes: dict[str, Route] = {}
    for name, chain in settings.chains.items():
        triggers = Triggers(
            ((each, settings.triggers[each]) for each in chain.triggers or ()), tests
        )
        routes[name] = _route(
            name,
            chain,
            tuple(entries[model] for model in chain.models),
            triggers,
            earlier.get(name),
        )
    return Routes(settings=settings, entries=entries, routes=routes)


def _route(
    name: str, chain: Chain, asked: tuple[Entry, ...], triggers: Triggers, earlier: Route | None
) -> Route:
    if earlier is not None:
        return msgspec.structs.replace(earlier, chain=chain, entries=asked, triggers=triggers)
    hedges = Budget(HEDGES, HEDGED_SHARE, trickle=float("inf"))
    return Route(name=name, chain=chain, entries=asked, triggers=triggers, hedges=hedges)


def _entry(name: str, settings: Settings, adapters: Adapters, today: date) -> Entry:
    model = settings.models[name]
    provider = settings.providers[model.provider or ""]
    card = model.card or Card()
    own_names = provider.base_url is None
    retired = settings.why_it_rests(name, today)
    breaker = True if model.breaker is None else model.breaker
    known = known_of((provider.account, model.model), breaker, retired)
    return Entry(
        name=name,
        provider=model.provider or "",
        vendor_id=model.model or name,
        card=card,
        timeout=model.timeout or 0.0,
        first_token_timeout=model.first_token_timeout or 0.0,
        idle_timeout=model.idle_timeout or 0.0,
        adapter=partial(adapters.get, model.provider or "", provider),
        options=model.options or {},
        extra=model.extra or {},
        refused=(*(card.refuses or ()), *(model.drop or ())),
        strict=model.strict,
        own_names=own_names,
        secrets=(provider.api_key,) if provider.api_key else (),
        breaker=known.breaker,
        budget=known.budget,
        permits=Turns(model.concurrency) if model.concurrency else None,
        missing_key=missing_key(provider),
        origin=adapters.origin(provider),
    )
