"""Models whose weather changes: fair for a while, then down, slow, rate-limited, cut off, mute or deaf; all by the dice."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from itertools import count
from types import SimpleNamespace
from typing import Any
from zlib import crc32

from standby.breaker import Breaker, Health, Refusal, Ticket
from standby.failures import Failure, Kind
from standby.plugin import AttemptFailed, Call, Chunk, End, Finish, Reply

FOR_EVER = 100_000.0
"""Seconds; longer than any run, and yet an end, so that what leaks does not keep the clock running."""

DEAF = 20.0
"""Seconds for which a plugin that swallows cancellation goes on."""

FAILURES = {
    "503": Failure(kind=Kind.OVERLOADED, status=503, message="busy"),
    "500": Failure(kind=Kind.SERVER_ERROR, status=500, message="An internal error has occurred."),
    "429": Failure(kind=Kind.RATE_LIMITED, status=429, message="slow down"),
    "429, soon": Failure(kind=Kind.RATE_LIMITED, status=429, message="slow down", retry_after=1.5),
    "429, later": Failure(kind=Kind.RATE_LIMITED, status=429, message="slow down", retry_after=25.0),
    "quota": Failure(kind=Kind.QUOTA_EXHAUSTED, status=429, message="no quota"),
    "gone": Failure(kind=Kind.MODEL_MISSING, status=404, message="no such model"),
    "blocked": Failure(kind=Kind.BLOCKED, message="not this"),
}

DOWN = ("503", "500", "reset", "hang")

BAD = (*DOWN, *FAILURES, "slow", "flaky", "cut", "stall", "drip", "empty", "truncated", "wrong model", "deaf", "bug", "quits")

CLIMATES = ("fair", "outage", "flapping", "dead", "changing")

_serial = count(1)

Weather = list[tuple[float, str]]
"""Until when, and what it is like."""


def weather(climate: str, dice: random.Random) -> Weather:
    """Make the weather of one model for all times."""
    bad = dice.choice(BAD)
    if climate == "outage":
        begins = dice.uniform(0, 60)
        return [(begins, "fair"), (begins + dice.uniform(5, 120), bad), (float("inf"), "fair")]
    if climate == "flapping":
        down = dice.choice(DOWN)
        return [*((10.0 * n, "fair" if n % 2 else down) for n in range(1, 14)), (float("inf"), "fair")]
    if climate == "changing":
        ends = sorted(dice.uniform(0, 200) for _ in range(8))
        return [*((end, dice.choice(("fair", *BAD))) for end in ends), (float("inf"), "fair")]
    return [(float("inf"), "fair" if climate == "fair" else bad)]


def is_whole(text: str) -> bool:
    """Say whether this is one whole answer: its checksum is its last word."""
    body, _, mark = text.rpartition(" #")
    return mark == str(crc32(body.encode()))


class Model:
    """One model. In fair weather it takes at most `pace` seconds; it notes who asks, and until when it may have to rest."""

    def __init__(self, name: str, dice: random.Random, climate: str) -> None:
        self.name = name
        self.climate = climate
        self.pace = dice.choice((0.1, 0.9, 2.4, 4.8))
        self.weather = weather(climate, dice)
        self.asked = 0
        self.under_way = 0
        self.may_rest_until = 0.0
        self.answers: dict[str, str] = {}
        self._dice = dice
        ways = dice.choice((("complete",), ("stream",), ("complete", "stream")))
        self.adapter = SimpleNamespace(**{way: getattr(self, way) for way in ways})

    def is_fair(self, since: float, until: float) -> bool:
        """Say whether nothing is wrong with it in all that time."""
        begun = [0.0, *(end for end, _ in self.weather)]
        return all(
            mood == "fair" for start, (end, mood) in zip(begun, self.weather, strict=False) if start <= until and end > since
        )

    def has_been(self, *moods: str) -> bool:
        """Say whether it is ever so."""
        return any(mood in moods for _, mood in self.weather)

    async def complete(self, call: Call) -> Reply:
        texts = []
        async with aclosing(self.stream(call)) as chunks:
            async for chunk in chunks:
                texts.append(chunk.text)
                if chunk.end is not None:
                    return Reply(text="".join(texts), finish=chunk.end.finish, served=chunk.end.served)
        raise AttemptFailed(Failure(kind=Kind.MALFORMED, message="no end"))

    async def stream(self, call: Call) -> AsyncIterator[Chunk]:
        now = asyncio.get_running_loop().time()
        mood = next(mood for until, mood in self.weather if now < until)
        if mood == "flaky":
            mood = self._dice.choices(("fair", *DOWN[:3]), (7, 1, 1, 1))[0]
        with self._asked(mood):
            for step in self._script(mood, call.model):
                match step:
                    case float():
                        await (_deaf(step) if mood == "deaf" else asyncio.sleep(step))
                    case str():
                        yield Chunk(step)
                    case End():
                        yield Chunk(end=step)
                    case _:
                        raise step

    def _script(self, mood: str, served: str) -> Iterator[Any]:
        """Say what happens, step by step: seconds to wait, words, an exception, an end."""
        words = self._answer()
        took = self.pace * min(1.0, self._dice.lognormvariate(-1.1, 0.6)) * (10 if mood == "slow" else 1)
        match mood:
            case "hang" | "deaf":
                yield FOR_EVER if mood == "hang" else DEAF
            case "empty" | "quits" | "bug" | "reset" | "503" | "500" if self._dice.random() < 0.3:
                yield self._dice.uniform(0, 8)
        errors = {"bug": ValueError("a bug"), "quits": asyncio.CancelledError(), "reset": ConnectionResetError("reset")}
        if mood in FAILURES or mood in errors:
            yield self._dice.uniform(0, 0.3)
            yield errors.get(mood) or AttemptFailed(FAILURES[mood])
        for place, word in enumerate([] if mood == "empty" else words):
            if place == len(words) // 2 and mood in ("cut", "stall", "truncated"):
                if mood == "truncated":
                    yield End(finish=Finish.LENGTH)
                yield 0.0 if mood == "cut" else FOR_EVER
                return
            yield 1.0 if mood == "drip" else took / len(words)
            yield word
        while mood == "drip":
            yield 1.0
            yield " and"
        yield End(served="another" if mood == "wrong model" else served)

    def _answer(self) -> list[str]:
        name = f"{self.name}/{next(_serial)}"
        body = name + " word" * self._dice.randint(1, 6)
        self.answers[name] = f"{body} #{crc32(body.encode())}"
        first, *rest = self.answers[name].split(" ")
        return [first, *(f" {word}" for word in rest)]

    @contextmanager
    def _asked(self, mood: str) -> Iterator[None]:
        self.asked += 1
        self.under_way += 1
        try:
            yield
        finally:
            self.under_way -= 1
            if mood != "fair":
                stated = {"429, later": 25.0 * 1.2, "quota": 300.0 * 1.2, "gone": 300.0 * 1.2}.get(mood, 15.0)
                self.may_rest_until = max(self.may_rest_until, asyncio.get_running_loop().time() + stated + 1.0)


async def _deaf(seconds: float) -> None:
    """Wait, and swallow cancellation."""
    now = asyncio.get_running_loop().time
    until = now() + seconds
    while now() < until:
        try:
            await asyncio.sleep(until - now())
        except asyncio.CancelledError:
            continue


class WatchedBreaker(Breaker):
    """The real breaker; it also knows who is out with a ticket."""

    out: list[Ticket]
    most_probes = 0

    def admit(self, now: float) -> Ticket | Refusal:
        return self._note(super().admit(now))

    def insist(self, now: float) -> Ticket | Refusal:
        return self._note(super().insist(now))

    def settle(self, ticket: Ticket, *rest: Any, **named: Any) -> Health | None:
        self.out.remove(ticket)
        return super().settle(ticket, *rest, **named)

    @property
    def probes(self) -> int:
        return sum(ticket.probe for ticket in self.out)

    def _note(self, answer: Ticket | Refusal) -> Ticket | Refusal:
        if isinstance(answer, Ticket):
            self.out.append(answer)
            self.most_probes = max(self.most_probes, self.probes)
        return answer
