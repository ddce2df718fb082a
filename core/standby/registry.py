"""The plugins: found by their entry points, loaded one by one, each in isolation; a typed facade over pluggy."""

import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import metadata
from typing import TYPE_CHECKING, Any, Literal, cast

import msgspec
import pluggy

from standby.errors import AttemptFailed, ConfigError, Problem
from standby.failures import Failure, Kind
from standby.plugin import GROUP, ProviderInfo, hooks
from standby.policy import Card

if TYPE_CHECKING:
    import click

FailureReader = Callable[[int, Mapping[str, str], Any], Failure]
"""Reads an error answer: its HTTP status, its headers, and its body, decoded JSON or the text where it is none."""


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """One plugin as `standby plugins` shows it; `reason` says what is wrong with a broken one."""

    name: str
    distribution: str
    version: str
    state: Literal["ok", "broken"]
    models: tuple[str, ...] = ()
    reason: str = ""


class Registry:
    """All installed plugins. Names come from metadata alone; a plugin's module is imported when it is first asked for."""

    def __init__(self, entry_points: Iterable[metadata.EntryPoint] | None = None) -> None:
        """Look at the installed entry points, or at the given ones."""
        self._found: dict[str, list[metadata.EntryPoint]] = {}
        for point in metadata.entry_points(group=GROUP) if entry_points is None else entry_points:
            self._found.setdefault(point.name, []).append(point)
        self._loaded: dict[str, Manifest] = {}

    def names(self) -> tuple[str, ...]:
        """Return the installed plugins' names, sorted; nothing is imported."""
        return tuple(sorted(self._found))

    def info(self, name: str) -> ProviderInfo:
        """Say how to reach any model of the plugin; raises `ConfigError` if it is missing, broken, or reaches none."""
        info = self._manifest(name).info
        if info is None:
            raise _broken(name, self._origin(name), "it has no hook standby_provider, so it reaches no model")
        return info

    def cards(self, name: str) -> Mapping[str, Card]:
        """Return the models that the plugin registers; raises `ConfigError` if it is missing or broken."""
        return self._manifest(name).cards

    def commands(self, name: str) -> "Sequence[click.Command]":
        """Return the plugin's own commands; raises `ConfigError` if it is missing or broken."""
        import click  # noqa: PLC0415 - `import standby` must not load it

        manager = self._manifest(name).manager
        try:
            commands: list[Any] = list(manager.hook.standby_commands() or ())
        except (Exception, SystemExit) as error:
            raise _broken(name, self._origin(name), f"standby_commands raised {type(error).__name__}: {error}") from error
        if not all(isinstance(command, click.Command) and command.name for command in commands):
            raise _broken(name, self._origin(name), "standby_commands returned something that is no list of click commands")
        return commands

    def listing(self, name: str) -> Listing:
        """Describe the plugin; a broken one is described too."""
        distribution, version = self._origin(name)
        try:
            models = tuple(self.cards(name))
        except ConfigError as error:
            reason = error.problems[0].message
            return Listing(name=name, distribution=distribution, version=version, state="broken", reason=reason)
        return Listing(name=name, distribution=distribution, version=version, state="ok", models=models)

    def adapter(self, name: str) -> type[Any]:
        """Import the plugin's adapter class, and with it the SDK; slow, so call it in a thread.

        Raises `AttemptFailed` (`unavailable`), which says what to install.
        """
        info = self.info(name)
        module, _, attribute = info.adapter.partition(":")
        try:
            adapter = getattr(importlib.import_module(module), attribute)
        except ImportError as error:
            remedy = f"; install it: {info.install}" if info.install else ""
            raise _unavailable(f"plugin {name!r} cannot be used: {error}{remedy}") from error
        except (Exception, SystemExit) as error:
            raise _unavailable(f"plugin {name!r} cannot be used: {info.adapter}: {type(error).__name__}: {error}") from error
        if not (hasattr(adapter, "complete") or hasattr(adapter, "stream")):
            raise _unavailable(f"plugin {name!r} cannot be used: {info.adapter} has neither 'complete' nor 'stream'")
        return adapter  # type: ignore[no-any-return] # whatever the dotted name led to; checked above

    def failures(self, name: str) -> FailureReader | None:
        """Import what reads the plugin's error answers; `None`: it names nothing.

        Raises `ConfigError` if the plugin is missing or broken, or its name leads nowhere.
        """
        named = self.info(name).failures
        if not named:
            return None
        module, _, attribute = named.partition(":")
        try:
            reader = getattr(importlib.import_module(module), attribute)
        except (Exception, SystemExit) as error:
            raise _broken(name, self._origin(name), f"failures: {named}: {type(error).__name__}: {error}") from error
        if not callable(reader):
            raise _broken(name, self._origin(name), f"failures: {named} is no function")
        return cast("FailureReader", reader)

    def _manifest(self, name: str) -> "Manifest":
        if name not in self._loaded:
            self._loaded[name] = _load(name, self._only(name), self._origin(name))
        return self._loaded[name]

    def _only(self, name: str) -> metadata.EntryPoint:
        points = self._found.get(name, [])
        if not points:
            raise ConfigError([Problem(code="unknown-plugin", message=f"no plugin named {name!r} is installed")])
        if len(points) > 1:
            owners = " and ".join(sorted(" ".join(_owner(point)) for point in points))
            raise ConfigError(
                [
                    Problem(
                        code="plugin-conflict",
                        message=f"two distributions offer a plugin named {name!r}: {owners}",
                        hint="uninstall one of them",
                    )
                ]
            )
        return points[0]

    def _origin(self, name: str) -> tuple[str, str]:
        points = self._found.get(name, [])
        return _owner(points[0]) if points else ("", "")


