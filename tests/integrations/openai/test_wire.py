"""The wire's pure functions, where the SDK would not show their results."""

import inspect
import re
from typing import Any

import msgspec
import pytest
from openai.resources.chat.completions import Completions
from openai.types.chat import ParsedChatCompletionMessage

import standby
from standby import Attempt, Kind, Reply
from standby.inputs.parse import parse_request
from standby.integrations.openai.errors import RejectedRequest
from standby.integrations.openai.headers import build_headers
from standby.integrations.openai.reply import EventEncoder, encode_completion
from standby.integrations.openai.request import CARRIED, HINTS, IGNORED, REASONS, parse_chat_request
from standby.types import Chunk, Sampling, Text
from tests.test_architecture import loaded_by


def body(**more: Any) -> bytes:
    return msgspec.json.encode(
        {"model": "default", "messages": [{"role": "user", "content": "Hi"}], **more}
    )


def attempt(**more: Any) -> Attempt:
    return Attempt(
        **{
            "model": "m",
            "provider": "p",
            "outcome": "failed",
            "start": 0.0,
            "duration": 0.1,
            **more,
        }
    )


def test_a_header_holds_names_of_any_letters_and_nothing_of_a_message() -> None:
    trail = (
        attempt(model="здесь/qwen3:8b", kind=Kind.TIMEOUT, text="the vendor's message"),
        attempt(model="a; b\r\nx"),
    )
    headers = build_headers("très prudent", trail, "m2", "p", "small; d'été")
    assert headers["x-standby-chain"] == "tr%C3%A8s%20prudent"
    assert headers["x-standby-trail"] == (
        "%D0%B7%D0%B4%D0%B5%D1%81%D1%8C/qwen3:8b failed timeout; "
        "a%3B%20b%0D%0Ax failed; m2 answering"
    )
    assert headers["x-standby-attempts"] == "3"
    assert all(value.isascii() and value.isprintable() for value in headers.values())


@pytest.mark.parametrize("role", ["user", "assistant", "system", "developer"])
def test_a_speakers_name_goes_nowhere(role: str) -> None:
    message = {"role": role, "content": "Hi"}
    assert parse_chat_request(body(messages=[{**message, "name": "Ana"}])).messages == [message]


@pytest.mark.parametrize(
    "message", [7, None, {"role": ["user"], "name": "Ana"}, {"role": "tool", "name": "weather"}]
)
def test_other_messages_are_left_as_they_are(message: Any) -> None:
    assert parse_chat_request(body(messages=[message])).messages == [message]


def test_a_model_that_was_skipped_is_no_attempt() -> None:
    trail = (attempt(outcome="skipped", kind=Kind.UNAVAILABLE), attempt(outcome="answered"))
    assert build_headers("default", trail, "m", "p")["x-standby-attempts"] == "1"


HOW_IT_IS_SENT = {"self", "extra_headers", "extra_query", "extra_body", "timeout"}
"""Arguments of the SDK's methods that are no part of the body."""


@pytest.mark.parametrize("method", ["create", "parse", "stream"])
def test_each_parameter_of_the_sdk_is_carried_ignored_dropped_or_refused_with_a_reason(
    method: str,
) -> None:
    groups = [CARRIED, IGNORED, HINTS, frozenset(REASONS)]
    taken = set(inspect.signature(getattr(Completions, method)).parameters) - HOW_IT_IS_SENT
    assert {name for name in taken if sum(name in names for names in groups) != 1} == set()


@pytest.mark.parametrize("name", sorted(HINTS))
def test_a_hint_is_dropped_and_named_unless_it_must_be_kept(name: str) -> None:
    extra = {name: {"a": 1}}
    assert parse_chat_request(body(**extra)).dropped == (name,)
    assert name not in parse_chat_request(body(**extra)).options
    assert parse_chat_request(body(**{name: None})).dropped == ()
    with pytest.raises(
        RejectedRequest,
        match=f"{name!r} is not carried: standby drops it, unless the request is strict",
    ) as caught:
        parse_chat_request(body(**extra, standby={"strict": True}))
    assert (caught.value.param, caught.value.code) == (name, "unsupported_parameter")


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("logprobs", False),
        ("top_logprobs", 0),
        ("logit_bias", {}),
        ("n", 1),
        ("modalities", ["text"]),
        ("functions", []),
    ],
)
def test_a_neutral_value_is_not_a_parameter(name: str, value: Any, *, strict: bool) -> None:
    request = parse_chat_request(body(**{name: value}, standby={"strict": strict}))
    assert (request.dropped, request.options) == ((), {"strict": strict})


