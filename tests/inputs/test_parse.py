"""What a caller passes to `chat`: an error names its place and does not quote the prompt."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from standby.errors import RequestError
from standby.inputs.parse import parse_request, parse_sampling
from standby.types import Message, Request, Sampling, Text

QUESTION = "What is the capital of Portugal?"
USER_MESSAGE = Message("user", (Text(QUESTION),))
ANSWER = Message("assistant", (Text("Lisbon."),))
RULES = Message("system", (Text("Be brief."),))
USER = {"role": "user", "content": QUESTION}


def read(messages: Any) -> tuple[Message, ...]:
    return parse_request(messages, {}).messages


@pytest.mark.parametrize(
    ("conversation", "messages"),
    [
        (QUESTION, (USER_MESSAGE,)),
        ([USER_MESSAGE], (USER_MESSAGE,)),
        ((USER_MESSAGE,), (USER_MESSAGE,)),
        ([USER], (USER_MESSAGE,)),
        ([RULES, USER, ANSWER, USER_MESSAGE], (RULES, USER_MESSAGE, ANSWER, USER_MESSAGE)),
        ([{"role": "developer", "content": "Be brief."}, USER], (RULES, USER_MESSAGE)),
        (
            [{"role": "user", "content": [{"type": "text", "text": "a"}, Text("b")]}],
            (Message("user", (Text("a"), Text("b"))),),
        ),
        (
            [{"role": "user", "content": ({"type": "text", "text": "a"},)}],
            (Message("user", (Text("a"),)),),
        ),
        ([Message("user", [Text("a")])], (Message("user", (Text("a"),)),)),  # type: ignore[arg-type] # the point
        ([Message("user", (Text("a"), Text("")))], (Message("user", (Text("a"),)),)),
        (
            [USER, {"role": "assistant", "content": None, "tool_calls": None, "refusal": ""}, USER],
            (USER_MESSAGE, USER_MESSAGE),
        ),
        (
            [USER, {"role": "assistant", "content": "", "name": ""}, USER],
            (USER_MESSAGE, USER_MESSAGE),
        ),
    ],
)
def test_a_string_messages_and_dictionaries_are_read_alike(
    conversation: Any, messages: tuple[Message, ...]
) -> None:
    assert read(conversation) == messages


def test_a_generator_is_consumed_once() -> None:
    yielded: list[int] = []

    def generate() -> Iterator[Message]:
        for number in range(3):
            yielded.append(number)
            yield USER_MESSAGE

    assert read(generate()) == (USER_MESSAGE, USER_MESSAGE, USER_MESSAGE)
    assert yielded == [0, 1, 2]


def test_the_callers_own_values_are_not_changed() -> None:
    message = {"role": "user", "content": [{"type": "text", "text": "a"}]}
    options = {"stop": "x"}
    parse_request([message], options)
    assert message == {"role": "user", "content": [{"type": "text", "text": "a"}]}
    assert options == {"stop": "x"}


ROLES = "system, user, assistant, tool"
PARTS_OF_ROLES = (
    "a tuple of Text (a user's also of Media, an assistant's also of Reasoning and ToolCall, "
    "a tool's of ToolResult)"
)
UNSOUND = f"a Message holds a role ({ROLES}) and {PARTS_OF_ROLES}"
ONLY_TEXT = 'expected {"type": "text", "text": "…"}, or an image_url, input_audio or file'

NO_CONVERSATIONS: list[tuple[Any, str]] = [
    ("", "message 0: the user message is empty; leave it out or give it a text"),
    ([], "messages: the list is empty; give at least one message of the user"),
    (iter(()), "messages: the list is empty; give at least one message of the user"),
    (None, "messages: expected a string or a list of messages, not None"),
    (5, "messages: expected a string or a list of messages, not an int"),
    (USER, "messages: expected a string or a list of messages, not a dict"),
    (USER_MESSAGE, "messages: expected a string or a list of messages, not a Message"),
    ([RULES, RULES], "messages: there is no message of the user"),
    ([{"role": "assistant", "content": None}], "messages: there is no message of the user"),
    ([RULES, {"role": "assistant", "content": []}], "messages: there is no message of the user"),
]

AT_FAULT: list[tuple[Any, str]] = [
    (QUESTION, "expected a Message or a dictionary, not a str"),
    (None, "expected a Message or a dictionary, not None"),
    ({"role": "user"}, "the user message is empty; leave it out or give it a text"),
    (
        {"role": "user", "content": [{"type": "text", "text": ""}]},
        "the user message is empty; leave it out or give it a text",
    ),
    ({"content": QUESTION}, f"'role' is missing or not a text; one of {ROLES}"),
    ({"role": ["user"], "content": QUESTION}, f"'role' is missing or not a text; one of {ROLES}"),
    (
        {"role": "tool", "content": QUESTION},
        "a tool's message needs the 'tool_call_id' of the call that it answers",
    ),
    ({"role": "robot", "content": QUESTION}, f"unknown role 'robot'; one of {ROLES}"),
    ({"role": "User", "content": QUESTION}, f"unknown role 'User'; one of {ROLES}"),
    ({"role": QUESTION, "content": "user"}, f"unknown role; one of {ROLES}"),
    ({"role": "user", "content": 5}, "'content' must be a string or a list of parts, not an int"),
    (
        {"role": "user", "content": {"type": "text", "text": QUESTION}},
        "'content' must be a string or a list of parts, not a dict",
    ),
    (
        {"role": "user", "content": QUESTION.encode()},
        "'content' must be a string or a list of parts, not a bytes",
    ),
    (
        {**USER, "tool_calls": [{}]},
        "'tool_calls' is not supported; only 'role' and 'content' are",
    ),
    ({**USER, "name": "Ann"}, "'name' is not supported; only 'role' and 'content' are"),
    (Message("tool", (Text(QUESTION),)), UNSOUND),
    (Message(["user"], (Text(QUESTION),)), UNSOUND),  # type: ignore[arg-type] # the point, here and below
    (Message("user", QUESTION), UNSOUND),  # type: ignore[arg-type]
    (Message("user", Text(QUESTION)), UNSOUND),  # type: ignore[arg-type]
    (Message("user", None), UNSOUND),  # type: ignore[arg-type]
    (Message("user", (Text(5),)), UNSOUND),  # type: ignore[arg-type]
    (Message("user", ({"type": "text", "text": QUESTION},)), UNSOUND),  # type: ignore[arg-type]
    (Message("user", ()), "the user message is empty; leave it out or give it a text"),
]

PARTS: list[Any] = [
    QUESTION,
    None,
    {"text": QUESTION},
    {"type": "text"},
    {"type": "text", "text": None},
    {"type": ["text"], "text": QUESTION},
    Text(None),  # type: ignore[arg-type] # the point
]


EMPTY: list[Any] = ["", None, [], [{"type": "text", "text": ""}]]


@pytest.mark.parametrize("content", EMPTY)
@pytest.mark.parametrize("role", ["system", "developer"])
def test_an_empty_instruction_is_removed(role: str, content: Any) -> None:
    empty = {"role": role, "content": content}
    assert read([empty, RULES, USER, empty]) == read([RULES, USER])
    assert read([{"role": role}, USER, Message("system", ())]) == read([USER])


def test_an_empty_instruction_may_stand_between_a_call_and_its_result() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    turn = [USER, {"role": "assistant", "tool_calls": [call]}]
    result = {"role": "tool", "tool_call_id": "1", "content": "rain"}
    assert read([*turn, {"role": "system", "content": ""}, result]) == read([*turn, result])


def test_the_index_of_a_later_message_stays() -> None:
    error = parse_refused(
        [{"role": "system", "content": ""}, USER, {"role": "robot", "content": QUESTION}]
    )
    assert error.index == 2


def parse_refused(messages: Any) -> RequestError:
    with pytest.raises(RequestError) as caught:
        read(messages)
    assert "capital" not in f"{caught.value!r} {caught.value}"
    return caught.value


@pytest.mark.parametrize(("messages", "message"), NO_CONVERSATIONS)
def test_what_is_no_conversation_is_refused(messages: Any, message: str) -> None:
    assert str(parse_refused(messages)) == message


@pytest.mark.parametrize(("conversation", "problem"), AT_FAULT)
@pytest.mark.parametrize("before", [[], [RULES, USER]])
def test_a_message_at_fault_is_named_by_its_index(
    conversation: Any, problem: str, before: list[Any]
) -> None:
    error = parse_refused([*before, conversation])
    assert (error.index, str(error)) == (len(before), f"message {len(before)}: {problem}")


@pytest.mark.parametrize("part", PARTS)
def test_a_part_at_fault_is_named_by_its_position(part: Any) -> None:
    error = parse_refused(
        [USER, {"role": "user", "content": [{"type": "text", "text": "a"}, part]}]
    )
    assert (error.index, str(error)) == (1, f"message 1, part 1: {ONLY_TEXT}")


def test_no_repr_of_a_request_shows_its_prompt() -> None:
    assert "capital" not in repr(parse_request([USER, USER_MESSAGE], {"seed": 1}))


@example("\ud83d\ude00 a pair, \ud800 and its halves \udfff")
@given(st.text(st.characters() | st.sampled_from("\ud83d\ude00\ud800\udfff\ufeff"), min_size=1))
def test_every_text_can_be_sent_and_only_half_characters_are_replaced(text: str) -> None:
    [message] = read(text)
    [part] = message.parts
    msgspec.json.encode(part.text)
    paired = re.sub(
        "[\ud800-\udbff][\udc00-\udfff]",
        lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16"),
        text,
    )
    assert part.text == re.sub("[\ud800-\udfff]", "\ufffd", paired)


# Sampling parameters


@pytest.mark.parametrize(
    ("options", "sampling"),
    [
        ({}, Sampling()),
        (
            {"temperature": 0, "top_p": 1, "top_k": 1, "max_tokens": 1},
            Sampling(temperature=0, top_p=1, top_k=1, max_tokens=1),
        ),
        ({"temperature": 2.0, "seed": -(2**63)}, Sampling(temperature=2.0, seed=-(2**63))),
        (
            {"presence_penalty": -2, "frequency_penalty": 2},
            Sampling(presence_penalty=-2, frequency_penalty=2),
        ),
        ({"temperature": None, "stop": None}, Sampling()),
        ({"stop": "END"}, Sampling(stop=("END",))),
        ({"stop": ["a", "b"]}, Sampling(stop=("a", "b"))),
        ({"stop": (each for each in "ab")}, Sampling(stop=("a", "b"))),
    ],
)
def test_sampling_parameters_are_read(options: dict[str, Any], sampling: Sampling) -> None:
    assert parse_sampling(options) == sampling
    assert parse_request(QUESTION, options if options.get("stop") is None else {}).messages == (
        USER_MESSAGE,
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tempreature": 1}, "unknown parameter 'tempreature'; did you mean 'temperature'?"),
        ({"max_token": 1}, "unknown parameter 'max_token'; did you mean 'max_tokens'?"),
        (
            {"temperature": 1, "zzz": 1},
            f"unknown parameter 'zzz'; one of {', '.join(Sampling.__struct_fields__)}",
        ),
        ({"temperature": -0.1}, "temperature: expected `float` >= 0.0"),
        ({"temperature": 2.1}, "temperature: expected `float` <= 2.0"),
        ({"temperature": float("nan")}, "temperature: expected `float` >= 0.0"),
        ({"temperature": float("inf")}, "temperature: expected `float` <= 2.0"),
        ({"temperature": float("-inf")}, "temperature: expected `float` >= 0.0"),
        ({"temperature": True}, "temperature: expected `float | None`, got `bool`"),
        ({"temperature": "0.5"}, "temperature: expected `float | None`, got `str`"),
        ({"top_p": 1.1}, "top_p: expected `float` <= 1.0"),
        ({"top_k": 0}, "top_k: expected `int` >= 1"),
        ({"top_k": 1.5}, "top_k: expected `int | None`, got `float`"),
        ({"max_tokens": 0}, "max_tokens: expected `int` >= 1"),
        ({"max_tokens": True}, "max_tokens: expected `int | None`, got `bool`"),
        ({"seed": "7"}, "seed: expected `int | None`, got `str`"),
        ({"presence_penalty": 2.5}, "presence_penalty: expected `float` <= 2.0"),
        ({"frequency_penalty": -2.5}, "frequency_penalty: expected `float` >= -2.0"),
        ({"stop": 5}, "stop: expected `list | None`, got `int`"),
        ({"stop": ["a", 5]}, "stop[1]: expected `str`, got `int`"),
    ],
)
def test_a_parameter_at_fault_is_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse_request(QUESTION, options)
    assert (caught.value.index, str(caught.value)) == (None, message)


@pytest.mark.parametrize(
    "name", [name for name in Sampling.__struct_fields__ if name not in ("stop", "seed")]
)
@given(value=st.floats() | st.integers() | st.booleans())
def test_every_number_is_either_refused_or_one_that_json_can_hold(name: str, value: float) -> None:
    try:
        sampling = parse_sampling({name: value})
    except RequestError as error:
        assert str(error).startswith(f"{name}: expected ")  # noqa: PT017 - either way is right
    else:
        assert msgspec.json.decode(msgspec.json.encode(sampling))[name] == value


def test_without_parameters_the_defaults_are_kept() -> None:
    assert parse_request(QUESTION, {}) == Request((USER_MESSAGE,), Sampling())


@pytest.mark.parametrize("strict", [None, 1, "true"])
def test_strict_is_true_or_false(strict: Any) -> None:
    assert parse_request(QUESTION, {"strict": True}).strict
    with pytest.raises(RequestError, match="strict: expected True or False, not "):
        parse_request(QUESTION, {"strict": strict})


@pytest.mark.parametrize(
    ("stop", "sent"), [("", None), ([], None), (["", ""], None), (["", "a"], ("a",)), (" ", (" ",))]
)
def test_an_empty_stop_is_none(stop: Any, sent: Any) -> None:
    assert parse_sampling({"stop": stop}).stop == sent


@pytest.mark.parametrize("blanks", ["  \n", "\t", "\u00a0", "\u200b", "\ufeff\u2060 \u200d"])
@pytest.mark.parametrize("role", ["system", "developer"])
def test_instructions_of_blanks_are_removed(role: str, blanks: str) -> None:
    for content in (blanks, [{"type": "text", "text": blanks}], [Text(blanks), Text("")]):
        assert read([{"role": role, "content": content}, USER]) == (USER_MESSAGE,)
    assert read([Message("system", (Text(blanks),)), USER]) == (USER_MESSAGE,)
    parts = [{"type": "text", "text": blanks}, {"type": "text", "text": "Be brief."}]
    assert read([{"role": role, "content": parts}, USER]) == (RULES, USER_MESSAGE)
