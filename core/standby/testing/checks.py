"""Checks that several rules of the suite share."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any

from standby.testing.assertions import require, skip
from standby.testing.loopback import Loopback

CLEANUP_LIMIT = 2.0
"""Seconds in which a connection must be closed, or a task must end, once it is not needed."""


async def close(adapter: Any) -> None:
    """Close an adapter if it has `aclose`.

    Args:
        adapter: The adapter.
    """
    aclose: Callable[[], Awaitable[None]] | None = getattr(adapter, "aclose", None)
    if aclose is not None:
        await aclose()


def require_main_request(server: Loopback) -> None:
    """Require that the adapter sent its main request, if it sent any.

    Args:
        server: The server that it called.

    Raises:
        AssertionError: There were only side requests.
    """
    is_fine = server.main_requests or not server.requests
    require(is_fine, describe_wrong_requests(server, "it went no further"))


def describe_wrong_requests(server: Loopback, outcome: str) -> str:
    """Return a message for requests that the suite has no answer for.

    Args:
        server: The server that got them.
        outcome: What the adapter did then.

    Returns:
        The message, with what to do about it.
    """
    requests = dict.fromkeys(f"{request.method} {request.path}" for request in server.requests)
    return (
        f"the adapter requested {', '.join(requests)}, which the suite has no answer for "
        f"({outcome}): let side_answer(request) answer what is sent before the main request"
    )


def require_stream(adapter: Any) -> None:
    """Skip the rule for an adapter without `stream`.

    Args:
        adapter: The adapter.

    Raises:
        SkipTest: It has none.
    """
    if not hasattr(adapter, "stream"):
        skip("the adapter has no stream()")


async def wait_until(
    condition: Callable[[], bool], message: str, seconds: float = CLEANUP_LIMIT
) -> None:
    """Wait until a condition holds.

    Args:
        condition: Checked every 5 ms.
        message: The error's message.
        seconds: How long to wait.

    Raises:
        AssertionError: It does not hold in time.
    """
    try:
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 - it changes on another thread
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(message) from None


async def require_cancelled(task: "asyncio.Task[Any]", subject: str) -> None:
    """Require that a task, which has been cancelled, ends soon and as cancelled.

    Args:
        task: The task.
        subject: What the task does, for messages.

    Raises:
        AssertionError: It goes on, or has swallowed the cancellation.
    """
    done, _ = await asyncio.wait([task], timeout=CLEANUP_LIMIT)
    require(done, f"{subject} was cancelled and goes on: do not wait in 'finally' for the vendor")
    require(
        task.cancelled(),
        f"{subject} has swallowed CancelledError: let it through, 'except Exception' does",
    )


async def text_arrives(stream: Any, within: float) -> bool:
    """Say whether a stream yields text in time, then close it.

    Args:
        stream: An asynchronous generator of chunks.
        within: Seconds to wait.

    Returns:
        Whether a chunk had text.
    """
    try:
        async with asyncio.timeout(within), aclosing(stream):
            async for chunk in stream:
                if chunk.text:
                    return True
    except TimeoutError:
        pass
    return False
