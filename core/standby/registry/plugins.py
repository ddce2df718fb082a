"""The plugins: found by their entry points, loaded one by one, each in isolation; a typed facade over pluggy."""

import gc
import importlib
import re
import sys
import threading
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from functools import lru_cache
from importlib import metadata
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

import msgspec
import pluggy

from standby.cards import Card
from standby.errors import ConfigError, Problem
from standby.failures import Failure
from standby.http.transport import unavailable
from standby.observe.log import report_broken_predicate
from standby.observe.observers import Observer
from standby.plugin import API_VERSION, GROUP, FailureReader, ProviderInfo, StubHandler, hooks
from standby.resilience.triggers import Predicate
from standby.runtime.isolation import (
    Origin,
    close_awaitable,
    error_message,
    guard,
    is_async,
    require_value,
    type_error,
)
from standby.types import Reply

if TYPE_CHECKING:
    import click

T = TypeVar("T")

ITSELF = "itself"
"""What a manifest's `stub_server` says of an adapter that reaches nobody outside of this process."""

OLDEST_VERSION = 1
"""The oldest version of the plugin interface that plugins may still speak."""

_ASIDE = threading.Lock()


class PluginStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One plugin as `standby plugins` shows it; `reason` says what is wrong with one that is not ok."""

    name: str
    distribution: str
    version: str
    state: Literal["ok", "broken", "no-sdk"]
    models: tuple[str, ...] = ()
    reason: str = ""


class Registry:
    """All installed plugins. Names come from metadata alone; a plugin's module is imported when it is first asked for.

    A plugin is named as `Provider.reference` does: where two distributions offer one name, with the
    one that is meant.
    """

    def __init__(self, entry_points: Iterable[metadata.EntryPoint] | None = None) -> None:
        """Look at the installed entry points, or at the given ones."""
        self._found: dict[str, list[metadata.EntryPoint]] = {}
        for point in metadata.entry_points(group=GROUP) if entry_points is None else entry_points:
            self._found.setdefault(point.name, []).append(point)
        self._loaded: dict[str, Manifest] = {}
        self._broken: dict[str, ConfigError] = {}
        self._origins: dict[str, Origin] = {}

    def names(self) -> tuple[str, ...]:
        """Return the installed plugins' names, sorted; nothing is imported."""
        return tuple(sorted(self._found))

    def origin(self, name: str) -> Origin:
        """Say where the plugin comes from; its metadata are read once."""
        if name not in self._origins:
            points = self._points(name)
            self._origins[name] = _origin(points[0]) if points else Origin(name, "no distribution")
        return self._origins[name]

    def info(self, name: str) -> ProviderInfo:
        """Say how to reach any model of the plugin; raises `ConfigError` if it is missing, broken, or reaches none."""
        info = self._manifest(name).info
        if info is None:
            raise self.origin(name).config_error(
                "it has no hook standby_provider, so it reaches no model"
            )
        return info

    def cards(self, name: str) -> Mapping[str, Card]:
        """Return the models that the plugin registers; raises `ConfigError` if it is missing or broken."""
        return self._manifest(name).cards

    def commands(self, name: str) -> "Sequence[click.Command]":
        """Return the plugin's own commands; raises `ConfigError` if it is missing or broken."""
        import click  # noqa: PLC0415 - `import standby` must not load it

        commands = self._hook(name, "standby_commands", list[Any])
        if not all(isinstance(command, click.Command) and command.name for command in commands):
            raise self.origin(name).config_error(
                "standby_commands returned something that is no list of click commands"
            )
        self._check_sync(name, _callbacks(commands))
        return commands

    def observers(self, name: str) -> Sequence[Observer]:
        """Return what the plugin wants to be told every event; raises `ConfigError` if it is missing or broken, or has none."""
        observers = self._hook(name, "standby_observers", list[Observer])
        if not observers or not all(callable(observer) for observer in observers):
            raise self.origin(name).config_error(
                "standby_observers returned something that is no list of functions"
            )
        self._check_sync(
            name, {f"the observer {_name_of(observer)}": observer for observer in observers}
        )
        return observers

    def predicates(self, name: str) -> Mapping[str, Predicate]:
        """Return the tests that the plugin brings, by their names; raises `ConfigError` if it is missing or broken."""
        tests = self._hook(name, "standby_predicates", dict[str, Predicate])
        if not all(callable(test) for test in tests.values()):
            raise self.origin(name).config_error(
                "standby_predicates returned something that is no mapping of names to functions"
            )
        self._check_sync(name, {f"the test {test!r}": function for test, function in tests.items()})
        return tests

    def predicate(self, reference: str) -> Predicate:
        """Return the test that a trigger names, `plugin/name`; one that raises, or cannot be had, recognises nothing."""
        plugin, _, name = reference.partition("/")
        try:
            test = self.predicates(plugin)[name]
        except (ConfigError, KeyError) as error:
            report_broken_predicate(reference, error)
            return lambda _: False

        def recognises(outcome: Reply | Failure) -> bool:
            try:
                return bool(require_value(test(outcome)))
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # noqa: BLE001 - a plugin's, even if it wants to end the program
                report_broken_predicate(reference, error)
                return False

        return recognises

    def status(self, name: str) -> PluginStatus:
        """Describe the plugin; a broken one is described too."""
        origin = self.origin(name)
        found = PluginStatus(
            name=name, distribution=origin.distribution, version=origin.version, state="ok"
        )
        try:
            return msgspec.structs.replace(found, models=tuple(self.cards(name)))
        except ConfigError as error:
            return msgspec.structs.replace(found, state="broken", reason=_told(error))

    def adapter(self, name: str) -> type[Any]:
        """Import the plugin's adapter class, and with it the SDK; slow, so call it in a thread.

        Raises `AttemptFailed` (`unavailable`), which says what to install or to update.
        """
        origin = self.origin(name)
        try:
            info = self.info(name)
        except ConfigError as error:
            if error.problems[0].code != "broken-plugin":
                raise
            raise unavailable(_told(error)) from error
        origin.check_versions(
            library.requirement for library in info.libraries if not library.option
        )
        try:
            with (
                guard(lambda words: origin.unavailable(f"{info.adapter}: {words}"), ImportError),
                _uncollected(),
            ):
                adapter = _led_to(info.adapter)
                answers = hasattr(adapter, "complete") or hasattr(adapter, "stream")
        except ImportError as error:
            remedy = f"; install it: {info.install}" if info.install else ""
            raise origin.unavailable(f"{error_message(error)}{remedy}") from error
        if not answers:
            raise origin.unavailable(f"{info.adapter} has neither 'complete' nor 'stream'")
        return adapter  # type: ignore[no-any-return] # whatever the dotted name led to; checked above

    def failure_reader(self, name: str) -> FailureReader | None:
        """Import what reads the plugin's error answers; `None`: it names nothing.

        Raises `ConfigError` if the plugin is missing or broken, or its name leads nowhere.
        """
        dotted, broken = self.info(name).failures, self.origin(name).config_error
        if not dotted:
            return None
        reader = self._function(name, "failures", dotted)

        def read(status: int, headers: Mapping[str, str], body: Any) -> Failure:
            with guard(lambda words: broken(f"failures: {dotted} raised {words}")):
                failure = require_value(reader(status, headers, body))
            if flaw := type_error(failure, Failure):
                raise broken(f"failures: {dotted} returned no Failure: {flaw}")
            return cast("Failure", failure)

        return read

    def stub_handler(self, name: str) -> StubHandler | None:
        """Import the plugin's stub server; `None`: it has none, or runs as it is. Raises `ConfigError` as `failures` does."""
        dotted = self.info(name).stub_server
        return None if dotted in ("", ITSELF) else self._function(name, "stub_server", dotted)

    def _function(self, name: str, field: str, dotted: str) -> Callable[..., Any]:
        """Import a function that the manifest names in a field."""
        broken = self.origin(name).config_error
        with guard(lambda words: broken(f"{field}: {dotted}: {words}")), _aside():
            function = _led_to(dotted)
        if not callable(function):
            raise broken(f"{field}: {dotted} is no function")
        self._check_sync(name, {f"{field}: {dotted}": function})
        return cast("Callable[..., Any]", function)

    def _check_sync(self, name: str, functions: Mapping[str, object]) -> None:
        for what, function in functions.items():
            if is_async(function):
                raise self.origin(name).config_error(
                    f"{what} is an 'async def', which is never awaited: write 'def'"
                )

    def _hook(self, name: str, hook: str, kind: Callable[[Any], T]) -> T:
        """Return what a hook that is rarely called returns, as a list or a dictionary; empty where there is none."""
        manager, broken = self._manifest(name).manager, self.origin(name).config_error
        with guard(lambda words: broken(f"{hook} raised {words}")), _aside():
            value = getattr(manager.hook, hook)()
            if not (flaw := close_awaitable(value)):
                return kind(value or ())
        raise broken(f"{hook} {flaw}")

    def _manifest(self, name: str) -> "Manifest":
        """Import a plugin once, broken or not: what it did on its way is not done again."""
        if name in self._broken:
            raise ConfigError(self._broken[name].problems)
        if name not in self._loaded:
            try:
                self._loaded[name] = _load(self._only(name))
            except ConfigError as error:
                self._broken[name] = error
                raise
        return self._loaded[name]

    def _points(self, name: str) -> list[metadata.EntryPoint]:
        if name in self._found:
            return self._found[name]
        plugin, _, distribution = name.partition("@")
        return [
            point
            for point in self._found.get(plugin, [])
            if _same(_origin(point).distribution, distribution)
        ]

    def _only(self, name: str) -> metadata.EntryPoint:
        points, (plugin, _, distribution) = self._points(name), name.partition("@")
        if len(points) == 1:
            return points[0]
        if points:
            raise ConfigError([_conflict(plugin, [_origin(point) for point in points])])
        if distribution and plugin in self._found:
            offered = " and ".join(
                sorted(_origin(point).distribution for point in self._found[plugin])
            )
            words = f"no distribution named {distribution!r} offers a plugin named {plugin!r}"
            raise ConfigError(
                [Problem(code="unknown-plugin", message=words, hint=f"it is offered by {offered}")]
            )
        raise ConfigError(
            [Problem(code="unknown-plugin", message=f"no plugin named {name!r} is installed")]
        )


