"""Every observable moment of a call, frozen. Log lines and the trail are folds over them; none holds a message's content."""

import msgspec

from standby.failures import Kind
from standby.types import Attempt


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One moment: which call, which chain, which model, and when (the event loop's clock, in seconds)."""

    call: str
    chain: str
    model: str
    at: float


class AttemptStarted(Event, frozen=True, kw_only=True):
    """A model is being asked."""


class AttemptEnded(Event, frozen=True, kw_only=True):
    """An attempt came to its end, or was skipped.

    `lasting`: the model is skipped until a person mends the settings or installs what is missing.
    """

    attempt: Attempt
    lasting: bool = False


class RetryScheduled(Event, frozen=True, kw_only=True):
    """The same model will be asked again after `delay` seconds."""

    delay: float


class MovedOn(Event, frozen=True, kw_only=True):
    """The chain goes on from `model` to `to`, after `kind`; `trigger` is the one that matched, if any."""

    to: str
    kind: Kind
    trigger: str = ""


class Hedged(Event, frozen=True, kw_only=True):
    """`model` is slow, so `to` is asked beside it."""

    to: str


class HealthChanged(Event, frozen=True, kw_only=True):
    """The model rests, is being probed, or is well again; `resting` is how many seconds more, `reason` why."""

    state: str
    resting: float
    reason: str


class Abandoned(Event, frozen=True, kw_only=True):
    """The plugin of `provider` went on although it was cancelled; nobody waits for it any more.

    `plugin`, `distribution` and `version` say whose code it is, where that is known.
    """

    provider: str
    plugin: str = ""
    distribution: str = ""
    version: str = ""


class LoopBlocked(Event, frozen=True, kw_only=True):
    """`code` has kept an event loop from turning for `seconds` so far; told from the watchdog's thread, of no call."""

    code: str
    seconds: float


class Reloaded(Event, frozen=True, kw_only=True):
    """The client goes by what `file` says now; calls under way end by what it said before. Told of no call."""

    file: str


class ReloadFailed(Event, frozen=True, kw_only=True):
    """What `file` says now cannot be used, for the `problems`; the client goes on by what it said before. Told of no call."""

    file: str
    problems: tuple[str, ...]


class Alert(Event, frozen=True, kw_only=True):
    """A person should look: `kind` says at what, `text` in which words."""

    kind: Kind
    text: str


class Answered(Event, frozen=True, kw_only=True):
    """The call has its reply, after `duration` seconds and `attempts` attempts; `disclaimer` is the answering card's.

    `instead_of` is the chain's first model, where another than that answered.
    """

    attempts: int
    duration: float
    disclaimer: str = ""
    instead_of: str = ""


class Failed(Event, frozen=True, kw_only=True):
    """The call ended without a reply."""

    duration: float
    text: str
