"""What each model is sent for each kind of request, pinned as files that people read, and held against its vendor's rules.

`python -m tests.test_wire_matrix` writes the files anew; their difference is what to review.
"""

import base64
import json
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

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
from tests.oracles import wire_rules

SNAPSHOTS = Path(__file__).parent / "snapshots"
REFRESH = "python -m tests.test_wire_matrix"
ENDPOINT = "endpoint/some-model"
MODELS = ("gemini-2.5-pro", "gemini-3.8-flash", "o3-mini", "gpt-4o", "gpt-5.6-sol", ENDPOINT)
PROVIDERS = {
    "endpoint": Provider(plugin="openai", base_url="http://127.0.0.1:9/v1", api_key=Secret("a-key"))
}
KEYS = {"GEMINI_API_KEY": "a-key", "OPENAI_API_KEY": "a-key"}

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
ASKED = Message("user", (Text("How is it in Rome?"),))


def turn(
    produced_by: str = "",
    private: str = "",
    ids: tuple[str, str] = ("call_1", "call_2"),
    **result: Any,
) -> list[Message]:
    """Return two calls at once and their results."""
    weather = ToolCall(
        id=ids[0],
        name="weather",
        arguments={"city": "Rome"},
        provider_state=private,
        produced_by=produced_by,
    )
    clock = ToolCall(id=ids[1], name="clock", arguments={}, produced_by=produced_by)
    results = (
        ToolResult(id=ids[0], text='{"sky": "blue"}', **result),
        ToolResult(id=ids[1], text="noon"),
    )
    return [Message("assistant", (Text("Let me see."), weather, clock)), Message("tool", results)]


def thinking(produced_by: str, private: str) -> list[Message]:
    thought = Reasoning(text="Rome is warm.", provider_state=private, produced_by=produced_by)
    return [
        ASKED,
        Message("assistant", (thought, Text("It is warm."))),
        Message("user", (Text("And tomorrow?"),)),
    ]


HISTORY = [
    ASKED,
    *turn(),
    *turn(ids=("call_3", "x" * 60)),
    Message("assistant", (Text("Blue, at noon."),)),
    ASKED,
]
MIDDLE = [
    Message("system", (Text("Be brief."),)),
    ASKED,
    Message("assistant", (Text("Warm."),)),
    Message("assistant", (Text("And dry."),)),
    Message("system", (Text("Use no digits."),)),
    Message("user", (Text("And in Lisbon?"),)),
    Message("user", (Text("Quick! 🚋"),)),
]
DRAWN = {
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
    "one text": ([ASKED], {}),
    "system in the middle, and turns of one role": (MIDDLE, {}),
    "a history of tools": (HISTORY, {"tools": TOOLS}),
    "a history of tools by gemini-3.8-flash": (
        [ASKED, *turn(FLASH, "signed by flash")],
        {"tools": TOOLS},
    ),
    "a history of tools by gpt-5.6-sol": ([ASKED, *turn(SOL)], {"tools": TOOLS}),
    **{
        f"tools, {choice}": ([ASKED], {"tools": TOOLS, "tool_choice": choice})
        for choice in ("auto", "none", "required", "clock")
    },
    "a closed schema": ([ASKED], {"schema": CLOSED}),
    "an open schema": ([ASKED], {"schema": OPEN}),
    "tools and a schema": ([ASKED], {"tools": TOOLS, "schema": CLOSED}),
    "a picture": ([Message("user", (Text("What is this?"), PNG))], {}),
    "a picture by its URL": (
        [Message("user", (Media(media_type="image/*", url="https://example.org/a"), Text("And?")))],
        {},
    ),
    "a document": ([Message("user", (PDF, Text("How much?")))], {}),
    "sound": ([Message("user", (WAV,))], {}),
    "all that is drawn": ([ASKED], DRAWN),
    **{
        f"effort {effort}": ([ASKED], {"reasoning_effort": effort})
        for effort in ("minimal", "high")
    },
    "the thoughts of gpt-5.6-sol": (thinking(SOL, THOUGHT), {}),
    "the thoughts of gemini-3.8-flash": (thinking(FLASH, "signed by flash"), {}),
    "a picture from a tool": ([ASKED, *turn(media=(PNG,))], {"tools": TOOLS}),
    "extra": ([ASKED], {"extra": EXTRA, "max_tokens": 100}),
}


