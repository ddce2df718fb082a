"""What the vendors publish of their wires, as validators: each takes a body, and returns the rules that it breaks.

They know nothing of how a body is made: they read the JSON alone, and what a model's card says of
the vendor's rules for it.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from standby.cards import Card

SENTINEL = "skip_thought_signature_validator"
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
BUDGETS = {"gemini-2.5-pro": range(128, 32769), "gemini-2.5-flash": range(24577)}
NOT_STRICT = {
    "allOf",
    "oneOf",
    "not",
    "if",
    "then",
    "else",
    "dependentRequired",
    "dependentSchemas",
    "patternProperties",
}
CHAT_ROLES = ("system", "developer", "user", "assistant", "tool")
CHAT_FIELDS = (
    {
        "model",
        "messages",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "response_format",
        "stream",
        "stream_options",
    }
    | {
        "temperature",
        "top_p",
        "stop",
        "seed",
        "presence_penalty",
        "frequency_penalty",
        "reasoning_effort",
    }
    | {"max_tokens", "max_completion_tokens", "service_tier", "user"}
)
RESPONSES_FIELDS = {
    "model",
    "input",
    "store",
    "include",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "text",
    "reasoning",
    "stream",
} | {"temperature", "top_p", "max_output_tokens", "service_tier", "user"}
GEMINI_FIELDS = {
    "contents",
    "systemInstruction",
    "tools",
    "toolConfig",
    "generationConfig",
    "safetySettings",
    "labels",
}
REASONERS = ("o1", "o3", "o4", "gpt-5", "gpt-6")
REFUSED_BY_REASONERS = (
    "temperature",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "logprobs",
    "logit_bias",
)


def gemini(body: dict[str, Any], model: str, card: Card) -> list[str]:
    """Check a body of generateContent."""
    return [
        *_unknown(body, GEMINI_FIELDS),
        *_turns(body["contents"], signed=bool((card.wire or {}).get("signed_calls"))),
        *_gemini_system(body),
        *_gemini_tools(body),
        *_gemini_config(body, model),
    ]


def _turns(contents: list[dict[str, Any]], *, signed: bool) -> Iterator[str]:
    if not contents:
        yield "there are no contents"
    owed: list[dict[str, Any]] = []
    before: dict[str, Any] | None = None
    for content in contents:
        role, parts = content.get("role"), content.get("parts") or []
        calls = [part for part in parts if "functionCall" in part]
        results = [part["functionResponse"] for part in parts if "functionResponse" in part]
        if role not in ("user", "model"):
            yield f"a role is {role!r}"
        if (
            before
            and before["role"] == role
            and not (role == "user" and _has(before, "functionResponse") and not results)
        ):
            # only the results of tools stand apart from the user's own words
            yield "roles do not alternate"
        if calls and (role != "model" or before is None or before["role"] != "user"):
            yield "a functionCall does not follow a turn of the user"
        if bool(owed) != bool(results) or (
            results and (role != "user" or len(results) != len(parts))
        ):
            yield "results do not stand alone, right behind their calls"
        yield from _results(results, owed)
        yield from _gemini_parts(parts)
        if signed and calls and not any(part.get("thoughtSignature") for part in calls):
            yield "a functionCall lacks its thoughtSignature"
        owed = [part["functionCall"] for part in calls]
        before = content
    if owed:
        yield "calls have no results"


def _results(results: list[dict[str, Any]], owed: list[dict[str, Any]]) -> Iterator[str]:
    if results and len(results) != len(owed):
        yield "the number of functionResponse parts is not that of the calls"
    if [(one.get("id"), one.get("name")) for one in results] != [
        (one.get("id"), one["name"]) for one in owed[: len(results)]
    ]:
        yield "results do not name their calls in order"
    if not all(isinstance(one.get("response"), dict) for one in results):
        yield "a response is no object"


def _gemini_parts(parts: list[dict[str, Any]]) -> Iterator[str]:
    if not parts:
        yield "a content has no parts"
    kinds = ("text", "inlineData", "fileData", "functionCall", "functionResponse")
    for part in parts:
        if sum(kind in part for kind in kinds) != 1 or set(part) - {*kinds, "thoughtSignature"}:
            yield f"a part is not of one kind: {sorted(part)}"
        if part.get("text") == "":
            yield "a text is empty"
        call = part.get("functionCall")
        if call is not None and not (
            isinstance(call.get("args"), dict) and NAME.fullmatch(call.get("name", ""))
        ):
            yield "a functionCall has no name, or args that are no object"
        data = part.get("inlineData")
        if data is not None and (
            "/" not in data.get("mimeType", "") or "*" in data["mimeType"] or not data.get("data")
        ):
            yield "an inlineData has no exact type, or no data"


def _has(content: dict[str, Any], kind: str) -> bool:
    return any(kind in part for part in content["parts"])


def _gemini_system(body: dict[str, Any]) -> Iterator[str]:
    parts = body.get("systemInstruction", {"parts": [{"text": "none"}]})["parts"]
    if not parts or not all(set(part) == {"text"} and part["text"] for part in parts):
        yield "the systemInstruction is not of texts"


def _gemini_tools(body: dict[str, Any]) -> Iterator[str]:
    declared = [one for tool in body.get("tools", []) for one in tool["functionDeclarations"]]
    for one in declared:
        if (
            set(one) - {"name", "description", "parametersJsonSchema"}
            or "parametersJsonSchema" not in one
        ):
            yield "a declaration has another schema than parametersJsonSchema"
        if not NAME.fullmatch(one.get("name", "")):
            yield "a tool's name is not of the pattern"
        if one.get("parametersJsonSchema", {}).get("type") != "object":
            yield "a tool's schema is no object"
    if len({one.get("name") for one in declared}) < len(declared):
        yield "two tools have one name"
    config = body.get("toolConfig", {}).get("functionCallingConfig")
    if config is None:
        return
    allowed = config.get("allowedFunctionNames", [])
    if not declared or config.get("mode") not in ("AUTO", "ANY", "NONE", "VALIDATED"):
        yield "a toolConfig without tools, or of no known mode"
    if (allowed and config.get("mode") != "ANY") or set(allowed) - {
        one.get("name") for one in declared
    }:
        yield "allowedFunctionNames without ANY, or of no tool"


def _gemini_config(body: dict[str, Any], model: str) -> Iterator[str]:
    config: dict[str, Any] = body.get("generationConfig", {})
    older = "-2.5-" in model
    if "responseSchema" in config or "response_schema" in config:
        yield "responseSchema in place of responseJsonSchema"
    if "responseJsonSchema" in config and "responseMimeType" not in config:
        yield "responseJsonSchema stands without responseMimeType"
    if older and "tools" in body and "responseMimeType" in config:
        yield "tools beside a responseMimeType"
    if older and {"presencePenalty", "frequencyPenalty"} & set(config):
        yield "penalties are not enabled for 2.5"
    if not 0 <= config.get("temperature", 0) <= 2 or not 0 <= config.get("topP", 0) <= 1:
        yield "a sampling parameter is out of range"
    if len(config.get("stopSequences", [])) > 5:
        yield "more than five stopSequences"
    thinking = config.get("thinkingConfig", {})
    budget, level = thinking.get("thinkingBudget"), thinking.get("thinkingLevel")
    if budget is not None and level is not None:
        yield "thinkingBudget beside thinkingLevel"
    if budget is not None and (
        not older or (budget != -1 and budget not in BUDGETS.get(model, range(1)))
    ):
        yield "the thinkingBudget is out of range"
    if level is not None and (older or level not in ("LOW", "MEDIUM", "HIGH")):
        yield "the thinkingLevel is none of the model's"


def chat(body: dict[str, Any], *, own: bool) -> list[str]:
    """Check a body of Chat Completions; `own`: it goes to the vendor itself, not to an endpoint like it."""
    return [
        *_unknown(body, CHAT_FIELDS),
        *_chat_messages(body["messages"]),
        *_chat_tools(body),
        *_chat_sampling(body, own=own),
        *_format(
            body.get("response_format", {}), body.get("response_format", {}).get("json_schema")
        ),
    ]


def _chat_messages(messages: list[dict[str, Any]]) -> Iterator[str]:
    owed: list[str] = []
    for message in messages:
        role = message.get("role")
        if role not in CHAT_ROLES:
            yield f"a role is {role!r}"
        if role == "tool":
            if (
                not owed
                or message.get("tool_call_id") != owed.pop(0)
                or not isinstance(message.get("content"), str)
            ):
                yield "a tool's message answers no call, out of order, or with no text"
            continue
        if owed:
            yield "calls have no results right behind them"
        calls = message.get("tool_calls", [])
        if calls and role != "assistant":
            yield "calls are not the assistant's"
        if not calls and not message.get("content"):
            yield "a message is empty"
        owed = [call.get("id", "") for call in calls]
        yield from _ids(owed, 40)
        for call in calls:
            yield from _function(call.get("function", {}))
        yield from _chat_content(message.get("content"), role)
    if owed:
        yield "calls have no results"


def _chat_content(content: Any, role: Any) -> Iterator[str]:
    known = {"text", "image_url", "input_audio", "file"} if role == "user" else {"text"}
    for part in content if isinstance(content, list) else ():
        if part.get("type") not in known or set(part) != {"type", part["type"]}:
            yield f"a part of the {role}'s content is {part.get('type')!r}"
        if "file" in part and not (
            part["file"].get("filename") and part["file"].get("file_data", "").startswith("data:")
        ):
            yield "a file has no name, or no data URL"
        if "input_audio" in part and part["input_audio"].get("format") not in ("wav", "mp3"):
            yield "sound is neither wav nor mp3"


def _ids(ids: list[str], longest: int) -> Iterator[str]:
    if len(set(ids)) < len(ids):
        yield "two calls have one id"
    if not all(0 < len(known_as) <= longest for known_as in ids):
        yield f"an id is empty or longer than {longest}"


def _function(function: dict[str, Any]) -> Iterator[str]:
    try:
        arguments = json.loads(function.get("arguments", ""))
    except (TypeError, ValueError):
        arguments = None
    if not isinstance(arguments, dict) or not NAME.fullmatch(function.get("name", "")):
        yield "a call has no name of the pattern, or arguments that are no JSON text of an object"


def _chat_tools(body: dict[str, Any]) -> Iterator[str]:
    told = body.get("tools", [])
    if not all(set(tool) == {"type", "function"} and tool["type"] == "function" for tool in told):
        yield "a tool is no function"
    functions = [tool.get("function", {}) for tool in told]
    choice = body.get("tool_choice")
    wanted = choice.get("function", {}).get("name") if isinstance(choice, dict) else choice
    yield from _openai_tools(body, functions, wanted, named=isinstance(choice, dict))


def _openai_tools(
    body: dict[str, Any], functions: list[dict[str, Any]], wanted: Any, *, named: bool
) -> Iterator[str]:
    names = [function.get("name", "") for function in functions]
    if ("tools" in body and not names) or (
        not names and ("tool_choice" in body or "parallel_tool_calls" in body)
    ):
        yield "it is said how to choose, but there are no tools"
    if wanted is not None and wanted not in (names if named else ("auto", "none", "required")):
        yield "the tool_choice is none"
    if len(set(names)) < len(names) or not all(map(NAME.fullmatch, names)):
        yield "a tool's name is taken, or not of the pattern"
    for function in functions:
        if function.get("parameters", {}).get("type") != "object":
            yield "a tool's schema is no object"
        if function.get("strict") and not is_closed(function["parameters"]):
            yield "a tool is strict, and its schema is open"


def _chat_sampling(body: dict[str, Any], *, own: bool) -> Iterator[str]:
    refused = "max_tokens" if own else "max_completion_tokens"
    if refused in body:
        yield f"{refused} is not the endpoint's name for it"
    if ("stream_options" in body) != bool(body.get("stream")):
        yield "stream_options and stream do not stand together"
    if isinstance(body.get("stop"), list | tuple) and not 0 < len(body["stop"]) <= 4:
        yield "more than four stops, or none"
    model = str(body.get("model"))
    thinks = own and model.startswith(REASONERS)
    if thinks and (found := [name for name in REFUSED_BY_REASONERS if name in body]):
        yield f"a reasoning model refuses {', '.join(found)}"
    if own and model == "o3-mini" and "parallel_tool_calls" in body:
        yield "o3-mini refuses parallel_tool_calls"
    if "reasoning_effort" in body and not thinks:
        yield "a reasoning_effort for a model that does not reason"
    if (
        own
        and model == "o3-mini"
        and body.get("reasoning_effort", "low") not in ("low", "medium", "high")
    ):
        yield "the reasoning_effort is none of o3-mini's"


def _format(asked: dict[str, Any], told: dict[str, Any] | None) -> Iterator[str]:
    """Check what both of OpenAI's APIs say of a schema."""
    if not asked:
        return
    if (
        asked.get("type") != "json_schema"
        or told is None
        or not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", told.get("name", ""))
    ):
        yield "the format is no json_schema with a name"
        return
    schema = told.get("schema", {})
    if schema.get("type") != "object" or "anyOf" in schema:
        yield "the root of the schema is no object"
    if not isinstance(told.get("strict"), bool):
        yield "it is not said whether the schema is strict"
    if told.get("strict") and not is_closed(schema):
        yield "the schema is strict, and open"


