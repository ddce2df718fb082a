"""One request on its way down one chain.

One loop looks at the attempts whenever something is due: one has ended or run out of time, a pause
is over, a slow model is to be hedged, the deadline is reached. A reply and a stream take the same
way; so do fallback, hedging and probing, which differ only in when the next model is attempted.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import msgspec

from standby import events
from standby.dispatch.assessment import assess
from standby.dispatch.attempt import AttemptTask
from standby.dispatch.call_errors import (
    Cause,
    deadline_error,
    exhausted_error,
    group_causes,
    stream_error,
)
from standby.dispatch.compatibility import adapt, incompatibility
from standby.dispatch.in_flight import InFlight
from standby.dispatch.policy import (
    Decision,
    decide,
    hedge_delay,
    is_too_small,
    limit_retry,
    reserve_for,
    retry_time,
    time_share,
)
from standby.dispatch.stream_gate import Put, Source, StreamGate
from standby.dispatch.target import Route, Target
from standby.dispatch.trail import AttemptOutcome, Trail
from standby.errors import AttemptFailed, CallFailed, Stopped
from standby.failures import Attempt, Failure, Kind
from standby.resilience.circuit_breaker import Permit, Rejection
from standby.resilience.timeouts import NEVER
from standby.types import Reply, Request

PROBE_GRACE = 1.0
"""Seconds after its time-out at which a probe that nobody has settled is taken for lost."""

Emit = Callable[[events.Event], None]
"""Takes every event of a call; it raises nothing."""


Watch = Callable[[], AbstractContextManager[None]]
"""Surrounds a call, so that the event loop's watchdog knows of it."""


class _Retry(msgspec.Struct, frozen=True):
    """The same model is to be attempted again, at a moment on the clock."""

    target: Target
    number: int
    at: float


_Started = Literal["foreground", "probe", "skipped"]


