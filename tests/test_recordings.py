"""Every recorded answer, played by a server and read through the real SDK: whole or streamed, and then in its other form."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import pytest

from standby.plugin import Finish, Kind, Usage, decode_json
from tests.oracles.expected import Failed, Said
from tests.oracles.expected_of_others import OTHERS
from tests.oracles.expected_of_own import OWN
from tests.support.loopback import Loopback, respond
from tests.support.recorded import (
    ROWS,
    STREAMS,
    Outcome,
    Recorded,
    answers_in,
    as_events,
    cuts_of,
    files,
    merged,
    outcome,
    payloads_of,
    recorded,
    split,
)
from tests.support.recordings import VARIABLE, folder, others

IDS = {
    "gemini": r'"responseId": ?"([^"]+)"',
    "vertex": r'"responseId": ?"([^"]+)"',
    "chat": r'"id": ?"(chatcmpl-\w+)"',
    "responses": r'"id": ?"(resp_\w+)"',
    "anthropic": r'"id": ?"(msg_\w+)"',
}
LISTS = [name for name in STREAMS if as_events(name) != recorded(name)]
IN_A_200 = [name for name, row in ROWS.items() if isinstance(row, Said) or row.status == 200]


@pytest.fixture(scope="module")
def server() -> Iterator[Loopback]:
    with Loopback() as server:
        yield server


async def read_cassette(server: Loopback, name: str, *, cuts: int = 0) -> Outcome:
    """Play a recording as it was; a body that was kept without its status is played with the one that belongs to it."""
    row, one = ROWS[name], as_events(name)
    status = row.status if isinstance(row, Failed) else 200
    answer = one.answer(status, cuts=cuts_of(one.body, cuts, seed=name) if cuts else ())
    return await outcome(server, row.wire, answer, stream=one.streamed)


def vendors_words(body: bytes) -> str:
    """Return an error's own message; a body that is no error has none."""
    try:
        told = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return ""
    return str((told.get("error") or {}).get("message", "")) if isinstance(told, dict) else ""


def test_the_variable_names_the_folder_or_says_that_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert others() == tmp_path
    monkeypatch.setenv(VARIABLE, "")
    assert others() is None
    monkeypatch.setenv(VARIABLE, str(tmp_path / "gone"))
    with pytest.raises(
        NotADirectoryError,
        match=r"STANDBY_RECORDINGS names .*gone, which is no folder; name the recordings'",
    ):
        others()


@pytest.mark.parametrize(("whose", "rows"), [("own", OWN), ("others", OTHERS)])
def test_the_table_names_every_recorded_answer_of_every_file(
    whose: str, rows: Mapping[str, Said | Failed]
) -> None:
    found = files(folder(whose))
    assert {name.partition("#")[0] for name in rows} == found
    assert set(rows) == {answer for file in found for answer in answers_in(file)}


@pytest.mark.parametrize("name", ROWS)
async def test_a_recording_is_read_as_what_it_is(server: Loopback, name: str) -> None:
    row, got = ROWS[name], await read_cassette(server, name)
    if isinstance(row, Failed):
        failure = got.failure
        assert failure is not None
        assert (failure.kind, failure.status, failure.code, got.text) == (
            row.kind,
            row.status,
            row.code,
            row.text,
        )
        assert failure.retry_after == row.retry_after
        assert failure.message.startswith(vendors_words(recorded(name).plain))
        assert row.words in failure.message != ""
        return
    reply = got.reply
    assert reply is not None
    assert reply.text.startswith(row.text)
    assert len(reply.text) == (row.size or len(row.text))
    assert reply.finish is (row.finish or (Finish.TOOL_CALLS if row.calls else Finish.STOP))
    assert reply.usage == Usage(
        input=row.tokens[0], output=row.tokens[1], reasoning=row.tokens[2], cached=row.cached
    )
    assert reply.response_model == row.response_model
    assert reply.id == next(iter(re.findall(IDS[row.wire], as_events(name).plain.decode())), "")
    assert [(asked.name, asked.arguments) for asked in reply.tool_calls] == list(row.calls)
    assert len({asked.id for asked in reply.tool_calls} - {""}) == len(row.calls)
    assert [asked.provider_state[:8] for asked in reply.tool_calls] == list(
        row.signed or [""] * len(row.calls)
    )
    assert (reply.reasoning[:14], reply.provider_state[:8]) == (row.thought, row.provider_state)
    assert len([chunk for chunk in got.chunks if chunk.text or chunk.reasoning]) == row.chunks


@pytest.mark.parametrize("name", IN_A_200)
async def test_the_other_form_of_an_answer_is_read_as_the_same(server: Loopback, name: str) -> None:
    one, wire, as_it_was = as_events(name), ROWS[name].wire, await read_cassette(server, name)
    if one.streamed:
        other = respond(200, merged(wire, await payloads_of(one.body)))
    else:
        events = Recorded(True, 200, "text/event-stream", split(wire, decode_json(one.plain)))
        other = events.answer(200)
    turned = await outcome(server, wire, other, stream=not one.streamed)
    assert (turned.reply, turned.failure) == (as_it_was.reply, as_it_was.failure)


@pytest.mark.parametrize("name", STREAMS)
async def test_a_stream_is_read_alike_wherever_its_bytes_are_parted(
    server: Loopback, name: str
) -> None:
    assert await read_cassette(server, name, cuts=25) == await read_cassette(server, name)


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("stream", [True, False])
async def test_a_json_list_where_events_were_asked_for_is_malformed(
    server: Loopback, name: str, stream: bool
) -> None:
    got = await outcome(server, "gemini", recorded(name).answer(200), stream=stream)
    assert got.failure is not None
    assert (got.failure.kind, got.chunks) == (Kind.MALFORMED, [])
