"""An event loop whose time jumps: when nothing is left to do but wait, the clock moves to the next timer at once.

Where it is given dice, it also does what is ready in any order: whatever could happen first, does in some run.
"""

import asyncio
import random
import selectors
from collections import deque
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")


RESOLUTION = 1e-9
"""Seconds by which a loop fires timers early; the clock must move then too, or code that looks at it would ask for ever."""


class _Jumping(selectors.DefaultSelector):
    def __init__(self, loop: Any) -> None:
        super().__init__()
        self.now = 0.0
        self.loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        due = self.loop._scheduled[0]._when if self.loop._scheduled else self.now
        if timeout or due <= self.now + RESOLUTION:
            self.now = max(self.now, due)
        return super().select(timeout and 0)


class _Shuffled(deque[Any]):
    """What is ready, taken by lot; of a task there is never more than one step in it, so its own order stays."""

    def __init__(self, dice: random.Random) -> None:
        super().__init__()
        self.dice = dice
        self.steps = 0
        self.due: dict[int, Callable[[], Any]] = {}

    def popleft(self) -> Any:
        self.steps += 1
        if self.steps in self.due:
            self.due.pop(self.steps)()
        if len(self) > 1:
            self.rotate(int(self.dice.random() * len(self)))
        return super().popleft()


class VirtualLoop(asyncio.SelectorEventLoop):
    """A real event loop on virtual time; `time()` begins at 0."""

    def __init__(self, dice: random.Random | None = None) -> None:
        self._clock = _Jumping(self)
        super().__init__(self._clock)
        if dice is not None:
            self._ready = _Shuffled(dice)

    def time(self) -> float:
        return self._clock.now

    def after(self, steps: int, act: Callable[[], Any]) -> None:
        """Act between two steps of this loop, so many from now; only a loop with dice counts them."""
        self._ready.due[self._ready.steps + steps] = act


def run(coroutine: Coroutine[Any, Any, T], dice: random.Random | None = None) -> T:
    """Run on virtual time; raises if a task is left behind."""
    with asyncio.Runner(loop_factory=partial(VirtualLoop, dice)) as runner:
        result = runner.run(coroutine)
        assert not asyncio.all_tasks(runner.get_loop())
        return result
