"""The OpenAI plugin's manifest: what is known without the SDK. Facts and their sources are in cards.json."""

from collections.abc import Mapping
from importlib import resources

import msgspec

from standby.plugin import Card, Library, ProviderInfo, hookimpl
from standby_openai.errors import ERRORS

OPTIONS = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "reasoning_effort": {
            "enum": ["none", "minimal", "low", "medium", "high", "xhigh", "max"],
            "description": "How hard a reasoning model thinks; each model takes some of these.",
        },
        "reasoning_summary": {
            "enum": ["auto", "concise", "detailed"],
            "description": "What a model on the Responses API tells of its thoughts; left out, nothing.",
        },
        "service_tier": {
            "enum": ["auto", "default", "flex", "scale", "priority", "fast"],
            "description": "The vendor's tier that serves the request.",
        },
    },
}

SDK = Library(module="openai", requirement="openai>=3.0")


class _Endpoints(msgspec.Struct):
    """What is known of endpoints with this wire."""

    endings: tuple[str, ...]
    roots: dict[str, str]


@hookimpl
def standby_provider() -> ProviderInfo:
    """Say how to reach any model of OpenAI, or of an endpoint that speaks the same wire."""
    known = resources.files(__name__).joinpath("endpoints.json").read_bytes()
    endpoints = msgspec.json.decode(known, type=_Endpoints)
    return ProviderInfo(
        adapter="standby_openai.adapter:OpenAIAdapter",
        failures="standby_openai.failures:failure_of",
        stub_server="standby_openai.stub_server:answer",
        keys=("OPENAI_API_KEY",),
        options=OPTIONS,
        install=f"pip install '{SDK.requirement}'",
        libraries=(SDK,),
        endings=endpoints.endings,
        roots=endpoints.roots,
        errors=ERRORS,
        card=Card(
            refuses=("top_k",), tools=True, schema=True
        ),  # Chat Completions has no such parameter
    )


@hookimpl
def standby_models() -> Mapping[str, Card]:
    """Register the models in service, and those that people still name."""
    cards = resources.files(__name__).joinpath("cards.json").read_bytes()
    return msgspec.json.decode(cards, type=dict[str, Card])
