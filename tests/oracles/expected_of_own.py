"""The expected outcomes of the answers in `answers/`, which are our own.

Each represents something that a vendor or a recorder does: what ends an answer, how a cassette
stores it, where an error stands.
"""

from standby.plugin import Finish, Kind
from tests.oracles.expected import ExpectedFailure as Failure
from tests.oracles.expected import ExpectedReply as Reply

OWN: dict[str, Reply | Failure] = {
    "gemini/plain.yaml#0": Reply(
        "gemini",
        "It leaves every 20 minutes, até à meia-noite. ⛴",
        (17, 59, 38),
        "gemini-2.5-flash",
    ),
    "gemini/plain.yaml#1": Failure("gemini", Kind.RATE_LIMITED, 429, "RESOURCE_EXHAUSTED"),
    "gemini/plain.yaml#2": Reply(
        "gemini", "The harbour opened in", (13, 6, 0), "gemini-2.5-flash", finish=Finish.LENGTH
    ),
    "gemini/plain.yaml#3": Failure(
        "gemini", Kind.EMPTY, 200, "MAX_TOKENS", message="9 tokens on thinking"
    ),
    "gemini/plain.yaml#4": Failure(
        "gemini", Kind.BLOCKED, 200, "SAFETY", message="the answer was blocked"
    ),
    "gemini/streamed.yaml#0": Reply(
        "gemini",
        "Maré que sobe,\na tábua diz a hora —\no barco espera. 🌊",
        (9, 142, 120),
        "gemini-2.5-pro",
        chunks=3,
    ),
    "gemini/streamed.yaml#1": Reply(
        "gemini",
        "",
        (61, 105, 80),
        "gemini-2.5-pro",
        calls=(("tide_at", {"port": "Faro", "day": 3}), ("tide_at", {"port": "Sines", "day": 3})),
        signed=("bWFkZS11", ""),
    ),
    "gemini/streamed.yaml#2": Reply(
        "gemini",
        "Sines, by 30 cm.",
        (90, 48, 41),
        "gemini-2.5-pro",
        chunks=3,
        thought="**Comparing th",
        provider_state="bWFkZS11",
    ),
    "gemini/tools.yaml#0": Reply(
        "gemini", "", (33, 23, 19), "gemini-2.5-flash", calls=(("now", {}),), signed=("bWFkZS11",)
    ),
    "gemini/tools.yaml#1": Reply(
        "gemini", "It is 14:30.", (48, 8, 0), "gemini-2.5-flash", chunks=2
    ),
    "gemini/tools.yaml#2": Reply(
        "gemini",
        "",
        (52, 16, 0),
        "gemini-2.5-flash",
        calls=(
            (
                "log_repair",
                {"buoy": "N7", "parts": ["chain", "lamp"], "by": {"name": "Inês", "hours": 1.5}},
            ),
        ),
    ),
    "gemini/packed.yaml#0": Reply(
        "gemini", "In the lantern room, atop 96 steps.\n", (8, 11, 0), "gemini-2.5-flash"
    ),
    "gemini/packed.yaml#1": Reply(
        "gemini",
        "Nobody since 1998: it runs by itself.",
        (7, 37, 25),
        "gemini-2.5-flash",
        chunks=3,
        thought="**Looking up t",
        provider_state="bWFkZS11",
    ),
    "gemini/vertex.yaml#1": Failure(
        "vertex", Kind.BLOCKED, 200, "MODEL_ARMOR", message="The prompt tries to change the rules."
    ),
    "gemini/vertex.yaml#2": Reply("vertex", "12", (6, 33, 31), "gemini-2.5-flash"),
    "gemini/vertex.yaml#3": Reply(
        "vertex",
        "",
        (22, 149, 140),
        "gemini-3-flash-preview",
        calls=(("chart_of", {"kind": "DEPTH"}),),
        signed=("bWFkZS11",),
    ),
    "gemini/vertex.yaml#4": Failure("vertex", Kind.INVALID_REQUEST, 400, "INVALID_ARGUMENT"),
    "gemini/delay.json": Failure(
        "gemini", Kind.RATE_LIMITED, 429, "RESOURCE_EXHAUSTED", retry_after=12.5
    ),
    "gemini/key.json": Failure("gemini", Kind.UNAUTHORIZED, 400, "INVALID_ARGUMENT"),
    "gemini/model.json": Failure("gemini", Kind.MODEL_MISSING, 404, "NOT_FOUND"),
    "gemini/place.json": Failure("vertex", Kind.UNAUTHORIZED, 400, "FAILED_PRECONDITION"),
    "gemini/blocked-prompt.json": Failure(
        "vertex", Kind.BLOCKED, 200, "SAFETY", message="the prompt was blocked"
    ),
    "gemini/blocked-answer.json": Failure(
        "vertex", Kind.BLOCKED, 200, "SAFETY", message="the answer was blocked"
    ),
    "gemini/ended-otherwise.json": Failure(
        "gemini", Kind.MALFORMED, 200, "OTHER", message="nobody knows why"
    ),
    "gemini/ended-unheard-of.json": Failure(
        "vertex", Kind.MALFORMED, 200, "AN_END_OF_2030", message="ended with AN_END"
    ),
    "gemini/blocked-prompt.txt": Failure(
        "gemini", Kind.BLOCKED, 200, "SAFETY", message="the prompt was blocked"
    ),
    "gemini/no-parts-at-the-end.txt": Reply(
        "gemini",
        "I will draw a lighthouse at dusk.\n\n",
        (12, 1300, 0),
        "gemini-2.5-flash",
        chunks=2,
    ),
    "gemini/thoughts-and-a-call.txt": Reply(
        "gemini",
        "",
        (20, 40, 35),
        "gemini-2.5-flash",
        chunks=2,
        calls=(("today", {}),),
        signed=("bWFkZS11",),
        thought="**Finding the ",
    ),
    "gemini/empty-content.txt": Failure(
        "vertex", Kind.MALFORMED, 200, None, message="no finishReason"
    ),
    "gemini/error-between-events.txt": Failure(
        "vertex",
        Kind.SERVER_ERROR,
        499,
        "CANCELLED",
        text="Low tide is at ",
        message="The work was given up.",
    ),
    "gemini/refused.txt": Failure("vertex", Kind.INVALID_REQUEST, 400, "INVALID_ARGUMENT"),
    "gemini/call.chunks.txt": Reply(
        "gemini",
        "",
        (24, 61, 50),
        "gemini-3-pro-preview",
        calls=(("tide_at", {"port": "Olhão"}),),
        signed=("bWFkZS11",),
    ),
    "chat/plain.yaml#0": Reply(
        "chat",
        "Nobody knows; the oldest plan is from 1756 — «torre velha».",
        (14, 210, 192),
        "o3-mini-2025-01-31",
    ),
    "chat/plain.yaml#1": Reply(
        "chat",
        "",
        (58, 17, 0),
        "gpt-4o-mini-2024-07-18",
        calls=(("log_visit", {"who": "Inês", "steps": [96]}),),
    ),
    "chat/plain.yaml#2": Reply(
        "chat", '{"tower":"velha","steps":96}', (60, 12, 0), "gpt-4o-mini-2024-07-18"
    ),
    "chat/plain.yaml#3": Failure(
        "chat", Kind.BLOCKED, 200, "refusal", message="With that I cannot help."
    ),
    "chat/plain.yaml#4": Reply(
        "chat", "In 1756 the first", (13, 4, 0), "gpt-4o-mini-2024-07-18", finish=Finish.LENGTH
    ),
    "chat/missing-model.yaml#0": Failure("chat", Kind.MODEL_MISSING, 404, "model_not_found"),
    "chat/refused-role.yaml#0": Failure("chat", Kind.UNSUPPORTED, 400, "unsupported_value"),
    "chat/streamed.yaml#0": Reply(
        "chat", "Bom dia, faroleira! 🗼", (10, 90, 64), "o3-mini-2025-01-31", chunks=3
    ),
    "chat/streamed.yaml#1": Reply(
        "chat", "", (51, 14, 0), "gpt-4o-mini-2024-07-18", calls=(("tide_at", {"port": "Faro"}),)
    ),
    "chat/streamed.yaml#2": Reply(
        "chat",
        "",
        (70, 28, 0),
        "gpt-4o-mini-2024-07-18",
        calls=(("tide_at", {"port": "Sines"}), ("now", {})),
    ),
    "chat/spoken.yaml#0": Reply(
        "chat", "High water at noon.", (77, 6, 0), "gpt-4o-mini-2024-07-18", chunks=5
    ),
    "chat/words.chunks.txt": Reply(
        "chat",
        "**The keeper's** log:\n\n- fog until ten\n- “all clear”, and the lamp out\n",
        (18, 29, 0),
        "gpt-4o-mini-2024-07-18",
        chunks=11,
    ),
    "chat/quota.json": Failure("chat", Kind.QUOTA_EXHAUSTED, 429, "insufficient_quota"),
    "chat/old-parameter.json": Failure("chat", Kind.UNSUPPORTED, 400, "unsupported_parameter"),
    "chat/temperature.json": Failure("chat", Kind.UNSUPPORTED, 400, "invalid_request_error"),
    "responses/plain.yaml#0": Reply(
        "responses",
        "Sines: it is deep enough.",
        (11, 300, 256),
        "o3-mini-2025-01-31",
        thought="**Weighing bot",
        provider_state='[{"type"',
    ),
    "responses/plain.yaml#1": Reply("chat", "Sines.", (340, 70, 64), "o3-mini-2025-01-31"),
    "responses/streamed.yaml#0": Reply(
        "responses",
        "There are 96 steps, oito lanços de 12. 🪜",
        (9, 150, 128),
        "o3-mini-2025-01-31",
        chunks=6,
        thought="**Counting the",
        provider_state='[{"type"',
    ),
    "responses/streamed.yaml#1": Reply(
        "responses",
        "",
        (40, 81, 64),
        "o4-mini-2025-04-16",
        calls=(("log_visit", {"who": "Inês", "steps": 96}),),
    ),
    "responses/streamed.yaml#2": Reply(
        "responses",
        "In 1756 the first",
        (12, 16, 0),
        "o4-mini-2025-04-16",
        chunks=3,
        finish=Finish.LENGTH,
    ),
    "responses/below-the-least.yaml#0": Failure(
        "responses", Kind.INVALID_REQUEST, 400, "decimal_below_min_value"
    ),
    "responses/failed.txt": Failure(
        "responses",
        Kind.SERVER_ERROR,
        200,
        "server_error",
        text="Half a ",
        message="Something broke on our side.",
    ),
    "anthropic/plain.yaml#0": Reply(
        "anthropic",
        "It marks the channel's left side.",
        (20, 60, 24),
        "claude-sonnet-4-5-20250929",
        cached=5,
        thought="Red marks the ",
        provider_state='[{"type"',
    ),
    "anthropic/plain.yaml#1": Reply(
        "anthropic",
        "I log it.",
        (70, 33, 0),
        "claude-sonnet-4-5-20250929",
        calls=(("log_lamp", {"colour": "red", "side": ["left"]}), ("now", {})),
    ),
    "anthropic/plain.yaml#2": Failure(
        "anthropic", Kind.BLOCKED, 200, "refusal", message="This would endanger people."
    ),
    "anthropic/plain.yaml#3": Reply(
        "anthropic",
        "In 1756 the first",
        (9, 5, 0),
        "claude-sonnet-4-5-20250929",
        finish=Finish.LENGTH,
    ),
    "anthropic/streamed.yaml#0": Reply(
        "anthropic",
        "The right side, à entrada. 🟢",
        (40, 55, 20),
        "claude-sonnet-4-5-20250929",
        chunks=5,
        thought="Green is the o",
        provider_state='[{"type"',
    ),
    "anthropic/streamed.yaml#1": Reply(
        "anthropic",
        "I log it.",
        (88, 41, 0),
        "claude-sonnet-4-5-20250929",
        chunks=1,
        calls=(("log_lamp", {"colour": "green", "side": ["right"]}), ("now", {})),
    ),
    "anthropic/missing-model.yaml#0": Failure(
        "anthropic", Kind.MODEL_MISSING, 404, "not_found_error"
    ),
    "anthropic/overloaded.txt": Failure(
        "anthropic",
        Kind.OVERLOADED,
        200,
        "overloaded_error",
        text="The left ",
        message="Too many ships ask at once.",
    ),
}
