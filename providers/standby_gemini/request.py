"""A call, as the JSON that generateContent takes. Pure; knows no SDK."""

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

from standby.plugin import Call, Message, Sampling

_SAMPLING = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "max_tokens": "maxOutputTokens",
    "stop": "stopSequences",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
}
_ROLES = {"user": "user", "assistant": "model"}


def body_of(call: Call) -> dict[str, Any]:
    """Return the request's body.

    System messages become one systemInstruction, in order, wherever they stood: Gemini has no other place for them. Turns of
    one role in a row become one turn, because Gemini wants user and model in turn; it refuses a turn without text, so that
    an empty one is left out. A request needs a turn: where there is no other, the system's text is the user's.
    """
    said = [message for message in call.request.messages if any(part.text for part in message.parts)]
    system = _parts(message for message in said if message.role == "system")
    turns = groupby((message for message in said if message.role != "system"), key=lambda message: message.role)
    contents = [{"role": _ROLES[role], "parts": _parts(turn)} for role, turn in turns]
    body: dict[str, Any] = {"contents": contents or [{"role": "user", "parts": system}]}
    if system and contents:
        body["systemInstruction"] = {"parts": system}
    config = _config(call.request.sampling, call.options)
    if config:
        body["generationConfig"] = config
    return body


def _parts(messages: Iterable[Message]) -> list[dict[str, str]]:
    return [{"text": part.text} for message in messages for part in message.parts if part.text]


def _config(sampling: Sampling, options: Mapping[str, Any]) -> dict[str, Any]:
    named = ((theirs, getattr(sampling, ours)) for ours, theirs in _SAMPLING.items())
    config: dict[str, Any] = {name: value for name, value in named if value is not None}
    if "thinking_budget" in options:
        config["thinkingConfig"] = {"thinkingBudget": options["thinking_budget"]}
    if "thinking_level" in options:
        config["thinkingConfig"] = {"thinkingLevel": options["thinking_level"].upper()}
    return config
