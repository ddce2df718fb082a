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
    from standby.failures import Attempt, Failure, Kind
    from standby.integrations.openai.client import async_openai_client as async_openai_client
    from standby.integrations.openai.client import openai_client as openai_client
    from standby.settings import Settings
    from standby.types import Chunk, Message, Reply, Text, Usage

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

_NAMES_BY_MODULE = {
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
    "standby.failures": ("Attempt", "Failure", "Kind"),
    "standby.settings": ("Settings",),
    "standby.types": ("Chunk", "Message", "Reply", "Text", "Usage"),
}
_MODULE_OF = {name: module for module, names in _NAMES_BY_MODULE.items() for name in names}
_OPTIONAL = {
    "async_openai_client": "standby.integrations.openai.client",
    "openai_client": "standby.integrations.openai.client",
}
"""Public too, but not in `__all__`: importing all names must not load an SDK."""


def __getattr__(name: str) -> Any:
    """Import a public name on first use: `import standby` itself costs next to nothing."""
    module = _MODULE_OF.get(name) or _OPTIONAL.get(name)
    if module is None:
        raise AttributeError(f"module 'standby' has no attribute {name!r}")
    value = getattr(importlib.import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return __all__
