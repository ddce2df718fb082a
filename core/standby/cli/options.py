"""The options and arguments that commands share."""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import click

from standby.cli.completers import complete_chains, complete_models
from standby.config.durations import parse_span
from standby.config.finding import suggest
from standby.pricing import TYPICAL, parse_size

Function = Callable[..., Any]
Decorator = Callable[[Function], Function]
Value = TypeVar("Value")
Callback = Callable[[click.Context, click.Parameter, str | None], Value | None]


def parse_with(parse: Callable[[str], Value]) -> Callback[Value]:
    """Return a click callback that parses an option's text.

    Args:
        parse: Returns the value; raises `ValueError` with a message for what it cannot read.

    Returns:
        A callback for `click.option`; the command gets the value, `None` without the option.
    """

    def callback(ctx: click.Context, param: click.Parameter, value: str | None) -> Value | None:
        del ctx, param  # click adds the option's name by itself
        try:
            return None if value is None else parse(value)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None

    return callback


def duration_option(name: str, **attributes: Any) -> Decorator:
    """Declare an option whose value is a duration as models.yaml writes it.

    Args:
        name: The option, such as "--timeout".
        **attributes: What `click.option` takes besides.

    Returns:
        A decorator; the command gets seconds.
    """
    return click.option(name, metavar="DURATION", callback=parse_with(parse_span), **attributes)


json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document, for errors too."
)

tokens_option = click.option(
    "--tokens",
    metavar="IN/OUT",
    default=f"{TYPICAL.input}/{TYPICAL.output}",
    show_default=True,
    callback=parse_with(parse_size),
    help="How large a call is, in tokens: its cost follows from the cards' prices.",
)

chain_option = click.option(
    "--chain",
    metavar="NAME",
    default="default",
    show_default=True,
    shell_complete=complete_chains,
    help="The chain to use.",
)

chains_option = click.option(
    "--chain",
    "chains",
    metavar="NAME",
    multiple=True,
    shell_complete=complete_chains,
    help="Only this chain; may be given more than once.",
)

models_option = click.option(
    "--model",
    "models",
    metavar="NAME",
    multiple=True,
    shell_complete=complete_models,
    help="Only this model; may be given more than once.",
)


def config_options(function: Function) -> Function:
    """Let a command take the file as FILE or by --config.

    Args:
        function: The command's function; it gets one `config`, `None` where neither is given.

    Returns:
        The function with both parameters declared.
    """

    @wraps(function)
    def command(*args: Any, file: str | None, config: str | None, **rest: Any) -> Any:
        if file is not None and config is not None:
            raise click.UsageError(
                f"the file is given twice, as {file!r} and by --config {config!r}; give it once"
            )
        return function(*args, config=config if file is None else file, **rest)

    option = click.option(
        "-c",
        "--config",
        metavar="FILE",
        type=click.Path(),
        help="The models.yaml to use; the same as FILE.",
    )
    return click.argument("file", required=False, type=click.Path())(option(command))


if TYPE_CHECKING:
    _Choice = click.Choice[str]
else:
    _Choice = click.Choice  # generic since 8.2


class Choice(_Choice):
    """A choice that answers a misspelt word with the nearest, or with all."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check one word of the command line.

        Args:
            value: The word.
            param: The option or argument that it is for.
            ctx: click's context.

        Returns:
            The word.

        Raises:
            click.BadParameter: The word is not a choice.
        """
        if value not in self.choices:
            names = [str(choice) for choice in self.choices]
            hint = suggest(value, names) or f"write one of {', '.join(names)}"
            self.fail(f"{value!r} is not known; {hint}", param, ctx)
        return super().convert(value, param, ctx)
