"""The installed plugins behind one typed class; each is imported when it is needed."""

from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from typing import TYPE_CHECKING, Any, Literal, cast

import msgspec

from standby.cards import Card
from standby.errors import ConfigError
from standby.failures import Failure
from standby.http.transport import unavailable
from standby.observe.log import report_broken_predicate
from standby.observe.observers import Observer
from standby.plugin import FailureReader, ProviderInfo, StubHandler
from standby.registry.discovery import InstalledPlugins
from standby.registry.loading import (
    Manifest,
    call_hook,
    check_sync,
    import_adapter,
    import_function,
    load_manifest,
)
from standby.resilience.triggers import Predicate
from standby.runtime.isolation import Origin, guard, require_value, type_error
from standby.settings import Provider
from standby.types import Reply

if TYPE_CHECKING:
    import click

ITSELF = "itself"
"""A manifest's `stub_server` for an adapter that makes no connections outside its process."""


class PluginStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One plugin as `standby plugins` shows it; `reason` says why it is not ok."""

    name: str
    distribution: str
    version: str
    state: Literal["ok", "broken", "no-sdk"]
    models: tuple[str, ...] = ()
    reason: str = ""


class Registry:
    """All installed plugins.

    Names are read from metadata. A plugin's module is imported once, when it is first needed.
    Methods take a plugin's name as `Provider.reference` has it: `name`, or `name@distribution`
    where two distributions offer one name.
    """

    def __init__(self, entry_points: Iterable[metadata.EntryPoint] | None = None) -> None:
        """Find the plugins.

        Args:
            entry_points: The entry points to use, all installed ones by default.
        """
        self._installed = InstalledPlugins(entry_points)
        self._manifests: dict[str, Manifest] = {}
        self._broken: dict[str, ConfigError] = {}

    def names(self) -> tuple[str, ...]:
        """List the installed plugins; nothing is imported.

        Returns:
            Their names, sorted.
        """
        return self._installed.names()

    def origin(self, name: str) -> Origin:
        """Return where a plugin comes from; nothing is imported.

        Args:
            name: The plugin.

        Returns:
            Its name with its distribution's name and version.
        """
        return self._installed.origin(name)

    def info(self, name: str) -> ProviderInfo:
        """Return how to reach any model of a plugin.

        Args:
            name: The plugin.

        Returns:
            What its hook `standby_provider` returned.

        Raises:
            ConfigError: The plugin is missing or broken, or has no such hook.
        """
        info = self.find_info(name)
        if info is None:
            raise self.origin(name).config_error(
                "it has no hook standby_provider, so it cannot reach any model"
            )
        return info

    def find_info(self, name: str) -> ProviderInfo | None:
        """Return how to reach any model of a plugin, if it reaches any.

        Args:
            name: The plugin.

        Returns:
            What its hook `standby_provider` returned; `None` without it.

        Raises:
            ConfigError: The plugin is missing or broken.
        """
        return self._manifest(name).info

    def hooks(self, name: str) -> frozenset[str]:
        """Return the names of the hooks that a plugin implements.

        Args:
            name: The plugin.

        Returns:
            The names.

        Raises:
            ConfigError: The plugin is missing or broken.
        """
        manager = self._manifest(name).manager
        return frozenset(
            caller.name
            for plugin in manager.get_plugins()
            for caller in manager.get_hookcallers(plugin) or ()
        )

    def cards(self, name: str) -> Mapping[str, Card]:
        """Return the models that a plugin registers.

        Args:
            name: The plugin.

        Returns:
            The cards by the vendor's model ids.

        Raises:
            ConfigError: The plugin is missing or broken.
        """
        return self._manifest(name).cards

    def commands(self, name: str) -> "Sequence[click.Command]":
        """Return the commands that a plugin adds to the command line.

        Args:
            name: The plugin.

        Returns:
            What its hook `standby_commands` returned, empty without the hook.

        Raises:
            ConfigError: The plugin is missing or broken, or the hook returns something else.
        """
        import click  # noqa: PLC0415 - `import standby` must not load it

        commands = call_hook(self._manifest(name), self.origin(name), "standby_commands", list[Any])
        if not all(isinstance(command, click.Command) and command.name for command in commands):
            raise self._wrong_value(name, "standby_commands", "a list of click commands")
        check_sync(self.origin(name), _callbacks(commands))
        return commands

    def observers(self, name: str) -> Sequence[Observer]:
        """Return a plugin's observers.

        Args:
            name: The plugin.

        Returns:
            Functions that are to be called with every event, at least one.

        Raises:
            ConfigError: The plugin is missing or broken, or has no observers.
        """
        observers = call_hook(
            self._manifest(name), self.origin(name), "standby_observers", list[Observer]
        )
        if not observers or not all(callable(observer) for observer in observers):
            raise self._wrong_value(name, "standby_observers", "a list of functions")
        check_sync(
            self.origin(name),
            {f"the observer {_function_name(observer)}": observer for observer in observers},
        )
        return observers

    def predicates(self, name: str) -> Mapping[str, Predicate]:
        """Return the predicates that a plugin offers to triggers.

        Args:
            name: The plugin.

        Returns:
            The predicates by name, empty without the hook `standby_predicates`.

        Raises:
            ConfigError: The plugin is missing or broken, or the hook returns something else.
        """
        predicates = call_hook(
            self._manifest(name), self.origin(name), "standby_predicates", dict[str, Predicate]
        )
        if not all(callable(predicate) for predicate in predicates.values()):
            raise self._wrong_value(name, "standby_predicates", "a mapping of names to functions")
        check_sync(
            self.origin(name),
            {f"the predicate {key!r}": predicate for key, predicate in predicates.items()},
        )
        return predicates

    def predicate(self, reference: str) -> Predicate:
        """Return the predicate that a trigger names.

        A predicate that raises, or that cannot be loaded, is logged and matches nothing.

        Args:
            reference: `plugin/predicate`, as in the trigger's field `test`.

        Returns:
            A function of a failure or a reply that never raises.
        """
        plugin, _, name = reference.partition("/")
        try:
            predicate = self.predicates(plugin)[name]
        except (ConfigError, KeyError) as error:
            report_broken_predicate(reference, error)
            return lambda _: False

        def matches(outcome: Reply | Failure) -> bool:
            try:
                return bool(require_value(predicate(outcome)))
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # noqa: BLE001 - a plugin may raise SystemExit
                report_broken_predicate(reference, error)
                return False

        return matches

    def status(self, name: str) -> PluginStatus:
        """Return what `standby plugins` shows of a plugin, broken or not.

        Args:
            name: The plugin.

        Returns:
            Its origin, its models, and what is wrong with it.
        """
        origin = self.origin(name)
        status = PluginStatus(
            name=name, distribution=origin.distribution, version=origin.version, state="ok"
        )
        try:
            return msgspec.structs.replace(status, models=tuple(self.cards(name)))
        except ConfigError as error:
            return msgspec.structs.replace(status, state="broken", reason=_format_problem(error))

    def adapter(self, provider: Provider) -> type[Any]:
        """Import a provider's adapter class, and the SDK with it. Slow, so call it in a thread.

        Args:
            provider: The provider: its plugin, and its transport.

        Returns:
            The class that `ProviderInfo.adapter` or `ProviderInfo.sdk_adapter` names.

        Raises:
            AttemptFailed: `unavailable`; the message says what to install or to update.
            ConfigError: No such plugin is installed, or several are.
        """
        try:
            info = self.info(provider.reference)
        except ConfigError as error:
            if error.problems[0].code != "broken-plugin":
                raise
            raise unavailable(_format_problem(error)) from error
        return import_adapter(info, self.origin(provider.reference), provider)

    def failure_reader(self, name: str) -> FailureReader | None:
        """Import the function that reads a plugin's error responses.

        Args:
            name: The plugin.

        Returns:
            The function, which raises `ConfigError` where the plugin's own function raises or does
            not return a `Failure`; `None` if `ProviderInfo.failures` is empty.

        Raises:
            ConfigError: The plugin is missing or broken, or the function cannot be imported.
        """
        dotted, broken = self.info(name).failures, self.origin(name).config_error
        if not dotted:
            return None
        reader = import_function(self.origin(name), "failures", dotted)

        def read(status: int, headers: Mapping[str, str], body: Any) -> Failure:
            with guard(lambda error: broken(f"failures: {dotted} raised {error}")):
                failure = require_value(reader(status, headers, body))
            if problem := type_error(failure, Failure):
                raise broken(f"failures: {dotted} did not return a Failure: {problem}")
            return cast("Failure", failure)

        return read

    def stub_handler(self, name: str) -> StubHandler | None:
        """Import the function that stands in for a plugin's vendor in `standby selftest`.

        Args:
            name: The plugin.

        Returns:
            The function; `None` if `ProviderInfo.stub_server` is empty or "itself".

        Raises:
            ConfigError: The plugin is missing or broken, or the function cannot be imported.
        """
        dotted = self.info(name).stub_server
        if dotted in ("", ITSELF):
            return None
        return import_function(self.origin(name), "stub_server", dotted)

    def _manifest(self, name: str) -> Manifest:
        """Import a plugin once, broken or not, so that its side effects happen once."""
        if name in self._broken:
            raise ConfigError(self._broken[name].problems)
        if name not in self._manifests:
            try:
                point = self._installed.entry_point(name)
                self._manifests[name] = load_manifest(point, self.origin(name))
            except ConfigError as error:
                self._broken[name] = error
                raise
        return self._manifests[name]

    def _wrong_value(self, name: str, hook: str, expected: str) -> ConfigError:
        return self.origin(name).config_error(f"{hook} returned something that is not {expected}")


def _callbacks(commands: "Iterable[click.Command]") -> dict[str, object]:
    """Return the callbacks of commands and of their subcommands."""
    callbacks: dict[str, object] = {}
    for command in commands:
        children: Mapping[str, click.Command] = getattr(command, "commands", {})
        callbacks |= {
            f"the command {command.name!r}": command.callback,
            **_callbacks(children.values()),
        }
    return callbacks


def _function_name(function: object) -> str:
    return getattr(function, "__qualname__", type(function).__qualname__)


def _format_problem(error: ConfigError) -> str:
    problem = error.problems[0]
    return "; ".join(part for part in (problem.message, problem.hint) if part)
