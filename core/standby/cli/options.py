"""What commands take alike: FILE or --config, --json, --chain, and durations."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import click

from standby.cli.completing import chains
from standby.config.finding import suggest
from standby.config.scalars import parse_duration

Function = Callable[..., Any]
Row = TypeVar("Row")


def duration_option(name: str, **attributes: Any) -> Callable[[Function], Function]:
    """Declare an option whose value is a duration as models.yaml writes it; the command gets seconds."""
    return click.option(name, metavar="DURATION", callback=_seconds, **attributes)


def _seconds(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    del ctx, param  # click adds the option's name by itself
    try:
        return None if value is None else parse_duration(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document, for errors too."
)

chain_option = click.option(
    "--chain",
    metavar="NAME",
    default="default",
    show_default=True,
    shell_complete=chains,
    help="The chain to use.",
)


def config_options(function: Function) -> Function:
    """Let a command take the file as FILE or by --config; the function gets one `config`, `None` where neither is given."""

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


def narrow(rows: Sequence[Row], text: str, words: Callable[[Row], Sequence[str]]) -> list[Row]:
    """Return the rows that have the text in one of their words, the first of which is the name; say where none has it."""
    kept = [row for row in rows if any(text.casefold() in word.casefold() for word in words(row))]
    if text and not kept:
        names = [words(row)[0] for row in rows]
        hint = suggest(text, [*names, *(part for name in names for part in name.split("-"))])
        click.echo(f"nothing here is named like {text!r}" + (f"; {hint}" if hint else ""), err=True)
    return kept


if TYPE_CHECKING:
    _Choice = click.Choice[str]
else:
    _Choice = click.Choice  # generic since 8.2


class Choice(_Choice):
    """A choice that answers a misspelt word with the nearest, or with all."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the word; `click.BadParameter` where it is not known."""
        if value not in self.choices:
            names = [str(choice) for choice in self.choices]
            self.fail(
                f"{value!r} is not known; {suggest(value, names) or 'write one of ' + ', '.join(names)}",
                param,
                ctx,
            )
        return super().convert(value, param, ctx)
