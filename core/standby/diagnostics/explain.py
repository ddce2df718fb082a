"""What a chain would do with a failure, and what it plans to do.

It attempts nothing, and decides by the dispatcher's own rules (`dispatch/policy.py`). A failure is
taken to come at once and, where the model is retried, to come again; every circuit is taken to be
closed, and every budget of extra attempts to be full.
"""

import random
from collections.abc import Callable, Mapping, Sequence

from standby.diagnostics.explain_triggers import explain_triggers, may_apply
from standby.diagnostics.explanation import (
    ExplainContext,
    Explanation,
    Hedging,
    PassedOver,
    Plan,
    PlannedModel,
    Rule,
    Step,
    Worst,
)
from standby.dispatch.policy import (
    HEDGE_BUDGET,
    HEDGE_SHARE,
    MAX_STATED_WAIT,
    Decision,
    attempts_at_most,
    decide,
    hedge_delay,
    is_too_small,
    limit_retry,
    max_pause,
    outcome_of,
    retry_time,
)
from standby.dispatch.target import Route, Target
from standby.failures import REACTIONS, Failure, Kind
from standby.pricing import Cost, cost, total
from standby.resilience.circuit_breaker import DisabledBreaker
from standby.settings import Trigger
from standby.types import Usage

_CARD_FIELDS = {
    "tools": "tools",
    "schema": "a JSON Schema",
    "efforts": "reasoning_effort",
    "reads": "media",
}


class _Longest(random.Random):  # noqa: S311 - draws nothing
    """Returns the upper bound of each draw."""

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
    context: ExplainContext = ExplainContext(),  # noqa: B008 - frozen
) -> Explanation:
    """Explain what the chain does with a failure of one of its models.

    Args:
        failure: what went wrong.
        target: the model that failed; the chain attempts it.
        route: the chain.
        rules: the chain's triggers, in order.
        because: what the failure's kind was recognised by.
        spent: the seconds that the call has taken when the model fails first.
        context: what a person should read beside it.

    Returns:
        The explanation.

    """
    steps = tuple(_steps(failure, target, route, spent))
    passed_over, following = _following(failure, target, route, again=steps[-1].then == "retry")
    if steps[-1].then == "stop":
        passed_over, following = (), ()
    seconds = {target.name: [target.timeout + step.pause for step in steps]}
    for other in following:
        seconds.setdefault(other.name, []).extend(_at_worst(other, route, rules))
    names = {other.name for other in following}
    return Explanation(
        chain=route.name,
        model=target.name,
        kind=failure.kind,
        text=failure.text,
        because=because,
        retry_after=failure.retry_after,
        alert=REACTIONS[failure.kind].alert,
        rules=explain_triggers(failure, target, rules, context.locations, route.triggers),
        steps=steps,
        passed_over=passed_over,
        next=following[0].name if following else None,
        on_break=route.chain.stream.on_break,
        missing_keys={name: key for name, key in context.missing_keys.items() if name in names},
        worst=_worst(seconds, route, context.tokens, spent),
    )


def plan(
    route: Route,
    rules: Mapping[str, Trigger],
    context: ExplainContext = ExplainContext(),  # noqa: B008 - frozen
) -> Plan:
    """Say what a call of the chain does, and what it can come to at the worst without hedging.

    Args:
        route: the chain.
        rules: its triggers, in order.
        context: what a person should read beside it.

    Returns:
        The plan.

    """
    reachable = route.reachable
    at_worst = {target.name: _at_worst(target, route, rules) for target in route.targets}
    attempts = {
        target.name: len(at_worst[target.name]) if target in reachable else 0
        for target in route.targets
    }
    seconds = {target.name: at_worst[target.name] for target in reachable}
    return Plan(
        chain=route.name,
        models=tuple(
            _plan_model(target, rules, context.tokens, attempts[target.name])
            for target in route.targets
        ),
        triggers=tuple(
            Rule(
                name=name,
                then=trigger.then,
                outcome="not reached",
                place=context.locations.get(name, ""),
            )
            for name, trigger in rules.items()
        ),
        deadline=route.chain.deadline,
        hedge_after=None if route.chain.hedge is None else route.chain.hedge.after,
        hedge=_hedging(route, context.tokens),
        missing_keys=context.missing_keys,
        worst=_worst(seconds, route, context.tokens),
    )


def _hedging(route: Route, tokens: Usage) -> Hedging | None:
    hedge = route.chain.hedge
    awake = [target for target in route.reachable if not target.breaker.suspicion]
    if hedge is None or not awake[1:]:
        return None
    delays = {target.name: hedge_delay(hedge, target, is_streaming=False) for target in awake[:-1]}
    costs = {target.name: cost(tokens, target.card.price) for target in awake[1:]}
    return Hedging(
        whole=dict(item for item in delays.items() if item[1] > hedge.after),
        share=HEDGE_SHARE,
        first=int(HEDGE_BUDGET),
        cost=_dearest(costs),
    )


def _dearest(costs: Mapping[str, float | None]) -> Cost:
    known = [each for each in costs.values() if each is not None]
    unpriced = tuple(name for name, each in costs.items() if each is None)
    return Cost(max(known, default=0.0), unpriced)


