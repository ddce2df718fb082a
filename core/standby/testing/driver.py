"""Call an adapter as the dispatcher does: get a reply or a failure, or cancel it halfway."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import aclosing
from functools import partial
from typing import Any, cast

import msgspec

from standby.plugin import AttemptFailed, Chunk, Failure, Kind, ModelRequest, Reply
from standby.testing.assertions import require

CALL_LIMIT = 10.0
"""Seconds for one call to a server on the same machine; an adapter that hangs fails its test."""


async def complete(adapter: Any, request: ModelRequest) -> Reply:
    """Return an adapter's whole answer, from `complete` or else from its stream.

    Args:
        adapter: The adapter.
        request: The request.

    Returns:
        The reply.

    Raises:
        AssertionError: `complete` returned something else.
        AttemptFailed: There is no answer.
    """
    if not hasattr(adapter, "complete"):
        reply, _ = await collect(adapter, request)
        return reply
    reply = await adapter.complete(request)
    require(
        isinstance(reply, Reply), f"complete() returned a {type(reply).__name__}: return a Reply"
    )
    return cast("Reply", reply)


async def collect(adapter: Any, request: ModelRequest) -> tuple[Reply, list[Chunk]]:
    """Read an adapter's stream to its end.

    Args:
        adapter: The adapter.
        request: The request.

    Returns:
        The reply that the stream adds up to, and its chunks.

    Raises:
        AssertionError: `stream` does not return an asynchronous generator.
        AttemptFailed: There is no answer; `malformed` if no chunk had an `end`.
    """
    chunks: list[Chunk] = []
    stream = adapter.stream(request)
    require(
        hasattr(stream, "aclose"),
        "stream() is not an asynchronous generator: write it as 'async def' with 'yield'",
    )
    async with aclosing(stream) as pieces:
        async for chunk in pieces:
            chunks.append(chunk)
            if chunk.end is not None:
                return _join(chunks), chunks
    raise _fail(Kind.MALFORMED, "the stream ended without its end marker")


async def catch_failure(
    reply: Awaitable[Reply], *, within: float = CALL_LIMIT
) -> AttemptFailed | None:
    """Return the failure that a call ends with, classified as the dispatcher does.

    Args:
        reply: The call.
        within: Seconds that it may take.

    Returns:
        The failure, or `None` for an answer.

    Raises:
        AssertionError: The adapter raised an exception that is not an `AttemptFailed`.
    """
    try:
        async with asyncio.timeout(within):
            answer = await reply
    except AttemptFailed as error:
        return error
    except TimeoutError as error:
        return _fail(Kind.TIMEOUT, str(error))
    except ConnectionError as error:
        return _fail(Kind.CONNECTION, str(error))
    except AssertionError:
        raise
    except Exception as error:
        message = (
            f"the adapter raised {type(error).__name__}: {error}; "
            "catch it, and raise AttemptFailed with the kind of failure"
        )
        raise AssertionError(message) from error
    if answer.text.strip() or answer.tool_calls:
        return None
    return _fail(Kind.EMPTY, "a reply without text")


def _fail(kind: Kind, message: str) -> AttemptFailed:
    return AttemptFailed(Failure(kind=kind, message=message))


def _join(chunks: list[Chunk]) -> Reply:
    reply = Reply(
        text="".join(chunk.text for chunk in chunks),
        reasoning="".join(chunk.reasoning for chunk in chunks),
        tool_calls=tuple(chunk.tool_call for chunk in chunks if chunk.tool_call is not None),
    )
    end = chunks[-1].end
    return reply if end is None else msgspec.structs.replace(reply, **msgspec.structs.asdict(end))


class CancelAtAwait:
    """Runs a coroutine and cancels its task at one of its suspensions.

    Attributes:
        suspensions: How often the coroutine has suspended so far.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, Any], at: int = 0) -> None:
        """Prepare the run.

        Args:
            coroutine: What to run.
            at: The number of the suspension to cancel at, from 1 on; 0 for none.
        """
        self.suspensions = 0
        self._coroutine = coroutine
        self._at = at

    async def run(self) -> Any:
        """Run the coroutine, inside a task.

        Returns:
            What the coroutine returns.
        """
        return await self

    def __await__(self) -> Generator[Any, Any, Any]:
        """Pass each suspension on to the event loop."""
        steps = self._coroutine.__await__()
        advance: Callable[[], Any] = partial(next, steps)
        while True:
            try:
                suspension = advance()
            except StopIteration as done:
                return done.value
            self.suspensions += 1
            if self.suspensions == self._at:
                task = cast("asyncio.Task[Any]", asyncio.current_task())
                asyncio.get_running_loop().call_soon(task.cancel)
            try:
                value = yield suspension
            except BaseException as error:  # noqa: BLE001 - the coroutine must see its cancellation
                advance = partial(steps.throw, error)
            else:
                advance = partial(steps.send, value)
