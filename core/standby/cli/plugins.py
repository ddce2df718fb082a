"""`standby plugins`: what is installed, and what is wrong with it."""

import click
import msgspec
from click.shell_completion import CompletionItem

from standby.cli.groups import Group
from standby.cli.options import json_option, narrow
from standby.cli.output import print_json
from standby.cli.tables import print_table
from standby.config.lint.libraries import library_problem
from standby.errors import ConfigError
from standby.plugin import ProviderInfo
from standby.registry.plugins import PluginStatus, Registry


class Row(PluginStatus, frozen=True, kw_only=True):
    """One plugin: its listing, the variables that may hold its key, what installs its SDK, and its own commands.

    `missing` are the requirements of the libraries that none of its models can be asked without,
    and that are not installed, or in another version.
    """

    keys: tuple[str, ...] = ()
    install: str = ""
    missing: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()


class _Plugins(Group):
    """Imports the command below it when it is asked for; any other word narrows the list."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return ["check"]

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the command below, and the plugins' names."""
        names = [name for name in Registry().names() if name.startswith(incomplete)]
        return super().shell_complete(ctx, incomplete) + [CompletionItem(name) for name in names]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name != "check":
            return None if ctx.resilient_parsing else _list_of(cmd_name)
        from standby.cli.plugins_check import command as check  # noqa: PLC0415 - only where it is called for

        return check


@click.group(
    "plugins", cls=_Plugins, invoke_without_command=True, subcommand_metavar="[TEXT | check NAME]"
)
@json_option
@click.pass_context
def command(ctx: click.Context, *, as_json: bool) -> None:
    """List the plugins, or those with TEXT in their name or their distribution's; say what is wrong with a broken one.

    \b
    standby plugins
    standby plugins openai --json
    standby plugins check gemini
    """  # noqa: D301 - click wants the character itself
    if ctx.invoked_subcommand is None:
        _list("", as_json=as_json)


def _list_of(text: str) -> click.Command:
    """Return the command that lists what the text narrows."""

    @click.command(text)
    @json_option
    @click.pass_context
    def command(ctx: click.Context, *, as_json: bool) -> None:
        """List the plugins with this text in their name or their distribution's."""
        assert ctx.parent is not None  # noqa: S101 - it is below `standby plugins`
        _list(text, as_json=as_json or ctx.parent.params["as_json"])

    return command


def _list(text: str, *, as_json: bool) -> None:
    registry = Registry()
    rows = narrow(
        [_row(registry, name) for name in registry.names()],
        text,
        lambda row: (row.name, row.distribution),
    )
    if as_json:
        print_json(rows)
        return
    print_table(
        ("plugin", "distribution", "version", "models", "state", "key in", "reason"),
        [
            (
                row.name,
                row.distribution,
                row.version,
                str(len(row.models)),
                row.state,
                " or ".join(row.keys),
                row.reason,
            )
            for row in rows
        ],
        names=(0, 1),
        matter=(0, 4, 6),
    )


def _row(registry: Registry, name: str) -> Row:
    info, commands = _info(registry, name), _commands(registry, name)
    lacks = {one.requirement: library_problem(one) for one in info.libraries if not one.option}
    missing = tuple(requirement for requirement, lack in lacks.items() if lack)
    listed = msgspec.structs.asdict(registry.status(name))
    if missing and listed["state"] == "ok":
        lacking = " ".join(f"'{requirement}'" for requirement in missing)
        why = dict.fromkeys(
            lacks[requirement].removeprefix("which is ").removeprefix("and ")
            for requirement in missing
        )
        listed |= {"state": "no-sdk", "reason": f"{', '.join(why)}: pip install {lacking}"}
    return Row(**listed, keys=info.keys, install=info.install, missing=missing, commands=commands)


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
