"""A chain as Agno's model, over real sockets: agents, teams and sessions."""

import copy
import logging
import pickle
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("agno", reason="scripts/integrations runs these, where agno is")
from agno.agent import Agent
from agno.db.sqlite import SqliteDb
from agno.exceptions import ModelProviderError, ModelRateLimitError
from agno.media import Image
from agno.models.message import Message
from agno.team import Team
from pydantic import BaseModel

from standby import ConfigError, RequestError, Standby
from standby.integrations.agno import StandbyModel
from tests.heavy.agno_chains import KEYS, Chain, chain_in, gemini_calls, openai_calls
from tests.support.loopback import (
    GEMINI_429,
    GEMINI_503,
    OPENAI_429_QUOTA,
    OPENAI_500,
    gemini_answers,
    gemini_error,
    gemini_reply,
    gemini_stream,
    openai_reply,
)

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 16


class Invoice(BaseModel):
    total: int


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    with chain_in(tmp_path) as stage:
        yield stage


def agent(model: StandbyModel, **rest: Any) -> Agent:
    return Agent(model=model, telemetry=False, **rest)


def text_of(events: Iterable[Any]) -> str:
    """Return the text of a run's events; older versions of Agno add a line for each tool."""
    texts = [
        event.content for event in events if event.event.endswith("RunContent") and event.content
    ]
    return "".join(text for text in texts if ") completed in " not in text)


def test_an_agent_gets_the_answer_and_says_who_gave_it(chain: Chain) -> None:
    run = agent(chain.model()).run("Where?")
    assert (run.content, run.model, run.model_provider) == (
        "Lisbon, says Gemini.",
        "gemini-2.5-pro",
        "first",
    )
    data = run.model_provider_data
    assert [sorted(attempt) for attempt in data["trail"]] == [
        ["duration", "id", "model", "outcome", "provider", "setup", "start"]
    ]
    assert (data["model"], data["response_model"]) == ("gemini-2.5-pro", "gemini-2.5-pro")


def test_the_next_model_answers_in_place_of_one_that_fails(chain: Chain) -> None:
    chain.first.script(GEMINI_503)
    run = agent(chain.model()).run("Where?")
    assert (run.content, run.model, run.model_provider) == (
        "Lisbon, says OpenAI.",
        "o3-mini",
        "second",
    )
    trail = run.model_provider_data["trail"]
    assert [(attempt["model"], attempt.get("kind")) for attempt in trail] == [
        ("gemini-2.5-pro", "overloaded"),
        ("o3-mini", None),
    ]


async def test_the_same_on_an_event_loop(chain: Chain) -> None:
    chain.first.script(GEMINI_503)
    run = await agent(chain.model()).arun("Where?")
    assert (run.content, run.model) == ("Lisbon, says OpenAI.", "o3-mini")
    await chain.client.close()


def test_the_answers_tokens_are_counted_once(chain: Chain) -> None:
    chain.first.script(GEMINI_503)
    run = agent(chain.model()).run("Where?")
    counted = run.metrics
    assert (
        counted.input_tokens,
        counted.output_tokens,
        counted.total_tokens,
        counted.reasoning_tokens,
    ) == (12, 28, 40, 25)
    [spoken] = [message for message in run.messages if message.role == "assistant"]
    assert spoken.metrics.provider_metrics == {
        "o3-mini answers": 1,
        "o3-mini input_tokens": 12,
        "o3-mini output_tokens": 28,
    }


def test_a_stream_gives_the_text_as_it_comes_and_counts_once(chain: Chain) -> None:
    chain.first.script(GEMINI_503)
    model = chain.model()
    spoken = Message(role="assistant")
    deltas = list(model.invoke_stream([Message(role="user", content="Where?")], spoken))
    assert [delta.content for delta in deltas] == ["Lisbon, ", "says OpenAI.", None]
    assert [delta.response_usage and delta.response_usage.total_tokens for delta in deltas] == [
        None,
        None,
        40,
    ]
    assert deltas[-1].provider_data["model"] == "o3-mini"


def test_an_agents_stream_is_complete_and_names_the_model(chain: Chain) -> None:
    chain.first.script(GEMINI_503)
    assert text_of(agent(chain.model()).run("Where?", stream=True)) == "Lisbon, says OpenAI."