class Manifest(msgspec.Struct, frozen=True):
    """What a plugin's hooks returned, and its own plugin manager for the hooks that are rarely called."""

    info: ProviderInfo | None
    cards: Mapping[str, Card]
    manager: pluggy.PluginManager


def _load(point: metadata.EntryPoint) -> Manifest:
    """Import one plugin into a plugin manager of its own, so that it can spoil nobody else's hooks."""
    origin = _origin(point)
    manager = pluggy.PluginManager("standby")
    manager.add_hookspecs(hooks)
    if metadata.EntryPoint.pattern.match(point.value) is None:
        raise origin.config_error(
            f"its entry point {point.value!r} is no 'module' and no 'module:object'"
        )
    with guard(origin.config_error), _aside():
        manager.register(point.load(), point.name)
        manager.check_pending()
        info: Any = manager.hook.standby_provider()
        cards: Any = manager.hook.standby_models()
        cards = cast("Any", {}) if cards is None else cards
        later = close_awaitable(cards)  # in any case: it must be ended
        flaw = _flaw_of_provider(info) or (later and f"standby_models {later}")
    if not flaw and info is not None:
        _check_version(info, origin)
    with guard(origin.config_error):
        flaw = flaw or _flaw_of_models(cards)
    if flaw:
        raise origin.config_error(flaw)
    return Manifest(info, cards, manager)


