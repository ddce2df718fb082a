"""The rules for what a stream's bytes may look like, and for when its text has to come."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any, ClassVar

import msgspec

from standby.plugin import Reply
from standby.testing import driver
from standby.testing.assertions import require, skip
from standby.testing.basic_rules import SOON, BasicRules
from standby.testing.framing import Frames, frames_of
from standby.testing.loopback import Answer

TEXTS = ("Lis", "bon, says ", "the loopback.")
WHOLE = "".join(TEXTS)
_TORN = ("Lis", "bon,\u2028says\u0085", "the loopback.")
"""U+2028 and U+0085 end a line for Python, and for neither framing."""


class Streaming(BasicRules):
    """What an adapter must do with the framing of its vendor's streams.

    `text_within` is how long a stream's first text may take once it is sent, in seconds.
    """

    text_within: ClassVar[float] = SOON

    def stream(self, texts: Sequence[str]) -> Answer:
        """Return the vendor's stream that says these texts one by one, then ends, with some usage."""
        del texts
        skip("stream(texts) is not written")

    def test_a_stream_is_read_by_its_framing(self) -> None:
        """Events and lines are read as their standard has them, not as one server happens to write them."""
        self.run(self._reads_every_form)

    async def _reads_every_form(self) -> None:
        answer = self.stream(_TORN)
        for case, pieces in frames_of(answer).variants():
            sent = msgspec.structs.replace(
                answer, pieces=tuple((0.0, piece) for piece in pieces), framing="chunked"
            )
            said = await self._text_of(sent)
            words = f"a stream {case} says {said!r}: let events_of or iter_ndjson read it"
            require(said == "".join(_TORN), words)

    async def _text_of(self, answer: Answer) -> str:
        """Return what the stream says, or what it fails with."""
        replies: list[Reply] = []

        async def ask(adapter: Any) -> Reply:
            replies.append((await driver.collect(adapter, self.call()))[0])
            return replies[0]

        async with self.asked(answer) as (adapter, _):
            require_stream(adapter)
            error = await driver.catch_failure(ask(adapter))
        return replies[0].text if error is None else error.failure.message

    def test_a_stream_is_read_while_it_comes(self) -> None:
        """Text is handed out while the vendor is still speaking; an adapter that waits for the end does not stream."""
        self.run_once_reached(self._reads_while_it_comes)

    async def _reads_while_it_comes(self) -> None:
        answer = self.stream(TEXTS)
        found = frames_of(answer)
        sent = found.frames[: _texts_end(found)]
        pieces = tuple((0.0, frame) for frame in sent)
        held = msgspec.structs.replace(answer, pieces=pieces, framing="chunked", then="hang")
        async with self.asked(held) as (adapter, _):
            require_stream(adapter)
            words = (
                f"{len(sent)} of {len(found.frames)} {found.framing} are sent, and no text comes: "
                "read the body as it comes, with events_of or iter_ndjson"
            )
            require(await text_arrives(adapter.stream(self.call()), self.text_within), words)


async def text_arrives(stream: Any, within: float) -> bool:
    """Say whether text comes within these seconds; the stream is left then."""
    try:
        async with asyncio.timeout(within), aclosing(stream):
            async for chunk in stream:
                if chunk.text:
                    return True
    except TimeoutError:
        pass
    return False


def _texts_end(found: Frames) -> int:
    """Return how many frames hold all the texts, but not the end; half of them where the vendor cuts texts anew."""
    last = TEXTS[-1].encode()
    number = next(
        (at for at, frame in enumerate(found.frames, 1) if last in frame), len(found.frames)
    )
    return number if number < len(found.frames) else (len(found.frames) + 1) // 2


def require_stream(adapter: Any) -> None:
    """Leave the rule out for an adapter that only gives whole replies."""
    if not hasattr(adapter, "stream"):
        skip("the adapter has no stream()")
