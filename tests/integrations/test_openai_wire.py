"""What the wire's pure functions say where the SDK would not show it."""

from typing import Any

import msgspec
import pytest

import standby
from standby import Attempt, Kind, Reply
from standby.integrations.openai_reply import Frames, completion_of, headers_of
from standby.integrations.openai_request import IGNORED, Refused, asked_of
from standby.types import Chunk, Sampling
from tests.test_architecture import loaded_by


def body(**more: Any) -> bytes:
    return msgspec.json.encode({"model": "default", "messages": [{"role": "user", "content": "Hi"}], **more})


def attempt(**more: Any) -> Attempt:
    return Attempt(**{"model": "m", "provider": "p", "outcome": "failed", "start": 0.0, "duration": 0.1, **more})


def test_a_header_holds_names_of_any_letters_and_no_word_of_what_was_said() -> None:
    trail = (attempt(model="здесь/qwen3:8b", kind=Kind.TIMEOUT, text="the vendor's words"), attempt(model="a; b\r\nx"))
    headers = headers_of("très prudent", trail, "m2", "p", "small; d'été")
    assert headers["x-standby-chain"] == "tr%C3%A8s%20prudent"
    assert headers["x-standby-trail"] == (
        "%D0%B7%D0%B4%D0%B5%D1%81%D1%8C/qwen3:8b failed timeout; a%3B%20b%0D%0Ax failed; m2 answering"
    )
    assert headers["x-standby-attempts"] == "3"
    assert all(value.isascii() and value.isprintable() for value in headers.values())


@pytest.mark.parametrize("role", ["user", "assistant", "system", "developer"])
def test_a_speakers_name_goes_nowhere(role: str) -> None:
    said = {"role": role, "content": "Hi"}
    assert asked_of(body(messages=[{**said, "name": "Ana"}])).messages == [said]


@pytest.mark.parametrize("message", [7, None, {"role": ["user"], "name": "Ana"}, {"role": "tool", "name": "weather"}])
def test_other_messages_are_left_as_they_are(message: Any) -> None:
    assert asked_of(body(messages=[message])).messages == [message]


def test_a_model_that_was_skipped_is_no_attempt() -> None:
    trail = (attempt(outcome="skipped", kind=Kind.UNAVAILABLE), attempt(outcome="answered"))
    assert headers_of("default", trail, "m", "p")["x-standby-attempts"] == "1"


@pytest.mark.parametrize("name", sorted(IGNORED))
def test_what_says_nothing_of_the_answer_goes_nowhere(name: str) -> None:
    assert asked_of(body(**{name: "x"})).options == {}


@pytest.mark.parametrize("name", sorted(Sampling.__struct_fields__))
def test_every_sampling_parameter_is_taken(name: str) -> None:
    assert asked_of(body(**{name: 1})).options == {name: 1}
    assert asked_of(body(**{name: None})).options == {}


@pytest.mark.parametrize("value", [b"", b"[]", b"null", b"{", b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_object_is_refused(value: bytes) -> None:
    with pytest.raises(Refused, match="the body of the request is no JSON object"):
        asked_of(value)


@pytest.mark.parametrize("options", [7, "x", {"include_all": True}])
def test_the_options_of_a_stream_are_known_or_refused(options: Any) -> None:
    with pytest.raises(Refused, match="stream_options: expected an object with include_obfuscation and include_usage"):
        asked_of(body(stream=True, stream_options=options))


@pytest.mark.parametrize("model", ["", 7, None])
def test_a_model_that_is_no_name_is_refused(model: Any) -> None:
    with pytest.raises(Refused, match="model: expected the name of a chain"):
        asked_of(body(model=model))


def test_the_schema_of_an_answer_keeps_its_name() -> None:
    named = {"type": "json_schema", "json_schema": {"name": "city", "schema": {"type": "object"}}}
    assert asked_of(body(response_format=named)).options["schema"] == {"title": "city", "type": "object"}


def test_a_reply_without_text_has_no_content() -> None:
    message = msgspec.json.decode(completion_of(Reply(text=""), "id", 0))["choices"][0]["message"]
    assert message == {"role": "assistant", "content": None, "refusal": None}


def test_a_chunk_that_says_nothing_is_no_event() -> None:
    assert Frames("id", 0, "m", with_usage=True).of(Chunk(working=True)) == b""


def test_the_root_has_both_clients_and_importing_all_of_it_loads_no_sdk() -> None:
    from standby.integrations import openai_client as home  # noqa: PLC0415 - beside what it is compared with

    assert standby.openai_client is home.openai_client
    assert standby.async_openai_client is home.async_openai_client
    assert "openai" not in loaded_by("from standby import *")
    assert "openai" in loaded_by("from standby import openai_client")
