"""Carry one request down one chain. Knows no provider, no model's name and no file.

A reply and a stream take the same way: a stream is an attempt that also hands its chunks out while it runs.
"""

import asyncio
import random
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any, Literal

import msgspec

from standby import events
from standby.attempt import Entry, Outlet, attempt, fit, judge
from standby.errors import AttemptFailed, CallFailed, ChainExhausted, DeadlineExceeded, Stopped, StreamBroken
from standby.failures import REACTIONS, Failure, Kind
from standby.policy import Chain, Retry
from standby.triggers import Triggers
from standby.types import Attempt, Reply, Request

LONGEST_STATED_WAIT = 2.0
"""Seconds: a delay that a vendor states is waited for up to this; a longer one means the next model."""

_serial = count(1)


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A chain, ready to be walked."""

    name: str
    chain: Chain
    entries: tuple[Entry, ...]
    triggers: Triggers


class Decision(msgspec.Struct, frozen=True):
    """What follows a failure, which trigger said so, and the pause before the same model is asked again, in seconds."""

    then: Literal["retry", "next", "stop", "accept"]
    trigger: str | None
    pause: float = 0.0


def decide(failure: Failure, entry: Entry, route: Route, number: int, jitter: random.Random) -> Decision:
    """Say what follows the model's `number`th failure (from 1): the first trigger that recognises it, else the table."""
    retry = route.chain.retry
    found = route.triggers.match(failure, provider=entry.provider, model=entry.name)
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


def _pause(failure: Failure, retry: Retry, number: int, jitter: random.Random) -> float | None:
    """Return the vendor's stated delay, or full jitter; `None` where the stated delay is too long to wait for."""
    if failure.retry_after is not None:
        return failure.retry_after if failure.retry_after <= LONGEST_STATED_WAIT else None
    return jitter.uniform(0, min(retry.limit, retry.initial * 2 ** (number - 1)))