@pytest.mark.parametrize("name", sorted(REASONS))
def test_what_the_answer_would_lack_is_refused_for_a_reason(name: str) -> None:
    with pytest.raises(
        RejectedRequest, match=re.escape(f"the parameter {name!r} is not carried: {REASONS[name]}")
    ):
        parse_chat_request(body(**{name: 7}))


REFUSED_IN_A_MESSAGE = {"audio", "function_call"}
"""Fields that hold a part of the answer which no other model could read."""


def test_each_field_of_the_sdks_answer_may_stand_in_a_history() -> None:
    for name in (
        set(ParsedChatCompletionMessage.model_fields)
        - REFUSED_IN_A_MESSAGE
        - {"role", "content", "tool_calls"}
    ):
        message = {"role": "assistant", "content": "Lisbon.", name: "something"}
        [sent] = parse_chat_request(body(messages=[message])).messages
        assert sent == {"role": "assistant", "content": "Lisbon."}, name


KEPT_BY_FRAMEWORKS = {
    "extra_content": {"google": {"thought_signature": "x"}},
    "reasoning_signature": "x",
    "prefix": True,
    "timestamp": 1_796_083_200,
    "provider_specific_fields": {"thought_signatures": ["x"]},
    "reasoning_content": "Where?",
    "reasoning_details": [{"text": "Where?"}],
    "thinking_blocks": [{"thinking": "Where?"}],
    "cache_control": {"type": "ephemeral"},
    "audio": None,
    "function_call": None,
    "tool_calls": None,
    "id": "msg_1",
}


def test_what_frameworks_keep_in_a_history_is_read_as_the_answer_alone() -> None:
    [sent] = parse_chat_request(
        body(messages=[{"role": "assistant", "content": "Lisbon.", **KEPT_BY_FRAMEWORKS}])
    ).messages
    history = [{"role": "user", "content": "Hi"}, sent]
    assert parse_request(history, {}) == parse_request(
        [history[0], {"role": "assistant", "content": "Lisbon."}], {}
    )


@pytest.mark.parametrize(
    "message",
    [
        {"content": None, "refusal": "I will not."},
        {"refusal": "I will not."},
        {"content": [], "refusal": "I will not."},
        {"content": [{"type": "refusal", "refusal": "I will not."}]},
    ],
)
def test_a_refusal_is_sent_as_text(message: dict[str, Any]) -> None:
    [sent] = parse_chat_request(body(messages=[{"role": "assistant", **message}])).messages
    assert msgspec.json.encode(sent["content"]).decode().count("I will not.") == 1
    history = [{"role": "user", "content": "Hi"}, sent]
    assert parse_request(history, {}).messages[1].parts == (Text("I will not."),)


@pytest.mark.parametrize("name", sorted(IGNORED))
def test_parameters_that_do_not_change_the_answer_are_not_sent(name: str) -> None:
    assert parse_chat_request(body(**{name: "x"})).options == {}


@pytest.mark.parametrize("name", sorted(Sampling.__struct_fields__))
def test_every_sampling_parameter_is_taken(name: str) -> None:
    assert parse_chat_request(body(**{name: 1})).options == {name: 1}
    assert parse_chat_request(body(**{name: None})).options == {}


