"""A simulated model: an adapter that answers after a while, whole or in pieces, or does what its outage says."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable

import msgspec

from standby.diagnostics.simulation.outage import Fault, Outage
from standby.errors import AttemptFailed
from standby.events import Event
from standby.failures import Failure, Kind
from standby.plugin import ModelRequest
from standby.types import Chunk, End, Finish, Reply

FOR_EVER = 1_000_000.0
"""Seconds: longer than any attempt may take, and yet an end."""

SPREAD = 0.25
"""The sigma of the log-normal factor on a latency: nine of ten lie between 0.66 and 1.5 of it."""

QUICK = (0.05, 0.3)
"""A fault is told after such a share of the latency: a server that is down says so sooner than a model has answered."""

MESSAGE = "simulated"
"""What a simulated vendor says beside its status: nothing that a trigger would look for."""

PIECES = ("A ", "simulated ", "answer, ", "in ", "six ", "pieces.")
FIRST = 0.3
"""A stream's first piece comes after such a share of the latency, the others evenly after it."""

CUT = 3
"""Pieces that are out when a stream is cut: half of them."""

_REPLIES = {Kind.EMPTY, Kind.TRUNCATED, Kind.WRONG_MODEL}
"""Faults that are answers: production code finds out what is wrong with them."""


class Billed(Event, frozen=True, kw_only=True):
    """A vendor bills a call to `model`: it has answered, broken off, or worked in vain until it was given up.

    What it refuses is not billed. Source: ai.google.dev, gemini-api/docs/billing, on requests that
    fail with a 400 or 500.
    """


class Lot(msgspec.Struct, frozen=True):
    """What was drawn for one call: the seconds that an answer takes, those after which a fault is told, and the fault."""

    took: float
    haste: float
    fault: Fault | None


class SimulatedModel:
    """An adapter that is well where its outage says nothing."""

    def __init__(
        self,
        name: str,
        outage: Outage | None,
        latency: float,
        dice: random.Random,
        emit: Callable[[Event], None],
    ) -> None:
        """Take the dice from which all is drawn; `latency` is in seconds."""
        self._name = name
        self._outage = outage
        self._latency = latency
        self._dice = dice
        self._emit = emit

    async def reach(self) -> "SimulatedModel":
        """Return the adapter itself: nothing is imported for it."""
        return self

    async def complete(self, call: ModelRequest) -> Reply:
        """Answer, fail, or hang, as the moment says."""
        lot = self._lot()
        await _refuse(lot)
        try:
            await asyncio.sleep(_span(lot))
        finally:
            self._bill()
        if lot.fault is not None and lot.fault.cuts:
            raise ConnectionResetError(MESSAGE)
        kind = None if lot.fault is None else lot.fault.kind
        return Reply(
            text="" if kind is Kind.EMPTY else "".join(PIECES),
            finish=_finish(kind),
            response_model=_served(kind, call),
        )

    async def stream(self, call: ModelRequest) -> AsyncIterator[Chunk]:
        """Answer in pieces, fail before the first, hang, or break off after a few."""
        lot = self._lot()
        await _refuse(lot)
        kind = None if lot.fault is None else lot.fault.kind
        try:
            span = _span(lot)
            await asyncio.sleep(span * FIRST)
            for number, piece in enumerate(() if kind is Kind.EMPTY else PIECES):
                if lot.fault is not None and lot.fault.cuts and number == CUT:
                    raise ConnectionResetError(MESSAGE)
                if number:
                    await asyncio.sleep(span * (1 - FIRST) / (len(PIECES) - 1))
                yield Chunk(piece)
        finally:
            self._bill()
        yield Chunk(end=End(finish=_finish(kind), response_model=_served(kind, call)))

    def _lot(self) -> Lot:
        """Draw for one call; always as many draws, so that an outage shifts no later one."""
        took, fate, haste = (
            self._dice.lognormvariate(0, SPREAD),
            self._dice.random(),
            self._dice.uniform(*QUICK),
        )
        spell = self._outage.spell_at(asyncio.get_running_loop().time()) if self._outage else None
        met = spell is not None and spell.fault.words != "ok" and fate < spell.fault.share
        return Lot(
            self._latency * took,
            self._latency * haste,
            spell.fault if spell is not None and met else None,
        )

    def _bill(self) -> None:
        self._emit(
            Billed(call="", chain="", model=self._name, at=asyncio.get_running_loop().time())
        )


async def _refuse(lot: Lot) -> None:
    """Fail at once where the fault is an error."""
    fault = lot.fault
    if fault is None or fault.kind is None or fault.kind in _REPLIES:
        return
    await asyncio.sleep(lot.haste)
    if fault.kind is Kind.CONNECTION:
        raise ConnectionResetError(MESSAGE)
    words = MESSAGE if fault.status is not None else f"{fault.kind}: {MESSAGE}"
    raise AttemptFailed(Failure(kind=fault.kind, status=fault.status, message=words))


def _span(lot: Lot) -> float:
    return FOR_EVER if lot.fault is not None and lot.fault.hangs else lot.took


def _finish(kind: Kind | None) -> Finish:
    return Finish.LENGTH if kind is Kind.TRUNCATED else Finish.STOP


def _served(kind: Kind | None, call: ModelRequest) -> str:
    return "another" if kind is Kind.WRONG_MODEL else call.model
