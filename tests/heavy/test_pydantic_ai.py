"""docs/pydantic-ai.md on the real Pydantic AI: each block prints what stands below it."""

from pathlib import Path
from typing import Any

import pytest

import standby
from standby.settings import Retry
from tests.docs.documents import blocks
from tests.support.chains import loopback_chain, scripted_chain
from tests.support.loopback import GEMINI_503, both

pytest.importorskip("pydantic_ai", reason="scripts/integrations runs these, where pydantic_ai is")
pytestmark = pytest.mark.filterwarnings("default")  # theirs are theirs

DOCUMENT = "docs/pydantic-ai.md"


@pytest.mark.parametrize("heading", ["Try it", "Answers that fit a schema"])
def test_each_block_prints_what_stands_below_it(
    heading: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file, source, printed = (
        blocks(DOCUMENT, heading, language)[0].text for language in ("yaml", "python", "text")
    )
    (tmp_path / "models.yaml").write_text(file, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STANDBY_CONFIG", raising=False)
    exec(source, {"__name__": "page"})  # noqa: S102 - the page's own code
    assert capsys.readouterr().out == printed


def agent(client: Any) -> Any:
    from pydantic_ai import Agent  # noqa: PLC0415 - it may be missing
    from pydantic_ai.models.openai import OpenAIChatModel  # noqa: PLC0415 - it may be missing
    from pydantic_ai.providers.openai import OpenAIProvider  # noqa: PLC0415 - it may be missing

    return Agent(OpenAIChatModel("default", provider=OpenAIProvider(openai_client=client)))


async def test_an_agent_falls_back_over_sockets() -> None:
    with both() as (gemini, openai):
        gemini.script(GEMINI_503)
        settings = loopback_chain(gemini=gemini.url, openai=openai.url, retry=Retry(attempts=1))
        async with standby.async_openai_client(settings=settings) as client:
            result = await agent(client).run("Which city?")
            async with agent(client).run_stream("Which city?") as stream:
                streamed = await stream.get_output()
    assert result.output == streamed == "Lisbon, says OpenAI."
    assert (result.usage.input_tokens, result.usage.output_tokens) == (12, 28)


async def test_when_all_fail_it_is_a_model_http_error_with_the_trail_on_its_cause() -> None:
    from pydantic_ai.exceptions import ModelHTTPError  # noqa: PLC0415 - it may be missing

    settings = scripted_chain(
        [{"fail": {"kind": "overloaded", "status": 503}}], retry=Retry(attempts=1)
    )
    async with standby.async_openai_client(settings=settings) as client:
        with pytest.raises(ModelHTTPError) as caught:
            await agent(client).run("Which city?")
    cause: Any = caught.value.__cause__
    assert caught.value.status_code == 503
    assert cause.response.headers["x-standby-trail"] == "m1 failed overloaded 503"
