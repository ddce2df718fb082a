"""`standby plugins check`: load a plugin, play the rules that hold for any adapter, and say what is wrong."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from unittest import SkipTest

import click
import msgspec

from standby.cli.completing import plugins
from standby.cli.options import json_option
from standby.cli.output import print_json
from standby.cli.tables import one_line
from standby.config.finding import suggest
from standby.errors import AttemptFailed, ConfigError
from standby.plugin import ProviderInfo
from standby.registry.plugins import Registry
from standby.settings import Provider, Secret

if TYPE_CHECKING:
    from standby.testing.basic_rules import BasicRules

VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One rule: whether it holds, what is wrong and what to do about it, or why it was left out."""

    rule: str
    state: Literal["ok", "wrong", "skipped"]
    words: str = ""


@click.command("check")
@click.argument("name", shell_complete=plugins)
@json_option
@click.option(
    "--http", is_flag=True, help="Ask the adapter over HTTP although its plugin names no key."
)
@click.pass_context
def command(ctx: click.Context, *, name: str, as_json: bool, http: bool) -> None:
    """Load the plugin NAME, and say what is wrong with it.

    The quick part of the conformance suite is played against it.
    The adapter is asked on 127.0.0.1 only, with a key of no account; one for which no key is named
    is asked with --http only. The status is 1 if a rule does not hold, 2 if no such plugin is
    installed.

    \b
    standby plugins check gemini
    """  # noqa: D301 - click wants the character itself
    as_json = as_json or (ctx.parent is not None and ctx.parent.params.get("as_json", False))
    registry = Registry()
    if name not in registry.names():
        hint = suggest(name, registry.names()) or "'standby plugins' lists those that are"
        raise click.UsageError(f"no plugin named {name!r} is installed; {hint}")
    checks: list[Check] = []
    for check in _checks(registry, name, http=http):
        checks.append(check)
        if not as_json:
            _print(check)
    if as_json:
        print_json(checks)
    ctx.exit(int(any(check.state == "wrong" for check in checks)))


def _print(check: Check) -> None:
    click.echo(
        f"{check.state:<7}  {check.rule}" + (f": {one_line(check.words)}" if check.words else "")
    )


def _checks(registry: Registry, name: str, *, http: bool) -> Iterator[Check]:
    """Play the rules in order; what cannot be loaded ends them."""
    manifest = _checked("the manifest loads", lambda: _manifest(registry, name))
    yield manifest
    if manifest.state == "wrong":
        return
    info = registry.info(name)
    yield _checked("the manifest imports no SDK", lambda: _imports(name, info))
    yield _checked("the keys are names of variables", lambda: _keys(info))
    yield _checked("the schema of options is a JSON Schema", lambda: _schema(info.options))
    yield _checked("the schema of account is a JSON Schema", lambda: _schema(info.account))
    yield _checked("the reader of failures can be imported", lambda: _reader(registry, name))
    adapter = _checked("the adapter can be imported and answers", lambda: _adapter(registry, name))
    yield adapter
    if adapter.state == "ok":
        yield from _asked(registry, name, info, http=http or bool(info.keys))


def _checked(rule: str, check: Callable[[], str | None]) -> Check:
    """Play one rule; what it returns is worth saying though nothing is wrong."""
    try:
        words = check()
    except SkipTest as error:
        return Check(rule=rule, state="skipped", words=str(error))
    except ConfigError as error:
        told = error.problems[0]
        return Check(
            rule=rule,
            state="wrong",
            words="; ".join(part for part in (told.message, told.hint) if part),
        )
    except AttemptFailed as error:
        return Check(rule=rule, state="wrong", words=error.failure.text)
    except AssertionError as error:
        return Check(rule=rule, state="wrong", words=str(error))
    except Exception as error:  # noqa: BLE001 - a plugin's own, whatever it is
        return Check(rule=rule, state="wrong", words=f"{type(error).__name__}: {error}")
    return Check(rule=rule, state="ok", words=words or "")


def _manifest(registry: Registry, name: str) -> str:
    registry.info(name)
    return _counted(len(registry.cards(name)), "model")


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _imports(name: str, info: ProviderInfo) -> str:
    from standby.testing.imports import find_manifest, require_late_import  # noqa: PLC0415 - only for this command

    manifest = find_manifest(name)
    brought = require_late_import(manifest, info.adapter)
    return f"{manifest} brings in {_counted(len(brought.modules), 'module')} in {brought.seconds * 1000:.0f} ms"


