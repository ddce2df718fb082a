"""Two loopback servers as a chain for Agno's models, and answers that call tools."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from standby import AsyncStandby
from standby.integrations.agno import StandbyModel
from standby.testing import events
from tests.support.loopback import (
    GEMINI_USAGE,
    Answer,
    Answers,
    Loopback,
    Received,
    both,
    openai_reply,
    respond,
)

YAML = """
version: 1
providers:
  first: {{plugin: gemini, base_url: "{first}", api_key: "${{KEY}}"}}
  second: {{plugin: openai, base_url: "{second}/v1", api_key: "${{KEY}}"}}
models:
  gemini-2.5-pro: {{provider: first}}
  o3-mini: {{provider: second}}
chains:
  default: {{models: [gemini-2.5-pro, o3-mini], retry: {{attempts: 1}}}}
  restart:
    models: [gemini-2.5-pro, o3-mini]
    retry: {{attempts: 1}}
    stream: {{on_break: restart}}
"""
KEYS = {"KEY": "key-0123456789"}


class Chain(msgspec.Struct, frozen=True):
    """The servers, the file, and a client of it."""

    first: Loopback
    second: Loopback
    config: Path
    client: AsyncStandby

    def model(self, **fields: Any) -> StandbyModel:
        return StandbyModel(client=self.client, **fields)

    @property
    def requests(self) -> tuple[int, int]:
        """How many requests each server received."""
        return len(self.first.requests), len(self.second.requests)


@contextlib.contextmanager
def chain_in(folder: Path) -> Iterator[Chain]:
    with both() as (first, second):
        config = folder / "models.yaml"
        config.write_text(YAML.format(first=first.url, second=second.url))
        yield Chain(first, second, config, AsyncStandby(config, environ=KEYS, warm_up=False))


def gemini_calls(name: str, args: dict[str, Any], signature: str) -> Answers:
    """Answer with a tool call, signed as Gemini signs its thoughts; streamed if the path is."""
    part = {"functionCall": {"name": name, "args": args}, "thoughtSignature": signature}
    candidate = {"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}
    body = {
        "candidates": [candidate],
        "usageMetadata": GEMINI_USAGE,
        "modelVersion": "gemini-2.5-pro",
        "responseId": "r1",
    }

    def answer(request: Received) -> Answer:
        streamed = request.path.endswith(":streamGenerateContent")
        return events([body], "\r\n\r\n", "chunked") if streamed else respond(200, body)

    return answer


def openai_calls(name: str, arguments: str) -> Answer:
    call = {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}}
    return openai_reply(None, finish="tool_calls", tool_calls=[call])