@cache
def targets() -> dict[str, Target]:
    """Return the models as the settings make them: nothing left implicit."""
    settings = Settings(providers=PROVIDERS, chains={"default": Chain(models=MODELS)})
    client = AsyncStandby(settings=settings, environ=KEYS, warm_up=False)
    return {name: client._routes.current.targets[name] for name in MODELS}


def read(name: str) -> Request:
    messages, options = REQUESTS[name]
    return parse_request(messages, options, ("gemini", "openai", "endpoint"))


def body(request: Request, target: Target, *, stream: bool = False) -> dict[str, Any]:
    """Make a body as the dispatcher and the adapters do; raises `AttemptFailed`."""
    failure = incompatibility(request, target)
    if failure is not None:
        raise AttemptFailed(failure)
    extra = deep_merge(target.extra, request.extra.get(target.provider, {}))
    fitted, _ = adapt(request, target)
    call = ModelRequest(
        request=fitted,
        model=target.vendor_id,
        card=target.card,
        options=target.options,
        timeout=target.timeout,
        extra=extra,
    )
    if target.provider == "gemini":
        made = gemini_request.build_body(call)
    elif (target.card.wire or {}).get("api") == "responses":
        made = responses_request.build_body(call, stream=stream)
    else:
        limit = "max_completion_tokens" if target.verify_response_model else "max_tokens"
        made = chat_request.build_body(call, stream=stream, max_tokens=limit)
    sent: dict[str, Any] = msgspec.json.decode(encode_json(made))
    return sent


def broken(sent: dict[str, Any], target: Target, mine: list[str] | None = None) -> list[str]:
    """Return the rules of its vendor that a body breaks."""
    if target.provider == "gemini":
        return wire_rules.gemini(sent, target.vendor_id, target.card)
    if target.vendor_id == "gpt-5.6-sol":
        return wire_rules.responses(sent, mine)
    return wire_rules.chat(sent, own=target.verify_response_model)


def pinned(name: str) -> dict[str, Any]:
    """Return what a snapshot says: for each model its body and what it was not sent, or why it was not asked."""
    told: dict[str, Any] = {}
    for model, target in targets().items():
        try:
            sent = body(read(name), target)
        except AttemptFailed as error:
            told[model] = {error.failure.kind.value: error.failure.message}
        else:
            told[model] = {"body": sent, "dropped": list(adapt(read(name), target)[1])}
    return told


