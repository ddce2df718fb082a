"""`standby plugins`: what is installed, and what is wrong with it."""

import click
import msgspec
from click.shell_completion import CompletionItem

from standby.cli.groups import Group
from standby.cli.options import json_option
from standby.cli.output import print_json
from standby.cli.tables import filter_rows, print_table
from standby.config.lint.libraries import library_problem, required_libraries
from standby.errors import ConfigError
from standby.plugin import ProviderInfo
from standby.registry.plugins import PluginStatus, Registry
from standby.settings import Provider


class PluginRow(PluginStatus, frozen=True, kw_only=True):
    """A plugin's listing, with what its account needs.

    `keys` are the variables that may hold its key; `install` installs its SDK; `commands` are its
    own. `missing` are the requirements of the libraries without which none of its models can be
    called, and that are not installed, or in another version.
    """

    keys: tuple[str, ...] = ()
    install: str = ""
    missing: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()


class _Plugins(Group):
    """Imports its command when it is called; any other word narrows the list."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return ["check"]

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        names = [name for name in Registry().names() if name.startswith(incomplete)]
        return super().shell_complete(ctx, incomplete) + [CompletionItem(name) for name in names]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name != "check":
            return None if ctx.resilient_parsing else _list_command(cmd_name)
        from standby.cli.plugins_check import command as check  # noqa: PLC0415 - only if called

        return check


@click.group(
    "plugins", cls=_Plugins, invoke_without_command=True, subcommand_metavar="[TEXT | check NAME]"
)
@json_option
@click.pass_context
def command(ctx: click.Context, *, as_json: bool) -> None:
    """List the plugins, and say what is wrong with a broken one.

    With TEXT, list those that have it in their name or their distribution's.

    \b
    standby plugins
    standby plugins openai --json
    standby plugins check gemini
    """  # noqa: D301 - click wants the character itself
    if ctx.invoked_subcommand is None:
        _print_plugins("", as_json=as_json)


def _list_command(text: str) -> click.Command:
    """Return a command that lists the plugins with this text."""

    @click.command(text)
    @json_option
    @click.pass_context
    def command(ctx: click.Context, *, as_json: bool) -> None:
        """List the plugins with this text in their name or their distribution's."""
        assert ctx.parent is not None  # noqa: S101 - it is below `standby plugins`
        _print_plugins(text, as_json=as_json or ctx.parent.params["as_json"])

    return command


def _print_plugins(text: str, *, as_json: bool) -> None:
    registry = Registry()
    rows = [_build_row(registry, name) for name in registry.names()]
    rows = filter_rows(rows, text, lambda row: (row.name, row.distribution))
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


def _build_row(registry: Registry, name: str) -> PluginRow:
    info = _load_info(registry, name)
    problems = {
        each.requirement: library_problem(each)
        for each in required_libraries(info, Provider(plugin=name))
    }
    missing = {requirement: problem for requirement, problem in problems.items() if problem}
    listing = msgspec.structs.asdict(registry.status(name))
    if missing and listing["state"] == "ok":
        listing |= {"state": "no-sdk", "reason": _format_missing(missing)}
    return PluginRow(
        **listing,
        keys=info.keys,
        install=info.install,
        missing=tuple(missing),
        commands=_command_names(registry, name),
    )


def _format_missing(problems: dict[str, str]) -> str:
    """Say why libraries cannot be used, and what installs them."""
    reasons = dict.fromkeys(
        problem.removeprefix("which is ").removeprefix("and ") for problem in problems.values()
    )
    requirements = " ".join(f"'{requirement}'" for requirement in problems)
    return f"{', '.join(reasons)}: pip install {requirements}"


def _load_info(registry: Registry, name: str) -> ProviderInfo:
    try:
        return registry.info(name)
    except ConfigError:
        return ProviderInfo(adapter="")  # the listing says why


def _command_names(registry: Registry, name: str) -> tuple[str, ...]:
    try:
        return tuple(command.name or "" for command in registry.commands(name))
    except ConfigError:
        return ()
