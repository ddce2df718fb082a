"""What this process knows of each model's health; shared by all chains, clients and event loops."""

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


_known: dict[Hashable, ModelHealth] = {}
_lock = threading.Lock()


def model_health(
    identity: Hashable, settings: BreakerSettings | bool, suspected: str = ""
) -> ModelHealth:
    """Return what is known of a model: provider, endpoint, account and the vendor's id. The newest settings count.

    `settings` of `False`: the breaker is off, and whoever asks the model under other settings is
    not concerned; of `True`: the default ones. `suspected`: why the model begins resting, until it
    has answered.
    """
    with _lock:
        known = _known.get(identity)
        if known is None:
            known = _known[identity] = ModelHealth(CircuitBreaker(), RetryBudget())
        if settings is False:
            return ModelHealth(DisabledBreaker(), known.budget)
        known.breaker.settings = BreakerSettings() if settings is True else settings
        known.breaker.suspected = suspected
        return known


def forget() -> None:
    """Forget everything, also what clients that there are have learnt; models that no client has any more are let go."""
    with _lock:
        learnt = [
            (identity, ref(known.breaker), ref(known.budget)) for identity, known in _known.items()
        ]
        _known.clear()
        for identity, its_breaker, its_budget in learnt:
            breaker, budget = its_breaker(), its_budget()
            if breaker is not None and budget is not None:
                breaker.forget()
                budget.refill()
                _known[identity] = ModelHealth(breaker, budget)


def _in_a_child() -> None:
    """Begin anew after a fork, in place: clients made before it are still used, and nobody ends the parent's probes here."""
    global _lock  # noqa: PLW0603 - another thread of the parent may hold it for ever
    _lock = threading.Lock()
    for known in _known.values():
        known.breaker.reset_after_fork()
        known.budget.reset_after_fork()


if hasattr(os, "register_at_fork"):  # where there is no fork, there is no such function
    os.register_at_fork(after_in_child=_in_a_child)
