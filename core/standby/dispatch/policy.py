"""The rules of a chain, as pure functions that the dispatcher, `explain` and `check` share.

Time and randomness are arguments.
"""

import random
from collections.abc import Iterable
from typing import Literal

import msgspec

from standby.dispatch.target import Target
from standby.failures import REACTIONS, Failure, Kind
from standby.resilience.circuit_breaker import Outcome
from standby.resilience.triggers import Triggers
from standby.settings import Chain, Hedge, Retry

RESERVE = 5.0
"""Seconds of the deadline that are kept for each model still to come, at the most."""

MAX_STATED_WAIT = 2.0
"""Seconds: a longer delay that a vendor states means the next model; others are waited for."""

LONG_REST = 300.0
"""Seconds that a model rests where a person must act: long enough to cost nothing, short enough to
notice the repair."""

HEDGE_BUDGET = 5.0
"""Hedges that a chain starts with; each healthy call adds `HEDGE_SHARE` of one."""

HEDGE_SHARE = 0.05


class Decision(msgspec.Struct, frozen=True):
    """What follows a failure.

    `trigger` names the trigger that decided, if one did. `pause` is the seconds before a retry.
    """

    then: Literal["retry", "next", "stop", "accept"]
    trigger: str | None = None
    pause: float = 0.0


def decide(
    failure: Failure,
    target: Target,
    chain: Chain,
    triggers: Triggers,
    number: int,
    jitter: random.Random,
) -> Decision:
    """Decide what follows a failure: the first trigger that recognises it, else the table of kinds.

    Args:
        failure: what went wrong.
        target: the model that failed.
        chain: the chain's policy, for the number of attempts and the pauses.
        triggers: the chain's triggers, in order.
        number: which attempt of this model in this call it was, from 1.
        jitter: draws the pause before a retry.

    Returns:
        The decision; a `retry` may still be limited by `limit_retry`.

    """
    decision, retry = rule_for(failure, target, triggers), chain.retry
    if decision.then != "retry":
        return decision
    attempts = retry.attempts if decision.trigger is not None else min(2, retry.attempts)
    pause = _pause(failure, retry, number, jitter)
    if pause is None or number >= attempts:
        return Decision("next", decision.trigger)
    return Decision("retry", decision.trigger, pause)


def rule_for(failure: Failure, target: Target, triggers: Triggers) -> Decision:
    """Return what a failure calls for, whatever the call's state is.

    Args:
        failure: what went wrong.
        target: the model that failed.
        triggers: the chain's triggers, in order.

    Returns:
        What the first trigger that recognises the failure says, else the table of kinds.

    """
    match = triggers.match(failure, provider=target.provider, model=target.name)
    if match is None:
        return Decision(REACTIONS[failure.kind].then)
    return Decision(match[1].then, match[0])


def limit_retry(
    decision: Decision, time_left: float, *, last_resort: bool = False, hedged: bool = False
) -> Decision:
    """Turn a retry that cannot be made into a move to the next model; any other decision stays.

    Args:
        decision: what `decide` says.
        time_left: the seconds that the call can spend on the retry, its pause included.
        last_resort: the model was attempted although it rests, or to probe it: once is enough.
        hedged: the call has already had an extra attempt.

    Returns:
        The decision to act on.

    """
    is_possible = decision.pause < time_left and not (last_resort or hedged)
    if decision.then != "retry" or is_possible:
        return decision
    return Decision("next", decision.trigger)


def outcome_of(
    failure: Failure, decision: Decision, *, counts_against_model: bool
) -> tuple[Outcome, float | None]:
    """Say what a failure means for the model's circuit breaker.

    Args:
        failure: what went wrong.
        decision: what follows it.
        counts_against_model: false where only the caller was in a hurry.

    Returns:
        The outcome to record, and for how many seconds the circuit opens at once: 0 for one
        ordinary pause, `None` for not at all. A failed model that states a delay short enough to be
        waited for counts as any other failure: two answers of one call are too few to rest it by.

    """
    health, stated = REACTIONS[failure.kind].health, failure.retry_after or 0.0
    is_failure = health == "failure" and counts_against_model
    outcome: Outcome = "failure" if is_failure else "ignored"
    if decision.then == "retry" or health == "ignored":
        return outcome, None  # a retry follows: rest the model only if that fails too
    if health == "rest long":
        return outcome, max(LONG_REST, stated)
    rests = health == "rest" or stated > MAX_STATED_WAIT
    return outcome, stated if rests else None


