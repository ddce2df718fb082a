"""What the import of a plugin's manifest brings in, measured in a process of its own."""

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
before, began = set(sys.modules), time.perf_counter()
importlib.import_module(sys.argv[1])
took = time.perf_counter() - began
new = sorted(name for name in set(sys.modules) - before if getattr(sys.modules[name], "__spec__", None))
print("\\n" + json.dumps({"seconds": took, "modules": new}))
"""
_OURS = {"standby", "msgspec", "pluggy"}
_LONGEST = 60.0
"""Seconds; a process that begins on a busy machine takes its time."""


class ImportCost(msgspec.Struct, frozen=True):
    """The modules that an import brought in, and the seconds that it took."""

    seconds: float
    modules: tuple[str, ...]

    def foreign(self, manifest: str) -> list[str]:
        """Return the packages that are neither the plugin's own nor Python's nor standby's."""
        roots = {name.partition(".")[0] for name in self.modules}
        known = {*sys.stdlib_module_names, *_OURS, manifest.partition(".")[0]}
        return sorted(root for root in roots - known if not root.startswith("_"))


def find_manifest(plugin: str) -> str:
    """Return the module that the plugin's entry point names; raises `AssertionError` where it is not installed."""
    points = sorted(metadata.entry_points(group=GROUP, name=plugin), key=lambda point: point.value)
    require(
        points,
        f"no plugin named {plugin!r} is installed: install its distribution, then see 'standby plugins'",
    )
    return points[0].module


def measure_import(module: str) -> ImportCost:
    """Import a module in a new process; raises `AssertionError` with the last line of what it said, if it cannot be."""
    ran = subprocess.run(  # noqa: S603 - this interpreter, with a program of this file
        [sys.executable, "-c", _PROGRAM, module],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)},  # noqa: PTH109 - as it is
        capture_output=True,
        text=True,
        check=False,
        timeout=_LONGEST,
    )
    said = ran.stderr.strip().splitlines() or ["it ended at once"]
    require(ran.returncode == 0, f"{module} cannot be imported: {said[-1]}")
    return msgspec.json.decode(ran.stdout.strip().splitlines()[-1], type=ImportCost)


def require_late_import(manifest: str, adapter: str) -> ImportCost:
    """Require that the manifest imports no SDK; `adapter` is `ProviderInfo.adapter`. Raises `AssertionError`."""
    brought = measure_import(manifest)
    module = adapter.partition(":")[0]
    late = (
        module == manifest or module not in brought.modules
    )  # an adapter in the manifest itself needs no SDK
    require(
        late,
        f"{manifest} imports the adapter's module, {module}: name it as a text in ProviderInfo.adapter, no more",
    )
    foreign = ", ".join(brought.foreign(manifest))
    require(
        not foreign, f"{manifest} imports {foreign}: move that import into the adapter's module"
    )
    return brought
