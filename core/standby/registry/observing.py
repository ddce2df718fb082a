"""The sink of the observers that the settings name."""

import weakref
from collections.abc import Callable, Sequence

from standby.errors import ConfigError
from standby.events import Event
from standby.observe.log import report_broken_observer
from standby.observe.observers import Observer, Observers


class PluginObservers:
    """Hands each event to the observers of the plugins in force. Other settings may name others."""

    def __init__(self, load: Callable[[str], Sequence[Observer]]) -> None:
        """Start without observers.

        Args:
            load: Returns a plugin's observers; raises `ConfigError` if it has none or is broken.
        """
        self._load = load
        self._plugins: tuple[str, ...] = ()
        self._observers = Observers()

    def __call__(self, event: Event) -> None:
        """Hand the event on, and return at once."""
        self._observers(event)

    def __bool__(self) -> bool:
        """Say whether there are any observers."""
        return bool(self._observers)

    def use(self, plugins: tuple[str, ...]) -> None:
        """Hand events to the observers of these plugins from now on. A broken plugin is logged.

        Args:
            plugins: The plugins' names, as the settings list them.
        """
        if plugins == self._plugins:
            return
        self._observers.close(0)
        self._plugins = plugins
        self._observers = Observers(self._load_all(plugins))
        weakref.finalize(self, self._observers.close)

    def close(self) -> None:
        """Wait for the observers to receive the events that are on their way; bounded."""
        self._observers.close()

    def _load_all(self, plugins: tuple[str, ...]) -> list[tuple[str, Observer]]:
        observers: list[tuple[str, Observer]] = []
        for plugin in plugins:
            try:
                observers += ((plugin, observer) for observer in self._load(plugin))
            except ConfigError as error:
                report_broken_observer(plugin, error)
        return observers
