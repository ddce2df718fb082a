"""Models whose weather changes at random: fair, down, slow, rate-limited, cut off, and more."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from types import SimpleNamespace
from typing import Any, cast
from zlib import crc32

from standby.failures import Failure, Kind
from standby.plugin import AttemptFailed, Chunk, End, Finish, ModelRequest, Reply
from standby.resilience.circuit_breaker import CircuitBreaker, Health, Outcome, Permit, Rejection

ALWAYS = float("inf")
# Seconds: longer than any simulation, but finite, so that a leaked task cannot run for ever.
FOR_EVER = 100_000.0
DEAF = 20.0  # seconds for which a plugin that ignores cancellation continues

FAILURES = {
    "503": Failure(kind=Kind.OVERLOADED, status=503, message="busy"),
    "500": Failure(kind=Kind.SERVER_ERROR, status=500, message="An internal error has occurred."),
    "429": Failure(kind=Kind.RATE_LIMITED, status=429, message="slow down"),
    "429, soon": Failure(kind=Kind.RATE_LIMITED, status=429, message="slow down", retry_after=1.5),
    "429, later": Failure(
        kind=Kind.RATE_LIMITED, status=429, message="slow down", retry_after=25.0
    ),
    "quota": Failure(kind=Kind.QUOTA_EXHAUSTED, status=429, message="no quota"),
    "gone": Failure(kind=Kind.MODEL_MISSING, status=404, message="no such model"),
    "blocked": Failure(kind=Kind.BLOCKED, message="not this"),
}
ERRORS = {"bug": ValueError, "quits": asyncio.CancelledError, "reset": ConnectionResetError}
LONGEST_REST = {
    "429, later": 30.0,
    "quota": 360.0,
    "gone": 360.0,
}  # seconds, if longer than a pause's 15: the stated rest x 1.2

DOWN = ("503", "500", "reset", "hang")
BAD = (
    *FAILURES,
    *ERRORS,
    "hang",
    "slow",
    "flaky",
    "cut",
    "stall",
    "drip",
    "empty",
    "truncated",
    "wrong model",
    "deaf",
)
CLIMATES = ("fair", "outage", "flapping", "dead", "changing")


def weather(climate: str, rng: random.Random) -> list[tuple[float, str]]:
    """Return the weather of one model: until when (in seconds), and the mood then."""
    bad, down, begins = rng.choice(BAD), rng.choice(DOWN), rng.uniform(0, 60)
    if climate == "outage":
        return [(begins, "fair"), (begins + rng.uniform(5, 120), bad), (ALWAYS, "fair")]
    if climate == "flapping":
        return [*((10.0 * n, "fair" if n % 2 else down) for n in range(1, 14)), (ALWAYS, "fair")]
    if climate == "changing":
        return [
            *(
                (end, rng.choice(("fair", *BAD)))
                for end in sorted(rng.uniform(0, 200) for _ in range(8))
            ),
            (ALWAYS, "fair"),
        ]
    return [(ALWAYS, "fair" if climate == "fair" else bad)]


def is_complete(text: str) -> bool:
    """Return whether this is one complete answer: its last word is the checksum."""
    body, _, mark = text.rpartition(" #")
    return mark == str(crc32(body.encode()))


class Model:
    """One model, which takes at most `pace` seconds in fair weather.

    It counts its calls and computes until when it may rest.
    """

    def __init__(self, name: str, rng: random.Random, climate: str) -> None:
        self.name = name
        self.pace = rng.choice((0.1, 0.9, 2.4, 4.8))
        self.weather = weather(climate, rng)
        self.answers: dict[str, str] = {}  # by first word
        self.calls = self.in_flight = 0
        self._rng = rng
        self._in_trouble = 0
        self._may_rest_until = 0.0
        methods = rng.choice((("complete",), ("stream",), ("complete", "stream")))
        self._adapter = SimpleNamespace(**{method: getattr(self, method) for method in methods})

    async def reach(self) -> Any:
        return self._adapter

    def is_fair(self, since: float, until: float) -> bool:
        """Return whether the weather is fair in all that time."""
        spells = zip([0.0, *(end for end, _ in self.weather)], self.weather, strict=False)
        return all(
            mood == "fair" for begins, (ends, mood) in spells if begins <= until and ends > since
        )

    def is_well(self, now: float) -> bool:
        """Return whether its last bad weather is so long ago that no breaker may be open."""
        return not self._in_trouble and now > self._may_rest_until

    def has_been(self, mood: str) -> bool:
        return any(mood == each for _, each in self.weather)

    async def complete(self, call: ModelRequest) -> Reply:
        text = ""
        async with aclosing(self.stream(call)) as chunks:
            async for chunk in chunks:
                text += chunk.text
                if chunk.end is not None:
                    return Reply(
                        text=text, finish=chunk.end.finish, response_model=chunk.end.response_model
                    )
        raise AttemptFailed(Failure(kind=Kind.MALFORMED, message="no end"))

    async def stream(self, call: ModelRequest) -> AsyncIterator[Chunk]:
        now = asyncio.get_running_loop().time()
        mood = next(mood for until, mood in self.weather if now < until)
        if mood == "flaky":
            mood = self._rng.choices(("fair", *DOWN[:3]), (7, 1, 1, 1))[0]
        with self._count_call(mood):
            for step in self._script(mood, call.model):
                match step:
                    case float():
                        await (
                            _ignore_cancellation(step) if mood == "deaf" else asyncio.sleep(step)
                        )
                    case str():
                        yield Chunk(step)
                    case End():
                        yield Chunk(end=step)
                    case _:
                        raise step

    def _script(self, mood: str, model_id: str) -> Iterator[Any]:
        """Yield the steps: seconds to wait, pieces of text, an exception, an end."""
        seconds = (
            self.pace
            * min(1.0, self._rng.lognormvariate(-1.1, 0.6))
            * (10 if mood == "slow" else 1)
        )
        if mood in FAILURES or mood in ERRORS:
            yield self._rng.choice((0.0, self._rng.uniform(0, 0.3), self._rng.uniform(0, 8)))
            yield ERRORS[mood](mood) if mood in ERRORS else AttemptFailed(FAILURES[mood])
        if mood in ("hang", "deaf"):
            yield FOR_EVER if mood == "hang" else DEAF
        pieces = [] if mood == "empty" else self._answer()
        for index, piece in enumerate(pieces):
            if index == len(pieces) // 2 and mood in ("cut", "stall", "truncated"):
                yield (
                    End(finish=Finish.LENGTH)
                    if mood == "truncated"
                    else FOR_EVER * (mood == "stall")
                )
                return
            yield 1.0 if mood == "drip" else seconds / len(pieces)
            yield piece
        while mood == "drip":
            yield 1.0
            yield " and"
        yield End(response_model="another" if mood == "wrong model" else model_id)

    def _answer(self) -> list[str]:
        first = f"{self.name}{len(self.answers)}"
        body = first + " word" * self._rng.randint(1, 6)
        self.answers[first] = f"{body} #{crc32(body.encode())}"
        return [first, *(f" {piece}" for piece in self.answers[first].split(" ")[1:])]

    @contextmanager
    def _count_call(self, mood: str) -> Iterator[None]:
        self.calls += 1
        self.in_flight += 1
        self._in_trouble += mood != "fair"
        try:
            yield
        finally:
            self.in_flight -= 1
            if mood != "fair":
                self._in_trouble -= 1
                rests_until = asyncio.get_running_loop().time() + LONGEST_REST.get(mood, 15.0) + 1.0
                self._may_rest_until = max(self._may_rest_until, rests_until)


async def _ignore_cancellation(seconds: float) -> None:
    """Wait, and ignore cancellation."""
    now = asyncio.get_running_loop().time
    until = now() + seconds
    while now() < until:
        try:
            await asyncio.sleep(until - now())
        except asyncio.CancelledError:
            continue


class WatchedBreaker(CircuitBreaker):
    """The real breaker, which also records the permits in use."""

    def __init__(self, *settings: Any) -> None:
        super().__init__(*settings)
        self.permits: list[Permit] = []
        self.most_probes = 0
        self._last_probe = 0.0

    def admit(self, *when: float) -> Permit | Rejection:
        return self._note(super().admit(*when))

    def force_probe(self, *when: float) -> Permit | Rejection:
        return self._note(super().force_probe(*when))

    def admit_background_probe(self, *when: float) -> Permit | None:
        permit = super().admit_background_probe(*when)
        return None if permit is None else cast("Permit", self._note(permit))

    def record(self, permit: Permit, outcome: Outcome, now: float, **named: Any) -> Health | None:
        self.permits.remove(permit)
        self._last_probe = now if permit.probe else self._last_probe
        return super().record(permit, outcome, now, **named)

    def probed_after(self, moment: float) -> bool:
        return self._last_probe > moment or any(permit.probe for permit in self.permits)

    def _note(self, admission: Permit | Rejection) -> Permit | Rejection:
        if isinstance(admission, Permit):
            self.permits.append(admission)
            self.most_probes = max(self.most_probes, sum(permit.probe for permit in self.permits))
        return admission
