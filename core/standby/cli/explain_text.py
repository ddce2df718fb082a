"""What `standby explain` prints for a person."""

from collections.abc import Iterator, Mapping

from standby.diagnostics.explanation import (
    Explanation,
    Hedging,
    Plan,
    PlannedModel,
    Rule,
    Step,
    Worst,
)
from standby.dispatch.policy import MAX_STATED_WAIT
from standby.failures import REACTIONS
from standby.pricing import format_cost, format_dollars, format_size

_FIRST_NAMES = {1: "the first time", 2: "after the retry"}


def format_explanation(explanation: Explanation) -> Iterator[str]:
    """Format what a chain does with a failure.

    Args:
        explanation: The explanation.

    Yields:
        Its lines.
    """
    if explanation.text:
        yield f"{explanation.model} fails with {explanation.text}"
    else:
        unknown = "no status, code or message is known, so no trigger that looks for one can fire"
        yield f"{explanation.model} fails; {unknown}"
    yield f"kind: {explanation.kind}, because {explanation.because}"
    yield from map(_format_rule, explanation.rules)
    if not any(rule.outcome == "fires" for rule in explanation.rules):
        default = REACTIONS[explanation.kind].then
        yield f"no trigger fires: the default for {explanation.kind} is {default}"
    for step in explanation.steps:
        reaction = _format_reaction(step, explanation)
        yield f"{_format_time(step.number)}: {reaction}; {_format_health(step)}"
    for each in explanation.passed_over:
        yield f"{each.model} is not called: {each.why}"
    if explanation.alert:
        yield "a person must act: an alert goes to the log and to the application"
    if explanation.on_break == "fail":
        yield "in a stream that has begun: stop, the caller has the text so far"
    yield from _format_missing_keys(explanation.missing_keys)
    yield _format_worst(explanation.worst)


def format_plan(plan: Plan) -> Iterator[str]:
    """Format what a chain plans to do, as long as nothing fails.

    Args:
        plan: The plan.

    Yields:
        Its lines.
    """
    yield f"chain {plan.chain}, for at most {plan.deadline:g}s"
    for model in plan.models:
        yield from _format_model(model, has_triggers=bool(plan.triggers))
    for rule in plan.triggers:
        yield f"trigger {rule.name} ({rule.place}): then {rule.then}"
    if plan.hedge is not None:
        yield from _format_hedge(plan.hedge, plan.hedge_after or 0.0)
    elif plan.hedge_after is not None:
        awake = (model for model in plan.models if model.asked and not model.rests)
        first = next(awake, plan.models[0])
        yield f"no hedge: after {first.model} comes no model that is called and does not rest"
    yield from _format_missing_keys(plan.missing_keys)
    yield _format_worst(plan.worst)


# A failure


def _format_rule(rule: Rule) -> str:
    outcome = rule.outcome if rule.outcome == "fires" else f"is {rule.outcome}"
    why = f": {rule.why}" if rule.why else f", then {rule.then}"
    return f"trigger {rule.name} ({rule.place}) {outcome}{why}"


def _format_time(number: int) -> str:
    return _FIRST_NAMES.get(number, f"after retry {number - 1}")


def _format_reaction(step: Step, explanation: Explanation) -> str:
    match step.then:
        case "retry":
            return _format_retry(step, explanation)
        case "stop":
            return "stop, the caller gets the error"
        case "accept":
            return f"accept a reply, marked; without a reply: {_format_next(explanation)}"
        case "next":
            return _format_next(explanation) + _why_no_retry(explanation)


def _format_next(explanation: Explanation) -> str:
    if explanation.next:
        return f"next, {explanation.next}"
    return "no model is left, the call fails"


def _format_retry(step: Step, explanation: Explanation) -> str:
    limit = "" if explanation.retry_after else "up to "
    pause = f"after {limit}{step.pause:g}s" if step.pause else "at once"
    late = ""
    if step.within is not None:
        late = f" (a pause of {step.within:g}s or more does not fit into the deadline: then next)"
    return f"retry {explanation.model} {pause}{late}"


def _why_no_retry(explanation: Explanation) -> str:
    """Say why a model is not retried although a trigger or the default says so."""
    fired = (rule.then for rule in explanation.rules if rule.outcome == "fires")
    stated = explanation.retry_after or 0.0
    reaction = next(fired, REACTIONS[explanation.kind].then)
    if reaction != "retry" or stated <= MAX_STATED_WAIT:
        return ""
    return f" (no retry: the stated delay of {stated:g}s is longer than {MAX_STATED_WAIT:g}s)"


def _format_health(step: Step) -> str:
    parts = ["counts towards a rest"] if step.counts else []
    parts += [] if step.rests is None else [f"rests the model for at least {step.rests:g}s"]
    return " and ".join(parts) or "does not affect the model's health"


# A plan


def _format_model(model: PlannedModel, *, has_triggers: bool) -> Iterator[str]:
    name = f"{model.model} ({model.provider})"
    if not model.asked:
        yield f"{name}: not called, fallback is false"
        return
    attempts = f"up to {_count(model.attempts, 'attempt')}, {model.timeout:g}s each"
    first, idle = model.first_token_timeout, model.idle_timeout
    yield f"{name}: {attempts}; a stream's first token in {first:g}s, the next in {idle:g}s"
    if model.rests:
        yield (
            f"  begins resting, {model.rests}: called in the background of calls that others "
            "answer, or where no other answers"
        )
    if model.cost is not None:
        yield f"  costs: {format_dollars(model.cost)} an attempt"
    if model.cannot:
        yield f"  cannot take: {', '.join(model.cannot)}"
    if has_triggers:
        yield f"  triggers: {', '.join(model.triggers) or 'none'}"


def _format_hedge(hedge: Hedging, after: float) -> Iterator[str]:
    yield (
        f"where a model shows no sign of life for {after:g}s, the next one is called beside it, "
        "once in a call"
    )
    for model, seconds in hedge.whole.items():
        yield (
            f"  {model} gets {seconds:g}s where its answer is not streamed: it thinks, and shows "
            "no sign until then"
        )
    calls = round(1 / hedge.share)
    often = f"1 request more in {calls} calls at most (and up to {hedge.first} more to begin with)"
    yield f"  that makes {often}; what each costs at most: {format_cost(hedge.cost)}"


# Both


def _format_missing_keys(variables: Mapping[str, str]) -> Iterator[str]:
    for model, variable in variables.items():
        yield f"{model} has no key here, and is skipped until it has one: set {variable}"


def _format_worst(worst: Worst) -> str:
    total = f"{_count(worst.attempts, 'attempt')}, {worst.seconds:g}s, {format_cost(worst.cost)}"
    return f"at worst: {total}; each billed for {format_size(worst.tokens)}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
