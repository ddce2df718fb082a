"""What the plugins say, read once per plugin; a plugin that nothing needs is not imported."""

from collections.abc import Callable, Collection, Mapping
from typing import Protocol, TypeVar

from standby.cards import Card
from standby.config.finding import Finding, Findings, Location
from standby.errors import ConfigError
from standby.plugin import FailureReader, ProviderInfo
from standby.runtime.isolation import Origin

T = TypeVar("T")

UNKNOWN = ProviderInfo(adapter="", options={}, account={})
"""Stands for a broken plugin: its models stay in their chains, and are skipped as unavailable."""


class Catalogue(Protocol):
    """The installed plugins.

    Each method that takes a plugin's name raises `ConfigError` where that plugin is missing or
    broken, except `origin`.
    """

    def names(self) -> tuple[str, ...]:
        """Return the installed plugins' names."""
        ...

    def origin(self, name: str) -> Origin:
        """Return the distribution that a plugin comes from."""
        ...

    def info(self, name: str) -> ProviderInfo:
        """Return how to reach any model of a plugin."""
        ...

    def cards(self, name: str) -> Mapping[str, Card]:
        """Return the cards that a plugin registers, by the vendor's ids of the models."""
        ...

    def observers(self, name: str) -> Collection[object]:
        """Return the observers that a plugin brings."""
        ...

    def predicates(self, name: str) -> Collection[str]:
        """Return the names of a plugin's predicates."""
        ...

    def failure_reader(self, name: str) -> FailureReader | None:
        """Return the function that reads a plugin's error responses, if it names one."""
        ...


class CachedCatalogue:
    """A catalogue that reads each plugin once, and reports a fault where it first matters."""

    def __init__(
        self, catalogue: Catalogue, findings: Findings, pinned: Mapping[str, str] | None = None
    ) -> None:
        """Read the plugins' names.

        Args:
            catalogue: The installed plugins.
            findings: Where the plugins' faults are added.
            pinned: For a name that two distributions offer, the reference of the one that is meant.

        """
        self.names = catalogue.names()
        self._catalogue = catalogue
        self._findings = findings
        self._pinned = pinned or {}
        self._infos: dict[str, ProviderInfo | None] = {}
        self._cards: dict[str, Mapping[str, Card]] = {}

    def origin(self, plugin: str) -> Origin:
        """Return the distribution that a plugin comes from.

        Args:
            plugin: The plugin's reference: its name, or its name with a distribution.

        """
        return self._catalogue.origin(plugin)

    def info(self, plugin: str, location: Location) -> ProviderInfo | None:
        """Return how to reach any model of a plugin.

        Args:
            plugin: The plugin's reference.
            location: Where the settings need it.

        Returns:
            What the plugin says; `UNKNOWN` where it is broken, `None` where no models can be made.

        """
        if plugin not in self._infos:
            try:
                self._infos[plugin] = self._catalogue.info(plugin)
            except ConfigError as error:
                is_broken = all(problem.code == "broken-plugin" for problem in error.problems)
                self._infos[plugin] = UNKNOWN if is_broken else None
                self._report(error, location)
        return self._infos[plugin]

    def check_observers(self, plugin: str, location: Location) -> None:
        """Report what is wrong with a plugin whose observers are wanted.

        Args:
            plugin: The plugin's name.
            location: Where the settings name it.

        """
        self._read_installed(plugin, location, self._catalogue.observers)

    def predicates(self, plugin: str, location: Location) -> Collection[str] | None:
        """Return the names of a plugin's predicates.

        Args:
            plugin: The plugin's name.
            location: Where the settings name it.

        Returns:
            The names; `None` where the plugin is missing or broken, which is reported.

        """
        return self._read_installed(plugin, location, self._catalogue.predicates)

    def _read_installed(
        self, plugin: str, location: Location, read: Callable[[str], Collection[T]]
    ) -> Collection[T] | None:
        if plugin not in self.names:
            installed = ", ".join(self.names) or "none"
            hint = self._findings.suggest(plugin, self.names) or f"installed: {installed}"
            message = f"no plugin named {plugin!r} is installed"
            self._findings.error(location, "unknown-plugin", message, hint)
            return None
        try:
            return read(self._pinned.get(plugin, plugin))
        except ConfigError as error:
            self._report(error, location)
            return None

    def _report(self, error: ConfigError, location: Location) -> None:
        self._findings += (
            Finding(location=location, problem=problem) for problem in error.problems
        )

    def cards(self, plugin: str, location: Location) -> Mapping[str, Card]:
        """Return a plugin's cards, by the vendor's ids of the models.

        Args:
            plugin: The plugin's reference.
            location: Where the settings need them.

        Returns:
            The cards; none where the plugin is broken. That is a warning, because a look-up can go
            on without it, but an error where two distributions offer a plugin of this name.

        """
        if self._infos.get(plugin) is UNKNOWN:
            return {}  # reported already
        if plugin not in self._cards:
            try:
                self._cards[plugin] = self._catalogue.cards(plugin)
            except ConfigError as error:
                self._cards[plugin] = {}
                for problem in error.problems:
                    is_conflict = problem.code == "plugin-conflict"
                    report = self._findings.error if is_conflict else self._findings.warn
                    report(location, problem.code, problem.message, problem.hint)
        return self._cards[plugin]

    def find_plugins(self, vendor_id: str, location: Location) -> list[str]:
        """Return the plugins that have a card of a model.

        Args:
            vendor_id: The vendor's id of the model.
            location: Where the settings name the model.

        Returns:
            The plugins' names.

        """
        return [
            plugin
            for plugin in self.names
            if vendor_id in self.cards(self._pinned.get(plugin, plugin), location)
        ]

    def vendor_ids(self, location: Location) -> list[str]:
        """Return the vendors' ids of all models that have a card.

        Args:
            location: Where the settings need them; a broken plugin is reported there.

        Returns:
            The ids, plugin by plugin.

        """
        return [
            vendor_id
            for plugin in self.names
            for vendor_id in self.cards(self._pinned.get(plugin, plugin), location)
        ]
