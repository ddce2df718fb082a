"""The faults of the self-test: the usual ones, those of a vendor, and those of a network."""

import re
from collections.abc import Callable, Sequence
from http import HTTPStatus

import msgspec

from standby.diagnostics.selftest.results import Group
from standby.diagnostics.selftest.stub_server import StubServer
from standby.failures import Failure, kind_of_status
from standby.testing.answers import Answer, cut, garbage, hang, html, reset, respond
from standby.testing.loopback import Answers, Received

MakeAnswers = Callable[[StubServer], Answers]

_ERROR_TEXT = re.compile(r"(\d{3})(?: ([^.]*))?\. (.*)", re.DOTALL)
"""A failure's text, `<status> <code>. <message>`; without a status it was no error answer."""


class Fault(msgspec.Struct, frozen=True):
    """A name for people, and how the stub server answers then; one that `hangs` never answers."""

    name: str
    group: Group
    answer: MakeAnswers
    hangs: bool = False


def list_faults(texts: Sequence[str]) -> tuple[Fault, ...]:
    """List every fault: the usual ones, the vendor's, and the network's.

    Args:
        texts: The texts of the vendor's known failures, as its plugin lists them.

    Returns:
        The faults; a text without a status makes none.
    """
    return (*USUAL, *filter(None, map(_parse_fault, texts)), *NETWORK)


def _parse_fault(text: str) -> Fault | None:
    match = _ERROR_TEXT.fullmatch(text)
    if match is None:
        return None
    status, code, message = int(match[1]), match[2] or "", match[3]
    if code in ("", _phrase(status)):  # not the vendor's own error: a proxy before it answered
        return Fault(text, "vendor", _always(html(status, f"<html><body>{message}</body></html>")))
    return Fault(text, "vendor", _error(status, message, code))


def _phrase(status: int) -> str:
    return next((each.phrase for each in HTTPStatus if each == status), "")


def _error(status: int, message: str, code: str | None = None) -> MakeAnswers:
    """Answer with an error, as the vendor's wire writes it."""
    failure = Failure(kind=kind_of_status(status), status=status, code=code, message=message)
    return lambda stub_server: lambda request: stub_server.respond(request, failure)


def _always(answer: Answer) -> MakeAnswers:
    return lambda _: lambda _: answer


def _half_an_answer(stub_server: StubServer) -> Answers:
    def answer(request: Received) -> Answer:
        complete = stub_server.answer(request)
        return cut(complete, len(complete.body) // 2)

    return answer


def _error_in_200(stub_server: StubServer) -> Answers:
    failure = Failure(kind=kind_of_status(503), status=503, message="Overloaded.")
    return lambda request: stub_server.respond(request, failure, status=200)


def _no_text(stub_server: StubServer) -> Answers:
    return lambda request: stub_server.respond(request, "")


USUAL = (
    Fault("500 internal", "usual", _error(500, "Internal error encountered.")),
    Fault(
        "503 service unavailable",
        "usual",
        _always(html(503, "<html><body>Service Unavailable</body></html>")),
    ),
    Fault("502 bad gateway", "usual", _always(html(502))),
    Fault("timeout", "usual", _always(hang()), hangs=True),
    Fault("connection error", "usual", _always(reset())),
    Fault("server error", "usual", _error(500, "Server error.")),
    Fault("internal error has occurred", "usual", _error(500, "An internal error has occurred.")),
)
"""The patterns of the trigger that ships, each as a fault whose text matches it."""

NETWORK = (
    Fault("connection closed without a word", "network", _always(Answer(raw=True, then="close"))),
    Fault("bytes that are not HTTP", "network", _always(garbage())),
    Fault("half an answer", "network", _half_an_answer),
    Fault("a 200 with a page of HTML", "network", _always(html(200))),
    Fault("a 200 with nothing in it", "network", _always(respond(200, b""))),
    Fault("a 200 with an error inside", "network", _error_in_200),
    Fault("an answer without text", "network", _no_text),
    Fault("529 overloaded", "network", _error(529, "Overloaded.")),
    Fault(
        "504 gateway timeout",
        "network",
        _always(html(504, "<html><body>Gateway Timeout</body></html>")),
    ),
)
