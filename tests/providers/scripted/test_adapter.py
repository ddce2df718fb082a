"""A scripted model plays its steps, one for each request."""

import asyncio
import subprocess
import sys
from typing import Any

import pytest

import standby_scripted
from standby.plugin import (
    AttemptFailed,
    Card,
    Chunk,
    End,
    Finish,
    Kind,
    Message,
    ModelRequest,
    Provider,
    Request,
    Text,
    Usage,
)
from standby_scripted.adapter import Scripted

REQUEST = Request((Message("user", (Text("Are you there?"),)),))


def model_request(options: dict[str, Any], model: str = "m") -> ModelRequest:
    return ModelRequest(request=REQUEST, model=model, card=Card(), options=options, timeout=5.0)


def scripted_adapter() -> Scripted:
    return Scripted(Provider(plugin="scripted"))


async def chunks(adapter: Scripted, request: ModelRequest) -> list[Chunk]:
    return [chunk async for chunk in adapter.stream(request)]


async def text(adapter: Scripted, request: ModelRequest) -> str:
    return "".join(chunk.text for chunk in await chunks(adapter, request))


async def test_a_fixed_reply_is_the_same_for_ever() -> None:
    adapter = scripted_adapter()
    assert [await text(adapter, model_request({"reply": "Back soon."})) for _ in range(3)] == [
        "Back soon."
    ] * 3


async def test_a_reply_names_the_requested_model_and_counts_no_tokens() -> None:
    *_, last = await chunks(scripted_adapter(), model_request({"reply": "Back soon."}))
    assert last == Chunk(end=End(finish=Finish.STOP, response_model="m", usage=Usage()))


async def test_steps_are_played_in_order_and_the_last_repeats() -> None:
    adapter = scripted_adapter()
    request = model_request({"script": [{"reply": "one"}, {"reply": "two"}]})
    assert [await text(adapter, request) for _ in range(4)] == ["one", "two", "two", "two"]


async def test_each_model_has_a_position_of_its_own() -> None:
    adapter = scripted_adapter()
    script = [{"reply": "one"}, {"reply": "two"}]
    requests = [
        model_request({"script": script}),
        model_request({"script": script}, "other"),
        model_request({"script": [*script, {"reply": "three"}]}),
    ]
    assert [await text(adapter, each) for each in requests] == ["one", "one", "one"]


async def test_a_list_gives_the_pieces_of_a_stream() -> None:
    received = await chunks(scripted_adapter(), model_request({"reply": ["a", "b"]}))
    assert [chunk.text for chunk in received] == ["a", "b", ""]


async def test_a_step_can_end_at_the_token_limit() -> None:
    *_, last = await chunks(
        scripted_adapter(), model_request({"script": [{"reply": "cut", "finish": "length"}]})
    )
    assert last.end is not None
    assert last.end.finish is Finish.LENGTH


async def test_a_step_fails_with_the_vendors_message() -> None:
    fail = {
        "kind": "overloaded",
        "status": 503,
        "code": "UNAVAILABLE",
        "message": "The model is overloaded.",
    }
    with pytest.raises(
        AttemptFailed, match=r"^503 UNAVAILABLE\. The model is overloaded\.$"
    ) as caught:
        await chunks(scripted_adapter(), model_request({"script": [{"fail": fail}]}))
    assert caught.value.failure.kind is Kind.OVERLOADED


async def test_a_stream_can_break_after_some_text() -> None:
    stream = scripted_adapter().stream(
        model_request({"script": [{"reply": ["a", "b"], "fail": {"kind": "connection"}}]})
    )
    assert [(await anext(stream)).text for _ in range(2)] == ["a", "b"]
    with pytest.raises(AttemptFailed, match=r"^a scripted failure$"):
        await anext(stream)


async def test_a_delay_is_waited_for_on_the_running_loop() -> None:
    clock = asyncio.get_running_loop().time
    began = clock()
    await chunks(
        scripted_adapter(), model_request({"script": [{"delay": "80ms", "reply": "late"}]})
    )
    assert 0.07 < clock() - began < 2


async def test_a_hang_ends_only_by_cancellation() -> None:
    stream = scripted_adapter().stream(model_request({"script": [{"reply": "a", "hang": True}]}))
    assert (await anext(stream)).text == "a"
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(stream), 0.05)


async def test_a_cancelled_step_counts_as_played() -> None:
    adapter = scripted_adapter()
    request = model_request({"script": [{"hang": True}, {"reply": "two"}]})
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(text(adapter, request), 0.05)
    assert await text(adapter, request) == "two"


def test_a_scripted_model_needs_no_key_and_has_a_disclaimer() -> None:
    info = standby_scripted.standby_provider()
    assert info.keys == ()
    assert info.card.disclaimer == "a fixed text, not a model's answer"


def test_the_manifest_imports_nothing_but_the_plugin_interface() -> None:
    code = (
        "import sys; import standby.plugin; before = set(sys.modules); import standby_scripted; "
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 - our own code
    assert done.stdout.split() == ["standby_scripted"]
