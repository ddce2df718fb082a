"""What `standby explain` reports, as frozen values: the same for a person and as JSON."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from standby.failures import Kind, Then
from standby.pricing import TYPICAL, Cost
from standby.types import Usage

RuleOutcome = Literal["fires", "passed over", "not reached"]


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A trigger of the chain, compared with a failure.

    Attributes:
        name: its name in the file.
        then: what it says to do.
        outcome: whether it fires.
        why: the reason, if it does not fire.
        place: its file and line.

    """

    name: str
    then: Then
    outcome: RuleOutcome
    why: str = ""
    place: str = ""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What follows one failure of the model.

    Attributes:
        number: which attempt of the model fails, from 1.
        then: the decision.
        trigger: the trigger that decides; `None`: the table of kinds.
        pause: the longest pause before a retry, in seconds.
        within: a drawn pause of this many seconds or more does not fit into the deadline, and the
            next model is attempted instead; `None`: every pause fits.
        counts: the failure counts towards the model's rest.
        rests: the seconds that the model rests at once, at the least; `None`: it does not rest.

    """

    number: int
    then: Literal["retry", "next", "stop", "accept"]
    trigger: str | None = None
    pause: float = 0.0
    within: float | None = None
    counts: bool = False
    rests: float | None = None


class PassedOver(msgspec.Struct, frozen=True):
    """A model that is not attempted after this failure, and why."""

    model: str
    why: str


class Worst(msgspec.Struct, frozen=True):
    """The most that a call can come to.

    Attributes:
        attempts: the number of attempts.
        seconds: the time, never more than the deadline.
        cost: the price; each attempt counts in full, since vendors may bill one that timed out.
        tokens: how large a call is taken to be.

    """

    attempts: int
    seconds: float
    cost: Cost
    tokens: Usage


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """What a chain would do with a failure of one of its models.

    Attributes:
        chain: the chain's name.
        model: the model that fails.
        kind: the failure's kind.
        text: what the failure says.
        because: what its kind was recognised by.
        retry_after: the delay that the vendor states, in seconds.
        alert: a person's attention is asked for.
        rules: the chain's triggers, compared with the failure.
        steps: what follows each failure of the model.
        passed_over: the models that are not attempted.
        next: the model that comes next; `None`: there is none.
        on_break: what follows instead once a part of a stream is out.
        missing_keys: the variables of keys that are not set, by the models that come next.
        worst: the most that the call can come to.

    """

    chain: str
    model: str
    kind: Kind
    text: str
    because: str
    retry_after: float | None
    alert: bool
    rules: tuple[Rule, ...]
    steps: tuple[Step, ...]
    passed_over: tuple[PassedOver, ...]
    next: str | None
    on_break: Literal["fail", "restart"]
    missing_keys: Mapping[str, str]
    worst: Worst


class PlannedModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model of a chain.

    Attributes:
        model: its name.
        provider: its provider's name.
        asked: a call may reach it.
        rests: why it begins resting, if it does.
        attempts: how often one call attempts it, at the most.
        cost: the price of one attempt, in US dollars; `None`: unknown.
        timeout: seconds for a whole answer.
        first_token_timeout: seconds until a stream's first token.
        idle_timeout: seconds between two tokens.
        cannot: what it cannot do, and which parameters it is not sent.
        triggers: the triggers that may apply to it.

    """

    model: str
    provider: str
    asked: bool
    rests: str
    attempts: int
    cost: float | None
    timeout: float
    first_token_timeout: float
    idle_timeout: float
    cannot: tuple[str, ...]
    triggers: tuple[str, ...]


class Hedging(msgspec.Struct, frozen=True, kw_only=True):
    """What hedging can come to.

    Attributes:
        whole: by model, the seconds of silence for an answer that comes whole, where they are more
            than `hedge.after`.
        share: the share of calls that are hedged at the most, 0 to 1.
        first: how many more may be, to begin with.
        cost: the price of the additional request, at the most.

    """

    whole: Mapping[str, float]
    share: float
    first: int
    cost: Cost


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a call of a chain does.

    Attributes:
        chain: the chain's name.
        models: its models, in order.
        triggers: its triggers, in order.
        deadline: seconds for the whole call.
        hedge_after: seconds of silence before the next model is attempted beside; `None`: never.
        hedge: what hedging can come to; `None`: it cannot happen.
        missing_keys: the variables of keys that are not set, by model.
        worst: the most that a call can come to.

    """

    chain: str
    models: tuple[PlannedModel, ...]
    triggers: tuple[Rule, ...]
    deadline: float
    hedge_after: float | None
    hedge: Hedging | None
    missing_keys: Mapping[str, str]
    worst: Worst


class ExplainContext(msgspec.Struct, frozen=True, kw_only=True):
    """What a person should read beside an explanation.

    Attributes:
        locations: where each trigger stands, its file and line.
        missing_keys: the variables of keys that are not set, by model.
        tokens: how large a call is taken to be.

    """

    locations: Mapping[str, str] = {}
    missing_keys: Mapping[str, str] = {}
    tokens: Usage = TYPICAL
