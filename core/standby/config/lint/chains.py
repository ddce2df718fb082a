"""Lints of chains: models that are never asked, what is lost from one to the next, one account for all, and too little time."""

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import pairwise
from typing import Any

from standby.config.contradictions import ENOUGH
from standby.config.finding import Finding, Findings, Location
from standby.config.lint.context import Asked, View
from standby.config.scalars import format_duration
from standby.errors import Problem
from standby.failures import REACTIONS, Failure, Kind
from standby.resilience.triggers import Triggers
from standby.settings import Chain

SURE = 0.75
"""How alike a chain's name and "default" are, where it is a slip."""

DEADLINE = Chain(models=("any",)).deadline
"""Seconds of a chain that says nothing of its deadline."""

_SEEN_BY_NO_TRIGGER = frozenset({Kind.UNAVAILABLE, Kind.DEADLINE, Kind.CONTRACT, Kind.REJECTED})
"""Kinds that say nothing of how a model failed: not asked, nothing left to ask, or a trigger said so itself."""


_OF_TOOLS = frozenset({"parallel_tool_calls"})
"""Sampling parameters that say nothing to a model without tools: a request that has one is not sent there anyway."""


def lint_chains(view: View, findings: Findings) -> None:
    """Look at each chain by itself; what was told of a model in one chain is not told again of another."""
    _default(view, findings)
    told: set[tuple[str, ...]] = set()
    for name, asked in view.chains.items():
        _reach(view, name, findings)
        _quota(("chains", name, "models"), name, asked, findings)
        _time(view, name, findings)
        _tools_or_schema(view, name, findings)
        for before, after in pairwise(asked):
            if (before.name, after.name) not in told:
                told.add((before.name, after.name))
                _loss(before, after, findings)
        for one in asked:
            if (one.name,) not in told:
                told.add((one.name,))
                _drops(one, asked, findings)
    _models(view, findings)


def _default(view: View, findings: Findings) -> None:
    """Tell of a chain that is nearly called as the one that a call asks where it names none."""
    folded = {name.strip().casefold(): name for name in view.settings.chains}
    close = get_close_matches("default", folded, n=1, cutoff=SURE)
    if "default" not in view.settings.chains and close:
        name = folded[close[0]]
        message = (
            f"no chain is named 'default', which a call asks that names none; {name!r} nearly is"
        )
        findings.warn(("chains", name), "no-default", message, "write default")


def _tools_or_schema(view: View, name: str, findings: Findings) -> None:
    """Tell of a first model that never answers a request with tools and a schema."""
    first, *others = view.chains[name]
    if first.card.tools_with_schema is not False:
        return
    able = (one.name for one in others if one.card.tools_with_schema is not False)
    then = "" if _is_off(view, name) else next((one for one in able), "")
    who = f"is answered by {then!r}" if then else "is answered by no model of the chain"
    message = f"{first.name!r} takes tools or a schema, not both: a request with both {who}"
    hint = "for agents with tools and an output schema, put a model first that takes both"
    findings.inform(first.location, "tools-or-schema", message, hint)


def _reach(view: View, name: str, findings: Findings) -> None:
    """Tell of models behind a `fallback: false`, or behind a model at each failure of which a trigger stops."""
    chain, asked = view.settings.chains[name], view.chains[name]
    location = ("chains", name, "fallback")
    if _is_off(view, name) and len(asked) > 1:
        never = ", ".join(repr(one.name) for one in asked[1:])
        hint = "take them out, or write fallback: true"
        findings.warn(
            location, "unreachable-model", f"fallback is false: {never} can never be reached", hint
        )
        return
    triggers = Triggers(
        (each, view.settings.triggers[each]) for each in chain.triggers or ()
    )  # a test never tells by itself
    for before, after in pairwise(asked):
        stopping = _stopping(triggers, before)
        if stopping:
            message = f"{after.name!r} is not asked after any failure of {before.name!r}: the trigger {stopping!r} stops there"
            findings.warn(
                after.location,
                "unreachable-model",
                message,
                "narrow the trigger, or write then: next",
            )
            return


def _is_off(view: View, chain: str) -> bool:
    """Say whether the file itself switches the fallback off; a variable is a switch, and may be switched on tomorrow."""
    return not view.settings.chains[chain].fallback and not view.is_variable(
        ("chains", chain, "fallback")
    )