class Execution:
    """One request on its way down the chain; run it once, on the event loop it was made on."""

    def __init__(
        self,
        route: Route,
        request: Request,
        *,
        trail: Trail,
        jitter: random.Random,
        deadline: float,
        put: Put | None = None,
        watch: Watch = nullcontext,
    ) -> None:
        """Begin the call's time; arguments as for `Dispatcher` and `Dispatcher.start`."""
        targets = route.reachable
        self._route = route
        self._request = request
        self._jitter = jitter
        self._watch = watch
        self._clock = clock = asyncio.get_running_loop().time
        self._trail, self._deadline = trail, deadline
        self._ends_at = trail.started + deadline
        self._gate = StreamGate(
            put,
            buffered=route.chain.stream.release == "whole",
            on_commit=None if put is None else self._cancel_others,
        )
        self._in_flight = InFlight(trail, clock, self._gate, route.background_probes)
        self._models = len(targets)
        self._queue = deque(targets)
        self._retry: _Retry | None = None
        self._has_hedged = False
        self._resting: list[tuple[float, Target]] = []
        self._causes: list[Cause] = []
        self._overflowed: list[Target] = []
        self._accepted_with_warning: Reply | None = None

    @property
    def trail(self) -> tuple[Attempt, ...]:
        """Return the attempts and skips so far."""
        return self._trail.attempts

    async def run(self) -> Reply:
        """Return the first good reply, with its trail; raises what `Dispatcher.run` raises."""
        with self._watch():
            try:
                try:
                    reply = await self._dispatch()
                finally:
                    await self._in_flight.aclose()
                if self._resting:
                    self._probe_suspected()
                if self._gate.streams:
                    await self._gate.flush(reply, self._target_of(reply))
            except CallFailed as error:
                error.trail = self.trail
                self._trail.report_failure(str(error))
                raise
            self._trail.report_answer(reply.model, reply.disclaimer)
            return msgspec.structs.replace(reply, trail=self._trail.attempts)

    def _cancel_others(self, committed: Source) -> None:
        self._in_flight.cancel_others(committed)

    def _target_of(self, reply: Reply) -> Target:
        return next(each for each in self._route.targets if each.name == reply.model)

    async def _dispatch(self) -> Reply:
        self._start_next()
        while self._in_flight.attempts or self._retry is not None:
            now = self._clock()
            retry_at = NEVER if self._retry is None else self._retry.at
            due = min(retry_at, self._hedge_at(now), self._last_resort_at())
            for attempt in await self._in_flight.wait(due, self._ends_at):
                reply = self._handle_result(attempt)
                if reply is not None:
                    return reply
            if self._clock() >= self._ends_at:
                error = deadline_error(self._deadline, self.trail, self._in_flight, self._gate)
                raise error from group_causes(self._route.name, self._causes)
            self._start_due(self._clock())
        return self._end_without_good_reply()

    def _probe_suspected(self) -> None:
        """Probe models that rest on a mere suspicion, now that the call has its reply."""
        for _, target in self._resting:
            permit = target.breaker.admit_background_probe(
                self._clock(), target.timeout + PROBE_GRACE
            )
            if permit is not None:
                self._in_flight.probe_in_background(target, adapt(self._request, target), permit)

    # When a model is attempted

    def _start_due(self, now: float) -> None:
        """Start what is due: a retry, the next model, a hedge, and last of all those that rest."""
        retry = self._retry
        if retry is not None and retry.at <= now:
            self._retry = None
            self._start(retry.target, retry.number)
        # a retry may be a probe by now, for which the call does not wait
        if self._retry is None and not self._in_flight.has_foreground:
            self._start_next()
        elif self._hedge_at(now) <= now:
            self._hedge()
        if self._last_resort_at() <= now:
            self._start_resting()

    def _start_next(self) -> None:
        """Start the next model, and beside a probe the one after it; else one that rests."""
        has_foreground = False
        while self._queue and not has_foreground:
            has_foreground = self._start(self._queue.popleft()) == "foreground"
        if not self._in_flight.attempts and self._accepted_with_warning is None:
            self._start_nearest_resting()

    def _start_nearest_resting(self) -> None:
        """Attempt the model that is nearest to its recovery, unless another call does so."""
        for pair in sorted(self._resting, key=lambda pair: pair[0]):
            _, target = pair
            permit = self._force_probe(target)
            if permit is not None:
                self._resting.remove(pair)
                adapted = adapt(self._request, target)
                self._in_flight.start(target, adapted, permit, allowed=self._time_share())
                return

    def _start_resting(self) -> None:
        """Attempt all that rest, beside the one in flight: that is not cut short for their sake."""
        resting, self._resting = self._resting, []
        for _, target in resting:
            permit = self._force_probe(target)
            if permit is not None:
                self._in_flight.start(target, adapt(self._request, target), permit)

    def _last_resort_at(self) -> float:
        """Return the latest time, on the clock, at which resting models can still be attempted."""
        if not self._resting or self._gate.committed is not None:
            return NEVER
        return self._ends_at - reserve_for(self._deadline, self._models)

    def _force_probe(self, target: Target) -> Permit | None:
        permit = target.breaker.force_probe(self._clock(), target.timeout + PROBE_GRACE)
        return permit if isinstance(permit, Permit) else None

    def _start(self, target: Target, number: int = 1) -> _Started:
        """Start an attempt if the model can serve the request and is admitted; else skip it."""
        problem = self._overflow(target) if self._overflowed else None
        problem = problem or incompatibility(self._request, target)
        if problem is not None:
            self._skip(target, problem)
            return "skipped"
        adapted = adapt(self._request, target)
        admission = target.breaker.admit(self._clock(), target.timeout + PROBE_GRACE)
        if isinstance(admission, Rejection):
            self._skip_resting(target, admission)
            return "skipped"
        time_left = self._time_share() if number == 1 else self._retry_time()
        allowed = NEVER if admission.probe and self._queue else time_left
        self._in_flight.start(target, adapted, admission, number=number, allowed=allowed)
        return "probe" if admission.probe else "foreground"

    def _overflow(self, target: Target) -> Failure | None:
        """Return why a model cannot hold what has been too long for another one."""
        if not is_too_small(target, self._overflowed):
            return None
        window = f"its context window of {target.card.context_window} tokens"
        message = f"{window} is no larger than the one that was too small"
        return Failure(kind=Kind.UNSUPPORTED, message=message)

    def _skip_resting(self, target: Target, rejection: Rejection) -> None:
        if target.missing_key:
            failure = Failure(kind=Kind.UNAVAILABLE, message=f"no key: set {target.missing_key}")
        else:
            self._resting.append((rejection.seconds, target))
            failure = Failure(
                kind=Kind.UNAVAILABLE,
                message=rejection.message,
                retry_after=rejection.seconds or None,
            )
        self._skip(target, failure)

    def _skip(self, target: Target, failure: Failure) -> None:
        self._trail.report_skip(target, failure)
        self._note_cause(target, AttemptFailed(failure))

    def _time_share(self) -> float:
        time_left = self._ends_at - self._clock()
        return time_share(time_left, self._deadline, self._models, len(self._queue))

    def _retry_time(self) -> float:
        time_left = self._ends_at - self._clock()
        return retry_time(time_left, self._deadline, self._models, len(self._queue))

    def _hedge_at(self, now: float) -> float:
        """Return when the newest attempt will have been silent for long enough."""
        hedge = self._route.chain.hedge
        if hedge is None or self._has_hedged:
            return NEVER
        newest = self._in_flight.newest if self._queue else None
        if newest is None:
            return NEVER
        silent_since = newest.timer.last_activity
        if now < silent_since + hedge.after:  # by then it shows whether the answer streams
            return silent_since + hedge.after
        is_streaming = newest.timer.is_streaming
        return silent_since + hedge_delay(hedge, newest.target, is_streaming=is_streaming)

    def _hedge(self) -> None:
        """Start the next model beside a slow one, if both budgets allow it; once in a call."""
        self._has_hedged = True
        slow, now = self._in_flight.newest, self._clock()
        if slow is None or not self._route.hedges.try_withdraw(now):
            return
        while self._queue and self._queue[0].budget.try_withdraw(now):
            following = self._queue.popleft()
            if self._start(following) != "skipped":
                self._trail.report_hedge(slow.target, following)
                return

    # What became of it

    def _handle_result(self, attempt: AttemptTask) -> Reply | None:
        """Settle an attempt that has ended; return its reply if it is good."""
        result = attempt.result()
        reply, error = result.reply, result.error
        if reply is not None:
            health = attempt.record_answer()
            if health is not None:
                self._trail.report_health(attempt.target, health)
            warning = assess(reply, attempt.target)
            if self._route.triggers.has_reply_rules:
                warning = self._rejection(attempt, reply) or warning
            if warning is None:
                return self._accept(attempt, reply)
            return self._weigh(attempt, reply, warning)
        if error is not None:
            self._handle_failure(attempt, error)
        else:  # it was cancelled for another one's text; should that break, it is attempted again
            self._in_flight.finish(attempt, "cancelled")
            self._queue.appendleft(attempt.target)
        return None

    def _rejection(self, attempt: AttemptTask, reply: Reply) -> Failure | None:
        """Return what a trigger has against a reply of which nothing has gone out."""
        if self._gate.committed is attempt.call:
            return None
        target = attempt.target
        return self._route.triggers.reject(reply, provider=target.provider, model=target.name)

    def _handle_failure(self, attempt: AttemptTask, error: AttemptFailed) -> None:
        decision = self._decide(attempt, error.failure)
        if decision.then == "accept":  # there is nothing to accept
            decision = Decision("next", decision.trigger)
        self._follow(attempt, error, decision)

    def _weigh(self, attempt: AttemptTask, reply: Reply, warning: Failure) -> Reply | None:
        """Return a questionable reply if it is good enough, or if the caller has seen it."""
        if self._gate.committed is attempt.call:
            return self._accept(attempt, reply, warning)
        decision = self._decide(attempt, warning)
        if decision.then == "accept":
            return self._accept(attempt, reply, warning)
        if warning.kind is not Kind.REJECTED:  # a user's rule holds for the last reply too
            self._accepted_with_warning = self._accepted_with_warning or reply
        self._follow(attempt, AttemptFailed(warning), decision)
        return None

    def _accept(
        self, attempt: AttemptTask, reply: Reply, warning: Failure | None = None
    ) -> Reply | None:
        now = self._clock()
        self._in_flight.finish(attempt, "answered", warning)
        attempt.target.budget.deposit(now)
        self._route.hedges.deposit(now)
        if self._gate.committed in (None, attempt.call):
            return reply
        self._queue.appendleft(attempt.target)  # should the other one's text break, it is next
        return None

    def _follow(self, attempt: AttemptTask, error: AttemptFailed, decision: Decision) -> None:
        """Settle a failed attempt, and do what the decision says; raises `Stopped` for a stop."""
        failure, target = error.failure, attempt.target
        outcome: AttemptOutcome = "skipped" if _found_before_sending(failure) else "failed"
        self._in_flight.finish(attempt, outcome, failure, decision)
        self._note_cause(target, error)
        if self._gate.committed is attempt.call:
            self._gate.uncommit()
        if decision.then == "stop" and self._gate.committed is None:  # else it comes too late
            raise (stream_error(self._gate, failure) or Stopped(failure)) from error
        if decision.then == "retry":
            self._trail.report_retry(target, decision.pause)
            self._retry = _Retry(target, attempt.number + 1, self._clock() + decision.pause)

    def _decide(self, attempt: AttemptTask, failure: Failure) -> Decision:
        """Return what follows a failure; a retry also takes a token of the model's budget."""
        route, target = self._route, attempt.target
        is_committed = self._gate.committed is attempt.call
        if is_committed and route.chain.stream.on_break == "fail":
            return Decision("stop")  # the caller has seen a part: no other answer may follow it
        decision = decide(
            failure, target, route.chain, route.triggers, attempt.number, self._jitter
        )
        limited = limit_retry(
            decision,
            self._retry_time(),
            last_resort=attempt.is_probe or target.breaker.suspicion != "",
            hedged=self._has_hedged,
        )
        if limited.then == "retry" and not target.budget.try_withdraw(self._clock()):
            return Decision("next", decision.trigger)
        return limited

    def _note_cause(self, target: Target, error: AttemptFailed) -> None:
        self._causes.append((target, error))
        if error.failure.kind is Kind.CONTEXT_TOO_LONG:
            self._overflowed.append(target)

    def _end_without_good_reply(self) -> Reply:
        """Return the reply that is good enough, if there is one; else raise why there is none."""
        if self._accepted_with_warning is not None:
            return self._accepted_with_warning
        last = self._causes[-1][1].failure
        name = self._route.name
        error = stream_error(self._gate, last) or exhausted_error(name, self._causes)
        raise error from group_causes(name, self._causes)


def _found_before_sending(failure: Failure) -> bool:
    return failure.status is None and failure.kind in (Kind.UNAVAILABLE, Kind.UNSUPPORTED)