def _callbacks(commands: "Iterable[click.Command]") -> dict[str, object]:
    """Return what commands call, and those inside of them."""
    found: dict[str, object] = {}
    for command in commands:
        inside: Mapping[str, click.Command] = getattr(command, "commands", {})
        found |= {f"the command {command.name!r}": command.callback, **_callbacks(inside.values())}
    return found


def _name_of(function: object) -> str:
    return getattr(function, "__qualname__", type(function).__qualname__)


@contextmanager
def _aside() -> Generator[None, None, None]:
    """Let what a plugin prints go to standard error: it must not get between the lines that a machine reads.

    The stream is the process's own, so one thread at a time changes it, and puts back the right
    one.
    """
    if not _ASIDE.acquire(blocking=False):
        yield
        return
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        _ASIDE.release()


def _check_version(info: ProviderInfo, origin: Origin) -> None:
    spoken = info.api_version
    if OLDEST_VERSION <= spoken <= API_VERSION:
        return
    words = (
        f"it speaks version {spoken} of the plugin interface, and this standby speaks {API_VERSION}"
    )
    raise origin.config_error(
        words, "update standby" if spoken > API_VERSION else f"update {origin.distribution}"
    )


def _flaw_of_provider(info: Any) -> str:
    if info is None:
        return ""
    if flaw := close_awaitable(info):
        return f"standby_provider {flaw}"
    if not isinstance(info, ProviderInfo):
        return f"standby_provider returned a {type(info).__name__}, not a ProviderInfo"
    flaw = type_error(info, ProviderInfo)
    if not flaw and not all(info.keys):
        flaw = "a variable needs a name - at `keys`"
    return f"standby_provider: {flaw}" if flaw else ""


