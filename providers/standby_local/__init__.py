"""The local provider: a small model that runs in this process.

Once its weights are downloaded it needs no key and no network. `smollm2-135m` uses the weights that
`standby local pull` downloads; any other model is a user's own `.gguf` file::

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
            "description": (
                "The weights, a .gguf file; default: those that `standby local pull` downloaded."
            ),
            "type": "string",
            "minLength": 1,
            "examples": ["~/models/my-own.gguf"],
        },
        "threads": {
            "description": "Processor cores to use; more than are idle slow it down.",
            "type": "integer",
            "minimum": 1,
            "default": 1,
        },
        "context": {
            "description": "Tokens of the context, prompt and answer together; costs memory.",
            "type": "integer",
            "minimum": 256,
            "default": 4096,
        },
        "max_tokens": {
            "description": "The longest answer in tokens, where the request sets no limit.",
            "type": "integer",
            "minimum": 1,
            "default": 256,
        },
    },
}

ENGINE = Library(module="xllamacpp", requirement="xllamacpp>=2026.6.9538")


@hookimpl
def standby_provider() -> ProviderInfo:
    """Describe how to run any `.gguf` file on this machine."""
    return ProviderInfo(
        adapter="standby_local.adapter:Local",
        options=_OPTIONS,
        stub_server="itself",
        install=f"pip install '{ENGINE.requirement}' and then: standby local pull",
        libraries=(ENGINE,),
        # a user's own file may be ten times the size of ours; the user's own machine costs nothing
        card=Card(timeout=300.0, schema=True, price=Price(input=0.0, output=0.0)),
    )


@hookimpl
def standby_models() -> Mapping[str, Card]:
    """Register the model whose weights `standby local pull` downloads."""
    return {
        "smollm2-135m": Card(
            context_window=4096,
            timeout=120.0,  # one busy core reads a full context in a minute
            disclaimer=(
                "from a very small model on this machine: English only, its facts are unreliable"
            ),
            source=(
                "SmolLM2-135M-Instruct, Q4_1, by Hugging Face (Apache-2.0); "
                "measured in November 2026"
            ),
        )
    }


@hookimpl
def standby_commands() -> "Sequence[click.Command]":
    """Add `standby local pull`."""
    from standby_local.command import pull  # noqa: PLC0415 - only the command line needs click

    return [pull]
