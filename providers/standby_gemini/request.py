"""A call, as the JSON that generateContent takes. Pure; knows no SDK."""

from collections.abc import Iterable
from itertools import groupby
from typing import Any, TypeGuard

import msgspec

from standby.plugin import (
    AttemptFailed,
    Failure,
    Kind,
    Media,
    Message,
    ModelRequest,
    Only,
    Reasoning,
    Request,
    Sampling,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    deep_merge,
    get_object,
    get_str,
)

SENTINEL = "skip_thought_signature_validator"
"""Stands where a 3.x model wants its own signature on a call that another model made (Google, "Thought signatures")."""

MOST_STOPS = 5
"""Texts to stop at (Google, GenerationConfig, "stopSequences")."""

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
_ROLES = {"user": "user", "assistant": "model", "tool": "user"}
_MODES = {"none": "NONE", "required": "ANY"}


def body_of(call: ModelRequest) -> dict[str, Any]:
    """Return the request's body; raises `AttemptFailed` (`unsupported`) for a conversation that Gemini has no form for.

    System messages become one systemInstruction, in order, wherever they stood: Gemini has no other
    place for them. Turns of one role in a row become one turn, because Gemini wants user and model
    in turn; it refuses a turn without text, so that an empty one is left out. A request needs a
    turn: where there is no other, the system's text is the user's.
    """
    if len(call.request.sampling.stop or ()) > MOST_STOPS:
        words = f"not sent: Gemini takes up to {MOST_STOPS} texts to stop at"
        raise AttemptFailed(Failure(kind=Kind.UNSUPPORTED, message=words))
    said = [
        message
        for message in call.request.messages
        if any(_has_content(part) for part in message.parts)
    ]
    system = [
        {"text": part.text}
        for message in said
        if message.role == "system"
        for part in message.parts
        if _is_text(part)
    ]
    turns = [
        (role, list(turn))
        for role, turn in groupby(
            (message for message in said if message.role != "system"),
            key=lambda message: message.role,
        )
    ]
    _refuse_to_begin_with_a_call(turns)
    signed = bool((call.card.wire or {}).get("signed_calls"))
    contents = [
        {"role": _ROLES[role], "parts": _parts(turn, signed=signed)} for role, turn in turns
    ]
    body: dict[str, Any] = {"contents": contents or [{"role": "user", "parts": system}]}
    if system and contents:
        body["systemInstruction"] = {"parts": system}
    body |= _tools(call.request)
    config = _config(call.request.sampling) | _thinking(call) | _format(call)
    if config:
        body["generationConfig"] = config
    return deep_merge(body, call.extra)


def _is_text(part: object) -> TypeGuard[Text]:
    return isinstance(part, Text) and bool(part.text)


def _has_content(part: object) -> bool:
    return bool(part.text) if isinstance(part, Text) else not isinstance(part, Reasoning)


def _refuse_to_begin_with_a_call(turns: list[tuple[str, list[Message]]]) -> None:
    """Refuse what Gemini answers with a 400: a call's turn must follow one of the user."""
    if turns and turns[0][0] == "assistant" and any(_calls(message) for message in turns[0][1]):
        words = "not sent: the conversation begins with a tool call, and Gemini wants a message of the user before it"
        raise AttemptFailed(Failure(kind=Kind.UNSUPPORTED, message=words))


def _calls(message: Message) -> list[ToolCall]:
    return [part for part in message.parts if isinstance(part, ToolCall)]


def _parts(messages: Iterable[Message], *, signed: bool) -> list[dict[str, Any]]:
    """Give the turn's parts; the first call of a message bears a signature, where the model wants one on it."""
    parts: list[dict[str, Any]] = []
    for message in messages:
        calls = _calls(message) if message.role == "assistant" else []
        lacks = signed and not any(call.provider_state for call in calls)
        thought = ""
        for part in message.parts:
            if isinstance(part, Reasoning):
                thought = part.provider_state
            elif isinstance(part, Text):
                parts += _signed_text(part, thought)
                thought = ""
            elif isinstance(part, ToolCall):
                sentinel = SENTINEL if lacks and part is calls[0] else ""
                parts.append(_call(part, part.provider_state or sentinel))
            elif isinstance(part, ToolResult):
                parts.append(_result(part))
            else:
                parts.append(_media(part))
    return parts


