"""One tiny question to each of some models, for real, once, and all at the same time.

No breaker records an outcome. `standby check` and `standby selftest --live` use it.
"""

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from standby.dispatch.assessment import assess
from standby.dispatch.attempt import AttemptTask, wait_alone
from standby.dispatch.compatibility import adapt, incompatibility
from standby.dispatch.target import Target
from standby.failures import Failure, Kind
from standby.registry.adapter_pool import AdapterPool
from standby.resilience.circuit_breaker import Permit
from standby.resilience.timeouts import AttemptTimer
from standby.runtime.background_loop import LoopIsBlockedError, run
from standby.runtime.loop_watchdog import WATCHDOG
from standby.types import Message, Reply, Request, Sampling, Text

LIMIT = 256
"""Tokens of an answer: models that think first need some, and a limit of 1 fails a healthy one.

Source: BerriAI/litellm issue 26987.
"""

REQUEST = Request(
    (Message("user", (Text("Reply with the single word OK."),)),), Sampling(max_tokens=LIMIT)
)

CLOSING_TIME = 5.0
"""Seconds beyond all time-outs in which connections close; after them the loop must be blocked."""


class LiveResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one model did: a reply, a failure, or both where the reply is questionable.

    `seconds` is `None` where nothing was sent.
    """

    target: Target
    seconds: float | None
    reply: Reply | None = None
    failure: Failure | None = None


OnResult = Callable[[LiveResult], None]


def check_models(
    targets: Sequence[Target], adapters: AdapterPool, timeout: float, on_result: OnResult
) -> list[LiveResult]:
    """Send the question to all models at the same time.

    Args:
        targets: The models.
        adapters: The pool of their adapters; it is closed at the end.
        timeout: Seconds that each model may take.
        on_result: Gets each result as it comes. A model without one when the event loop is blocked
            gets a failure that names what blocks it.

    Returns:
        The results, in the order of the models.
    """
    results: dict[str, LiveResult] = {}
    blocking: list[str] = []

    def record(result: LiveResult) -> None:
        results[result.target.name] = result
        on_result(result)

    def on_blocked(code: str, _: float) -> None:
        blocking.append(code)

    limit = 2 * timeout + CLOSING_TIME
    try:
        run(_check_all(targets, adapters, timeout, record, on_blocked), within=limit)
    except LoopIsBlockedError:
        culprit = " and ".join(blocking) or "a plugin"
        message = f"no answer: {culprit} blocks the event loop that all models share"
        failure = Failure(kind=Kind.CONTRACT, message=message)
        for target in targets:
            if target.name not in results:
                record(LiveResult(target=target, seconds=limit, failure=failure))
    return [results[target.name] for target in targets]


async def _check_all(
    targets: Sequence[Target],
    adapters: AdapterPool,
    limit: float,
    on_result: OnResult,
    on_blocked: Callable[[str, float], None],
) -> None:
    with WATCHDOG.watch(on_blocked):
        try:
            await _make_adapters(targets, limit)
            async with asyncio.TaskGroup() as group:
                for target in targets:
                    group.create_task(_check(target, limit, on_result))
        finally:
            await adapters.close()


async def _make_adapters(targets: Sequence[Target], limit: float) -> None:
    """Make the adapters first: the import of an SDK is not a part of a model's latency."""
    tasks = [asyncio.ensure_future(target.adapter()) for target in targets]
    if tasks:
        await asyncio.wait(tasks, timeout=limit)
    for task in tasks:
        task.cancel()
    # errors are retrieved here; a model whose adapter failed reports it by itself
    await asyncio.gather(*tasks, return_exceptions=True)


async def _check(target: Target, limit: float, on_result: OnResult) -> None:
    """Send the question to one model as a chain does, but once and alone."""
    failure = incompatibility(REQUEST, target)
    if failure is not None:
        on_result(LiveResult(target=target, seconds=None, failure=failure))
        return
    timer = AttemptTimer(target, asyncio.get_running_loop().time, limit)
    permit = Permit(0)  # is never settled, so no breaker records the outcome
    attempt = AttemptTask(target, adapt(REQUEST, target), permit, timer)
    await wait_alone(attempt)
    on_result(_read_result(attempt, timer.clock() - timer.started))


def _read_result(attempt: AttemptTask, seconds: float) -> LiveResult:
    target = attempt.target
    try:
        result = attempt.result()
    except BaseException as error:  # noqa: BLE001
        # a plugin's, SystemExit too: the others' checks go on
        message = f"the plugin of provider {target.provider!r} raised {type(error).__name__}"
        broken = Failure(kind=Kind.CONTRACT, message=message)
        return LiveResult(target=target, seconds=seconds, failure=broken)
    reply, failed = result.reply, result.error
    if reply is not None:
        questionable = assess(reply, target)
        return LiveResult(target=target, seconds=seconds, reply=reply, failure=questionable)
    if failed is not None:
        unsent = failed.failure.kind is Kind.UNAVAILABLE
        seconds_sent = None if unsent else seconds
        return LiveResult(target=target, seconds=seconds_sent, failure=failed.failure)
    cancelled = Failure(kind=Kind.UNAVAILABLE, message="the check was cancelled")
    return LiveResult(target=target, seconds=None, failure=cancelled)
