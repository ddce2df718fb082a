"""One tiny question to each of some models, for real, once, and all at the same time; no breaker learns of it."""

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from standby.dispatch.adapter_call import Entry, judge
from standby.dispatch.attempt import Running, ends
from standby.dispatch.compatibility import unfit
from standby.errors import AttemptFailed
from standby.failures import Failure, Kind
from standby.registry.adapters import Adapters
from standby.resilience.circuit_breaker import Ticket
from standby.resilience.timeouts import Watch
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

    entry: Entry
    seconds: float | None
    reply: Reply | None = None
    failure: Failure | None = None


Tell = Callable[[Asked], None]


def ask_all(
    entries: Sequence[Entry], adapters: Adapters, patience: float, tell: Tell
) -> list[Asked]:
    """Ask them all, each for at most `patience` seconds; `tell` hears of each as it ends.

    Who has not been heard when the event loop does not turn any more is told too, with what blocks
    it.
    """
    heard: dict[str, Asked] = {}
    blocking: list[str] = []

    def hear(asked: Asked) -> None:
        heard[asked.entry.name] = asked
        tell(asked)

    within = 2 * patience + SLACK
    try:
        run(
            _all(entries, adapters, patience, hear, lambda code, _: blocking.append(code)),
            within=within,
        )
    except LoopIsBlockedError:
        words = f"no answer: {' and '.join(blocking) or 'a plugin'} blocks the event loop on which all are asked"
        failure = Failure(kind=Kind.CONTRACT, message=words)
        for entry in entries:
            if entry.name not in heard:
                hear(Asked(entry=entry, seconds=within, failure=failure))
    return [heard[entry.name] for entry in entries]


async def _all(
    entries: Sequence[Entry],
    adapters: Adapters,
    patience: float,
    tell: Tell,
    blocked: Callable[[str, float], None],
) -> None:
    with WATCHDOG.call(blocked):
        try:
            await _get_ready(entries, patience)
            async with asyncio.TaskGroup() as group:
                for entry in entries:
                    group.create_task(_ask(entry, patience, tell))
        finally:
            await adapters.close()


async def _get_ready(entries: Sequence[Entry], patience: float) -> None:
    """Make the adapters beforehand: what an SDK takes to be imported is no part of a model's latency."""
    making = [asyncio.ensure_future(entry.adapter()) for entry in entries]
    if making:
        await asyncio.wait(making, timeout=patience)
    for each in making:
        each.cancel()
    await asyncio.gather(
        *making, return_exceptions=True
    )  # looked at; who needs one that failed will say so


async def _ask(entry: Entry, patience: float, tell: Tell) -> None:
    """Ask one model in the way of a chain, but once and alone."""
    misfit = unfit(REQUEST, entry)
    if misfit is not None:
        tell(Asked(entry=entry, seconds=None, failure=misfit))
        return
    now = asyncio.get_running_loop().time
    watch = Watch(entry, now, patience)
    running = Running(
        entry, REQUEST, Ticket(0), watch
    )  # nobody settles this ticket, so no breaker learns of it
    while not running.task.done() and (at := now()) < watch.until:
        await asyncio.wait([running.task], timeout=watch.look_at(at) - at)
    seconds = now() - watch.began
    if not running.task.done():
        running.give_up()
        await ends([running])
    tell(_ended(running, seconds))


def _ended(running: Running, seconds: float) -> Asked:
    entry = running.entry
    try:
        result = running.result()
    except BaseException as error:  # noqa: BLE001 - a plugin's, SystemExit too: one model's fault spoils no other's check
        words = f"the plugin of provider {entry.provider!r} raised {type(error).__name__}"
        return Asked(
            entry=entry, seconds=seconds, failure=Failure(kind=Kind.CONTRACT, message=words)
        )
    if isinstance(result, Reply):
        return Asked(entry=entry, seconds=seconds, reply=result, failure=judge(result, entry))
    if isinstance(result, AttemptFailed):
        unsent = result.failure.kind is Kind.UNAVAILABLE
        return Asked(entry=entry, seconds=None if unsent else seconds, failure=result.failure)
    return Asked(
        entry=entry,
        seconds=None,
        failure=Failure(kind=Kind.UNAVAILABLE, message="the check was ended meanwhile"),
    )
