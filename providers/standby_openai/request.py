"""A call, as the JSON that Chat Completions takes. Pure; knows no SDK."""

from typing import Any

from standby.plugin import Call

_SAMPLING = ("temperature", "top_p", "stop", "seed", "presence_penalty", "frequency_penalty")


def body_of(call: Call, *, stream: bool, max_tokens: str) -> dict[str, Any]:
    """Return the request's body; `max_tokens` is the name that the endpoint has for it, where the card says no better."""
    sampling = call.request.sampling
    body: dict[str, Any] = {
        "model": call.model,
        "messages": [
            {"role": message.role, "content": "".join(part.text for part in message.parts)} for message in call.request.messages
        ],
    }
    for name in _SAMPLING:
        value = getattr(sampling, name)
        if value is not None:
            body[name] = value
    if sampling.max_tokens is not None:
        body[(call.card.wire or {}).get("max_tokens", max_tokens)] = sampling.max_tokens
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return {**body, **call.options}
