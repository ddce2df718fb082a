"""Lints of chains: unreachable models, lost features, a shared account, and too little time."""

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import pairwise
from typing import Any

from standby.cards import Card
from standby.config.contradictions import ENOUGH
from standby.config.durations import format_duration
from standby.config.finding import Finding, Findings
from standby.config.lint.context import ChainModel, LintContext
from standby.errors import Problem
from standby.failures import REACTIONS, Failure, Kind
from standby.resilience.triggers import Triggers
from standby.settings import Chain

SIMILARITY = 0.75
"""How similar a chain's name must be to "default", from 0 to 1, to be taken for a typo."""

DEFAULT_DEADLINE = Chain(models=("any",)).deadline
"""Seconds: the deadline of a chain that sets none."""

_WITHOUT_TRIGGERS = frozenset({Kind.UNAVAILABLE, Kind.DEADLINE, Kind.CONTRACT, Kind.REJECTED})
"""Kinds that say nothing about how a model failed: it was not called, or a trigger decided."""

_TOOL_PARAMETERS = frozenset({"parallel_tool_calls"})
"""Parameters that matter with tools only; a request with tools skips a model without tools."""


def lint_chains(context: LintContext, findings: Findings) -> None:
    """Check each chain; what is reported of a model in one chain is not repeated for another.

    Args:
        context: The settings.
        findings: Where the warnings and infos are added.

    """
    _check_default_name(context, findings)
    reported: set[tuple[str, ...]] = set()
    for name, models in context.chains.items():
        _check_reachability(context, name, findings)
        _check_accounts(name, models, findings)
        _check_time(context, name, findings)
        _check_tools_or_schema(context, name, findings)
        for before, after in pairwise(models):
            if (before.name, after.name) not in reported:
                reported.add((before.name, after.name))
                _check_loss(before, after, findings)
        takes_efforts = any(model.card.efforts for model in models)
        for model in models:
            if (model.name,) not in reported:
                reported.add((model.name,))
                _check_dropped_parameters(model, findings, takes_efforts=takes_efforts)
    _check_unused_models(context, findings)


def _check_default_name(context: LintContext, findings: Findings) -> None:
    """Report a chain whose name is nearly "default" where no chain has that name."""
    folded = {name.strip().casefold(): name for name in context.settings.chains}
    close = get_close_matches("default", folded, n=1, cutoff=SIMILARITY)
    if "default" not in context.settings.chains and close:
        name = folded[close[0]]
        message = (
            "no chain is named 'default', which a call uses that names no chain; "
            f"{name!r} nearly is"
        )
        findings.warn(("chains", name), "no-default", message, "write default")


def _check_tools_or_schema(context: LintContext, name: str, findings: Findings) -> None:
    """Report a first model that can never answer a request with both tools and a schema."""
    first, *others = context.chains[name]
    if first.card.tools_with_schema is not False:
        return
    able = [model.name for model in others if model.card.tools_with_schema is not False]
    if able and not _has_fallback_off(context, name):
        answer = f"is answered by {able[0]!r}"
    else:
        answer = "is answered by no model of the chain"
    message = f"{first.name!r} takes tools or a schema, not both: a request with both {answer}"
    hint = "for agents with tools and an output schema, put a model first that takes both"
    findings.inform(first.location, "tools-or-schema", message, hint)


def _check_reachability(context: LintContext, name: str, findings: Findings) -> None:
    """Report models after `fallback: false`, or after one whose every failure a trigger stops."""
    models = context.chains[name]
    if len(models) > 1 and _has_fallback_off(context, name):
        never = ", ".join(repr(model.name) for model in models[1:])
        message = f"fallback is false: {never} can never be reached"
        hint = "take them out, or write fallback: true"
        findings.warn(("chains", name, "fallback"), "unreachable-model", message, hint)
        return
    names = context.settings.chains[name].triggers or ()
    rules = [(trigger, context.settings.triggers[trigger]) for trigger in names]
    if all(rule.then != "stop" for _, rule in rules):
        return
    triggers = Triggers(rules)  # without plugins, so no predicate ever matches
    for before, after in pairwise(models):
        stopping = _find_stopping_trigger(triggers, before)
        if stopping:
            message = (
                f"{after.name!r} is not tried after any failure of {before.name!r}: "
                f"the trigger {stopping!r} stops there"
            )
            hint = "narrow the trigger, or write then: next"
            findings.warn(after.location, "unreachable-model", message, hint)
            return


def _has_fallback_off(context: LintContext, chain: str) -> bool:
    """Say whether the file itself turns the fallback off; a variable may turn it on tomorrow."""
    is_off = not context.settings.chains[chain].fallback
    return is_off and not context.is_variable(("chains", chain, "fallback"))


