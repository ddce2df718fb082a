"""Requests to every model, and the bodies that the adapters build for them."""

import base64
import json
from functools import cache
from typing import Any

import msgspec

from standby import AsyncStandby
from standby.dispatch.compatibility import adapt, incompatibility
from standby.dispatch.target import Target
from standby.errors import AttemptFailed
from standby.http.transport import encode_json
from standby.inputs.parse import parse_request
from standby.plugin import ModelRequest, deep_merge
from standby.settings import Chain, Provider, Secret, Settings
from standby.types import Media, Message, Reasoning, Request, Text, ToolCall, ToolResult
from standby_gemini import request as gemini_request
from standby_openai import chat_request, responses_request
from tests.oracles import chat_rules, gemini_rules, responses_rules

ENDPOINT = "endpoint/some-model"
MODELS = ("gemini-2.5-pro", "gemini-3.8-flash", "o3-mini", "gpt-4o", "gpt-5.6-sol", ENDPOINT)
PROVIDERS = {
    "endpoint": Provider(plugin="openai", base_url="http://127.0.0.1:9/v1", api_key=Secret("a-key"))
}
KEYS = {"GEMINI_API_KEY": "a-key", "OPENAI_API_KEY": "a-key", "ANTHROPIC_API_KEY": "a-key"}

