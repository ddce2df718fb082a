"""What is known of a model: its card, with its price. The file's schema is generated from these types.

Seconds are floats here; in the file they are written with a unit ("120s").
"""

from datetime import date, timedelta
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta

LONGEST_SPAN = 86_400.0
"""Seconds of the longest span of time that can be set, one day: no caller waits for longer, and no
connection stays open for as long. What lies far beyond overflows the clocks of the system."""

Seconds = Annotated[
    float, Meta(gt=0, le=LONGEST_SPAN, extra_json_schema={"format": "standby-duration"})
]
"""A span of time in seconds; `<number><ms|s|m|h>` in the file."""


SOON = timedelta(days=60)
"""How long before a model's retirement there is a warning."""

Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
"""How hard a model is to think before it speaks, from not at all to as hard as it can."""

EFFORTS: tuple[Effort, ...] = get_args(Effort)


class Price(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a vendor asks, in US dollars for a million tokens; a tier for long prompts is not known here."""

    input: Annotated[
        float,
        Meta(ge=0, description="US dollars for a million tokens of the prompt.", examples=[1.25]),
    ]
    output: Annotated[
        float,
        Meta(
            ge=0,
            description="US dollars for a million tokens of the answer, thinking included.",
            examples=[10.0],
        ),
    ]
    cached: Annotated[
        Annotated[float, Meta(ge=0)] | None,
        Meta(
            description="US dollars for a million tokens of the prompt that the vendor had kept; left out: as input.",
            examples=[0.125],
        ),
    ] = None


class Card(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known of a model: data that a plugin registers and a user may override, key by key.

    A field that is `None` is not known.
    """

    context_window: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="Tokens that fit in, prompt and answer together.", examples=[1048576]),
    ] = None
    output_limit: Annotated[
        int | None,
        Meta(
            description="Tokens that one answer may have; a larger max_tokens is lowered to it.",
            examples=[65536],
        ),
    ] = None
    refuses: Annotated[
        tuple[str, ...] | None,
        Meta(
            description="Sampling parameters that this model must not be sent.",
            examples=[["temperature", "top_p"]],
        ),
    ] = None
    reads: Annotated[
        tuple[Literal["image", "audio", "video", "pdf", "file"], ...] | None,
        Meta(
            description="What the model reads besides text; left out: nothing.",
            examples=[["image", "pdf"]],
        ),
    ] = None
    reads_in_results: Annotated[
        tuple[Literal["image", "audio", "video", "pdf", "file"], ...] | None,
        Meta(
            description="What the model reads besides text in the result of a tool; left out: nothing.",
            examples=[["image"]],
        ),
    ] = None
    tools: Annotated[
        bool | None,
        Meta(
            description="Whether the model can call tools; left out: it cannot, and is skipped where there are any."
        ),
    ] = None
    schema: Annotated[
        bool | None,
        Meta(
            description="Whether the model can be held to a JSON Schema; left out: it cannot, and is skipped."
        ),
    ] = None
    tools_with_schema: Annotated[
        bool | None,
        Meta(description="false: the model takes tools or a schema, not both in one request."),
    ] = None
    efforts: Annotated[
        tuple[Effort, ...] | None,
        Meta(
            description="Values of reasoning_effort that the model takes, the nearest is sent; left out: none is.",
            examples=[["low", "medium", "high"]],
        ),
    ] = None
    system: Annotated[
        bool | None,
        Meta(
            description="false: the model takes no system messages, and they are sent as the user's."
        ),
    ] = None
    prefill: Annotated[
        bool | None,
        Meta(
            description="false: a conversation must not end with the assistant's words; the model is skipped where one does."
        ),
    ] = None
    timeout: Annotated[
        Seconds | None,
        Meta(description="How long one answer may take; reasoning models think for minutes."),
    ] = None
    first_token_timeout: Annotated[
        Seconds | None,
        Meta(description="How long a stream may take to its first word, all thinking included."),
    ] = None
    idle_timeout: Annotated[
        Seconds | None, Meta(description="How long a stream may then say nothing.")
    ] = None
    retires: Annotated[
        date | None,
        Meta(
            description="The day on which the vendor shuts the model down.", examples=["2026-12-01"]
        ),
    ] = None
    successor: Annotated[
        str | None, Meta(description="The model that the vendor names in its place.")
    ] = None
    suggested: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(
            description="The place among the vendor's models that a new chain should begin with, 1 first; left out: none."
        ),
    ] = None
    disclaimer: Annotated[
        str | None,
        Meta(
            description="What a reader must know of this model's answers; shown with each of them."
        ),
    ] = None
    price: Annotated[
        Price | None,
        Meta(description="What the vendor asks for the model's tokens; left out: not known."),
    ] = None
    wire: Annotated[
        dict[str, Any] | None,
        Meta(description="Hints for the plugin that speaks to the model; its own words."),
    ] = None
    source: Annotated[str | None, Meta(description="Where these facts were read, and when.")] = None

    def is_retired(self, today: date) -> bool:
        """Say whether the vendor has shut the model down by that day, as far as is known."""
        return self.retires is not None and self.retires <= today


def describe_retirement(card: Card, today: date) -> str:
    """Say that a model is retired, or will be within 60 days, and what to use instead; "" if neither."""
    if card.retires is None or card.retires > today + SOON:
        return ""
    verb = "was retired" if card.is_retired(today) else "retires"
    return f"{verb} on {card.retires}; " + (
        f"use {card.successor} instead" if card.successor else "choose another"
    )
