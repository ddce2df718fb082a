"""The log lines, through `logging` (logger `standby`); silent until the application configures it."""

import logging
from functools import singledispatch

from standby.events import (
    Abandoned,
    Alert,
    Answered,
    AttemptEnded,
    Event,
    Failed,
    HealthChanged,
    Hedged,
    LoopBlocked,
    MovedOn,
    Reloaded,
    ReloadFailed,
    RetryScheduled,
)
from standby.failures import Kind

logger = logging.getLogger("standby")
logger.addHandler(logging.NullHandler())


@singledispatch
def log(event: Event) -> None:
    """Write what a person on duty must see: failures, switches, rests, alerts, and that the standby answered.

    A call that the first model answers at once writes nothing.
    """
    del event


@log.register
def _ended(event: AttemptEnded) -> None:
    attempt = event.attempt
    if attempt.outcome in ("failed", "skipped"):
        level = logging.WARNING if attempt.outcome == "failed" else logging.INFO
        words = "%s: %s %s (%s): %s"
        logger.log(level, words, event.chain, event.model, attempt.outcome, attempt.kind, attempt.text)


@log.register
def _retry(event: RetryScheduled) -> None:
    logger.warning("%s: asking %s again in %.1fs", event.chain, event.model, event.delay)


@log.register
def _moved(event: MovedOn) -> None:
    level = logging.INFO if event.kind is Kind.UNAVAILABLE else logging.WARNING
    logger.log(level, "%s: moving on from %s to %s (%s)", event.chain, event.model, event.to, event.kind)


@log.register
def _hedged(event: Hedged) -> None:
    logger.info("%s: %s is slow, asking %s beside it", event.chain, event.model, event.to)


@log.register
def _health(event: HealthChanged) -> None:
    if event.state == "open":
        logger.warning("%s: %s rests for %.0fs, %s", event.chain, event.model, event.resting, event.reason)
    elif event.state == "half_open":
        logger.info("%s: probing %s, whether it is well again", event.chain, event.model)
    else:
        logger.warning("%s: %s is well again", event.chain, event.model)


@log.register
def _abandoned(event: Abandoned) -> None:
    words = "%s: the plugin of provider %r ignored its cancellation while it asked %s; it is left running"
    logger.error(words, event.chain, event.provider, event.model)


@log.register
def _blocked(event: LoopBlocked) -> None:
    words = "the event loop has been blocked for %.1fs by %s; work that blocks belongs into standby.plugin.blocking()"
    logger.error(words, event.seconds, event.code)


@log.register
def _reloaded(event: Reloaded) -> None:
    logger.info("%s has changed, and is taken as it is now", event.file)


@log.register
def _reload_failed(event: ReloadFailed) -> None:
    more = f" (and {len(event.problems) - 1} more)" if event.problems[1:] else ""
    logger.error("%s has changed, but cannot be used; the old settings stay: %s%s", event.file, event.problems[0], more)


@log.register
def _answered(event: Answered) -> None:
    if event.attempts > 1:
        notice = f" ({event.notice})" if event.notice else ""
        logger.info("%s: %s answered in %.1fs%s", event.chain, event.model, event.duration, notice)


@log.register
def _alert(event: Alert) -> None:
    logger.error("%s: %s needs a person's attention (%s): %s", event.chain, event.model, event.kind, event.text)


@log.register
def _failed(event: Failed) -> None:
    logger.error("%s: no reply after %.1fs: %s", event.chain, event.duration, event.text)


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