def reserve_for(deadline: float, models: int) -> float:
    """Return how much of the deadline an attempt must leave to each model after it.

    Args:
        deadline: seconds for the whole call.
        models: how many models the call may reach, the first included.

    Returns:
        Seconds for one later model: `RESERVE`, or `deadline / models` if that is less.

    """
    return min(RESERVE, deadline / models)


def time_share(time_left: float, deadline: float, models: int, later: int) -> float:
    """Return the seconds that an attempt may take, so that no model starves those after it.

    Args:
        time_left: seconds until the call's deadline.
        deadline: seconds for the whole call.
        models: how many models the call may reach.
        later: how many of them are still to come.

    Returns:
        What is left less the reserves, and at least an equal share: a stream that broke late may
        have used up the reserves.

    """
    unreserved = time_left - reserve_for(deadline, models) * later
    return max(unreserved, time_left / (later + 1), 0.0)


def retry_time(time_left: float, deadline: float, models: int, later: int) -> float:
    """Return the seconds that a retry may take, its pause included.

    Args:
        time_left: seconds until the call's deadline.
        deadline: seconds for the whole call.
        models: how many models the call may reach.
        later: how many of them are still to come.

    Returns:
        What is left less the reserves.

    """
    return max(0.0, time_left - reserve_for(deadline, models) * later)


def is_too_small(target: Target, overflowed: Iterable[Target]) -> bool:
    """Return whether a model's context window cannot hold what has overflowed others.

    Args:
        target: the model in question; an unknown window counts as large enough.
        overflowed: the models that failed with `context_too_long`.

    Returns:
        True if its window is no larger than the largest that overflowed.

    """
    window = target.card.context_window
    tried = [other.card.context_window or 0 for other in overflowed]
    return window is not None and window <= max(tried, default=-1)


def attempts_at_most(target: Target, retry: Retry, *, by_trigger: bool) -> int:
    """Return how many attempts one call can make at one model.

    Args:
        target: the model.
        retry: the chain's retry policy.
        by_trigger: a trigger that may apply to the model asks for retries.

    Returns:
        The number of attempts, 1 for a model that begins resting.

    """
    if target.breaker.suspicion:
        return 1
    return retry.attempts if by_trigger else min(2, retry.attempts)


def max_pause(kind: Kind, retry: Retry, number: int) -> float:
    """Return the longest pause before a retry where the vendor states no delay.

    Args:
        kind: the failure's kind.
        retry: the chain's retry policy.
        number: which attempt of the model failed, from 1.

    Returns:
        Seconds: the first pause, doubled for each further attempt, up to the policy's limit.

    """
    first = REACTIONS[kind].pause if retry.initial is None else retry.initial
    return min(retry.limit, first * 2.0 ** (number - 1))


def hedge_delay(hedge: Hedge, target: Target, *, is_streaming: bool) -> float:
    """Return the seconds of silence after which the next model is attempted beside this one.

    Args:
        hedge: the chain's hedging policy.
        target: the model that is silent.
        is_streaming: its answer comes in pieces, so that silence means something.

    Returns:
        `hedge.after`; for a whole answer of a model that thinks, which is silent until it is done,
        at least half of the model's time-out, as with everything that is called slow.

    """
    thinks_silently = bool(target.card.efforts) and not is_streaming
    return max(hedge.after, target.timeout / 2) if thinks_silently else hedge.after


def _pause(failure: Failure, retry: Retry, number: int, jitter: random.Random) -> float | None:
    """Return the stated delay, or full jitter; `None` for a stated delay that is too long."""
    if failure.retry_after is not None:
        return failure.retry_after if failure.retry_after <= MAX_STATED_WAIT else None
    return jitter.uniform(0, max_pause(failure.kind, retry, number))
