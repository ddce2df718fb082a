"""The settings: the contents of models.yaml as frozen values.

The file's schema is generated from these types, their limits and their descriptions.

Seconds are floats here; in the file they are written with a unit ("120s"). Nothing here knows
the file.
"""

import os
from collections.abc import Callable, Hashable
from datetime import date
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from standby.cards import Card, Seconds
from standby.failures import Kind, Then

BY_PLUGIN = {"x-typed-by": "plugin"}
"""Marks in the file's schema what a plugin's own schema describes."""


class Secret:
    """A key whose repr shows only where it came from; `reveal()` gives the value.

    An empty value means that the variable was not set.
    """

    __slots__ = ("_value", "origin")

    def __init__(self, value: str, origin: str = "given in code") -> None:
        """Keep the value out of sight.

        Args:
            value: The key itself; "": there is none.
            origin: What the user wrote, like the variable's name (`OPENAI_API_KEY`).
        """
        self._value = value
        self.origin = origin

    def reveal(self) -> str:
        """Return the key itself, for the code that sends it.

        Returns:
            The value; "" if there is none.
        """
        return self._value

    def __reduce__(self) -> tuple[Callable[..., "Secret"], tuple[str]]:
        """Pickle the variable's name, or several, which are read on arrival.

        Raises:
            TypeError: The key was given in code.
        """
        if self._value and not self.origin.isidentifier():
            raise TypeError(
                "a key given in code is not pickled: give it as a variable, "
                "api_key: ${NAME} in models.yaml"
            )
        return _read_variables, (self.origin,)

    def __copy__(self) -> "Secret":
        """Return itself: it does not change."""
        return self

    def __deepcopy__(self, memo: object) -> "Secret":
        """Return itself: it does not change."""
        return self

    def __bool__(self) -> bool:
        """Return whether there is a key."""
        return bool(self._value)

    def __repr__(self) -> str:
        """Name the origin, never the value."""
        return f"Secret({self.origin})"

    def __eq__(self, other: object) -> bool:
        """Compare by value: two names for one key are one account, two keys not set are not."""
        if not isinstance(other, Secret) or self._value != other._value:
            return False
        return bool(self._value) or self.origin == other.origin

    def __hash__(self) -> int:
        """Hash by value."""
        return hash(self._value)


def _read_variables(origin: str) -> Secret:
    """Return the key that the first of the variables "A_KEY or B_KEY" holds here."""
    for name in origin.split(" or "):
        if value := os.environ.get(name, "").strip():
            return Secret(value, origin=name)
    return Secret("", origin)


