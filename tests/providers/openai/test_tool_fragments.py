"""Tool calls as servers send them: in fragments, without or with equal indices, or cut."""

from typing import Any

import pytest

from standby.plugin import AttemptFailed, Finish, Kind
from standby_openai.chat_reply import Reader


def piece(call_id: str = "", name: str = "", arguments: str = "", **index: int) -> dict[str, Any]:
    return {
        **index,
        "id": call_id or None,
        "function": {"name": name or None, "arguments": arguments},
    }


def read(*deltas: list[dict[str, Any]], finish: str = "tool_calls", text: str = "") -> Reader:
    reader = Reader()
    for delta in deltas:
        reader.read({"choices": [{"delta": {"tool_calls": delta}}]})
    reader.read({"choices": [{"delta": {"content": text}, "finish_reason": finish}]})
    return reader


TWO = [("f", {}), ("g", {"a": 1})]


@pytest.mark.parametrize(
    "deltas",
    [
        [
            [piece("1", "f", "{}", index=0)],
            [piece("2", "g", '{"a":', index=1)],
            [piece(arguments="1}", index=1)],
        ],
        [[piece("1", "f", "{}"), piece("2", "g", '{"a":1}')]],
        [[piece("1", "f", "{}")], [piece("2", "g", '{"a":1}')]],
        [[piece("", "f", "{}")], [piece("", "g", '{"a":')], [piece(arguments="1}")]],
        [
            [piece("1", "f", index=0)],
            [piece("2", "g", '{"a":', index=0)],
            [piece(arguments="1}", index=0)],
        ],
        [[piece("1", "f", "{}", index=0)], [piece("2", "g", '{"a":1}', index=0)]],
    ],
)
def test_fragments_are_assembled_into_separate_calls(deltas: list[list[dict[str, Any]]]) -> None:
    reader = read(*deltas)
    assert reader.build_end().finish is Finish.TOOL_CALLS
    assert [(call.name, call.arguments) for call in reader.tool_calls] == TWO
    assert len({call.id for call in reader.tool_calls}) == 2


@pytest.mark.parametrize("arguments", ["", '{"a":'])
def test_a_call_cut_by_the_token_limit_is_omitted(arguments: str) -> None:
    reader = read(
        [piece("1", "f", "{}", index=0), piece("2", "g", arguments, index=1)], finish="length"
    )
    assert reader.build_end().finish is Finish.LENGTH
    assert [call.name for call in reader.tool_calls] == ["f"]


def test_an_answer_of_only_a_cut_call_is_empty() -> None:
    with pytest.raises(AttemptFailed) as caught:
        read([piece("1", "f", "", index=0)], finish="length").build_end()
    assert caught.value.failure.kind is Kind.EMPTY
