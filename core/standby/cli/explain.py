"""`standby explain`: what a chain does with a failure, or without one."""

import asyncio
import os
from collections.abc import Iterator, Mapping
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import click
import msgspec

from standby.cli.completing import models
from standby.cli.money import tokens_option
from standby.cli.options import Choice, chain_option, config_options, duration_option, json_option
from standby.cli.output import print_json
from standby.client import AsyncStandby
from standby.config import load
from standby.config.finding import suggest
from standby.config.locations import locate_triggers
from standby.diagnostics.explain import asked_of, explain, plan
from standby.diagnostics.explanation import Explanation, Known, Plan, Step, Worst
from standby.diagnostics.failure_input import (
    Evidence,
    from_exception,
    from_kind,
    from_status,
    shorten,
)
from standby.diagnostics.recorded_failure import from_recording
from standby.diagnostics.replay import replay_answer
from standby.dispatch.policy import LONGEST_STATED_WAIT, Route
from standby.dispatch.target import Target
from standby.errors import AttemptFailed, ConfigError, RequestError
from standby.failures import REACTIONS, Failure, Kind, kind_of_status
from standby.http.cassettes import LARGEST
from standby.pricing import format_cost, format_dollars, format_size
from standby.registry.plugins import Registry
from standby.settings import Provider, Settings
from standby.types import Usage

FINER = (None, 200, 400, 429)
"""Statuses that stand beside any kind: what they mean is in the body."""

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("explain")
@config_options
@chain_option
@click.option(
    "--model",
    metavar="NAME",
    shell_complete=models,
    help="The model that fails; left out: the first that does not rest.",
)
@click.option(
    "--kind",
    metavar="KIND",
    type=Choice([kind.value for kind in Kind]),
    help=f"What the failure is, in standby's words: {', '.join(Kind)}.",
)
@click.option("--status", type=click.IntRange(100, 599), help="The HTTP status.")
@click.option("--code", default="", help="The vendor's own error code or status.")
@click.option("--message", default="", help="The vendor's words.")
@duration_option("--retry-after", help="The delay that the vendor states, like 2s.")
@duration_option("--after", help="How long the call is under way by then, like 90s.")
@click.option("--exception", type=_FILE, help="A file with a traceback, or with an SDK's message.")
@click.option(
    "--recording",
    type=_FILE,
    help="A file with a recorded answer: JSON, events, or a cassette of VCR or its kin (Python, Ruby, Go), gzipped or not.",
)
@tokens_option
@json_option
def command(
    *, chain: str, config: str | None, model: str | None, as_json: bool, tokens: Usage, **told: Any
) -> None:
    """Say what a chain does with a failure.

    Without a failure, say in which order its models are asked, how often, and what that may take.
    Nothing is sent.

    Exit status: 0, or 2 if the file or the command line is wrong.

    \b
    standby explain --status 503 --message "The model is overloaded"
    standby explain --exception traceback.txt --model gpt-5.6-sol
    standby explain --kind empty
    """  # noqa: D301 - click wants the character itself
    spent: float = told.pop("after") or 0.0
    shown = _explained(chain, config, model, told, spent, tokens)
    if as_json:
        print_json(shown)
    else:
        click.echo("\n".join(_lines_of_plan(shown) if isinstance(shown, Plan) else _lines(shown)))


def _explained(
    chain: str,
    config: str | None,
    model: str | None,
    told: Mapping[str, Any],
    spent: float,
    tokens: Usage,
) -> Explanation | Plan:
    registry = Registry()
    path = None if config is None else Path(config)
    loaded = load(
        path, registry, os.environ, cwd=Path.cwd(), today=date.min
    )  # what has retired is told by validate
    if loaded.settings is None:
        raise ConfigError(loaded.problems)
    settings = loaded.settings
    route = AsyncStandby(settings=settings, warm_up=False).route(chain)
    rules = {name: settings.triggers[name] for name in route.chain.triggers or ()}
    places = locate_triggers(loaded.path or Path(), loaded.file)
    known = Known(places=places, missing_keys=_missing_keys(route, settings), tokens=tokens)
    target = _target(route, model)
    if not any(told.values()):
        return plan(route, rules, known)
    provider = settings.providers[target.provider]
    evidence = _evidence(told, target, provider, registry)
    failure = shorten(evidence.failure, target.secrets)
    return explain(failure, target, route, rules, because=evidence.reason, spent=spent, known=known)


