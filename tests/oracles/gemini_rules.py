"""The published rules of generateContent, as a validator.

It knows nothing of how a body is built: it reads the JSON alone, and the card's facts about the
model.
"""

import re
from collections.abc import Iterator
from typing import Any

from standby.cards import Card
from tests.oracles.rules import broken, has_duplicates, unknown_fields

SENTINEL = "skip_thought_signature_validator"
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
BUDGETS = {"gemini-2.5-pro": range(128, 32769), "gemini-2.5-flash": range(24577)}
LEVELS = ("LOW", "MEDIUM", "HIGH")
MODES = ("AUTO", "ANY", "NONE", "VALIDATED")
KINDS = ("text", "inlineData", "fileData", "functionCall", "functionResponse")
FIELDS = (
    *("contents", "systemInstruction", "tools", "toolConfig", "generationConfig"),
    *("safetySettings", "labels"),
)
TOOL_FIELDS = {"name", "description", "parametersJsonSchema"}

JSON = dict[str, Any]


def check(body: JSON, model: str, card: Card) -> list[str]:
    """Return the rules that a body breaks."""
    config = body.get("generationConfig", {})
    return [
        *unknown_fields(body, FIELDS),
        *_check_contents(body["contents"], signed=bool((card.wire or {}).get("signed_calls"))),
        *_check_system(body),
        *_check_tools(body),
        *_check_config(body, config, is_old="-2.5-" in model),
        *_check_thinking(config.get("thinkingConfig", {}), model),
    ]


def _check_contents(contents: list[JSON], *, signed: bool) -> Iterator[str]:
    yield from broken((not contents, "there are no contents"))
    pending: list[JSON] = []
    before: JSON = {"parts": []}
    for content in contents:
        parts = content.get("parts") or []
        yield from _check_role(content, before)
        yield from _check_results(content, pending)
        yield from _check_calls(_find(parts, "functionCall"), signed=signed)
        for part in parts:
            yield from _check_part(part)
        yield from broken((not parts, "a content has no parts"))
        pending = [part["functionCall"] for part in _find(parts, "functionCall")]
        before = content
    yield from broken((pending, "calls have no results"))


def _check_role(content: JSON, before: JSON) -> Iterator[str]:
    role, roles = content.get("role"), [before.get("role"), content.get("role")]
    calls = _find(content.get("parts") or [], "functionCall")
    may_repeat = role == "user" and _follows_results(content, before)
    return broken(
        (role not in ("user", "model"), f"a role is {role!r}"),
        (roles[0] == role and not may_repeat, "roles do not alternate"),
        (
            calls and roles != ["user", "model"],
            "a functionCall does not follow a turn of the user",
        ),
    )


def _follows_results(content: JSON, before: JSON) -> bool:
    """Only the results of tools may stand apart from the user's own text."""
    parts = (before.get("parts") or [], content.get("parts") or [])
    return [bool(_find(each, "functionResponse")) for each in parts] == [True, False]


def _check_calls(calls: list[JSON], *, signed: bool) -> Iterator[str]:
    unsigned = calls and not any(part.get("thoughtSignature") for part in calls)
    return broken((signed and unsigned, "a functionCall lacks its thoughtSignature"))


def _check_results(content: JSON, pending: list[JSON]) -> Iterator[str]:
    parts = content.get("parts") or []
    results = [part["functionResponse"] for part in _find(parts, "functionResponse")]
    is_alone = content.get("role") == "user" and len(results) == len(parts)
    is_misplaced = bool(pending) != bool(results) or (results and not is_alone)
    expected = [(call.get("id"), call["name"]) for call in pending[: len(results)]]
    return broken(
        (is_misplaced, "results do not stand alone, directly after their calls"),
        (
            results and len(results) != len(pending),
            "the number of functionResponse parts is not that of the calls",
        ),
        (
            [(each.get("id"), each.get("name")) for each in results] != expected,
            "results do not name their calls in order",
        ),
        (
            not all(isinstance(each.get("response"), dict) for each in results),
            "a response is not an object",
        ),
    )


