"""Pieces of a stream are joined once, where they go out: not each with all that came before it."""

from typing import Any

import pytest

from standby.plugin import Chunk, End
from standby.settings import StreamRules
from standby_anthropic.reply import Reader as ClaudeReader
from standby_openai.responses_reply import Reader as ResponsesReader
from tests.support.playing import dispatch, route, target
from tests.support.virtual_clock import run


class Piece(str):
    """A text that cannot be added to another one: that would copy the other one each time."""

    __slots__ = ()

    def __add__(self, other: Any) -> Any:
        raise AssertionError(f"{len(self)} characters were copied")

    __radd__ = __add__


class Streams:
    def __init__(self, *chunks: Chunk) -> None:
        self.chunks = chunks

    async def stream(self, _: Any) -> Any:
        for chunk in self.chunks:
            yield chunk
        yield Chunk(end=End())


THOUGHTS = [Chunk(Piece(), reasoning=Piece(word)) for word in ("Portugal: ", "not ", "Porto.")]
BLANKS = [Chunk(Piece(" ")), Chunk(Piece("\n"))]
ANSWER = [Chunk(Piece("Lis")), Chunk(Piece("bon."))]


@pytest.mark.parametrize("release", ["first_token", "whole"])
@pytest.mark.parametrize("streamed", [False, True])
def test_what_a_stream_holds_back_is_joined_once(release: Any, *, streamed: bool) -> None:
    chunks: list[Chunk] = []

    async def put(chunk: Chunk) -> None:
        chunks.append(chunk)

    model = target("a", Streams(*THOUGHTS, *BLANKS, *ANSWER))
    chain = route(model, stream=StreamRules(release=release))
    reply = run(dispatch(chain, put=put if streamed else None).run())
    assert (reply.text, reply.reasoning) == (" \nLisbon.", "Portugal: not Porto.")
    assert [(each.text, each.reasoning) for each in chunks] == {
        (False, "first_token"): [],
        (False, "whole"): [],
        (True, "first_token"): [(" \nLis", "Portugal: not Porto."), ("bon.", "")],
        (True, "whole"): [(" \nLisbon.", "Portugal: not Porto.")],
    }[streamed, release]


def test_claudes_texts_thoughts_and_signatures_are_joined_once() -> None:
    reader = ClaudeReader()
    kinds = {"thinking": ("thinking_delta", "thinking"), "text": ("text_delta", "text")}
    reader.read({"type": "message_start", "message": {}})
    for index, (kind, (delta, field)) in enumerate(kinds.items()):
        reader.read(
            {"type": "content_block_start", "index": index, "content_block": {"type": kind}}
        )
        for word in ("a ", "b"):
            piece = {"type": delta, field: Piece(word), "signature": Piece("s")}
            reader.read({"type": "content_block_delta", "index": index, "delta": piece})
    assert (reader.reasoning, reader.text) == ("a b", "a b")


def test_the_responses_apis_texts_are_joined_once() -> None:
    reader = ResponsesReader()
    for word in ("a ", "b"):
        reader.read({"type": "response.output_text.delta", "delta": Piece(word)})
        reader.read({"type": "response.reasoning_summary_text.delta", "delta": Piece(word)})
    assert (reader._text.missing("a bc"), reader._thought.missing("a bc")) == ("c", "c")
