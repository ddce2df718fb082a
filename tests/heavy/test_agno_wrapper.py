"""The class that applications wrote for themselves: the same members, and nothing global."""

import asyncio
import re
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("agno", reason="scripts/integrations runs these, where agno is")
from agno.agent import Agent
from agno.exceptions import ModelProviderError
from agno.media import Image
from agno.models.message import Message
from pydantic import SecretStr

from standby.integrations.agno import IntelligentModelFallback
from tests.support.loopback import GEMINI_503, OPENAI_500, Loopback, both, gemini_answers

YAML = """
version: 1
providers:
  first: {{plugin: gemini, base_url: "{first}", api_key: "${{GOOGLE_API_KEY}}"}}
  second: {{plugin: openai, base_url: "{second}/v1", api_key: "${{OPENAI_API_KEY}}"}}
models:
  gemini-2.5-pro: {{provider: first, breaker: {{failures: 1, open: 300ms, open_limit: 300ms}}}}
  gemini-2.5-flash: {{provider: first}}
  o3-mini: {{provider: second}}
chains:
  default:
    models: ["${{PRIMARY_AI_MODEL:-gemini-2.5-pro}}", "${{FALLBACK_AI_MODEL:-o3-mini}}"]
    fallback: "${{ENABLE_MODEL_FALLBACK:-true}}"
    retry: {{attempts: 1}}
"""
SETTINGS = {"google_api_key": "google-key-0123", "openai_api_key": SecretStr("openai-key-0123")}
ONE = b"\x89PNG\r\n\x1a\n" + b"\0" * 16


@pytest.fixture
def servers() -> Iterator[tuple[Loopback, Loopback]]:
    with both() as pair:
        yield pair


@pytest.fixture
def config(servers: tuple[Loopback, Loopback], tmp_path: Path) -> Path:
    first, second = servers
    (tmp_path / "models.yaml").write_text(YAML.format(first=first.url, second=second.url))
    return tmp_path / "models.yaml"


def wrapper(config: Path, **rest: Any) -> IntelligentModelFallback:
    return IntelligentModelFallback(SimpleNamespace(**{**SETTINGS, **rest}), config=config)


def test_run_returns_an_object_with_the_content(servers: Any, config: Path) -> None:
    run = wrapper(config).run("Where?")
    assert (run.content, run.model, run.status.value) == (
        "Lisbon, says Gemini.",
        "gemini-2.5-pro",
        "COMPLETED",
    )
    assert servers[0].requests[0].headers["x-goog-api-key"] == "google-key-0123"


def test_keys_and_names_come_from_the_settings(servers: Any, config: Path) -> None:
    servers[0].script(GEMINI_503)
    run = wrapper(
        config, primary_ai_model="gemini-2.5-flash", ai_temperature=0.25, ai_max_tokens=99
    ).run("Where?")
    assert (run.content, run.model) == ("Lisbon, says OpenAI.", "o3-mini")
    assert "gemini-2.5-flash" in servers[0].requests[0].path
    assert servers[0].requests[0].json["generationConfig"]["maxOutputTokens"] == 99
    assert servers[1].requests[0].headers["authorization"] == "Bearer openai-key-0123"