def _check_part(part: JSON) -> Iterator[str]:
    has_one_kind = sum(kind in part for kind in KINDS) == 1
    others = set(part) - {*KINDS, "thoughtSignature"}
    yield from broken(
        (not has_one_kind or others, f"a part is not of one kind: {sorted(part)}"),
        (part.get("text") == "", "a text is empty"),
    )
    if "functionCall" in part:
        call = part["functionCall"]
        is_valid = isinstance(call.get("args"), dict) and NAME.fullmatch(call.get("name", ""))
        yield from broken((not is_valid, "a functionCall has no name, or its args are no object"))
    if "inlineData" in part:
        data = part["inlineData"]
        is_exact = re.fullmatch(r"[^*/]+/[^*]+", data.get("mimeType", ""))
        is_valid = is_exact and data.get("data")
        yield from broken((not is_valid, "an inlineData has no exact type, or no data"))


def _find(parts: list[JSON], kind: str) -> list[JSON]:
    return [part for part in parts if kind in part]


def _check_system(body: JSON) -> Iterator[str]:
    parts = body.get("systemInstruction", {"parts": [{"text": "none"}]})["parts"]
    are_texts = all(set(part) == {"text"} and part["text"] for part in parts)
    return broken((not parts or not are_texts, "the systemInstruction is not of texts"))


def _check_tools(body: JSON) -> Iterator[str]:
    tools = [each for tool in body.get("tools", []) for each in tool["functionDeclarations"]]
    names = [tool.get("name") for tool in tools]
    for tool in tools:
        yield from _check_tool(tool)
    yield from broken((has_duplicates(names), "two tools have one name"))
    config = body.get("toolConfig", {}).get("functionCallingConfig")
    if config is not None:
        mode, allowed = config.get("mode"), config.get("allowedFunctionNames", [])
        yield from broken(
            (not tools or mode not in MODES, "a toolConfig without tools, or of no known mode"),
            (
                (allowed and mode != "ANY") or set(allowed) - set(names),
                "allowedFunctionNames without ANY, or of no tool",
            ),
        )


def _check_tool(tool: JSON) -> Iterator[str]:
    has_schema = "parametersJsonSchema" in tool
    return broken(
        (
            set(tool) - TOOL_FIELDS or not has_schema,
            "a declaration has another schema than parametersJsonSchema",
        ),
        (not NAME.fullmatch(tool.get("name", "")), "a tool's name does not match the pattern"),
        (
            tool.get("parametersJsonSchema", {}).get("type") != "object",
            "a tool's schema is not an object",
        ),
    )


def _check_config(body: JSON, config: JSON, *, is_old: bool) -> Iterator[str]:
    has_format = "responseMimeType" in config
    tools_with_format = "tools" in body and has_format
    is_in_range = 0 <= config.get("temperature", 0) <= 2 and 0 <= config.get("topP", 0) <= 1
    return broken(
        (
            {"responseSchema", "response_schema"} & set(config),
            "responseSchema in place of responseJsonSchema",
        ),
        (
            "responseJsonSchema" in config and not has_format,
            "responseJsonSchema stands without responseMimeType",
        ),
        (is_old and tools_with_format, "tools together with a responseMimeType"),
        (
            is_old and {"presencePenalty", "frequencyPenalty"} & set(config),
            "penalties are not enabled for 2.5",
        ),
        (not is_in_range, "a sampling parameter is out of range"),
        (len(config.get("stopSequences", [])) > 5, "more than five stopSequences"),
    )


def _check_thinking(thinking: JSON, model: str) -> Iterator[str]:
    budget, level = thinking.get("thinkingBudget"), thinking.get("thinkingLevel")
    is_old = "-2.5-" in model
    is_allowed = budget == -1 or budget in BUDGETS.get(model, range(1))
    return broken(
        ({"thinkingBudget", "thinkingLevel"} <= set(thinking), "thinkingBudget with thinkingLevel"),
        (
            budget is not None and not (is_old and is_allowed),
            "the thinkingBudget is out of range",
        ),
        (
            level is not None and (is_old or level not in LEVELS),
            "the model does not have this thinkingLevel",
        ),
    )
