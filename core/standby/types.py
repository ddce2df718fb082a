"""The values that travel: a request, its messages and parts; a reply, its chunks, usage and trail. Frozen, no behaviour."""

from enum import StrEnum
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from standby.failures import Kind, Then

Role = Literal["system", "user", "assistant"]
"""Who speaks. `developer` in an OpenAI-style dictionary is read as `system`."""


class Text(msgspec.Struct, frozen=True, tag="text"):
    """A part that is text."""

    text: str

    def __repr__(self) -> str:
        """Show the size only: a prompt never appears in a repr."""
        return f"Text(<{len(self.text)} characters>)"


Part = Text
"""One piece of a message's content."""


class Message(msgspec.Struct, frozen=True):
    """One turn of a conversation: who speaks, and its parts in order."""

    role: Role
    parts: tuple[Part, ...]


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


class Request(msgspec.Struct, frozen=True):
    """What is asked of a chain: a conversation, and how the answer is to be drawn."""

    messages: tuple[Message, ...]
    sampling: Sampling = Sampling()


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens, counted alike for all vendors: `reasoning` is part of `output`, `cached` is part of `input`."""

    input: int = 0
    output: int = 0
    reasoning: int = 0
    cached: int = 0


class Finish(StrEnum):
    """Why a reply ended: the model was done, or it ran into a token limit."""

    STOP = "stop"
    LENGTH = "length"


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One call to one model, or why there was none.

    `start` is in seconds since the call began, `duration` in seconds. `dropped` names the parameters that this model was not
    sent. `trigger` is the name of the trigger that matched, `then` what was decided.
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


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """One whole answer.

    `model` is the entry that answered, `served` the vendor's word for it, `notice` what a reader must know of an answer
    that is not a full model's. An adapter fills `text`, `finish`, `usage` and `served`; the dispatcher fills the rest.
    """

    text: str
    finish: Finish = Finish.STOP
    usage: Usage = Usage()
    served: str = ""
    model: str = ""
    provider: str = ""
    notice: str = ""
    trail: tuple[Attempt, ...] = ()


class End(msgspec.Struct, frozen=True, kw_only=True):
    """What a stream's last chunk carries: the vendor's end marker, translated."""

    finish: Finish = Finish.STOP
    usage: Usage = Usage()
    served: str = ""


class Chunk(msgspec.Struct, frozen=True):
    """One piece of a streamed reply: some text, or its end.

    A stream is complete only if its last chunk has an `end`. With `reset` all text so far is void: another answer begins.
    """

    text: str = ""
    end: End | None = None
    reset: bool = False