def _find_stopping_trigger(triggers: Triggers, model: ChainModel) -> str:
    """Return a trigger that stops at every failure of a model; "" if some failure leads on."""
    stopping = ""
    for kind, reaction in REACTIONS.items():
        if kind in _WITHOUT_TRIGGERS or reaction.then not in ("retry", "next"):
            continue
        failure = Failure(kind=kind, message="a text that no pattern matches")
        provider = model.settings.provider or ""
        match = triggers.match(failure, provider=provider, model=model.name)
        if match is None or match[1].then != "stop":
            return ""
        stopping = match[0]
    return stopping


def _check_unused_models(context: LintContext, findings: Findings) -> None:
    """Report models that no chain names, unless a variable names some: it may name any."""
    for chain_name, chain in context.given.chains.items():
        for at in range(len(chain.models)):
            if context.is_variable(("chains", chain_name, "models", at)):
                return
    named = {model for chain in context.given.chains.values() for model in chain.models}
    for name in context.given.models:
        if name not in named:
            message = f"{name!r} can never be reached: no chain names it"
            hint = "put it into a chain, or take it out"
            findings.warn(("models", name), "unreachable-model", message, hint)


def _check_accounts(name: str, models: tuple[ChainModel, ...], findings: Findings) -> None:
    """Report a chain whose models all share one account."""
    if len(models) < 2 or models[0].provider.api_key is None:  # noqa: PLR2004 - one model or none
        return
    if len({_account(model) for model in models}) == 1:
        message = (
            f"all models of {name!r} share one account of {models[0].settings.provider!r}: "
            "what stops one may stop all"
        )
        hint = "add a model of another provider"
        problem = Problem(code="shared-quota", message=message, hint=hint, severity="warning")
        location = ("chains", name, "models")
        findings.append(Finding(location=location, problem=problem, at_key=True))


def _account(model: ChainModel) -> tuple[Any, ...]:
    """Return what identifies an account; an unset key counts by the name of its variable."""
    provider = model.provider
    key = provider.api_key or (provider.api_key and provider.api_key.origin)
    return provider.reference, provider.base_url, key, repr(provider.options)


def _check_time(context: LintContext, name: str, findings: Findings) -> None:
    """Report a model that, when it hangs, leaves the last one no more than its reserved time."""
    models, deadline = context.chains[name], context.settings.chains[name].deadline
    if not _is_sequential(context, name) or deadline < ENOUGH * len(models):
        return
    last = models[-1]
    for at, model in enumerate(models[:-1]):
        reserved = ENOUGH * (len(models) - 1 - at)
        if model.timeout >= deadline - reserved and last.timeout > ENOUGH:
            timeout = format_duration(model.timeout)
            message = (
                f"when {model.name!r} hangs for its {timeout}, "
                f"the deadline of {format_duration(deadline)} "
                f"leaves {format_duration(ENOUGH)} for {last.name!r}"
            )
            hint = f"write a longer deadline, or a shorter timeout for {model.name!r}"
            report = findings.inform if deadline == DEFAULT_DEADLINE else findings.warn
            report(("chains", name, "deadline"), "no-time", message, hint)
            return


def _is_sequential(context: LintContext, name: str) -> bool:
    """Say whether a chain has a next model that waits until the one before it has ended."""
    if len(context.chains[name]) < 2 or _has_fallback_off(context, name):  # noqa: PLR2004
        return False
    return context.settings.chains[name].hedge is None


def _check_loss(before: ChainModel, after: ChainModel, findings: Findings) -> None:
    """Report what a model cannot do that the one before it can."""
    missing = [*_list_missing_features(before.card, after.card)]
    window = before.card.context_window or 0
    smaller = after.card.context_window
    if smaller is not None and smaller < window:
        missing.append(f"context ({smaller} tokens, not {window})")
    if missing:
        message = f"{after.name!r} lacks what {before.name!r} before it has: {', '.join(missing)}"
        findings.inform(after.location, "loss", message, "a request that needs it skips this model")


def _list_missing_features(before: Card, after: Card) -> Iterable[str]:
    reads = {*(after.reads or ())}
    yield from (kind for kind in before.reads or () if kind not in reads)
    if before.tools and not after.tools:
        yield "tools"
    if before.schema and not after.schema:
        yield "schema"


def _check_dropped_parameters(
    model: ChainModel, findings: Findings, *, takes_efforts: bool
) -> None:
    """Report the parameters that are left away for a model, or that make a request skip it.

    `takes_efforts`: whether some model of the chain takes the effort of its reasoning.
    """
    parameters = [
        name
        for name in model.dropped_parameters
        if model.card.tools or name not in _TOOL_PARAMETERS
    ]
    if takes_efforts and not model.card.efforts:
        parameters.append("reasoning_effort")
    if not parameters:
        return
    names = ", ".join(dict.fromkeys(parameters))
    if model.settings.strict:
        message, hint = f"{model.name!r} is skipped where a request has {names}", "strict says so"
    else:
        message = f"{model.name!r} is not sent {names}"
        hint = "each is dropped, and the trail says so"
    findings.inform(model.location, "drops", message, hint)