def _played(
    target: Target,
    provider: Provider,
    registry: Registry,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
) -> Failure | None:
    try:
        adapter = registry.adapter(provider.reference)
    except AttemptFailed as error:
        raise RequestError(f"the answer cannot be read: {error}") from error
    return asyncio.run(replay_answer(target, provider, adapter, status, headers, body))


def _missing_keys(route: Route, settings: Settings) -> dict[str, str]:
    keys = {target.name: settings.providers[target.provider].api_key for target in asked_of(route)}
    return {name: key.origin for name, key in keys.items() if key is not None and not key}


def _target(route: Route, model: str | None) -> Target:
    asked = asked_of(route)
    awake_first = sorted(asked, key=lambda target: target.breaker.suspicion != "")
    found = next((target for target in awake_first if model in (None, target.name)), None)
    if found is None:
        names = [target.name for target in asked]
        hint = suggest(model or "", names) or f"it asks {', '.join(names)}"
        raise RequestError(f"chain {route.name!r} asks no model {model!r}; {hint}")
    return found


def _evidence(
    told: Mapping[str, Any], target: Target, provider: Provider, registry: Registry
) -> Evidence:
    """Make a failure of what the command line tells; what it says outright outweighs what a file says."""
    read = registry.failure_reader(provider.reference)
    files = [name for name in ("exception", "recording") if told[name] is not None]
    if len(files) > 1 or (files and (told["code"] or told["message"])):
        raise RequestError(
            "say one of --exception, --recording, and --status with --code and --message"
        )
    kind, status = told["kind"], told["status"]
    if told["exception"] is not None and status is not None:
        raise RequestError("an exception has its own status, if it has one; leave --status out")
    if kind is not None and status not in FINER and kind_of_status(status) is not Kind(kind):
        raise RequestError(
            f"HTTP {status} means {kind_of_status(status)}, not {kind}; say one of --status and --kind"
        )
    if told["exception"] is not None:
        found = from_exception(
            _read(told["exception"]).decode("utf-8", "replace"), target.provider, read
        )
    elif told["recording"] is not None:
        play = partial(_played, target, provider, registry)
        found = from_recording(_read(told["recording"]), told["recording"].name, status, read, play)
    elif kind is not None:
        found = from_kind(
            Kind(kind), target.timeout, status=status, code=told["code"], message=told["message"]
        )
    else:
        stub = registry.stub_handler(provider.reference)
        found = from_status(status, told["code"], told["message"], read, stub)
    failure, because = found.failure, found.reason
    if kind is not None:
        failure, because = msgspec.structs.replace(failure, kind=Kind(kind)), "it was given"
    if told["retry_after"] is not None:
        failure = msgspec.structs.replace(failure, retry_after=told["retry_after"])
    return Evidence(failure, because)


def _read(path: Path) -> bytes:
    with path.open("rb") as stream:
        data = stream.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise RequestError(f"{path} is larger than {LARGEST} bytes; is it the right one?")
    return data


# As text


def _lines(told: Explanation) -> Iterator[str]:
    yield (
        f"{told.model} fails with {told.text}"
        if told.text
        else f"{told.model} fails; no status, code or words are known, so no trigger that looks for one can fire"
    )
    yield f"kind: {told.kind}, because {told.because}"
    for rule in told.rules:
        why = f": {rule.why}" if rule.why else f", then {rule.then}"
        yield f"trigger {rule.name} ({rule.place}) {'is ' if rule.outcome != 'fires' else ''}{rule.outcome}{why}"
    if not any(rule.outcome == "fires" for rule in told.rules):
        yield f"no trigger fires: the table says {REACTIONS[told.kind].then} for {told.kind}"
    for step in told.steps:
        yield f"{_time(step.number)}: {_what_follows(step, told)}; {_taught(step)}"
    for each in told.passed_over:
        yield f"{each.model} is not asked: {each.why}"
    if told.alert:
        yield "a person is told: an alert goes to the log and to the application"
    if told.on_break == "fail":
        yield "in a stream whose words are out: stop, the caller has the part so far"
    yield from _keys(told.missing_keys)
    yield _worst(told.worst)


