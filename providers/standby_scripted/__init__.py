"""The scripted provider: plays a list of answers, delays and failures.

It also serves as a fixed last resort in production chains. Its options stand in models.yaml, or in
the same form in `Model(options=…)` in Python::

    models:
      last-resort: {provider: scripted, options: {reply: We will be right back.}}
      shaky:
        provider: scripted
        options:
          script:
            - fail: {kind: overloaded, status: 503, code: UNAVAILABLE, message: Overloaded.}
            - {delay: 2s, reply: Here I am.}
            - {reply: [Half an, " answer"], fail: {kind: connection, message: "reset"}}
            - tool_calls: [{name: weather, arguments: {city: Lisbon}}]
            - hang: true

Each request plays the next step. The last step repeats for ever. A step waits (`delay`), sends its
`reply` (a list: the pieces of a stream), requests its `tool_calls`, and then hangs, fails or ends.
The position belongs to the model's id with its options, on one event loop.
"""

from typing import Any, Literal

from standby.plugin import Card, Finish, Kind, ProviderInfo, hookimpl

_DURATION = {"type": "string", "pattern": r"^\d+(\.\d+)?(ms|s|m|h)$", "examples": ["250ms"]}

_REPLY = {
    "description": "The reply; a list: the pieces of a stream.",
    "type": ["string", "array"],
    "items": {"type": "string"},
    "minItems": 1,
    "examples": ["We will be right back."],
}

_FAIL = {
    "description": "How to fail.",
    "type": "object",
    "additionalProperties": False,
    "required": ["kind"],
    "properties": {
        "kind": {
            "description": "The failure's kind, as standby names it.",
            "enum": [kind.value for kind in Kind],
        },
        "message": {"description": "The vendor's message.", "type": "string"},
        "status": {"description": "The HTTP status.", "type": "integer"},
        "code": {"description": "The vendor's own error code or status.", "type": "string"},
        "retry_after": {"description": "The delay that the vendor states.", **_DURATION},
    },
}

_STEP = {
    "type": "object",
    "additionalProperties": False,
    "minProperties": 1,
    "properties": {
        "delay": {"description": "How long to wait first.", **_DURATION},
        "reply": _REPLY,
        "tool_calls": {
            "description": "The tools to call.",
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name"],
                "properties": {
                    "id": {
                        "description": "The call's id; default: call_1, call_2, …",
                        "type": "string",
                    },
                    "name": {"description": "The tool's name.", "type": "string"},
                    "arguments": {"description": "The call's arguments.", "type": "object"},
                },
            },
        },
        "reasoning": {
            "description": "The model's thoughts, sent before its reply.",
            "type": "string",
        },
        "finish": {
            "description": "Why the reply ends.",
            "enum": [finish.value for finish in Finish],
        },
        "fail": _FAIL,
        "hang": {"description": "true: never end.", "type": "boolean"},
    },
}

_ALL_MEDIA: tuple[Literal["image", "audio", "video", "pdf", "file"], ...] = (
    "image",
    "audio",
    "video",
    "pdf",
    "file",
)

_OPTIONS: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "reply": _REPLY,
        "script": {
            "description": "One step for each request, in order; the last repeats.",
            "type": "array",
            "minItems": 1,
            "items": _STEP,
        },
    },
    "oneOf": [{"required": ["reply"]}, {"required": ["script"]}],
}


@hookimpl
def standby_provider() -> ProviderInfo:
    """Describe a scripted model: any id is valid, and the options are its script."""
    return ProviderInfo(
        adapter="standby_scripted.adapter:Scripted",
        options=_OPTIONS,
        stub_server="itself",
        card=Card(
            disclaimer="a fixed text, not a model's answer",
            reads=_ALL_MEDIA,
            reads_in_results=_ALL_MEDIA,
            tools=True,
            schema=True,
            efforts=("none", "minimal", "low", "medium", "high", "xhigh", "max"),
        ),
    )
