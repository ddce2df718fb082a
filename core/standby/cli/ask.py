"""`standby ask`: one question to a chain."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import msgspec

from standby.cli.errors import CommandError
from standby.cli.files import read_file
from standby.cli.options import chain_option, config_options, duration_option, json_option
from standby.cli.output import format_attempt, print_json
from standby.client import Standby
from standby.runtime.control_characters import escape_controls
from standby.streams import Stream
from standby.types import Reply

_PARAMETERS = ("deadline", "temperature", "max_tokens", "top_p", "seed", "stop")
"""The options that `chat` and `stream` take under the same name."""


@click.command("ask")
@click.argument("text")
@config_options
@chain_option
@click.option("--system", help="A system message before the question.")
@click.option("--stream", is_flag=True, help="Print the answer as it comes, unless as JSON.")
@json_option
@duration_option("--deadline", help="How long the whole call may take, like 30s.")
@click.option("--temperature", type=float, help="How freely the answer is drawn.")
@click.option("--max-tokens", type=int, help="The most tokens that the answer may have.")
@click.option(
    "--top-p", type=float, help="From how much of the likeliest tokens the answer is drawn."
)
@click.option("--seed", type=int, help="Draws the same answer again, where the model can.")
@click.option(
    "--stop",
    metavar="TEXT",
    multiple=True,
    help="Ends the answer where the model says this; may be repeated.",
)
@click.option(
    "--schema",
    metavar="FILE",
    type=click.Path(),
    help="A JSON Schema that the answer must fit; its JSON is printed.",
)
@click.option("-v", "--verbose", is_flag=True, help="Show the log on standard error.")
def command(
    text: str, *, chain: str, config: str | None, system: str | None, verbose: bool, **options: Any
) -> None:
    """Ask a chain TEXT ("-" reads standard input); show the answer, then how it came about.

    Exit status: 0, 1 if the call failed, 2 if the file or the command line is wrong.

    \b
    standby ask "What is net metering?"
    standby ask - --chain demo --system "Answer in one sentence." < question.txt
    """  # noqa: D301 - click wants the character itself
    if verbose:
        from standby.observe import log_to  # noqa: PLC0415 - only for this option

        log_to()
    if config is not None and _is_word(config):
        raise CommandError(
            f"no file is named {config!r}; if it belongs to the question, put all of that in quotes"
        )
    parameters = _build_parameters(options)
    messages = _build_messages(text, system)
    as_json = options["as_json"]
    streams = options["stream"] and not as_json
    with Standby(config, warm_up=False) as client:
        if streams:
            with client.stream(messages, chain=chain, **parameters) as stream:
                reply = _print_stream(stream)
        else:
            reply = client.chat(messages, chain=chain, **parameters)
    if as_json:
        print_json(reply)
        return
    if not streams:
        text = reply.text if reply.data is None else msgspec.json.encode(reply.data).decode()
        click.echo(escape_controls(text))
    _print_trail(reply)


def _build_parameters(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `chat` that were given."""
    parameters = {name: options[name] for name in _PARAMETERS if options[name] not in (None, ())}
    if options["schema"] is not None:
        parameters["schema"] = _read_schema(Path(options["schema"]))
    return parameters


def _is_word(name: str) -> bool:
    """Say whether FILE is more likely the second word of a question without quotes."""
    path = Path(name)
    is_bare = path.name == name and not path.suffix
    return is_bare and not path.exists()


def _read_schema(path: Path) -> Any:
    data = read_file(path, option="--schema")
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise CommandError(f"--schema: {path} is not JSON: {error}") from None


def _build_messages(text: str, system: str | None) -> list[dict[str, str]]:
    question = (_read_input() if text == "-" else text).strip()
    if not question:
        source = "standard input" if text == "-" else "TEXT"
        raise CommandError(
            f'{source} is empty; write a question, or "-" to read one from standard input'
        )
    before = [{"role": "system", "content": system}] if system else []
    return [*before, {"role": "user", "content": question}]


def _read_input() -> str:
    if sys.stdin is None:  # the parent process closed it
        return ""
    try:
        return sys.stdin.read()
    except UnicodeDecodeError as error:
        raise CommandError(f"standard input is not {error.encoding} text; convert it") from None


def _print_stream(stream: Stream) -> Reply:
    """Print the answer as it comes, on lines of its own, even where the stream breaks."""
    printed = False
    try:
        for chunk in stream:
            if chunk.reset:
                click.echo()
                message = f"the answer broke off; {stream.model} gives another, from its beginning:"
                click.secho(message, err=True, dim=True)
            click.echo(escape_controls(chunk.text), nl=False)
            printed = True
    finally:
        if printed:
            click.echo()
    return stream.reply


def _print_trail(reply: Reply) -> None:
    for attempt in reply.trail:
        click.secho(format_attempt(attempt), err=True, dim=True)
    if reply.disclaimer:
        disclaimer = escape_controls(f"{reply.model}: {reply.disclaimer}")
        click.secho(disclaimer, err=True, fg="yellow")
