"""What a chain would do with a failure, and what it is planned to do. Pure: it asks nobody, and decides as the dispatcher does.

A failure is taken to come at once and, where the model is asked again, to come again; the model is
taken to be well, and its budget of extra attempts to be full.
"""

import random
from collections.abc import Mapping, Sequence
from typing import Literal, cast

import msgspec

from standby.diagnostics.explanation import (
    Explanation,
    Hedging,
    Known,
    PassedOver,
    Plan,
    Planned,
    Rule,
    Step,
    Worst,
)
from standby.dispatch.dispatcher import RESERVE
from standby.dispatch.policy import (
    LONGEST_STATED_WAIT,
    Decision,
    Route,
    decide,
    longest_pause,
    longest_silence,
    outcome_of,
)
from standby.dispatch.routes import HEDGED_SHARE, HEDGES
from standby.dispatch.target import Target
from standby.failures import REACTIONS, Failure, Kind
from standby.pricing import Cost, cost, total
from standby.resilience.circuit_breaker import DisabledBreaker
from standby.resilience.triggers import FindPredicate, Triggers
from standby.settings import Trigger
from standby.types import Usage

FIELDS = ("provider", "model", "kind", "status", "code", "message", "test")
"""A trigger's fields, in the order in which they are told."""

_CARD = {
    "tools": "tools",
    "schema": "a JSON Schema",
    "efforts": "reasoning_effort",
    "reads": "media",
}


class _Longest(random.Random):
    """Draws the longest of each span."""

    def uniform(self, a: float, b: float) -> float:
        return max(a, b)


def explain(
    failure: Failure,
    target: Target,
    route: Route,
    rules: Mapping[str, Trigger],
    *,
    because: str = "",
    spent: float = 0.0,
    known: Known = Known(),  # noqa: B008 - frozen
) -> Explanation:
    """Say what the chain does with a failure of one of the models that it asks.

    `rules` are the chain's triggers in order; `because` says what the kind was told by; `spent` are
    the seconds for which the call is under way when the model fails first.
    """
    steps = tuple(_steps(failure, target, route, spent))
    passed_over, following = _following(failure, target, route, again=steps[-1].then == "retry")
    if steps[-1].then == "stop":
        passed_over, following = (), ()
    spans = {target.name: [target.timeout + step.pause for step in steps]}
    for other in following:
        spans.setdefault(other.name, []).extend(_at_worst(other, route, rules))
    return Explanation(
        chain=route.name,
        model=target.name,
        kind=failure.kind,
        text=failure.text,
        because=because,
        retry_after=failure.retry_after,
        alert=REACTIONS[failure.kind].alert,
        rules=tuple(_rules(failure, target, rules, known.places, route.triggers.predicates)),
        steps=steps,
        passed_over=passed_over,
        next=following[0].name if following else None,
        on_break=route.chain.stream.on_break,
        missing_keys={
            name: key
            for name, key in known.missing_keys.items()
            if name in {other.name for other in following}
        },
        worst=_worst(spans, route, known.tokens, spent),
    )


def plan(
    route: Route,
    rules: Mapping[str, Trigger],
    known: Known = Known(),  # noqa: B008 - frozen
) -> Plan:
    """Say how the chain is walked, and what a call can come to at the worst, where no model is asked beside another."""
    asked = asked_of(route)
    at_worst = {target.name: _at_worst(target, route, rules) for target in route.targets}
    return Plan(
        chain=route.name,
        models=tuple(
            _planned(
                target, rules, known.tokens, len(at_worst[target.name]) if target in asked else 0
            )
            for target in route.targets
        ),
        triggers=tuple(
            Rule(
                name=name,
                then=trigger.then,
                outcome="not reached",
                place=known.places.get(name, ""),
            )
            for name, trigger in rules.items()
        ),
        deadline=route.chain.deadline,
        hedge_after=None if route.chain.hedge is None else route.chain.hedge.after,
        hedge=_hedging(route, known.tokens),
        missing_keys=known.missing_keys,
        worst=_worst({target.name: at_worst[target.name] for target in asked}, route, known.tokens),
    )


