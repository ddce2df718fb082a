"""What is asked of the plugins, each thing once; whom nobody asks about is not imported."""

from collections.abc import Callable, Collection, Mapping
from typing import Protocol, TypeVar

from standby.cards import Card
from standby.config.finding import Finding, Findings, Location
from standby.errors import ConfigError
from standby.plugin import FailureReader, ProviderInfo
from standby.runtime.isolation import Origin

T = TypeVar("T")

UNKNOWN = ProviderInfo(adapter="", options={}, account={})
"""Stands in for what a broken plugin would say: its models stay in their chains, and are skipped as unavailable."""


class Catalogue(Protocol):
    """What is asked of the plugins; each raises `ConfigError` for one that is missing or broken."""

    def names(self) -> tuple[str, ...]:
        """Return the installed plugins' names."""
        ...

    def origin(self, name: str) -> Origin:
        """Say where a plugin comes from."""
        ...

    def info(self, name: str) -> ProviderInfo:
        """Say how to reach any model of a plugin."""
        ...

    def cards(self, name: str) -> Mapping[str, Card]:
        """Return the models that a plugin registers."""
        ...

    def observers(self, name: str) -> Collection[object]:
        """Return what a plugin wants to be told every event."""
        ...

    def predicates(self, name: str) -> Collection[str]:
        """Return the names of a plugin's predicates."""
        ...

    def failure_reader(self, name: str) -> FailureReader | None:
        """Return what reads a plugin's error answers, if it names something."""
        ...


class Plugins:
    """A catalogue that answers once: what is wrong with a plugin is told where it was first asked about."""

    def __init__(
        self, catalogue: Catalogue, findings: Findings, pinned: Mapping[str, str] | None = None
    ) -> None:
        """Add to `findings` what is wrong; `pinned` says for a name which plugin is meant where two distributions offer it."""
        self.names = catalogue.names()
        self._catalogue = catalogue
        self._findings = findings
        self._pinned = pinned or {}
        self._infos: dict[str, ProviderInfo | None] = {}
        self._cards: dict[str, Mapping[str, Card]] = {}

    def origin(self, plugin: str) -> Origin:
        """Say where a plugin comes from."""
        return self._catalogue.origin(plugin)

    def info(self, plugin: str, location: Location) -> ProviderInfo | None:
        """Say how to reach any model of a plugin; `None` if it is broken."""
        if plugin not in self._infos:
            try:
                self._infos[plugin] = self._catalogue.info(plugin)
            except ConfigError as error:
                broken = all(problem.code == "broken-plugin" for problem in error.problems)
                self._infos[plugin] = UNKNOWN if broken else None
                self._findings += (
                    Finding(location=location, problem=problem) for problem in error.problems
                )
        return self._infos[plugin]

    def check_observers(self, plugin: str, location: Location) -> None:
        """Add what is wrong with a plugin that is to observe."""
        self._asked(plugin, location, self._catalogue.observers)

    def predicates(self, plugin: str, location: Location) -> Collection[str] | None:
        """Return the names of a plugin's predicates; `None` if they cannot be had."""
        return self._asked(plugin, location, self._catalogue.predicates)

    def _asked(
        self, plugin: str, location: Location, ask: Callable[[str], Collection[T]]
    ) -> Collection[T] | None:
        if plugin not in self.names:
            hint = (
                self._findings.suggest(plugin, self.names)
                or f"installed: {', '.join(self.names) or 'none'}"
            )
            self._findings.error(
                location, "unknown-plugin", f"no plugin named {plugin!r} is installed", hint
            )
            return None
        try:
            return ask(self._pinned.get(plugin, plugin))
        except ConfigError as error:
            self._findings += (
                Finding(location=location, problem=problem) for problem in error.problems
            )
            return None

    def cards(self, plugin: str, location: Location) -> Mapping[str, Card]:
        """Return a plugin's cards; a look-up goes on without a broken one, and with an error if two bear one name."""
        if self._infos.get(plugin) is UNKNOWN:
            return {}  # told already
        if plugin not in self._cards:
            try:
                self._cards[plugin] = self._catalogue.cards(plugin)
            except ConfigError as error:
                self._cards[plugin] = {}
                for problem in error.problems:
                    tell = (
                        self._findings.error
                        if problem.code == "plugin-conflict"
                        else self._findings.warn
                    )
                    tell(location, problem.code, problem.message, problem.hint)
        return self._cards[plugin]

    def knowing(self, vendor_id: str, location: Location) -> list[str]:
        """Return the plugins whose cards know a model."""
        return [
            plugin
            for plugin in self.names
            if vendor_id in self.cards(self._pinned.get(plugin, plugin), location)
        ]

    def models(self, location: Location) -> list[str]:
        """Return all models that the plugins know."""
        return [
            model
            for plugin in self.names
            for model in self.cards(self._pinned.get(plugin, plugin), location)
        ]
