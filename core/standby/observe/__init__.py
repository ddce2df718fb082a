"""Sinks: folds over the events, one a file; and the log's formats, for `logging`.

::

    from standby.observe import log_to

    log_to()  # standard error, for people; log_to(file, json=True): lines of JSON

or, for `logging.config.dictConfig`, a formatter `{"()": "standby.observe.JsonFormatter"}`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from standby.observe.formats import JsonFormatter, TextFormatter, log_to

__all__ = ["JsonFormatter", "TextFormatter", "log_to"]


def __getattr__(name: str) -> Any:
    """Import the formats when one is needed: a call needs none."""
    if name not in __all__:
        raise AttributeError(f"module 'standby.observe' has no attribute {name!r}")
    from standby.observe import formats  # noqa: PLC0415 - see above

    return getattr(formats, name)
