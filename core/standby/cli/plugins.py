"""`standby plugins`: what is installed, and what is wrong with it."""

import click
import msgspec

from standby.cli.groups import Group
from standby.cli.options import json_option
from standby.cli.output import print_json
from standby.cli.tables import print_table
from standby.errors import ConfigError
from standby.plugin import ProviderInfo
from standby.registry import Listing, Registry


class Row(Listing, frozen=True, kw_only=True):
    """One plugin: its listing, the variables that may hold its key, what installs its SDK, and its own commands."""

    keys: tuple[str, ...] = ()
    install: str = ""
    commands: tuple[str, ...] = ()


class _Plugins(Group):
    """Imports the command below it when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return ["check"]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name != "check":
            return None
        from standby.cli.plugins_check import command as check  # noqa: PLC0415 - only where it is called for

        return check


@click.group("plugins", cls=_Plugins, invoke_without_command=True)
@json_option
@click.pass_context
def command(ctx: click.Context, *, as_json: bool) -> None:
    """List the plugins: name, distribution, version, models, variables of the key, state, and the reason for a broken one.

    \b
    standby plugins
    standby plugins check gemini
    """  # noqa: D301 - click wants the character itself
    if ctx.invoked_subcommand is not None:
        return
    registry = Registry()
    rows = [_row(registry, name) for name in registry.names()]
    if as_json:
        print_json(rows)
        return
    print_table(
        ("plugin", "distribution", "version", "models", "state", "key in", "reason"),
        [
            (row.name, row.distribution, row.version, str(len(row.models)), row.state, " or ".join(row.keys), row.reason)
            for row in rows
        ],
    )


def _row(registry: Registry, name: str) -> Row:
    info, commands = _info(registry, name), _commands(registry, name)
    listed = msgspec.structs.asdict(registry.listing(name))
    return Row(**listed, keys=info.keys, install=info.install, commands=commands)


def _info(registry: Registry, name: str) -> ProviderInfo:
    try:
        return registry.info(name)
    except ConfigError:
        return ProviderInfo(adapter="")  # the listing says why


def _commands(registry: Registry, name: str) -> tuple[str, ...]:
    try:
        return tuple(command.name or "" for command in registry.commands(name))
    except ConfigError:
        return ()