async def test_an_agents_stream_on_an_event_loop(chain: Chain) -> None:
    stream = agent(chain.model()).arun("Where?", stream=True)
    texts = [event.content async for event in stream if getattr(event, "content", None)]
    assert "".join(texts) == "Lisbon, says Gemini."
    await chain.client.close()


def broken_stream(chain: Chain) -> None:
    chain.first.script(gemini_stream(["Por", "to"], finish=None))


def test_a_stream_that_breaks_fails_by_agnos_own_error(chain: Chain) -> None:
    broken_stream(chain)
    deltas: list[Any] = []
    with pytest.raises(ModelProviderError) as caught:
        for delta in chain.model().invoke_stream(
            [Message(role="user", content="Where?")], Message(role="assistant")
        ):
            deltas.append(delta)  # noqa: PERF402 - what came before the break counts
    assert (caught.value.status_code, [delta.content for delta in deltas]) == (502, ["Por", "to"])
    assert chain.requests == (1, 0)


def test_a_chain_that_restarts_is_buffered(chain: Chain) -> None:
    broken_stream(chain)
    stream = chain.model(id="restart").invoke_stream(
        [Message(role="user", content="Where?")], Message(role="assistant")
    )
    assert [delta.content for delta in stream] == ["Lisbon, says OpenAI."]


@pytest.mark.parametrize("stream", [False, True])
def test_each_tool_runs_once_although_the_first_model_fails_after_it(
    chain: Chain, *, stream: bool
) -> None:
    calls: list[str] = []

    def weather(city: str) -> str:
        """Report the weather."""
        calls.append(city)
        return "sunny"

    chain.first.script(gemini_calls("weather", {"city": "Lisbon"}, "c2ln"), GEMINI_503)
    tooled = agent(chain.model(), tools=[weather])
    text = text_of(tooled.run("?", stream=True)) if stream else tooled.run("?").content
    assert (calls, text) == (["Lisbon"], "Lisbon, says OpenAI.")
    sent = chain.second.requests[0].json["messages"]
    assert [message["role"] for message in sent[-3:]] == ["user", "assistant", "tool"]
    assert sent[-1]["content"] == "sunny"
    assert "c2ln" not in chain.second.requests[0].body.decode()


def test_a_call_by_the_second_model_is_answered_by_the_first_once_it_is_back(chain: Chain) -> None:
    calls: list[str] = []

    def weather(city: str) -> str:
        """Report the weather."""
        calls.append(city)
        return "sunny"

    chain.first.script(GEMINI_503, gemini_answers("Sunny."))
    chain.second.script(openai_calls("weather", '{"city": "Lisbon"}'))
    run = agent(chain.model(), tools=[weather]).run("?")
    assert (calls, run.content, run.model) == (["Lisbon"], "Sunny.", "gemini-2.5-pro")


def test_what_only_its_model_can_read_comes_back_from_sqlite(chain: Chain, tmp_path: Path) -> None:
    def weather(city: str) -> str:
        """Report the weather."""
        return city

    def talk(text: str) -> Any:
        database = SqliteDb(db_file=str(tmp_path / "agno.db"))
        return agent(
            chain.model(), tools=[weather], db=database, add_history_to_context=True, session_id="s"
        ).run(text)

    signed = gemini_calls("weather", {"city": "Lisbon"}, "c2lnbmVk")
    chain.first.script(signed, gemini_reply("Sunny."), GEMINI_503, gemini_reply("Bye."))
    talk("first text")
    talk("second text")
    assert talk("third text").content == "Bye."
    second, last = (
        chain.second.requests[0].json["messages"],
        chain.first.requests[-1].json["contents"],
    )
    assert [message["content"] for message in second if message["role"] == "user"] == [
        "first text",
        "second text",
    ]
    assert [message["role"] for message in second] == [
        "user",
        "assistant",
        "tool",
        "assistant",
        "user",
    ]
    [call] = [part for content in last for part in content["parts"] if "functionCall" in part]
    assert call["thoughtSignature"] == "c2lnbmVk"


