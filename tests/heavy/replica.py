"""The users' agent, rebuilt: Agno, Gemini first, tools, pictures, and a history in SQLite.

`build_agent(model, ...)` takes any Agno model, so that one script compares each kind of fallback.
"""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import msgspec
from agno.agent import Agent
from agno.db.sqlite import SqliteDb
from agno.media import Image
from agno.run import RunStatus
from agno.run.agent import RunOutput

from tests.heavy.replica_servers import answer_text

BILL = b"\x89PNG\r\n\x1a\n" + bytes(64)
"""A photo of an electricity bill, as small as it gets."""

STREAMED: dict[str, Any] = {"stream": True, "stream_events": True, "yield_run_output": True}
INSTRUCTIONS = [
    "You sell solar power to households, in a friendly way.",
    "Check the price before you name one; book a visit when the customer wants one.",
]

Got = Literal[
    "complete answer",
    "error returned",
    "raised",
    "cut answer called success",
    "empty answer called success",
    "spliced answers",
    "history lost",
    "hang",
]


class Tools:
    """What the agent can do; counts how often each was done, and for whom."""

    def __init__(self) -> None:
        self.tool_runs: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def _count(self, tool: str, customer: str) -> None:
        with self._lock:
            self.tool_runs[tool, customer] += 1

    def check_price(self, customer: str, kwh: int) -> str:
        """Check the price of a proposal.

        Args:
            customer: who asks
            kwh: what the household uses in a month
        """
        self._count("check_price", customer)
        return price_of(customer) if kwh else "no price"

    def book_visit(self, customer: str, day: str) -> str:
        """Book a visit.

        Args:
            customer: who asks
            day: when
        """
        self._count("book_visit", customer)
        return visit_of(customer) if day else "no visit"


def price_of(customer: str) -> str:
    return f"{customer} pays {1000 + 7 * sum(map(ord, customer))} euros"


def visit_of(customer: str) -> str:
    return f"{customer} is visited as number {sum(map(ord, customer))}"


def build_agent(model: Any, database: Path, tools: Tools, fallbacks: Sequence[Any] = ()) -> Agent:
    """Return the users' agent on this model."""
    return Agent(
        model=model,
        fallback_models=list(fallbacks) or None,
        db=SqliteDb(db_file=str(database)),
        instructions=INSTRUCTIONS,
        tools=[tools.check_price, tools.book_visit],
        add_history_to_context=True,
        num_history_runs=10,
        telemetry=False,
    )


class Run(msgspec.Struct, frozen=True):
    """One turn as the user saw it: `displayed` came on the screen, `content` to the application."""

    displayed: str = ""
    content: str = ""
    status: str = ""
    named: str = ""
    error: str = ""
    seconds: float = 0.0


def expected_text(customer: str, turn: int) -> str:
    results = [price_of(customer), visit_of(customer)][:turn]
    return answer_text(customer, results)


def got(run: Run, customer: str, turn: int) -> Got:
    """Judge a turn."""
    text = expected_text(customer, turn)
    if run.error:
        return "hang" if run.error == "hang" else "raised"
    if run.status != RunStatus.completed.value:
        return "error returned"
    if run.displayed == text == run.content:
        return "complete answer"
    if not run.displayed.strip():
        return "empty answer called success"
    if run.displayed.endswith(text) or run.content.endswith(text):
        return "spliced answers"
    return (
        "history lost"
        if "this is all that I know" in run.displayed
        else "cut answer called success"
    )


def question(customer: str, turn: int, *, photo: bool) -> dict[str, Any]:
    if turn == 1:
        picture = {"images": [Image(content=BILL, mime_type="image/png")]} if photo else {}
        return {"input": f"I am {customer}. What would solar power cost me?", **picture}
    return {"input": "Fine. Book a visit on Tuesday."}


def _identify(customer: str) -> dict[str, Any]:
    return {"session_id": f"session-{customer}", "user_id": customer}


