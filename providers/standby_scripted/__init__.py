"""The scripted provider: plays a list of answers, delays and failures; also a fixed last word for production chains.

In models.yaml, or as the same dictionary in `Model(options=…)` from Python::

    models:
      last-word: {provider: scripted, options: {reply: We will be right back.}}
      shaky:
        provider: scripted
        options:
          script:
            - fail: {kind: overloaded, status: 503, code: UNAVAILABLE, message: The model is
              overloaded.}
            - {delay: 2s, reply: Here I am.}
            - {reply: [Half an, " answer"], fail: {kind: connection, message: "connection error:
              reset"}}
            - tool_calls: [{name: weather, arguments: {city: Lisbon}}]
            - hang: true

Each call plays the next step. The last step repeats for ever. A step waits (`delay`), says its
`reply` (a list: the pieces of a stream), asks for its `tool_calls`, and then hangs, fails or ends.
The position belongs to the model's id with its options, on one event loop.
"""

from typing import Any, Literal

from standby.plugin import Card, Finish, Kind, ProviderInfo, hookimpl

_DURATION = {"type": "string", "pattern": r"^\d+(\.\d+)?(ms|s|m|h)$", "examples": ["250ms"]}

_REPLY = {
    "description": "What to say; a list: the pieces of a stream.",
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
            "description": "What the failure is, in standby's words.",
            "enum": [kind.value for kind in Kind],
        },
        "message": {"description": "The vendor's words.", "type": "string"},
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
            "description": "The tools to ask for.",
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name"],
                "properties": {
                    "id": {
                        "description": "The call's id; left out: call_1, call_2, …",
                        "type": "string",
                    },
                    "name": {"description": "The tool's name.", "type": "string"},
                    "arguments": {"description": "What to call it with.", "type": "object"},
                },
            },
        },
        "reasoning": {
            "description": "What the model tells of its thoughts, before it speaks.",
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

_ALL: tuple[Literal["image", "audio", "video", "pdf", "file"], ...] = (
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
            "description": "One step for each call, in order; the last repeats.",
            "type": "array",
            "minItems": 1,
            "items": _STEP,
        },
    },
    "oneOf": [{"required": ["reply"]}, {"required": ["script"]}],
}


@hookimpl
def standby_provider() -> ProviderInfo:
    """Reach any scripted model: its id is free, its options are its script."""
    return ProviderInfo(
        adapter="standby_scripted.adapter:Scripted",
        options=_OPTIONS,
        stub_server="itself",
        card=Card(
            disclaimer="a fixed text, not a model's answer",
            reads=_ALL,
            reads_in_results=_ALL,
            tools=True,
            schema=True,
            efforts=("none", "minimal", "low", "medium", "high", "xhigh", "max"),
        ),
    )
