"""Bodies for Responses, pinned, and valid by the SDK's own types."""

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from openai.types.responses.response_create_params import (
    ResponseCreateParamsNonStreaming,
    ResponseCreateParamsStreaming,
)
from pydantic import TypeAdapter, ValidationError

from standby.plugin import (
    AttemptFailed,
    Card,
    Kind,
    Media,
    Message,
    ModelRequest,
    Reasoning,
    Request,
    Sampling,
    Schema,
    Text,
    ToolResult,
)
from standby_openai import OPTIONS
from standby_openai.responses_request import build_body
from tests.providers.openai.requests import CARDS
from tests.providers.openai.responses_requests import (
    CLOSED,
    FIELDS,
    INPUTS,
    MINIMAL,
    QUESTION,
    SOL,
    assistant,
)
from tests.support.sdks import needs_openai_3

CHOICES: dict[str, Any] = OPTIONS["properties"]  # type: ignore[assignment]
UNSTREAMED: TypeAdapter[Any] = TypeAdapter(ResponseCreateParamsNonStreaming)
STREAMED: TypeAdapter[Any] = TypeAdapter(ResponseCreateParamsStreaming)


def model_request(
    *messages: Message,
    card: Card | None = None,
    options: Any = None,
    extra: Any = None,
    **rest: Any,
) -> ModelRequest:
    request = Request(messages or (QUESTION,), **rest)
    card = card or CARDS[SOL]
    return ModelRequest(
        request=request,
        model=SOL,
        card=card,
        options=options or {},
        timeout=60.0,
        extra=extra or {},
    )


def body(*messages: Message, **rest: Any) -> dict[str, Any]:
    return build_body(model_request(*messages, **rest), stream=False)


def check(body: dict[str, Any]) -> None:
    """Check a body against the SDK's types.

    The types' iterables are validated only while one iterates over them.
    """
    params = ResponseCreateParamsStreaming
    assert set(body) <= params.__required_keys__ | params.__optional_keys__
    completed = body | {"input": [add_required(item) for item in body["input"]]}
    types = STREAMED if body.get("stream") else UNSTREAMED
    consume(types.validate_json(msgspec.json.encode(completed)))


def add_required(item: dict[str, Any]) -> dict[str, Any]:
    """Add fields that the types require and the API does not.

    They are an answer's id and status (openai-python #3544), and an image's detail.
    """
    if "role" not in item:
        return item
    more: dict[str, Any] = {"output_text": {"annotations": []}, "input_image": {"detail": "auto"}}
    content = [more.get(part["type"], {}) | part for part in item["content"]]
    head = {"id": "msg_1", "type": "message", "status": "completed"}
    return (head if item["role"] == "assistant" else {}) | item | {"content": content}


def consume(value: Any) -> None:
    if isinstance(value, dict):
        for inner in value.values():
            consume(inner)
    elif isinstance(value, Iterable) and not isinstance(value, str):
        for inner in value:
            consume(inner)


@pytest.mark.parametrize("case", INPUTS)
def test_a_conversation_is_a_list_of_items(case: str) -> None:
    messages, items = INPUTS[case]
    assert body(*messages) == MINIMAL | {"input": items}


@needs_openai_3
@pytest.mark.parametrize("case", INPUTS)
def test_the_sdks_types_allow_its_items(case: str) -> None:
    check(body(*INPUTS[case][0]))


@pytest.mark.parametrize("case", FIELDS)
def test_each_parameter_has_its_own_field(case: str) -> None:
    request_, expected = FIELDS[case]
    assert body(**request_) == MINIMAL | expected


@needs_openai_3
@pytest.mark.parametrize("case", FIELDS)
def test_the_sdks_types_allow_each_field(case: str) -> None:
    request_, _ = FIELDS[case]
    check(body(**request_))


@pytest.mark.parametrize(
    "wrong",
    [
        {"input": [{"role": "nobody", "content": []}]},
        {"tools": [{}]},
        {"store": "x"},
        {"stop": "x"},
    ],
)
def test_the_sdks_types_do_not_allow_everything(wrong: dict[str, Any]) -> None:
    with pytest.raises((ValidationError, AssertionError)):
        check(MINIMAL | wrong)


@needs_openai_3
@pytest.mark.parametrize(
    ("option", "value"),
    [(name, value) for name, about in CHOICES.items() for value in about["enum"]],
)
def test_the_sdks_types_allow_each_value_of_each_option(option: str, value: str) -> None:
    check(body(options={option: value}))


def test_the_body_requests_a_stream() -> None:
    streaming = build_body(model_request(), stream=True)
    assert streaming == MINIMAL | {"stream": True}
    check(streaming)


@pytest.mark.parametrize("efforts", [None, ()])
def test_only_a_reasoning_model_is_asked_for_its_reasoning(efforts: Any) -> None:
    sent = body(card=msgspec.structs.replace(CARDS[SOL], efforts=efforts))
    assert sent == {name: value for name, value in MINIMAL.items() if name != "include"}
    check(sent)


@pytest.mark.parametrize("type_", ["audio/wav", "video/mp4"])
@pytest.mark.parametrize("in_result", [False, True])
def test_media_without_a_form_is_not_sent(type_: str, in_result: bool) -> None:
    media = Media(media_type=type_, data="aGk=")
    message = (
        Message("tool", (ToolResult(id="call_1", text="", media=(media,)),))
        if in_result
        else Message("user", (media,))
    )
    with pytest.raises(AttemptFailed) as caught:
        body(message)
    assert (caught.value.failure.kind, caught.value.failure.message) == (
        Kind.UNSUPPORTED,
        f"not sent: Responses does not take {type_}",
    )


@pytest.mark.parametrize(
    ("sampling", "names"),
    [
        (Sampling(stop=("x",)), "stop"),
        (Sampling(seed=0), "seed"),
        (Sampling(presence_penalty=0.0), "presence_penalty"),
        (Sampling(frequency_penalty=1), "frequency_penalty"),
        (Sampling(frequency_penalty=1, seed=1, stop=()), "stop, seed, frequency_penalty"),
    ],
)
def test_a_parameter_that_responses_lacks_is_named(sampling: Sampling, names: str) -> None:
    with pytest.raises(AttemptFailed) as caught:
        body(sampling=sampling)
    message = f"not sent: Responses has no {names}; put it under the model's 'drop'"
    assert (caught.value.failure.kind, caught.value.failure.message) == (Kind.UNSUPPORTED, message)


def test_the_cards_of_models_on_responses_refuse_what_it_lacks() -> None:
    lacking = {"top_k", "stop", "seed", "presence_penalty", "frequency_penalty"}
    cards = [card for card in CARDS.values() if (card.wire or {}).get("api") == "responses"]
    assert cards
    assert all(lacking <= set(card.refuses or ()) for card in cards)


@pytest.mark.parametrize("root", [{"type": "array"}, {"type": "object", "anyOf": [CLOSED]}])
def test_a_schema_without_an_object_at_its_root_is_not_sent(root: dict[str, Any]) -> None:
    with pytest.raises(AttemptFailed) as caught:
        body(schema=Schema(name="x", json_schema=root, read=str))
    assert caught.value.failure.kind is Kind.UNSUPPORTED


def test_unencrypted_thoughts_are_omitted() -> None:
    assert body(
        QUESTION, Message("assistant", (Reasoning(text="Hm."), Text("Lisbon.")))
    ) == MINIMAL | {"input": [*MINIMAL["input"], assistant("Lisbon.")]}