class _Screen:
    """What a user sees of a streamed turn."""

    def __init__(self) -> None:
        self.displayed, self.content, self.status, self.named = "", "", "", ""

    def see(self, event: Any) -> None:
        if isinstance(event, RunOutput):
            self.content, self.status, self.named = (
                str(event.content or ""),
                event.status.value,
                str(event.model),
            )
        elif event.event == "RunContent":
            self.displayed += event.content or ""


def _run_of(output: Any, began: float) -> Run:
    content = str(output.content or "")
    return Run(
        content, content, output.status.value, str(output.model), seconds=time.monotonic() - began
    )


def _screen_of(screen: _Screen, began: float) -> Run:
    return Run(
        screen.displayed,
        screen.content,
        screen.status,
        screen.named,
        seconds=time.monotonic() - began,
    )


def _build_failed_run(error: BaseException, began: float) -> Run:
    return Run(error=f"{type(error).__name__}: {error}", seconds=time.monotonic() - began)


def take_turn(
    agent: Agent, customer: str, turn: int, *, streamed: bool, photo: bool = False
) -> Run:
    """Take a turn from a thread."""
    began = time.monotonic()
    arguments = question(customer, turn, photo=photo)
    try:
        if not streamed:
            return _run_of(agent.run(**arguments, **_identify(customer)), began)
        screen = _Screen()
        for event in agent.run(**arguments, **_identify(customer), **STREAMED):
            screen.see(event)
        return _screen_of(screen, began)
    except Exception as error:  # noqa: BLE001 - whatever a user may be displayed is what this looks for
        return _build_failed_run(error, began)


async def take_turn_async(
    agent: Agent, customer: str, turn: int, *, streamed: bool, photo: bool = False
) -> Run:
    """Take a turn on an event loop."""
    began = time.monotonic()
    arguments = question(customer, turn, photo=photo)
    try:
        if not streamed:
            return _run_of(await agent.arun(**arguments, **_identify(customer)), began)
        screen = _Screen()
        async for event in agent.arun(**arguments, **_identify(customer), **STREAMED):
            screen.see(event)
        return _screen_of(screen, began)
    except Exception as error:  # noqa: BLE001 - as above
        return _build_failed_run(error, began)


Conversation = tuple[Run, Run]


def converse(agent: Agent, customer: str, *, streamed: bool, photo: bool = False) -> Conversation:
    first = take_turn(agent, customer, 1, streamed=streamed, photo=photo)
    return first, take_turn(agent, customer, 2, streamed=streamed)


async def converse_async(
    agent: Agent, customer: str, *, streamed: bool, photo: bool = False
) -> Conversation:
    first = await take_turn_async(agent, customer, 1, streamed=streamed, photo=photo)
    return first, await take_turn_async(agent, customer, 2, streamed=streamed)


def customers(count: int) -> list[str]:
    return [f"U{number:02d}" for number in range(count)]


def has_photo(customer: str) -> bool:
    """Every fourth customer sends a photo."""
    return int(customer[1:]) % 4 == 3


def all_at_once(agent: Agent, count: int, *, streamed: bool) -> dict[str, Conversation]:
    """Hold the conversations in a thread each."""

    def one(customer: str) -> Conversation:
        return converse(agent, customer, streamed=streamed, photo=has_photo(customer))

    with ThreadPoolExecutor(count) as pool:
        return dict(zip(customers(count), pool.map(one, customers(count)), strict=True))


async def all_at_once_async(agent: Agent, count: int, *, streamed: bool) -> dict[str, Conversation]:
    """Hold the conversations in a task each."""
    names = customers(count)
    conversations = (
        converse_async(agent, customer, streamed=streamed, photo=has_photo(customer))
        for customer in names
    )
    return dict(zip(names, await asyncio.gather(*conversations), strict=True))


def within(seconds: float, work: Callable[[], Run]) -> Run:
    """Give a turn so long, then call it a hang; its thread goes on."""
    box: list[Run] = []
    thread = threading.Thread(target=lambda: box.append(work()), daemon=True)
    thread.start()
    thread.join(seconds)
    return box[0] if box else Run(error="hang", seconds=seconds)