def _signed_text(text: Text, signature: str) -> list[dict[str, Any]]:
    """Give a text, with the signature that the model itself put on it."""
    if not text.text:
        return []
    return [
        {"text": text.text, "thoughtSignature": signature} if signature else {"text": text.text}
    ]


def _media(media: Media) -> dict[str, Any]:
    """Give a part that is no text; the type of what lies at a URL may be left for Google to see."""
    if media.data:
        return {"inlineData": {"mimeType": media.media_type, "data": media.data}}
    typed = {} if media.media_type.endswith("/*") else {"mimeType": media.media_type}
    return {"fileData": {"fileUri": media.url, **typed}}


def _call(call: ToolCall, signature: str) -> dict[str, Any]:
    made = {"functionCall": {"id": call.id, "name": call.name, "args": call.arguments}}
    return {**made, "thoughtSignature": signature} if signature else made


def _result(result: ToolResult) -> dict[str, Any]:
    """Give a result as the object that Gemini wants; what is none already becomes one."""
    try:
        told: Any = msgspec.json.decode(result.text)
    except (msgspec.DecodeError, RecursionError):
        told = result.text
    response: dict[str, Any] = get_object(told) if isinstance(told, dict) else {"result": told}
    if any(media.url for media in result.media):
        words = "not sent: Gemini takes what a tool returns as data, not by its URL"
        raise AttemptFailed(Failure(kind=Kind.UNSUPPORTED, message=words))
    shown = {"parts": [_media(media) for media in result.media]} if result.media else {}
    return {
        "functionResponse": {"id": result.id, "name": result.name, "response": response, **shown}
    }


def _tools(request: Request) -> dict[str, Any]:
    if not request.tools:
        return {}
    said: dict[str, Any] = {
        "tools": [{"functionDeclarations": [_declared(tool) for tool in request.tools]}]
    }
    choice = request.tool_choice
    if isinstance(choice, Only):
        said["toolConfig"] = {
            "functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": [choice.name]}
        }
    elif choice != "auto":
        said["toolConfig"] = {"functionCallingConfig": {"mode": _MODES[choice]}}
    return said


def _format(call: ModelRequest) -> dict[str, Any]:
    """Say what the answer is to fit; raises `AttemptFailed` (`unsupported`) where the model takes it without tools only."""
    request = call.request
    if request.schema is None:
        return {}
    if request.tools and call.card.tools_with_schema is False:
        words = f"not sent: {call.model} takes tools or a schema, not both"
        raise AttemptFailed(Failure(kind=Kind.UNSUPPORTED, message=words))
    wanted = {"responseMimeType": "application/json"}
    if request.schema.json_schema == {"type": "object"}:  # any object: JSON mode
        return wanted
    return {**wanted, "responseJsonSchema": request.schema.json_schema}


def _declared(tool: Tool) -> dict[str, Any]:
    """Give the schema as JSON Schema: the older field takes a dialect that lacks most of its words."""
    about = {"description": tool.description} if tool.description else {}
    return {"name": tool.name, **about, "parametersJsonSchema": tool.parameters}


def _config(sampling: Sampling) -> dict[str, Any]:
    named = ((theirs, getattr(sampling, ours)) for ours, theirs in _SAMPLING.items())
    return {name: value for name, value in named if value is not None}


def _thinking(call: ModelRequest) -> dict[str, Any]:
    """Say how hard to think: as the request asks, in tokens where the card has a number for it, else as the options say."""
    effort, options = call.request.sampling.reasoning_effort, call.options
    budget, level = options.get("thinking_budget"), get_str(options.get("thinking_level"))
    if effort is not None:
        budget = get_object((call.card.wire or {}).get("thinking_budgets")).get(effort)
        level = "" if budget is not None else effort
    told: dict[str, Any] = {} if budget is None else {"thinkingBudget": budget}
    if level:
        told["thinkingLevel"] = level.upper()
    if options.get("include_thoughts"):
        told["includeThoughts"] = True
    return {"thinkingConfig": told} if told else {}
