"""docs/langchain.md on the real LangChain: each block prints what stands below it."""

from pathlib import Path
from typing import Any

import pytest

import standby
from standby.settings import Retry
from tests.docs.documents import blocks
from tests.support.chains import loopback_chain, scripted_chain
from tests.support.loopback import GEMINI_503, both

pytest.importorskip(
    "langchain_openai", reason="scripts/integrations runs these, where langchain_openai is"
)
pytestmark = pytest.mark.filterwarnings("default")  # theirs are theirs

DOCUMENT = "docs/langchain.md"


@pytest.mark.parametrize("heading", ["Try it", "Tools and answers that fit a schema"])
def test_each_block_prints_what_stands_below_it(
    heading: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if heading != "Try it":
        pytest.importorskip("langchain")
    file, source, printed = (
        blocks(DOCUMENT, heading, language)[0].text for language in ("yaml", "python", "text")
    )
    (tmp_path / "models.yaml").write_text(file, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STANDBY_CONFIG", raising=False)
    exec(source, {"__name__": "page"})  # noqa: S102 - the page's own code
    assert capsys.readouterr().out == printed


def chat(asynchronous: Any) -> Any:
    from langchain_openai import ChatOpenAI  # noqa: PLC0415 - it may be missing

    client = asynchronous.chat.completions
    return ChatOpenAI(
        model="default", api_key="unused", root_async_client=asynchronous, async_client=client
    )


async def test_the_asynchronous_side_falls_back_over_sockets() -> None:
    with both() as (gemini, openai):
        gemini.script(GEMINI_503)
        settings = loopback_chain(gemini=gemini.url, openai=openai.url, retry=Retry(attempts=1))
        async with standby.async_openai_client(settings=settings) as client:
            llm = chat(client)
            answer = await llm.ainvoke("Which city?")
            pieces = [piece.content async for piece in llm.astream("Which city?")]
    assert answer.content == "".join(pieces) == "Lisbon, says OpenAI."
    assert answer.response_metadata["model_name"] == "o3-mini"
    assert answer.usage_metadata["total_tokens"] == 40


def test_an_agent_that_has_a_name_goes_on_after_its_tools() -> None:
    agents = pytest.importorskip("langchain.agents")

    def weather(city: str) -> str:
        """Report the weather."""
        return f"rain in {city}"

    settings = scripted_chain(
        [{"tool_calls": [{"name": "weather", "arguments": {"city": "Porto"}}]}, {"reply": "Rain."}]
    )
    with standby.openai_client(settings=settings) as client:
        agent = agents.create_agent(chat_of(client), tools=[weather], name="meteorologist")
        messages = agent.invoke(
            {"messages": [{"role": "user", "content": "Porto?", "name": "Ana"}]}
        )["messages"]
    assert [message.name for message in messages] == [
        "Ana",
        "meteorologist",
        "weather",
        "meteorologist",
    ]
    assert messages[-1].content == "Rain."


def chat_of(blocking: Any) -> Any:
    from langchain_openai import ChatOpenAI  # noqa: PLC0415 - it may be missing

    return ChatOpenAI(
        model="default", api_key="unused", root_client=blocking, client=blocking.chat.completions
    )


async def test_when_all_fail_the_sdks_exception_comes_through_after_one_call() -> None:
    import openai  # noqa: PLC0415 - beside the library that may be missing

    settings = scripted_chain(
        [{"fail": {"kind": "overloaded", "status": 503}}], retry=Retry(attempts=1)
    )
    async with standby.async_openai_client(settings=settings) as client:
        with pytest.raises(openai.InternalServerError) as caught:
            await chat(client).ainvoke("Which city?")
    assert caught.value.response.headers["x-standby-trail"] == "m1 failed overloaded 503"