def _flaw_of_models(cards: Any) -> str:
    known = cast("Mapping[Any, object]", cards) if isinstance(cards, Mapping) else {None: None}
    for name, card in known.items():
        if not (isinstance(name, str) and isinstance(card, Card)):
            return "standby_models returned something that is no mapping of names to Cards"
        if not name:
            return "standby_models, '': a model needs a name"
        if flaw := type_error(card, Card):
            return f"standby_models, {name!r}: {flaw}"
    return ""


@contextmanager
def _uncollected() -> Generator[None, None, None]:
    """Import a vendor's SDK without garbage collections in between: it makes 100,000s of objects, and no garbage.

    They are a fifth of the time of its import.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _led_to(dotted: str) -> Any:
    module, _, attribute = dotted.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _origin(point: metadata.EntryPoint) -> Origin:
    if point.dist is None:
        return Origin(point.name, "unknown distribution")
    return Origin(point.name, *_name_and_version(point.dist))


@lru_cache(maxsize=64)
def _name_and_version(distribution: metadata.Distribution) -> tuple[str, str]:
    """Read a distribution's metadata once for all its plugins: its whole README is in them."""
    about = distribution.metadata
    return about["Name"], about["Version"]


def _conflict(plugin: str, origins: Sequence[Origin]) -> Problem:
    owners = sorted(f"{origin.distribution} {origin.version}".strip() for origin in origins)
    pin = f"{{{plugin}: {{plugin: {plugin}, distribution: {min(origin.distribution for origin in origins)}}}}}"
    which = (
        f", or say which: providers: {pin}"
        if len({origin.distribution for origin in origins}) > 1
        else ""
    )
    return Problem(
        code="plugin-conflict",
        message=f"two distributions offer a plugin named {plugin!r}: {' and '.join(owners)}",
        hint=f"uninstall one of them{which}",
    )


def _same(one: str, other: str) -> bool:
    """Compare names of distributions, in which "-", "_" and "." are one. Source: PEP 503."""
    return re.sub(r"[-_.]+", "-", one).lower() == re.sub(r"[-_.]+", "-", other).lower()


def _told(error: ConfigError) -> str:
    problem = error.problems[0]
    return "; ".join(part for part in (problem.message, problem.hint) if part)