class Provider(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A way to one vendor's API, with one account."""

    plugin: Annotated[str, Meta(description="The plugin that calls the API.")]
    distribution: Annotated[
        str | None,
        Meta(description="The distribution that the plugin comes from, if two offer it."),
    ] = None
    base_url: Annotated[
        str | None,
        Meta(
            description="The API's URL; the default is the vendor's own.",
            examples=["http://127.0.0.1:11434/v1"],
        ),
    ] = None
    transport: Annotated[
        Literal["lean", "sdk"],
        Meta(
            description="Who sends: standby's own HTTP client (lean), or the vendor's SDK (sdk), "
            "which must be installed."
        ),
    ] = "lean"
    api_key: Annotated[
        Secret | None,
        Meta(
            description="The key, as a variable; the default is the plugin's own variables.",
            examples=["${MY_API_KEY}"],
        ),
    ] = None
    options: Annotated[
        dict[str, Any],
        Meta(
            description="What the plugin must know of the account, checked by its own schema.",
            extra_json_schema=BY_PLUGIN,
        ),
    ] = {}

    @property
    def account(self) -> tuple[Hashable, ...]:
        """What makes two providers the same: plugin, endpoint, key, options and transport."""
        return self.reference, self.base_url, self.api_key, repr(self.options), self.transport

    @property
    def reference(self) -> str:
        """The plugin's name in the registry: "name", or "name@distribution"."""
        return f"{self.plugin}@{self.distribution}" if self.distribution else self.plugin


class BreakerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a model rests, and for how long."""

    failures: Annotated[
        int, Meta(ge=1, description="Failures in a row after which the model rests.")
    ] = 5
    open: Annotated[
        Seconds, Meta(description="The first pause; each further one is twice as long.")
    ] = 5.0
    open_limit: Annotated[Seconds, Meta(description="No pause is longer.")] = 15.0


class Model(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A named model: a provider, the vendor's id, and settings of your own."""

    provider: Annotated[
        str | None,
        Meta(
            description="A provider or a plugin; the default is the plugin with the model's card."
        ),
    ] = None
    model: Annotated[
        str | None, Meta(description="The vendor's id; the default is the model's name here.")
    ] = None
    timeout: Annotated[
        Seconds | None,
        Meta(description="How long one attempt may take; the default is the card's, else 60s."),
    ] = None
    first_token_timeout: Annotated[
        Seconds | None,
        Meta(
            description="How long a stream may take to its first text; the default is the "
            "card's, else the timeout."
        ),
    ] = None
    idle_timeout: Annotated[
        Seconds | None,
        Meta(description="How long a stream may pause then; the default is the card's, else 30s."),
    ] = None
    concurrency: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(
            description="Calls at once, on one event loop; a further one waits a second at "
            "most. The default is no limit."
        ),
    ] = None
    breaker: Annotated[
        BreakerSettings | bool | None,
        Meta(
            description="When and for how long the model rests; off: it never does.",
            examples=["off"],
        ),
    ] = None
    options: Annotated[
        dict[str, Any] | None,
        Meta(
            description="Options for the plugin, checked by its own schema.",
            extra_json_schema=BY_PLUGIN,
        ),
    ] = None
    extra: Annotated[
        dict[str, Any] | None,
        Meta(description="Fields of each request's body, in the vendor's names, over standby's."),
    ] = None
    drop: Annotated[
        tuple[str, ...] | None,
        Meta(
            description="Sampling parameters not to send to this model.", examples=[["temperature"]]
        ),
    ] = None
    strict: Annotated[
        bool,
        Meta(description="true: skip the model instead of leaving out a parameter of the request."),
    ] = False
    card: Annotated[
        Card | None, Meta(description="What you know better than the plugin's card, key by key.")
    ] = None


Status = Annotated[int, Meta(ge=100, le=599)]
StatusClass = Annotated[str, Meta(pattern=r"^[1-5]xx$", examples=["5xx"])]
Text = Annotated[str, Meta(min_length=1)]
"""Not empty: an empty text would match every failure."""
Texts = Annotated[tuple[Text, ...], Meta(min_length=1)]


