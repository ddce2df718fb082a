"""The sink that raises an alert for a model that its vendor shuts down."""

from collections.abc import Callable

from standby.events import Alert, AttemptEnded, AttemptStarted, Event
from standby.failures import Kind


class RetirementAlert:
    """Alerts a person when a call first reaches a model that is retired or soon will be."""

    def __init__(self, describe: Callable[[str], str], emit: Callable[[Event], None]) -> None:
        """Start without any alert raised.

        Args:
            describe: Returns what to say of a model, by its name; "" where it does not retire soon.
            emit: Receives the alert.
        """
        self._describe = describe
        self._emit = emit
        self._alerted: set[str] = set()

    def __call__(self, event: Event) -> None:
        """Raise the alert of the event's model: once, on its first attempt or skip."""
        if not isinstance(event, AttemptStarted | AttemptEnded) or event.model in self._alerted:
            return
        text = self._describe(event.model)
        if text:
            self._alerted.add(event.model)
            self._emit(
                Alert(
                    call=event.call,
                    chain=event.chain,
                    model=event.model,
                    at=event.at,
                    kind=Kind.MODEL_MISSING,
                    text=text,
                )
            )
