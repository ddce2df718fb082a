"""A stream's last chunk equals its reply, for every plugin."""

from typing import Any

import pytest

from standby import AsyncStandby, Settings
from standby.plugin import End
from standby.settings import Chain, Model, Provider, Secret
from standby.testing import Answer, Loopback, scripted_model
from tests.providers.anthropic import wire_server as messages
from tests.support.loopback import events, openai_stream
from tests.support.responses_wire import message_item, openai_response_stream, reasoning_item

SIGNED = {"text": "Lisbon.", "thoughtSignature": "c2lnbmVk"}
GEMINI = {
    "candidates": [{"content": {"parts": [SIGNED]}, "finishReason": "STOP"}],
    "responseId": "r-1",
}

WIRES: dict[str, tuple[str, str, Answer, bool]] = {
    "gemini": ("gemini", "gemini-3.8-flash", events([GEMINI]), True),
    "completions": ("openai", "o3-mini", openai_stream(["Lis", "bon."]), False),
    "responses": (
        "openai",
        "gpt-5.6-sol",
        openai_response_stream(reasoning_item(encrypted="c2VjcmV0"), message_item("Lisbon.")),
        True,
    ),
    "anthropic": (
        "anthropic",
        "claude-haiku-5-5",
        messages.stream(
            messages.events(
                messages.message(messages.thinking_block("so"), messages.text_block("Lisbon."))
            )
        ),
        True,
    ),
}


@pytest.mark.parametrize("wire", WIRES)
async def test_the_end_of_a_stream_has_the_id_and_the_state_of_its_reply(wire: str) -> None:
    plugin, model, answer, has_state = WIRES[wire]
    with Loopback() as server:
        server.answer = lambda _: answer
        provider = Provider(
            plugin=plugin,
            base_url=f"{server.url}{'/v1' if plugin == 'openai' else ''}",
            api_key=Secret("k"),
        )
        end, reply = await read(
            Settings(**chain(Model(provider="here", model=model)), providers={"here": provider})
        )
    assert fields(end) == fields(reply)
    assert (bool(end.id), bool(end.provider_state)) == (True, has_state)


async def test_the_end_of_a_scripted_stream_has_the_id_and_state() -> None:
    end, reply = await read(Settings(**chain(scripted_model("Lisbon."))))
    assert fields(end) == fields(reply)


def chain(model: Model) -> dict[str, Any]:
    return {"models": {"m": model}, "chains": {"default": Chain(models=("m",))}}


async def read(settings: Settings) -> tuple[Any, Any]:
    async with (
        AsyncStandby(settings=settings, environ={}, warm_up=False) as client,
        client.stream("Which city?") as stream,
    ):
        chunks = [chunk async for chunk in stream]
    assert "".join(chunk.text for chunk in chunks) == stream.reply.text == stream.text == "Lisbon."
    return chunks[-1].end, stream.reply


def fields(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in End.__struct_fields__}
