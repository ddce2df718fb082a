"""Numbers that contradict each other: each is fine by itself, and together they cannot be what is meant."""

from standby.config.finding import Findings, Location
from standby.config.scalars import format_duration
from standby.settings import BreakerSettings, Chain, Model, Settings

CODE = "contradiction"

ENOUGH = 5.0
"""Seconds of its own that a model should have; the dispatcher keeps as much in reserve for it."""


def check_contradictions(settings: Settings, findings: Findings) -> None:
    """Compare what is said of time, before anything is filled in for what is left out."""
    for name, model in settings.models.items():
        _check_model(("models", name), model, findings)
    for name, chain in settings.chains.items():
        _check_chain(("chains", name), chain, findings)
        _check_timeouts(("chains", name), chain, settings, findings)


def _check_model(location: Location, model: Model, findings: Findings) -> None:
    for key in ("first_token_timeout", "idle_timeout"):
        value = getattr(model, key)
        if value is not None and model.timeout is not None and value > model.timeout:
            words = f"{key} of {format_duration(value)} is longer than the timeout of {format_duration(model.timeout)}"
            findings.error(
                (*location, key), CODE, words, f"write {format_duration(model.timeout)} or less"
            )
    breaker = model.breaker
    if isinstance(breaker, BreakerSettings) and breaker.open > breaker.open_limit:
        words = f"the first pause of {format_duration(breaker.open)} is longer than the open_limit of {format_duration(breaker.open_limit)}"
        findings.error(
            (*location, "breaker"),
            CODE,
            words,
            f"write open_limit: {format_duration(breaker.open)} or more",
        )


def _check_chain(location: Location, chain: Chain, findings: Findings) -> None:
    initial, limit = chain.retry.initial, chain.retry.limit
    if initial is not None and initial > limit:
        words = f"the first pause of {format_duration(initial)} is longer than the limit of {format_duration(limit)}"
        findings.error(
            (*location, "retry"), CODE, words, f"write limit: {format_duration(initial)} or more"
        )
    if chain.hedge is not None and chain.hedge.after >= chain.deadline:
        words = f"a hedge after {format_duration(chain.hedge.after)} never happens within the deadline of {format_duration(chain.deadline)}"
        findings.warn((*location, "hedge"), CODE, words, "hedge earlier, or take it out")
    count = len(chain.models)
    if count > 1 and chain.deadline < ENOUGH * count:
        share = format_duration(round(chain.deadline / count, 3))
        words = f"the deadline of {format_duration(chain.deadline)} leaves {share} for each of {count} models"
        findings.warn(
            (*location, "deadline"),
            CODE,
            words,
            f"write {format_duration(ENOUGH * count)} or more, or name fewer models",
        )


def _check_timeouts(
    location: Location, chain: Chain, settings: Settings, findings: Findings
) -> None:
    for at, name in enumerate(chain.models):
        timeout = settings.models[name].timeout if name in settings.models else None
        if timeout is not None and timeout > chain.deadline:
            deadline = format_duration(chain.deadline)
            words = f"the timeout of {name!r}, {format_duration(timeout)}, is longer than the deadline of this chain, {deadline}"
            findings.warn(
                (*location, "models", at), CODE, words, "shorten the one, or lengthen the other"
            )