@pytest.mark.parametrize("value", [b"", b"[]", b"null", b"{", b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_object_is_refused(value: bytes) -> None:
    with pytest.raises(RejectedRequest, match="the body of the request is not a JSON object"):
        parse_chat_request(value)


@pytest.mark.parametrize("options", [7, "x", {"include_all": True}])
def test_the_options_of_a_stream_are_known_or_refused(options: Any) -> None:
    with pytest.raises(
        RejectedRequest,
        match="stream_options: expected an object with include_obfuscation and include_usage",
    ):
        parse_chat_request(body(stream=True, stream_options=options))


@pytest.mark.parametrize("model", ["", 7, None])
def test_a_model_that_is_no_name_is_refused(model: Any) -> None:
    with pytest.raises(RejectedRequest, match="model: expected the name of a chain"):
        parse_chat_request(body(model=model))


def test_the_schema_of_an_answer_keeps_its_name() -> None:
    named = {"type": "json_schema", "json_schema": {"name": "city", "schema": {"type": "object"}}}
    assert parse_chat_request(body(response_format=named)).options["schema"] == {
        "title": "city",
        "type": "object",
    }


def test_a_reply_without_text_has_no_content() -> None:
    message = msgspec.json.decode(encode_completion(Reply(text=""), "id", 0))["choices"][0][
        "message"
    ]
    assert message == {"role": "assistant", "content": None, "refusal": None}


def test_a_chunk_that_says_nothing_is_no_event() -> None:
    assert EventEncoder("id", 0, "m", with_usage=True).encode(Chunk(working=True)) == b""


def test_the_root_has_both_clients_and_importing_all_of_it_loads_no_sdk() -> None:
    from standby.integrations.openai import client as home  # noqa: PLC0415 - beside what it is compared with

    assert standby.openai_client is home.openai_client
    assert standby.async_openai_client is home.async_openai_client
    assert "openai" not in loaded_by("from standby import *")
    assert "openai" in loaded_by("from standby import openai_client")


@pytest.mark.parametrize("kind", ["thinking", "redacted_thinking", "reasoning"])
def test_a_thought_among_the_parts_of_an_answer_is_left_out(kind: str) -> None:
    thought = {"type": kind, kind: "Where?", "signature": "x"}
    message = {"role": "assistant", "content": [thought, {"type": "text", "text": "Lisbon."}]}
    [sent] = parse_chat_request(body(messages=[message])).messages
    assert sent["content"] == [{"type": "text", "text": "Lisbon."}]
    history = [{"role": "user", "content": "Hi"}, {**message, "content": [thought]}]
    assert len(parse_request(parse_chat_request(body(messages=history)).messages, {}).messages) == 1


@pytest.mark.parametrize("name", ["is_error", "status", "artifact", "timestamp"])
def test_extra_fields_of_a_tools_result_are_not_sent(name: str) -> None:
    message = {"role": "tool", "tool_call_id": "1", "content": "rain"}
    assert parse_chat_request(body(messages=[{**message, name: "error"}])).messages == [message]


@pytest.mark.parametrize("role", ["user", "system", "developer", "assistant"])
def test_the_time_of_a_message_goes_nowhere(role: str) -> None:
    message = {"role": role, "content": "Hi"}
    assert parse_chat_request(body(messages=[{**message, "timestamp": 1}])).messages == [message]


OF_OTHER_VENDORS = (
    *("chat_template_kwargs", "enable_thinking", "keep_alive", "options"),
    *("provider", "reasoning", "thinking", "usage"),
)


@pytest.mark.parametrize("name", OF_OTHER_VENDORS)
def test_the_rejection_of_a_vendors_own_parameter_says_how_to_send_it(name: str) -> None:
    hint = f'extra_body={{"standby": {{"extra": {{PROVIDER: {{"{name}": …}}}}}}}}'
    with pytest.raises(RejectedRequest, match=re.escape(hint)) as caught:
        parse_chat_request(body(**{name: {"a": 1}}))
    assert (caught.value.param, caught.value.code) == (name, "unsupported_parameter")
    sent = {"standby": {"extra": {"mine": {name: {"a": 1}}}}}
    assert parse_chat_request(body(**sent)).options == {"extra": {"mine": {name: {"a": 1}}}}


def function(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


def allow_tools(mode: Any, *tools: Any) -> dict[str, Any]:
    return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": list(tools)}}


@pytest.mark.parametrize("mode", ["auto", "required"])
@pytest.mark.parametrize("named", [function("b"), {"type": "function", "name": "b"}])
def test_a_choice_among_some_of_the_tools_offers_those_alone(mode: str, named: Any) -> None:
    options = parse_chat_request(
        body(tools=[function("a"), function("b")], tool_choice=allow_tools(mode, named))
    ).options
    assert options == {"tools": [function("b")], "tool_choice": mode}


@pytest.mark.parametrize(
    "choice",
    [
        allow_tools("auto", function("c")),
        allow_tools("auto", function("a"), function("c")),
        allow_tools("none", function("a")),
        allow_tools(["auto"], function("a")),
        allow_tools("auto"),
        allow_tools("auto", 7),
        {"type": "allowed_tools"},
        {"type": "allowed_tools", "allowed_tools": 7},
    ],
)
def test_a_choice_among_tools_that_are_not_there_is_refused(choice: Any) -> None:
    with pytest.raises(
        RejectedRequest,
        match="tool_choice: allowed_tools needs a mode, auto or required, and names of tools",
    ) as caught:
        parse_chat_request(body(tools=[function("a"), function("b")], tool_choice=choice))
    assert caught.value.param == "tool_choice"
