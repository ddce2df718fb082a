"""The values of a call, frozen: the request with its messages, the reply with its trail, chunks."""

import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from standby.cards import Card, Effort
from standby.failures import Attempt

Role = Literal["system", "user", "assistant", "tool"]
"""The author of a message; `tool` brings results. OpenAI's `developer` is read as `system`."""


class Text(msgspec.Struct, frozen=True, tag="text"):
    """A part that is text."""

    text: str

    def __repr__(self) -> str:
        """Show only the size: a prompt never appears in a repr."""
        return f"Text(<{len(self.text)} characters>)"


class Media(msgspec.Struct, frozen=True, kw_only=True, tag="media"):
    """A part that is a picture, sound or a document.

    Attributes:
        media_type: As in "image/png".
        data: The contents in base64; "" if there is a URL.
        url: Where the contents are; "" if there is data.
        name: A document's file name, for vendors that require one.
    """

    media_type: str
    data: str = ""
    url: str = ""
    name: str = ""

    @property
    def kind(self) -> str:
        """What a card calls it: image, audio, video, pdf, or file."""
        if self.media_type == "application/pdf":
            return "pdf"
        family = self.media_type.partition("/")[0]
        return family if family in ("image", "audio", "video") else "file"

    def __repr__(self) -> str:
        """Show only type and size: a URL may hold a key."""
        return f"Media({self.media_type}, <{len(self.data or self.url)} characters>)"


class ToolCall(msgspec.Struct, frozen=True, kw_only=True, tag="tool_call"):
    """A model's request to run a tool; always complete.

    Attributes:
        id: The result refers to the call by it.
        name: The tool's name.
        arguments: The tool's arguments, by name.
        provider_state: What only the model that made the call can read (a thought signature). It is
            sent back to that model, and to no other.
        produced_by: That model; the dispatcher sets it.
    """

    id: str
    name: str
    arguments: Mapping[str, Any]
    provider_state: str = ""
    produced_by: str = ""

    def __repr__(self) -> str:
        """Leave out the arguments and the model's private state."""
        return f"ToolCall(id={self.id!r}, name={self.name!r}, <{len(self.arguments)} arguments>)"


class ToolResult(msgspec.Struct, frozen=True, kw_only=True, tag="tool_result"):
    """What a tool returned for the call with this `id`.

    `name` is the tool's; `media` is what it returned besides text.
    """

    id: str
    text: str
    name: str = ""
    media: tuple[Media, ...] = ()

    def __repr__(self) -> str:
        """Show only the size."""
        return f"ToolResult(id={self.id!r}, <{len(self.text)} characters>)"


class Reasoning(msgspec.Struct, frozen=True, kw_only=True, tag="reasoning"):
    """What a model thought before it answered: its text, if any, and what only the model can read.

    The `provider_state` is sent back to the model that `produced_by` names, and to no other; the
    dispatcher sets that field.
    """

    text: str = ""
    provider_state: str = ""
    produced_by: str = ""

    def __repr__(self) -> str:
        """Show only the size."""
        return f"Reasoning(<{len(self.text)} characters>)"


Part = Text | Media | Reasoning | ToolCall | ToolResult
"""One piece of a message's content.

A user's message has texts and media; an assistant's reasoning, texts and tool calls; a tool's
results; the system's texts.
"""


