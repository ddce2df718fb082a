"""One tiny question to each of some models, for real, once, and all at the same time; no breaker learns of it."""

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from standby.dispatch.assessment import assess
from standby.dispatch.attempt import AttemptTask, ends
from standby.dispatch.compatibility import incompatibility
from standby.dispatch.target import Target
from standby.errors import AttemptFailed
from standby.failures import Failure, Kind
from standby.registry.adapter_pool import AdapterPool
from standby.resilience.circuit_breaker import Permit
from standby.resilience.timeouts import AttemptTimer
from standby.runtime.background_loop import LoopIsBlockedError, run
from standby.runtime.loop_watchdog import WATCHDOG
from standby.types import Message, Reply, Request, Sampling, Text

LIMIT = 256
"""Tokens of an answer: models that think first need some, and a limit of 1 makes a healthy one look sick.

Source: BerriAI/litellm issue 26987.
"""

REQUEST = Request(
    (Message("user", (Text("Reply with the single word OK."),)),), Sampling(max_tokens=LIMIT)
)

SLACK = 5.0
"""Seconds beyond all time-outs in which connections close; after them the event loop is taken for blocked."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What one model did: a reply, a failure, or a reply that is doubtful. `seconds` is `None` where nothing was sent."""

    target: Target
    seconds: float | None
    reply: Reply | None = None
    failure: Failure | None = None


Tell = Callable[[Asked], None]


def ask_all(
    targets: Sequence[Target], adapters: AdapterPool, patience: float, tell: Tell
) -> list[Asked]:
    """Ask them all, each for at most `patience` seconds; `tell` hears of each as it ends.

    Who has not been heard when the event loop does not turn any more is told too, with what blocks
    it.
    """
    heard: dict[str, Asked] = {}
    blocking: list[str] = []

    def hear(asked: Asked) -> None:
        heard[asked.target.name] = asked
        tell(asked)

    within = 2 * patience + SLACK
    try:
        run(
            _all(targets, adapters, patience, hear, lambda code, _: blocking.append(code)),
            within=within,
        )
    except LoopIsBlockedError:
        words = f"no answer: {' and '.join(blocking) or 'a plugin'} blocks the event loop on which all are asked"
        failure = Failure(kind=Kind.CONTRACT, message=words)
        for target in targets:
            if target.name not in heard:
                hear(Asked(target=target, seconds=within, failure=failure))
    return [heard[target.name] for target in targets]


async def _all(
    targets: Sequence[Target],
    adapters: AdapterPool,
    patience: float,
    tell: Tell,
    blocked: Callable[[str, float], None],
) -> None:
    with WATCHDOG.watch(blocked):
        try:
            await _get_ready(targets, patience)
            async with asyncio.TaskGroup() as group:
                for target in targets:
                    group.create_task(_ask(target, patience, tell))
        finally:
            await adapters.close()


async def _get_ready(targets: Sequence[Target], patience: float) -> None:
    """Make the adapters beforehand: what an SDK takes to be imported is no part of a model's latency."""
    making = [asyncio.ensure_future(target.adapter()) for target in targets]
    if making:
        await asyncio.wait(making, timeout=patience)
    for each in making:
        each.cancel()
    await asyncio.gather(
        *making, return_exceptions=True
    )  # looked at; who needs one that failed will say so


async def _ask(target: Target, patience: float, tell: Tell) -> None:
    """Ask one model in the way of a chain, but once and alone."""
    misfit = incompatibility(REQUEST, target)
    if misfit is not None:
        tell(Asked(target=target, seconds=None, failure=misfit))
        return
    now = asyncio.get_running_loop().time
    timer = AttemptTimer(target, now, patience)
    running = AttemptTask(
        target, REQUEST, Permit(0), timer
    )  # nobody settles this permit, so no breaker learns of it
    while not running.task.done() and (at := now()) < timer.expires_at:
        await asyncio.wait([running.task], timeout=timer.next_check(at) - at)
    seconds = now() - timer.began
    if not running.task.done():
        running.give_up()
        await ends([running])
    tell(_ended(running, seconds))


def _ended(running: AttemptTask, seconds: float) -> Asked:
    target = running.target
    try:
        result = running.result()
    except BaseException as error:  # noqa: BLE001 - a plugin's, SystemExit too: one model's fault spoils no other's check
        words = f"the plugin of provider {target.provider!r} raised {type(error).__name__}"
        return Asked(
            target=target, seconds=seconds, failure=Failure(kind=Kind.CONTRACT, message=words)
        )
    if isinstance(result, Reply):
        return Asked(target=target, seconds=seconds, reply=result, failure=assess(result, target))
    if isinstance(result, AttemptFailed):
        unsent = result.failure.kind is Kind.UNAVAILABLE
        return Asked(target=target, seconds=None if unsent else seconds, failure=result.failure)
    return Asked(
        target=target,
        seconds=None,
        failure=Failure(kind=Kind.UNAVAILABLE, message="the check was ended meanwhile"),
    )
