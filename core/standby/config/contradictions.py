"""Finds numbers that are each valid, and contradict each other."""

import math

from standby.config.durations import format_duration
from standby.config.finding import Findings, Location
from standby.settings import BreakerSettings, Chain, Model, Settings

CODE = "contradiction"
"""The code of these findings."""

ENOUGH = 5.0
"""Seconds that a model should have for itself; the dispatcher reserves as much for it."""


def check_contradictions(settings: Settings, findings: Findings) -> None:
    """Compare the durations of settings.

    Args:
        settings: The settings as given, before defaults are filled in.
        findings: Receives the findings.

    """
    for name, model in settings.models.items():
        _check_model(("models", name), model, findings)
    for name, chain in settings.chains.items():
        _check_chain(("chains", name), chain, findings)
        _check_timeouts(("chains", name), chain, settings, findings)


def _check_model(location: Location, model: Model, findings: Findings) -> None:
    timeout = math.inf if model.timeout is None else model.timeout
    for key in ("first_token_timeout", "idle_timeout"):
        value: float | None = getattr(model, key)
        if value is not None and value > timeout:
            limit = format_duration(timeout)
            message = f"{key} of {format_duration(value)} is longer than the timeout of {limit}"
            findings.error((*location, key), CODE, message, f"write {limit} or less")
    breaker = model.breaker
    if isinstance(breaker, BreakerSettings) and breaker.open > breaker.open_limit:
        pause, limit = format_duration(breaker.open), format_duration(breaker.open_limit)
        message = f"the first pause of {pause} is longer than the open_limit of {limit}"
        hint = f"write open_limit: {pause} or more"
        findings.error((*location, "breaker"), CODE, message, hint)


def _check_chain(location: Location, chain: Chain, findings: Findings) -> None:
    deadline, count = format_duration(chain.deadline), len(chain.models)
    initial, limit = chain.retry.initial, chain.retry.limit
    if initial is not None and initial > limit:
        pause = format_duration(initial)
        message = f"the first pause of {pause} is longer than the limit of {format_duration(limit)}"
        findings.error((*location, "retry"), CODE, message, f"write limit: {pause} or more")
    if chain.hedge is not None and chain.hedge.after >= chain.deadline:
        after = format_duration(chain.hedge.after)
        message = f"a hedge after {after} never happens within the deadline of {deadline}"
        findings.warn((*location, "hedge"), CODE, message, "hedge earlier, or take it out")
    if count > 1 and chain.deadline < ENOUGH * count:
        share = format_duration(round(chain.deadline / count, 3))
        message = f"the deadline of {deadline} leaves {share} for each of {count} models"
        hint = f"write {format_duration(ENOUGH * count)} or more, or name fewer models"
        findings.warn((*location, "deadline"), CODE, message, hint)


def _check_timeouts(
    location: Location, chain: Chain, settings: Settings, findings: Findings
) -> None:
    deadline = format_duration(chain.deadline)
    for at, name in enumerate(chain.models):
        timeout = settings.models[name].timeout if name in settings.models else None
        if timeout is not None and timeout > chain.deadline:
            message = (
                f"the timeout of {name!r}, {format_duration(timeout)}, is longer than the deadline"
                f" of this chain, {deadline}"
            )
            hint = "shorten the one, or lengthen the other"
            findings.warn((*location, "models", at), CODE, message, hint)
