"""The log lines, by the logger `standby`; silent until the application configures `logging`."""

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
from standby.runtime.control_characters import escape_line
from standby.runtime.isolation import Origin, describe_error

logger = logging.getLogger("standby")
logger.addHandler(logging.NullHandler())


def _escape_arguments(record: logging.LogRecord) -> bool:
    """Make the texts in a line safe for a terminal: a vendor's are among them."""
    if isinstance(record.args, tuple):
        record.args = tuple(
            escape_line(each) if isinstance(each, str) else each for each in record.args
        )
    return True


logger.addFilter(_escape_arguments)


_UNABLE = frozenset({Kind.UNAVAILABLE, Kind.UNSUPPORTED})
"""Kinds of a healthy model that cannot take this request; the line before says why."""

_GOOD = frozenset({"answered", "cancelled"})
"""Outcomes of an attempt that no line reports."""


class Log:
    """The sink of one client.

    It remembers which model stands in for the first one of each chain, so that it can report when
    the first one answers again. It also remembers its warnings: a model that a person must see to,
    or that cannot take a request, is a warning once, and an info after that.
    """

    def __init__(self) -> None:
        """Start with no model standing in."""
        self._standing_in: dict[str, str] = {}
        self._warnings: set[str] = set()

    def __call__(self, event: Event) -> None:
        """Write the event's line, if it has one."""
        match event:
            case AttemptEnded(attempt=attempt) if attempt.outcome in _GOOD:
                return
            case AttemptEnded() if problem := _lasting_problem(event):
                level = logging.INFO if problem in self._warnings else logging.WARNING
                _write_attempt(level, event)
                self._warnings.add(problem)
            case Answered(attempts=1) if event.chain not in self._standing_in:
                return
            case _:
                if isinstance(event, Answered):
                    self._log_return(event)
                log(event)

    def _log_return(self, event: Answered) -> None:
        if event.instead_of:
            self._standing_in[event.chain] = event.model
        elif event.chain in self._standing_in:
            other = self._standing_in.pop(event.chain)
            text = "%s: %s answers again, %s stands by"
            _write(logging.INFO, event, text, event.chain, event.model, other, name="returned")


def _lasting_problem(event: AttemptEnded) -> str:
    """Return the problem that is a warning only once; "" for what is a warning each time."""
    attempt = event.attempt
    if event.lasting:
        return attempt.text
    # a shortage of our own, in contrast to a model that rests
    is_short = attempt.kind is Kind.UNAVAILABLE and attempt.text.startswith("not sent: ")
    unable = attempt.outcome == "skipped" and (is_short or attempt.kind is Kind.UNSUPPORTED)
    return f"{event.model}: {attempt.text}" if unable else ""


@singledispatch
def log(event: Event) -> None:
    """Write the line of one event.

    The log has what a person on duty must see: failures, switches, rests, alerts, and that another
    model answered. A call that the first model answers at once writes nothing.

    Args:
        event: The event.
    """
    del event


def _write(level: int, event: Event, text: str, *values: object, name: str = "") -> None:
    """Write one line; the record's `standby` has the event's fields, made only for a listener."""
    if logger.isEnabledFor(level):
        logger.log(level, text, *values, extra={"standby": event_fields(event, name)})


@log.register
def _log_attempt(event: AttemptEnded) -> None:
    outcome = event.attempt.outcome
    if outcome not in _GOOD:
        _write_attempt(logging.WARNING if outcome == "failed" else logging.INFO, event)


def _write_attempt(level: int, event: AttemptEnded) -> None:
    attempt = event.attempt
    why = f"{attempt.kind}, trigger {attempt.trigger}" if attempt.trigger else attempt.kind
    text = "%s: %s %s (%s): %s"
    _write(level, event, text, event.chain, event.model, attempt.outcome, why, attempt.text)


@log.register
def _log_retry(event: RetryScheduled) -> None:
    text = "%s: asking %s again in %.1fs"
    _write(logging.WARNING, event, text, event.chain, event.model, event.delay)


@log.register
def _log_next_model(event: MovedOn) -> None:
    level = logging.INFO if event.kind in _UNABLE else logging.WARNING
    if event.trigger:
        rule = f"{event.kind}, trigger {event.trigger}"
    else:
        rule = event.kind if event.kind is Kind.UNAVAILABLE else f"{event.kind}, by default"
    text = "%s: moving on from %s to %s (%s)"
    _write(level, event, text, event.chain, event.model, event.to, rule)


