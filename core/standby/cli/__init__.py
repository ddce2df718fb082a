"""The command line: one command a file, each imported when it is called for. Plugins add commands: `standby <plugin> …`."""

import importlib
import os
import sys

import click

from standby.version import __version__

_COMMANDS = {
    "ask": "Ask a chain one question; show the answer, then how it came about.",
    "models": "List the models that the plugins know.",
    "plugins": "List the plugins, and what is wrong with a broken one.",
    "schema": "Print the JSON Schema of models.yaml.",
    "validate": "Check models.yaml: every problem, and the chains with the origin of each name.",
}


class _Group(click.Group):
    """Imports a command when it is asked for; a name that is no command may be a plugin with commands of its own."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name in _COMMANDS:
            command: click.Command = importlib.import_module(f"standby.cli.{cmd_name}").command
            return command
        return _of_plugin(cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing any of them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))
        with formatter.section("Commands of plugins"):
            formatter.write_dl([("local pull", "Fetch the embedded model. 'standby PLUGIN --help' lists any plugin's own.")])


def _of_plugin(name: str) -> click.Command | None:
    """Return the plugin's commands as a group of their own; its module is imported for it, and no other's."""
    from standby.errors import ConfigError  # noqa: PLC0415 - only for a name that is no command
    from standby.registry import Registry  # noqa: PLC0415 - see above

    registry = Registry()
    if name not in registry.names():
        return None
    try:
        commands = registry.commands(name)
    except ConfigError as error:
        [problem] = error.problems
        raise click.ClickException(f"{problem.message}; {problem.hint}") from None
    if not commands:
        raise click.ClickException(f"the plugin {name!r} has no commands of its own")
    return click.Group(name, commands=list(commands), help=f"Commands of the plugin {name!r}.")


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="standby")
def standby() -> None:
    """Keep answering when a language model does not.

    \b
    standby ask "What is net metering?"        asks the chain "default"
    standby validate config/models.yaml       checks a file before anything is sent
    """


def main() -> None:
    """Run, with no traceback for anything that can happen to a user; `STANDBY_DEBUG=1` shows one."""
    try:
        standby(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except click.exceptions.Exit as ended:
        sys.exit(ended.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads on; say nothing at the end either
        sys.exit(1)
    except Exception as error:
        if os.environ.get("STANDBY_DEBUG"):
            raise
        words = f"{type(error).__name__}: {error}".splitlines()[0]
        click.echo(f"standby: internal error: {words}; STANDBY_DEBUG=1 shows where", err=True)
        sys.exit(1)
