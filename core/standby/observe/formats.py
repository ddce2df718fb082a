"""The formats of the log: lines for people, lines of JSON for machines; `log_to` sends either."""

import logging
from datetime import UTC, datetime
from typing import Any, TextIO

import msgspec

from standby.observe.log import logger
from standby.runtime.control_characters import escape_controls


class TextFormatter(logging.Formatter):
    """One line a record for people: local time, level, text."""

    default_msec_format = "%s.%03d"

    def __init__(self) -> None:
        """Take no settings; `logging.Formatter` is there for another format."""
        super().__init__("%(asctime)s %(levelname)s %(message)s")


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `time` (ISO 8601, UTC), `level`, `message`, and the event's fields.

    A record from another logger has `logger` instead, and `exception` where there is one.
    """

    def __init__(self) -> None:
        """Take no settings; the fields are the event's."""
        super().__init__()

    def format(self, record: logging.LogRecord) -> str:
        """Format a record.

        Args:
            record: The record; its attribute `standby` holds an event's fields.

        Returns:
            The line, without its end.
        """
        fields: dict[str, Any] = getattr(record, "standby", None) or {"logger": record.name}
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {
            "time": moment.replace("+00:00", "Z"),
            "level": record.levelname,
            **fields,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return escape_controls(msgspec.json.encode(line, enc_hook=str).decode())


def log_to(
    destination: TextIO | logging.Handler | None = None, *, json: bool = False, level: str = "INFO"
) -> logging.Handler:
    """Send the log to a stream or to a handler of `logging`.

    It replaces what an earlier call sent to the same stream. Handlers of the root logger get their
    records as before.

    Args:
        destination: The stream or handler; `None` for standard error.
        json: Whether to write lines of JSON, not lines for people.
        level: The lowest level that is sent.

    Returns:
        The handler, for `logger.removeHandler`.

    Raises:
        ValueError: `logging` knows no such level.
    """
    handler = (
        destination
        if isinstance(destination, logging.Handler)
        else logging.StreamHandler(destination)
    )
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
