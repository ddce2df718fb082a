"""`standby plugins check`: load a plugin, play the rules of any adapter, and say what is wrong."""

from collections.abc import Callable, Iterator, Mapping, Sized
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from unittest import SkipTest

import click
import msgspec

from standby.cli.completers import complete_plugins
from standby.cli.options import json_option
from standby.cli.output import print_json
from standby.config.finding import suggest
from standby.errors import AttemptFailed, ConfigError
from standby.plugin import ProviderInfo
from standby.registry.plugins import Registry
from standby.runtime.control_characters import escape_line
from standby.settings import Provider, Secret

if TYPE_CHECKING:
    from standby.testing.basic_rules import BasicRules

VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"

_IMPORT_RULE = "test_the_manifest_imports_no_sdk"
_ENDPOINT_RULE = "test_requests_go_to_the_configured_endpoint"


class RuleResult(msgspec.Struct, frozen=True, kw_only=True):
    """One rule: whether it holds, what is wrong and what to do about it, or why it was skipped."""

    rule: str
    state: Literal["ok", "wrong", "skipped"]
    message: str = msgspec.field(default="", name="words")


@click.command("check")
@click.argument("name", shell_complete=complete_plugins)
@json_option
@click.option(
    "--http", is_flag=True, help="Call the adapter over HTTP although its plugin names no key."
)
@click.pass_context
def command(ctx: click.Context, *, name: str, as_json: bool, http: bool) -> None:
    """Load the plugin NAME, and say what is wrong with it.

    The quick part of the conformance suite is played against it.
    The adapter is called on 127.0.0.1 only, with a key of no account; one for which no key is named
    is called with --http only. The status is 1 if a rule does not hold, 2 if no such plugin is
    installed.

    \b
    standby plugins check gemini
    """  # noqa: D301 - click wants the character itself
    parent = {} if ctx.parent is None else ctx.parent.params
    as_json = as_json or parent.get("as_json", False)
    registry = Registry()
    if name not in registry.names():
        hint = suggest(name, registry.names()) or "'standby plugins' lists the installed ones"
        raise click.UsageError(f"no plugin named {name!r} is installed; {hint}")
    results: list[RuleResult] = []
    for result in _check_plugin(registry, name, http=http):
        results.append(result)
        if not as_json:
            _print(result)
    if as_json:
        print_json(results)
    ctx.exit(int(any(result.state == "wrong" for result in results)))


def _print(result: RuleResult) -> None:
    message = f": {escape_line(result.message)}" if result.message else ""
    click.echo(f"{result.state:<7}  {result.rule}{message}")


def _check_plugin(registry: Registry, name: str, *, http: bool) -> Iterator[RuleResult]:
    """Check the rules in order; what cannot be loaded ends them."""
    manifest = _check("the manifest loads", lambda: _load_manifest(registry, name))
    yield manifest
    if manifest.state == "wrong":
        return
    info = registry.find_info(name)
    yield _check("the manifest imports no SDK", lambda: _check_imports(name, info))
    yield from _check_hooks(registry, name)
    if info is None:
        message = "it has no hook standby_provider, so it reaches no model"
        yield RuleResult(rule="the adapter is called", state="skipped", message=message)
        return
    yield _check("the keys are names of variables", lambda: _check_keys(info))
    yield _check("the schema of options is a JSON Schema", lambda: _check_schema(info.options))
    yield _check("the schema of account is a JSON Schema", lambda: _check_schema(info.account))
    yield _check("the reader of failures can be imported", lambda: _load_reader(registry, name))
    adapter = _check(
        "the adapter can be imported and answers", lambda: _check_adapter(registry, name)
    )
    yield adapter
    if adapter.state == "ok":
        yield from _play_rules(registry, name, info, http=http or bool(info.keys))


def _check_hooks(registry: Registry, name: str) -> Iterator[RuleResult]:
    """Call the rarer hooks that the plugin implements."""
    loaders: dict[str, Callable[[str], Sized]] = {
        "observer": registry.observers,
        "predicate": registry.predicates,
        "command": registry.commands,
    }
    for noun, load in loaders.items():
        if f"standby_{noun}s" in registry.hooks(name):
            yield _check(f"the {noun}s can be called", partial(_count_loaded, load, name, noun))


def _count_loaded(load: Callable[[str], Sized], name: str, noun: str) -> str:
    return _count(len(load(name)), noun)


def _check(rule: str, check: Callable[[], str | None]) -> RuleResult:
    """Check one rule; the check returns what is worth saying although nothing is wrong."""
    try:
        message = check()
    except SkipTest as error:
        return RuleResult(rule=rule, state="skipped", message=str(error))
    except Exception as error:  # noqa: BLE001 - a plugin may raise anything
        return RuleResult(rule=rule, state="wrong", message=_format_error(error))
    return RuleResult(rule=rule, state="ok", message=message or "")


def _format_error(error: Exception) -> str:
    match error:
        case ConfigError():
            problem = error.problems[0]
            return "; ".join(part for part in (problem.message, problem.hint) if part)
        case AttemptFailed():
            return error.failure.text
        case AssertionError():
            return str(error)
        case _:
            return f"{type(error).__name__}: {error}"