class Trigger(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A named rule that recognises a failure and says what to do.

    All its fields must match; a list matches if any of its items does.
    """

    then: Annotated[
        Then,
        Meta(
            description="retry: ask the same model again, then the next; next: ask the next "
            "model; stop: raise the failure."
        ),
    ]
    kind: Annotated[
        Kind | Annotated[tuple[Kind, ...], Meta(min_length=1)] | None,
        Meta(description="The failure's kind, the same for all vendors. Prefer this field."),
    ] = None
    status: Annotated[
        Status
        | StatusClass
        | Annotated[tuple[Status | StatusClass, ...], Meta(min_length=1)]
        | None,
        Meta(description="The HTTP status: a number, or a class like 5xx.", examples=[503, "5xx"]),
    ] = None
    code: Annotated[
        Text | Texts | None,
        Meta(description="The vendor's own error code or status.", examples=["RESOURCE_EXHAUSTED"]),
    ] = None
    message: Annotated[
        Text | Texts | None,
        Meta(
            description="A part of the failure's text, in any case; /…/ is an RE2 expression.",
            examples=["500 internal"],
        ),
    ] = None
    test: Annotated[
        Annotated[str, Meta(pattern=r"^[^/]+/.+$")] | None,
        Meta(
            description="A predicate of a plugin, as plugin/name; it is called with failures "
            "and with replies.",
            examples=["house-rules/no-price"],
        ),
    ] = None
    provider: Annotated[
        Text | Texts | None, Meta(description="Only failures of this provider.")
    ] = None
    model: Annotated[Text | Texts | None, Meta(description="Only failures of this model.")] = None


class Retry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one model is retried: after random(0, min(limit, initial x 2^n)), "full jitter".

    Source: AWS Architecture Blog, "Exponential Backoff And Jitter"; 8 s is openai-python's limit.
    """

    attempts: Annotated[
        int, Meta(ge=1, le=10, description="Attempts of one model in all; 1: no retry.")
    ] = 2
    initial: Annotated[
        Seconds | None,
        Meta(
            description="The first pause is at most this long, whatever the failure was; the "
            "default is 100ms after server_error, connection and malformed, 500ms "
            "after the others."
        ),
    ] = None
    limit: Annotated[Seconds, Meta(description="No pause is longer.")] = 8.0


class Hedge(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ask the next model too when the first is silent: once a call, one call in twenty at most."""

    after: Annotated[
        Seconds,
        Meta(
            description="How long a model may show no sign of life before the next one is called "
            "beside it. Text, thoughts and tool calls of a stream are signs. An "
            "answer that arrives in one piece shows none: there a model that thinks "
            "(its card has efforts) gets half of its timeout, if that is longer."
        ),
    ]


class StreamRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a stream's text is released, and what follows a break after that."""

    release: Annotated[
        Literal["first_token", "whole"],
        Meta(description="first_token: as it arrives; whole: when complete, so no break is seen."),
    ] = "first_token"
    on_break: Annotated[
        Literal["fail", "restart"],
        Meta(description="fail: raise, with the text so far; restart: begin again, after a reset."),
    ] = "fail"


class Chain(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Models in order, with a policy."""

    models: Annotated[
        tuple[str, ...], Meta(description="Names of models, called in this order.", min_length=1)
    ]
    fallback: Annotated[
        bool, Meta(description="false: only the first model is called, with its retries.")
    ] = True
    triggers: Annotated[
        tuple[str, ...] | None,
        Meta(
            description="Names of triggers, in order; the default is all in file order; []: none."
        ),
    ] = None
    deadline: Annotated[
        Seconds, Meta(description="How long the whole call may take, all attempts and pauses.")
    ] = 180.0
    retry: Annotated[Retry, Meta(description="How one model is retried.")] = Retry()
    hedge: Annotated[
        Hedge | None,
        Meta(description="Ask the next model too when one is slow; the default is never."),
    ] = None
    stream: Annotated[
        StreamRules,
        Meta(description="When a stream's text is released, and what follows a break."),
    ] = StreamRules()


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The contents of models.yaml."""

    version: Annotated[Literal[1], Meta(description="The version of this file's format.")] = 1
    providers: Annotated[
        dict[str, Provider],
        Meta(description="Accounts and endpoints of your own; each plugin is a provider too."),
    ] = {}
    models: Annotated[
        dict[str, Model],
        Meta(description="What the cards do not know, or what you want to change."),
    ] = {}
    triggers: Annotated[
        dict[str, Trigger], Meta(description="Rules that recognise a failure and say what to do.")
    ] = {}
    chains: Annotated[
        dict[str, Chain],
        Meta(description="Models in order, each chain with a policy.", min_length=1),
    ]
    observers: Annotated[
        tuple[str, ...],
        Meta(
            description="Plugins that receive every event, without delaying a call.",
            examples=[["house-metrics"]],
        ),
    ] = ()

    def rest_reason(self, name: str, today: date) -> str:
        """Return why a model of resolved settings begins resting.

        Args:
            name: The model's name.
            today: The user's own day.

        Returns:
            "retired on 2026-12-01" if the vendor has shut the model down; "" if it does not rest.
        """
        model = self.models[name]
        card = model.card or Card()
        uses_vendor = self.providers[model.provider or ""].base_url is None
        if model.breaker is False or not uses_vendor:
            return ""
        return f"retired on {card.retires}" if card.is_retired(today) else ""