CLOSED = {
    "title": "Place",
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "near": {"type": "array", "items": {"$ref": "#/$defs/near"}},
    },
    "required": ["city", "near"],
    "additionalProperties": False,
    "$defs": {
        "near": {
            "type": "object",
            "properties": {"name": {"type": ["string", "null"]}},
            "required": ["name"],
            "additionalProperties": False,
        }
    },
}
OPEN = {
    "title": "a place, an open one",
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "where": {"type": "object", "additionalProperties": {"type": "number"}},
    },
    "required": ["city"],
}
WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
CLOCK = {
    "type": "object",
    "properties": {"zone": {"enum": ["UTC", "CET"]}, "of": {}},
    "additionalProperties": {"type": "string"},
}
TOOLS = [
    {
        "type": "function",
        "function": {"name": "weather", "description": "Tells the weather.", "parameters": WEATHER},
    },
    {"type": "function", "function": {"name": "clock", "parameters": CLOCK}},
]
PNG = Media(media_type="image/png", data=base64.b64encode(b"\x89PNG\r\n\x1a\n").decode())
PDF = Media(
    media_type="application/pdf", data=base64.b64encode(b"%PDF-1.7").decode(), name="bill.pdf"
)
WAV = Media(media_type="audio/wav", data=base64.b64encode(b"RIFF").decode())
SOL, FLASH, PRO = "openai/gpt-5.6-sol", "gemini/gemini-3.8-flash", "gemini/gemini-2.5-pro"
THOUGHT = json.dumps(
    [{"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "what sol thought"}]
)
SIGNATURE = base64.b64encode(b"signed by flash").decode()
QUESTION = Message("user", (Text("How is it in Rome?"),))


def turn(
    produced_by: str = "",
    provider_state: str = "",
    ids: tuple[str, str] = ("call_1", "call_2"),
    **result: Any,
) -> list[Message]:
    """Return two calls at once and their results."""
    weather = ToolCall(
        id=ids[0],
        name="weather",
        arguments={"city": "Rome"},
        provider_state=provider_state,
        produced_by=produced_by,
    )
    clock = ToolCall(id=ids[1], name="clock", arguments={}, produced_by=produced_by)
    results = (
        ToolResult(id=ids[0], text='{"sky": "blue"}', **result),
        ToolResult(id=ids[1], text="noon"),
    )
    return [Message("assistant", (Text("Let me see."), weather, clock)), Message("tool", results)]


def thinking(produced_by: str, provider_state: str) -> list[Message]:
    thought = Reasoning(
        text="Rome is warm.", provider_state=provider_state, produced_by=produced_by
    )
    return [
        QUESTION,
        Message("assistant", (thought, Text("It is warm."))),
        Message("user", (Text("And tomorrow?"),)),
    ]


HISTORY = [
    QUESTION,
    *turn(),
    *turn(ids=("call_3", "x" * 60)),
    Message("assistant", (Text("Blue, at noon."),)),
    QUESTION,
]
MIDDLE = [
    Message("system", (Text("Be brief."),)),
    QUESTION,
    Message("assistant", (Text("Warm."),)),
    Message("assistant", (Text("And dry."),)),
    Message("system", (Text("Use no digits."),)),
    Message("user", (Text("And in Lisbon?"),)),
    Message("user", (Text("Quick! 🚋"),)),
]
SAMPLING = {
    "temperature": 0.5,
    "top_p": 0.9,
    "top_k": 40,
    "max_tokens": 90_000,
    "stop": ["END", "\n\n"],
    "seed": 7,
    "presence_penalty": 0.5,
    "frequency_penalty": -0.5,
    "parallel_tool_calls": False,
    "tools": TOOLS,
}
EXTRA = {
    "gemini": {"safetySettings": [], "generationConfig": {"topK": 3}},
    "openai": {"service_tier": "flex", "user": "u"},
    "endpoint": {"user": "e"},
}
REQUESTS: dict[str, tuple[list[Message], dict[str, Any]]] = {
    "one text": ([QUESTION], {}),
    "system in the middle, and turns of one role": (MIDDLE, {}),
    "a history of tools": (HISTORY, {"tools": TOOLS}),
    "a history of tools by gemini-3.8-flash": (
        [QUESTION, *turn(FLASH, SIGNATURE)],
        {"tools": TOOLS},
    ),
    "a history of tools by gpt-5.6-sol": ([QUESTION, *turn(SOL)], {"tools": TOOLS}),
    **{
        f"tools, {choice}": ([QUESTION], {"tools": TOOLS, "tool_choice": choice})
        for choice in ("auto", "none", "required", "clock")
    },
    "a closed schema": ([QUESTION], {"schema": CLOSED}),
    "an open schema": ([QUESTION], {"schema": OPEN}),
    "tools and a schema": ([QUESTION], {"tools": TOOLS, "schema": CLOSED}),
    "a picture": ([Message("user", (Text("What is this?"), PNG))], {}),
    "a picture by its URL": (
        [Message("user", (Media(media_type="image/*", url="https://example.org/a"), Text("And?")))],
        {},
    ),
    "a document": ([Message("user", (PDF, Text("How much?")))], {}),
    "sound": ([Message("user", (WAV,))], {}),
    "every sampling parameter": ([QUESTION], SAMPLING),
    **{
        f"effort {effort}": ([QUESTION], {"reasoning_effort": effort})
        for effort in ("minimal", "high")
    },
    "the thoughts of gpt-5.6-sol": (thinking(SOL, THOUGHT), {}),
    "the thoughts of gemini-3.8-flash": (thinking(FLASH, SIGNATURE), {}),
    "a picture from a tool": ([QUESTION, *turn(media=(PNG,))], {"tools": TOOLS}),
    "extra": ([QUESTION], {"extra": EXTRA, "max_tokens": 100}),
}


@cache
def targets(models: tuple[str, ...] = MODELS) -> dict[str, Target]:
    """Return the models as the settings resolve them."""
    settings = Settings(providers=PROVIDERS, chains={"default": Chain(models=models)})
    client = AsyncStandby(settings=settings, environ=KEYS, warm_up=False)
    return {name: client._routes.current.targets[name] for name in models}


def read_request(name: str) -> Request:
    messages, options = REQUESTS[name]
    return parse_request(messages, options, ("gemini", "openai", "endpoint"))


def make_attempt(request: Request, target: Target) -> ModelRequest:
    """Make the attempt's request as the dispatcher does; raises `AttemptFailed`."""
    failure = incompatibility(request, target)
    if failure is not None:
        raise AttemptFailed(failure)
    adapted, _ = adapt(request, target)
    return ModelRequest(
        request=adapted,
        model=target.vendor_id,
        card=target.card,
        options=target.options,
        timeout=target.timeout,
        extra=deep_merge(target.extra, request.extra.get(target.provider, {})),
    )


def build_body(request: Request, target: Target, *, stream: bool = False) -> dict[str, Any]:
    """Build a body as the dispatcher and the adapters do; raises `AttemptFailed`."""
    attempt = make_attempt(request, target)
    body: dict[str, Any] = msgspec.json.decode(encode_json(_build(attempt, target, stream=stream)))
    return body


def _build(attempt: ModelRequest, target: Target, *, stream: bool) -> dict[str, Any]:
    if target.provider == "gemini":
        return gemini_request.build_body(attempt)
    if (target.card.wire or {}).get("api") == "responses":
        return responses_request.build_body(attempt, stream=stream)
    limit = "max_completion_tokens" if target.verify_response_model else "max_tokens"
    return chat_request.build_body(attempt, stream=stream, max_tokens=limit)


def broken_rules(
    body: dict[str, Any], target: Target, own_thoughts: list[str] | None = None
) -> list[str]:
    """Return the rules of its vendor that a body breaks."""
    if target.provider == "gemini":
        return gemini_rules.check(body, target.vendor_id, target.card)
    if target.vendor_id == "gpt-5.6-sol":
        return responses_rules.check(body, own_thoughts)
    return chat_rules.check(body, own=target.verify_response_model)
