"""What plugins cost: a call of a hook, and `standby validate` beside a hundred unused plugins.

usage: python benchmarks/plugins.py [--rounds N]
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pluggy
from ratios import Ratio, compare, summary

from standby import AsyncStandby
from standby.plugin import GROUP, ProviderInfo, hookimpl, hooks

PLUGINS = 100
LIMIT = 1.3
SHARE = 0.1
"""The largest share that a hook's call may have of a call to a model that answers at once.

A call to a model makes no hook's call.
"""

MANIFEST = """\
from standby.plugin import Card, ProviderInfo, hookimpl

@hookimpl
def standby_provider():
    return ProviderInfo(adapter="{module}_sdk:Adapter")

@hookimpl
def standby_models():
    return {{"{name}-1": Card(context_window=8192)}}
"""

FILE = """\
version: 1
models: {used: {provider: bench0, model: bench0-1}}
chains: {default: {models: [used]}}
"""

SCRIPTED = """\
version: 1
models: {well: {provider: scripted, options: {reply: Lisbon.}}}
chains: {default: {models: [well]}}
"""


class Plugin:
    """A plugin of one hook."""

    @hookimpl
    def standby_provider(self) -> ProviderInfo:
        """Say how to reach its models."""
        return ProviderInfo(adapter="acme:Acme")


async def compare_hook(folder: Path, rounds: int) -> Ratio:
    """Compare a call of a hook, through pluggy, with a whole call through the scripted plugin."""
    manager = pluggy.PluginManager("standby")
    manager.add_hookspecs(hooks)
    manager.register(Plugin())
    (folder / "models.yaml").write_text(SCRIPTED, encoding="utf-8")

    async def hook() -> object:
        return manager.hook.standby_provider()

    async with AsyncStandby(folder / "models.yaml", environ={}, warm_up=False) as client:
        return await compare(
            hook, lambda: client.chat("What is the capital of Portugal?"), rounds=rounds, calls=200
        )


def install(folder: Path, plugins: int) -> Path:
    """Write plugins with their dist-infos, as an installer does, and a file that uses one."""
    folder.mkdir()
    (folder / "models.yaml").write_text(FILE, encoding="utf-8")
    for number in range(plugins):
        name = f"bench{number}"
        info = folder / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8"
        )
        (info / "entry_points.txt").write_text(
            f"[{GROUP}]\n{name} = {name}_plugin\n", encoding="utf-8"
        )
        (folder / f"{name}_plugin.py").write_text(
            MANIFEST.format(module=name, name=name), encoding="utf-8"
        )
    return folder


def time_validate(folder: Path) -> float:
    """Time `standby validate` in its own process, with the bytecode of an installed package."""
    left_out = ("PYTHONDONTWRITEBYTECODE", "STANDBY_CONFIG")
    environment = {name: value for name, value in os.environ.items() if name not in left_out}
    began = time.perf_counter()
    subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-m", "standby", "validate", str(folder / "models.yaml")],
        check=True,
        capture_output=True,
        env=environment | {"PYTHONPATH": str(folder)},
    )
    return time.perf_counter() - began


def compare_validate(folder: Path, rounds: int) -> Ratio:
    """Compare `validate` with a hundred plugins and with one, after an untimed run of each."""
    many, one = install(folder / "many", PLUGINS), install(folder / "one", 1)
    time_validate(many), time_validate(one)
    pairs: list[tuple[float, float]] = []
    for number in range(rounds):
        second = time_validate(one) if number % 2 else 0.0
        first = time_validate(many)
        pairs.append((first, second or time_validate(one)))
    return summary(pairs)


def main() -> int:
    """Print a table; the exit status is 1 if a ratio is above its limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=21)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        hook = asyncio.run(compare_hook(folder, rounds))
        validate = compare_validate(folder, rounds)
    share = f"{hook.median:.1%} ({hook.low:.1%} to {hook.high:.1%})"
    print(f"| a hook's call, of a call answered at once | {share} | limit {SHARE:.0%} | ", end="")
    print(f"{hook.a * 1e6:.1f} us of {hook.b * 1e6:.0f} us |")
    name = f"`standby validate` with {PLUGINS} plugins, one used, against that one alone"
    print(f"| {name} | {validate} | limit {LIMIT} | {validate.format_seconds('ms')} |")
    return int(hook.median > SHARE or validate.median > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
