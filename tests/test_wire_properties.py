"""Any valid request is a body that keeps its vendor's rules, or unsupported; and the body still says all that was asked."""

import base64
import json
import string
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from standby.cards import EFFORTS
from standby.dispatch.compatibility import adapt
from standby.dispatch.target import Target
from standby.errors import AttemptFailed
from standby.failures import Kind
from standby.inputs.parse import parse_request
from standby.types import Media, Message, Reasoning, Request, Text, ToolCall, ToolResult
from tests.test_wire_matrix import CLOSED, FLASH, OPEN, PRO, SOL, THOUGHT, body, broken, targets

Said = list[tuple[Any, ...]]
"""What a conversation says, vendor-neutral: ("user", text), ("call", place, name, arguments), ("result", place, text) …"""

WORDS = st.text(max_size=8) | st.sampled_from(
    ["\ud800", "\ud83d\ude00", "🚋", "\x00", "\u2028", "e\u0301", '"\\', "{}", "null"]
)
SOME_WORDS = WORDS.map("x".__add__)
NUMBERS = st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9, allow_nan=False)
SCALARS = (
    st.none()
    | st.booleans()
    | NUMBERS
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
)
KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
VALUES = st.recursive(
    SCALARS,
    lambda below: st.lists(below, max_size=2) | st.dictionaries(KEYS, below, max_size=2),
    max_leaves=4,
)
IDS = st.text("abc", min_size=1, max_size=4) | st.text("abc", min_size=39, max_size=70)
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,8}", fullmatch=True)
MAKERS = st.sampled_from(["", FLASH, PRO, SOL, "openai/gpt-4o", "anthropic/some-model"])
BEGINS = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "application/pdf": b"%PDF",
    "audio/wav": b"RIFF",
    "text/csv": b"a,b",
}
DATA = st.tuples(st.sampled_from(sorted(BEGINS)), st.binary(max_size=6)).map(
    lambda made: Media(
        media_type=made[0], data=base64.b64encode(BEGINS[made[0]] + made[1]).decode()
    )
)
LINKS = st.sampled_from(["image/png", "image/*", "application/pdf", "audio/mpeg", "video/mp4"]).map(
    lambda kind: Media(media_type=kind, url="https://example.org/a?b=c")
)
PLAIN = st.sampled_from(
    [{"type": "string"}, {"type": ["integer", "null"]}, {"enum": ["a", None]}, {"type": "number"}]
)


@st.composite
def objects(draw: st.DrawFn, below: st.SearchStrategy[Any]) -> dict[str, Any]:
    properties = draw(
        st.dictionaries(st.text(string.ascii_letters, min_size=1, max_size=4), below, max_size=3)
    )
    required = draw(
        st.just(sorted(properties)) | st.lists(st.sampled_from(sorted(properties)), unique=True)
        if properties
        else st.just([])
    )
    about = draw(
        st.sampled_from(
            [{}, {"additionalProperties": False}, {"additionalProperties": {"type": "string"}}]
        )
    )
    return {"type": "object", "properties": properties, "required": required, **about}


SCHEMAS = objects(
    st.recursive(
        PLAIN,
        lambda below: objects(below) | below.map(lambda items: {"type": "array", "items": items}),
        max_leaves=4,
    )
)
TOOLS = st.lists(
    st.fixed_dictionaries(
        {
            "name": NAMES,
            "description": st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
            "parameters": SCHEMAS,
        }
    ),
    max_size=3,
    unique_by=lambda tool: tool["name"],
)


@st.composite
def turns_of_calls(draw: st.DrawFn) -> list[Message]:
    ids = draw(st.lists(IDS, min_size=1, max_size=3, unique=True))
    made_by = draw(MAKERS)
    private = draw(st.sampled_from(["", "a signature"])) if made_by else ""
    arguments = st.dictionaries(KEYS, VALUES, max_size=2)
    calls = [
        ToolCall(
            id=one,
            name=draw(NAMES),
            arguments=draw(arguments),
            produced_by=made_by,
            provider_state=private,
        )
        for one in ids
    ]
    media = st.just(()) | st.just(()) | st.lists(DATA | LINKS, max_size=1).map(tuple)
    texts = WORDS | st.sampled_from(['{"a": 1}', "[1, 2]", "1", '{"a": ', "{}"])
    results = draw(
        st.permutations([ToolResult(id=one, text=draw(texts), media=draw(media)) for one in ids])
    )
    said = Message("assistant", (Text(draw(WORDS)), *calls))
    return [said, *(Message("tool", (result,)) for result in results)]


@st.composite
def turns_of_words(draw: st.DrawFn) -> list[Message]:
    role: Any = draw(st.sampled_from(["user", "assistant", "system"]))
    return [Message(role, tuple(map(Text, draw(st.lists(SOME_WORDS, min_size=1, max_size=2)))))]


