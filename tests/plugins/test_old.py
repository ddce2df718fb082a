"""Plugins written for version 1 of the interface, each of which must keep working.

From the first release on the files in `old` are never edited; until then they follow the interface.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from standby import AsyncStandby, ChainExhausted, Chunk, Reply, Standby
from standby.cli import standby
from standby.plugin import GROUP, Finish, Tool, Usage
from tests.docs.distributions import put, written
from tests.plugins.installation import plugins, validate

OLD = Path(__file__).parent / "old"
POINTS = {path.stem: f"old_{path.stem}" for path in sorted(OLD.glob("*.py"))} | {
    "commands": "old_commands:plugin"
}
LOOK_UP = Tool(
    name="look_up", parameters={"type": "object", "properties": {"city": {"type": "string"}}}
)

Install = Callable[[str], None]


@pytest.fixture
def install(folder: Path) -> Install:
    def install_all(models: str) -> None:
        files = {
            f"old_{name}.py": (OLD / f"{name}.py").read_text(encoding="utf-8") for name in POINTS
        }
        put(
            folder,
            {"name": "old-plugins", "version": "1.0", "entry-points": {GROUP: POINTS}},
            files,
        )
        (folder / "models.yaml").write_text(f"version: 1\n{models}\n", encoding="utf-8")

    return install_all


def chain(model: str) -> str:
    return f"chains: {{default: {{models: [{model}]}}}}"


def ask(chain: str = "default") -> Reply:
    with Standby(environ={"OLD_KEY": "k" * 7}, warm_up=False) as client:
        return client.chat("Good morning.", chain=chain)


def test_all_load_together(install: Install) -> None:
    install(chain("minimal/parrot-1"))
    rows = plugins()
    assert {name: (rows[name].distribution, rows[name].state) for name in POINTS} == dict.fromkeys(
        POINTS, ("old-plugins", "ok")
    )
    assert validate()[0] == 0


@pytest.mark.parametrize("plugin", ["minimal", "minimal_of_texts"])
def test_the_minimal_one_answers_with_its_disclaimer(install: Install, plugin: str) -> None:
    install(chain(f"{plugin}/parrot-1"))
    reply = ask()
    assert (reply.text, reply.disclaimer) == ("You said: Good morning.", "a parrot, not a model")


def test_the_minimal_one_is_streamed_in_one_piece(install: Install) -> None:
    install(chain("minimal/parrot-1"))
    with Standby(environ={}, warm_up=False) as client:
        assert [chunk.text for chunk in client.stream("Good morning.")] == [
            "You said: Good morning.",
            "",
        ]


COMPLETE = """\
providers: {mine: {plugin: whole, options: {region: west}}}
models:
  first: {provider: mine, model: whole-1, options: {tone: formal}, extra: {top: one}}
  tired: {provider: mine, model: whole-0}
  gone: {provider: mine, model: whole-gone}
chains: {default: {models: [first]}, bad: {models: [tired, gone], retry: {attempts: 1}}}
"""


def test_one_with_complete_alone_gets_account_options_and_sampling(install: Install) -> None:
    install(COMPLETE)
    with Standby(environ={"OLD_KEY": "k" * 7}, warm_up=False) as client:
        reply = client.chat("Good morning.", max_tokens=100, seed=3, extra={"mine": {"more": 2}})
    assert (
        reply.text
        == "7 west {'tone': 'formal', 'tokens': 64, 'seed': None, 'top': 'one', 'more': 2}"
    )
    assert (reply.finish, reply.usage, reply.response_model, reply.id) == (
        Finish.LENGTH,
        Usage(input=3, output=64),
        "whole-1",
        "answer-1",
    )
    assert reply.trail[0].dropped == ("seed",)


def test_its_failures_are_read(install: Install) -> None:
    install(COMPLETE)
    with pytest.raises(ChainExhausted) as caught:
        ask(chain="bad")
    assert [(each.kind, each.text) for each in caught.value.trail] == [
        ("overloaded", "503 tired. The model is tired."),
        ("model_missing", "no such model"),
    ]
    assert caught.value.retry_after == 7.0


def test_an_option_that_its_schema_does_not_have_is_an_error(install: Install) -> None:
    install(COMPLETE.replace("tone:", "ton:"))
    assert [each["message"] for each in validate()[1] if each["severity"] == "error"] == [
        "unknown key 'ton'"
    ]


def test_one_with_stream_alone_is_collected_and_streamed(install: Install) -> None:
    install(chain("streaming-1"))
    reply = ask()
    assert (reply.text, reply.reasoning, reply.id) == ("Lisbon.", "A capital.", "s-1")
    assert reply.usage == Usage(input=5, output=2, reasoning=1)

    async def stream_chunks() -> list[Chunk]:
        async with (
            AsyncStandby(environ={}, warm_up=False) as client,
            client.stream("Good morning.") as stream,
        ):
            return [chunk async for chunk in stream]

    chunks = asyncio.run(stream_chunks())
    assert [chunk.text for chunk in chunks if chunk.text] == ["Lis", "bon."]
    assert chunks[-1].end is not None


def test_one_with_tools_gets_its_state_back(install: Install) -> None:
    install(chain("tools-1"))
    question = {"role": "user", "content": "Where?"}
    with Standby(environ={}, warm_up=False) as client:
        reply = client.chat([question], tools=[LOOK_UP])
        [call] = reply.tool_calls
        assert (call.name, call.arguments, reply.finish) == (
            "look_up",
            {"city": "Lisbon"},
            Finish.TOOL_CALLS,
        )
        result = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
        again = client.chat([question, reply.message, result], tools=[LOOK_UP])
        stream_chunks = [
            chunk.tool_call
            for chunk in client.stream([question], tools=[LOOK_UP])
            if chunk.tool_call
        ]
    assert again.text == "look_up said sunny; I kept a signature"
    assert [each.name for each in stream_chunks] == ["look_up"]


def test_one_with_commands_and_hooks_on_an_object(install: Install) -> None:
    install(chain("commands-1"))
    assert ask().text == "written for 1"
    assert CliRunner().invoke(standby, ["commands", "feed"]).output == "Fed.\n"


def test_the_example_in_plugins_md_is_in_the_corpus() -> None:
    corpus = {
        path.read_text(encoding="utf-8").replace(f"old_{path.stem}:", "standby_parrot:")
        for path in OLD.glob("minimal*.py")
    }
    assert written("A working plugin in 60 seconds")["standby_parrot.py"] in corpus
