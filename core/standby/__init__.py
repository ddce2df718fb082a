"""standby keeps an application answering when a language model does not.

::

    from standby import Standby

    with Standby() as client:
        reply = client.chat("Explain net metering in one sentence.")
        print(reply.text, reply.model, reply.trail)
"""

import importlib
from typing import TYPE_CHECKING, Any

from standby.version import __version__

if TYPE_CHECKING:
    from standby.client import AsyncStandby, Standby
    from standby.errors import (
        CallFailed,
        ChainExhausted,
        ConfigError,
        DeadlineExceeded,
        RequestError,
        StandbyError,
        Stopped,
        StreamBroken,
    )
    from standby.failures import Failure, Kind
    from standby.integrations.openai.client import async_openai_client as async_openai_client
    from standby.integrations.openai.client import openai_client as openai_client
    from standby.settings import Settings
    from standby.types import Attempt, Chunk, Message, Reply, Text, Usage

__all__ = [
    "AsyncStandby",
    "Attempt",
    "CallFailed",
    "ChainExhausted",
    "Chunk",
    "ConfigError",
    "DeadlineExceeded",
    "Failure",
    "Kind",
    "Message",
    "Reply",
    "RequestError",
    "Settings",
    "Standby",
    "StandbyError",
    "Stopped",
    "StreamBroken",
    "Text",
    "Usage",
    "__version__",
]

_HOMES = {
    "standby.client": ("AsyncStandby", "Standby"),
    "standby.errors": (
        "CallFailed",
        "ChainExhausted",
        "ConfigError",
        "DeadlineExceeded",
        "RequestError",
        "StandbyError",
        "Stopped",
        "StreamBroken",
    ),
    "standby.failures": ("Failure", "Kind"),
    "standby.settings": ("Settings",),
    "standby.types": ("Attempt", "Chunk", "Message", "Reply", "Text", "Usage"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}
_BESIDE = {
    "async_openai_client": "standby.integrations.openai.client",
    "openai_client": "standby.integrations.openai.client",
}
"""Public too, but no part of `__all__`: who imports all names must not load an SDK."""


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for: `import standby` itself costs next to nothing."""
    home = _HOME_OF.get(name) or _BESIDE.get(name)
    if home is None:
        raise AttributeError(f"module 'standby' has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return __all__