def is_closed(schema: Any) -> bool:
    """Say whether a schema keeps OpenAI's rules for strictness: every object closed, all required, each of a known type."""
    if not isinstance(schema, dict) or NOT_STRICT & schema.keys():
        return False
    kinds = schema.get("type", [])
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if not kinds and not {"$ref", "anyOf", "enum", "const"} & schema.keys():
        return False
    properties = schema.get("properties", {})
    closed = schema.get("additionalProperties") is False and sorted(properties) == sorted(
        schema.get("required", [])
    )
    if not closed and ("object" in kinds or "properties" in schema):
        return False
    if "array" in kinds and "items" not in schema:
        return False
    below = [*properties.values(), *schema.get("$defs", {}).values(), *schema.get("anyOf", [])]
    return all(map(is_closed, [*below, schema["items"]] if "items" in schema else below))


def responses(body: dict[str, Any], mine: Iterable[str] | None = None) -> list[str]:
    """Check a body of Responses; `mine`: the encrypted thoughts that the model itself has given."""
    choice, tools = body.get("tool_choice"), body.get("tools", [])
    wanted = choice.get("name") if isinstance(choice, dict) else choice
    told = body.get("text", {}).get("format", {})
    return [
        *_unknown(body, RESPONSES_FIELDS),
        *(["store is not false"] if body.get("store") is not False else []),
        *_items(body["input"], None if mine is None else set(mine)),
        *(
            ["a tool is no function, or says not whether it is strict"]
            if not all(map(_is_flat_tool, tools))
            else []
        ),
        *_openai_tools(body, tools, wanted, named=isinstance(choice, dict)),
        *_format(told, told or None),
        *(["a model that thinks is not asked for its thoughts"] if "include" not in body else []),
        *([f"the effort is {body['reasoning']['effort']!r}"] if _unknown_effort(body) else []),
    ]


