"""The settings: what models.yaml says, as frozen values. The file's schema is generated from these types.

Seconds are floats here; in the file they are written with a unit ("120s"). Nothing here knows the
file.
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
"""Marks in the file's schema what another schema will say more of."""


class Secret:
    """A key that shows itself to nobody: its repr names where it came from, `reveal()` gives the value.

    `origin` is what the user wrote (`OPENAI_API_KEY`); an empty value means that the variable was
    not set.
    """

    __slots__ = ("_value", "origin")

    def __init__(self, value: str, origin: str = "given in code") -> None:
        """Keep the value out of sight."""
        self._value = value
        self.origin = origin

    def reveal(self) -> str:
        """Return the key itself; only what sends it may ask."""
        return self._value

    def __reduce__(self) -> tuple[Callable[..., "Secret"], tuple[str, ...]]:
        """Pickle the variable's name, which is read anew where it arrives; raises `TypeError` for a key given in code."""
        if not self._value:
            return Secret, ("", self.origin)
        if not self.origin.isidentifier():
            raise TypeError(
                "a key given in code is not pickled: give it as a variable, api_key: ${NAME} in models.yaml"
            )
        return _read_anew, (self.origin,)

    def __copy__(self) -> "Secret":
        """Return itself: it does not change."""
        return self

    def __deepcopy__(self, memo: object) -> "Secret":
        """Return itself: it does not change."""
        return self

    def __bool__(self) -> bool:
        """Say whether there is a key at all."""
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


def _read_anew(variable: str) -> Secret:
    return Secret(os.environ.get(variable, "").strip(), origin=variable)


class Provider(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A way to one vendor's API with one account."""

    plugin: Annotated[str, Meta(description="The plugin that speaks to it.")]
    distribution: Annotated[
        str | None,
        Meta(
            description="The distribution that the plugin comes from, where two offer one of its name."
        ),
    ] = None
    base_url: Annotated[
        str | None,
        Meta(
            description="Where the API is; left out: the vendor's own.",
            examples=["http://127.0.0.1:11434/v1"],
        ),
    ] = None
    api_key: Annotated[
        Secret | None,
        Meta(
            description="The key, as a variable; left out: the variables that the plugin names.",
            examples=["${MY_API_KEY}"],
        ),
    ] = None
    options: Annotated[
        dict[str, Any],
        Meta(
            description="What the plugin must know of the account, checked against its own schema.",
            extra_json_schema=BY_PLUGIN,
        ),
    ] = {}

    @property
    def account(self) -> tuple[Hashable, ...]:
        """Return what makes two providers the same: plugin, endpoint, key, and options."""
        return self.reference, self.base_url, self.api_key, repr(self.options)

    @property
    def reference(self) -> str:
        """Return the plugin as the registry knows it: its name, and behind an "@" the one distribution that is meant."""
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
    """A named entry: a provider, the vendor's id, and settings of one's own."""

    provider: Annotated[
        str | None,
        Meta(
            description="A provider of this file, or a plugin; left out: the one whose card knows the model."
        ),
    ] = None
    model: Annotated[
        str | None, Meta(description="The vendor's id; left out: the entry's own name.")
    ] = None
    timeout: Annotated[
        Seconds | None,
        Meta(description="How long one attempt may take; left out: as the card says, else 60s."),
    ] = None
    first_token_timeout: Annotated[
        Seconds | None,
        Meta(
            description="How long a stream may take to its first word; left out: as the card says, else the timeout."
        ),
    ] = None
    idle_timeout: Annotated[
        Seconds | None,
        Meta(
            description="How long a stream may then say nothing; left out: as the card says, else 30s."
        ),
    ] = None
    concurrency: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(
            description="Calls at once, on one event loop; a further one waits a second at most. Left out: no limit."
        ),
    ] = None
    breaker: Annotated[
        BreakerSettings | bool | None,
        Meta(
            description="When the model rests, and for how long; off: it never does, whatever its failures say.",
            examples=["off"],
        ),
    ] = None
    options: Annotated[
        dict[str, Any] | None,
        Meta(
            description="Options of the plugin, checked against its own schema.",
            extra_json_schema=BY_PLUGIN,
        ),
    ] = None
    extra: Annotated[
        dict[str, Any] | None,
        Meta(
            description="Goes into each request as it stands, over what standby says; the vendor's own names."
        ),
    ] = None
    drop: Annotated[
        tuple[str, ...] | None,
        Meta(
            description="Sampling parameters not to send to this model.", examples=[["temperature"]]
        ),
    ] = None
    strict: Annotated[
        bool,
        Meta(
            description="true: skip this model rather than leave out a parameter that the request has."
        ),
    ] = False
    card: Annotated[
        Card | None, Meta(description="What you know better than the plugin's card, key by key.")
    ] = None