def test_an_output_schema_is_sent_to_each_model_and_parsed(chain: Chain) -> None:
    chain.first.script(gemini_reply("no JSON"))
    chain.second.script(openai_reply('{"total": 7}'))
    run = agent(chain.model(), output_schema=Invoice).run("Read it.")
    assert run.content == Invoice(total=7)
    assert (
        chain.second.requests[0].json["response_format"]["json_schema"]["schema"]["properties"][
            "total"
        ]["type"]
        == "integer"
    )


def weather(city: str) -> str:
    """Report the weather."""
    return f"Rain in {city}."


def test_tools_with_a_schema_are_the_second_models_where_the_first_takes_one_of_both(
    chain: Chain, caplog: pytest.LogCaptureFixture
) -> None:
    chain.second.answer = lambda _: openai_reply('{"total": 7}')
    tooled = agent(chain.model(), tools=[weather], output_schema=Invoice)
    with caplog.at_level(logging.INFO, "standby"):
        runs = [tooled.run("Read it.") for _ in range(3)]
    assert [(run.content, run.model) for run in runs] == [(Invoice(total=7), "o3-mini")] * 3
    assert chain.requests == (0, 3)
    warned = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    reason = "not sent: gemini-2.5-pro takes tools or a schema, not both"
    assert warned == [f"default: gemini-2.5-pro skipped (unsupported): {reason}"]


def test_with_the_schema_in_the_prompt_the_first_model_takes_both(chain: Chain) -> None:
    chain.first.answer = gemini_answers('{"total": 7}')
    model = chain.model(supports_native_structured_outputs=False)
    run = agent(model, tools=[weather], output_schema=Invoice).run("Read it.")
    assert (run.content, run.model, chain.requests) == (Invoice(total=7), "gemini-2.5-pro", (1, 0))


def test_json_mode_leaves_the_schema_to_agno(chain: Chain) -> None:
    chain.first.script(gemini_reply('{"total": 7}'))
    run = agent(chain.model(), output_schema=Invoice, use_json_mode=True).run("Read it.")
    assert run.content == Invoice(total=7)
    assert "responseJsonSchema" not in chain.first.requests[0].body.decode()


def test_a_picture_reaches_a_model_that_can_see(chain: Chain) -> None:
    run = agent(chain.model()).run("What is it?", images=[Image(content=PNG)])
    assert run.content == "Lisbon, says Gemini."
    [part] = [
        part for part in chain.first.requests[0].json["contents"][0]["parts"] if "text" not in part
    ]
    assert next(iter(part.values()))["mimeType"] == "image/png"


def test_a_team_shares_the_chain(chain: Chain) -> None:
    member = agent(chain.model(), name="geographer")
    chain.first.script(GEMINI_503)
    run = Team(members=[member], model=chain.model(), telemetry=False).run("Where?")
    assert (run.content, run.model) == ("Lisbon, says OpenAI.", "o3-mini")


def test_a_copy_shares_the_client(chain: Chain) -> None:
    model = chain.model(temperature=0.5)
    copied = copy.deepcopy(model)
    assert copied.client is model.client
    assert (copied.temperature, agent(copied).run("?").content) == (0.5, "Lisbon, says Gemini.")