@st.composite
def turns_of_thought(draw: st.DrawFn) -> list[Message]:
    made_by = draw(st.sampled_from([FLASH, PRO, SOL, "anthropic/some-model"]))
    private = THOUGHT if made_by == SOL else "a signature"
    thought = Reasoning(text=draw(WORDS), provider_state=private, produced_by=made_by)
    return [
        Message("assistant", (thought, Text(draw(SOME_WORDS)))),
        Message("user", (Text(draw(SOME_WORDS)),)),
    ]


@st.composite
def turns_of_media(draw: st.DrawFn) -> list[Message]:
    return [
        Message("user", (*draw(st.lists(DATA | LINKS, min_size=1, max_size=2)), Text(draw(WORDS))))
    ]


CONVERSATIONS = st.lists(
    turns_of_words() | turns_of_words() | turns_of_calls() | turns_of_thought() | turns_of_media(),
    max_size=5,
)
SAMPLING = st.fixed_dictionaries(
    {},
    optional={
        "temperature": st.floats(0, 2),
        "top_p": st.floats(0, 1),
        "top_k": st.integers(1, 100),
        "max_tokens": st.integers(1, 2**31),
        "stop": st.lists(
            st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=3),
            min_size=1,
            max_size=4,
        ),
        "seed": st.integers(-(2**31), 2**31 - 1),
        "presence_penalty": st.floats(-2, 2),
        "frequency_penalty": st.floats(-2, 2),
        "parallel_tool_calls": st.booleans(),
        "reasoning_effort": st.sampled_from(EFFORTS),
    },
)
EXTRA = st.fixed_dictionaries(
    {},
    optional={
        "gemini": st.just({"labels": {"a": "b"}}),
        "openai": st.just({"user": "u"}),
        "endpoint": st.just({"user": "e"}),
    },
)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    turns = draw(CONVERSATIONS)
    first = draw(st.sampled_from([[], [], [], [Message("system", (Text("Be brief."),))]]))
    asked = draw(st.sampled_from([[Message("user", (Text("hi"),))]] * 3 + [[]]))
    messages = [*first, *asked, *(message for turn in turns for message in turn)]
    if not any(message.role == "user" for message in messages):
        messages.append(Message("user", (Text("hi"),)))
    tools = draw(TOOLS)
    choices = ["auto", "none", *(["required", *(tool["name"] for tool in tools)] if tools else [])]
    options = {
        **draw(SAMPLING),
        "tools": [{"type": "function", "function": tool} for tool in tools],
        "tool_choice": draw(st.sampled_from(choices)),
        "schema": draw(
            st.none()
            | SCHEMAS
            | st.sampled_from([CLOSED, OPEN, {"type": "array", "items": {"type": "string"}}])
        ),
        "extra": draw(EXTRA),
    }
    return parse_request(messages, options, ("gemini", "openai", "endpoint"))


def sent(request: Request, target: Target) -> dict[str, Any] | None:
    """Return the body, or `None` where the request is unsupported, for a reason."""
    try:
        return body(request, target)
    except AttemptFailed as error:
        failure = error.failure
    assert (failure.kind, bool(failure.message)) == (Kind.UNSUPPORTED, True)
    return None


def frozen(request: Request) -> tuple[str, Any]:
    """Return all that a request holds, as it is now."""
    parts = [msgspec.structs.asdict(part) for message in request.messages for part in message.parts]
    return repr([parts, request.tools and [tool.parameters for tool in request.tools]]), request


@settings(max_examples=100)
@given(request=requests())
def test_any_request_keeps_the_vendors_rules_or_is_unsupported(request: Request) -> None:
    before = frozen(request)
    for target in targets().values():
        made = sent(request, target)
        assert made is None or broken(made, target, ["what sol thought"]) == []
    assert frozen(request) == before


def expected(messages: Sequence[Message], *, gemini: bool) -> Said:
    """Say what a body must hold: the parts in order; for Gemini the system's words come first."""
    said: Said = []
    places: dict[str, int] = {}
    spoken = sorted(messages, key=lambda message: message.role != "system") if gemini else messages
    for message in spoken:
        for part in message.parts:
            if isinstance(part, Text) and part.text:
                said.append((message.role, part.text))
            elif isinstance(part, Media):
                said.append(("media", part.data or part.url))
            elif isinstance(part, ToolCall):
                places[part.id] = len(said)
                said.append(("call", part.name, part.arguments))
            elif isinstance(part, ToolResult):
                said.append(
                    ("result", len(said) - places[part.id], _told(part.text, gemini=gemini))
                )
                said += [("media", media.data or media.url) for media in part.media]
    return merged_texts(said)