@log.register
def _log_hedge(event: Hedged) -> None:
    text = "%s: %s is slow, asking %s beside it"
    _write(logging.INFO, event, text, event.chain, event.model, event.to)


@log.register
def _log_health(event: HealthChanged) -> None:
    model = event.chain, event.model
    if event.state == "open":
        text = "%s: %s rests for %.0fs, %s"
        _write(logging.WARNING, event, text, *model, event.resting, event.reason)
    elif event.state == "half_open":
        _write(logging.INFO, event, "%s: probing %s, whether it is well again", *model)
    else:
        _write(logging.WARNING, event, "%s: %s is well again", *model)


@log.register
def _log_abandoned_task(event: Abandoned) -> None:
    plugin: object = f"the plugin of provider {event.provider!r}"
    if event.plugin:
        plugin = Origin(event.plugin, event.distribution, event.version)
    authors = "ask its authors to let CancelledError through"
    remedy = f"update {event.distribution or 'it'}, or {authors}"
    text = "%s: %s ignored the cancellation of a request to %s, which is still running; %s"
    _write(logging.ERROR, event, text, event.chain, plugin, event.model, remedy)


@log.register
def _log_blocked_loop(event: LoopBlocked) -> None:
    remedy = "wrap work that blocks in standby.plugin.blocking()"
    text = f"the event loop has been blocked for %.1fs by %s; {remedy}"
    _write(logging.ERROR, event, text, event.seconds, event.code)


@log.register
def _log_reload(event: Reloaded) -> None:
    _write(logging.INFO, event, "%s has changed; its new settings are in use", event.file)


@log.register
def _log_reload_failure(event: ReloadFailed) -> None:
    more = f" (and {len(event.problems) - 1} more)" if event.problems[1:] else ""
    text = "%s has changed, but cannot be used; the old settings stay: %s%s"
    _write(logging.ERROR, event, text, event.file, event.problems[0], more)


@log.register
def _log_answer(event: Answered) -> None:
    if event.attempts > 1:
        instead = f", instead of {event.instead_of}" if event.instead_of else ""
        disclaimer = f" ({event.disclaimer})" if event.disclaimer else ""
        answer = event.chain, event.model, event.duration, instead, disclaimer
        _write(logging.INFO, event, "%s: %s answered in %.1fs%s%s", *answer)


@log.register
def _log_alert(event: Alert) -> None:
    text = "%s: %s needs a person's attention (%s): %s"
    _write(logging.ERROR, event, text, event.chain, event.model, event.kind, event.text)


@log.register
def _log_failure(event: Failed) -> None:
    text = "%s: no reply after %.1fs: %s"
    _write(logging.ERROR, event, text, event.chain, event.duration, event.text)


LOGGED: tuple[type[Event], ...] = tuple(kind for kind in log.registry if kind is not object)
"""The types of events that have a line."""


def report_broken_sink(sink: object, error: Exception) -> None:
    """Report that a sink raised; the call goes on without it.

    Args:
        sink: The sink.
        error: What it raised.
    """
    logger.error("the sink %r raised %s: %s", sink, type(error).__name__, error)


def report_broken_close(provider: str, origin: object, error: BaseException) -> None:
    """Report that a plugin's adapter did not close; the others are closed all the same.

    Args:
        provider: The provider's name.
        origin: The plugin, its distribution and version.
        error: What it raised.
    """
    text = "%s: the adapter of provider %r did not close: %s"
    logger.error(text, origin, provider, describe_error(error))


def report_broken_observer(plugin: str, error: BaseException) -> None:
    """Report that an observer raised; it still gets the next event.

    Args:
        plugin: The plugin's name.
        error: What it raised; each type of error is reported once.
    """
    logger.error("an observer of plugin %r raised %s", plugin, describe_error(error))


def report_lost_events(count: int) -> None:
    """Report that events came faster than slow observers took them.

    Args:
        count: How many events were dropped.
    """
    logger.warning("the observers are slow: %d events did not reach them", count)


def report_broken_predicate(predicate: str, error: BaseException) -> None:
    """Report that a plugin's predicate raised; the reply or failure counts as not recognised.

    Args:
        predicate: The name in the trigger's `test`.
        error: What it raised.
    """
    logger.error("the predicate %r raised %s", predicate, describe_error(error))