def _hedging(route: Route, tokens: Usage) -> Hedging | None:
    hedge, awake = (
        route.chain.hedge,
        [target for target in asked_of(route) if not target.breaker.suspicion],
    )
    beside = awake[1:]
    if hedge is None or not beside:
        return None
    silence = {
        target.name: longest_silence(hedge, target, in_pieces=False) for target in awake[:-1]
    }
    costs = {target.name: cost(tokens, target.card.price) for target in beside}
    return Hedging(
        whole={name: seconds for name, seconds in silence.items() if seconds > hedge.after},
        share=HEDGED_SHARE,
        first=int(HEDGES),
        cost=Cost(
            max(each or 0.0 for each in costs.values()),
            tuple(name for name, each in costs.items() if each is None),
        ),
    )


def asked_of(route: Route) -> tuple[Target, ...]:
    """Return the models that a call may reach."""
    return route.targets if route.chain.fallback else route.targets[:1]


# The rules


def _rules(
    failure: Failure,
    target: Target,
    rules: Mapping[str, Trigger],
    places: Mapping[str, str],
    tests: FindPredicate,
) -> list[Rule]:
    told: list[Rule] = []
    fired = ""
    for name, trigger in rules.items():
        why = (
            f"{fired!r} comes first" if fired else _passed_over_for(failure, target, trigger, tests)
        )
        outcome: Literal["fires", "passed over", "not reached"] = "passed over" if why else "fires"
        told.append(
            Rule(
                name=name,
                then=trigger.then,
                outcome="not reached" if fired else outcome,
                why=why,
                place=places.get(name, ""),
            )
        )
        fired = fired or ("" if why else name)
    return told


def _passed_over_for(
    failure: Failure, target: Target, trigger: Trigger, tests: FindPredicate
) -> str:
    """Say which field does not recognise the failure; "" if all do. Each is put to the real matcher, alone."""
    if _recognises(trigger, failure, target, tests):
        return ""
    for field in FIELDS:
        wanted = getattr(trigger, field)
        # beside a kind that fits, a text is looked for in whatever failure it is
        alone = msgspec.structs.replace(
            Trigger(then=trigger.then, kind=failure.kind), **{field: wanted}
        )
        if wanted is not None and not _recognises(alone, failure, target, tests):
            return _misfit(field, wanted, failure, target)
    return f"a text alone never decides about {failure.kind}; add kind: {failure.kind}, a status or a code"


def _recognises(
    trigger: Trigger, failure: Failure, target: Target, tests: FindPredicate | None = None
) -> bool:
    return (
        Triggers([("", trigger)], tests).match(failure, provider=target.provider, model=target.name)
        is not None
    )


def _misfit(field: str, wanted: object, failure: Failure, target: Target) -> str:
    items = cast("tuple[object, ...]", wanted) if isinstance(wanted, tuple) else (wanted,)
    told = " or ".join(map(str, items))
    if field == "test":
        return f"test: {told} does not recognise it"
    if field == "message":
        return f"message: the text has no {' or '.join(repr(str(item)) for item in items)}"
    actual = {
        "provider": target.provider,
        "model": target.name,
        "kind": failure.kind,
        "status": failure.status,
        "code": failure.code,
    }
    return f"{field}: {'none' if actual[field] is None else actual[field]}, not {told}"


# What follows


def _steps(failure: Failure, target: Target, route: Route, spent: float) -> list[Step]:
    steps: list[Step] = []
    while not steps or (steps[-1].then == "retry" and not _is_too_small(target, failure, target)):
        number = len(steps) + 1
        decision, within = _fitted(
            decide(failure, target, route, number, _Longest()), failure, target, route, spent
        )
        spent += decision.pause
        outcome, rests = outcome_of(failure, decision, blamed=True)
        if isinstance(target.breaker, DisabledBreaker):
            outcome, rests = "ignored", None
        if rests == 0:
            rests = min(target.breaker.settings.open, target.breaker.settings.open_limit) / 2
        steps.append(
            Step(
                number=number,
                then=decision.then,
                trigger=decision.trigger,
                pause=decision.pause,
                within=within,
                counts=outcome == "failure",
                rests=rests,
            )
        )
    return steps


