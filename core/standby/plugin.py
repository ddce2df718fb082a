"""All that a plugin author imports: the hooks, the values, the failure to raise, and the helpers that every adapter needs."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import msgspec
import pluggy

from standby import events
from standby.cards import Card, Price
from standby.errors import AttemptFailed
from standby.failures import Failure, Kind, kind_of_status
from standby.http.bodies import (
    decode_error,
    decode_json,
    deep_merge,
    get_int,
    get_list,
    get_object,
    get_str,
    malformed,
    read_body,
    strip_markup,
)
from standby.http.ndjson import iter_ndjson
from standby.http.retry_after import hint_in, retry_after
from standby.http.sse import iter_events
from standby.http.transport import connection_failure, encode_json, key_of, unavailable
from standby.runtime.threads import blocking
from standby.settings import Provider, Secret
from standby.types import (
    Chunk,
    End,
    Finish,
    Media,
    Message,
    ModelRequest,
    Only,
    Part,
    Reasoning,
    Reply,
    Request,
    Role,
    Sampling,
    Schema,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Usage,
)

if TYPE_CHECKING:
    import click

__all__ = [
    "API_VERSION",
    "Adapter",
    "AttemptFailed",
    "ModelRequest",
    "Card",
    "Chunk",
    "End",
    "Failure",
    "Finish",
    "Kind",
    "Library",
    "Media",
    "Message",
    "Only",
    "Part",
    "Price",
    "Provider",
    "ProviderInfo",
    "Reasoning",
    "Reply",
    "Request",
    "Role",
    "Sampling",
    "Schema",
    "Secret",
    "StreamingAdapter",
    "Text",
    "Tool",
    "ToolCall",
    "ToolChoice",
    "ToolResult",
    "Usage",
    "blocking",
    "get_int",
    "decode_json",
    "encode_json",
    "events",
    "iter_events",
    "hint_in",
    "hookimpl",
    "hooks",
    "iter_ndjson",
    "key_of",
    "kind_of_status",
    "get_list",
    "connection_failure",
    "malformed",
    "deep_merge",
    "get_object",
    "strip_markup",
    "retry_after",
    "decode_error",
    "get_str",
    "unavailable",
    "read_body",
]

API_VERSION = 1
"""The version of this interface; it rises when a plugin that was right becomes wrong."""

GROUP = "standby.plugins"
"""The entry-point group; an entry point's name is the plugin's."""

_PROJECT = "standby"

hookimpl = pluggy.HookimplMarker(_PROJECT)
"""Marks a plugin's function as one of the hooks below."""

_hookspec = pluggy.HookspecMarker(_PROJECT)


class Library(msgspec.Struct, frozen=True, kw_only=True):
    """A library that an adapter imports: its `module`, and the `requirement` that pip installs it by.

    With an `option` only an account that sets this option needs it.
    """

    module: str
    requirement: str
    option: str = ""


class ProviderInfo(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach any model of one vendor.

    `adapter` is a dotted name, `package.module:Class`, imported on the first call that needs it.
    `keys` are the environment variables that may hold the key, the first that is set wins; none: no
    key is needed. Where `key_needed` is false, a model is asked without a key if none of them is
    set. `options` is the JSON Schema of a model's `options`, `account` that of a provider's.
    `install` is the command that installs the SDK. `card` is what holds for every model of the
    vendor. `failures` is a dotted name too, `package.module:function`: what reads an error answer,
    `(status, headers, body) -> Failure`, without the SDK; `standby explain` asks it. `errors` are
    texts of failures that the vendor is known for, each as `Failure.text` gives it: `standby
    validate` runs the patterns of triggers against them. `stub_server` is a dotted name,
    `package.module:function`: what stands in for the vendor in `standby selftest`, `(path, asked,
    says) -> JSON`, where `says` is a text to answer with, or a `Failure`; "itself": the adapter
    reaches nobody outside of this process.

    What `standby validate` knows of a `base_url`: `schemes` are those that can be asked; `endings`
    are paths that the adapter adds itself, the longest first ("*" stands for anything), so that no
    `base_url` should end with one; `roots` says where servers have this API, by host
    ("api.example.com", "*:11434"), and by a wrong path ("*:11434/api") that is to be replaced.

    `libraries` are what the adapter imports and a user may lack. `install` is how they are
    installed, a command line; what is to be done besides follows behind " and then: ".
    """

    adapter: str
    keys: tuple[str, ...] = ()
    key_needed: bool = True
    options: Mapping[str, Any] = msgspec.field(
        default_factory=lambda: {"type": "object", "additionalProperties": False}
    )
    account: Mapping[str, Any] = msgspec.field(
        default_factory=lambda: {"type": "object", "additionalProperties": False}
    )
    install: str = ""
    card: Card = Card()
    failures: str = ""
    errors: tuple[str, ...] = ()
    stub_server: str = ""
    schemes: tuple[str, ...] = ("http", "https")
    endings: tuple[str, ...] = ()
    roots: Mapping[str, str] = {}
    libraries: tuple[Library, ...] = ()
    api_version: int = 1


FailureReader = Callable[[int, Mapping[str, str], Any], Failure]
"""What `ProviderInfo.failures` names: reads an error response from its HTTP status, headers and decoded body."""

StubHandler = Callable[[str, Any, str | Failure], Any]
"""What `ProviderInfo.stub_server` names: makes a vendor's response body from a path, a decoded body and the outcome."""


@runtime_checkable
class Adapter(Protocol):
    """Speaks to one provider, on one event loop: an instance is made for each, as `Class(provider)`.

    One of `complete` and `stream` (`StreamingAdapter`) is enough. Raise `AttemptFailed`; never
    swallow cancellation. An `aclose()` coroutine, if there is one, is awaited before the loop
    closes.
    """

    async def complete(self, request: ModelRequest) -> Reply:
        """Return the whole answer, or raise `AttemptFailed`."""
        ...


@runtime_checkable
class StreamingAdapter(Protocol):
    """Streams: the last chunk has an `end`, made from the vendor's own end marker and from nothing else."""

    def stream(self, request: ModelRequest) -> AsyncIterator[Chunk]:
        """Yield the answer in pieces, or raise `AttemptFailed`."""
        ...


class hooks:  # noqa: N801 - a namespace of hook specifications, spelt as plugins.md does
    """The hooks that a plugin's module may implement; each is optional, `None` means "nothing"."""

    @staticmethod
    @_hookspec(firstresult=True)
    def standby_provider() -> ProviderInfo | None:
        """Say how to reach any model of this vendor."""

    @staticmethod
    @_hookspec(firstresult=True)
    def standby_models() -> Mapping[str, Card] | None:
        """Register the models that the plugin knows: the vendor's id, and its card."""

    @staticmethod
    @_hookspec(firstresult=True)
    def standby_observers() -> Sequence[Callable[[events.Event], object]] | None:
        """Watch: each is told every event, where models.yaml names the plugin under `observers`."""

    @staticmethod
    @_hookspec(firstresult=True)
    def standby_predicates() -> Mapping[str, Callable[[Reply | Failure], bool]] | None:
        """Bring tests by their names: a trigger's `test: plugin/name` asks one about failures and replies."""

    @staticmethod
    @_hookspec(firstresult=True)
    def standby_commands() -> "Sequence[click.Command] | None":
        """Add commands: `standby <plugin> <command>`."""