def test_without_settings_the_environment_says_it(
    servers: Any, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", "from-the-environment")
    monkeypatch.setenv("PRIMARY_AI_MODEL", "gemini-2.5-flash")
    assert IntelligentModelFallback(config=config).run("Where?").model == "gemini-2.5-flash"
    assert servers[0].requests[0].headers["x-goog-api-key"] == "from-the-environment"


def test_a_fallback_that_is_switched_off_gets_no_request(servers: Any, config: Path) -> None:
    servers[0].script(GEMINI_503)
    model = wrapper(config, enable_model_fallback=False)
    with pytest.raises(ModelProviderError):
        model.run("Where?")
    assert (len(servers[1].requests), model.get_current_model_info()["has_fallback"]) == (0, False)


def test_when_all_fail_run_raises(servers: Any, config: Path) -> None:
    servers[0].script(GEMINI_503)
    servers[1].script(OPENAI_500)
    with pytest.raises(ModelProviderError, match="503 UNAVAILABLE"):
        wrapper(config).run("Where?")


async def test_on_an_event_loop_both_are_awaited(servers: Any, config: Path) -> None:
    model = wrapper(config)
    assert [(await model.run("Where?")).content, (await model.arun("Where?")).content] == [
        "Lisbon, says Gemini."
    ] * 2
    assert len(servers[0].requests) == 2
    await model._client.close()


async def test_many_calls_at_once_do_not_see_each_others_fallback(
    servers: Any, config: Path
) -> None:
    servers[0].script(GEMINI_503, gemini_answers("Lisbon, says Gemini."))
    model = wrapper(config, primary_ai_model="gemini-2.5-flash")
    runs = await asyncio.gather(*(model.arun("Where?") for _ in range(8)))
    assert sorted(run.model for run in runs) == ["gemini-2.5-flash"] * 7 + ["o3-mini"]
    assert all(run.model_provider_data["model"] == run.model for run in runs)
    await model._client.close()


def test_it_names_the_current_model_and_returns_by_itself(servers: Any, config: Path) -> None:
    servers[0].script(GEMINI_503)
    model = wrapper(config)
    assert (model.id, model.provider, model.fallback_active) == ("gemini-2.5-pro", "first", False)
    model.run("Where?")
    assert (model.id, model.provider, model.fallback_active) == ("o3-mini", "second", True)
    assert model.get_current_model_info() == {
        "current_model": "o3-mini",
        "fallback_active": True,
        "has_fallback": True,
    }
    model.reset_to_primary()
    assert model.fallback_active
    servers[0].answer = gemini_answers("Back.")
    assert any(_answer_after(0.1, model) == "Back." for _ in range(50))
    assert not model.fallback_active


def _answer_after(seconds: float, model: IntelligentModelFallback) -> Any:
    time.sleep(seconds)
    return model.run("Where?").content


def test_instructions_come_first_and_only_in_this_wrapper(servers: Any, config: Path) -> None:
    instructed, other = wrapper(config), wrapper(config)
    instructed.set_agent_instructions(["Be brief.", "Be kind."])
    instructed.run("Where?")
    other.run("Where?")
    first, second = (request.json for request in servers[0].requests)
    assert first["systemInstruction"]["parts"][0]["text"] == "Be brief.\nBe kind."
    assert "systemInstruction" not in second


def test_a_calls_own_instructions_go_before_the_wrappers(servers: Any, config: Path) -> None:
    model = wrapper(config)
    model.set_agent_instructions("Be brief.")
    model.run("Where?", instructions="Be long.")
    model.run("Where?")
    instructions = [
        request.json["systemInstruction"]["parts"][0]["text"] for request in servers[0].requests
    ]
    assert instructions == ["Be long.", "Be brief."]


def test_it_takes_messages_of_any_form(servers: Any, config: Path) -> None:
    model = wrapper(config)
    model.run([{"role": "user", "content": "a"}, Message(role="assistant", content="b"), "c"])
    sent = [
        (content["role"], content["parts"][0]["text"])
        for content in servers[0].requests[0].json["contents"]
    ]
    assert sent == [("user", "a"), ("model", "b"), ("user", "c")]


@pytest.mark.parametrize(
    "one", [{"role": "user", "content": "Where?"}, Message(role="user", content="Where?")]
)
def test_a_message_alone_is_one_message(servers: Any, config: Path, one: Any) -> None:
    wrapper(config).run(one)
    assert servers[0].requests[0].json["contents"] == [
        {"role": "user", "parts": [{"text": "Where?"}]}
    ]


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        (None, "not None"),
        (5, "not of type int"),
        (b"Where?", "not of type bytes"),
        ([5], "one of the list is of type int"),
        (["Where?", None], "one of the list is None"),
    ],
)
def test_what_is_not_a_message_is_refused(
    servers: Any, config: Path, prompt: Any, message: str
) -> None:
    with pytest.raises(
        TypeError, match=rf"message: expected a text, a message, or a list of them: .*{message}"
    ):
        wrapper(config).run(prompt)
    assert not servers[0].requests


