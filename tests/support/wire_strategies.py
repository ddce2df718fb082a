"""Hypothesis strategies for any valid request."""

import base64
import string
from typing import Any

from hypothesis import strategies as st

from standby.cards import EFFORTS
from standby.inputs.parse import parse_request
from standby.types import Media, Message, Reasoning, Request, Text, ToolCall, ToolResult
from tests.support.wire_requests import CLOSED, FLASH, OPEN, PRO, SOL, THOUGHT

TEXTS = st.text(max_size=8) | st.sampled_from(
    ["\ud800", "\ud83d\ude00", "🚋", "\x00", "\u2028", "e\u0301", '"\\', "{}", "null"]
)
SOME_TEXTS = TEXTS.map("x".__add__)
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
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=2),
    max_leaves=4,
)
IDS = st.text("abc", min_size=1, max_size=4) | st.text("abc", min_size=39, max_size=70)
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,8}", fullmatch=True)
PRODUCERS = st.sampled_from(["", FLASH, PRO, SOL, "openai/gpt-4o", "anthropic/some-model"])
HEADERS = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "application/pdf": b"%PDF",
    "audio/wav": b"RIFF",
    "text/csv": b"a,b",
}
DATA = st.tuples(st.sampled_from(sorted(HEADERS)), st.binary(max_size=6)).map(
    lambda pair: Media(
        media_type=pair[0], data=base64.b64encode(HEADERS[pair[0]] + pair[1]).decode()
    )
)
LINKS = st.sampled_from(["image/png", "image/*", "application/pdf", "audio/mpeg", "video/mp4"]).map(
    lambda kind: Media(media_type=kind, url="https://example.org/a?b=c")
)
SCALAR_SCHEMAS = st.sampled_from(
    [{"type": "string"}, {"type": ["integer", "null"]}, {"enum": ["a", None]}, {"type": "number"}]
)


@st.composite
def objects(draw: st.DrawFn, inner: st.SearchStrategy[Any]) -> dict[str, Any]:
    properties = draw(
        st.dictionaries(st.text(string.ascii_letters, min_size=1, max_size=4), inner, max_size=3)
    )
    required = draw(
        st.just(sorted(properties)) | st.lists(st.sampled_from(sorted(properties)), unique=True)
        if properties
        else st.just([])
    )
    additional = draw(
        st.sampled_from(
            [{}, {"additionalProperties": False}, {"additionalProperties": {"type": "string"}}]
        )
    )
    return {"type": "object", "properties": properties, "required": required, **additional}


SCHEMAS = objects(
    st.recursive(
        SCALAR_SCHEMAS,
        lambda inner: objects(inner) | inner.map(lambda items: {"type": "array", "items": items}),
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
    producer = draw(PRODUCERS)
    state = draw(st.sampled_from(["", "a signature"])) if producer else ""
    arguments = st.dictionaries(KEYS, VALUES, max_size=2)
    calls = [
        ToolCall(
            id=call_id,
            name=draw(NAMES),
            arguments=draw(arguments),
            produced_by=producer,
            provider_state=state,
        )
        for call_id in ids
    ]
    media = st.just(()) | st.just(()) | st.lists(DATA | LINKS, max_size=1).map(tuple)
    texts = TEXTS | st.sampled_from(['{"a": 1}', "[1, 2]", "1", '{"a": ', "{}"])
    results = [ToolResult(id=call_id, text=draw(texts), media=draw(media)) for call_id in ids]
    results = draw(st.permutations(results))
    answer = Message("assistant", (Text(draw(TEXTS)), *calls))
    return [answer, *(Message("tool", (result,)) for result in results)]


@st.composite
def turns_of_text(draw: st.DrawFn) -> list[Message]:
    role: Any = draw(st.sampled_from(["user", "assistant", "system"]))
    return [Message(role, tuple(map(Text, draw(st.lists(SOME_TEXTS, min_size=1, max_size=2)))))]


@st.composite
def turns_of_thought(draw: st.DrawFn) -> list[Message]:
    producer = draw(st.sampled_from([FLASH, PRO, SOL, "anthropic/some-model"]))
    state = THOUGHT if producer == SOL else "a signature"
    thought = Reasoning(text=draw(TEXTS), provider_state=state, produced_by=producer)
    return [
        Message("assistant", (thought, Text(draw(SOME_TEXTS)))),
        Message("user", (Text(draw(SOME_TEXTS)),)),
    ]


@st.composite
def turns_of_media(draw: st.DrawFn) -> list[Message]:
    return [
        Message("user", (*draw(st.lists(DATA | LINKS, min_size=1, max_size=2)), Text(draw(TEXTS))))
    ]


CONVERSATIONS = st.lists(
    turns_of_text() | turns_of_text() | turns_of_calls() | turns_of_thought() | turns_of_media(),
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
    question = draw(st.sampled_from([[Message("user", (Text("hi"),))]] * 3 + [[]]))
    messages = [*first, *question, *(message for turn in turns for message in turn)]
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
