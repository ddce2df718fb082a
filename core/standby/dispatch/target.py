"""A model and a chain, ready for the dispatcher: nothing implicit left, nothing to look up."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from standby.cards import Card
from standby.failures import Failure, Kind
from standby.resilience.circuit_breaker import CircuitBreaker
from standby.resilience.retry_budget import RetryBudget
from standby.resilience.triggers import Triggers
from standby.runtime.isolation import Origin
from standby.settings import Chain, Secret


class Permits(Protocol):
    """Limits how many attempts one model has in flight at once."""

    async def acquire(self) -> bool:
        """Wait a short while for a permit; return false if there is none."""
        ...

    def release(self) -> None:
        """Give a permit back."""
        ...


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One model of a chain.

    Attributes:
        name: the entry's name in models.yaml.
        provider: the provider's name.
        vendor_id: the vendor's id of the model.
        card: what is known of the model.
        timeout: seconds for a whole answer.
        adapter: returns the adapter for the running event loop; raises `AttemptFailed`
            (`unavailable`) where there is none.
        first_token_timeout: seconds until a stream's first token.
        idle_timeout: seconds between two tokens of a stream.
        options: the model's own options, checked against the plugin's schema.
        extra: what goes into each request's body as it stands.
        refused: the sampling parameters that must not be sent.
        strict: skip the model rather than leave a parameter out.
        verify_response_model: the endpoint is the vendor's own, so the model that it says answered
            means something.
        secrets: what no text may show.
        breaker: the model's circuit breaker, shared by everyone who uses the model.
        budget: its budget of extra attempts, shared likewise.
        permits: limits the attempts in flight; `None`: no limit.
        missing_key: the variable of a key that is not set.
        origin: the plugin's distribution, for messages; `None` in a test.

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

    @property
    def producer(self) -> str:
        """Return the name that marks what only this model can read, such as its reasoning."""
        return f"{self.provider}/{self.vendor_id}"

    def contract_violation(self, problem: str) -> Failure:
        """Return the failure of a plugin that broke its promise.

        Args:
            problem: what it did, as a clause: "raised ValueError: …".

        Returns:
            A failure of the kind `contract`, which names the plugin and its distribution.

        """
        if self.origin is not None:
            return self.origin.contract_violation(problem)
        message = f"the plugin of provider {self.provider!r} {problem}"
        return Failure(kind=Kind.CONTRACT, message=message)


@dataclass(frozen=True, kw_only=True)
class Route:
    """One chain.

    Attributes:
        name: the chain's name in models.yaml.
        chain: its policy.
        targets: its models, in order.
        triggers: its triggers, compiled.
        hedges: its budget of hedges.
        background_probes: the probes that outlive their calls.
        reachable: the models that a call may reach: the first only, where `fallback` is false.

    """

    name: str
    chain: Chain
    targets: tuple[Target, ...]
    triggers: Triggers
    hedges: RetryBudget = field(default_factory=RetryBudget)
    background_probes: set[asyncio.Task[None]] = field(default_factory=set["asyncio.Task[None]"])
    reachable: tuple[Target, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Derive what a call may reach."""
        reachable = self.targets if self.chain.fallback else self.targets[:1]
        object.__setattr__(self, "reachable", reachable)
