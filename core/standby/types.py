"""The values that travel: a request, its messages and parts; a reply, its chunks, usage and trail. Frozen."""

import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from standby.cards import Card, Effort
from standby.failures import Kind, Then

Role = Literal["system", "user", "assistant", "tool"]
"""Who speaks; `tool` brings results. `developer` in an OpenAI-style dictionary is read as `system`."""


class Text(msgspec.Struct, frozen=True, tag="text"):
    """A part that is text."""

    text: str

    def __repr__(self) -> str:
        """Show the size only: a prompt never appears in a repr."""
        return f"Text(<{len(self.text)} characters>)"


class Media(msgspec.Struct, frozen=True, kw_only=True, tag="media"):
    """A part that is a picture, sound or a document: as base64 `data`, or at a `url`; `media_type` as in "image/png".

    `name` is a document's file name, where a vendor asks for one.
    """

    media_type: str
    data: str = ""
    url: str = ""
    name: str = ""

    @property
    def kind(self) -> str:
        """Return what a card calls it: image, audio, video, pdf, or file."""
        if self.media_type == "application/pdf":
            return "pdf"
        family = self.media_type.partition("/")[0]
        return family if family in ("image", "audio", "video") else "file"

    def __repr__(self) -> str:
        """Show type and size only; a URL may hold a key."""
        return f"Media({self.media_type}, <{len(self.data or self.url)} characters>)"


class ToolCall(msgspec.Struct, frozen=True, kw_only=True, tag="tool_call"):
    """A model wants a tool to be run; always whole.

    `id` ties the result to it. `provider_state` is what only the model that made the call can read (a
    thought signature): it goes back to that one, and to no other. `produced_by` names that model; the
    dispatcher fills it in.
    """

    id: str
    name: str
    arguments: Mapping[str, Any]
    provider_state: str = ""
    produced_by: str = ""

    def __repr__(self) -> str:
        """Leave out what was said: the arguments, and the model's private state."""
        return f"ToolCall(id={self.id!r}, name={self.name!r}, <{len(self.arguments)} arguments>)"


class ToolResult(msgspec.Struct, frozen=True, kw_only=True, tag="tool_result"):
    """What a tool has returned for the call of that `id`; `name` is the tool's, `media` what it returned besides text."""

    id: str
    text: str
    name: str = ""
    media: tuple[Media, ...] = ()

    def __repr__(self) -> str:
        """Show the size only."""
        return f"ToolResult(id={self.id!r}, <{len(self.text)} characters>)"


class Reasoning(msgspec.Struct, frozen=True, kw_only=True, tag="reasoning"):
    """What a model thought before it spoke: in words, if it says so, and what only it can read, `provider_state`.

    It goes back to the model that `produced_by` names, and to no other; the dispatcher fills that in.
    """

    text: str = ""
    provider_state: str = ""
    produced_by: str = ""

    def __repr__(self) -> str:
        """Show the size only."""
        return f"Reasoning(<{len(self.text)} characters>)"


Part = Text | Media | Reasoning | ToolCall | ToolResult
"""One piece of a message's content.

A user's are texts and media, an assistant's reasoning, texts and calls, a tool's results, the
system's texts.
"""


class Message(msgspec.Struct, frozen=True):
    """One turn of a conversation: who speaks, and its parts in order."""

    role: Role
    parts: tuple[Part, ...]


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """A tool that the model may ask for: its name, what it is for, and the JSON Schema of its arguments."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = msgspec.field(
        default_factory=lambda: {"type": "object", "properties": {}}
    )


class Only(msgspec.Struct, frozen=True):
    """The choice of one tool: the model must call it."""

    name: str


ToolChoice = Literal["auto", "none", "required"] | Only
"""Which tools the model may call: as it likes, none, at least one, or that one."""


class Schema(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer is to fit: a name, a JSON Schema, and the reader that turns the answer's text into data, or raises."""

    name: str
    json_schema: Mapping[str, Any]
    read: Callable[[str], Any]