class Message(msgspec.Struct, frozen=True):
    """One turn of a conversation: its author, and its parts in order."""

    role: Role
    parts: tuple[Part, ...]


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """A tool that the model may call: its name, its purpose, and its arguments' JSON Schema."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = msgspec.field(
        default_factory=lambda: {"type": "object", "properties": {}}
    )


class Only(msgspec.Struct, frozen=True):
    """A choice of one tool: the model must call it."""

    name: str


ToolChoice = Literal["auto", "none", "required"] | Only
"""Which tools the model may call: any or none, none, at least one, or exactly that one."""


class Schema(msgspec.Struct, frozen=True, kw_only=True):
    """What the answer must conform to: a name, a JSON Schema, and a reader.

    `read` makes data of the answer's text, or raises.
    """

    name: str
    json_schema: Mapping[str, Any]
    read: Callable[[str], Any]


class Sampling(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The sampling parameters; `None` leaves a parameter to the model.

    A card's `refuses` and a model's `drop` use these names.
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
    """What a call asks of its chain.

    Attributes:
        messages: The conversation.
        sampling: The sampling parameters.
        tools: The tools that the model may call.
        tool_choice: Which of them.
        schema: What the answer must conform to.
        extra: By the provider's name, fields for the requests to that provider alone, spelt as its
            vendor spells them.
        strict: Whether a model that refuses one of the parameters is skipped.
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
    """Tokens, the same for all vendors: `reasoning` is part of `output`, `cached` of `input`."""

    input: int = 0
    output: int = 0
    reasoning: int = 0
    cached: int = 0


class Finish(StrEnum):
    """Why a reply ended: the model was done, it reached a token limit, or it waits for tools."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """One complete answer.

    An adapter sets `text`, `reasoning`, `provider_state`, `tool_calls`, `finish`, `usage`,
    `response_model` and `id`; the dispatcher sets the other fields.

    Attributes:
        text: The answer's text.
        data: The text, read by the requested schema.
        reasoning: The text of the model's thoughts.
        provider_state: What of its thoughts only the model can read.
        tool_calls: The tools that the model wants to run.
        finish: Why the answer ended.
        usage: The tokens.
        response_model: The model's name in the vendor's response.
        id: The vendor's id of the answer.
        model: The name of the model that answered.
        provider: The provider's name.
        produced_by: The model whose private state the answer has.
        disclaimer: What a reader must know of this model's answers.
        trail: The attempts and skips.
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
        """The reply as the next message of its conversation; its tools' results follow it."""
        parts: list[Part] = []
        if self.provider_state:
            parts.append(
                Reasoning(
                    text=self.reasoning,
                    provider_state=self.provider_state,
                    produced_by=self.produced_by,
                )
            )
        if self.text:
            parts.append(Text(self.text))
        return Message("assistant", (*parts, *self.tool_calls))

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as JSON values.

        Returns:
            Dictionaries, lists, strings, numbers, booleans and `None`, by the names of the fields.
            A pydantic object in `data` is written by its aliases. A number that JSON lacks, like
            infinity, is `None`. An object of any other kind is its `str()`.
        """
        builtins = msgspec.to_builtins(self, str_keys=True, enc_hook=_to_builtin)
        values: dict[str, Any] = json.loads(json.dumps(builtins), parse_constant=lambda _: None)
        return values


def _to_builtin(value: Any) -> Any:
    """Convert an object that msgspec cannot: a pydantic object to its fields, others to text."""
    dump = getattr(value, "model_dump", None)
    if dump is None:
        return str(value)
    try:
        return dump(mode="json", by_alias=True)
    except ValueError:  # from pydantic, for a field that it cannot write as JSON
        return dump(by_alias=True)


class End(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a stream, made from the vendor's end marker; the fields are those of `Reply`."""

    finish: Finish = Finish.STOP
    usage: Usage = Usage()
    response_model: str = ""
    id: str = ""
    provider_state: str = ""


class Chunk(msgspec.Struct, frozen=True):
    """One piece of a streamed reply. A stream is complete only if its last chunk has an `end`.

    Attributes:
        text: Some text.
        end: The end of the stream.
        reset: Whether all text so far is void: another answer begins.
        tool_call: A complete call; it comes only when the answer is complete.
        working: A sign of life without text, from an adapter: the model writes a call's arguments.
        reasoning: Some of the model's thoughts. They come with the first text or after it: while a
            model only thinks, another one may still answer in its place.
    """

    text: str = ""
    end: End | None = None
    reset: bool = False
    tool_call: ToolCall | None = None
    working: bool = False
    reasoning: str = ""
