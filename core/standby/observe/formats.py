"""The log for readers: lines for people, lines of JSON for machines, and `log_to`, which sends either somewhere."""

import logging
from datetime import UTC, datetime
from typing import Any, TextIO

import msgspec

from standby.observe.log import logger


class TextFormatter(logging.Formatter):
    """One line a record for people: local time, level, text."""

    default_msec_format = "%s.%03d"

    def __init__(self) -> None:
        """Take no settings: a format of one's own is `logging.Formatter`'s."""
        super().__init__("%(asctime)s %(levelname)s %(message)s")


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `time` (ISO 8601, UTC), `level`, `message`, and the fields of the event, as far as it has any.

    A record of other origin has `logger`, and `exception` where there is one.
    """

    def __init__(self) -> None:
        """Take no settings: the fields are the event's."""
        super().__init__()

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        fields: dict[str, Any] = getattr(record, "standby", None) or {"logger": record.name}
        time = (
            datetime.fromtimestamp(record.created, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z")
        )
        line = {"time": time, "level": record.levelname, **fields, "message": record.getMessage()}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line, enc_hook=str).decode()


def log_to(
    where: TextIO | logging.Handler | None = None, *, json: bool = False, level: str = "INFO"
) -> logging.Handler:
    """Send the log to a stream or a handler of `logging`, from a level on; returns the handler, for `logger.removeHandler`.

    `where` left out: standard error. What an earlier call sent to the same place is replaced.
    Handlers of the root logger get their records as before. Raises `ValueError` for a level that
    there is not.
    """
    handler = where if isinstance(where, logging.Handler) else logging.StreamHandler(where)
    handler.setFormatter(JsonFormatter() if json else TextFormatter())
    handler.setLevel(level)
    for other in tuple(logger.handlers):
        if other is handler or _stream(other) is _stream(handler) is not None:
            logger.removeHandler(other)
    logger.addHandler(handler)
    logger.setLevel(min(logger.level or handler.level, handler.level))
    return handler


def _stream(handler: logging.Handler) -> object:
    return getattr(handler, "stream", None)
