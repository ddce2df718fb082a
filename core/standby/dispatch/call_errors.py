"""What a call raises when it has no reply."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from standby.dispatch.stream_gate import StreamGate
from standby.dispatch.target import Target
from standby.errors import AttemptFailed, ChainExhausted, DeadlineExceeded, StreamBroken
from standby.failures import Attempt, Failure, Kind

if TYPE_CHECKING:
    from standby.dispatch.in_flight import InFlight

LONG_LAG = 0.5
"""Seconds of a call that an event loop has lost, from which a message says so."""

Cause = tuple[Target, AttemptFailed]
"""A model, and how it failed or why it was skipped."""


def stream_error(gate: StreamGate, failure: Failure) -> StreamBroken | None:
    """Return the error for a caller who has seen a part of an answer.

    Args:
        gate: the call's gate.
        failure: what broke the stream.

    Returns:
        The error with the text that still counts; `None` if nothing has gone out.

    """
    if not gate.released:
        return None
    return StreamBroken(failure, gate.partial)


def exhausted_error(chain: str, causes: Sequence[Cause]) -> ChainExhausted:
    """Return the error for a call that no model answered.

    Args:
        chain: the chain's name.
        causes: how each model failed, in order; at least one.

    Returns:
        The error: the vendor's own text where there is one cause, and the shortest stated delay.

    """
    last = {target.name: error.failure.text for target, error in causes}
    if len(last) == 1:
        message = next(iter(last.values()))
    else:
        listed = "; ".join(f"{name}: {text}" for name, text in last.items())
        message = f"no model of chain {chain!r} answered: {listed}"
    delays = [error.failure.retry_after for _, error in causes]
    stated = [delay for delay in delays if delay is not None]
    return ChainExhausted(message, retry_after=min(stated, default=None))


def deadline_error(
    deadline: float, trail: Sequence[Attempt], in_flight: "InFlight", gate: StreamGate
) -> DeadlineExceeded | StreamBroken:
    """Return the error for a call whose time is up.

    Args:
        deadline: the seconds that it had.
        trail: what it has tried.
        in_flight: the attempts in flight.
        gate: the call's gate.

    Returns:
        The error, which lists the models, and says so where the event loop had no time for them; a
        `StreamBroken` where some text is out.

    """
    message = f"no complete reply within the deadline of {deadline:g}s"
    if in_flight.lost >= LONG_LAG:
        message += f" (the event loop was blocked or overloaded for {in_flight.lost:.1f}s of it)"
    broken = stream_error(gate, Failure(kind=Kind.DEADLINE, message=message))
    if broken is not None:
        return broken
    attempted = [f"{attempt.model} ({attempt.kind or attempt.outcome})" for attempt in trail]
    attempted += in_flight.pending
    return DeadlineExceeded(f"{message}; asked: {', '.join(attempted)}")


def group_causes(chain: str, causes: Sequence[Cause]) -> ExceptionGroup[AttemptFailed] | None:
    """Return all causes as one exception, to raise another from; `None` if there are none.

    Args:
        chain: the chain's name.
        causes: how each model failed.

    """
    if not causes:
        return None
    return ExceptionGroup(f"the attempts of chain {chain!r}", [error for _, error in causes])
