"""Plugins as an installation leaves them: modules and a dist-info in a folder on `sys.path`; and what standby says of one."""

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
"""A chain whose second model is well."""


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
    """Install the plugin `acme`, and write a file whose chain asks its model first."""
    project = {"name": "acme-broken", "version": "1.2.0", "entry-points": {GROUP: {"acme": point}}}
    put(folder, project, {"acme_plugin.py": manifest, "acme_sdk.py": adapter})
    (folder / "models.yaml").write_text(CHAIN.format(timeout=timeout), encoding="utf-8")


def plugins() -> dict[str, Row]:
    """Return what `standby plugins` says of each."""
    with redirect_stdout(
        TextIOWrapper(BytesIO(), encoding="utf-8")
    ) as out:  # click's own runner mixes both streams before 8.2
        standby.main(["plugins", "--json"], standalone_mode=False)
        out.flush()
        written = cast(BytesIO, out.buffer).getvalue()
    return {row.name: row for row in msgspec.json.decode(written, type=list[Row])}


def validated() -> tuple[int, list[dict[str, Any]]]:
    """Return the exit status of `standby validate`, and the problems."""
    ran = CliRunner().invoke(standby, ["validate", "--json"], catch_exceptions=False)
    return ran.exit_code, msgspec.json.decode(ran.stdout)["problems"]


def asked(chain: str = "default") -> Reply:
    """Ask a chain on an event loop of its own, and close the client."""

    async def call() -> Reply:
        async with AsyncStandby(environ={}, warm_up=False) as client:
            return await client.chat("Good morning.", chain=chain)

    return asyncio.run(call())