def test_without_a_client_of_its_own_it_can_be_pickled(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY", KEYS["KEY"])
    model = pickle.loads(pickle.dumps(StandbyModel(config=chain.config, seed=7)))  # noqa: S301 - our own
    assert (model.seed, agent(model).run("?").content) == (7, "Lisbon, says Gemini.")
    assert StandbyModel(config=chain.config).route.targets[0] is model.route.targets[0]


def test_a_dictionary_serves_as_the_file_does(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY", KEYS["KEY"])
    config = yaml.safe_load(chain.config.read_text(encoding="utf-8"))
    model = StandbyModel(config=config)
    assert agent(model).run("?").content == "Lisbon, says Gemini."
    unpickled = pickle.loads(pickle.dumps(model))  # noqa: S301 - our own
    equal = StandbyModel(config=copy.deepcopy(config))
    for other in (equal, copy.deepcopy(model), unpickled):
        assert other.route.targets[0] is model.route.targets[0], "equal models share a client"
    with pytest.raises(ConfigError, match="the dictionary is empty"):
        StandbyModel(config={})


def test_either_client_serves_both_ways(chain: Chain) -> None:
    blocking = Standby(chain.config, environ=KEYS, warm_up=False)
    assert agent(StandbyModel(client=blocking)).run("?").content == "Lisbon, says Gemini."


def test_sampling_goes_to_the_model(chain: Chain) -> None:
    agent(chain.model(temperature=0.25, max_tokens=99)).run("?")
    config = chain.first.requests[0].json["generationConfig"]
    assert (config["temperature"], config["maxOutputTokens"]) == (0.25, 99)


WRONG = gemini_error(400, "INVALID_ARGUMENT", "Request contains an invalid argument.")


@pytest.mark.parametrize(
    ("first", "second", "status", "kind", "model"),
    [
        (GEMINI_503, OPENAI_500, 503, ModelProviderError, "o3-mini"),
        (GEMINI_429, OPENAI_429_QUOTA, 429, ModelRateLimitError, "o3-mini"),
        (WRONG, OPENAI_500, 400, ModelProviderError, "gemini-2.5-pro"),
    ],
)
def test_when_no_model_answers_agno_sees_an_error_of_its_own(
    chain: Chain, first: Any, second: Any, status: int, kind: type[Exception], model: str
) -> None:
    chain.first.script(first)
    chain.second.script(second)
    with pytest.raises(ModelProviderError) as caught:
        chain.model().response([Message(role="user", content="Where?")])
    error = caught.value
    assert (type(error), error.status_code, error.model_name, error.model_id) == (
        kind,
        status,
        model,
        "default",
    )


@pytest.mark.skipif(
    "retries" not in StandbyModel.__dataclass_fields__, reason="this Agno's models do not retry"
)
def test_agno_does_not_retry_the_chain(chain: Chain) -> None:
    chain.first.script(GEMINI_503)
    chain.second.script(OPENAI_500)
    with pytest.raises(ModelProviderError):
        chain.model(retries=3, delay_between_retries=0).response(
            [Message(role="user", content="Where?")]
        )
    assert chain.requests == (1, 1)


def test_a_failed_run_is_an_error_and_never_an_answer(chain: Chain) -> None:
    chain.first.script(GEMINI_503)
    chain.second.script(OPENAI_500)
    try:
        run = agent(chain.model()).run("Where?")
    except ModelProviderError:  # as older versions of Agno do
        return
    assert run.status.value.lower() == "error"


def test_an_unknown_chain_is_an_error_when_the_model_is_made(chain: Chain, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="no chain is named 'careful'"):
        chain.model(id="careful")
    (tmp_path / "broken.yaml").write_text("version: 1\nchains: {default: {models: []}}\n")
    with pytest.raises(ConfigError):
        StandbyModel(config=tmp_path / "broken.yaml")


def test_a_history_with_loose_ends_is_sent_without_them(chain: Chain) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    history = [
        Message(role="tool", tool_call_id="0", content="of a turn that was cut off"),
        Message(role="user", content="?"),
        Message(role="assistant", tool_calls=[call, {**call, "id": "2"}]),
        Message(role="tool", tool_call_id="2", content="found"),
        Message(role="user", content="And now?"),
    ]
    chain.first.script(GEMINI_503)
    chain.model().response(history)
    sent = chain.second.requests[0].json["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant", "tool", "user"]
    assert [call["id"] for call in sent[1]["tool_calls"]] == ["2"]


def test_results_that_agnos_gemini_kept_as_one_are_taken_apart(chain: Chain) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    history = [
        Message(role="user", content="?"),
        Message(role="assistant", tool_calls=[call, {**call, "id": "2"}]),
        Message(
            role="tool", content=["a", "b"], tool_calls=[{"tool_name": "f"}, {"tool_name": "f"}]
        ),
    ]
    chain.first.script(GEMINI_503)
    chain.model().response(history)
    sent = chain.second.requests[0].json["messages"]
    assert [(message["tool_call_id"], message["content"]) for message in sent[2:]] == [
        ("1", "a"),
        ("2", "b"),
    ]