# Without a call


def _load_manifest(registry: Registry, name: str) -> str:
    cards = registry.cards(name)
    if not registry.hooks(name):
        raise AssertionError("it implements no hook: mark its functions with @hookimpl")
    return _count(len(cards), "model")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _check_imports(name: str, info: ProviderInfo | None) -> str:
    # only for this command
    from standby.testing.imports import find_manifest, require_late_import  # noqa: PLC0415

    manifest = find_manifest(name)
    cost = require_late_import(manifest, "" if info is None else info.adapter)
    modules = _count(len(cost.modules), "module")
    return f"{manifest} brings in {modules} in {cost.seconds * 1000:.0f} ms"


def _check_keys(info: ProviderInfo) -> str:
    import re  # noqa: PLC0415 - only for this command

    if not all(re.fullmatch(VARIABLE, key) for key in info.keys):
        raise AssertionError(
            "keys holds something that is not the name of a variable: write ('ACME_API_KEY',), "
            "never a key itself"
        )
    return " or ".join(info.keys) or "no key is needed"


def _check_schema(schema: Mapping[str, Any]) -> None:
    import jsonschema  # noqa: PLC0415 - only for this command

    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        at = "/".join(str(step) for step in error.absolute_path) or "its top"
        raise AssertionError(f"at {at}: {error.message}") from error
    if schema.get("type") != "object":
        raise AssertionError("options are a mapping: the schema's type must be 'object'")


def _load_reader(registry: Registry, name: str) -> None:
    if registry.failure_reader(name) is None:
        raise SkipTest(
            "ProviderInfo.failures names none; 'standby explain' goes by the HTTP status alone"
        )


def _import(registry: Registry, name: str) -> type[Any]:
    return registry.adapter(Provider(plugin=name))


def _check_adapter(registry: Registry, name: str) -> str:
    import inspect  # noqa: PLC0415 - only for this command

    adapter = _import(registry, name)
    complete, stream = getattr(adapter, "complete", None), getattr(adapter, "stream", None)
    if complete is not None and not inspect.iscoroutinefunction(complete):
        raise AssertionError("complete() is not a coroutine: write it as 'async def'")
    if stream is not None and not inspect.isasyncgenfunction(stream):
        raise AssertionError(
            "stream() is not an asynchronous generator: write it as 'async def' with 'yield'"
        )
    return " and ".join(f"{name}()" for name in ("complete", "stream") if hasattr(adapter, name))


# With calls


def _play_rules(
    registry: Registry, name: str, info: ProviderInfo, *, http: bool
) -> Iterator[RuleResult]:
    """Make the adapter, and play the rules that need no vendor's JSON on a loopback server."""
    from standby.testing.basic_rules import BasicRules  # noqa: PLC0415 - only for this command

    made = _check(
        "the adapter can be made",
        lambda: _make_adapters(_import(registry, name), _list_accounts(name, info, http=http)),
    )
    yield made
    if not http:
        message = "it names no key, so it may not use HTTP; if it does: --http"
        yield RuleResult(rule="the adapter is called", state="skipped", message=message)
        return
    model = next(iter(registry.cards(name)), "a-model")
    suite = type("Suite", (BasicRules,), {"plugin": name, "model": model})()
    tests = [each for each in vars(BasicRules) if each.startswith("test_") and each != _IMPORT_RULE]
    for test in tests:
        rule = test.removeprefix("test_").replace("_", " ")
        if made.state == "wrong":
            yield RuleResult(rule=rule, state="skipped", message="it cannot be made")
        else:
            yield _check(rule, partial(_play_rule, suite, test))


def _play_rule(suite: "BasicRules", test: str) -> str:
    """Play a rule; the endpoint's shows the request, which may be another than the main one."""
    getattr(suite, test)()
    return " and ".join(suite.paths) if test == _ENDPOINT_RULE else ""


def _list_accounts(name: str, info: ProviderInfo, *, http: bool) -> Iterator[Provider]:
    """Yield an account at an endpoint, and one without a key where none is needed."""
    if http:
        yield Provider(plugin=name, base_url="http://127.0.0.1:9", api_key=Secret("opens-nothing"))
    if not info.keys or not info.key_needed:
        yield Provider(plugin=name)


def _make_adapters(adapter: type[Any], accounts: Iterator[Provider]) -> None:
    import asyncio  # noqa: PLC0415 - only for this command

    from standby.testing.checks import close  # noqa: PLC0415 - only for this command

    async def make(account: Provider) -> None:
        try:
            made = adapter(account)
        except AttemptFailed:
            raise
        except Exception as error:
            raised = f"raised {type(error).__name__}: {error}{_find_line(adapter, error)}"
            raise AssertionError(f"{adapter.__name__}(provider) {raised}") from error
        await close(made)

    for account in accounts:
        asyncio.run(make(account))


def _find_line(adapter: type[Any], error: Exception) -> str:
    """Return where in the adapter's own file an exception arose."""
    import inspect  # noqa: PLC0415 - only for this command
    import traceback  # noqa: PLC0415 - only for this command

    file = inspect.getfile(adapter)
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == file]
    return f" ({Path(file).name}:{lines[-1]})" if lines else ""
