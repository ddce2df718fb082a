"""Settings made into routes: models with adapters, health and limits, chains with triggers."""

from collections.abc import Collection, Hashable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import Any, cast

import msgspec

from standby.config.finding import suggest
from standby.dispatch.policy import HEDGE_BUDGET, HEDGE_SHARE
from standby.dispatch.target import Route, Target
from standby.errors import RequestError
from standby.registry.adapter_pool import AdapterPool, missing_key
from standby.resilience.bulkhead import Bulkhead
from standby.resilience.health import let_go, model_health
from standby.resilience.retry_budget import RetryBudget
from standby.resilience.triggers import FindPredicate, Triggers
from standby.settings import Model, Settings


class Routes(msgspec.Struct, frozen=True, kw_only=True):
    """The chains of a client; replaced together where the settings change.

    Attributes:
        settings: what they are made of.
        targets: every model of the settings, by its name.
        routes: every chain, by its name.

    """

    settings: Settings
    targets: Mapping[str, Target]
    routes: Mapping[str, Route]

    def route(self, chain: str) -> Route:
        """Return a chain.

        Args:
            chain: its name.

        Returns:
            The chain.

        Raises:
            RequestError: no chain has this name.

        """
        if chain not in self.routes:
            raise RequestError(f"no chain is named {chain!r}; {_chain_hint(chain, self.routes)}")
        return self.routes[chain]

    @property
    def targets_of_chains(self) -> dict[str, Target]:
        """Return the models of the chains, by their names."""
        return {target.name: target for route in self.routes.values() for target in route.targets}

    def forget_health(self, models: Collection[str]) -> None:
        """Forget the health of models; nothing is forgotten if one of them is unknown.

        Args:
            models: their names; none: every model of the chains, and the chains' hedges too.

        Raises:
            RequestError: no model of the chains has this name.
            TypeError: something is not a name.

        """
        targets = self.targets_of_chains
        for name in cast("Collection[object]", models):
            _check_name(name, targets)
        for name in models or targets:
            targets[name].breaker.forget()
            targets[name].budget.refill()
        for route in () if models else self.routes.values():
            route.hedges.refill()


def build_routes(
    settings: Settings,
    adapters: AdapterPool,
    predicates: FindPredicate,
    before: Routes | None = None,
    *,
    today: date = date.min,
) -> Routes:
    """Build the routes of resolved settings.

    A model's health belongs to the process: it outlives settings that keep the model, and is let go
    with the last ones that have it.

    Args:
        settings: the settings, with nothing left implicit.
        adapters: makes the adapters.
        predicates: finds a plugin's predicate by its name.
        before: the routes until now; a chain of the same name keeps its hedges and its probes.
        today: a model that its vendor has retired by this day begins resting.

    Returns:
        The routes.

    """
    targets = {
        name: _build_target(name, model, settings, adapters, today)
        for name, model in settings.models.items()
    }
    if before is not None:
        let_go(_identities(before.settings) - _identities(settings))
    earlier: Mapping[str, Route] = before.routes if before is not None else {}
    routes = _build_chains(settings, targets, predicates, earlier)
    return Routes(settings=settings, targets=targets, routes={each.name: each for each in routes})


def _build_chains(
    settings: Settings,
    targets: Mapping[str, Target],
    predicates: FindPredicate,
    earlier: Mapping[str, Route],
) -> Iterator[Route]:
    compiled: dict[tuple[str, ...], Triggers] = {}
    for name, chain in settings.chains.items():
        names = cast("tuple[str, ...]", chain.triggers)  # resolved: all of them, or those listed
        if names not in compiled:
            rules = [(each, settings.triggers[each]) for each in names]
            compiled[names] = Triggers(rules, predicates)
        route = earlier.get(name) or Route(
            name=name,
            chain=chain,
            targets=(),
            triggers=Triggers(()),
            hedges=RetryBudget(HEDGE_BUDGET, HEDGE_SHARE, min_rate=float("inf")),
        )
        yield replace(
            route,
            chain=chain,
            targets=tuple(targets[model] for model in chain.models),
            triggers=compiled[names],
        )


def _build_target(
    name: str, model: Model, settings: Settings, adapters: AdapterPool, today: date
) -> Target:
    resolved = cast("Any", model)  # its optional fields are filled
    provider, card = settings.providers[resolved.provider], resolved.card
    reason = settings.rest_reason(name, today)
    health = model_health(_identity(model, settings), resolved.breaker, reason)
    return Target(
        name=name,
        provider=resolved.provider,
        vendor_id=resolved.model,
        card=card,
        timeout=resolved.timeout,
        first_token_timeout=resolved.first_token_timeout,
        idle_timeout=resolved.idle_timeout,
        adapter=adapters.handle(resolved.provider, provider),
        options=resolved.options,
        extra=model.extra or {},
        refused=_join(card.refuses, model.drop),
        strict=model.strict,
        verify_response_model=provider.base_url is None,
        secrets=(provider.api_key,) if provider.api_key else (),
        breaker=health.breaker,
        budget=health.budget,
        permits=_permits(model.concurrency),
        missing_key=missing_key(provider),
        origin=adapters.origin(provider),
    )


def _identities(settings: Settings) -> set[Hashable]:
    return {_identity(model, settings) for model in settings.models.values()}


def _identity(model: Model, settings: Settings) -> Hashable:
    """Return what makes two models one: the account and the vendor's id."""
    return settings.providers[cast("str", model.provider)].account, model.model


def _permits(limit: int | None) -> Bulkhead | None:
    return Bulkhead(limit) if limit else None


def _join(*names: Collection[str] | None) -> tuple[str, ...]:
    return tuple(name for each in names for name in each or ())


def _check_name(name: object, targets: Mapping[str, Target]) -> None:
    if not isinstance(name, str):
        message = f"expected the names of models, each by itself, not a {type(name).__name__}"
        raise TypeError(f"forget_health: {message}: forget_health('m1', 'm2')")
    if name not in targets:
        raise RequestError(f"no model of the chains is named {name!r}; {_hint(name, targets)}")


def _chain_hint(chain: object, names: Collection[str]) -> str:
    """Return what is meant; where a call names no chain, the file may misspell "default"."""
    typo = suggest("default", names) if chain == "default" else ""
    if not typo:
        return _hint(chain, names)
    likely = typo.removeprefix("did you mean ").removesuffix("?")
    return f"call {likely} 'default' in the file, or name a chain"


def _hint(name: object, names: Collection[str]) -> str:
    return suggest(str(name), names) or f"there is {', '.join(sorted(names))}"
