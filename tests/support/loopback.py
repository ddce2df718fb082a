"""Replies, streams and errors of Gemini and OpenAI, for the loopback server of `standby.testing`.

::

    with Loopback() as server:
        server.script(gemini_error(500, "INTERNAL", "…"), gemini_reply("Lisbon."))
        …  # server.url, server.requests
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from standby.testing import (
    Answer,
    Answers,
    Loopback,
    Received,
    cut,
    drip,
    events,
    garbage,
    hang,
    html,
    late,
    reset,
    respond,
)

__all__ = [
    "GEMINI_429",
    "GEMINI_500",
    "GEMINI_503",
    "GEMINI_504",
    "GEMINI_BAD_KEY",
    "GEMINI_USAGE",
    "OPENAI_404",
    "OPENAI_429_QUOTA",
    "OPENAI_500",
    "OPENAI_503",
    "OPENAI_USAGE",
    "Answer",
    "Answers",
    "Loopback",
    "Received",
    "both",
    "cut",
    "drip",
    "garbage",
    "gemini_answers",
    "gemini_error",
    "gemini_reply",
    "gemini_stream",
    "hang",
    "html",
    "late",
    "openai_answers",
    "openai_error",
    "openai_reply",
    "openai_stream",
    "reset",
    "respond",
]

# Gemini


def _gemini(
    text: str, *, model: str, finish: str | None, usage: Mapping[str, int]
) -> dict[str, Any]:
    candidate: dict[str, Any] = {
        "content": {"parts": [{"text": text}], "role": "model"},
        "index": 0,
    }
    if finish is not None:
        candidate["finishReason"] = finish
    return {
        "candidates": [candidate],
        "usageMetadata": dict(usage),
        "modelVersion": model,
        "responseId": "w1peaMz6INOvnvgP",
    }


GEMINI_USAGE = {
    "promptTokenCount": 12,
    "candidatesTokenCount": 3,
    "thoughtsTokenCount": 25,
    "totalTokenCount": 40,
}


def gemini_reply(text: str, *, model: str = "gemini-2.5-pro", finish: str = "STOP") -> Answer:
    return respond(200, _gemini(text, model=model, finish=finish, usage=GEMINI_USAGE))


def gemini_stream(
    texts: Sequence[str],
    *,
    model: str = "gemini-2.5-pro",
    finish: str | None = "STOP",
    framing: Literal["chunked", "eof"] = "chunked",
) -> Answer:
    last = len(texts) - 1
    payloads = [
        _gemini(text, model=model, finish=finish if at == last else None, usage=GEMINI_USAGE)
        for at, text in enumerate(texts)
    ]
    return events(payloads, "\r\n\r\n", framing)


def gemini_error(
    status: int, code: str, message: str, details: Sequence[Any] = (), **headers: str
) -> Answer:
    error: dict[str, Any] = {"code": status, "message": message, "status": code}
    if details:
        error["details"] = list(details)
    return respond(status, {"error": error}, headers)


def gemini_answers(*texts: str, model: str = "gemini-2.5-pro") -> Answers:
    """Answer with a complete reply or a stream, as the path demands."""

    def answer(request: Received) -> Answer:
        if request.path.endswith(":streamGenerateContent"):
            return gemini_stream(texts, model=model)
        return gemini_reply("".join(texts), model=model)

    return answer


GEMINI_500 = gemini_error(
    500,
    "INTERNAL",
    "An internal error has occurred. Please retry or report in https://developers.generativeai.google/guide/troubleshooting",
)
GEMINI_503 = gemini_error(503, "UNAVAILABLE", "The model is overloaded. Please try again later.")
GEMINI_504 = gemini_error(
    504, "DEADLINE_EXCEEDED", "The service is unable to finish processing within the deadline."
)
GEMINI_429 = gemini_error(
    429,
    "RESOURCE_EXHAUSTED",
    (
        "You exceeded your current quota, please check your plan and billing details. "
        "Please retry in 34.4s."
    ),
    [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.4s"}],
)
GEMINI_BAD_KEY = gemini_error(
    400,
    "INVALID_ARGUMENT",
    "API key not valid. Please pass a valid API key.",
    [
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "API_KEY_INVALID",
            "domain": "googleapis.com",
        }
    ],
)

# OpenAI

OPENAI_USAGE = {
    "prompt_tokens": 12,
    "completion_tokens": 28,
    "total_tokens": 40,
    "completion_tokens_details": {"reasoning_tokens": 25},
    "prompt_tokens_details": {"cached_tokens": 4},
}


def openai_reply(
    text: str | None, *, model: str = "o3-mini-2025-01-31", finish: str = "stop", **message: Any
) -> Answer:
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text, "refusal": None, **message},
        "finish_reason": finish,
    }
    return respond(
        200,
        {
            "id": "chatcmpl-BMSBsbjyxfOHmfmqtuMbkEEHZsRJu",
            "object": "chat.completion",
            "created": 1_790_000_000,
            "model": model,
            "choices": [choice],
            "usage": OPENAI_USAGE,
        },
    )


def openai_stream(
    texts: Sequence[str],
    *,
    model: str = "o3-mini-2025-01-31",
    finish: str | None = "stop",
    done: bool = True,
    framing: Literal["chunked", "eof"] = "chunked",
) -> Answer:
    def chunk(choices: list[Any], **rest: Any) -> dict[str, Any]:
        return {
            "id": "chatcmpl-BMSBsbjyxfOHmfmqtuMbkEEHZsRJu",
            "object": "chat.completion.chunk",
            "created": 1_790_000_000,
            "model": model,
            "choices": choices,
            **rest,
        }

    def delta(finish_reason: str | None = None, **delta: str) -> dict[str, Any]:
        return chunk([{"index": 0, "delta": delta, "finish_reason": finish_reason}])

    payloads: list[Any] = [
        delta(role="assistant", content=""),
        *(delta(content=text) for text in texts),
    ]
    if finish is not None:
        payloads += [delta(finish), chunk([], usage=OPENAI_USAGE)]
    if done:
        payloads.append(b"data: [DONE]\n\n")
    return events(payloads, "\n\n", framing)


def openai_error(
    status: int,
    message: str,
    *,
    kind: str,
    code: str | int | None = None,
    param: str | None = None,
    **headers: str,
) -> Answer:
    return respond(
        status, {"error": {"message": message, "type": kind, "param": param, "code": code}}, headers
    )


def openai_answers(*texts: str, model: str = "o3-mini-2025-01-31") -> Answers:
    """Answer with a complete reply or a stream, as the request demands."""

    def answer(request: Received) -> Answer:
        if request.json.get("stream"):
            return openai_stream(texts, model=model)
        return openai_reply("".join(texts), model=model)

    return answer


OPENAI_500 = openai_error(
    500,
    "The server had an error while processing your request. Sorry about that!",
    kind="server_error",
)
OPENAI_503 = openai_error(
    503,
    "That model is currently overloaded with other requests.",
    kind="service_unavailable_error",
    code="server_is_overloaded",
)
OPENAI_404 = openai_error(
    404,
    "The model `o3-mini` has been deprecated, learn more here: https://platform.openai.com/docs/deprecations",
    kind="invalid_request_error",
    code="model_not_found",
)
OPENAI_429_QUOTA = openai_error(
    429,
    "You exceeded your current quota, please check your plan and billing details.",
    kind="insufficient_quota",
    code="insufficient_quota",
)


@contextlib.contextmanager
def both() -> Iterator[tuple[Loopback, Loopback]]:
    """Run a healthy server for each wire: Gemini's and OpenAI's."""
    with Loopback() as gemini, Loopback() as openai:
        gemini.answer = gemini_answers("Lisbon, ", "says Gemini.")
        openai.answer = openai_answers("Lisbon, ", "says OpenAI.")
        yield gemini, openai