@pytest.mark.parametrize(
    ("prompt", "media", "field"),
    [
        ({"content": "a secret"}, {}, "role"),
        ([{"role": "user", "content": 7, "id": "a secret"}], {}, "content"),
        ("a secret", {"images": [b"a secret"]}, "images"),
    ],
)
def test_a_message_that_agno_does_not_take_is_refused_without_its_content(
    config: Path, prompt: Any, media: dict[str, Any], field: str
) -> None:
    with pytest.raises(
        TypeError, match=f"message: Agno's Message does not accept this as {field}$"
    ) as caught:
        wrapper(config).run(prompt, **media)
    assert "a secret" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("field", "message"),
    [("image", "did you mean 'images'"), ("file", "did you mean 'files'"), ("xyz", "one of id")],
)
def test_a_field_that_agno_would_keep_unread_is_refused(
    servers: Any, config: Path, field: str, message: str
) -> None:
    fields: dict[str, Any] = {"role": "user", "content": "What is it?", field: [ONE]}
    for sent in ([Message(**fields)], Message(**fields), fields):
        with pytest.raises(TypeError, match=f"unknown field '{field}'; {message}"):
            wrapper(config).run(sent)
    assert not servers[0].requests
    assert (
        wrapper(config).run([Message(**{**fields, field: None})]).content == "Lisbon, says Gemini."
    )


def test_it_takes_pictures(servers: Any, config: Path) -> None:
    wrapper(config).run("What is it?", images=[Image(content=ONE)])
    assert len(servers[0].requests[0].json["contents"][0]["parts"]) == 2


def test_an_agent_with_its_current_model_falls_back(servers: Any, config: Path) -> None:
    servers[0].script(GEMINI_503)
    run = Agent(model=wrapper(config).current_model, telemetry=False).run("Where?")
    assert (run.content, run.model) == ("Lisbon, says OpenAI.", "o3-mini")


def test_it_shows_no_key(config: Path) -> None:
    model = wrapper(config)
    output = f"{model!r} {model.current_model!r} {model.current_model.to_dict()}"
    assert "key-0123" not in output


def test_what_only_a_model_has_is_reached_through_it(config: Path) -> None:
    model = wrapper(config)
    assert model.supports_native_structured_outputs is True
    with pytest.raises(AttributeError):
        _ = model.nothing_of_the_kind


MISSPELT = [
    ({"image": [ONE]}, "unknown keyword 'image'; did you mean 'images'?"),
    ({"video": [ONE]}, "unknown keyword 'video'; did you mean 'videos'?"),
    ({"instruction": "Be brief."}, "unknown keyword 'instruction'; did you mean 'instructions'?"),
    ({"xyz": 1}, "unknown keyword 'xyz'; one of images, audio, videos, files, instructions"),
]


@pytest.mark.parametrize(
    ("keywords", "message"),
    MISSPELT,
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
async def test_an_unknown_keyword_is_refused_at_once_and_nothing_is_sent(
    servers: Any, config: Path, keywords: dict[str, Any], message: str
) -> None:
    model = wrapper(config)
    with pytest.raises(TypeError, match=re.escape(message)):
        model.run("Where?", **keywords)  # on an event loop: before there is anything to await
    with pytest.raises(TypeError, match=re.escape(message)):
        await model.arun("Where?", **keywords)
    assert not servers[0].requests


def test_without_a_loop_it_is_refused_too(servers: Any, config: Path) -> None:
    with pytest.raises(TypeError, match="did you mean 'images'"):
        wrapper(config).run("Where?", image=[ONE])
    with pytest.raises(TypeError, match="images: put them into the messages"):
        wrapper(config).run([{"role": "user", "content": "Where?"}], images=[ONE])
    with pytest.raises(TypeError, match="unknown field 'image'; did you mean 'images'"):
        wrapper(config).run([{"role": "user", "content": "Where?", "image": [ONE]}])
    assert not servers[0].requests
    assert (
        wrapper(config).run([{"role": "user", "content": "Where?", "refusal": None}]).content
        == "Lisbon, says Gemini."
    )


@pytest.mark.parametrize("settings", ["models.yaml", Path("models.yaml"), {"google_api_key": "x"}])
def test_a_file_in_the_place_of_the_settings_is_refused(settings: Any) -> None:
    with pytest.raises(
        TypeError,
        match=r"settings: expected an object with attributes, not a \w+; a file is config=",
    ):
        IntelligentModelFallback(settings)
