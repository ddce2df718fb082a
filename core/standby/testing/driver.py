"""Asking an adapter as the dispatcher does: a whole reply or a failure, in one piece or streamed, and cancelled in between."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import aclosing
from functools import partial
from typing import Any, cast

import msgspec

from standby.plugin import AttemptFailed, Chunk, Failure, Kind, ModelRequest, Reply, ToolCall
from standby.testing.assertions import require

AT_MOST = 10.0
"""Seconds for one call to a server on the same machine; a hang is a failure of the test, not of the run."""


async def complete(adapter: Any, call: ModelRequest) -> Reply:
    """Return the whole answer, as `complete` gives it, or the stream collected where there is none."""
    if not hasattr(adapter, "complete"):
        reply, _ = await collect(adapter, call)
        return reply
    reply = await adapter.complete(call)
    require(
        isinstance(reply, Reply), f"complete() returned a {type(reply).__name__}: return a Reply"
    )
    return cast("Reply", reply)


async def collect(adapter: Any, call: ModelRequest) -> tuple[Reply, list[Chunk]]:
    """Return a stream's reply and its chunks; raises `AttemptFailed` (`malformed`) where it ends without its end."""
    chunks: list[Chunk] = []
    stream = adapter.stream(call)
    require(
        hasattr(stream, "aclose"),
        "stream() is no asynchronous generator: write it as 'async def' with 'yield'",
    )
    async with aclosing(stream) as pieces:
        async for chunk in pieces:
            chunks.append(chunk)
            if chunk.end is not None:
                return _reply(chunks), chunks
    raise AttemptFailed(
        Failure(kind=Kind.MALFORMED, message="the stream ended without its end marker")
    )


async def catch_failure(asked: Awaitable[Reply]) -> AttemptFailed | None:
    """Return what the call fails with, by the dispatcher's reading; `None` for an answer."""
    try:
        async with asyncio.timeout(AT_MOST):
            reply = await asked
    except AttemptFailed as error:
        return error
    except TimeoutError as error:
        return _failed(Kind.TIMEOUT, error)
    except ConnectionError as error:
        return _failed(Kind.CONNECTION, error)
    except AssertionError:
        raise
    except Exception as error:
        words = f"the adapter raised {type(error).__name__}: {error}; catch it, and raise AttemptFailed with the kind of failure"
        raise AssertionError(words) from error
    return (
        None
        if reply.text.strip() or reply.tool_calls
        else _failed(Kind.EMPTY, "a reply without text")
    )


def _failed(kind: Kind, words: object) -> AttemptFailed:
    return AttemptFailed(Failure(kind=kind, message=str(words)))


def _reply(chunks: list[Chunk]) -> Reply:
    end = chunks[-1].end
    calls: list[ToolCall] = [chunk.tool_call for chunk in chunks if chunk.tool_call is not None]
    text = "".join(chunk.text for chunk in chunks)
    whole = Reply(
        text=text, reasoning="".join(chunk.reasoning for chunk in chunks), tool_calls=tuple(calls)
    )
    return whole if end is None else msgspec.structs.replace(whole, **msgspec.structs.asdict(end))


class CancelAtAwait:
    """A coroutine that is cancelled when it waits for the `at`-th time (0: never); it counts how often it has waited."""

    def __init__(self, work: Coroutine[Any, Any, Any], at: int = 0) -> None:
        """Take the work, and the moment."""
        self.waited = 0
        self._work = work
        self._at = at

    async def run(self) -> Any:
        """Return what the work returns; raises what it raises."""
        return await self

    def __await__(self) -> Generator[Any, Any, Any]:
        """Hand each wait of the work through to the event loop."""
        steps = self._work.__await__()
        advance: Callable[[], Any] = partial(next, steps)
        while True:
            try:
                waits_for = advance()
            except StopIteration as done:
                return done.value
            self.waited += 1
            if self.waited == self._at:
                task = cast("asyncio.Task[Any]", asyncio.current_task())
                asyncio.get_running_loop().call_soon(task.cancel)
            try:
                got = yield waits_for
            except BaseException as error:  # noqa: BLE001 - cancellation above all, which the work must see
                advance = partial(steps.throw, error)
            else:
                advance = partial(steps.send, got)
