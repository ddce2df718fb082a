"""Where a client's settings come from: a file, a dictionary, or `Settings` made in code."""

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from standby.config import Config, check_config, load
from standby.config.file_watcher import FileWatcher
from standby.errors import ConfigError
from standby.events import Event, Reloaded, ReloadFailed
from standby.runtime.late_lock import LateLock
from standby.settings import Settings

if TYPE_CHECKING:
    from standby.config.resolve.catalogue import Catalogue

Adopt = Callable[[Settings], None]
"""Puts new settings in force; raises `ConfigError` where they cannot be."""


class Announce(Protocol):
    """Emits an event that belongs to no call."""

    def __call__(self, kind: type[Event], **fields: object) -> None:
        """Emit an event of this type."""
        ...


class SettingsSource:
    """Reads and rereads the settings of one client, and watches their file."""

    def __init__(
        self,
        config: Config | None,
        settings: Settings | None,
        catalogue: "Catalogue",
        environ: Mapping[str, str],
        *,
        watch: bool,
    ) -> None:
        """Check what kind of source it is; nothing is read yet.

        Args:
            config: The file's path, or a dictionary of the file's form; `None`: look for a file.
            settings: Settings made in code, instead of a file.
            catalogue: The plugins that the settings may name.
            environ: The environment that the file's variables come from.
            watch: Whether to look for changes of the file.

        Raises:
            ConfigError: The path is empty.
            TypeError: `config` is neither a path nor a dictionary, stands beside `settings`, or is
                no file to watch.
        """
        self._config, self._cwd = check_config(config, settings, watch=watch), Path.cwd()
        self._settings = settings
        self._catalogue = catalogue
        self._environ = environ
        self.is_watching = watch
        self._watcher: FileWatcher | None = None
        self._file = ""
        self._reloading = LateLock()

    def read(self) -> Settings:
        """Return the settings with nothing left implicit, as the source has them now.

        Raises:
            ConfigError: They cannot be used; it has every problem at once.
        """
        today = date.today()  # noqa: DTZ011 - the user's own day
        if self._settings is not None:
            return self._resolve(self._settings, today)
        loaded = load(self._config, self._catalogue, self._environ, cwd=self._cwd, today=today)
        self._file = loaded.file
        if self._watcher is None and loaded.path is not None:
            self._watcher = FileWatcher(loaded.path)
        if loaded.settings is None:
            raise ConfigError(loaded.problems)
        return loaded.settings

    def reload(self, adopt: Adopt, announce: Announce) -> None:
        """Read the source again and adopt its settings; one reload at a time.

        Args:
            adopt: Puts the new settings in force.
            announce: Receives `Reloaded` or `ReloadFailed`.

        Raises:
            ConfigError: The new settings cannot be used.
            TypeError: The settings were made in code.
        """
        if self._settings is not None:
            raise TypeError("this client was made from settings: there is nothing to read again")
        with self._reloading.get():
            try:
                adopt(self.read())
            except ConfigError as error:
                announce(ReloadFailed, file=self._file, problems=tuple(map(str, error.problems)))
                raise
        announce(Reloaded, file=self._file)

    def reload_if_changed(self, adopt: Adopt, announce: Announce) -> None:
        """Begin a reload in a thread if the file has changed; never waits for it.

        Args:
            adopt: Puts the new settings in force.
            announce: Receives `Reloaded` or `ReloadFailed`.
        """
        if self._watcher is not None and self._watcher.has_changed():
            threading.Thread(
                target=self._reload_quietly,
                args=(adopt, announce),
                name="standby-reload",
                daemon=True,
            ).start()

    def _reload_quietly(self, adopt: Adopt, announce: Announce) -> None:
        with suppress(ConfigError):  # the event reports it
            self.reload(adopt, announce)

    def _resolve(self, settings: Settings, today: date) -> Settings:
        # only settings made in code need it here
        from standby.config.resolve.resolver import resolve  # noqa: PLC0415

        resolution = resolve(settings, self._catalogue, self._environ, today=today)
        errors = [
            problem
            for problem in resolution.problems
            if problem.severity == "error" and problem.code != "broken-plugin"
        ]
        if errors:
            raise ConfigError(errors)
        return resolution.settings
