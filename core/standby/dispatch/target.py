"""One model of a chain, ready to be attempted."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import msgspec

from standby.cards import Card
from standby.failures import Failure, Kind
from standby.resilience.circuit_breaker import CircuitBreaker
from standby.resilience.retry_budget import RetryBudget
from standby.runtime.isolation import Origin
from standby.settings import Secret


class Permits(Protocol):
    """Limits the calls at once to one model."""

    async def acquire(self) -> bool:
        """Wait for a turn, not for long; false: there is none."""
        ...

    def release(self) -> None:
        """End a turn."""
        ...


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One model of a chain, ready to be asked: nothing implicit left.

    `adapter` raises `AttemptFailed` (`unavailable`) where there is none. `refused` are the sampling
    parameters not to be sent; `strict`: rather than leave one out the model is not asked.
    `verify_response_model`: the endpoint is the vendor's own, so that the model it says it served means
    something. `missing_key` names the variable of a key that is not set. `secrets` are what no text
    may show. `breaker` and `budget` are shared with whoever else asks the same model.
    """

    name: str
    provider: str
    vendor_id: str
    card: Card
    timeout: float
    adapter: Callable[[], Awaitable[Any]]
    first_token_timeout: float = float("inf")
    idle_timeout: float = float("inf")
    options: Mapping[str, Any] = {}
    extra: Mapping[str, Any] = {}
    refused: tuple[str, ...] = ()
    strict: bool = False
    verify_response_model: bool = True
    secrets: tuple[Secret, ...] = ()
    breaker: CircuitBreaker = msgspec.field(default_factory=CircuitBreaker)
    budget: RetryBudget = msgspec.field(default_factory=RetryBudget)
    permits: Permits | None = None
    missing_key: str = ""
    origin: Origin | None = None

    def contract_violation(self, words: str) -> Failure:
        """Say how the plugin broke its promise; nobody may know where it comes from, in a test."""
        if self.origin is not None:
            return self.origin.contract_violation(words)
        return Failure(
            kind=Kind.CONTRACT, message=f"the plugin of provider {self.provider!r} {words}"
        )


def producer(target: Target) -> str:
    """Name the model whose private state a call bears: its provider and the vendor's id, whatever the target is called."""
    return f"{target.provider}/{target.vendor_id}"