Status = Annotated[int, Meta(ge=100, le=599)]
StatusClass = Annotated[str, Meta(pattern=r"^[1-5]xx$", examples=["5xx"])]
Text = Annotated[str, Meta(min_length=1)]
"""A trigger that looked for nothing would find it in every failure."""
Texts = Annotated[tuple[Text, ...], Meta(min_length=1)]


class Trigger(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A named rule that recognises a failure and says what to do. Fields must all match; a list matches if any item does."""

    then: Annotated[
        Then,
        Meta(
            description="retry: ask the same model again, then the next; next; stop: tell the caller."
        ),
    ]
    kind: Annotated[
        Kind | Annotated[tuple[Kind, ...], Meta(min_length=1)] | None,
        Meta(description="What the failure is, in standby's words: the field to reach for."),
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
            description="A piece of the failure's text, in any case; /…/ is an RE2 expression.",
            examples=["500 internal"],
        ),
    ] = None
    test: Annotated[
        Annotated[str, Meta(pattern=r"^[^/]+/.+$")] | None,
        Meta(
            description="A test that a plugin brings, as plugin/name: it is asked about failures and about replies.",
            examples=["house-rules/no-price"],
        ),
    ] = None
    provider: Annotated[
        Text | Texts | None, Meta(description="Only failures of this provider.")
    ] = None
    model: Annotated[Text | Texts | None, Meta(description="Only failures of this model.")] = None


class Retry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one model is asked again: after random(0, min(limit, initial x 2^n)), "full jitter".

    Source: AWS Architecture Blog, "Exponential Backoff And Jitter"; 8 s is openai-python's own
        bound.
    """

    attempts: Annotated[
        int, Meta(ge=1, le=10, description="Attempts of one model in all; 1: never again.")
    ] = 2
    initial: Annotated[
        Seconds | None,
        Meta(
            description="The first pause is at most this long, whatever the failure was; left out: 100ms after server_error, "
            "connection and malformed, 500ms after the others."
        ),
    ] = None
    limit: Annotated[Seconds, Meta(description="No pause is longer.")] = 8.0


class Hedge(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ask the next model too when the first is silent: once in a call, and for one call in twenty at most."""

    after: Annotated[
        Seconds,
        Meta(
            description="How long a model may show no sign of life before the next one is asked beside it. Words, thoughts and "
            "tool calls of a stream are signs; an answer that comes as a whole shows none, so there a model that thinks (its "
            "card has efforts) gets half of its timeout, where that is longer."
        ),
    ]


class StreamRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a stream's text is handed out, and what follows when it breaks after that."""

    release: Annotated[
        Literal["first_token", "whole"],
        Meta(
            description="first_token: as it comes; whole: when all of it is there, so that no break is ever seen."
        ),
    ] = "first_token"
    on_break: Annotated[
        Literal["fail", "restart"],
        Meta(
            description="fail: raise, with the part so far; restart: ask again from the beginning, after a reset chunk."
        ),
    ] = "fail"


class Chain(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Models in order, with a policy."""

    models: Annotated[
        tuple[str, ...], Meta(description="Names of models, asked in this order.", min_length=1)
    ]
    fallback: Annotated[
        bool, Meta(description="false: the first model only; its retries stay.")
    ] = True
    triggers: Annotated[
        tuple[str, ...] | None,
        Meta(
            description="Names of triggers, in the order in which they are tried; left out: all, in file order; []: none."
        ),
    ] = None
    deadline: Annotated[
        Seconds, Meta(description="How long the whole call may take, all attempts and waits.")
    ] = 180.0
    retry: Annotated[Retry, Meta(description="How one model is asked again.")] = Retry()
    hedge: Annotated[
        Hedge | None, Meta(description="Ask the next model too when one is slow; left out: never.")
    ] = None
    stream: Annotated[
        StreamRules,
        Meta(description="When a stream's text is handed out, and what follows a break."),
    ] = StreamRules()


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that models.yaml says."""

    version: Annotated[Literal[1], Meta(description="The version of this file's grammar.")] = 1
    providers: Annotated[
        dict[str, Provider],
        Meta(
            description="Accounts and endpoints of your own; each plugin is a provider by itself."
        ),
    ] = {}
    models: Annotated[
        dict[str, Model],
        Meta(description="What the cards do not know, or what you want otherwise."),
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
            description="Plugins that are told every event, off the calls' way.",
            examples=[["house-metrics"]],
        ),
    ] = ()

    def rest_reason(self, name: str, today: date) -> str:
        """Say why a model begins resting: "retired on 2026-12-01", where its vendor has shut it down; "": it does not."""
        model = self.models[name]
        provider, card = self.providers[model.provider or ""], model.card or Card()
        gone = model.breaker is not False and provider.base_url is None and card.is_retired(today)
        return f"retired on {card.retires}" if gone else ""
