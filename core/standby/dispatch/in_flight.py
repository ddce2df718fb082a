"""The attempts of one call that are under way: begun, waited for, and seen off, with what each taught told to its breaker."""

import asyncio
from collections.abc import Callable
from functools import partial

from standby.dispatch.assessment import is_wrong_model
from standby.dispatch.attempt import AttemptTask, ends
from standby.dispatch.policy import LONG_REST, Decision, outcome_of
from standby.dispatch.stream_gate import StreamGate
from standby.dispatch.target import Target
from standby.dispatch.trail import AttemptOutcome, Trail
from standby.errors import AttemptFailed
from standby.failures import Failure, Kind
from standby.resilience.circuit_breaker import Outcome, Permit
from standby.resilience.timeouts import AttemptTimer
from standby.types import Reply, Request

NEVER = float("inf")


class InFlight:
    """Who is being asked. The others wait for whoever holds it; a probe holds it only once its words are going out."""

    def __init__(
        self,
        request: Request,
        trail: Trail,
        clock: Callable[[], float],
        *,
        outlet: StreamGate | None,
        background_probes: set[asyncio.Task[None]],
    ) -> None:
        """Ask nobody yet. `background_probes` holds the probes that outlive the call."""
        self._request = request
        self._trail = trail
        self._now = clock
        self._outlet = outlet
        self._background_probes = background_probes
        self._running: list[AttemptTask] = []
        if outlet is not None:
            outlet.owned = self._leave_the_others

    @property
    def empty(self) -> bool:
        """Say whether nobody is being asked."""
        return not self._running

    @property
    def held(self) -> bool:
        """Say whether the others wait."""
        return any(not running.probe or self.owns(running) for running in self._running)

    def asked(self) -> list[Target]:
        """Return the models that are being asked."""
        return [running.target for running in self._running]

    @property
    def speaks(self) -> bool:
        """Say whether somebody's words are going out."""
        return self._outlet is not None and self._outlet.owner is not None

    def newest(self) -> AttemptTask | None:
        """Return the newest attempt that may be hedged: none while words are going out."""
        if self.speaks:
            return None
        return next((running for running in reversed(self._running) if not running.probe), None)

    def owns(self, running: AttemptTask) -> bool:
        """Say whether it is this attempt's words that are going out."""
        return self._outlet is not None and self._outlet.owner is running.timer

    def heard(self, running: AttemptTask) -> bool:
        """Say whether this attempt may still decide the call: no other's words are going out."""
        return self._outlet is None or self._outlet.owner in (None, running.timer)

    def ask(
        self, target: Target, permit: Permit, *, number: int = 1, allowed: float = NEVER
    ) -> None:
        """Ask a model, for at most `allowed` seconds."""
        place = self._trail.begins(target)
        if permit.probe:
            self._trail.health(target, target.breaker.health(self._now()))
        timer = AttemptTimer(target, self._now, allowed)
        running = AttemptTask(
            target, self._request, permit, timer, place=place, number=number, outlet=self._outlet
        )
        self._running.append(running)

    async def wait(self, until: float, deadline: float) -> list[AttemptTask]:
        """Sleep until somebody has ended or `until` is reached; return those that have ended or run out of time."""
        now = self._now()
        due = min(
            until, deadline, *(running.timer.next_check(now) for running in self._running), NEVER
        )
        if self._running:
            tasks = [running.task for running in self._running]
            await asyncio.wait(
                tasks, timeout=max(0.0, due - now), return_when=asyncio.FIRST_COMPLETED
            )
        else:
            await asyncio.sleep(max(0.0, due - now))
        return await self._ended(deadline)

    async def _ended(self, deadline: float) -> list[AttemptTask]:
        now = self._now()
        ended = [running for running in self._running if running.task.done()]
        late = [
            running
            for running in self._running
            if running not in ended and running.timer.expires_at <= now < deadline
        ]
        for running in late:
            running.give_up()
        await self._see_off(late)
        return ended + late

    async def leave(self) -> None:
        """Cancel whoever is still being asked; a probe goes on by itself, so that its model's breaker learns."""
        left = [running for running in self._running if not running.probe or self.owns(running)]
        probes = [running for running in self._running if running not in left]
        self._running = []
        if self._outlet is not None:
            self._outlet.shut()
        for running in left:
            running.leave()
        for probe in probes:
            words = "being probed, whether it is well again; nobody waited for it"
            self._trail.ends(
                probe, "skipped", Failure(kind=Kind.UNAVAILABLE, message=words), Decision("next")
            )
            self._finish_behind(probe, self._learn_from)
        try:
            await self._see_off(left)
        finally:
            for running in left:
                self.conclude(running, "cancelled")

    def conclude(
        self,
        running: AttemptTask,
        outcome: AttemptOutcome,
        failure: Failure | None = None,
        decision: Decision | None = None,
    ) -> None:
        """Put an attempt's end on the trail, and tell the model's breaker of a failure; all else teaches nothing."""
        self._running = [other for other in self._running if other is not running]
        self._trail.ends(running, outcome, failure, decision)
        if failure is not None and decision is not None:
            self._learn(running, failure, decision)
        self.teach(running, "ignored")

    def _learn(self, running: AttemptTask, failure: Failure, decision: Decision) -> None:
        outcome, rest = outcome_of(failure, decision, blamed=running.timer.counts_against_model)
        self.teach(running, outcome, failure.kind, rest)

    def teach(
        self,
        running: AttemptTask,
        outcome: Outcome,
        kind: Kind | None = None,
        rest: float | None = None,
    ) -> None:
        """Tell the model's breaker what an attempt was like; only the first time counts."""
        changed = running.teach(outcome, self._now(), kind=kind, rest=rest)
        if changed is not None:
            self._trail.health(running.target, changed)

    def _leave_the_others(self, owner: AttemptTimer) -> None:
        """Cancel the attempts that came second; a probe goes on, unheard."""
        for running in self._running:
            if running.timer is not owner and not running.probe:
                running.leave()

    def ask_behind(self, target: Target, permit: Permit) -> None:
        """Ask a model that is under suspicion: its answer goes to nobody, and is told of only where it ends the suspicion."""
        timer = AttemptTimer(target, self._now, NEVER)
        self._finish_behind(
            AttemptTask(target, self._request, permit, timer), self._learn_whether_it_is_there
        )

    def _finish_behind(self, probe: AttemptTask, learn: Callable[[AttemptTask], None]) -> None:
        task = asyncio.create_task(self._finish(probe, learn))
        self._background_probes.add(task)
        task.add_done_callback(partial(self._dismiss, probe))

    async def _finish(self, probe: AttemptTask, learn: Callable[[AttemptTask], None]) -> None:
        """Wait for a probe, in its own time, and take in what it teaches."""
        while not probe.task.done() and (now := self._now()) < probe.timer.expires_at:
            await asyncio.wait([probe.task], timeout=probe.timer.next_check(now) - now)
        if not probe.task.done():
            probe.give_up()
            await self._see_off([probe])
        learn(probe)

    def _learn_from(self, probe: AttemptTask) -> None:
        result = probe.result()
        if isinstance(result, AttemptFailed):
            self._learn(probe, result.failure, Decision("next"))
        elif result is not None:
            self.teach(probe, probe.outcome)

    def _learn_whether_it_is_there(self, probe: AttemptTask) -> None:
        """Bring the model back if it has answered itself; another in its place, or any failure, and it rests for long."""
        result = probe.result()
        if isinstance(result, Reply) and not is_wrong_model(result, probe.target):
            self.teach(probe, probe.outcome)
        elif result is not None:
            probe.teach("ignored", self._now(), rest=LONG_REST)

    def _dismiss(self, probe: AttemptTask, finishing: "asyncio.Task[None]") -> None:
        """Let go of a probe, also where the task that waited for it was cancelled before it began."""
        self._background_probes.discard(finishing)
        probe.leave()
        probe.teach("ignored", self._now())

    async def _see_off(self, cancelled: list[AttemptTask]) -> None:
        for running in await ends(cancelled):
            self._trail.abandons(running.target)
