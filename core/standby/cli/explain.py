"""`standby explain`: what a chain does with a failure, or without one."""

import asyncio
from collections.abc import Mapping
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import click
import msgspec

from standby.cli.completers import complete_models
from standby.cli.config_file import load_settings
from standby.cli.errors import CommandError
from standby.cli.explain_text import format_explanation, format_plan
from standby.cli.files import read_file
from standby.cli.options import (
    Choice,
    chain_option,
    config_options,
    duration_option,
    json_option,
    tokens_option,
)
from standby.cli.output import print_json
from standby.client import AsyncStandby
from standby.config.finding import suggest
from standby.config.locations import locate_triggers
from standby.diagnostics.explain import explain, plan
from standby.diagnostics.explanation import ExplainContext, Explanation, Plan
from standby.diagnostics.failure_input import (
    Evidence,
    from_exception,
    from_kind,
    from_status,
)
from standby.diagnostics.recorded_failure import from_recording
from standby.diagnostics.replay import replay_answer
from standby.dispatch.redaction import redact
from standby.dispatch.target import Route, Target
from standby.errors import AttemptFailed, RequestError
from standby.failures import Failure, Kind, kind_of_status
from standby.http.cassettes import LARGEST
from standby.registry.plugins import Registry
from standby.runtime.control_characters import escape_controls
from standby.settings import Provider, Settings
from standby.types import Request, Usage

