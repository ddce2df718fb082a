"""What is known of a model: its card and its price.

The schema of models.yaml is generated from these types, their limits and their descriptions.

Seconds are floats here; in the file they are written with a unit ("120s").
"""

from datetime import date, timedelta
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta

LONGEST_SPAN = 86_400.0
"""The longest span of time that can be set, in seconds: one day.

No caller waits for longer, no connection stays open for as long, and much larger numbers overflow
the system's clocks.
"""

Seconds = Annotated[
    float, Meta(gt=0, le=LONGEST_SPAN, extra_json_schema={"format": "standby-duration"})
]
"""A span of time in seconds; `<number><ms|s|m|h>` in the file."""

SOON = timedelta(days=60)
"""How long before a model's retirement warnings begin."""

Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
"""How hard a model thinks before it answers, from not at all to as hard as it can."""

EFFORTS: tuple[Effort, ...] = get_args(Effort)
"""All efforts, in rising order."""


class Price(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a vendor charges, in US dollars for a million tokens, without tiers for long prompts."""

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
            description="US dollars for a million cached tokens of a prompt; the default: input.",
            examples=[0.125],
        ),
    ] = None


class Card(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known of a model. A plugin registers it; a user may override it, key by key.

    `None` in a field means that the fact is not known.
    """

    context_window: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="Tokens that fit, prompt and answer together.", examples=[1048576]),
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
            description="Sampling parameters that must not be sent to this model.",
            examples=[["temperature", "top_p"]],
        ),
    ] = None
    reads: Annotated[
        tuple[Literal["image", "audio", "video", "pdf", "file"], ...] | None,
        Meta(
            description="What the model reads besides text; the default is nothing.",
            examples=[["image", "pdf"]],
        ),
    ] = None
    reads_in_results: Annotated[
        tuple[Literal["image", "audio", "video", "pdf", "file"], ...] | None,
        Meta(
            description="What the model reads besides text in a tool's result; the default is "
            "nothing.",
            examples=[["image"]],
        ),
    ] = None
    tools: Annotated[
        bool | None,
        Meta(
            description="Whether the model can call tools; the default is false. A model that "
            "cannot is skipped by a request with tools."
        ),
    ] = None
    schema: Annotated[
        bool | None,
        Meta(
            description="Whether the model can follow a JSON Schema; the default is false. A "
            "model that cannot is skipped by a request with one."
        ),
    ] = None
    tools_with_schema: Annotated[
        bool | None,
        Meta(description="false: the model takes tools or a schema, not both in one request."),
    ] = None
    efforts: Annotated[
        tuple[Effort, ...] | None,
        Meta(
            description="Values of reasoning_effort that the model takes; the nearest is sent. "
            "The default is none.",
            examples=[["low", "medium", "high"]],
        ),
    ] = None
    system: Annotated[
        bool | None,
        Meta(description="false: the model takes no system messages; they are sent as the user's."),
    ] = None
    prefill: Annotated[
        bool | None,
        Meta(
            description="false: the model is skipped by a conversation that ends with the "
            "assistant's text."
        ),
    ] = None
    timeout: Annotated[
        Seconds | None,
        Meta(description="How long one answer may take; reasoning models think for minutes."),
    ] = None
    first_token_timeout: Annotated[
        Seconds | None,
        Meta(description="How long a stream may take to its first text, all thinking included."),
    ] = None
    idle_timeout: Annotated[
        Seconds | None, Meta(description="How long a stream may pause after that.")
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
            description="The rank among the vendor's models that a new chain should begin with, "
            "1 first; the default is no rank."
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
        Meta(description="What the vendor charges for tokens; the default is not known."),
    ] = None
    wire: Annotated[
        dict[str, Any] | None,
        Meta(description="Hints for the model's plugin, which defines them."),
    ] = None
    source: Annotated[str | None, Meta(description="Where these facts were read, and when.")] = None

    def is_retired(self, today: date) -> bool:
        """Return whether the vendor has shut the model down, as far as is known.

        Args:
            today: The day to ask for.

        Returns:
            True from the day of the retirement on.
        """
        return self.retires is not None and self.retires <= today


def describe_retirement(card: Card, today: date) -> str:
    """Describe a model's retirement, if it is past or within 60 days.

    Args:
        card: The model's card.
        today: The user's own day.

    Returns:
        The retirement and what to use instead, like "retires on 2026-12-01; use x instead"; "" if
        none is near.
    """
    if card.retires is None or card.retires > today + SOON:
        return ""
    verb = "was retired" if card.is_retired(today) else "retires"
    remedy = f"use {card.successor} instead" if card.successor else "choose another"
    return f"{verb} on {card.retires}; {remedy}"
