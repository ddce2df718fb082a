"""The results of a self-test, as frozen values."""

from typing import Literal

import msgspec

from standby.failures import Kind

Group = Literal["usual", "vendor", "network"]
"""Where a fault comes from: the shipped trigger's patterns, the plugin's own list, the network."""


class ModelResult(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a model answers in its own wire, alone, and after how many seconds.

    `outcome` is "answers", "does not answer" or "not tested"; `reason` explains the last two.
    """

    model: str
    provider: str
    outcome: str
    seconds: float = 0.0
    reason: str = msgspec.field(default="", name="words")


class FaultResult(msgspec.Struct, frozen=True, kw_only=True):
    """What the chain did after one fault of its first model.

    `kind` and `text` are the failure that the chain saw. `trigger` is the trigger that matched,
    `None` where the kind's default applied. `attempts` counts the requests to the first model, and
    `answered_by` is the model that answered then, if one did. `then` is what happened: "next", or
    "stop" for a fault of the caller's own request.
    """

    fault: str
    group: Group
    kind: Kind | None
    text: str
    trigger: str | None
    attempts: int = msgspec.field(name="asked")
    then: str
    answered_by: str = msgspec.field(name="by")
    seconds: float
    passed: bool = msgspec.field(name="fine")


class Recovery(msgspec.Struct, frozen=True, kw_only=True):
    """How the first model rested and came back.

    `rested_after` counts the failed calls before it rested; `seconds` is the time from its recovery
    to its next answer, `None` where it did not come back. `never_rests`: its breaker is off, so
    that every call tries it.
    """

    rested_after: int
    seconds: float | None
    never_rests: bool = False

    @property
    def passed(self) -> bool:
        """Say whether it rested where it should, and is used again."""
        return self.never_rests is not bool(self.rested_after) and self.seconds is not None


class SelftestResult(msgspec.Struct, frozen=True, kw_only=True):
    """The whole self-test.

    `failing` is the model that was made to fail, "" where there was no model to fall back to.
    """

    models: tuple[ModelResult, ...]
    failing: str = ""
    cases: tuple[FaultResult, ...] = ()
    recovery: Recovery | None = msgspec.field(default=None, name="back")
