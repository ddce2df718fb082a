"""The local provider: a small model in this process; it needs no key and no network once its weights are here.

`smollm2-135m` answers with the weights that `standby local pull` fetches; any other model is a
`.gguf` file of one's own::

    models:
      my-own: {provider: local, options: {path: ~/models/my-own.gguf, threads: 2, context: 8192}}
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from standby.plugin import Card, Library, Price, ProviderInfo, hookimpl

if TYPE_CHECKING:
    import click

_OPTIONS: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "path": {
            "description": "The weights: a .gguf file; left out: the ones that `standby local pull` fetched.",
            "type": "string",
            "minLength": 1,
            "examples": ["~/models/my-own.gguf"],
        },
        "threads": {
            "description": "Processor cores to compute on; more than are idle makes it slower.",
            "type": "integer",
            "minimum": 1,
            "default": 1,
        },
        "context": {
            "description": "Tokens that fit in, prompt and answer together; costs memory.",
            "type": "integer",
            "minimum": 256,
            "default": 4096,
        },
        "max_tokens": {
            "description": "The longest answer, in tokens, where the request sets no limit.",
            "type": "integer",
            "minimum": 1,
            "default": 256,
        },
    },
}

ENGINE = Library(module="xllamacpp", requirement="xllamacpp>=2026.6.9538")


@hookimpl
def standby_provider() -> ProviderInfo:
    """Reach any `.gguf` file on this machine."""
    return ProviderInfo(
        adapter="standby_local.adapter:Local",
        options=_OPTIONS,
        stub_server="itself",
        install=f"pip install '{ENGINE.requirement}' and then: standby local pull",
        libraries=(ENGINE,),
        # a file of one's own may be ten times the size of ours; nobody sends a bill for one's own
        # machine
        card=Card(timeout=300.0, schema=True, price=Price(input=0.0, output=0.0)),
    )


@hookimpl
def standby_models() -> Mapping[str, Card]:
    """Register the one model whose weights `standby local pull` fetches."""
    return {
        "smollm2-135m": Card(
            context_window=4096,
            timeout=120.0,  # a full context is read in a minute on one busy core
            disclaimer="from a very small model on this machine: English only, its facts are unreliable",
            source="SmolLM2-135M-Instruct, Q4_1, by Hugging Face (Apache-2.0); measured in November 2026",
        )
    }


@hookimpl
def standby_commands() -> "Sequence[click.Command]":
    """Add `standby local pull`."""
    from standby_local.command import pull  # noqa: PLC0415 - click is for the command line only

    return [pull]