def _fitted(
    decision: Decision, failure: Failure, target: Target, route: Route, spent: float
) -> tuple[Decision, float | None]:
    """Hold a pause against what the deadline leaves after `spent` seconds, as the dispatcher does."""
    if decision.then != "retry":
        return decision, None
    if target.breaker.suspicion:  # it was asked as a last resort, and that once
        return Decision("next", decision.trigger), None
    asked = asked_of(route)
    later = len(asked) - 1 - asked.index(target)
    reserved = min(RESERVE, route.chain.deadline / len(asked)) * later
    left = route.chain.deadline - reserved - spent
    if failure.retry_after is not None and decision.pause >= left:
        return Decision("next", decision.trigger), None
    return decision, max(0.0, left) if decision.pause >= left else None


def _following(
    failure: Failure, target: Target, route: Route, *, again: bool
) -> tuple[tuple[PassedOver, ...], tuple[Target, ...]]:
    """Return who is passed over after that, and all who can be asked, in order; with `again` the model itself was to be.

    A model that begins resting is asked where no other is left.
    """
    asked = asked_of(route)
    later = asked[asked.index(target) + (0 if again else 1) :]
    resting = tuple(other for other in asked if other.breaker.suspicion and other is not target)
    awake = tuple(other for other in later if other not in resting)
    small = tuple(
        other
        for other in asked
        if other in (*awake, *resting) and _is_too_small(other, failure, target)
    )
    words = "tokens is no larger than the one that was too small"
    passed_over = [
        PassedOver(other.name, f"its context window of {other.card.context_window} {words}")
        for other in small
    ]
    awake, resting = (
        tuple(other for other in some if other not in small) for some in (awake, resting)
    )
    if awake:
        rests = (
            PassedOver(other.name, f"resting: {other.breaker.suspicion}, and others are left")
            for other in resting
        )
        passed_over += rests
    return tuple(passed_over), awake + resting


def _is_too_small(other: Target, failure: Failure, target: Target) -> bool:
    """After "context too long" only a larger window helps, the model's own does not; an unknown one counts as larger."""
    window = other.card.context_window
    return (
        failure.kind is Kind.CONTEXT_TOO_LONG
        and window is not None
        and window <= (target.card.context_window or 0)
    )


# The worst case


def _at_worst(target: Target, route: Route, rules: Mapping[str, Trigger]) -> list[float]:
    """Return the seconds of each attempt of a model, with the pause before the next, if it fails as late as it can."""
    retry = route.chain.retry
    by_trigger = any(rule.then == "retry" and _may_apply(rule, target) for rule in rules.values())
    attempts = (
        1 if target.breaker.suspicion else retry.attempts if by_trigger else min(2, retry.attempts)
    )
    numbers = range(1, attempts)
    pauses = [
        max(LONGEST_STATED_WAIT, *(longest_pause(kind, retry, number) for kind in Kind))
        for number in numbers
    ]
    return [target.timeout + pause for pause in (*pauses, 0.0)]


def _worst(
    spans: Mapping[str, Sequence[float]], route: Route, tokens: Usage, spent: float = 0.0
) -> Worst:
    """Add up the attempts of each model, given by their seconds."""
    attempts = [model for model, each in spans.items() for _ in each]
    seconds = spent + sum(sum(each) for each in spans.values())
    prices = {target.name: target.card.price for target in route.targets}
    return Worst(
        len(attempts), min(route.chain.deadline, seconds), total(attempts, prices, tokens), tokens
    )


def _may_apply(trigger: Trigger, target: Target) -> bool:
    there = Trigger(then=trigger.then, provider=trigger.provider, model=trigger.model)
    return _recognises(there, Failure(kind=Kind.OVERLOADED, message=""), target)


def _planned(target: Target, rules: Mapping[str, Trigger], tokens: Usage, attempts: int) -> Planned:
    cannot = [words for field, words in _CARD.items() if not getattr(target.card, field)]
    return Planned(
        model=target.name,
        provider=target.provider,
        asked=attempts > 0,
        rests=target.breaker.suspicion,
        attempts=attempts,
        cost=cost(tokens, target.card.price),
        timeout=target.timeout,
        first_token_timeout=min(target.first_token_timeout, target.timeout),
        idle_timeout=min(target.idle_timeout, target.timeout),
        cannot=tuple(dict.fromkeys((*cannot, *target.refused))),
        triggers=tuple(name for name, rule in rules.items() if _may_apply(rule, target)),
    )
