"""What goes wrong in the self-test: what people have always fallen back on, what a vendor is known for, what networks do."""

import re
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Literal

import msgspec

from standby.diagnostics.selftest.stub_servers import StubServer
from standby.failures import Failure, kind_of_status
from standby.testing.loopback import (
    Answer,
    Answers,
    Received,
    cut,
    garbage,
    hang,
    html,
    reset,
    respond,
)

Group = Literal["usual", "vendor", "network"]
"""Where a fault comes from: the patterns of the chain that ships, the plugin's own list, or the way between."""

_TEXT = re.compile(r"(\d{3})(?: ([^.]*))?\. (.*)", re.DOTALL)
"""A failure's text, `<status> <code>. <message>`; without a status it was no error answer."""


class Fault(msgspec.Struct, frozen=True):
    """A name for people, and the answers that a stub_server gives then; one that `hangs` gives none."""

    name: str
    group: Group
    answer: Callable[[StubServer], Answers]
    hangs: bool = False


def faults_of(texts: Sequence[str]) -> tuple[Fault, ...]:
    """Return every fault: the usual ones, those that the texts of a vendor's failures tell of, and the network's."""
    return (*USUAL, *filter(None, map(_of_text, texts)), *NETWORK)


def _of_text(text: str) -> Fault | None:
    found = _TEXT.fullmatch(text)
    if found is None:
        return None
    status, code, message = int(found[1]), found[2] or "", found[3]
    if code in ("", _phrase(status)):  # no vendor's words: what stands before it has answered
        return Fault(text, "vendor", _always(html(status, f"<html><body>{message}</body></html>")))
    return Fault(text, "vendor", _said(status, message, code))


def _said(status: int, message: str, code: str | None = None) -> Callable[[StubServer], Answers]:
    failure = Failure(kind=kind_of_status(status), status=status, code=code, message=message)
    return lambda stub_server: lambda request: stub_server.says(request, failure)


def _always(answer: Answer) -> Callable[[StubServer], Answers]:
    return lambda _: lambda _: answer


def _half(stub_server: StubServer) -> Answers:
    def answer(request: Received) -> Answer:
        whole = stub_server.good(request)
        return cut(whole, len(whole.body) // 2)

    return answer


def _inside(stub_server: StubServer) -> Answers:
    failure = Failure(kind=kind_of_status(503), status=503, message="Overloaded.")
    return lambda request: stub_server.says(request, failure, status=200)


def _phrase(status: int) -> str:
    return next((known.phrase for known in HTTPStatus if known == status), "")


USUAL = (
    Fault("500 internal", "usual", _said(500, "Internal error encountered.")),
    Fault(
        "503 service unavailable",
        "usual",
        _always(html(503, "<html><body>Service Unavailable</body></html>")),
    ),
    Fault("502 bad gateway", "usual", _always(html(502))),
    Fault("timeout", "usual", _always(hang()), hangs=True),
    Fault("connection error", "usual", _always(reset())),
    Fault("server error", "usual", _said(500, "Server error.")),
    Fault("internal error has occurred", "usual", _said(500, "An internal error has occurred.")),
)
"""The patterns of the trigger that ships, each as something that reads so."""

NETWORK = (
    Fault("connection closed without a word", "network", _always(Answer(raw=True, then="close"))),
    Fault("bytes that are no HTTP", "network", _always(garbage())),
    Fault("half an answer", "network", _half),
    Fault("a 200 with a page of HTML", "network", _always(html(200))),
    Fault("a 200 with nothing in it", "network", _always(respond(200, b""))),
    Fault("a 200 with an error inside", "network", _inside),
    Fault(
        "an answer without text",
        "network",
        lambda stub_server: lambda request: stub_server.says(request, ""),
    ),
    Fault("529 overloaded", "network", _said(529, "Overloaded.")),
    Fault(
        "504 gateway timeout",
        "network",
        _always(html(504, "<html><body>Gateway Timeout</body></html>")),
    ),
)
