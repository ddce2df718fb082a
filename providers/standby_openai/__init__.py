"""The OpenAI plugin's manifest, which imports no SDK.

The models' cards and their sources are in cards.json.
"""

from collections.abc import Mapping
from importlib import resources

import msgspec

from standby.plugin import Card, Library, ProviderInfo, hookimpl
from standby_openai.known_errors import ERRORS

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
            "description": "How a Responses model summarises its thoughts; default: not at all.",
        },
        "service_tier": {
            "enum": ["auto", "default", "flex", "scale", "priority", "fast"],
            "description": "The vendor's tier that serves the request.",
        },
    },
}

SDK = Library(module="openai", requirement="openai>=3.0", transport="sdk")


class _Endpoints(msgspec.Struct):
    """Facts about endpoints with this wire."""

    endings: tuple[str, ...]
    roots: dict[str, str]


@hookimpl
def standby_provider() -> ProviderInfo:
    """Describe how to reach any model of OpenAI, or of an endpoint with the same wire."""
    content = resources.files(__name__).joinpath("endpoints.json").read_bytes()
    endpoints = msgspec.json.decode(content, type=_Endpoints)
    return ProviderInfo(
        adapter="standby_openai.adapter:OpenAIAdapter",
        sdk_adapter="standby_openai.sdk_adapter:OpenAISdkAdapter",
        failures="standby_openai.failures:read_failure",
        stub_server="standby_openai.stub_server:answer",
        keys=("OPENAI_API_KEY",),
        options=OPTIONS,
        libraries=(SDK,),
        endings=endpoints.endings,
        roots=endpoints.roots,
        errors=ERRORS,
        # Chat Completions has no top_k
        card=Card(refuses=("top_k",), tools=True, schema=True),
    )


@hookimpl
def standby_models() -> Mapping[str, Card]:
    """Register the models in service, and retired ones that configurations still name."""
    cards = resources.files(__name__).joinpath("cards.json").read_bytes()
    return msgspec.json.decode(cards, type=dict[str, Card])