AMBIGUOUS = (200, 400, 429)
"""Statuses that go with any kind: their meaning is in the body."""

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class FailureOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line says of the failure; durations are in seconds."""

    kind: str | None
    status: int | None
    code: str
    message: str
    retry_after: float | None
    exception: Path | None
    recording: Path | None

    @property
    def is_given(self) -> bool:
        """Say whether there is a failure to explain."""
        return any(msgspec.structs.astuple(self))


@click.command("explain")
@config_options
@chain_option
@click.option(
    "--model",
    metavar="NAME",
    shell_complete=complete_models,
    help="The model that fails; by default the first that does not rest.",
)
@click.option(
    "--kind",
    metavar="KIND",
    type=Choice([kind.value for kind in Kind]),
    help=f"What the failure is, in standby's terms: {', '.join(Kind)}.",
)
@click.option("--status", type=click.IntRange(100, 599), help="The HTTP status.")
@click.option("--code", default="", help="The vendor's own error code or status.")
@click.option("--message", default="", help="The vendor's message.")
@duration_option("--retry-after", help="The delay that the vendor states, like 2s.")
@duration_option("--after", help="How long the call has taken by then, like 90s.")
@click.option("--exception", type=_FILE, help="A file with a traceback, or with an SDK's message.")
@click.option(
    "--recording",
    type=_FILE,
    help="A file with a recorded answer: JSON, events, or a cassette of VCR or its kin (Python, "
    "Ruby, Go), gzipped or not.",
)
@tokens_option
@json_option
def command(
    *,
    chain: str,
    config: str | None,
    model: str | None,
    as_json: bool,
    tokens: Usage,
    after: float | None,
    **failure: Any,
) -> None:
    """Say what a chain does with a failure.

    Without a failure, say in which order its models are called, how often, and what that may take.
    Nothing is sent.

    Exit status: 0, or 2 if the file or the command line is wrong.

    \b
    standby explain --status 503 --message "The model is overloaded"
    standby explain --exception traceback.txt --model gpt-5.6-sol
    standby explain --kind empty
    """  # noqa: D301 - click wants the character itself
    given = FailureOptions(**failure)
    result = _explain(config, chain, model, given, spent=after or 0.0, tokens=tokens)
    if as_json:
        print_json(result)
    else:
        lines = format_plan(result) if isinstance(result, Plan) else format_explanation(result)
        click.echo("\n".join(map(escape_controls, lines)))


def _explain(
    config: str | None,
    chain: str,
    model: str | None,
    given: FailureOptions,
    *,
    spent: float,
    tokens: Usage,
) -> Explanation | Plan:
    registry = Registry()
    loaded, settings = load_settings(config, registry, on=date.min)  # validate reports retirement
    route = AsyncStandby(settings=settings, warm_up=False).route(chain)
    rules = {name: settings.triggers[name] for name in route.chain.triggers or ()}
    places = locate_triggers(loaded.path or Path(), loaded.file)
    context = ExplainContext(
        locations=places, missing_keys=_missing_keys(route, settings), tokens=tokens
    )
    target = _find_target(route, model)
    if not given.is_given:
        return plan(route, rules, context)
    provider = settings.providers[target.provider]
    evidence = _find_evidence(given, target, provider, registry)
    failure = redact(evidence.failure, target.secrets, Request(()))
    because = evidence.reason
    return explain(failure, target, route, rules, because=because, spent=spent, context=context)


def _missing_keys(route: Route, settings: Settings) -> dict[str, str]:
    keys = {target.name: settings.providers[target.provider].api_key for target in route.reachable}
    return {name: key.origin for name, key in keys.items() if key is not None and not key}


def _find_target(route: Route, model: str | None) -> Target:
    """Return the named model, else the first that does not begin resting."""
    targets = sorted(route.reachable, key=lambda target: target.breaker.suspicion != "")
    for target in targets:
        if model in (None, target.name):
            return target
    names = [target.name for target in route.reachable]
    hint = suggest(model or "", names) or f"it calls {', '.join(names)}"
    raise RequestError(f"chain {route.name!r} calls no model {model!r}; {hint}")


# The failure


def _find_evidence(
    given: FailureOptions, target: Target, provider: Provider, registry: Registry
) -> Evidence:
    """Build the failure; what the command line states outright outweighs what a file says."""
    _check_options(given)
    evidence = _read_evidence(given, target, provider, registry)
    failure, because = evidence.failure, evidence.reason
    if given.kind is not None:
        failure = msgspec.structs.replace(failure, kind=Kind(given.kind))
        because = "it was given"
    if given.retry_after is not None:
        failure = msgspec.structs.replace(failure, retry_after=given.retry_after)
    return Evidence(failure, because)


def _check_options(given: FailureOptions) -> None:
    """Refuse options that contradict each other."""
    texts = bool(given.code or given.message)
    sources = (given.exception is not None, given.recording is not None, texts)
    if sum(sources) > 1:
        raise CommandError(
            "give one of --exception, --recording, and --status with --code and --message"
        )
    if given.exception is not None and given.status is not None:
        raise CommandError("an exception has its own status, if it has one; omit --status")
    if given.kind is not None and given.status is not None:
        _check_status(given.status, Kind(given.kind))


def _check_status(status: int, kind: Kind) -> None:
    meaning = kind_of_status(status)
    if status not in AMBIGUOUS and meaning is not kind:
        raise CommandError(
            f"HTTP {status} means {meaning}, not {kind}; give one of --status and --kind"
        )


def _read_evidence(
    given: FailureOptions, target: Target, provider: Provider, registry: Registry
) -> Evidence:
    status, code, message = given.status, given.code, given.message
    read = registry.failure_reader(provider.reference)
    if given.exception is not None:
        text = read_file(given.exception, option="--exception", limit=LARGEST)
        return from_exception(text.decode("utf-8", "replace"), target.provider, read)
    if given.recording is not None:
        data = read_file(given.recording, option="--recording", limit=LARGEST)
        replay = partial(_replay, target, provider, registry)
        return from_recording(data, given.recording.name, status, read, replay)
    if given.kind is not None:
        kind = Kind(given.kind)
        return from_kind(kind, target.timeout, status=status, code=code, message=message)
    stub = registry.stub_handler(provider.reference)
    return from_status(status, code, message, read, stub)


def _replay(
    target: Target,
    provider: Provider,
    registry: Registry,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
) -> Failure | None:
    try:
        adapter = registry.adapter(provider)
    except AttemptFailed as error:
        raise CommandError(f"the answer cannot be read: {error}") from error
    return asyncio.run(replay_answer(target, provider, adapter, status, headers, body))
