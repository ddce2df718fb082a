"""Settings, made ready to be walked: each model with its adapter, its health and its limits, each chain with its triggers."""

from collections.abc import Collection, Mapping
from datetime import date
from typing import cast

import msgspec

from standby.cards import Card
from standby.config.finding import suggest
from standby.dispatch.policy import HEDGE_BUDGET, HEDGE_SHARE
from standby.dispatch.target import Route, Target
from standby.errors import RequestError
from standby.registry.adapter_pool import AdapterPool, missing_key
from standby.resilience.bulkhead import Bulkhead
from standby.resilience.health import model_health
from standby.resilience.retry_budget import RetryBudget
from standby.resilience.triggers import FindPredicate, Triggers
from standby.settings import Chain, Settings


class Routes(msgspec.Struct, frozen=True, kw_only=True):
    """What a client walks; replaced as a whole where the settings change, so that no call sees two of them."""

    settings: Settings
    targets: Mapping[str, Target]
    routes: Mapping[str, Route]

    def route(self, chain: str) -> Route:
        """Return a chain as it is walked; raises `RequestError` for none."""
        if chain not in self.routes:
            raise RequestError(f"no chain is named {chain!r}; {_chain_hint(chain, self.routes)}")
        return self.routes[chain]

    @property
    def targets_of_chains(self) -> dict[str, Target]:
        """Return the models of the chains by name."""
        return {target.name: target for route in self.routes.values() for target in route.targets}

    def forget_health(self, models: Collection[str]) -> None:
        """Forget what is known of these models, or of all and of the chains' hedges.

        Raises `RequestError` where no model has a name, and `TypeError` for what is no name; then
        nothing is forgotten.
        """
        targets = self.targets_of_chains
        for name in cast("Collection[object]", models):
            if not isinstance(name, str):
                words = f"expected the names of models, each by itself, not a {type(name).__name__}"
                raise TypeError(f"forget_health: {words}: forget_health('m1', 'm2')")
            if name not in targets:
                raise RequestError(
                    f"no model of the chains is named {name!r}; {_hint(name, targets)}"
                )
        for name in models or targets:
            targets[name].breaker.forget()
            targets[name].budget.refill()
        for route in () if models else self.routes.values():
            route.hedges.refill()


def _chain_hint(chain: object, known: Collection[str]) -> str:
    """Say what is meant; a call that names no chain has no slip in it, but the file may have one."""
    slip = suggest("default", known) if chain == "default" else ""
    if not slip:
        return _hint(chain, known)
    likely = slip.removeprefix("did you mean ").removesuffix("?")
    return f"call {likely} 'default' in the file, or name a chain"


def _hint(name: object, known: Collection[str]) -> str:
    return suggest(str(name), known) or f"there is {', '.join(sorted(known))}"


def build_routes(
    settings: Settings,
    adapters: AdapterPool,
    tests: FindPredicate,
    before: Routes | None = None,
    *,
    today: date = date.min,
) -> Routes:
    """Make resolved settings ready; what a chain of the same name had `before` goes on: its budget and its probes.

    The health of a model is the process's own, and so survives by itself. `tests` finds a plugin's
    test by its name. A model that is retired by `today` begins resting.
    """
    targets = {
        name: _target(name, settings, adapters, today)
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
            tuple(targets[model] for model in chain.models),
            triggers,
            earlier.get(name),
        )
    return Routes(settings=settings, targets=targets, routes=routes)


def _route(
    name: str, chain: Chain, asked: tuple[Target, ...], triggers: Triggers, earlier: Route | None
) -> Route:
    if earlier is not None:
        return msgspec.structs.replace(earlier, chain=chain, targets=asked, triggers=triggers)
    hedges = RetryBudget(HEDGE_BUDGET, HEDGE_SHARE, min_rate=float("inf"))
    return Route(name=name, chain=chain, targets=asked, triggers=triggers, hedges=hedges)


def _target(name: str, settings: Settings, adapters: AdapterPool, today: date) -> Target:
    model = settings.models[name]
    provider = settings.providers[model.provider or ""]
    card = model.card or Card()
    own_names = provider.base_url is None
    retired = settings.rest_reason(name, today)
    breaker = True if model.breaker is None else model.breaker
    known = model_health((provider.account, model.model), breaker, retired)
    return Target(
        name=name,
        provider=model.provider or "",
        vendor_id=model.model or name,
        card=card,
        timeout=model.timeout or 0.0,
        first_token_timeout=model.first_token_timeout or 0.0,
        idle_timeout=model.idle_timeout or 0.0,
        adapter=adapters.getter(model.provider or "", provider),
        options=model.options or {},
        extra=model.extra or {},
        refused=(*(card.refuses or ()), *(model.drop or ())),
        strict=model.strict,
        verify_response_model=own_names,
        secrets=(provider.api_key,) if provider.api_key else (),
        breaker=known.breaker,
        budget=known.budget,
        permits=Bulkhead(model.concurrency) if model.concurrency else None,
        missing_key=missing_key(provider),
        origin=adapters.origin(provider),
    )
