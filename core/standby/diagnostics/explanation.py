"""What is explained of a chain: frozen values, the same for a person and as JSON."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from standby.failures import Kind, Then
from standby.pricing import TYPICAL, Cost
from standby.types import Usage


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A trigger of the chain beside a failure; `place` is its file and line, `why` what it was passed over for."""

    name: str
    then: Then
    outcome: Literal["fires", "passed over", "not reached"]
    why: str = ""
    place: str = ""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What follows the `number`th failure of the model.

    `pause` is the longest that is waited before a retry, in seconds; `within`: a pause that is
    drawn as long as that, or longer, does not fit into the deadline, and the next model is asked
    instead. `counts`: towards the model's rest. `rests`: the seconds that it rests at once, at the
    least; `None`: it does not.
    """

    number: int
    then: Literal["retry", "next", "stop", "accept"]
    trigger: str | None = None
    pause: float = 0.0
    within: float | None = None
    counts: bool = False
    rests: float | None = None


class PassedOver(msgspec.Struct, frozen=True):
    """A model that cannot be asked after this failure."""

    model: str
    why: str


class Worst(msgspec.Struct, frozen=True):
    """The most that a call can come to: attempts, seconds, never more than its deadline, and what it costs.

    Each attempt is taken to be billed in full, for the `tokens` that were assumed: who runs out of
    time may be billed too.
    """

    attempts: int
    seconds: float
    cost: Cost
    tokens: Usage


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """What a chain would do with a failure of one of its models.

    `next` is the model that is asked when this one is not asked any more; `None`: nobody.
    `on_break`: what follows instead once a stream's words are out. `missing_keys`: of the models
    that come next.
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


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """A model of a chain: how long one attempt may take, how often it may be asked, what its card says it cannot do.

    `cost` is that of one attempt, in US dollars; `None`: its price is not known. `rests`: why it
    begins resting, if it does.
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
    """What it can come to that a model is asked beside a silent one.

    `whole`: by model, the seconds that an answer gets which comes as a whole, where they are more.
    At most `share` of the calls (0 to 1) are hedged, and `first` more to begin with; each of them
    makes one request more, of `cost` at most.
    """

    whole: Mapping[str, float]
    share: float
    first: int
    cost: Cost


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A chain as it will be walked; `hedge_after` in seconds, `None`: never; `hedge`: what that means, if it can happen."""

    chain: str
    models: tuple[Planned, ...]
    triggers: tuple[Rule, ...]
    deadline: float
    hedge_after: float | None
    hedge: Hedging | None
    missing_keys: Mapping[str, str]
    worst: Worst


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What a person should read beside: where each trigger stands, and by model the variable that would hold its key.

    `tokens` is how large a call is taken to be.
    """

    places: Mapping[str, str] = {}
    missing_keys: Mapping[str, str] = {}
    tokens: Usage = TYPICAL
