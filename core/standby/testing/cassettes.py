"""Recorded answers, read from a cassette of VCR or its kin, as the loopback server plays them."""

from pathlib import Path

from standby.http.cassettes import RecordedAnswer, answers_in
from standby.testing.loopback import Answer

_FRAMING = {"content-length", "transfer-encoding", "connection", "keep-alive", "set-cookie"}
"""Headers of the connection that was recorded; the server has its own, and cookies are nobody's business."""


def read_cassette(path: str | Path, *, containing: str = "") -> list[Answer]:
    """Return a cassette's answers in order, as they were sent: of vcrpy, go-vcr, Ruby's VCR, Betamax or R's vcr.

    Args:
        path: The file, YAML or JSON.
        containing: Only answers to requests whose URL contains this text are wanted.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is not a cassette.
    """
    try:
        answers = answers_in(Path(path).read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} {error}") from error
    return [_answer(each) for each in answers if containing in each.url]


def _answer(recorded: RecordedAnswer) -> Answer:
    headers = {name: value for name, value in recorded.headers.items() if name not in _FRAMING}
    streamed = "stream" in headers.get("content-type", "")
    pieces = ((0.0, recorded.body),)
    return Answer(
        status=recorded.status,
        pieces=pieces,
        headers=headers,
        framing="chunked" if streamed else "length",
    )
