"""`standby ask`: one question to a chain."""

import sys
from pathlib import Path
from typing import Any

import click
import msgspec

from standby.cli.options import chain_option, config_options, duration_option, json_option
from standby.cli.output import attempt_line, print_json
from standby.client import Standby
from standby.errors import RequestError
from standby.types import Reply

_WANTED = ("deadline", "temperature", "max_tokens", "top_p", "seed", "stop")
"""What the command line hands on under its own name."""


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
    "--top-p", type=float, help="From how much of the likeliest words the answer is drawn."
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
    help="A JSON Schema that the answer is to fit; its JSON is printed.",
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
    wanted = {name: options[name] for name in _WANTED if options[name] not in (None, ())}
    if config is not None and _is_no_file(config):
        raise RequestError(
            f"no file is named {config!r}; if it belongs to the question, put the whole of that in quotes"
        )
    if options["schema"] is not None:
        wanted["schema"] = _schema_in(options["schema"])
    messages = _messages(text, system)
    with Standby(config, warm_up=False) as client:
        reply = _asked(
            client, messages, chain, wanted, stream=options["stream"] and not options["as_json"]
        )
    if options["as_json"]:
        print_json(reply)
    else:
        _show(reply, printed=options["stream"])


def _is_no_file(name: str) -> bool:
    """Say whether what stands for a file rather is the second word of a question."""
    return Path(name).name == name and not Path(name).suffix and not Path(name).exists()


def _schema_in(path: str) -> Any:
    try:
        return msgspec.json.decode(Path(path).read_bytes())
    except OSError as error:
        raise RequestError(f"--schema: {path} cannot be read: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise RequestError(f"--schema: {path} is no JSON: {error}") from None


def _messages(text: str, system: str | None) -> list[dict[str, str]]:
    question = (_read_input() if text == "-" else text).strip()
    if not question:
        where = "standard input" if text == "-" else "TEXT"
        raise RequestError(
            f'{where} is empty; write a question, or "-" to read one from standard input'
        )
    before = [{"role": "system", "content": system}] if system else []
    return [*before, {"role": "user", "content": question}]


def _read_input() -> str:
    if sys.stdin is None:  # it was closed by who started us
        return ""
    try:
        return sys.stdin.read()
    except UnicodeDecodeError as error:
        raise RequestError(f"standard input is no {error.encoding} text; convert it") from None


def _asked(
    client: Standby,
    messages: list[dict[str, str]],
    chain: str,
    wanted: dict[str, Any],
    *,
    stream: bool,
) -> Reply:
    if not stream:
        return client.chat(messages, chain=chain, **wanted)
    printed = False
    with client.stream(messages, chain=chain, **wanted) as chunks:
        try:
            for chunk in chunks:
                if chunk.reset:
                    click.echo()
                    click.secho(
                        f"the answer broke off; {chunks.model} gives another, from its beginning:",
                        err=True,
                        dim=True,
                    )
                click.echo(chunk.text, nl=False)
                printed = True
        finally:
            if printed:
                click.echo()
        return chunks.reply


def _show(reply: Reply, *, printed: bool) -> None:
    if not printed:
        click.echo(reply.text if reply.data is None else msgspec.json.encode(reply.data))
    for attempt in reply.trail:
        click.secho(attempt_line(attempt), err=True, dim=True)
    if reply.disclaimer:
        click.secho(f"{reply.model}: {reply.disclaimer}", err=True, fg="yellow")
