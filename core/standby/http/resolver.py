"""Names are looked up in daemon threads: a look-up that hangs delays neither an exit nor others.

The event loop's own executor has few threads, which the application needs, and it is waited for at
the end of the process. aiohttp's other resolver hides the system's error numbers.
"""

import socket
from typing import Any, cast

import aiohttp

from standby.runtime.threads import blocking


class _LookUp:
    """The two methods of an event loop that aiohttp's resolver calls."""

    async def getaddrinfo(self, host: str, port: int, **options: Any) -> Any:
        return await blocking(socket.getaddrinfo, host, port, **options)

    async def getnameinfo(self, address: Any, flags: int = 0) -> Any:
        return await blocking(socket.getnameinfo, address, flags)


def make_resolver() -> aiohttp.ThreadedResolver:
    """Make the resolver of one event loop.

    Returns:
        aiohttp's own, with daemon threads.
    """
    return aiohttp.ThreadedResolver(loop=cast("Any", _LookUp()))
