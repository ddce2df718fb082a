"""A request, as the body of an OpenAI-style chat completion, which the engine takes."""

from typing import Any

from standby.plugin import Request, Schema, Text

TEMPERATURE = 0.2
"""The default; at the engine's own 0.8 a small model loses the thread."""


def build_body(conversation: Request, *, context: int, max_tokens: int) -> dict[str, Any]:
    """Build the request's body.

    Args:
        conversation: The caller's request.
        context: The size of the context in tokens, which limits the answer in any case.
        max_tokens: The answer's limit in tokens, where the request sets none.

    Returns:
        The body.
    """
    sampling = conversation.sampling
    fields = {
        "temperature": TEMPERATURE if sampling.temperature is None else sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        # the engine overflows on a number of more than 32 bits
        "max_tokens": min(sampling.max_tokens or max_tokens, context),
        "stop": None if sampling.stop is None else list(sampling.stop),
        "seed": sampling.seed,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
    }
    return {
        "messages": [
            {
                "role": message.role,
                "content": "\n".join(part.text for part in message.parts if isinstance(part, Text)),
            }
            for message in conversation.messages
        ],
        **{name: value for name, value in fields.items() if value is not None},
        **_build_format(conversation.schema),
        "stream": True,
        "stream_options": {"include_usage": True},
        # the engine then asks after every batch of the prompt whether to stop
        "return_progress": True,
    }


def _build_format(schema: Schema | None) -> dict[str, Any]:
    if schema is None:
        return {}
    json_schema = {"name": schema.name, "schema": schema.json_schema}
    return {"response_format": {"type": "json_schema", "json_schema": json_schema}}
