"""The package's loop on virtual time; with dice it also runs ready callbacks in any order.

Every order that is possible happens in some run.
"""

import random
from collections import deque
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

from standby.diagnostics.simulation import virtual_loop

T = TypeVar("T")


class _Shuffled(deque[Any]):
    """Ready callbacks, in random order; it holds one step of a task at most, so its order stays."""

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


class VirtualLoop(virtual_loop.VirtualLoop):
    """A real event loop on virtual time, with dice or without."""

    def __init__(self, dice: random.Random | None = None) -> None:
        super().__init__()
        if dice is not None:
            self._ready = _Shuffled(dice)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Raise what a callback has raised, instead of logging it."""
        if "handle" in context:
            raise context["exception"]
        super().call_exception_handler(context)

    def after(self, steps: int, act: Callable[[], Any]) -> None:
        """Act after this number of the loop's steps; only a loop with dice counts them."""
        self._ready.due[self._ready.steps + steps] = act


def run(coroutine: Coroutine[Any, Any, T], dice: random.Random | None = None) -> T:
    """Run on virtual time; raises if a task is left behind."""
    return virtual_loop.run(coroutine, partial(VirtualLoop, dice))
