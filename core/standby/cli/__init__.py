"""The command line: one command a file, each imported when it is called.

Plugins add commands of their own: `standby <plugin> …`.
"""

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

from standby.cli.colours import uses_colour
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


class _Commands(Group):
    """Imports a command when it is called; any other name may be a plugin with commands."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _COMMANDS:
            return _plugin_group(cmd_name)
        module = importlib.import_module(f"standby.cli.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def suggestions(self, ctx: click.Context) -> list[str]:
        from standby.registry.plugins import Registry  # noqa: PLC0415 - only for an unknown name

        return [*self.list_commands(ctx), *Registry().names()]

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        items = super().shell_complete(ctx, incomplete)
        plugins = dict.fromkeys(name.partition(" ")[0] for name, _ in _plugin_commands(0))
        return items + [CompletionItem(name) for name in plugins if name.startswith(incomplete)]

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command line, and exit; no user sees a traceback, unless `STANDBY_DEBUG=1` is set.

        Args:
            args: The command line without the program's name; this process's by default.
            prog_name: The program's name, for help and usage.
            complete_var: The variable by which a shell requests completions.
            standalone_mode: Exit at the end; otherwise return or raise as click does.
            **extra: What click puts into the context.

        Returns:
            The command's result, and only without `standalone_mode`.
        """
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        arguments = list(sys.argv[1:] if args is None else args)
        try:
            result = super().main(
                arguments, prog_name, complete_var, standalone_mode=False, **extra
            )
        except Exception as error:  # click.Abort, for Ctrl-C, is one
            # only for an error
            from standby.cli.errors import is_expected, report, requests_json  # noqa: PLC0415

            if os.environ.get("STANDBY_DEBUG") and not is_expected(error):
                raise
            sys.exit(report(error, as_json=requests_json(arguments)))
        # an int is what ctx.exit() was given, or a plugin's command returned
        sys.exit(result if isinstance(result, int) else 0)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))  # imports none of them
        rows = _plugin_commands(formatter.width)
        if rows:
            with formatter.section("Commands of plugins"):
                formatter.write_dl(rows)


class _CommandOutput:
    """Standard output for our commands alone: what a plugin prints goes to standard error.

    A command prints from the main thread, outside of any event loop. No plugin runs there but for
    its hooks, and the registry keeps what those print away from standard output.
    """

    def __init__(self, out: object) -> None:
        self._out = out

    def __getattr__(self, name: str) -> Any:
        diverts = sys.stderr is not None and _is_plugin_context()
        return getattr(sys.stderr if diverts else self._out, name)


def _is_plugin_context() -> bool:
    if threading.current_thread() is not threading.main_thread():
        return True
    loops = sys.modules.get("asyncio.events")  # `standby --version` must not import it
    # documented; raises nothing
    return loops is not None and loops._get_running_loop() is not None  # noqa: SLF001


def _plugin_group(name: str) -> click.Command | None:
    """Return a plugin's commands as a group; only that plugin's module is imported."""
    from standby.errors import ConfigError  # noqa: PLC0415 - only for an unknown name
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
            f"the plugin {name!r} has no commands of its own; 'standby --help' lists all commands"
        )
    return Group(name, commands=list(commands), help=f"Commands of the plugin {name!r}.")


def _plugin_commands(width: int) -> list[tuple[str, str]]:
    """Return each command of a plugin with a line of help of at most so many letters."""
    from standby.errors import ConfigError  # noqa: PLC0415 - only to list all commands
    from standby.registry.plugins import Registry  # noqa: PLC0415 - see above

    registry = Registry()
    rows: list[tuple[str, str]] = []
    for plugin in registry.names():
        try:
            commands = registry.commands(plugin)
        except ConfigError:
            continue  # 'standby plugins' reports a broken one
        rows += (
            (f"{plugin} {command.name}", command.get_short_help_str(width)) for command in commands
        )
    return rows


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="standby")
@click.pass_context
def standby(ctx: click.Context) -> None:
    """Keep answering when a language model does not.

    \b
    standby ask "What is net metering?"        asks the chain "default"
    standby validate config/models.yaml       checks a file before anything is sent
    """  # noqa: D301 - click wants the character itself
    ctx.color = uses_colour()
    is_closed = sys.stdout is None  # the parent process closed it
    if ctx.invoked_subcommand in _COMMANDS and not is_closed:
        ctx.with_resource(redirect_stdout(cast("TextIO", _CommandOutput(sys.stdout))))


def main() -> None:
    """Run the command line of this process, and exit."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")  # a terminal that knows few letters gets "?" for the others
    # the system reclaims all memory; to take two SDKs apart before takes a third of a second
    atexit.register(gc.freeze)
    standby(prog_name="standby")
