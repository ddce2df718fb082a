"""`standby plugins`: what is installed, and what is wrong with it."""

import click
import msgspec

from standby.cli.tables import print_table
from standby.registry import Registry


@click.command("plugins")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def command(*, as_json: bool) -> None:
    """List the plugins: name, distribution, version, models, state, and the reason for a broken one."""
    registry = Registry()
    listings = [registry.listing(name) for name in registry.names()]
    if as_json:
        click.echo(msgspec.json.encode(listings))
        return
    print_table(
        ("plugin", "distribution", "version", "models", "state", "reason"),
        [(each.name, each.distribution, each.version, str(len(each.models)), each.state, each.reason) for each in listings],
    )