class Sampling(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the answer is drawn; `None` leaves a parameter to the model.

    The field names are the ones that a card's `refuses` and a model's `drop` speak of.
    """

    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_k: Annotated[int, Meta(ge=1)] | None = None
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    stop: tuple[str, ...] | None = None
    seed: int | None = None
    presence_penalty: Annotated[float, Meta(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Meta(ge=-2, le=2)] | None = None
    parallel_tool_calls: bool | None = None
    reasoning_effort: Effort | None = None


class Request(msgspec.Struct, frozen=True):
    """What is asked of a chain: a conversation, how the answer is to be drawn, and the tools and the schema that there are.

    `extra` holds, by the provider's name, what goes into the request of that provider alone, as its
    vendor spells it. `strict`: a model that must not be sent one of the sampling parameters is not
    asked.
    """

    messages: tuple[Message, ...]
    sampling: Sampling = Sampling()
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = "auto"
    schema: Schema | None = None
    extra: Mapping[str, Mapping[str, Any]] = {}
    strict: bool = False


class ModelRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt's request, as an adapter receives it.

    Attributes:
        request: The conversation. Parameters that the model refuses are already gone from it.
        model: The vendor's id of the model.
        card: What is known of the model.
        options: The plugin's options for this model.
        timeout: Seconds that are left for this attempt; the dispatcher enforces it by cancellation.
        extra: Fields of the request's body that override all others (`deep_merge`).

    """

    request: Request
    model: str
    card: Card
    options: Mapping[str, Any]
    timeout: float
    extra: Mapping[str, Any] = {}


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens, counted alike for all vendors: `reasoning` is part of `output`, `cached` is part of `input`."""

    input: int = 0
    output: int = 0
    reasoning: int = 0
    cached: int = 0


class Finish(StrEnum):
    """Why a reply ended: the model was done, it ran into a token limit, or it waits for tools."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One call to one model, or why there was none.

    `start` is in seconds since the call began, `duration` in seconds. `dropped` names the
    parameters that this model was not sent. `trigger` is the name of the trigger that matched,
    `then` what was decided. `id` is the vendor's, of the answer or of the request that failed: the
    one to name to its support.
    """

    model: str
    provider: str
    outcome: Literal["answered", "failed", "skipped", "cancelled"]
    start: float
    duration: float
    kind: Kind | None = None
    status: int | None = None
    text: str = ""
    trigger: str | None = None
    then: Then | None = None
    dropped: tuple[str, ...] = ()
    id: str = ""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """One whole answer.

    `model` is the entry that answered, `response_model` the vendor's word for it, `id` the vendor's id of
    the answer, `disclaimer` what a reader must know of an answer that is not a full model's. `data` is
    what the text says, read by the schema that was asked for. `reasoning` is what the model told of
    its thoughts, `provider_state` what of them only it can read. An adapter fills `text`, `reasoning`,
    `provider_state`, `tool_calls`, `finish`, `usage`, `response_model` and `id`; the dispatcher fills the rest.
    """

    text: str
    data: Any = None
    reasoning: str = ""
    provider_state: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish: Finish = Finish.STOP
    usage: Usage = Usage()
    response_model: str = ""
    id: str = ""
    model: str = ""
    provider: str = ""
    produced_by: str = ""
    disclaimer: str = ""
    trail: tuple[Attempt, ...] = ()

    @property
    def message(self) -> Message:
        """Return the reply as the next message of its conversation; the results of its tools follow it."""
        thought: tuple[Part, ...] = ()
        if self.provider_state:
            thought = (
                Reasoning(
                    text=self.reasoning,
                    provider_state=self.provider_state,
                    produced_by=self.produced_by,
                ),
            )
        said: tuple[Part, ...] = (Text(self.text),) if self.text else ()
        return Message("assistant", (*thought, *said, *self.tool_calls))

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as JSON has it: dictionaries, lists, texts, numbers, true, false and `None`.

        The keys are this class's fields. `data` is written as its schema says it, a pydantic object
        by its aliases; a number that JSON has not, like infinity, is `None`, and what is no data at
        all is its `str()`.
        """
        told = msgspec.to_builtins(self, str_keys=True, enc_hook=_plain)
        whole: dict[str, Any] = json.loads(json.dumps(told), parse_constant=lambda _: None)
        return whole


def _plain(value: Any) -> Any:
    """Return what msgspec knows no plain value for: a pydantic object's fields, else its text."""
    dump = getattr(value, "model_dump", None)
    if dump is None:
        return str(value)
    try:
        return dump(mode="json", by_alias=True)
    except ValueError:  # pydantic's own, for a field that it cannot write as JSON
        return dump(by_alias=True)


class End(msgspec.Struct, frozen=True, kw_only=True):
    """What a stream's last chunk carries: the vendor's end marker, translated; `provider_state` and `id` as on a `Reply`."""

    finish: Finish = Finish.STOP
    usage: Usage = Usage()
    response_model: str = ""
    id: str = ""
    provider_state: str = ""


class Chunk(msgspec.Struct, frozen=True):
    """One piece of a streamed reply: some text, a thought, a tool call, or its end.

    A stream is complete only if its last chunk has an `end`. With `reset` all text so far is void:
    another answer begins. A `tool_call` is whole, and comes only when the answer is. `reasoning`
    comes with the first text, or after it: while a model only thinks, another may still answer in
    its place. `working`, from an adapter, is a sign of life without words: the model writes a
    call's arguments.
    """

    text: str = ""
    end: End | None = None
    reset: bool = False
    tool_call: ToolCall | None = None
    working: bool = False
    reasoning: str = ""
