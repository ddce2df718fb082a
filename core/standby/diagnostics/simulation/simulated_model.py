"""A simulated model: an adapter that answers after a while, or does what its outage says."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence

import msgspec

from standby.diagnostics.simulation.events import Billed
from standby.diagnostics.simulation.outage import Fault, Outage
from standby.errors import AttemptFailed
from standby.events import Event
from standby.failures import Failure, Kind
from standby.types import Chunk, End, Finish, ModelRequest, Reply

ENDLESS = 1_000_000.0
"""Seconds that a hanging model takes: longer than any attempt may last, and yet finite."""

LATENCY_SIGMA = 0.25
"""The sigma of the log-normal factor on a latency: 90 % of the factors lie between 0.66 and 1.5."""

ERROR_DELAY = (0.05, 0.3)
"""The range of an error's delay, as a share of the latency: a failing server replies sooner."""

MESSAGE = "simulated"
"""The message of a simulated error: no trigger looks for it."""

PIECES = ("A ", "simulated ", "answer, ", "in ", "six ", "pieces.")
FIRST_PIECE = 0.3
"""The share of the latency after which a stream's first piece comes; the others follow evenly."""

CUT_AFTER = 3
"""Pieces that are sent before a stream is cut: half of them."""

_FAULTY_REPLIES = {Kind.EMPTY, Kind.TRUNCATED, Kind.WRONG_MODEL}
"""Kinds that a reply shows: production code detects them."""


class Draw(msgspec.Struct, frozen=True):
    """The random numbers of one request, in seconds, and the fault that it meets.

    `latency` is how long an answer takes, `error_delay` when an error comes instead. `fault` is
    `None` for a request that is answered.
    """

    latency: float
    error_delay: float
    fault: Fault | None

    @property
    def kind(self) -> Kind | None:
        """Return the kind of the fault, if it has one."""
        return None if self.fault is None else self.fault.kind

    @property
    def is_cut(self) -> bool:
        """Say whether the connection breaks in the middle of the answer."""
        return self.fault is not None and self.fault.cuts

    @property
    def duration(self) -> float:
        """Return the seconds that the whole answer takes."""
        hangs = self.fault is not None and self.fault.hangs
        return ENDLESS if hangs else self.latency


class SimulatedModel:
    """An adapter that answers every request outside of its outage."""

    def __init__(
        self,
        name: str,
        outage: Outage | None,
        latency: float,
        rng: random.Random,
        emit: Callable[[Event], None],
    ) -> None:
        """Take the source of all random numbers; `latency` is in seconds."""
        self._name = name
        self._outage = outage
        self._latency = latency
        self._rng = rng
        self._emit = emit

    async def load(self) -> "SimulatedModel":
        """Return the adapter itself: nothing is imported.

        Returns:
            This adapter.
        """
        return self

    async def complete(self, call: ModelRequest) -> Reply:
        """Answer, fail or hang, as the outage says for this moment.

        Args:
            call: The request of one attempt.

        Returns:
            A whole reply, which may be empty, truncated, or of another model.

        Raises:
            AttemptFailed: The outage says an error.
            ConnectionResetError: The outage says a connection that breaks.
        """
        draw = self._draw()
        await _raise_error(draw)
        try:
            await asyncio.sleep(draw.duration)
        finally:
            self._bill()
        if draw.is_cut:
            raise ConnectionResetError(MESSAGE)
        return Reply(
            text="".join(_pieces(draw)),
            finish=_finish(draw),
            response_model=_response_model(draw, call),
        )

    async def stream(self, call: ModelRequest) -> AsyncIterator[Chunk]:
        """Answer in pieces, fail before the first one, hang, or break off after `CUT_AFTER`.

        Args:
            call: The request of one attempt.

        Yields:
            The pieces of the answer, then its end.

        Raises:
            AttemptFailed: The outage says an error.
            ConnectionResetError: The outage says a connection that breaks.
        """
        draw = self._draw()
        await _raise_error(draw)
        try:
            await asyncio.sleep(draw.duration * FIRST_PIECE)
            for number, piece in enumerate(_pieces(draw)):
                if draw.is_cut and number == CUT_AFTER:
                    raise ConnectionResetError(MESSAGE)
                if number:
                    await asyncio.sleep(draw.duration * (1 - FIRST_PIECE) / (len(PIECES) - 1))
                yield Chunk(piece)
        finally:
            self._bill()
        yield Chunk(end=End(finish=_finish(draw), response_model=_response_model(draw, call)))

    def _draw(self) -> Draw:
        """Draw for one request; always as many numbers, so that an outage shifts no later draw."""
        factor = self._rng.lognormvariate(0, LATENCY_SIGMA)
        chance = self._rng.random()
        error_share = self._rng.uniform(*ERROR_DELAY)
        return Draw(
            latency=self._latency * factor,
            error_delay=self._latency * error_share,
            fault=self._fault(chance),
        )

    def _fault(self, chance: float) -> Fault | None:
        if self._outage is None:
            return None
        segment = self._outage.segment_at(asyncio.get_running_loop().time())
        if segment is None or segment.fault.is_ok:
            return None
        return segment.fault if chance < segment.fault.share else None

    def _bill(self) -> None:
        self._emit(
            Billed(call="", chain="", model=self._name, at=asyncio.get_running_loop().time())
        )


async def _raise_error(draw: Draw) -> None:
    """Raise the fault after its delay, if it is an error rather than a reply."""
    kind = draw.kind
    if kind is None or kind in _FAULTY_REPLIES:
        return
    await asyncio.sleep(draw.error_delay)
    if kind is Kind.CONNECTION:
        raise ConnectionResetError(MESSAGE)
    status = None if draw.fault is None else draw.fault.status
    message = MESSAGE if status is not None else f"{kind}: {MESSAGE}"
    raise AttemptFailed(Failure(kind=kind, status=status, message=message))


def _pieces(draw: Draw) -> Sequence[str]:
    return () if draw.kind is Kind.EMPTY else PIECES


def _finish(draw: Draw) -> Finish:
    return Finish.LENGTH if draw.kind is Kind.TRUNCATED else Finish.STOP


def _response_model(draw: Draw, call: ModelRequest) -> str:
    return "another" if draw.kind is Kind.WRONG_MODEL else call.model
