"""Plugins as they are installed, with a dist-info on `sys.path`, and what standby says of them."""

import asyncio
from contextlib import redirect_stdout
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any, cast

import msgspec
from click.testing import CliRunner

from standby import AsyncStandby, Reply
from standby.cli import standby
from standby.plugin import GROUP
from tests.docs.distributions import put

CHAIN = """\
version: 1
models:
  sick: {{provider: acme, model: a-1, timeout: {timeout}}}
  well: {{provider: scripted, options: {{reply: I am well.}}}}
chains:
  default: {{models: [sick, well], deadline: 20s, retry: {{attempts: 1}}}}
  well: {{models: [well]}}
  sick: {{models: [sick]}}
"""
"""A chain whose second model works."""


class Row(msgspec.Struct, frozen=True):
    """One plugin in `standby plugins --json`."""

    name: str
    distribution: str
    version: str
    state: str
    reason: str


def put_acme(
    folder: Path,
    manifest: str,
    adapter: str = "",
    *,
    point: str = "acme_plugin",
    timeout: str = "10s",
) -> None:
    """Install the plugin `acme`, and write a file whose chain begins with its model."""
    project = {"name": "acme-broken", "version": "1.2.0", "entry-points": {GROUP: {"acme": point}}}
    put(folder, project, {"acme_plugin.py": manifest, "acme_sdk.py": adapter})
    (folder / "models.yaml").write_text(CHAIN.format(timeout=timeout), encoding="utf-8")


def plugins() -> dict[str, Row]:
    """Return the rows of `standby plugins`."""
    # not click's own runner, which mixes both streams before 8.2
    with redirect_stdout(TextIOWrapper(BytesIO(), encoding="utf-8")) as out:
        standby.main(["plugins", "--json"], standalone_mode=False)
        out.flush()
        data = cast(BytesIO, out.buffer).getvalue()
    return {row.name: row for row in msgspec.json.decode(data, type=list[Row])}


def validate() -> tuple[int, list[dict[str, Any]]]:
    """Return the exit status and the problems of `standby validate`."""
    result = CliRunner().invoke(standby, ["validate", "--json"], catch_exceptions=False)
    return result.exit_code, msgspec.json.decode(result.stdout)["problems"]


def ask(chain: str = "default") -> Reply:
    """Call a chain on a new event loop, and close the client."""

    async def call() -> Reply:
        async with AsyncStandby(environ={}, warm_up=False) as client:
            return await client.chat("Good morning.", chain=chain)

    return asyncio.run(call())
