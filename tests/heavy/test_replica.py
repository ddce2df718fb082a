"""The users' agent on standby: every user gets a complete answer, and never another user's."""

import asyncio
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("agno", reason="scripts/integrations runs these, where agno is")

from tests.heavy.replica import (
    Conversation,
    Tools,
    all_at_once,
    all_at_once_async,
    build_agent,
    customers,
    expected_text,
    got,
    has_photo,
    take_turn,
)
from tests.heavy.replica_faults import ALL, FAULTS, OUTAGES, REPORTED_BY_STANDBY, STREAMED
from tests.heavy.replica_models import KEY, PAUSE, standby
from tests.heavy.replica_servers import Step, World

pytestmark = pytest.mark.filterwarnings("ignore:::agno", "ignore::DeprecationWarning")

MANY = 20
SLOW = ("hang", "stream stalls after text")
NOWHERE = "http://127.0.0.1:9"
OTHERS_MAY = [name for name in ALL if name not in REPORTED_BY_STANDBY]
STEPS: list[Step] = ["first call", "after the tool", "second turn"]


@pytest.fixture
def world() -> Iterator[World]:
    logging.disable(logging.CRITICAL)  # Agno logs every error
    with World() as world:
        yield world
    logging.disable(logging.NOTSET)


class Replica:
    """The agent on standby, in a folder."""

    def __init__(
        self, world: World, folder: Path, *, first: str = "", fault: str | None = None, **rest: Any
    ) -> None:
        self.world, self.tools = world, Tools()
        timeout = (
            "1s" if fault in SLOW else "30s"
        )  # a history in SQLite blocks the loop for seconds where all write at once
        self.setup = standby(
            first or world.gemini.url, world.openai.url, folder, timeout=timeout, **rest
        )
        self.agent = build_agent(self.setup.model, folder / "history.db", self.tools)

    def hold(self, count: int, *, streamed: bool, tasks: bool) -> dict[str, Conversation]:
        if tasks:
            return asyncio.run(all_at_once_async(self.agent, count, streamed=streamed))
        return all_at_once(self.agent, count, streamed=streamed)

    def check(self, conversations: dict[str, Conversation]) -> None:
        """Every customer has complete answers and the own history; each tool ran once."""
        for customer, runs in conversations.items():
            assert [(run.error, run.status) for run in runs] == [("", "COMPLETED")] * 2, runs
            assert [run.displayed for run in runs] == [
                expected_text(customer, 1),
                expected_text(customer, 2),
            ]
            assert [run.content for run in runs] == [run.displayed for run in runs]
            requests = self.world.answered[customer]
            answered: dict[
                tuple[int, str], list[str]
            ] = {}  # by two, where one is a probe that runs beside
            for model, parsed in requests:
                answered.setdefault(parsed.at, []).append(model)
            assert list(answered) == [(1, "user"), (1, "tool"), (2, "user"), (2, "tool")]
            assert all(runs[turn - 1].named in answered[turn, "tool"] for turn in (1, 2))
            assert {parsed.pictures for _, parsed in requests} == {int(has_photo(customer))}
        assert set(self.world.answered) == set(conversations)
        assert dict(self.tools.tool_runs) == {
            (tool, person): 1 for person in conversations for tool in ("check_price", "book_visit")
        }


@pytest.mark.parametrize("tasks", [False, True], ids=["threads", "tasks"])
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    "fault", [None, "503 UNAVAILABLE", "429, retry in 34.4s", "hang", "empty 200"]
)
def test_each_of_twenty_at_once_gets_the_own_answer(
    world: World, tmp_path: Path, fault: str | None, streamed: bool, tasks: bool
) -> None:
    replica = Replica(world, tmp_path, fault=fault)
    if fault:
        world.fail(ALL[fault])
    replica.check(replica.hold(MANY, streamed=streamed, tasks=tasks))


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("tasks", [False, True], ids=["threads", "tasks"])
@pytest.mark.parametrize("fault", [name for name in OTHERS_MAY if name in FAULTS])
def test_no_fault_is_seen(
    world: World, tmp_path: Path, fault: str, step: Step, tasks: bool
) -> None:
    replica = Replica(world, tmp_path, fault=fault)
    world.fail(ALL[fault], step)
    replica.check(replica.hold(4, streamed=False, tasks=tasks))


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("tasks", [False, True], ids=["threads", "tasks"])
@pytest.mark.parametrize("fault", OTHERS_MAY)
def test_no_fault_is_seen_in_a_stream(
    world: World, tmp_path: Path, fault: str, step: Step, tasks: bool
) -> None:
    replica = Replica(world, tmp_path, fault=fault)
    world.fail(ALL[fault], step)
    replica.check(replica.hold(4, streamed=True, tasks=tasks))


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("outage", OUTAGES)
def test_a_first_model_that_is_not_there_is_not_missed(
    world: World, tmp_path: Path, outage: str, streamed: bool
) -> None:
    first = NOWHERE if outage == "connection refused" else ""
    replica = Replica(world, tmp_path, first=first, key=None if outage == "missing key" else KEY)
    replica.check(replica.hold(4, streamed=streamed, tasks=False))


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("fault", REPORTED_BY_STANDBY)
def test_an_error_of_the_users_own_is_reported_and_the_next_turn_goes_on(
    world: World, tmp_path: Path, fault: str, streamed: bool
) -> None:
    replica = Replica(world, tmp_path)
    first = take_turn(replica.agent, "U00", 1, streamed=streamed)
    world.fail(ALL[fault], "second turn", too_long=fault == "context too long")
    refused = take_turn(replica.agent, "U00", 2, streamed=streamed)
    world.recover()
    again = take_turn(replica.agent, "U00", 2, streamed=streamed)
    assert [got(run, "U00", turn) for run, turn in ((first, 1), (refused, 2), (again, 2))] == [
        "complete answer",
        "error returned",
        "complete answer",
    ]
    assert dict(replica.tools.tool_runs) == {("check_price", "U00"): 1, ("book_visit", "U00"): 1}


@pytest.mark.parametrize("fault", STREAMED)
def test_sent_text_is_never_followed_by_another_models(
    world: World, tmp_path: Path, fault: str
) -> None:
    replica = Replica(world, tmp_path, fault=fault, release="first_token")
    world.fail(ALL[fault], "after the tool")
    run = take_turn(replica.agent, "U00", 1, streamed=True)
    assert got(run, "U00", 1) == "error returned"
    assert run.displayed == "Let me see, "


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("fault", ["503 UNAVAILABLE", "hang", "reset", "HTML in a 200"])
def test_the_first_model_is_used_again_once_it_has_recovered(
    world: World, tmp_path: Path, fault: str, streamed: bool
) -> None:
    replica = Replica(world, tmp_path, fault=fault)
    world.fail(ALL[fault])
    conversations = replica.hold(6, streamed=streamed, tasks=False)
    replica.check(conversations)
    assert {model for requests in world.answered.values() for model, _ in requests} == {
        "o3-mini",
        "gpt-4o",
    }
    world.recover()
    deadline = time.monotonic() + 10 * PAUSE
    names, late = [], iter(range(MANY, 99))
    while names[-1:] != ["gemini-2.5-pro"] and time.monotonic() < deadline:
        time.sleep(PAUSE / 3)
        names.append(take_turn(replica.agent, f"U{next(late)}", 1, streamed=streamed).named)
    assert names[-1] == "gemini-2.5-pro", names


def test_each_customer_has_an_answer_of_its_own() -> None:
    assert len({expected_text(customer, 2) for customer in customers(MANY)}) == MANY
