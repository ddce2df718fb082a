"""Find the installed plugins by their entry points, without importing any of them."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from importlib import metadata

from standby.errors import ConfigError, Problem
from standby.plugin import GROUP
from standby.runtime.isolation import Origin


class InstalledPlugins:
    """The entry points of the group `standby.plugins`, by plugin name.

    A plugin is named as in `Provider.reference`: `name`, or `name@distribution` where two
    distributions offer one name.
    """

    def __init__(self, entry_points: Iterable[metadata.EntryPoint] | None = None) -> None:
        """Read the entry points.

        Args:
            entry_points: The entry points to use, all installed ones by default.
        """
        self._entry_points: dict[str, list[metadata.EntryPoint]] = {}
        for point in metadata.entry_points(group=GROUP) if entry_points is None else entry_points:
            self._entry_points.setdefault(point.name, []).append(point)
        self._origins: dict[str, Origin] = {}

    def names(self) -> tuple[str, ...]:
        """List the plugins.

        Returns:
            Their names, sorted.
        """
        return tuple(sorted(self._entry_points))

    def origin(self, reference: str) -> Origin:
        """Return where a plugin comes from. Its metadata is read once.

        Args:
            reference: `name` or `name@distribution`.

        Returns:
            The first match's origin, or "no distribution" where nothing matches.
        """
        if reference not in self._origins:
            matches = self._match(reference)
            self._origins[reference] = (
                read_origin(matches[0]) if matches else Origin(reference, "no distribution")
            )
        return self._origins[reference]

    def entry_point(self, reference: str) -> metadata.EntryPoint:
        """Return the one entry point of a plugin.

        Args:
            reference: `name` or `name@distribution`.

        Returns:
            The entry point.

        Raises:
            ConfigError: No plugin has this name, or several distributions offer it.
        """
        matches = self._match(reference)
        if len(matches) == 1:
            return matches[0]
        name, _, distribution = reference.partition("@")
        if matches:
            problem = _conflict(name, [read_origin(point) for point in matches])
        elif distribution and name in self._entry_points:
            problem = self._unknown_distribution(name, distribution)
        else:
            message = f"no plugin named {reference!r} is installed"
            problem = Problem(code="unknown-plugin", message=message)
        raise ConfigError([problem])

    def _match(self, reference: str) -> list[metadata.EntryPoint]:
        if reference in self._entry_points:
            return self._entry_points[reference]
        name, _, distribution = reference.partition("@")
        return [
            point
            for point in self._entry_points.get(name, [])
            if _normalize(read_origin(point).distribution) == _normalize(distribution)
        ]

    def _unknown_distribution(self, name: str, distribution: str) -> Problem:
        offers = sorted(read_origin(point).distribution for point in self._entry_points[name])
        return Problem(
            code="unknown-plugin",
            message=f"no distribution named {distribution!r} offers a plugin named {name!r}",
            hint=f"it is offered by {' and '.join(offers)}",
        )


def read_origin(point: metadata.EntryPoint) -> Origin:
    """Return where a plugin comes from.

    Args:
        point: The plugin's entry point.

    Returns:
        The plugin's name with its distribution's name and version.
    """
    if point.dist is None:
        return Origin(point.name, "unknown distribution")
    return Origin(point.name, *_name_and_version(point.dist))


@lru_cache(maxsize=64)
def _name_and_version(distribution: metadata.Distribution) -> tuple[str, str]:
    """Read a distribution's metadata once for all its plugins: it includes the whole README."""
    about = distribution.metadata
    return about["Name"], about["Version"]


def _conflict(name: str, origins: Sequence[Origin]) -> Problem:
    distributions = {origin.distribution for origin in origins}
    owners = sorted(f"{origin.distribution} {origin.version}".strip() for origin in origins)
    pin = f"{{{name}: {{plugin: {name}, distribution: {min(distributions)}}}}}"
    choice = f", or say which: providers: {pin}" if len(distributions) > 1 else ""
    return Problem(
        code="plugin-conflict",
        message=f"two distributions offer a plugin named {name!r}: {' and '.join(owners)}",
        hint=f"uninstall one of them{choice}",
    )


def _normalize(distribution: str) -> str:
    """Return a distribution's name in its normal form. Source: PEP 503."""
    return re.sub(r"[-_.]+", "-", distribution).lower()