class Walk:
    """One request on its way down one chain; run it once."""

    def __init__(
        self,
        route: Route,
        request: Request,
        *,
        emit: Callable[[events.Event], None],
        jitter: random.Random,
        deadline: float | None = None,
        outlet: Outlet | None = None,
    ) -> None:
        """Prepare. `deadline`: seconds for the whole call, the chain's own if left out. With an `outlet` it is a stream."""
        self.trail: list[Attempt] = []
        self._route = route
        self._request = request
        self._emit = emit
        self._jitter = jitter
        self._span = route.chain.deadline if deadline is None else deadline
        self._outlet = outlet
        self._causes: list[tuple[Entry, AttemptFailed]] = []
        self._second_best: Reply | None = None
        self._call = f"{next(_serial):x}"

    async def run(self) -> Reply:
        """Return the first good reply, with the trail on it; raises a `CallFailed` that has the trail."""
        self._now = asyncio.get_running_loop().time
        self._began = self._now()
        try:
            async with asyncio.timeout_at(self._began + self._span):
                reply = await self._walk()
        except CallFailed as error:
            self._emit(events.Failed(**self._moment(), text=str(error), duration=self._elapsed()))
            raise
        except TimeoutError:
            late = self._late()
            self._emit(events.Failed(**self._moment(), text=str(late), duration=self._elapsed()))
            raise late from self._group()
        self._emit(
            events.Answered(
                **self._moment(reply.model), attempts=len(self.trail), duration=self._elapsed(), notice=reply.notice
            )
        )
        return msgspec.structs.replace(reply, trail=tuple(self.trail))

    async def _walk(self) -> Reply:
        entries = self._route.entries if self._route.chain.fallback else self._route.entries[:1]
        for entry, following in zip(entries, (*entries[1:], None), strict=True):
            reply = await self._ask(entry)
            if reply is not None:
                return reply
            if following is not None:
                kind = self._causes[-1][1].failure.kind
                self._emit(events.MovedOn(**self._moment(entry.name), to=following.name, kind=kind))
        if self._second_best is not None:
            return self._second_best
        raise self._exhausted() from self._group()

    async def _ask(self, entry: Entry) -> Reply | None:
        """Ask one model, again where its failure says so; `None` means: go on."""
        for number in count(1):
            result = await self._attempt(entry, number)
            if isinstance(result, Reply):
                return result
            if result.then != "retry":
                break
            self._emit(events.RetryScheduled(**self._moment(entry.name), delay=result.pause))
            await asyncio.sleep(result.pause)
        return None

    async def _attempt(self, entry: Entry, number: int) -> Reply | Decision:
        """Ask one model once, and put it on the trail."""
        request, dropped = fit(self._request, entry)
        record = partial(self._record, entry, self._now(), dropped)
        self._emit(events.AttemptStarted(**self._moment(entry.name)))
        try:
            self._refuse_a_window_too_small(entry)
            reply = await attempt(entry, request, self._outlet)
        except asyncio.CancelledError:
            record("cancelled")
            raise
        except AttemptFailed as error:
            return self._settle(entry, error, self._decide(error.failure, entry, number), record)
        doubt = judge(reply, entry)
        if doubt is None:
            record("answered")
            return reply
        decision = self._decide(doubt, entry, number)
        if decision.then == "accept" or self._released():
            record("answered", doubt)
            return reply
        self._second_best = self._second_best or reply
        return self._settle(entry, AttemptFailed(doubt), decision, record)

    def _settle(self, entry: Entry, error: AttemptFailed, decision: Decision, record: Callable[..., None]) -> Decision:
        failure = error.failure
        found_before_sending = failure.status is None and failure.kind in (Kind.UNAVAILABLE, Kind.UNSUPPORTED)
        record("skipped" if found_before_sending else "failed", failure, decision)
        self._causes.append((entry, error))
        if self._outlet is not None and self._outlet.released:
            raise StreamBroken(failure, self._outlet.partial, self.trail) from error
        if decision.then == "stop":
            raise Stopped(failure, self.trail) from error
        return decision

    def _decide(self, failure: Failure, entry: Entry, number: int) -> Decision:
        if self._released():
            return Decision("stop", None)  # the caller has seen some of this answer; nobody else may go on with it
        decision = decide(failure, entry, self._route, number, self._jitter)
        if decision.pause >= self._span - self._elapsed():
            return Decision("next", decision.trigger)
        return decision

    def _refuse_a_window_too_small(self, entry: Entry) -> None:
        """After "context too long" only a larger window helps; an unknown one counts as larger."""
        tried = [asked.card.context_window or 0 for asked, error in self._causes if error.failure.kind is Kind.CONTEXT_TOO_LONG]
        window = entry.card.context_window
        if tried and window is not None and window <= max(tried):
            words = f"its context window of {window} tokens is no larger than the one that was too small"
            raise AttemptFailed(Failure(kind=Kind.UNSUPPORTED, message=words))

    def _record(
        self,
        entry: Entry,
        start: float,
        dropped: tuple[str, ...],
        outcome: Literal["answered", "failed", "skipped", "cancelled"],
        failure: Failure | None = None,
        decision: Decision | None = None,
    ) -> None:
        then = None if decision is None or decision.then == "accept" else decision.then
        ended = Attempt(
            model=entry.name,
            provider=entry.provider,
            outcome=outcome,
            start=start - self._began,
            duration=self._now() - start,
            kind=failure.kind if failure else None,
            status=failure.status if failure else None,
            text=failure.text if failure else "",
            trigger=decision.trigger if decision else None,
            then=then,
            dropped=dropped,
        )
        self.trail.append(ended)
        self._emit(events.AttemptEnded(**self._moment(entry.name), attempt=ended))
        if failure is not None and REACTIONS[failure.kind].alert:
            self._emit(events.Alert(**self._moment(entry.name), kind=failure.kind, text=failure.text))

    def _exhausted(self) -> ChainExhausted:
        last_words = {entry.name: error.failure.text for entry, error in self._causes}
        if len(last_words) == 1:
            message = next(iter(last_words.values()))
        else:
            told = "; ".join(f"{name}: {words}" for name, words in last_words.items())
            message = f"no model of chain {self._route.name!r} answered: {told}"
        stated = [error.failure.retry_after for _, error in self._causes if error.failure.retry_after is not None]
        return ChainExhausted(message, self.trail, min(stated, default=None))

    def _late(self) -> DeadlineExceeded | StreamBroken:
        words = f"no complete reply within the deadline of {self._span:g}s"
        if self._outlet is not None and self._outlet.released:
            return StreamBroken(Failure(kind=Kind.DEADLINE, message=words), self._outlet.partial, self.trail)
        asked = ", ".join(f"{attempt.model} ({attempt.kind or attempt.outcome})" for attempt in self.trail)
        return DeadlineExceeded(f"{words}; asked: {asked or 'nobody'}", self.trail)

    def _group(self) -> ExceptionGroup[AttemptFailed] | None:
        if not self._causes:
            return None
        return ExceptionGroup(f"the attempts of chain {self._route.name!r}", [error for _, error in self._causes])

    def _released(self) -> bool:
        return self._outlet is not None and self._outlet.released

    def _elapsed(self) -> float:
        return self._now() - self._began

    def _moment(self, model: str = "") -> dict[str, Any]:
        return {"call": self._call, "chain": self._route.name, "model": model, "at": self._now()}
