"""The log lines, through `logging` (logger `standby`); silent until the application configures it."""

import logging

from standby.events import Alert, Answered, AttemptEnded, Event, Failed, MovedOn, RetryScheduled

logger = logging.getLogger("standby")
logger.addHandler(logging.NullHandler())


def log(event: Event) -> None:
    """Write what a person on duty must see: failures, switches, alerts, and that the standby answered.

    A call that the first model answers at once writes nothing.
    """
    match event:
        case AttemptEnded(attempt=attempt) if attempt.outcome in ("failed", "skipped"):
            logger.warning("%s: %s %s (%s): %s", event.chain, event.model, attempt.outcome, attempt.kind, attempt.text)
        case RetryScheduled():
            logger.warning("%s: asking %s again in %.1fs", event.chain, event.model, event.delay)
        case MovedOn():
            logger.warning("%s: moving on from %s to %s (%s)", event.chain, event.model, event.to, event.kind)
        case Answered(attempts=attempts) if attempts > 1:
            notice = f" ({event.notice})" if event.notice else ""
            logger.info("%s: %s answered in %.1fs%s", event.chain, event.model, event.duration, notice)
        case Alert():
            logger.error("%s: %s needs a person's attention (%s): %s", event.chain, event.model, event.kind, event.text)
        case Failed():
            logger.error("%s: no reply after %.1fs: %s", event.chain, event.duration, event.text)
        case _:
            pass


def report_broken_sink(sink: object, error: Exception) -> None:
    """Tell that a sink raised; the call goes on without it."""
    logger.error("the sink %r raised %s: %s", sink, type(error).__name__, error)


def report_broken_close(provider: str, error: Exception) -> None:
    """Tell that a plugin's adapter did not close; the rest is closed without it."""
    logger.error("the adapter of provider %r did not close: %s: %s", provider, type(error).__name__, error)


def to_standard_error() -> None:
    """Show the log on standard error, for a command line that asks for it."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
