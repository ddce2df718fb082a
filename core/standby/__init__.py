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
    from standby.policy import Settings
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
    "standby.policy": ("Settings",),
    "standby.types": ("Attempt", "Chunk", "Message", "Reply", "Text", "Usage"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for: `import standby` itself costs next to nothing."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'standby' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return __all__
