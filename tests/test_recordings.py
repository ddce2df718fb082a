"""Every recorded answer is read as expected by both transports, also in its other form."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import pytest

from standby.plugin import Finish, Kind, Usage, decode_json
from tests.oracles.expected import ExpectedFailure, ExpectedReply
from tests.oracles.expected_of_others import OTHERS
from tests.oracles.expected_of_own import OWN
from tests.support.loopback import Loopback, respond
from tests.support.recorded import (
    ROWS,
    STREAMS,
    Outcome,
    Recorded,
    as_events,
    choose_cuts,
    list_answers,
    list_files,
    play,
    read_payloads,
    recorded,
)
from tests.support.recordings import VARIABLE, find_others, get_folder
from tests.support.stream_forms import merge_events, split_answer
from tests.support.transports import TRANSPORTS

IDS = {
    "gemini": r'"responseId": ?"([^"]+)"',
    "vertex": r'"responseId": ?"([^"]+)"',
    "chat": r'"id": ?"(chatcmpl-\w+)"',
    "responses": r'"id": ?"(resp_\w+)"',
    "anthropic": r'"id": ?"(msg_\w+)"',
}
LISTS = [name for name in STREAMS if as_events(name) != recorded(name)]
IN_A_200 = [
    name for name, row in ROWS.items() if isinstance(row, ExpectedReply) or row.status == 200
]


@pytest.fixture(scope="module")
def server() -> Iterator[Loopback]:
    with Loopback() as server:
        yield server


async def read_cassette(
    server: Loopback, name: str, *, cuts: int = 0, transport: str = "lean"
) -> Outcome:
    """Play a recording; one without a status gets the expected one."""
    row, recording = ROWS[name], as_events(name)
    status = row.status if isinstance(row, ExpectedFailure) else 200
    places = choose_cuts(recording.body, cuts, seed=name) if cuts else ()
    answer = recording.answer(status, cuts=places)
    return await play(server, row.wire, answer, stream=recording.streamed, transport=transport)


def get_error_message(body: bytes) -> str:
    """Return an error's own message, or "" for any other body."""
    try:
        content = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return ""
    error = content.get("error") if isinstance(content, dict) else None
    return str((error or {}).get("message", ""))


def test_the_variable_names_the_folder_or_disables_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert find_others() == tmp_path
    monkeypatch.setenv(VARIABLE, "")
    assert find_others() is None
    monkeypatch.setenv(VARIABLE, str(tmp_path / "gone"))
    with pytest.raises(
        NotADirectoryError,
        match=r"STANDBY_RECORDINGS names .*gone, which is not a folder; name the recordings'",
    ):
        find_others()


@pytest.mark.parametrize(("owner", "rows"), [("own", OWN), ("others", OTHERS)])
def test_the_table_names_every_recorded_answer_of_every_file(
    owner: str, rows: Mapping[str, ExpectedReply | ExpectedFailure]
) -> None:
    files = list_files(get_folder(owner))
    assert {name.partition("#")[0] for name in rows} == files
    assert set(rows) == {answer for file in files for answer in list_answers(file)}


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("name", ROWS)
async def test_a_recording_is_read_as_expected(server: Loopback, name: str, transport: str) -> None:
    row, outcome = ROWS[name], await read_cassette(server, name, transport=transport)
    if isinstance(row, ExpectedFailure):
        check_failure(outcome, row, name)
    else:
        check_reply(outcome, row, name)
        check_calls(outcome, row)


def check_failure(outcome: Outcome, row: ExpectedFailure, name: str) -> None:
    failure = outcome.failure
    assert failure is not None
    assert (failure.kind, failure.status, failure.code) == (row.kind, row.status, row.code)
    assert (failure.retry_after, outcome.text) == (row.retry_after, row.text)
    assert failure.message.startswith(get_error_message(recorded(name).unpacked))
    assert row.message in failure.message != ""


def check_reply(outcome: Outcome, row: ExpectedReply, name: str) -> None:
    reply = outcome.reply
    assert reply is not None
    assert reply.text.startswith(row.text)
    assert len(reply.text) == (row.size or len(row.text))
    assert reply.finish is (row.finish or (Finish.TOOL_CALLS if row.calls else Finish.STOP))
    tokens, output, reasoning = row.tokens
    expected = Usage(input=tokens, output=output, reasoning=reasoning, cached=row.cached)
    assert reply.usage == expected
    assert reply.response_model == row.response_model
    ids = re.findall(IDS[row.wire], as_events(name).unpacked.decode())
    assert reply.id == next(iter(ids), "")
    assert (reply.reasoning[:14], reply.provider_state[:8]) == (row.thought, row.provider_state)
    assert len([chunk for chunk in outcome.chunks if chunk.text or chunk.reasoning]) == row.chunks


def check_calls(outcome: Outcome, row: ExpectedReply) -> None:
    assert outcome.reply is not None
    calls = outcome.reply.tool_calls
    assert [(call.name, call.arguments) for call in calls] == list(row.calls)
    assert len({call.id for call in calls} - {""}) == len(row.calls)
    signatures = list(row.signed or [""] * len(row.calls))
    assert [call.provider_state[:8] for call in calls] == signatures


@pytest.mark.parametrize("name", IN_A_200)
async def test_the_other_form_of_an_answer_gives_the_same(server: Loopback, name: str) -> None:
    recording, wire, original = as_events(name), ROWS[name].wire, await read_cassette(server, name)
    if recording.streamed:
        other = respond(200, merge_events(wire, await read_payloads(recording.body)))
    else:
        body = split_answer(wire, decode_json(recording.unpacked))
        other = Recorded(True, 200, "text/event-stream", body).answer(200)
    outcome = await play(server, wire, other, stream=not recording.streamed)
    assert (outcome.reply, outcome.failure) == (original.reply, original.failure)


@pytest.mark.parametrize("name", STREAMS)
async def test_a_stream_is_read_alike_wherever_its_bytes_are_split(
    server: Loopback, name: str
) -> None:
    assert await read_cassette(server, name, cuts=25) == await read_cassette(server, name)


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("stream", [True, False])
async def test_a_json_list_instead_of_events_is_malformed(
    server: Loopback, name: str, stream: bool
) -> None:
    outcome = await play(server, "gemini", recorded(name).answer(200), stream=stream)
    assert outcome.failure is not None
    assert (outcome.failure.kind, outcome.chunks) == (Kind.MALFORMED, [])