def _stopping(triggers: Triggers, asked: Asked) -> str:
    """Return the trigger that stops at a model's failures, whatever they are; "" if one leads on."""
    stopping = ""
    for kind, reaction in REACTIONS.items():
        if kind in _SEEN_BY_NO_TRIGGER or reaction.then not in ("retry", "next"):
            continue
        failure = Failure(kind=kind, message="no pattern knows these words")
        found = triggers.match(failure, provider=asked.model.provider or "", model=asked.name)
        if found is None or found[1].then != "stop":
            return ""
        stopping = found[0]
    return stopping


def _models(view: View, findings: Findings) -> None:
    """Tell of models that no chain names; where a variable names some, it may name any."""
    named = {
        (name, at): model
        for name, chain in view.given.chains.items()
        for at, model in enumerate(chain.models)
    }
    if any(view.is_variable(("chains", chain, "models", at)) for chain, at in named):
        return
    for name in view.given.models:
        if name not in named.values():
            message = f"{name!r} can never be reached: no chain names it"
            findings.warn(
                ("models", name),
                "unreachable-model",
                message,
                "put it into a chain, or take it out",
            )


def _quota(location: Location, name: str, asked: tuple[Asked, ...], findings: Findings) -> None:
    accounts = {_account(one) for one in asked}
    if len(asked) > 1 and len(accounts) == 1 and asked[0].provider.api_key is not None:
        message = f"all models of {name!r} share one account of {asked[0].model.provider!r}: what stops one may stop all"
        hint = "add a model of another provider"
        problem = Problem(code="shared-quota", message=message, hint=hint, severity="warning")
        findings.append(Finding(location=location, problem=problem, at_key=True))


def _account(asked: Asked) -> tuple[Any, ...]:
    """Return what tells accounts apart: keys by their value, and while they are not set by their variables."""
    provider = asked.provider
    key = provider.api_key or (provider.api_key and provider.api_key.origin)
    return provider.reference, provider.base_url, key, repr(provider.options)


def _time(view: View, name: str, findings: Findings) -> None:
    """Tell where one model that hangs leaves the last one with no more than what is kept in reserve for it."""
    chain, asked = view.settings.chains[name], view.chains[name]
    count = len(asked)
    if (
        count < 2
        or _is_off(view, name)
        or chain.hedge is not None
        or chain.deadline < ENOUGH * count
    ):  # noqa: PLR2004 - a last and one before
        return
    for at, one in enumerate(asked[:-1]):
        rest = ENOUGH * (count - 1 - at)
        last = asked[-1]
        if one.timeout >= chain.deadline - rest and last.timeout > ENOUGH:
            message = (
                f"when {one.name!r} hangs for its {format_duration(one.timeout)}, the deadline of {format_duration(chain.deadline)} "
                f"leaves {format_duration(ENOUGH)} for {last.name!r}"
            )
            hint = f"write a longer deadline, or a shorter timeout for {one.name!r}"
            tell = (
                findings.inform if chain.deadline == DEADLINE else findings.warn
            )  # nobody chose the default
            tell(("chains", name, "deadline"), "no-time", message, hint)
            return


def _loss(before: Asked, after: Asked, findings: Findings) -> None:
    lost = ", ".join(_lost(before, after))
    if lost:
        message = f"{after.name!r} lacks what {before.name!r} before it has: {lost}"
        findings.inform(after.location, "loss", message, "a request that needs it skips this model")


def _lost(before: Asked, after: Asked) -> Iterable[str]:
    reads = [kind for kind in before.card.reads or () if kind not in (after.card.reads or ())]
    yield from reads
    if before.card.tools and not after.card.tools:
        yield "tools"
    if before.card.schema and not after.card.schema:
        yield "schema"
    window, less = before.card.context_window, after.card.context_window
    if window is not None and less is not None and less < window:
        yield f"context ({less} tokens, not {window})"


def _drops(one: Asked, asked: tuple[Asked, ...], findings: Findings) -> None:
    dropped = [name for name in one.refused if one.card.tools or name not in _OF_TOOLS]
    if not one.card.efforts and any(other.card.efforts for other in asked):
        dropped.append("reasoning_effort")
    if not dropped:
        return
    names = ", ".join(dict.fromkeys(dropped))
    if one.model.strict:
        findings.inform(
            one.location,
            "drops",
            f"{one.name!r} is skipped where a request has {names}",
            "strict says so",
        )
    else:
        findings.inform(
            one.location,
            "drops",
            f"{one.name!r} is not sent {names}",
            "each is left out, and the trail says so",
        )
