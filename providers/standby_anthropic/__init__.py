"""The Anthropic plugin's manifest, which imports no SDK.

The models' cards and their sources are in cards.json.
"""

from collections.abc import Mapping
from importlib import resources

import msgspec

from standby.plugin import Card, Library, ProviderInfo, hookimpl
from standby_anthropic.known_errors import ERRORS

OPTIONS = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "effort": {
            "enum": ["low", "medium", "high", "xhigh", "max"],
            "description": "How much a model spends on an answer; each takes some of these.",
        },
        "thinking_budget": {
            "type": "integer",
            "minimum": 1024,
            "description": "Tokens for thinking, part of max_tokens; models up to 4.6 take it.",
        },
        "service_tier": {
            "enum": ["auto", "standard_only"],
            "description": "Whether priority capacity may serve the request.",
        },
    },
}

ACCOUNT = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "api_version": {
            "enum": ["2026-10-21", "2023-06-01"],
            "default": "2026-10-21",
            "description": (
                "The API's version. 2023-06-01, which proxies and other vendors' endpoints know, "
                "has the key in the header x-api-key."
            ),
        },
    },
}

REFUSES = ("temperature", "top_p", "top_k", "seed", "presence_penalty", "frequency_penalty")
"""Parameters that no model takes.

API version 2026-10-21, which the SDK's 2.x sends, answers the first three with a 400; the Messages
API never had the others. A user's card allows them where the account has the older version. Source:
platform.claude.com, docs/en/api/versioning, as stored in autumn 2026; anthropic 2.12,
message_create_params.py.
"""

SDK = Library(module="anthropic", requirement="anthropic>=2.0", transport="sdk")


@hookimpl
def standby_provider() -> ProviderInfo:
    """Describe how to reach any model of Anthropic, or of an endpoint with the same wire."""
    return ProviderInfo(
        adapter="standby_anthropic.adapter:AnthropicAdapter",
        sdk_adapter="standby_anthropic.sdk_adapter:AnthropicSdkAdapter",
        failures="standby_anthropic.failures:read_failure",
        stub_server="standby_anthropic.stub_server:answer",
        keys=("ANTHROPIC_API_KEY",),
        options=OPTIONS,
        account=ACCOUNT,
        libraries=(SDK,),
        endings=("/v1/messages", "/v1/complete", "/v1"),
        roots={"api.anthropic.com": ""},
        card=Card(refuses=REFUSES, tools=True),
        errors=ERRORS,
    )


@hookimpl
def standby_models() -> Mapping[str, Card]:
    """Register the models in service."""
    cards = resources.files(__name__).joinpath("cards.json").read_bytes()
    return msgspec.json.decode(cards, type=dict[str, Card])
