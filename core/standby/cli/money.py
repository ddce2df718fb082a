"""The option for the size of a call, by which commands tell what it costs."""

import click

from standby.pricing import TYPICAL, parse_size
from standby.types import Usage


def _size(ctx: click.Context, param: click.Parameter, value: str) -> Usage:
    del ctx, param  # click adds the option's name by itself
    try:
        return parse_size(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


tokens_option = click.option(
    "--tokens",
    metavar="IN/OUT",
    default=f"{TYPICAL.input}/{TYPICAL.output}",
    show_default=True,
    callback=_size,
    help="How large a call is, in tokens: what it costs follows from the cards' prices.",
)
