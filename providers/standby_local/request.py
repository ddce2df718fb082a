"""A request in the engine's words: the body of an OpenAI-style chat completion, made by a pure function."""

from typing import Any

from standby.plugin import Request, Schema, Text

TEMPERATURE = 0.2
"""Where the request says nothing: a small model wanders off at the engine's own 0.8."""


def body_of(request: Request, *, context: int, max_tokens: int) -> dict[str, Any]:
    """Return the body; the answer is at most `max_tokens` long unless the request sets a limit, and `context` in any case."""
    sampling = request.sampling
    wanted = {
        "temperature": TEMPERATURE if sampling.temperature is None else sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "max_tokens": min(
            sampling.max_tokens or max_tokens, context
        ),  # the engine overflows on what no 32 bits hold
        "stop": None if sampling.stop is None else list(sampling.stop),
        "seed": sampling.seed,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
    }
    schema = request.schema
    held = (
        {}
        if schema is None
        else {"response_format": {"type": "json_schema", "json_schema": _described(schema)}}
    )
    return {
        "messages": [
            {
                "role": message.role,
                "content": "\n".join(part.text for part in message.parts if isinstance(part, Text)),
            }
            for message in request.messages
        ],
        **{name: value for name, value in wanted.items() if value is not None},
        **held,
        "stream": True,
        "stream_options": {"include_usage": True},
        # the engine then asks after every batch of the prompt whether it shall stop
        "return_progress": True,
    }


def _described(schema: Schema) -> dict[str, Any]:
    return {"name": schema.name, "schema": schema.json_schema}