def _keys(info: ProviderInfo) -> str:
    import re  # noqa: PLC0415 - only for this command

    wrong = [key for key in info.keys if not re.fullmatch(VARIABLE, key)]
    if wrong:
        raise AssertionError(
            "keys holds something that is no name of a variable: write ('ACME_API_KEY',), never a key itself"
        )
    return " or ".join(info.keys) or "no key is needed"


def _schema(schema: Mapping[str, Any]) -> None:
    import jsonschema  # noqa: PLC0415 - only for this command

    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        at = "/".join(str(step) for step in error.absolute_path) or "its top"
        raise AssertionError(f"at {at}: {error.message}") from error
    if schema.get("type") != "object":
        raise AssertionError("options are a mapping: the schema's type must be 'object'")


def _reader(registry: Registry, name: str) -> None:
    if registry.failure_reader(name) is None:
        raise SkipTest(
            "ProviderInfo.failures names none; 'standby explain' goes by the HTTP status alone"
        )


def _adapter(registry: Registry, name: str) -> str:
    import inspect  # noqa: PLC0415 - only for this command

    adapter = registry.adapter(name)
    complete, stream = getattr(adapter, "complete", None), getattr(adapter, "stream", None)
    if complete is not None and not inspect.iscoroutinefunction(complete):
        raise AssertionError("complete() is no coroutine: write it as 'async def'")
    if stream is not None and not inspect.isasyncgenfunction(stream):
        raise AssertionError(
            "stream() is no asynchronous generator: write it as 'async def' with 'yield'"
        )
    return " and ".join(f"{way}()" for way in ("complete", "stream") if hasattr(adapter, way))


def _asked(registry: Registry, name: str, info: ProviderInfo, *, http: bool) -> Iterator[Check]:
    """Make the adapter, and ask it on a loopback server that fails in every way that needs no vendor's JSON."""
    from standby.testing.basic_rules import BasicRules  # noqa: PLC0415 - only for this command

    made = _checked(
        "the adapter can be made",
        lambda: _made(registry.adapter(name), _accounts(name, info, http=http)),
    )
    yield made
    if not http:
        words = "it names no key, so it may not ask over HTTP; if it does: --http"
        yield Check(rule="the adapter is asked", state="skipped", words=words)
        return
    suite = type(
        "Suite",
        (BasicRules,),
        {"plugin": name, "model": next(iter(registry.cards(name)), "a-model")},
    )()
    for test in [
        rule
        for rule in vars(BasicRules)
        if rule.startswith("test_") and rule != "test_the_manifest_imports_no_sdk"
    ]:
        rule = test.removeprefix("test_").replace("_", " ")
        if made.state == "wrong":
            yield Check(rule=rule, state="skipped", words="it cannot be made")
        else:
            yield _checked(rule, partial(_played, suite, test))


def _played(suite: "BasicRules", test: str) -> str:
    """Play a rule; the one of the endpoint shows what was asked there, which may be another request than the main one."""
    getattr(suite, test)()
    return (
        " and ".join(suite.paths)
        if test == "test_the_endpoint_in_the_settings_is_the_one_that_is_asked"
        else ""
    )


def _accounts(name: str, info: ProviderInfo, *, http: bool) -> Iterator[Provider]:
    """Give the accounts that the adapter may be made for: at an endpoint, and without a key where none is needed."""
    if http:
        yield Provider(plugin=name, base_url="http://127.0.0.1:9", api_key=Secret("opens-nothing"))
    if not info.keys or not info.key_needed:
        yield Provider(plugin=name)


def _made(adapter: type[Any], accounts: Iterator[Provider]) -> None:
    import asyncio  # noqa: PLC0415 - only for this command

    from standby.testing.basic_rules import close  # noqa: PLC0415 - only for this command

    async def make(account: Provider) -> None:
        try:
            made = adapter(account)
        except AttemptFailed:
            raise
        except Exception as error:
            words = f"{adapter.__name__}(provider) raised {type(error).__name__}: {error}{_line(adapter, error)}"
            raise AssertionError(words) from error
        await close(made)

    for account in accounts:
        asyncio.run(make(account))


def _line(adapter: type[Any], error: Exception) -> str:
    """Return where in the adapter's own file an exception arose."""
    import inspect  # noqa: PLC0415 - only for this command
    import traceback  # noqa: PLC0415 - only for this command

    own = inspect.getfile(adapter)
    lines = [
        frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == own
    ]
    return f" ({Path(own).name}:{lines[-1]})" if lines else ""