def text_of(told: Any) -> str:
    return json.dumps(told, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def path_of(name: str) -> Path:
    return SNAPSHOTS / f"{name.replace(',', '').replace(' ', '_')}.json"


@pytest.mark.parametrize("name", REQUESTS)
def test_every_body_is_as_pinned(name: str) -> None:
    path = path_of(name)
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    assert text_of(pinned(name)) == before, (
        f"{path.name} is missing or old; look at what changes after: {REFRESH}"
    )


def test_no_snapshot_is_left_over() -> None:
    assert sorted(path.name for path in SNAPSHOTS.iterdir()) == sorted(
        path_of(name).name for name in REQUESTS
    )


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", REQUESTS)
def test_every_body_keeps_its_vendors_rules(name: str, model: str) -> None:
    target = targets()[model]
    told = pinned(name)[model]
    if "body" in told:
        assert broken(told["body"], target, ["what sol thought"]) == []
        assert broken(body(read(name), target, stream=True), target, ["what sol thought"]) == []
    else:
        assert list(told) == ["unsupported"]
        assert told["unsupported"]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", REQUESTS)
def test_to_stream_changes_nothing_else(name: str, model: str) -> None:
    told = pinned(name)[model]
    if "body" not in told:
        with pytest.raises(AttemptFailed, match=r"^\S"):
            body(read(name), targets()[model], stream=True)
        return
    streamed = body(read(name), targets()[model], stream=True)
    beside = {} if model.startswith("gemini") else {"stream": True}
    options = {"stream_options": {"include_usage": True}} if "messages" in streamed else {}
    assert streamed == told["body"] | beside | options


def only(name: str) -> set[str]:
    return {model for model, told in pinned(name).items() if "body" in told}


def test_who_is_asked_what() -> None:
    everyone = set(MODELS)
    seeing = everyone - {"o3-mini", ENDPOINT}
    assert only("tools and a schema") == everyone - {"gemini-2.5-pro"}
    assert only("a picture") == only("a picture by its URL") == only("a document") == seeing
    assert only("sound") == {"gemini-2.5-pro", "gemini-3.8-flash"}
    assert only("a picture from a tool") == {"gemini-3.8-flash", "gpt-5.6-sol"}
    rest = set(REQUESTS) - {
        "tools and a schema",
        "a picture",
        "a picture by its URL",
        "a document",
        "sound",
    }
    assert all(only(name) == everyone for name in rest - {"a picture from a tool"})


def changed(value: Any, path: str, to: Any) -> Any:
    """Return JSON with one value in it set: a dotted path of names and places; `...` takes it out."""
    whole = json.loads(json.dumps(value))
    *above, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    inner = whole
    for step in above:
        inner = inner[step]
    if to is ...:
        del inner[last]
    else:
        inner[last] = to
    return whole


HISTORY_OF = "a history of tools"
THOUGHTS_OF = "the thoughts of gpt-5.6-sol"
BY_SOL = {"type": "function_call", "call_id": "c", "name": "clock", "arguments": "{}"}
WRONG: list[tuple[str, str, str, Any, str]] = [
    ("gemini-3.8-flash", HISTORY_OF, "nonsense", 1, "there is no field nonsense"),
    ("gemini-3.8-flash", HISTORY_OF, "contents", [], "there are no contents"),
    ("gemini-3.8-flash", HISTORY_OF, "contents.0.role", "assistant", "a role is 'assistant'"),
    ("gemini-3.8-flash", HISTORY_OF, "contents.0.role", "model", "roles do not alternate"),
    (
        "gemini-3.8-flash",
        HISTORY_OF,
        "contents.0",
        ...,
        "a functionCall does not follow a turn of the user",
    ),
    (
        "gemini-3.8-flash",
        HISTORY_OF,
        "contents.2.parts.1",
        ...,
        "the number of functionResponse parts is not that of the calls",
    ),
    (
        "gemini-3.8-flash",
        HISTORY_OF,
        "contents.2.parts.0.functionResponse.id",
        "x",
        "results do not name their calls in order",
    ),
    (
        "gemini-3.8-flash",
        HISTORY_OF,
        "contents.2.parts.0.functionResponse.response",
        [1],
        "a response is no object",
    ),
    (
        "gemini-3.8-flash",
        HISTORY_OF,
        "contents.2.parts.0",
        {"text": "so"},
        "results do not stand alone, right behind their calls",
    ),
    ("gemini-3.8-flash", HISTORY_OF, "contents.2", ..., "results do not stand alone, right behind"),
    (
        "gemini-3.8-flash",
        HISTORY_OF,
        "contents.1.parts.1.thoughtSignature",
        ...,
        "a functionCall lacks its thoughtSignature",
    ),
    (
        "gemini-3.8-flash",
        HISTORY_OF,
        "contents.1.parts.1.functionCall.args",
        "{}",
        "a functionCall has no name, or args",
    ),
    ("gemini-3.8-flash", HISTORY_OF, "contents.1.parts.0.text", "", "a text is empty"),
    ("gemini-3.8-flash", HISTORY_OF, "contents.0.parts", [], "a content has no parts"),
    ("gemini-3.8-flash", HISTORY_OF, "contents.0.parts.0.kind", "a", "a part is not of one kind"),
    (
        "gemini-3.8-flash",
        "a picture",
        "contents.0.parts.1.inlineData.mimeType",
        "png",
        "an inlineData has no exact type",
    ),
    (
        "gemini-3.8-flash",
        "system in the middle, and turns of one role",
        "systemInstruction.parts",
        [],
        "of texts",
    ),
    (
        "gemini-2.5-pro",
        "tools, clock",
        "tools.0.functionDeclarations.0.parameters",
        {},
        "another schema than",
    ),
    (
        "gemini-2.5-pro",
        "tools, clock",
        "tools.0.functionDeclarations.0.name",
        "a b",
        "not of the pattern",
    ),
    (
        "gemini-2.5-pro",
        "tools, clock",
        "tools.0.functionDeclarations.0.name",
        "clock",
        "two tools have one name",
    ),
    (
        "gemini-2.5-pro",
        "tools, clock",
        "toolConfig.functionCallingConfig.mode",
        "AUTO",
        "allowedFunctionNames without ANY",
    ),
    ("gemini-2.5-pro", "tools, clock", "tools", ..., "a toolConfig without tools"),
    ("gemini-2.5-pro", "a closed schema", "tools", [], "tools beside a responseMimeType"),
    (
        "gemini-2.5-pro",
        "a closed schema",
        "generationConfig.responseSchema",
        {},
        "responseSchema in place of",
    ),
    (
        "gemini-2.5-pro",
        "a closed schema",
        "generationConfig.responseMimeType",
        ...,
        "stands without responseMimeType",
    ),
    (
        "gemini-2.5-pro",
        "all that is drawn",
        "generationConfig.presencePenalty",
        1,
        "penalties are not enabled",
    ),
    ("gemini-2.5-pro", "all that is drawn", "generationConfig.topP", 2, "out of range"),
    (
        "gemini-2.5-pro",
        "all that is drawn",
        "generationConfig.stopSequences",
        ["a"] * 6,
        "more than five",
    ),
    *(
        (
            "gemini-2.5-pro",
            "effort high",
            "generationConfig.thinkingConfig.thinkingBudget",
            budget,
            "the thinkingBudget is out of range",
        )
        for budget in (0, 127, 32769)
    ),
    (
        "gemini-2.5-pro",
        "effort high",
        "generationConfig.thinkingConfig.thinkingLevel",
        "HIGH",
        "thinkingBudget beside",
    ),
    (
        "gemini-3.8-flash",
        "effort high",
        "generationConfig.thinkingConfig.thinkingLevel",
        "MINIMAL",
        "none of the model's",
    ),
    ("gpt-4o", HISTORY_OF, "top_k", 1, "there is no field top_k"),
    ("gpt-4o", HISTORY_OF, "messages.0.role", "model", "a role is 'model'"),
    ("gpt-4o", HISTORY_OF, "messages.0.content", "", "a message is empty"),
    ("gpt-4o", HISTORY_OF, "messages.2.tool_call_id", "call_2", "a tool's message answers no call"),
    ("gpt-4o", HISTORY_OF, "messages.2.content", {}, "a tool's message answers no call"),
    ("gpt-4o", HISTORY_OF, "messages.3", ..., "calls have no results"),
    ("gpt-4o", HISTORY_OF, "messages.1.tool_calls.1.id", "call_1", "two calls have one id"),
    (
        "gpt-4o",
        HISTORY_OF,
        "messages.1.tool_calls.1.id",
        "x" * 41,
        "an id is empty or longer than 40",
    ),
    (
        "gpt-4o",
        HISTORY_OF,
        "messages.1.tool_calls.1.function.arguments",
        "[]",
        "arguments that are no JSON text of an object",
    ),
    (
        "gpt-4o",
        HISTORY_OF,
        "messages.1.tool_calls.1.function.arguments",
        {},
        "arguments that are no JSON text of an object",
    ),
    ("gpt-4o", HISTORY_OF, "messages.1.role", "user", "calls are not the assistant's"),
    ("gpt-4o", "a picture", "messages.0.content.1.type", "input_image", "content is 'input_image'"),
    ("gpt-4o", "a document", "messages.0.content.0.file.filename", ..., "a file has no name"),
    ("gpt-4o", "tools, clock", "tools", ..., "but there are no tools"),
    ("gpt-4o", "tools, clock", "tool_choice.function.name", "x", "the tool_choice is none"),
    ("gpt-4o", "tools, clock", "tools.0.type", "x", "a tool is no function"),
    (
        "gpt-4o",
        "tools, clock",
        "tools.1.function.strict",
        True,
        "a tool is strict, and its schema is open",
    ),
    ("gpt-4o", "tools, clock", "tools.1.function.parameters", {}, "a tool's schema is no object"),
    ("gpt-4o", "extra", "max_tokens", 1, "max_tokens is not the endpoint's name"),
    (
        ENDPOINT,
        "extra",
        "max_completion_tokens",
        1,
        "max_completion_tokens is not the endpoint's name",
    ),
    ("gpt-4o", "extra", "stream", True, "stream_options and stream"),
    ("gpt-4o", "extra", "stop", ["a"] * 5, "more than four stops"),
    ("gpt-4o", "extra", "reasoning_effort", "low", "for a model that does not reason"),
    ("o3-mini", "effort high", "reasoning_effort", "minimal", "none of o3-mini's"),
    ("o3-mini", "effort high", "temperature", 1, "a reasoning model refuses temperature"),
    ("o3-mini", "tools, clock", "parallel_tool_calls", True, "o3-mini refuses parallel_tool_calls"),
    (
        "gpt-4o",
        "an open schema",
        "response_format.json_schema.strict",
        True,
        "the schema is strict, and open",
    ),
    (
        "gpt-4o",
        "a closed schema",
        "response_format.json_schema.schema.required",
        [],
        "the schema is strict, and open",
    ),
    (
        "gpt-4o",
        "a closed schema",
        "response_format.json_schema.schema.properties.city",
        {},
        "the schema is strict, and open",
    ),
    (
        "gpt-4o",
        "a closed schema",
        "response_format.json_schema.schema.anyOf",
        [],
        "the root of the schema is no object",
    ),
    (
        "gpt-4o",
        "a closed schema",
        "response_format.json_schema.name",
        "a b",
        "no json_schema with a name",
    ),
    (
        "gpt-4o",
        "a closed schema",
        "response_format.json_schema.strict",
        ...,
        "not said whether the schema is strict",
    ),
    ("gpt-5.6-sol", HISTORY_OF, "stop", ["a"], "there is no field stop"),
    ("gpt-5.6-sol", HISTORY_OF, "seed", 1, "there is no field seed"),
    ("gpt-5.6-sol", HISTORY_OF, "store", ..., "store is not false"),
    ("gpt-5.6-sol", HISTORY_OF, "include", ..., "not asked for its thoughts"),
    ("gpt-5.6-sol", HISTORY_OF, "input", [], "there is no input"),
    ("gpt-5.6-sol", HISTORY_OF, "input.4.call_id", "x", "an output answers no call"),
    ("gpt-5.6-sol", HISTORY_OF, "input.5", BY_SOL, "calls have no outputs"),
    ("gpt-5.6-sol", HISTORY_OF, "input.2.call_id", "x" * 65, "an id is empty or longer than 64"),
    ("gpt-5.6-sol", HISTORY_OF, "input.2.arguments", {}, "arguments that are no JSON text"),
    ("gpt-5.6-sol", HISTORY_OF, "input.0.type", "item_reference", "an item is 'item_reference'"),
    ("gpt-5.6-sol", HISTORY_OF, "input.0.content.0.type", "text", "a content's part is 'text'"),
    ("gpt-5.6-sol", HISTORY_OF, "input.0.role", "tool", "of no role"),
    ("gpt-5.6-sol", HISTORY_OF, "tools.0.strict", ..., "says not whether it is strict"),
    ("gpt-5.6-sol", HISTORY_OF, "tools.1.strict", True, "a tool is strict, and its schema is open"),
    ("gpt-5.6-sol", THOUGHTS_OF, "input.1.encrypted_content", "x", "a thought is of another model"),
    ("gpt-5.6-sol", THOUGHTS_OF, "input.2", ..., "nothing of the model follows it"),
    ("gpt-5.6-sol", "effort high", "reasoning.effort", "minimal", "the effort is 'minimal'"),
    ("gpt-5.6-sol", "an open schema", "text.format.strict", True, "the schema is strict, and open"),
]


@pytest.mark.parametrize(("model", "name", "path", "to", "words"), WRONG)
def test_the_rules_refuse_what_is_wrong(
    model: str, name: str, path: str, to: Any, words: str
) -> None:
    target, right = targets()[model], pinned(name)[model]["body"]
    assert broken(right, target, ["what sol thought"]) == []
    assert words in "; ".join(broken(changed(right, path, to), target, ["what sol thought"]))


def write() -> None:
    """Write the snapshots anew."""
    for path in SNAPSHOTS.glob("*.json"):
        path.unlink()
    for name in REQUESTS:
        path_of(name).write_text(text_of(pinned(name)), encoding="utf-8")


if __name__ == "__main__":
    write()
