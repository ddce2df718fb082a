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
from standby.observe.fields import event_fields
from standby.runtime.isolation import Origin, describe_error

logger = logging.getLogger("standby")
logger.addHandler(logging.NullHandler())


_NOT_ABLE = frozenset({Kind.UNAVAILABLE, Kind.UNSUPPORTED})
"""Kinds of a model that is well and cannot be asked this: the line before says why."""


class Log:
    """The sink of one client.

    It remembers for which chains a model stands in, to tell when the first answers again, and which
    models it has warned of: one that a person must see to, or that cannot take what it is asked
    for, is a warning once, and an info from then on.
    """

    def __init__(self) -> None:
        """Begin with nobody standing in."""
        self._standing_in: dict[str, str] = {}
        self._warned_of: set[str] = set()

    def __call__(self, event: Event) -> None:
        """Write the event's line, if it has one."""
        if isinstance(event, Answered):
            self._note(event)
        if isinstance(event, AttemptEnded) and (what := _told_once(event)):
            _write_end(logging.INFO if what in self._warned_of else logging.WARNING, event)
            self._warned_of.add(what)
        else:
            log(event)

    def _note(self, event: Answered) -> None:
        if event.instead_of:
            self._standing_in[event.chain] = event.model
        elif event.chain in self._standing_in:
            other = self._standing_in.pop(event.chain)
            _write(
                logging.INFO,
                event,
                "%s: %s answers again, %s stands by",
                event.chain,
                event.model,
                other,
                named="returned",
            )


def _told_once(event: AttemptEnded) -> str:
    """Return what a person is warned of once, "" for what is told each time."""
    attempt = event.attempt
    if event.lasting:
        return attempt.text
    unable = attempt.outcome == "skipped" and attempt.kind is Kind.UNSUPPORTED
    return f"{event.model}: {attempt.text}" if unable else ""


@singledispatch
def log(event: Event) -> None:
    """Write what a person on duty must see: failures, switches, rests, alerts, and that the standby answered.

    A call that the first model answers at once writes nothing.
    """
    del event


def _write(level: int, event: Event, words: str, *values: object, named: str = "") -> None:
    """Write one line; the event's fields go along as the record's `standby`, made only where somebody listens."""
    if logger.isEnabledFor(level):
        logger.log(level, words, *values, extra={"standby": event_fields(event, named)})


@log.register
def _ended(event: AttemptEnded) -> None:
    outcome = event.attempt.outcome
    if outcome in ("failed", "skipped"):
        _write_end(logging.WARNING if outcome == "failed" else logging.INFO, event)


def _write_end(level: int, event: AttemptEnded) -> None:
    attempt = event.attempt
    why = f"{attempt.kind}, trigger {attempt.trigger}" if attempt.trigger else attempt.kind
    words = "%s: %s %s (%s): %s"
    _write(level, event, words, event.chain, event.model, attempt.outcome, why, attempt.text)


@log.register
def _retry(event: RetryScheduled) -> None:
    _write(
        logging.WARNING,
        event,
        "%s: asking %s again in %.1fs",
        event.chain,
        event.model,
        event.delay,
    )


@log.register
def _moved(event: MovedOn) -> None:
    unasked = event.kind is Kind.UNAVAILABLE
    level = logging.INFO if event.kind in _NOT_ABLE else logging.WARNING
    rule = (
        f"{event.kind}, trigger {event.trigger}"
        if event.trigger
        else event.kind
        if unasked
        else f"{event.kind}, by default"
    )
    _write(
        level, event, "%s: moving on from %s to %s (%s)", event.chain, event.model, event.to, rule
    )


@log.register
def _hedged(event: Hedged) -> None:
    _write(
        logging.INFO,
        event,
        "%s: %s is slow, asking %s beside it",
        event.chain,
        event.model,
        event.to,
    )


@log.register
def _health(event: HealthChanged) -> None:
    if event.state == "open":
        _write(
            logging.WARNING,
            event,
            "%s: %s rests for %.0fs, %s",
            event.chain,
            event.model,
            event.resting,
            event.reason,
        )
    elif event.state == "half_open":
        _write(
            logging.INFO,
            event,
            "%s: probing %s, whether it is well again",
            event.chain,
            event.model,
        )
    else:
        _write(logging.WARNING, event, "%s: %s is well again", event.chain, event.model)


@log.register
def _abandoned(event: Abandoned) -> None:
    whose = (
        Origin(event.plugin, event.distribution, event.version)
        if event.plugin
        else f"the plugin of provider {event.provider!r}"
    )
    remedy = f"update {event.distribution or 'it'}, or tell its authors that it must let CancelledError through"
    words = "%s: %s ignored its cancellation while it asked %s, and is left running; %s"
    _write(logging.ERROR, event, words, event.chain, whose, event.model, remedy)


@log.register
def _blocked(event: LoopBlocked) -> None:
    words = "the event loop has been blocked for %.1fs by %s; work that blocks belongs into standby.plugin.blocking()"
    _write(logging.ERROR, event, words, event.seconds, event.code)


@log.register
def _reloaded(event: Reloaded) -> None:
    _write(logging.INFO, event, "%s has changed, and is taken as it is now", event.file)


@log.register
def _reload_failed(event: ReloadFailed) -> None:
    more = f" (and {len(event.problems) - 1} more)" if event.problems[1:] else ""
    words = "%s has changed, but cannot be used; the old settings stay: %s%s"
    _write(logging.ERROR, event, words, event.file, event.problems[0], more)


@log.register
def _answered(event: Answered) -> None:
    if event.attempts > 1:
        instead = f", instead of {event.instead_of}" if event.instead_of else ""
        disclaimer = f" ({event.disclaimer})" if event.disclaimer else ""
        _write(
            logging.INFO,
            event,
            "%s: %s answered in %.1fs%s%s",
            event.chain,
            event.model,
            event.duration,
            instead,
            disclaimer,
        )


@log.register
def _alert(event: Alert) -> None:
    words = "%s: %s needs a person's attention (%s): %s"
    _write(logging.ERROR, event, words, event.chain, event.model, event.kind, event.text)


@log.register
def _failed(event: Failed) -> None:
    _write(
        logging.ERROR,
        event,
        "%s: no reply after %.1fs: %s",
        event.chain,
        event.duration,
        event.text,
    )


def report_broken_sink(sink: object, error: Exception) -> None:
    """Tell that a sink raised; the call goes on without it."""
    logger.error("the sink %r raised %s: %s", sink, type(error).__name__, error)


def report_broken_close(provider: str, origin: object, error: BaseException) -> None:
    """Tell that a plugin's adapter did not close; the rest is closed without it."""
    logger.error(
        "%s: the adapter of provider %r did not close: %s", origin, provider, describe_error(error)
    )


def report_broken_observer(plugin: str, error: BaseException) -> None:
    """Tell that an observer raised, the first time that it does so in this way; it is told the next event all the same."""
    logger.error("an observer of plugin %r raised %s", plugin, describe_error(error))


def report_lost_events(count: int) -> None:
    """Tell that more events came than slow observers could be told."""
    logger.warning("the observers are slow: %d events were not told to them", count)


def report_broken_predicate(test: str, error: BaseException) -> None:
    """Tell that a plugin's test raised; what it was asked about counts as not recognised."""
    logger.error("the test %r raised %s", test, describe_error(error))