def _is_flat_tool(tool: dict[str, Any]) -> bool:
    return (
        tool.get("type") == "function" and "name" in tool and isinstance(tool.get("strict"), bool)
    )


def _unknown_effort(body: dict[str, Any]) -> bool:
    return body.get("reasoning", {}).get("effort", "low") not in (
        "none",
        "low",
        "medium",
        "high",
        "xhigh",
        "max",
    )


def _items(items: list[dict[str, Any]], mine: set[str] | None) -> Iterator[str]:
    if not items:
        yield "there is no input"
    owed: list[str] = []
    for item, after in zip(items, [*items, {}][1:], strict=True):
        kind = item.get("type", "message")
        if kind == "function_call":
            owed.append(item.get("call_id", ""))
            yield from _function(item)
            yield from _ids(owed, 64)
        elif kind == "function_call_output":
            if not owed or item.get("call_id") != owed.pop(0):
                yield "an output answers no call, or out of order"
            yield from _content(item.get("output"), {"input_text", "input_image", "input_file"})
        else:
            yield from ["calls have no outputs right behind them"] if owed else []
            yield from _said(item, after, mine)
    if owed:
        yield "calls have no outputs"


def _said(item: dict[str, Any], after: dict[str, Any], mine: set[str] | None) -> Iterator[str]:
    kind = item.get("type", "message")
    if kind == "message":
        yield from _message(item)
    elif kind != "reasoning":
        yield f"an item is {kind!r}"
    else:
        if mine is not None and item.get("encrypted_content") not in mine:
            yield "a thought is of another model"
        if (
            not item.get("encrypted_content")
            or not after
            or after.get("role", "assistant") != "assistant"
        ):
            yield "a thought is not encrypted, or nothing of the model follows it"


def _message(item: dict[str, Any]) -> Iterator[str]:
    role, content = item.get("role"), item.get("content")
    if role not in CHAT_ROLES[:4] or not content:
        yield f"a message of {role!r} is empty, or of no role"
    known = (
        {"output_text", "refusal"}
        if role == "assistant"
        else {"input_text", "input_image", "input_file"}
    )
    yield from _content(content, known)


def _content(content: Any, known: set[str]) -> Iterator[str]:
    if not isinstance(content, str | list):
        yield "a content is neither text nor a list"
    for part in content if isinstance(content, list) else ():
        if part.get("type") not in known:
            yield f"a content's part is {part.get('type')!r}"
        if part.get("type") == "input_file" and not (
            part.get("file_url") or (part.get("filename") and part.get("file_data"))
        ):
            yield "a file has no name, or no data"


def _unknown(body: dict[str, Any], known: set[str]) -> list[str]:
    return [f"there is no field {name}" for name in sorted(set(body) - known)]
