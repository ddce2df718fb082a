"""The rules on a stream's framing, and on when its text must arrive."""

from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec

from standby.plugin import Reply
from standby.testing import driver
from standby.testing.answers import Answer
from standby.testing.assertions import require, skip
from standby.testing.basic_rules import BasicRules
from standby.testing.checks import CLEANUP_LIMIT, require_stream, text_arrives
from standby.testing.framing import Frames, parse_frames

TEXTS = ("Lis", "bon, says ", "the loopback.")
FULL_TEXT = "".join(TEXTS)
_UNICODE_LINE_ENDS = ("Lis", "bon,\u2028says\u0085", "the loopback.")
"""U+2028 and U+0085 end a line for `str.splitlines`, but in neither framing."""


class StreamingRules(BasicRules):
    """What an adapter must do with its vendor's streams.

    Attributes:
        text_within: Seconds that a stream's first text may take once it is sent.
    """

    text_within: ClassVar[float] = CLEANUP_LIMIT

    def stream(self, texts: Sequence[str]) -> Answer:
        """Return the vendor's stream of an answer, with usage and an end.

        Args:
            texts: The pieces of the answer's text.

        Returns:
            The stream.

        Raises:
            SkipTest: The author has not written it.
        """
        del texts
        skip("stream(texts) is not written")

    def test_every_form_of_the_framing_is_read(self) -> None:
        """Events and lines are read as their standards define them."""
        self.run(self._check_framing)

    async def _check_framing(self) -> None:
        answer = self.stream(_UNICODE_LINE_ENDS)
        for case, pieces in parse_frames(answer).variants():
            variant = msgspec.structs.replace(
                answer, pieces=tuple((0.0, piece) for piece in pieces), framing="chunked"
            )
            text = await self._read_text(variant)
            message = f"a stream {case} gives {text!r}: read it with iter_events or iter_ndjson"
            require(text == "".join(_UNICODE_LINE_ENDS), message)

    async def _read_text(self, answer: Answer) -> str:
        """Return the stream's text, or the message of its failure."""
        replies: list[Reply] = []

        async def read(adapter: Any) -> Reply:
            replies.append((await driver.collect(adapter, self.request()))[0])
            return replies[0]

        async with self.open_adapter(answer) as (adapter, _):
            require_stream(adapter)
            error = await driver.catch_failure(read(adapter))
        return replies[0].text if error is None else error.failure.message

    def test_text_is_yielded_while_the_stream_arrives(self) -> None:
        """An adapter that waits for the end of the body does not stream."""
        self.run_after_main_request(self._check_early_text)

    async def _check_early_text(self) -> None:
        answer = self.stream(TEXTS)
        stream = parse_frames(answer)
        sent = stream.frames[: _count_text_frames(stream)]
        pieces = tuple((0.0, frame) for frame in sent)
        endless = msgspec.structs.replace(answer, pieces=pieces, framing="chunked", then="hang")
        async with self.open_adapter(endless) as (adapter, _):
            require_stream(adapter)
            message = (
                f"{len(sent)} of {len(stream.frames)} {stream.framing} are sent, and no text "
                "arrives: read the body as it arrives, with iter_events or iter_ndjson"
            )
            arrives = await text_arrives(adapter.stream(self.request()), self.text_within)
            require(arrives, message)


def _count_text_frames(stream: Frames) -> int:
    """Return how many frames hold all texts but not the end; half, if the vendor splits texts."""
    total = len(stream.frames)
    last = TEXTS[-1].encode()
    count = next((at for at, frame in enumerate(stream.frames, 1) if last in frame), total)
    return count if count < total else (total + 1) // 2
