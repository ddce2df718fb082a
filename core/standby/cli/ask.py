"""`standby ask`: one question to a chain."""

import sys
from pathlib import Path
from typing import Any

import click
import msgspec

from standby.client import Standby
from standby.config.texts import duration
from standby.errors import CallFailed, ConfigError, RequestError
from standby.failures import Kind
from standby.types import Attempt, Reply

_WANTED = ("deadline", "temperature", "max_tokens", "top_p", "seed", "stop")
"""What the command line hands on under its own name."""


def _seconds(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    del ctx, param  # click adds the option's name by itself
    try:
        return None if value is None else duration(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command("ask")
@click.argument("text")
@click.option("--chain", default="default", show_default=True, help="The chain to ask.")
@click.option("--config", type=click.Path(), help="The file to use instead of the one that is found.")
@click.option("--system", help="A system message before the question.")
@click.option("--stream", is_flag=True, help="Print the answer as it comes.")
@click.option("--json", "as_json", is_flag=True, help="Print the reply, or the error, as one JSON object.")
@click.option("--deadline", metavar="DURATION", callback=_seconds, help="How long the whole call may take, like 30s.")
@click.option("--temperature", type=float, help="How freely the answer is drawn.")
@click.option("--max-tokens", type=int, help="The most tokens that the answer may have.")
@click.option("--top-p", type=float, help="From how much of the likeliest words the answer is drawn.")
@click.option("--seed", type=int, help="Draws the same answer again, where the model can.")
@click.option("--stop", metavar="TEXT", multiple=True, help="Ends the answer where the model says this; may be repeated.")
@click.option(
    "--schema", metavar="FILE", type=click.Path(), help="A JSON Schema that the answer is to fit; its JSON is printed."
)
@click.option("-v", "--verbose", is_flag=True, help="Show the log on standard error.")
def command(text: str, *, chain: str, config: str | None, system: str | None, verbose: bool, **options: Any) -> None:
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
    try:
        if options["schema"] is not None:
            wanted["schema"] = _schema_in(options["schema"])
        messages = _messages(text, system)
        with Standby(config, warm_up=False) as client:
            reply = _asked(client, messages, chain, wanted, stream=options["stream"] and not options["as_json"])
    except ConfigError as error:
        _fail(error, 2, as_json=options["as_json"], told=[str(problem) for problem in error.problems])
    except RequestError as error:
        _fail(error, 2, as_json=options["as_json"], told=[f"standby: {error}"])
    except CallFailed as error:
        _fail(error, 1, as_json=options["as_json"], told=[*map(_line, error.trail), f"standby: {error}"])
    else:
        _show(reply, as_json=options["as_json"], printed=options["stream"])


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
        raise RequestError(f'{where} is empty; write a question, or "-" to read one from standard input')
    before = [{"role": "system", "content": system}] if system else []
    return [*before, {"role": "user", "content": question}]


def _read_input() -> str:
    if sys.stdin is None:  # it was closed by who started us
        return ""
    try:
        return sys.stdin.read()
    except UnicodeDecodeError as error:
        raise RequestError(f"standard input is no {error.encoding} text; convert it") from None


def _asked(client: Standby, messages: list[dict[str, str]], chain: str, wanted: dict[str, Any], *, stream: bool) -> Reply:
    if not stream:
        return client.chat(messages, chain=chain, **wanted)
    printed = False
    with client.stream(messages, chain=chain, **wanted) as chunks:
        try:
            for chunk in chunks:
                if chunk.reset:
                    click.echo()
                    click.secho(f"the answer broke off; {chunks.model} gives another, from its beginning:", err=True, dim=True)
                click.echo(chunk.text, nl=False)
                printed = True
        finally:
            if printed:
                click.echo()
        return chunks.reply


def _show(reply: Reply, *, as_json: bool, printed: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode(reply))
        return
    if not printed:
        click.echo(reply.text if reply.data is None else msgspec.json.encode(reply.data))
    for attempt in reply.trail:
        click.secho(_line(attempt), err=True, dim=True)
    if reply.notice:
        click.secho(f"{reply.model}: {reply.notice}", err=True, fg="yellow")


def _line(attempt: Attempt) -> str:
    """Return an attempt as a line: `o3-mini  failed after 0.2s  overloaded: 503 …  -> next`."""
    parts = [f"{attempt.model}  {attempt.outcome}"]
    if attempt.outcome != "skipped":
        parts[0] += f" {'in' if attempt.outcome == 'answered' else 'after'} {attempt.duration:.1f}s"
    if attempt.kind is not None:
        parts.append(_told(attempt.kind, attempt.text))
    if attempt.dropped:
        parts.append(f"without {', '.join(attempt.dropped)}")
    if attempt.then is not None:
        parts.append(f"-> {attempt.then}" + (f" (trigger {attempt.trigger})" if attempt.trigger else ""))
    return "  ".join(parts)


def _told(kind: Kind, text: str) -> str:
    """Return a failure's kind and its words; the kind once, where the words begin with it (`timeout: no answer in 9s`)."""
    if not text:
        return str(kind)
    return text if text.lower().startswith(str(kind)) else f"{kind}: {text}"


def _fail(error: Exception, status: int, *, as_json: bool, told: list[str]) -> None:
    if as_json:
        problems = getattr(error, "problems", None)
        shown = {"type": type(error).__name__, "message": str(error), "trail": getattr(error, "trail", ())}
        click.echo(msgspec.json.encode({"error": shown if problems is None else {**shown, "problems": problems}}))
    else:
        for line in told:
            click.echo(line, err=True)
    sys.exit(status)
