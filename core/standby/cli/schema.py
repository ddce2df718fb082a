"""`standby schema`: the JSON Schema of models.yaml, with the options of the installed plugins."""

from contextlib import suppress
from pathlib import Path

import click
import msgspec

from standby.cli.files import write_file
from standby.cli.options import config_options, json_option
from standby.cli.output import print_json
from standby.cli.validate import validate
from standby.config.schema import editor_schema
from standby.errors import ConfigError
from standby.plugin import ProviderInfo
from standby.registry.plugins import Registry


@click.command("schema")
@config_options
@click.option("--out", type=click.Path(path_type=Path), help="Write it to this file.")
@click.option(
    "--validate", "check", is_flag=True, help="Check FILE instead: the same as 'standby validate'."
)
@json_option
def command(*, config: str | None, out: Path | None, check: bool, as_json: bool) -> None:
    """Print the JSON Schema (2020-12) of models.yaml, for an editor.

    \b
    standby schema --out config/models.schema.json
    """  # noqa: D301 - click wants the character itself
    if check and out is not None:
        raise click.UsageError(
            "--out writes the schema, --validate checks a file; give one of the two"
        )
    if check:
        validate(config, as_json=as_json)
    if config is not None:
        raise click.UsageError("FILE goes with --validate; to write the schema use --out")
    text = schema_text(Registry())
    if out is None:
        click.echo(text, nl=False)
        return
    write_file(out, text, option="--out")
    if as_json:
        print_json({"written": [str(out)]})
    else:
        click.echo(f"wrote {out}", err=True)


def schema_text(registry: Registry) -> str:
    """Format the schema in the form that is committed.

    Args:
        registry: The installed plugins; the schema has their models and options.

    Returns:
        JSON, indented by two blanks, with a newline at its end.
    """
    infos: dict[str, ProviderInfo] = {}
    models: list[str] = []
    for name in registry.names():
        with suppress(ConfigError):  # 'standby plugins' reports a broken one
            models += registry.cards(name)
            infos[name] = registry.info(name)
    options = {name: info.options for name, info in infos.items()}
    accounts = {
        name: info.account for name, info in infos.items() if info.account.get("properties")
    }
    schema = msgspec.json.encode(editor_schema(options, accounts, dict.fromkeys(models)))
    return msgspec.json.format(schema, indent=2).decode() + "\n"