class Manifest(msgspec.Struct, frozen=True):
    """What a plugin's hooks returned, and its own plugin manager for the hooks that are rarely called."""

    info: ProviderInfo | None
    cards: Mapping[str, Card]
    manager: pluggy.PluginManager


def _load(name: str, point: metadata.EntryPoint, origin: tuple[str, str]) -> Manifest:
    """Import one plugin into a plugin manager of its own, so that it can spoil nobody else's hooks."""
    manager = pluggy.PluginManager("standby")
    manager.add_hookspecs(hooks)
    try:
        manager.register(point.load(), name)
        manager.check_pending()
        info = manager.hook.standby_provider()
        cards: Any = manager.hook.standby_models() or {}
    except (Exception, SystemExit) as error:
        words = " ".join(str(error).split())  # pluggy's own take several lines
        raise _broken(name, origin, f"{type(error).__name__}: {words}") from error
    if flaw := _flaw_of_provider(info) or _flaw_of_models(cards):
        raise _broken(name, origin, flaw)
    return Manifest(info, cards, manager)


def _flaw_of_provider(info: Any) -> str:
    if info is None:
        return ""
    if not isinstance(info, ProviderInfo):
        return f"standby_provider returned a {type(info).__name__}, not a ProviderInfo"
    flaw = _flaw_of_fields(info, ProviderInfo) or _flaw_of_fields(info.card, Card)
    return f"standby_provider: {flaw}" if flaw else ""


def _flaw_of_models(cards: Any) -> str:
    known = cast("Mapping[Any, object]", cards) if isinstance(cards, Mapping) else {None: None}
    for name, card in known.items():
        if not (isinstance(name, str) and isinstance(card, Card)):
            return "standby_models returned something that is no mapping of names to Cards"
        if flaw := _flaw_of_fields(card, Card):
            return f"standby_models, {name!r}: {flaw}"
    return ""


def _flaw_of_fields(value: object, kind: type[msgspec.Struct]) -> str:
    """Check the types of the fields: a struct takes whatever it is made with."""
    if not isinstance(value, kind):
        return f"expected a {kind.__name__}, got a {type(value).__name__}"
    try:
        msgspec.convert(msgspec.structs.asdict(value), kind)
    except msgspec.ValidationError as error:
        return str(error)[:1].lower() + str(error)[1:].replace("`$.", "`")
    return ""


def _owner(point: metadata.EntryPoint) -> tuple[str, str]:
    return (point.dist.name, point.dist.version) if point.dist else ("unknown distribution", "")


def _broken(name: str, origin: tuple[str, str], words: str) -> ConfigError:
    owner = " ".join(part for part in origin if part)
    hint = f"update or uninstall {origin[0]}"
    return ConfigError([Problem(code="broken-plugin", message=f"plugin {name!r} ({owner}) is broken: {words}", hint=hint)])


def _unavailable(words: str) -> AttemptFailed:
    return AttemptFailed(Failure(kind=Kind.UNAVAILABLE, message=words))
