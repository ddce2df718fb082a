"""The clients behind Agno models: one for each configuration, shared by the whole process."""

import os
from collections.abc import Mapping

from standby import AsyncStandby, Standby
from standby.config import Config
from standby.runtime.late_lock import LateLock

Client = Standby | AsyncStandby
_shared: dict[tuple[str, str], AsyncStandby] = {}
_making = LateLock()


def shared_client(config: Config | None) -> AsyncStandby:
    """Return the process's client for a configuration; the first call makes it.

    Args:
        config: The path of a models.yaml, or a dictionary of its form; `None`: the file is looked
            for in the working directory.

    Returns:
        The client; equal dictionaries share one.

    Raises:
        ConfigError: The configuration cannot be used.
    """
    key = (os.getcwd(), _config_key(config))  # noqa: PTH109 - where the file is looked for
    with _making.get():
        if key not in _shared:
            _shared[key] = AsyncStandby(config)
        return _shared[key]


def _config_key(config: Config | None) -> str:
    if isinstance(config, Mapping):
        return repr(config)
    return os.fspath(config or os.environ.get("STANDBY_CONFIG", ""))


def as_async(client: Client) -> AsyncStandby:
    """Return a client for event loops.

    Args:
        client: A client of either form.

    Returns:
        The client, or the one inside a blocking client.
    """
    if isinstance(client, AsyncStandby):
        return client
    # one client in two forms
    return client._client  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]


def as_blocking(client: Client) -> Standby:
    """Return a client for blocking code.

    Args:
        client: A client of either form.

    Returns:
        The client, or a blocking one around it.
    """
    if isinstance(client, Standby):
        return client
    return _Blocking(client)


class _Blocking(Standby):
    """A blocking client around an existing one."""

    def __init__(self, client: AsyncStandby) -> None:
        self._client = client
        # as `Standby` does
        self._prepare = client._prepare  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
