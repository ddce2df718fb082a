"""Numbers that contradict each other: each is fine by itself, and together they cannot be what is meant."""

from collections.abc import Iterator

from standby.config.resolve import Finding, Place
from standby.config.schema import written
from standby.errors import Problem
from standby.policy import Chain, Model, Settings

ENOUGH = 5.0
"""Seconds of its own that a model should have; the dispatcher keeps as much in reserve for it."""


def contradictions(settings: Settings) -> Iterator[Finding]:
    """Compare what the file says of time, before anything is filled in for what it leaves out."""
    for name, model in settings.models.items():
        yield from _of_model(("models", name), model)
    for name, chain in settings.chains.items():
        yield from _of_chain(("chains", name), chain, settings)


def _of_model(place: Place, model: Model) -> Iterator[Finding]:
    if model.timeout is not None:
        for key, value in (("first_token_timeout", model.first_token_timeout), ("idle_timeout", model.idle_timeout)):
            if value is not None and value > model.timeout:
                yield _error(
                    (*place, key), f"{key} of {_s(value)} is longer than the timeout of {_s(model.timeout)}", "shorten it"
                )
    breaker = model.breaker
    if breaker is not None and breaker.open > breaker.open_limit:
        words = f"the first pause of {_s(breaker.open)} is longer than the open_limit of {_s(breaker.open_limit)}"
        yield _error((*place, "breaker"), words, f"write an open_limit of {_s(breaker.open)} or more")


def _of_chain(place: Place, chain: Chain, settings: Settings) -> Iterator[Finding]:
    deadline = _s(chain.deadline)
    if chain.retry.initial > chain.retry.limit:
        words = f"the first pause of {_s(chain.retry.initial)} is longer than the limit of {_s(chain.retry.limit)}"
        yield _error((*place, "retry"), words, f"write a limit of {_s(chain.retry.initial)} or more")
    if chain.hedge is not None and chain.hedge.after >= chain.deadline:
        words = f"a hedge after {_s(chain.hedge.after)} never happens within the deadline of {deadline}"
        yield _error((*place, "hedge"), words, "hedge earlier, or take it out")
    share = chain.deadline / len(chain.models) if chain.models else chain.deadline
    if len(chain.models) > 1 and share < ENOUGH:
        words = f"the deadline of {deadline} leaves {_s(round(share, 2))} for each of {len(chain.models)} models"
        yield _warning((*place, "deadline"), words, f"write {_s(ENOUGH * len(chain.models))} or more, or name fewer models")
    for at, name in enumerate(chain.models):
        timeout = settings.models[name].timeout if name in settings.models else None
        if timeout is not None and timeout > chain.deadline:
            words = f"the timeout of {name!r}, {_s(timeout)}, is longer than this chain's deadline of {deadline}"
            yield _warning((*place, "models", at), words, f"it ends after {deadline}; shorten one or lengthen the other")


def _s(seconds: float) -> str:
    return written(seconds)


def _error(place: Place, message: str, hint: str) -> Finding:
    return Finding(place=place, problem=Problem(code="contradiction", message=message, hint=hint))


def _warning(place: Place, message: str, hint: str) -> Finding:
    problem = Problem(code="contradiction", message=message, hint=hint, severity="warning")
    return Finding(place=place, problem=problem)
