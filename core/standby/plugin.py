"""All that a plugin imports from standby: hooks, values, `AttemptFailed`, and helpers."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

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
    read_error,
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
    "Card",
    "Chunk",
    "End",
    "Failure",
    "Finish",
    "Kind",
    "Library",
    "Media",
    "Message",
    "ModelRequest",
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
    "connection_failure",
    "decode_error",
    "decode_json",
    "deep_merge",
    "encode_json",
    "events",
    "get_int",
    "get_list",
    "get_object",
    "get_str",
    "hint_in",
    "hookimpl",
    "hooks",
    "iter_events",
    "iter_ndjson",
    "key_of",
    "kind_of_status",
    "malformed",
    "read_body",
    "read_error",
    "retry_after",
    "strip_markup",
    "unavailable",
]

API_VERSION = 1
"""The version of this interface; it rises when plugins that work must be changed."""

GROUP = "standby.plugins"
"""The entry-point group; an entry point's name is the plugin's."""

_PROJECT = "standby"

hookimpl = pluggy.HookimplMarker(_PROJECT)
"""Marks a plugin's function as one of the hooks below."""

_hookspec = pluggy.HookspecMarker(_PROJECT)


class Library(msgspec.Struct, frozen=True, kw_only=True):
    """A library that an adapter imports and that may be missing.

    Attributes:
        module: The name to import.
        requirement: What pip installs it by, such as `acme-sdk>=1,<2`.
        option: Only an account that sets this option needs the library; "" for every account.
        transport: Only an account with this transport needs the library; "" for every account.
    """

    module: str
    requirement: str
    option: str = ""
    transport: Literal["", "lean", "sdk"] = ""

    def is_needed_by(self, provider: Provider) -> bool:
        """Say whether a provider's models cannot be called without the library.

        Args:
            provider: The provider.

        Returns:
            Whether the provider sets the library's option, and has its transport.
        """
        has_option = not self.option or bool(provider.options.get(self.option))
        return has_option and self.transport in ("", provider.transport)


class ProviderInfo(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach any model of one vendor.

    Attributes:
        adapter: The adapter class as `package.module:Class`, imported when it is first needed.
        sdk_adapter: Another adapter class, which sends through the vendor's own SDK, for a provider
            with `transport: sdk`; "": there is none.
        keys: The environment variables that may hold the key; the first one that is set is used.
            Empty: no key is needed.
        key_needed: Whether a model is skipped where none of `keys` is set.
        options: The JSON Schema of a model's `options`.
        account: The JSON Schema of a provider's `options`.
        install: The command that installs the SDK; further steps follow after " and then: ".
        card: What holds for every model of the vendor.
        failures: A function `(status, headers, body) -> Failure` that reads an error response
            without the SDK, as `package.module:function`. `standby explain` uses it.
        errors: Texts of failures that the vendor is known for, each as `Failure.text` gives it.
            `standby validate` matches the patterns of triggers against them.
        stub_server: A function `(path, body, outcome) -> JSON` that stands in for the vendor in
            `standby selftest`, as `package.module:function`; `outcome` is the text of an answer,
            or a `Failure`. "itself": the adapter makes no connections outside its process.
        schemes: The URL schemes that a `base_url` may have.
        endings: Paths that the adapter appends itself, the longest first, "*" for anything. No
            `base_url` should end with one.
        roots: Base URLs that are known to have this API, by host ("api.example.com", "*:11434"),
            or by a wrong path ("*:11434/api") that is to be replaced.
        libraries: What the adapter imports and a user may lack.
        api_version: The version of this interface that the plugin is written for.
    """

    adapter: str
    sdk_adapter: str = ""
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
"""What `ProviderInfo.failures` names; takes an HTTP status, headers and the decoded body."""

StubHandler = Callable[[str, Any, str | Failure], Any]
"""What `ProviderInfo.stub_server` names; takes a path, a decoded body and the outcome."""


@runtime_checkable
class Adapter(Protocol):
    """Calls one provider on one event loop; an instance is made for each, as `Class(provider)`.

    Either `complete` or `stream` (`StreamingAdapter`) is enough. Raise `AttemptFailed`; never
    swallow cancellation. An `aclose()` coroutine method is awaited before the loop closes.
    """

    async def complete(self, request: ModelRequest) -> Reply:
        """Return the model's answer.

        Args:
            request: The request.

        Returns:
            The complete reply.

        Raises:
            AttemptFailed: There is no answer; its `Failure` says why.
        """
        ...


@runtime_checkable
class StreamingAdapter(Protocol):
    """Streams its answers; the last chunk has an `end`, made only from the vendor's end marker."""

    def stream(self, request: ModelRequest) -> AsyncIterator[Chunk]:
        """Yield the model's answer in pieces.

        Args:
            request: The request.

        Yields:
            The chunks; the last one, and no other, has an `end`.

        Raises:
            AttemptFailed: The answer cannot be given, or breaks off.
        """
        ...


class hooks:  # noqa: N801 - a namespace of hook specifications, spelt as plugins.md does
    """The hooks that a plugin's module may implement; each is optional and may return `None`."""

    @staticmethod
    @_hookspec(firstresult=True)
    def standby_provider() -> ProviderInfo | None:
        """Describe how to reach any model of this vendor.

        Returns:
            The provider; `None`: the plugin cannot reach any model.
        """

    @staticmethod
    @_hookspec(firstresult=True)
    def standby_models() -> Mapping[str, Card] | None:
        """Register the models that the plugin knows.

        Returns:
            Their cards by the vendor's ids; `None`: it knows none.
        """

    @staticmethod
    @_hookspec(firstresult=True)
    def standby_observers() -> Sequence[Callable[[events.Event], object]] | None:
        """Observe events, for a models.yaml that names the plugin under `observers`.

        Returns:
            Functions that are called with every event; `None`: there are none.
        """

    @staticmethod
    @_hookspec(firstresult=True)
    def standby_predicates() -> Mapping[str, Callable[[Reply | Failure], bool]] | None:
        """Offer predicates to the field `test` of triggers.

        Returns:
            Functions of a failure or a reply by name; `None`: there are none.
        """

    @staticmethod
    @_hookspec(firstresult=True)
    def standby_commands() -> "Sequence[click.Command] | None":
        """Add commands to the command line: `standby <plugin> <command>`.

        Returns:
            The commands; `None`: there are none.
        """
