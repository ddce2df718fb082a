"""aiohttp's pool of connections, guarded: none is used again that the server has spoken on."""

import asyncio
import os
import select
import weakref
from functools import partial
from typing import Any

import aiohttp

from standby.runtime.attempt_clock import clock_paused


class GuardedConnector(aiohttp.TCPConnector):
    """Looks at a kept connection before it is used again, which aiohttp 3.14 does not.

    What a server sent meanwhile would answer the next request, and one that it has closed would
    break it: of 400 requests to a server that closes after each answer, 200 failed.
    """

    def __init__(self, **options: Any) -> None:
        """Start without connections.

        Args:
            options: aiohttp's own.
        """
        super().__init__(**options)  # pyright: ignore[reportUnknownMemberType]
        self._kept: weakref.WeakSet[Any] = weakref.WeakSet()
        _connectors.add(self)

    async def connect(self, *args: Any, **options: Any) -> Any:
        """Return a connection; the attempt's clock stands until it is there.

        Args:
            args: aiohttp's own.
            options: aiohttp's own.

        Returns:
            A connection that is new, or idle and unread.
        """
        with clock_paused():
            while True:
                connection = await super().connect(*args, **options)
                protocol: Any = connection.protocol
                connection.add_callback(partial(_abort_unsent, protocol))
                if protocol not in self._kept:
                    self._kept.add(protocol)
                    if (closed := protocol.closed) is not None:
                        closed.add_done_callback(_retrieve)
                    return connection
                if not protocol.should_close and not _is_readable(protocol.transport):
                    return connection
                connection.close()

    async def close(self, **options: Any) -> None:
        """Close all connections, without waiting for servers that do not read.

        Args:
            options: aiohttp's own.
        """
        for protocol in tuple(self._kept):
            _abort_unsent(protocol)
        await super().close(**options)

    def abandon(self) -> None:
        """Count as closed, in a child process: to close the sockets would break the parent's."""
        self._closed = True


_connectors: "weakref.WeakSet[GuardedConnector]" = weakref.WeakSet()


def _after_in_child() -> None:
    for connector in tuple(_connectors):
        connector.abandon()
    _connectors.clear()


if hasattr(os, "register_at_fork"):  # systems without fork have no such function
    os.register_at_fork(after_in_child=_after_in_child)


def _abort_unsent(protocol: Any) -> None:
    """Drop what a server has not read; else it would hold the socket until the server does."""
    transport = protocol.transport
    if transport is not None and transport.get_write_buffer_size():
        transport.abort()


def _retrieve(closed: "asyncio.Future[None]") -> None:
    """Read how a connection ended, so that asyncio does not log that nobody has."""
    if not closed.cancelled():
        closed.exception()


def _is_readable(transport: Any) -> bool:
    """Check whether a socket has bytes to read, or is closed by the other side."""
    socket = transport.get_extra_info("socket") if transport is not None else None
    if socket is None:
        return True
    if not hasattr(select, "poll"):  # Windows, whose `select` has no highest number
        return bool(select.select([socket], [], [], 0)[0])
    poll = select.poll()
    poll.register(socket.fileno(), select.POLLIN)
    return bool(poll.poll(0))
