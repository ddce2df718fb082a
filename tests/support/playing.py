"""Adapters that follow a test's script, and chains of them; nothing is patched."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from standby.cards import Card
from standby.dispatch.dispatcher import Dispatcher
from standby.dispatch.execution import Execution
from standby.dispatch.target import Route, Target
from standby.events import Event
from standby.failures import Attempt, Failure, Kind
from standby.plugin import AttemptFailed, Chunk, End, ModelRequest
from standby.resilience.circuit_breaker import CircuitBreaker, Health, Outcome, Permit
from standby.resilience.retry_budget import RetryBudget
from standby.resilience.triggers import Triggers
from standby.settings import Chain, Trigger
from standby.types import Message, Reply, Request, Sampling, Text

QUESTION = "What is the capital of Portugal, please?"


def request(question: str = QUESTION, **sampling: Any) -> Request:
    return Request((Message("user", (Text(question),)),), Sampling(**sampling))


def failure(kind: Kind | str, message: str = "it failed", **options: Any) -> Failure:
    return Failure(kind=Kind(kind), message=message, **options)


def get_message(failure: Failure | None) -> str:
    """Return the message of an incompatibility, "" for none."""
    return "" if failure is None else failure.message


class Plays:
    """An adapter that plays its steps in order, and then repeats the last one.

    A step is a text, a `Reply`, a failure, an exception, or seconds to wait.
    """

    def __init__(self, *steps: Any) -> None:
        self.steps = list(steps)
        self.calls: list[ModelRequest] = []

    async def complete(self, call: ModelRequest) -> Any:
        self.calls.append(call)
        step = self.steps[min(len(self.calls), len(self.steps)) - 1]
        match step:
            case Failure():
                raise AttemptFailed(step)
            case BaseException():
                raise step
            case float() | int():
                await asyncio.sleep(step)
                return Reply(text="late")
            case str():
                return Reply(text=step)
        return step


class Streams:
    """An adapter that streams its pieces: texts, seconds to wait, failures, an `End`.

    Without an `End` the stream is cut.
    """

    def __init__(self, *pieces: Any) -> None:
        self.pieces = pieces
        self.calls: list[ModelRequest] = []
        self.closed = 0

    async def stream(self, call: ModelRequest) -> AsyncIterator[Chunk]:
        self.calls.append(call)
        try:
            for piece in self.pieces:
                match piece:
                    case str():
                        yield Chunk(piece)
                    case End():
                        yield Chunk(end=piece)
                    case Failure():
                        raise AttemptFailed(piece)
                    case _:
                        await asyncio.sleep(piece)
        finally:
            self.closed += 1


class RecordsOutcomes(CircuitBreaker):
    """A breaker that notes the outcomes that are recorded with it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.outcomes: list[str] = []

    def record(self, permit: Permit, outcome: Outcome, now: float, **more: Any) -> Health | None:
        self.outcomes.append(outcome)
        return super().record(permit, outcome, now, **more)


def target(name: str, adapter: Any, **options: Any) -> Target:
    async def get() -> Any:
        if isinstance(adapter, Failure):
            raise AttemptFailed(adapter)
        return adapter

    settings: dict[str, Any] = {
        "provider": "p",
        "vendor_id": name,
        "card": Card(),
        "timeout": 30.0,
        **options,
    }
    return Target(name=name, adapter=get, **settings)


def route(
    *targets: Target,
    triggers: dict[str, Trigger] | None = None,
    hedges: RetryBudget | None = None,
    **chain: Any,
) -> Route:
    names = tuple(each.name for each in targets)
    rules = Triggers((triggers or {}).items())
    settings = Chain(models=names, **chain)
    return Route(
        name="default",
        chain=settings,
        targets=targets,
        triggers=rules,
        hedges=hedges or RetryBudget(),
    )


class Call:
    """A call of a chain that a test starts itself; `trail` has the attempts so far."""

    def __init__(self, start: Callable[[], Execution]) -> None:
        self.start = start
        self.execution: Execution | None = None

    @property
    def trail(self) -> tuple[Attempt, ...]:
        return () if self.execution is None else self.execution.trail

    async def run(self) -> Reply:
        self.execution = self.start()
        return await self.execution.run()


def dispatch(
    chain: Route,
    question: Request | None = None,
    *,
    events: list[Event] | None = None,
    put: Callable[[Chunk], Awaitable[None]] | None = None,
    emit: Callable[[Event], None] | None = None,
    deadline: float | None = None,
) -> Call:
    sink = emit or (events.append if events is not None else lambda _: None)
    seconds = chain.chain.deadline if deadline is None else deadline
    dispatcher = Dispatcher(chain, emit=sink, jitter=random.Random(1))
    take = None if put is None else lambda chunk, _: put(chunk)
    return Call(lambda: dispatcher.start(question or request(), seconds, take))