def _told(text: str, *, gemini: bool) -> Any:
    if not gemini:
        return text
    try:
        told = json.loads(text)
    except ValueError:
        told = text
    return told if isinstance(told, dict) else {"result": told}


def merged_texts(said: Said) -> Said:
    """Join texts of one role in a row."""
    joined: Said = []
    for role, group in groupby(
        said, key=lambda one: one[0] if len(one) == 2 and one[0] != "media" else None
    ):
        together = list(group)
        joined += [(role, "".join(text for _, text in together))] if role else together
    return joined


def read_gemini(made: dict[str, Any]) -> Said:
    said: Said = [
        ("system", part["text"]) for part in made.get("systemInstruction", {"parts": []})["parts"]
    ]
    places: dict[str, int] = {}
    for content in made["contents"]:
        role = {"user": "user", "model": "assistant"}[content["role"]]
        for part in content["parts"]:
            if "text" in part:
                said.append((role, part["text"]))
            elif "functionCall" in part:
                places[part["functionCall"]["id"]] = len(said)
                said.append(("call", part["functionCall"]["name"], part["functionCall"]["args"]))
            elif "functionResponse" in part:
                told = part["functionResponse"]
                said.append(("result", len(said) - places[told["id"]], told["response"]))
                said += [("media", _bytes(one)) for one in told.get("parts", [])]
            else:
                said.append(("media", _bytes(part)))
    return merged_texts(said)


def _bytes(part: dict[str, Any]) -> str:
    told: str = part["inlineData"]["data"] if "inlineData" in part else part["fileData"]["fileUri"]
    return told


def read_chat(made: dict[str, Any]) -> Said:
    said: Said = []
    places: dict[str, int] = {}
    for message in made["messages"]:
        content = "" if message["content"] is None else message["content"]
        if message["role"] == "tool":
            said.append(("result", len(said) - places[message["tool_call_id"]], content))
            continue
        said += _parts(message["role"], content)
        for call in message.get("tool_calls", []):
            places[call["id"]] = len(said)
            said.append(
                ("call", call["function"]["name"], json.loads(call["function"]["arguments"]))
            )
    return merged_texts(said)


def read_responses(made: dict[str, Any]) -> Said:
    said: Said = []
    places: dict[str, int] = {}
    for item in made["input"]:
        kind = item.get("type", "message")
        if kind == "function_call":
            places[item["call_id"]] = len(said)
            said.append(("call", item["name"], json.loads(item["arguments"])))
        elif kind == "function_call_output":
            whole = isinstance(item["output"], str)
            told = [] if whole else _parts("text", item["output"])
            text = (
                item["output"] if whole else "".join(text for role, text in told if role == "text")
            )
            said.append(("result", len(said) - places[item["call_id"]], text))
            said += [one for one in told if one[0] == "media"]
        elif kind == "message":
            said += _parts(item["role"], item["content"])
    return merged_texts(said)


def _parts(role: str, content: Any) -> Said:
    if isinstance(content, str):
        return [(role, content)] if content else []
    return [(role, part["text"]) if "text" in part else ("media", _url(part)) for part in content]


def _url(part: dict[str, Any]) -> str:
    """Return the data or the URL of what is no text, wherever OpenAI's two APIs put it."""
    inner = part.get(part["type"], part)
    inner = inner if isinstance(inner, dict) else part
    url = next(
        inner[name]
        for name in ("url", "image_url", "file_url", "file_data", "data")
        if name in inner
    )
    told: str = url.partition(";base64,")[2] if url.startswith("data:") else url
    return told


def tools_in(made: dict[str, Any]) -> list[tuple[str, str, Any]]:
    told = [
        one
        for tool in made.get("tools", [])
        for one in tool.get("functionDeclarations", [tool.get("function", tool)])
    ]
    return [
        (
            one["name"],
            one.get("description", ""),
            one.get("parametersJsonSchema", one.get("parameters")),
        )
        for one in told
    ]


def schema_in(made: dict[str, Any]) -> Any:
    chat = made.get("response_format", {}).get("json_schema", {}).get("schema")
    return (
        chat
        or made.get("text", {}).get("format", {}).get("schema")
        or made.get("generationConfig", {}).get("responseJsonSchema")
    )


@settings(max_examples=100)
@given(request=requests())
def test_a_body_says_all_that_was_asked(request: Request) -> None:
    for target in targets().values():
        made = sent(request, target)
        if made is None:
            continue
        gemini = target.provider == "gemini"
        read = read_gemini if gemini else read_chat if "messages" in made else read_responses
        assert read(made) == expected(adapt(request, target)[0].messages, gemini=gemini)
        assert tools_in(made) == [
            (tool.name, tool.description, tool.parameters) for tool in request.tools
        ]
        assert schema_in(made) == (request.schema and request.schema.json_schema)
