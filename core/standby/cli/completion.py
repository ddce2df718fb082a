"""`standby completion`: the script that lets a shell complete commands, options and names."""

import click
from click.shell_completion import get_completion_class

from standby.cli.options import Choice, json_option
from standby.cli.output import print_json

VARIABLE = "_STANDBY_COMPLETE"
"""The variable by which the shell requests completions, as click names it."""


@click.command("completion")
@click.argument("shell", type=Choice(["bash", "zsh", "fish"]))
@json_option
def command(shell: str, *, as_json: bool) -> None:
    """Print the script that lets SHELL (bash, zsh or fish) complete what follows "standby".

    It completes commands and options, and from your models.yaml and the plugins' cards the names of
    chains, models, plugins and codes. Write the line for your shell into ~/.bashrc, ~/.zshrc or
    ~/.config/fish/config.fish:

    \b
    eval "$(standby completion bash)"
    eval "$(standby completion zsh)"
    standby completion fish | source
    """  # noqa: D301 - click wants the character itself
    from standby.cli import standby  # noqa: PLC0415 - it imports this module on demand

    completion = get_completion_class(shell)
    assert completion is not None  # noqa: S101 - click knows the three
    script = completion(standby, {}, "standby", VARIABLE).source()
    if as_json:
        print_json({"shell": shell, "script": script})
    else:
        click.echo(script)
