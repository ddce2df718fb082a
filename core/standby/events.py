"""Every observable moment of a call, frozen. Log lines and the trail are made from these events.

No event holds a message's content.
"""

import msgspec

from standby.failures import Attempt, Kind


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One moment: call, chain, model, and `at`, the event loop's time in seconds."""

    call: str
    chain: str
    model: str
    at: float


class AttemptStarted(Event, frozen=True, kw_only=True):
    """An attempt begins."""


class AttemptEnded(Event, frozen=True, kw_only=True):
    """An attempt ended, or was skipped.

    `lasting`: the model is skipped until a person corrects the settings or installs a package.
    """

    attempt: Attempt
    lasting: bool = False


class RetryScheduled(Event, frozen=True, kw_only=True):
    """The same model is called again after `delay` seconds."""

    delay: float


class MovedOn(Event, frozen=True, kw_only=True):
    """The chain goes on from `model` to `to`, after `kind`; `trigger` is the one that matched."""

    to: str
    kind: Kind
    trigger: str = ""


class Hedged(Event, frozen=True, kw_only=True):
    """`model` is slow, so `to` is called beside it."""

    to: str


class HealthChanged(Event, frozen=True, kw_only=True):
    """The model rests (`resting` seconds more, for a `reason`), is probed, or is well again."""

    state: str
    resting: float
    reason: str


class Abandoned(Event, frozen=True, kw_only=True):
    """The plugin of `provider` ignored its cancellation; the call no longer waits for it.

    `plugin`, `distribution` and `version` name the plugin, if it is known.
    """

    provider: str
    plugin: str = ""
    distribution: str = ""
    version: str = ""


class LoopBlocked(Event, frozen=True, kw_only=True):
    """`code` has blocked an event loop for `seconds` so far. No call; from the watchdog."""

    code: str
    seconds: float


class Reloaded(Event, frozen=True, kw_only=True):
    """Later calls use the present contents of `file`; calls under way keep the old. No call."""

    file: str


class ReloadFailed(Event, frozen=True, kw_only=True):
    """`file` cannot be used, for its `problems`; the old settings stay in force. No call."""

    file: str
    problems: tuple[str, ...]


class Alert(Event, frozen=True, kw_only=True):
    """A person's attention is needed: `kind` and `text` say why."""

    kind: Kind
    text: str


class Answered(Event, frozen=True, kw_only=True):
    """The call has its reply, after `duration` seconds and `attempts` attempts.

    `disclaimer` is that of the answering model's card. `instead_of` is the chain's first model, if
    another one answered.
    """

    attempts: int
    duration: float
    disclaimer: str = ""
    instead_of: str = ""


class Failed(Event, frozen=True, kw_only=True):
    """The call ended without a reply, after `duration` seconds; `text` says why."""

    duration: float
    text: str
