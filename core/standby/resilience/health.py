"""The health of each model in this process, shared by all chains, clients and event loops."""

import os
import threading
from collections.abc import Hashable
from weakref import ref

import msgspec

from standby.resilience.circuit_breaker import CircuitBreaker, DisabledBreaker
from standby.resilience.retry_budget import RetryBudget
from standby.settings import BreakerSettings


class ModelHealth(msgspec.Struct, frozen=True):
    """A model's breaker, and its budget of extra attempts."""

    breaker: CircuitBreaker
    budget: RetryBudget


_models: dict[Hashable, ModelHealth] = {}
_lock = threading.Lock()


def model_health(
    identity: Hashable, settings: BreakerSettings | bool, suspected: str = ""
) -> ModelHealth:
    """Return the health of a model; the settings given last count.

    Args:
        identity: The model: provider, endpoint, account and the vendor's id.
        settings: The breaker's settings; `True` for the default ones. `False` for a breaker that is
            off, which does not concern clients that use the model with other settings.
        suspected: Why the model is suspected to be gone, until it has answered; or "".

    Returns:
        The health that all clients of this process share.
    """
    with _lock:
        health = _models.get(identity)
        if health is None:
            health = _models[identity] = ModelHealth(CircuitBreaker(), RetryBudget())
        if settings is False:
            return ModelHealth(DisabledBreaker(), health.budget)
        health.breaker.settings = BreakerSettings() if settings is True else settings
        health.breaker.suspected = suspected
        return health


def forget() -> None:
    """Forget the health of all models, for existing clients too.

    Models that no client uses any more are dropped.
    """
    with _lock:
        references = [
            (identity, ref(health.breaker), ref(health.budget))
            for identity, health in _models.items()
        ]
        _models.clear()
        for identity, get_breaker, get_budget in references:
            breaker, budget = get_breaker(), get_budget()
            if breaker is not None and budget is not None:
                breaker.forget()
                budget.refill()
                _models[identity] = ModelHealth(breaker, budget)


def _reset_after_fork() -> None:
    """Forget everything in a forked child, where no thread ends the parent's probes.

    It is done in place, since clients from before the fork are still used.
    """
    global _lock  # noqa: PLW0603 - another thread of the parent may hold it for ever
    _lock = threading.Lock()
    for health in _models.values():
        health.breaker.reset_after_fork()
        health.budget.reset_after_fork()


if hasattr(os, "register_at_fork"):  # systems without a fork lack the function
    os.register_at_fork(after_in_child=_reset_after_fork)
