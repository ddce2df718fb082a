"""The clients behind Agno models: one for each configuration, shared by the whole process, in both of its forms."""

import os
import threading
from collections.abc import Mapping

from standby.client import AsyncStandby, Standby
from standby.config import Config

Client = Standby | AsyncStandby
_shared: dict[tuple[str, str], AsyncStandby] = {}
_lock = threading.Lock()


def shared(config: Config | None) -> AsyncStandby:
    """Return the process's client for a configuration; raises `ConfigError` when it is made and cannot be."""
    place = (os.getcwd(), _named(config))  # noqa: PTH109 - where it is looked for
    with _lock:
        if place not in _shared:
            _shared[place] = AsyncStandby(config)
        return _shared[place]


def _named(config: Config | None) -> str:
    """Return a path, or what a dictionary says: those that say the same share a client."""
    if isinstance(config, Mapping):
        return repr(config)
    return os.fspath(config or os.environ.get("STANDBY_CONFIG") or "")


def of_tasks(client: Client) -> AsyncStandby:
    """Return a client's form for event loops."""
    if isinstance(client, AsyncStandby):
        return client
    return client._client  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - one client in two forms


def of_threads(client: Client) -> Standby:
    """Return a client's form for blocking code."""
    if isinstance(client, Standby):
        return client
    return _Blocking(client)


class _Blocking(Standby):
    """A client that there is already, for blocking code."""

    def __init__(self, client: AsyncStandby) -> None:
        self._client = client
        self._prepare = client._prepare  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - as `Standby` does


def _in_a_child() -> None:
    """Begin anew after a fork: another thread of the parent may hold the lock for ever."""
    global _lock  # noqa: PLW0603 - see above
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):  # where there is no fork, there is no such function
    os.register_at_fork(after_in_child=_in_a_child)
