"""What follows a failure: the first trigger that recognises it, else the table."""

import asyncio
import random
from typing import Literal

import msgspec

from standby.dispatch.target import Target
from standby.failures import REACTIONS, Failure, Kind
from standby.resilience.circuit_breaker import Outcome
from standby.resilience.retry_budget import RetryBudget
from standby.resilience.triggers import Triggers
from standby.settings import Chain, Hedge, Retry

LONGEST_STATED_WAIT = 2.0
"""Seconds: a delay that a vendor states is waited for up to this; a longer one means the next model."""

LONG_REST = 300.0
"""Seconds that a model rests where a person must act: long enough to cost nothing, short enough to notice the repair."""


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A chain, ready to be walked.

    `hedges` is the budget of its extra attempts, `background_probes` holds the probes that outlive their
    calls.
    """

    name: str
    chain: Chain
    targets: tuple[Target, ...]
    triggers: Triggers
    hedges: RetryBudget = msgspec.field(default_factory=RetryBudget)
    background_probes: set[asyncio.Task[None]] = msgspec.field(
        default_factory=set["asyncio.Task[None]"]
    )


class Decision(msgspec.Struct, frozen=True):
    """What follows a failure, which trigger said so, and the pause before the same model is asked again, in seconds."""

    then: Literal["retry", "next", "stop", "accept"]
    trigger: str | None = None
    pause: float = 0.0


def decide(
    failure: Failure, target: Target, route: Route, number: int, jitter: random.Random
) -> Decision:
    """Say what follows the model's `number`th failure (from 1)."""
    retry = route.chain.retry
    found = route.triggers.match(failure, provider=target.provider, model=target.name)
    if found is None:
        name, then, attempts = None, REACTIONS[failure.kind].then, min(2, retry.attempts)
    else:
        name, then, attempts = found[0], found[1].then, retry.attempts
    if then != "retry":
        return Decision(then, name)
    pause = _pause(failure, retry, number, jitter)
    if pause is None or number >= attempts:
        return Decision("next", name)
    return Decision("retry", name, pause)


def outcome_of(
    failure: Failure, decision: Decision, *, blamed: bool
) -> tuple[Outcome, float | None]:
    """Say what a failure teaches of the model: a outcome, and how long it is to rest at once (0: as long as a first pause).

    A model that is sick and states a delay that is waited for is counted as any other that is sick:
    two answers of one call are too few to rest it by.
    """
    health, stated = REACTIONS[failure.kind].health, failure.retry_after or 0.0
    outcome: Outcome = "failure" if health == "failure" and blamed else "ignored"
    if decision.then == "retry" or health == "ignored":
        return outcome, None  # it is about to be asked again: rest it only if that fails too
    if health == "rest long":
        return outcome, max(LONG_REST, stated)
    rests = health == "rest" or stated > LONGEST_STATED_WAIT
    return outcome, stated if rests else None


def longest_pause(kind: Kind, retry: Retry, number: int) -> float:
    """Return the longest pause after the `number`th failure (from 1) of one model, in seconds, where no delay is stated."""
    first = REACTIONS[kind].pause if retry.initial is None else retry.initial
    return min(retry.limit, first * 2.0 ** (number - 1))


def longest_silence(hedge: Hedge, target: Target, *, in_pieces: bool) -> float:
    """Return the seconds without a sign of life after which the next model is asked beside this one.

    An answer in pieces shows that its model thinks; one that comes as a whole shows nothing until
    it is there. So a model that thinks gets half of its time-out for that, as with all that is
    called slow.
    """
    thinks_unseen = bool(target.card.efforts) and not in_pieces
    return max(hedge.after, target.timeout / 2) if thinks_unseen else hedge.after


def _pause(failure: Failure, retry: Retry, number: int, jitter: random.Random) -> float | None:
    """Return the vendor's stated delay, or full jitter; `None` where the stated delay is too long to wait for."""
    if failure.retry_after is not None:
        return failure.retry_after if failure.retry_after <= LONGEST_STATED_WAIT else None
    return jitter.uniform(0, longest_pause(failure.kind, retry, number))
