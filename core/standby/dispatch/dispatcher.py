"""Carry one request down one chain. Knows no provider, no model's name and no file.

One loop looks at the attempts whenever something is due: one has ended or run out of time, a pause
is over, a slow model is to be hedged, the deadline is reached. A reply and a stream take the same
way; so do fallback, hedging and probing, which differ only in when the next model is asked.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import msgspec

from standby import events
from standby.dispatch.assessment import assess
from standby.dispatch.attempt import AttemptTask
from standby.dispatch.compatibility import incompatibility
from standby.dispatch.in_flight import NEVER, InFlight
from standby.dispatch.policy import Decision, Route, decide, longest_silence
from standby.dispatch.stream_gate import StreamGate
from standby.dispatch.target import Target
from standby.dispatch.trail import Trail
from standby.errors import (
    AttemptFailed,
    CallFailed,
    ChainExhausted,
    DeadlineExceeded,
    Stopped,
    StreamBroken,
)
from standby.failures import Failure, Kind
from standby.resilience.circuit_breaker import Permit, Rejection
from standby.types import Attempt, Reply, Request

RESERVE = 5.0
"""Seconds of the deadline that are kept for each model still to come; less where the deadline is short: an equal share."""

LATE = 1.0
"""Seconds after its time-out at which a probe that nobody has settled is taken for lost."""


class Again(msgspec.Struct, frozen=True):
    """The same model is to be asked again, at a moment."""

    target: Target
    number: int
    at: float


class Walk:
    """One request on its way down one chain; run it once, on one event loop."""

    def __init__(
        self,
        route: Route,
        request: Request,
        *,
        emit: Callable[[events.Event], None],
        jitter: random.Random,
        deadline: float | None = None,
        outlet: StreamGate | None = None,
        watched: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        """Prepare. `deadline`: seconds for the whole call, the chain's own if left out. With an `outlet` it is a stream.

        `watched` surrounds the run: whoever watches the event loop knows by it that somebody is
        being asked.
        """
        self._route = route
        self._request = request
        self._emit = emit
        self._jitter = jitter
        self.span = route.chain.deadline if deadline is None else deadline
        self._outlet = outlet
        self._watched = watched
        if outlet is not None:
            outlet.whole = route.chain.stream.release == "whole"
        self._queue = deque(route.targets if route.chain.fallback else route.targets[:1])
        self._reserve = min(RESERVE, self.span / len(self._queue))
        self._again: Again | None = None
        self._hedged = False
        self._resting: list[tuple[float, Target]] = []
        self._causes: list[tuple[Target, AttemptFailed]] = []
        self._second_best: Reply | None = None
        self._begun: Trail | None = None

    @property
    def trail(self) -> tuple[Attempt, ...]:
        """Return the attempts and skips so far."""
        return () if self._begun is None else self._begun.attempts

    async def run(self) -> Reply:
        """Return the first good reply, with the trail on it; raises a `CallFailed` that has the trail."""
        with self._watched():
            return await self._run()

    async def _run(self) -> Reply:
        self._now = asyncio.get_running_loop().time
        self._begun = self._trail = Trail(self._route.name, self._emit, self._now)
        self._until = self._trail.began + self.span
        self._floor = InFlight(
            self._request,
            self._trail,
            self._now,
            outlet=self._outlet,
            background_probes=self._route.background_probes,
        )
        try:
            try:
                reply = await self._walk()
            finally:
                await self._floor.leave()
            self._look_behind()
            if self._outlet is not None:
                await self._outlet.complete(reply)
        except CallFailed as error:
            error.trail = self.trail
            self._trail.failed(str(error))
            raise
        self._trail.answered(reply.model, reply.disclaimer)
        return msgspec.structs.replace(reply, trail=self.trail)

    async def _walk(self) -> Reply:
        while True:
            self._start_what_is_due()
            if self._floor.empty and self._again is None:
                return self._without_a_good_reply()
            due = min(
                self._hedge_at(),
                self._last_chance(),
                NEVER if self._again is None else self._again.at,
            )
            for running in await self._floor.wait(due, self._until):
                reply = self._settle(running)
                if reply is not None:
                    return reply
            if self._now() >= self._until:
                raise self._late() from self._group()

    def _look_behind(self) -> None:
        """Now that the call has its reply, ask those that rest on a mere suspicion, for nobody: they may be there after all."""
        for _, target in self._resting:
            permit = target.breaker.admit_background_probe(self._now(), target.timeout + LATE)
            if permit is not None:
                self._floor.ask_behind(target, permit)

    # When a model is asked

    def _start_what_is_due(self) -> None:
        now = self._now()
        if self._again is not None and self._again.at <= now:
            again, self._again = self._again, None
            self._start(again.target, again.number)
        if (
            self._again is None and not self._floor.held
        ):  # a retry may be a probe by now, which nobody waits for
            self._start_next()
        elif self._hedge_at() <= now:
            self._hedge()
        if self._last_chance() <= now:
            self._start_all_that_rest()

    def _start_next(self) -> None:
        """Ask the next model that may be asked; beside a probe, the one after it too; as a last resort one that rests."""
        while self._queue and not self._floor.held:
            self._start(self._queue.popleft())
        if self._floor.empty and self._second_best is None:
            self._start_a_resting_one()

    def _start_a_resting_one(self) -> None:
        """Ask the model that is nearest to its recovery, unless another call is at that already."""
        for pair in sorted(self._resting, key=lambda pair: pair[0]):
            _, target = pair
            permit = target.breaker.force_probe(self._now(), target.timeout + LATE)
            if isinstance(permit, Permit):
                self._resting.remove(pair)
                self._floor.ask(target, permit, allowed=self._share())
                return

    def _last_chance(self) -> float:
        """Return when those that rest must be asked, whoever else is, to be heard before the deadline: they may be well."""
        return self._until - self._reserve if self._resting and not self._floor.speaks else NEVER

    def _start_all_that_rest(self) -> None:
        """Ask them beside the one that is still being asked: it is not cut short for models that are likely to be down."""
        resting, self._resting = self._resting, []
        for _, target in resting:
            permit = target.breaker.force_probe(self._now(), target.timeout + LATE)
            if isinstance(permit, Permit):
                self._floor.ask(target, permit)

    def _start(self, target: Target, number: int = 1) -> bool:
        """Ask a model if it can be asked; what keeps it from that goes on the trail."""
        if self._is_too_small(target):
            words = f"its context window of {target.card.context_window} tokens is no larger than the one that was too small"
            self._skip(target, Failure(kind=Kind.UNSUPPORTED, message=words))
            return False
        if (misfit := incompatibility(self._request, target)) is not None:
            self._skip(target, misfit)
            return False
        admitted = target.breaker.admit(self._now(), target.timeout + LATE)
        if isinstance(admitted, Rejection) and target.missing_key:
            self._skip(
                target, Failure(kind=Kind.UNAVAILABLE, message=f"no key: set {target.missing_key}")
            )
            return False
        if isinstance(admitted, Rejection):
            self._resting.append((admitted.seconds, target))
            after = admitted.seconds or None
            self._skip(
                target, Failure(kind=Kind.UNAVAILABLE, message=admitted.message, retry_after=after)
            )
            return False
        allowed = NEVER if admitted.probe and self._queue else self._share(again=number > 1)
        self._floor.ask(target, admitted, number=number, allowed=allowed)
        return True

    def _skip(self, target: Target, failure: Failure) -> None:
        self._trail.skips(target, failure)
        self._causes.append((target, AttemptFailed(failure)))

    def _is_too_small(self, target: Target) -> bool:
        """After "context too long" only a larger window helps; an unknown one counts as larger."""
        tried = [
            asked.card.context_window or 0
            for asked, error in self._causes
            if error.failure.kind is Kind.CONTEXT_TOO_LONG
        ]
        window = target.card.context_window
        return bool(tried) and window is not None and window <= max(tried)

    def _share(self, *, again: bool = False) -> float:
        """Return the seconds that an attempt may take: what is left, less the reserve for the models still to come."""
        left, later = max(0.0, self._until - self._now()), len(self._queue)
        least = (
            0.0 if again else left / (later + 1)
        )  # where words that broke took the time: an equal share
        return max(left - self._reserve * later, least)

    def _hedge_at(self) -> float:
        """Return when the newest attempt will have been silent for long enough."""
        hedge, newest = self._route.chain.hedge, self._floor.newest()
        if hedge is None or newest is None or self._hedged or not self._queue:
            return NEVER
        timer = newest.timer
        if (
            self._now() < timer.last_activity + hedge.after
        ):  # by then it is known whether its answer comes in pieces
            return timer.last_activity + hedge.after
        return timer.last_activity + longest_silence(
            hedge, newest.target, in_pieces=timer.is_streaming
        )

    def _hedge(self) -> None:
        """Ask the next model that can be asked beside a slow one, if both budgets allow it; once in a call."""
        self._hedged = True
        slow, now = self._floor.newest(), self._now()
        if slow is None or not self._route.hedges.try_withdraw(now):
            return
        while self._queue and self._queue[0].budget.try_withdraw(now):
            following = self._queue.popleft()
            if self._start(following):
                self._trail.hedges(slow.target, following)
                return

    # What became of it

    def _settle(self, running: AttemptTask) -> Reply | None:
        """Take in how one attempt ended: return its reply if it is good, else prepare what follows."""
        result = running.result()
        if isinstance(result, AttemptFailed):
            decision = self._decide(running, result.failure)
            nothing_to_accept = decision.then == "accept"
            self._fail(
                running,
                result,
                Decision("next", decision.trigger) if nothing_to_accept else decision,
            )
            return None
        if result is None:  # it was left for another's words; should those break, it is asked again
            self._floor.conclude(running, "cancelled")
            self._queue.appendleft(running.target)
            return None
        self._floor.teach(running, running.outcome)
        doubt = self._rejected(running, result) or assess(result, running.target)
        decision = Decision("accept") if doubt is None else self._decide(running, doubt)
        if doubt is not None and decision.then != "accept" and not self._floor.owns(running):
            if (
                doubt.kind is not Kind.REJECTED
            ):  # a rule of the user's own holds for the last reply too
                self._second_best = self._second_best or result
            self._fail(running, AttemptFailed(doubt), decision)
            return None
        self._floor.conclude(running, "answered", doubt)
        running.target.budget.deposit(self._now())
        self._route.hedges.deposit(self._now())
        if self._floor.heard(running):
            return result
        self._queue.appendleft(
            running.target
        )  # it answered unheard; should the other's words break, it is asked again
        return None

    def _rejected(self, running: AttemptTask, reply: Reply) -> Failure | None:
        """Say what a trigger has against a reply; none of whose words may have gone out."""
        if self._floor.owns(running):
            return None
        return self._route.triggers.reject(
            reply, provider=running.target.provider, model=running.target.name
        )

    def _fail(self, running: AttemptTask, error: AttemptFailed, decision: Decision) -> None:
        """Take in a failure: what it teaches, what is told of it, and what follows."""
        failure = error.failure
        found_before_sending = failure.status is None and failure.kind in (
            Kind.UNAVAILABLE,
            Kind.UNSUPPORTED,
        )
        self._floor.conclude(
            running, "skipped" if found_before_sending else "failed", failure, decision
        )
        self._causes.append((running.target, error))
        if self._outlet is not None and self._floor.owns(running):
            self._outlet.disown()
        if decision.then == "stop" and self._floor.heard(running):
            raise (self._broken(failure) or Stopped(failure)) from error
        if decision.then == "retry":
            self._trail.retries(running.target, decision.pause)
            self._again = Again(running.target, running.number + 1, self._now() + decision.pause)

    def _decide(self, running: AttemptTask, failure: Failure) -> Decision:
        """Say what follows; a retry needs its time, a token, and a call that has not been hedged: one extra is enough.

        A model that rests, or is under suspicion, was asked as a last resort, and that once.
        """
        if self._floor.owns(running) and self._route.chain.stream.on_break == "fail":
            return Decision(
                "stop"
            )  # the caller has seen some of this answer; nobody else may go on with it
        decision = decide(failure, running.target, self._route, running.number, self._jitter)
        if decision.then != "retry":
            return decision
        if (
            not running.probe
            and not running.target.breaker.suspicion
            and not self._hedged
            and decision.pause < self._share(again=True)
            and running.target.budget.try_withdraw(self._now())
        ):
            return decision
        return Decision("next", decision.trigger)

    def _without_a_good_reply(self) -> Reply:
        if self._second_best is not None:
            return self._second_best
        raise (self._broken(self._causes[-1][1].failure) or self._exhausted()) from self._group()

    def _broken(self, failure: Failure) -> StreamBroken | None:
        """Return the error for a caller who has seen some of an answer."""
        if self._outlet is None or not self._outlet.released:
            return None
        return StreamBroken(failure, self._outlet.partial)

    def _exhausted(self) -> ChainExhausted:
        last_words = {target.name: error.failure.text for target, error in self._causes}
        if len(last_words) == 1:
            message = next(iter(last_words.values()))
        else:
            told = "; ".join(f"{name}: {words}" for name, words in last_words.items())
            message = f"no model of chain {self._route.name!r} answered: {told}"
        stated = [
            error.failure.retry_after
            for _, error in self._causes
            if error.failure.retry_after is not None
        ]
        return ChainExhausted(message, retry_after=min(stated, default=None))

    def _late(self) -> DeadlineExceeded | StreamBroken:
        words = f"no complete reply within the deadline of {self.span:g}s"
        broken = self._broken(Failure(kind=Kind.DEADLINE, message=words))
        if broken is not None:
            return broken
        asked = [f"{attempt.model} ({attempt.kind or attempt.outcome})" for attempt in self.trail]
        asked += [f"{target.name} (no answer yet)" for target in self._floor.asked()]
        return DeadlineExceeded(f"{words}; asked: {', '.join(asked) or 'nobody'}")

    def _group(self) -> ExceptionGroup[AttemptFailed] | None:
        if not self._causes:
            return None
        return ExceptionGroup(
            f"the attempts of chain {self._route.name!r}", [error for _, error in self._causes]
        )
