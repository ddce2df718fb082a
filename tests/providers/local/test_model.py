"""The real model on this machine, without a key and a network."""

import asyncio
import re
import shutil
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from standby.plugin import AttemptFailed, Finish, Kind
from standby_local.engine import ENGINES
from tests.providers.local.requests import collect, conversation, local, model_request

pytestmark = pytest.mark.usefixtures("weights")

STORY = conversation(("user", "Tell me a very long story about the sea."), max_tokens=1000)


async def test_it_answers_a_question_with_text() -> None:
    text, end = await collect(
        model_request(conversation(("user", "What is the capital of Portugal?"), seed=1))
    )
    assert "Portugal" in text
    assert end.finish is Finish.STOP
    assert end.response_model == "smollm2-135m"
    assert end.usage.input > 30
    assert end.usage.output > 5


async def test_the_text_streams_as_it_is_generated() -> None:
    pieces = [
        chunk
        async for chunk in local().stream(
            model_request(conversation(("user", "Tell me a story."), max_tokens=20))
        )
    ]
    assert len(pieces) > 10
    assert all(chunk.text for chunk in pieces[:-1])
    assert pieces[-1].end is not None


async def test_the_token_limit_is_enforced_and_reported() -> None:
    _, end = await collect(model_request(conversation(("user", "Tell me a story."), max_tokens=5)))
    assert (end.finish, end.usage.output) == (Finish.LENGTH, 5)


async def test_an_answer_without_a_limit_ends_at_the_models_own() -> None:
    _, end = await collect(model_request(STORY_WITHOUT_LIMIT, max_tokens=8))
    assert (end.finish, end.usage.output) == (Finish.LENGTH, 8)


STORY_WITHOUT_LIMIT = conversation(("user", "Tell me a very long story about the sea."))


async def test_the_same_seed_gives_the_same_answer() -> None:
    request = conversation(("user", "Name an animal."), seed=7, temperature=1.0, max_tokens=12)
    await collect(model_request(request))  # so that both find the prompt in the engine's cache
    assert (await collect(model_request(request)))[0] == (await collect(model_request(request)))[0]


async def test_a_stop_sequence_ends_the_answer_before_itself() -> None:
    text, end = await collect(
        model_request(
            conversation(
                ("user", "Repeat: one two three"), stop=("two",), temperature=0.0, max_tokens=40
            )
        )
    )
    assert "two" not in text
    assert end.finish is Finish.STOP


async def test_the_system_prompt_reaches_the_model() -> None:
    turns = conversation(
        ("system", "You are a pirate named Jack."),
        ("user", "Who are you?"),
        temperature=0.0,
        max_tokens=40,
    )
    text, _ = await collect(model_request(turns))
    assert re.search("pirate|Jack|Aye|Arr", text)


async def test_earlier_turns_reach_the_model() -> None:
    turns = conversation(
        ("user", "The secret word is banana."),
        ("assistant", "I will remember: the secret word is banana."),
        ("user", "What is the secret word?"),
        temperature=0.0,
        max_tokens=30,
    )
    assert "banana" in (await collect(model_request(turns)))[0]


async def test_a_prompt_larger_than_the_context_is_too_long() -> None:
    with pytest.raises(AttemptFailed, match="exceeds the available context size") as caught:
        await collect(model_request(conversation(("user", "word " * 5000))))
    assert caught.value.failure.kind is Kind.CONTEXT_TOO_LONG


async def test_a_prompt_may_fill_the_context() -> None:
    text, end = await collect(
        model_request(conversation(("user", "word " * 219), max_tokens=50), context=256)
    )
    assert text or end.usage.output
    assert 245 < end.usage.input < 256


async def test_four_concurrent_requests_are_all_answered() -> None:
    requests = [
        model_request(conversation(("user", f"Say the number {number}."), max_tokens=10))
        for number in range(4)
    ]
    assert all(text for text, _ in await asyncio.gather(*map(collect, requests)))


async def answer_time() -> float:
    began = time.perf_counter()
    await collect(model_request(conversation(("user", "Hi"), max_tokens=1)))
    return time.perf_counter() - began


async def test_a_closed_stream_stops_the_engine_soon() -> None:
    stream = local().stream(model_request(STORY))
    async for _ in stream:
        break
    await stream.aclose()  # type: ignore[attr-defined]
    assert await answer_time() < 3


async def test_a_cancelled_request_ends_at_once_and_the_engine_soon() -> None:
    task = asyncio.create_task(collect(model_request(STORY)))
    await asyncio.sleep(0.5)
    began = time.perf_counter()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.perf_counter() - began < 0.2
    assert await answer_time() < 3


async def test_cancelling_during_a_long_prompt_stops_the_engine_soon() -> None:
    task = asyncio.create_task(collect(model_request(conversation(("user", "sea " * 3000)))))
    await asyncio.sleep(0.5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await answer_time() < 5  # reading it all takes half a minute


async def test_a_request_cancelled_in_the_queue_never_reaches_the_engine() -> None:
    first = asyncio.create_task(
        collect(model_request(conversation(("user", "Tell me a story."), max_tokens=30)))
    )
    waiting = [asyncio.create_task(collect(model_request(STORY))) for _ in range(20)]
    await asyncio.sleep(0.1)
    for task in waiting:
        task.cancel()
    assert (await first)[0]
    assert await answer_time() < 3


def test_event_loops_share_one_engine() -> None:
    request = model_request(conversation(("user", "Hi"), max_tokens=2))
    threads = [
        threading.Thread(target=lambda: asyncio.run(collect(request)), name=f"caller-{number}")
        for number in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    contexts = [setup.context for setup in ENGINES._engines]
    assert contexts.count(4096) == 1


async def test_any_gguf_file_can_be_used(weights: Path, tmp_path: Path) -> None:
    shutil.copyfile(weights, tmp_path / "mine.gguf")
    own_request = model_request(
        conversation(("user", "Hi"), max_tokens=3),
        model="mine",
        path=str(tmp_path / "mine.gguf"),
        context=256,
    )
    text, end = await collect(own_request)
    assert text
    assert end.response_model == "mine"


async def test_the_engines_port_accepts_no_request() -> None:
    await answer_time()
    ports = listening_ports()
    assert ports
    assert [await asyncio.to_thread(status_of, port) for port in ports] == [401] * len(ports)


def status_of(port: int) -> int:
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/completions", data=b"{}", timeout=5)
    caught.value.close()
    return caught.value.code


def listening_ports() -> list[int]:
    """Return the ports on which this process listens, as Linux lists them."""
    table = Path("/proc/net/tcp")
    if not table.is_file():
        pytest.skip("this system does not list a process's ports in /proc")
    descriptors = Path("/proc/self/fd").iterdir()
    own = {link.readlink().name for link in descriptors if link.is_symlink()}
    rows = [line.split() for line in table.read_text().splitlines()[1:]]
    addresses = [row[1] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in own]
    assert all(address.startswith("0100007F:") for address in addresses), (
        "a port is open to other machines"
    )
    return [int(address.split(":")[1], 16) for address in addresses]
