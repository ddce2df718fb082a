"""The command line: one command a file, each imported when it is called for. Plugins add commands: `standby <plugin> …`."""

import atexit
import gc
import importlib
import os
import sys
import threading
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import Any, TextIO, cast

import click
from click.shell_completion import CompletionItem

from standby.cli.colours import colour
from standby.cli.groups import Group
from standby.version import __version__

_COMMANDS = {
    "ask": "Ask a chain one question; show the answer, then how it came about.",
    "check": "Ask each model of a chain one tiny question, for real.",
    "completion": "Print the script that lets a shell complete commands and names.",
    "demo": "Show a fallback at once: no key, download, network or file.",
    "explain": "Say what a chain does with a failure, or without one.",
    "init": "Write a commented models.yaml to begin with.",
    "models": "List the models that the plugins know.",
    "new-plugin": "Write a package to begin a provider plugin with.",
    "plugins": "List the plugins, and what is wrong with a broken one.",
    "schema": "Print the JSON Schema of models.yaml.",
    "selftest": "Prove on this machine that a chain falls back and comes back.",
    "simulate": "Play an outage against the file, in virtual time.",
    "validate": "Check models.yaml: every problem, and the chains with the origin of each name.",
}


class _Group(Group):
    """Imports a command when it is asked for; a name that is no command may be a plugin with commands of its own."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name in _COMMANDS:
            command: click.Command = importlib.import_module(
                f"standby.cli.{cmd_name.replace('-', '_')}"
            ).command
            return command
        return _of_plugin(cmd_name)

    def suggestions(self, ctx: click.Context) -> list[str]:
        """Return the commands, and the plugins, which have commands below them."""
        from standby.registry.plugins import Registry  # noqa: PLC0415 - only for a name that is no command

        return [*self.list_commands(ctx), *Registry().names()]

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the commands, and the plugins that have some."""
        found = super().shell_complete(ctx, incomplete)
        plugins = dict.fromkeys(row[0].partition(" ")[0] for row in _rows_of_plugins(0))
        return found + [CompletionItem(name) for name in plugins if name.startswith(incomplete)]

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run, and exit with no traceback for anything that can happen to a user; `STANDBY_DEBUG=1` shows one."""
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        words = sys.argv[1:] if args is None else args
        try:
            ended = super().main(
                list(words), prog_name, complete_var, standalone_mode=False, **extra
            )
        except Exception as error:  # click.Abort, for Ctrl-C, is one
            from standby.cli.output import asks_for_json, is_foreseen, report  # noqa: PLC0415 - only where something failed

            if os.environ.get("STANDBY_DEBUG") and not is_foreseen(error):
                raise
            sys.exit(report(error, as_json=asks_for_json(words)))
        sys.exit(
            ended if isinstance(ended, int) else 0
        )  # an int: what ctx.exit() was given, or a plugin's command returned

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing any of them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))
        rows = _rows_of_plugins(formatter.width)
        if rows:
            with formatter.section("Commands of plugins"):
                formatter.write_dl(rows)


class _OwnWords:
    """Standard output for a command of ours: what a plugin prints while it is imported or asked goes to standard error.

    A command prints from the main thread, outside of any event loop; there no plugin runs, but for
    its hooks, which the registry calls with care.
    """

    def __init__(self, out: object) -> None:
        self._out = out

    def __getattr__(self, name: str) -> Any:
        aside = sys.stderr is not None and _a_plugin_may_run_here()
        return getattr(sys.stderr if aside else self._out, name)


def _a_plugin_may_run_here() -> bool:
    if threading.current_thread() is not threading.main_thread():
        return True
    loops = sys.modules.get("asyncio.events")  # `standby --version` must not import it
    return loops is not None and loops._get_running_loop() is not None  # noqa: SLF001 - documented; raises nothing


def _of_plugin(name: str) -> click.Command | None:
    """Return the plugin's commands as a group of their own; its module is imported for it, and no other's."""
    from standby.errors import ConfigError  # noqa: PLC0415 - only for a name that is no command
    from standby.registry.plugins import Registry  # noqa: PLC0415 - see above

    registry = Registry()
    if name not in registry.names():
        return None
    try:
        commands = registry.commands(name)
    except ConfigError as error:
        [problem] = error.problems
        raise click.UsageError(f"{problem.message}; {problem.hint}") from None
    if not commands:
        raise click.UsageError(
            f"the plugin {name!r} has no commands of its own; 'standby --help' lists all that there are"
        )
    return Group(name, commands=list(commands), help=f"Commands of the plugin {name!r}.")


def _rows_of_plugins(width: int) -> list[tuple[str, str]]:
    """Return each plugin's commands with a line of help; a broken plugin keeps nobody from reading it."""
    from standby.errors import ConfigError  # noqa: PLC0415 - only for the list of all commands
    from standby.registry.plugins import Registry  # noqa: PLC0415 - see above

    registry = Registry()
    rows: list[tuple[str, str]] = []
    for plugin in registry.names():
        try:
            commands = registry.commands(plugin)
        except ConfigError:
            continue  # 'standby plugins' tells of a broken one
        rows += (
            (f"{plugin} {command.name}", command.get_short_help_str(width)) for command in commands
        )
    return rows


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="standby")
@click.pass_context
def standby(ctx: click.Context) -> None:
    """Keep answering when a language model does not.

    \b
    standby ask "What is net metering?"        asks the chain "default"
    standby validate config/models.yaml       checks a file before anything is sent
    """  # noqa: D301 - click wants the character itself
    ctx.color = colour()
    if (
        ctx.invoked_subcommand in _COMMANDS and sys.stdout is not None
    ):  # None: it was closed by who started us
        ctx.with_resource(redirect_stdout(cast("TextIO", _OwnWords(sys.stdout))))


def main() -> None:
    """Run the command line of this process."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")  # a terminal that knows few letters gets "?" for the others
    atexit.register(
        gc.freeze
    )  # the system takes it all back; to take two SDKs apart before takes a third of a second
    standby(prog_name="standby")
