"""Whether the application debugs: only then may a message quote what a model has answered."""

import logging


def is_debugging() -> bool:
    """Return whether the logger `standby` is at DEBUG, by itself or through the root logger."""
    return logging.getLogger("standby").isEnabledFor(logging.DEBUG)