# What follows


def _steps(failure: Failure, target: Target, route: Route, spent: float) -> list[Step]:
    """Return what follows each failure of the model, until another decision than a retry."""
    steps: list[Step] = []
    while not steps or (steps[-1].then == "retry" and not _overflows(failure, target)):
        number = len(steps) + 1
        decision, within = _decide(failure, target, route, number, spent)
        spent += decision.pause
        steps.append(_step(failure, target, number, decision, within))
    return steps


def _step(
    failure: Failure, target: Target, number: int, decision: Decision, within: float | None
) -> Step:
    outcome, rests = outcome_of(failure, decision, counts_against_model=True)
    if isinstance(target.breaker, DisabledBreaker):
        outcome, rests = "ignored", None
    if rests == 0:
        settings = target.breaker.settings
        rests = min(settings.open, settings.open_limit) / 2
    return Step(
        number=number,
        then=decision.then,
        trigger=decision.trigger,
        pause=decision.pause,
        within=within,
        counts=outcome == "failure",
        rests=rests,
    )


def _decide(
    failure: Failure, target: Target, route: Route, number: int, spent: float
) -> tuple[Decision, float | None]:
    """Return what follows the failure, and the shortest random pause that would not fit."""
    longest = decide(failure, target, route.chain, route.triggers, number, _Longest())
    reachable, deadline = route.reachable, route.chain.deadline
    later = len(reachable) - 1 - reachable.index(target)
    time_left = retry_time(deadline - spent, deadline, len(reachable), later)
    limited = limit_retry(longest, time_left, last_resort=target.breaker.suspicion != "")
    if limited == longest:
        return longest, None
    is_drawn = failure.retry_after is None and not target.breaker.suspicion
    return (longest, time_left) if is_drawn else (limited, None)


def _overflows(failure: Failure, target: Target) -> bool:
    return failure.kind is Kind.CONTEXT_TOO_LONG and is_too_small(target, [target])


def _following(
    failure: Failure, target: Target, route: Route, *, again: bool
) -> tuple[tuple[PassedOver, ...], tuple[Target, ...]]:
    """Return who is passed over after the failure, and who can be attempted, in order.

    With `again` the model itself was to be retried. A model that begins resting comes last.
    """
    position = route.reachable.index(target) + (0 if again else 1)
    candidates = [
        each
        for number, each in enumerate(route.reachable)
        if number >= position or _rests_beside(each, target)
    ]
    overflowed = [target] if failure.kind is Kind.CONTEXT_TOO_LONG else []
    small, large = _split(candidates, lambda each: is_too_small(each, overflowed))
    resting, awake = _split(large, lambda each: _rests_beside(each, target))
    passed_over = [_too_small(each) for each in small]
    if awake:
        passed_over += map(_resting, resting)
    return tuple(passed_over), (*awake, *resting)


def _rests_beside(other: Target, target: Target) -> bool:
    return other is not target and other.breaker.suspicion != ""


def _split(
    targets: Sequence[Target], matches: Callable[[Target], bool]
) -> tuple[list[Target], list[Target]]:
    return [each for each in targets if matches(each)], [
        each for each in targets if not matches(each)
    ]


def _too_small(target: Target) -> PassedOver:
    reason = "tokens is no larger than the one that was too small"
    return PassedOver(target.name, f"its context window of {target.card.context_window} {reason}")


def _resting(target: Target) -> PassedOver:
    return PassedOver(target.name, f"resting: {target.breaker.suspicion}, and others are left")


# The worst case


def _at_worst(target: Target, route: Route, rules: Mapping[str, Trigger]) -> list[float]:
    """Return the seconds of each attempt, pauses included, if all fail as late as they can."""
    retry = route.chain.retry
    by_trigger = any(rule.then == "retry" and may_apply(rule, target) for rule in rules.values())
    numbers = range(1, attempts_at_most(target, retry, by_trigger=by_trigger))
    pauses = [
        max(MAX_STATED_WAIT, *(max_pause(kind, retry, number) for kind in Kind))
        for number in numbers
    ]
    return [target.timeout + pause for pause in (*pauses, 0.0)]


def _worst(
    seconds: Mapping[str, Sequence[float]], route: Route, tokens: Usage, spent: float = 0.0
) -> Worst:
    """Add up the attempts of each model, given by their seconds."""
    attempts = [model for model, each in seconds.items() for _ in each]
    all_in_all = spent + sum(sum(each) for each in seconds.values())
    prices = {target.name: target.card.price for target in route.targets}
    longest = min(route.chain.deadline, all_in_all)
    return Worst(len(attempts), longest, total(attempts, prices, tokens), tokens)


def _plan_model(
    target: Target, rules: Mapping[str, Trigger], tokens: Usage, attempts: int
) -> PlannedModel:
    cannot = [text for field, text in _CARD_FIELDS.items() if not getattr(target.card, field)]
    return PlannedModel(
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
        triggers=tuple(name for name, rule in rules.items() if may_apply(rule, target)),
    )
