"""The Gemini plugin's manifest, which imports no SDK.

The models' cards and their sources are in cards.json.
"""

from collections.abc import Mapping
from importlib import resources

import msgspec

from standby.plugin import Card, Library, ProviderInfo, hookimpl
from standby_gemini.known_errors import ERRORS

OPTIONS = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "thinking_budget": {
            "type": "integer",
            "minimum": -1,
            "maximum": 32768,
            "description": "Tokens that a 2.5 model may spend on thinking; -1 lets it choose.",
        },
        "thinking_level": {
            "enum": ["minimal", "low", "medium", "high"],
            "description": "How hard a 3.x model thinks; not together with thinking_budget.",
        },
        "include_thoughts": {
            "type": "boolean",
            "description": "Whether the reply's reasoning holds the model's thoughts.",
        },
        "api_version": {
            "enum": ["v1", "v1beta"],
            "default": "v1beta",
            "description": "v1beta has every field and the *-latest names; v1 lacks some of both.",
        },
    },
    "not": {"required": ["thinking_budget", "thinking_level"]},
}

ACCOUNT = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "project": {
            "type": "string",
            "description": (
                "A Google Cloud project: requests go to Vertex AI, with application default "
                "credentials."
            ),
        },
        "location": {
            "type": "string",
            "default": "global",
            "description": (
                "The Google Cloud location: global, a multi-region (us, eu) or a region "
                "(europe-west1)."
            ),
        },
        "express": {
            "type": "boolean",
            "description": (
                "true: requests go to Vertex AI in express mode, with the provider's api_key."
            ),
        },
    },
    "dependentRequired": {"location": ["project"]},
    "not": {"required": ["project", "express"]},
}

SDK = Library(module="google.genai", requirement="google-genai>=2.25", transport="sdk")
CREDENTIALS = Library(module="google.auth", requirement="google-auth>=2.14.1", option="project")

ENDINGS = (
    "/v1*/models/*",
    "/v1*/models",
    "/v1*/projects/*",
    "/v1beta/openai",
    "/v1beta1",
    "/v1beta",
    "/v1alpha",
    "/v1",
)
"""Paths that the adapter adds to a `base_url` itself, with the version of the API."""


@hookimpl
def standby_provider() -> ProviderInfo:
    """Describe how to reach any Gemini model, on the Developer API or on Vertex AI."""
    return ProviderInfo(
        adapter="standby_gemini.adapter:GeminiAdapter",
        sdk_adapter="standby_gemini.sdk_adapter:GeminiSdkAdapter",
        failures="standby_gemini.failures:read_failure",
        stub_server="standby_gemini.stub_server:answer",
        keys=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        options=OPTIONS,
        account=ACCOUNT,
        libraries=(SDK, CREDENTIALS),
        endings=ENDINGS,
        roots={"generativelanguage.googleapis.com": ""},
        errors=ERRORS,
        card=Card(
            reads=("image", "audio", "video", "pdf"),
            tools=True,
            schema=True,
            refuses=("parallel_tool_calls",),
            wire={"signed_calls": True},
        ),
    )


@hookimpl
def standby_models() -> Mapping[str, Card]:
    """Register the models in service, and retired ones that configurations still name."""
    cards = resources.files(__name__).joinpath("cards.json").read_bytes()
    return msgspec.json.decode(cards, type=dict[str, Card])
