"""The health of each model in this process, shared by all chains, clients and event loops."""

import os
import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterable
from weakref import WeakValueDictionary

import msgspec

from standby.resilience.circuit_breaker import CircuitBreaker, DisabledBreaker
from standby.resilience.retry_budget import RetryBudget
from standby.settings import BreakerSettings

KEPT = 16
"""Models whose health is kept although no client has them any more.

A client that is made for one request finds what the one before it has learnt.
"""


class ModelHealth(msgspec.Struct, frozen=True):
    """A model's breaker, and its budget of extra attempts."""

    breaker: CircuitBreaker
    budget: RetryBudget


_breakers: WeakValueDictionary[Hashable, CircuitBreaker] = WeakValueDictionary()
_budgets: WeakValueDictionary[Hashable, RetryBudget] = WeakValueDictionary()
_kept: OrderedDict[Hashable, ModelHealth] = OrderedDict()
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
        breaker = _breakers.setdefault(identity, CircuitBreaker())
        budget = _budgets.setdefault(identity, RetryBudget())
        _kept[identity] = ModelHealth(breaker, budget)
        _kept.move_to_end(identity)
        if len(_kept) > KEPT:
            _kept.popitem(last=False)
        if settings is False:
            return ModelHealth(DisabledBreaker(), budget)
        breaker.settings = BreakerSettings() if settings is True else settings
        breaker.suspected = suspected
        return _kept[identity]


def let_go(identities: Iterable[Hashable]) -> None:
    """Keep the health of models no longer than clients have them: their settings are gone.

    Args:
        identities: The models.
    """
    with _lock:
        for identity in identities:
            _kept.pop(identity, None)


def forget() -> None:
    """Forget the health of all models, for existing clients too.

    Models that no client uses any more are dropped.
    """
    with _lock:
        _kept.clear()
        for breaker in _breakers.values():
            breaker.forget()
        for budget in _budgets.values():
            budget.refill()


def _reset_after_fork() -> None:
    """Forget everything in a forked child, where no thread ends the parent's probes.

    It is done in place, since clients from before the fork are still used.
    """
    global _lock  # noqa: PLW0603 - another thread of the parent may hold it for ever
    _lock = threading.Lock()
    for breaker in _breakers.values():
        breaker.reset_after_fork()
    for budget in _budgets.values():
        budget.reset_after_fork()


if hasattr(os, "register_at_fork"):  # systems without a fork lack the function
    os.register_at_fork(after_in_child=_reset_after_fork)