def _time(number: int) -> str:
    return (
        "the first time"
        if number == 1
        else "after the retry"
        if number == 2
        else f"after retry {number - 1}"
    )  # noqa: PLR2004


def _what_follows(step: Step, told: Explanation) -> str:
    nobody = "nobody is left to ask, the call fails"
    if step.then == "retry":
        pause = (
            "at once"
            if step.pause == 0
            else f"after {'' if told.retry_after else 'up to '}{step.pause:g}s"
        )
        late = (
            ""
            if step.within is None
            else f" (a pause of {step.within:g}s or more does not fit into the deadline: then next)"
        )
        return f"retry {told.model} {pause}{late}"
    if step.then == "stop":
        return "stop, the caller is told"
    if step.then == "accept":
        return f"accept, a reply is given, marked; without a reply: {f'next, {told.next}' if told.next else nobody}"
    return f"{f'next, {told.next}' if told.next else nobody}{_no_retry(told)}"


def _no_retry(told: Explanation) -> str:
    """Say why a model is not asked again that a trigger or the table would ask again."""
    fired = next(
        (rule.then for rule in told.rules if rule.outcome == "fires"), REACTIONS[told.kind].then
    )
    stated = told.retry_after or 0.0
    if fired != "retry" or stated <= LONGEST_STATED_WAIT:
        return ""
    return f" (no retry: the stated delay of {stated:g}s is longer than {LONGEST_STATED_WAIT:g}s)"


def _taught(step: Step) -> str:
    parts = ["counts towards a rest"] if step.counts else []
    parts += [] if step.rests is None else [f"rests the model for at least {step.rests:g}s"]
    return " and ".join(parts) or "says nothing of the model's health"


def _lines_of_plan(told: Plan) -> Iterator[str]:
    yield f"chain {told.chain}, for at most {told.deadline:g}s"
    for model in told.models:
        if not model.asked:
            yield f"{model.model} ({model.provider}): not asked, fallback is false"
            continue
        words = f"a stream's first word in {model.first_token_timeout:g}s, the next in {model.idle_timeout:g}s"
        times = f"up to {_count(model.attempts, 'attempt')}, {model.timeout:g}s each; {words}"
        yield f"{model.model} ({model.provider}): {times}"
        if model.rests:
            yield f"  begins resting, {model.rests}: asked behind calls that others answer, or where no other answers"
        if model.cost is not None:
            yield f"  costs: {format_dollars(model.cost)} an attempt"
        if model.cannot:
            yield f"  cannot take: {', '.join(model.cannot)}"
        if told.triggers:
            yield f"  triggers: {', '.join(model.triggers) or 'none'}"
    for rule in told.triggers:
        yield f"trigger {rule.name} ({rule.place}): then {rule.then}"
    yield from _hedge(told)
    yield from _keys(told.missing_keys)
    yield _worst(told.worst)


def _hedge(told: Plan) -> Iterator[str]:
    if told.hedge is None and told.hedge_after is not None:
        first = next(
            (model for model in told.models if model.asked and not model.rests), told.models[0]
        )
        yield f"no hedge: behind {first.model} stands no model that is asked and does not begin resting"
    if told.hedge is None:
        return
    yield f"a model that shows no sign of life for {told.hedge_after:g}s has the next one asked beside it, once in a call"
    for model, seconds in told.hedge.whole.items():
        yield f"  {model} gets {seconds:g}s where its answer comes as a whole: it thinks, and shows no sign until then"
    calls = round(1 / told.hedge.share)
    often = (
        f"1 request more in {calls} calls at most (and up to {told.hedge.first} more to begin with)"
    )
    yield f"  that makes {often}; what each costs at most: {format_cost(told.hedge.cost)}"


def _keys(missing: Mapping[str, str]) -> Iterator[str]:
    for model, variable in missing.items():
        yield f"{model} has no key here, and is passed over until there is one: set {variable}"


def _worst(worst: Worst) -> str:
    size = f"each billed for {format_size(worst.tokens)}"
    return f"at the worst: {_count(worst.attempts, 'attempt')}, {worst.seconds:g}s, {format_cost(worst.cost)}; {size}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
