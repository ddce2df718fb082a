"""`standby demo`: a fallback at once, of two scripted models: no key, download, network or file."""

from collections.abc import Iterator, Sequence

import click

from standby.cli.options import json_option
from standby.cli.output import format_attempt, print_json
from standby.client import Standby
from standby.failures import Attempt
from standby.settings import Chain, Model, Retry, Settings
from standby.types import Reply

QUESTION = "What is the capital of Portugal?"
ANSWER = "The capital of Portugal is Lisbon."

OVERLOADED = {
    "kind": "overloaded",
    "status": 503,
    "code": "UNAVAILABLE",
    "message": "The model is overloaded.",
}

SETTINGS = Settings(
    models={
        "first": Model(
            provider="scripted", options={"script": [{"delay": "20ms", "fail": OVERLOADED}]}
        ),
        "second": Model(
            provider="scripted", options={"script": [{"delay": "50ms", "reply": ANSWER}]}
        ),
    },
    chains={"default": Chain(models=("first", "second"), retry=Retry(initial=0.1))},
)


@click.command("demo")
@json_option
def command(*, as_json: bool) -> None:
    """Show a fallback at once: of two scripted models the first answers 503, the second answers.

    The chain, its retry, and the trail are those that carry real calls. No key, download, network
    or file is needed.

    Exit status: 0.

    \b
    standby demo
    """  # noqa: D301 - click wants the character itself
    with Standby(settings=SETTINGS, environ={}, warm_up=False) as client:
        reply = client.chat(QUESTION)
    if as_json:
        print_json(
            {
                "chain": list(SETTINGS.chains["default"].models),
                "question": QUESTION,
                "answer": reply.text,
                "model": reply.model,
                "trail": reply.trail,
                "story": list(_narrate(reply.trail)),
            }
        )
    else:
        _print(reply)


def _print(reply: Reply) -> None:
    click.echo(
        "Two models follow a script in this process: first answers 503, second answers the "
        "question.\n"
    )
    click.echo(f"chain:     {' -> '.join(SETTINGS.chains['default'].models)}")
    click.echo(f"question:  {QUESTION}")
    click.echo(f"answer:    {reply.text}\n")
    click.echo("the trail of the reply:")
    for attempt in reply.trail:
        click.echo(f"  {format_attempt(attempt)}")
    click.echo("\nwhat happened:")
    for line in _narrate(reply.trail):
        click.echo(f"  {line}")
    click.echo("\nYour own chain: standby init")


def _narrate(trail: Sequence[Attempt]) -> Iterator[str]:
    """Yield a plain sentence for each attempt."""
    for attempt, following in zip(trail, (*trail[1:], None), strict=True):
        if following is None:
            yield _narrate_last(attempt)
        elif following.model == attempt.model:
            pause = following.start - attempt.start - attempt.duration
            yield (
                f"{attempt.model} answered {attempt.status}: that may pass, so the question was "
                f"sent again after {pause:.2f} s."
            )
        else:
            yield (
                f"{attempt.model} answered {attempt.status} again, so the same question went to "
                f"{following.model}."
            )


def _narrate_last(attempt: Attempt) -> str:
    total = attempt.start + attempt.duration
    return (
        f"{attempt.model} answered. The application waited {total:.1f} s, got one reply, and saw "
        "no error."
    )
