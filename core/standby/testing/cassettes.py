"""Recorded answers, from the cassettes of VCR and similar libraries, for the loopback server."""

from pathlib import Path

from standby.http.cassettes import RecordedAnswer, read_answers
from standby.testing.answers import Answer

_CONNECTION_HEADERS = {
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "set-cookie",
}
"""Headers of the recorded connection, which are dropped: the server adds its own."""


def read_cassette(path: str | Path, *, containing: str = "") -> list[Answer]:
    """Read the answers of a cassette, in order, as they were sent.

    The formats are those of vcrpy, go-vcr, Ruby's VCR, Betamax and R's vcr.

    Args:
        path: The file, YAML or JSON.
        containing: A text that the URL of the request must contain.

    Returns:
        The answers.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is not a cassette.
    """
    try:
        answers = read_answers(Path(path).read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} {error}") from error
    return [_convert(answer) for answer in answers if containing in answer.url]


def _convert(recorded: RecordedAnswer) -> Answer:
    headers = {
        name: value for name, value in recorded.headers.items() if name not in _CONNECTION_HEADERS
    }
    is_stream = "stream" in headers.get("content-type", "")
    return Answer(
        status=recorded.status,
        pieces=((0.0, recorded.body),),
        headers=headers,
        framing="chunked" if is_stream else "length",
    )
