"""What importing a plugin's manifest imports besides, measured in a new process."""

import os
import subprocess
import sys
from importlib import metadata

import msgspec

from standby.plugin import GROUP
from standby.testing.assertions import require

_PROGRAM = """
import importlib, json, sys, time
import standby.plugin
before, start = set(sys.modules), time.perf_counter()
importlib.import_module(sys.argv[1])
seconds = time.perf_counter() - start
new = set(sys.modules) - before
modules = sorted(name for name in new if getattr(sys.modules[name], "__spec__", None))
print("\\n" + json.dumps({"seconds": seconds, "modules": modules}))
"""
_STANDBY = {"standby", "msgspec", "pluggy"}
_LIMIT = 60.0
"""Seconds for the whole process, on a busy machine too."""


class ImportCost(msgspec.Struct, frozen=True):
    """The modules that an import loaded, and the seconds that it took."""

    seconds: float
    modules: tuple[str, ...]

    def foreign(self, manifest: str) -> list[str]:
        """Return the packages that belong to neither the plugin nor Python nor standby.

        Args:
            manifest: The plugin's module.

        Returns:
            Their names, sorted.
        """
        roots = {name.partition(".")[0] for name in self.modules}
        expected = {*sys.stdlib_module_names, *_STANDBY, manifest.partition(".")[0]}
        return sorted(root for root in roots - expected if not root.startswith("_"))


def find_manifest(plugin: str) -> str:
    """Return the module that a plugin's entry point names.

    Args:
        plugin: The plugin's name.

    Returns:
        The module's dotted name.

    Raises:
        AssertionError: No such plugin is installed.
    """
    points = sorted(metadata.entry_points(group=GROUP, name=plugin), key=lambda point: point.value)
    require(
        points,
        f"no plugin named {plugin!r} is installed: "
        "install its distribution, then see 'standby plugins'",
    )
    return points[0].module


def measure_import(module: str) -> ImportCost:
    """Import a module in a new process.

    Args:
        module: Its dotted name.

    Returns:
        What the import loaded, and how long it took.

    Raises:
        AssertionError: It cannot be imported; the message is the last line of the traceback.
    """
    # "" is the working folder
    path = os.pathsep.join(folder or os.getcwd() for folder in sys.path)  # noqa: PTH109
    process = subprocess.run(  # noqa: S603 - this interpreter, with a program of this file
        [sys.executable, "-c", _PROGRAM, module],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=_LIMIT,
    )
    errors = process.stderr.strip().splitlines() or ["the process ended at once"]
    require(process.returncode == 0, f"{module} cannot be imported: {errors[-1]}")
    return msgspec.json.decode(process.stdout.strip().splitlines()[-1], type=ImportCost)


def require_late_import(manifest: str, adapter: str) -> ImportCost:
    """Require that importing a manifest imports neither the adapter nor an SDK.

    Args:
        manifest: The plugin's module.
        adapter: `ProviderInfo.adapter`, or "".

    Returns:
        What the import loaded, and how long it took.

    Raises:
        AssertionError: It imports the adapter's module or a foreign package.
    """
    cost = measure_import(manifest)
    module = adapter.partition(":")[0]
    is_late = module == manifest or module not in cost.modules
    require(
        is_late,
        f"{manifest} imports the adapter's module, {module}: "
        "only name it, as a text in ProviderInfo.adapter",
    )
    foreign = ", ".join(cost.foreign(manifest))
    require(
        not foreign, f"{manifest} imports {foreign}: move that import into the adapter's module"
    )
    return cost
