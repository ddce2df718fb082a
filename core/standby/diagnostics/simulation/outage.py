"""An outage and its notation, such as "primary: 503 for 10m, then 30% 500 for 5m"."""

import difflib
import re
from typing import NoReturn

import msgspec

from standby.config.durations import parse_duration
from standby.failures import Kind, kind_of_status

EXAMPLE = "primary: 503 for 10m, then 30% 500 for 5m"

NEVER = float("inf")

_INTERNAL = {Kind.UNAVAILABLE, Kind.DEADLINE}
"""Kinds that standby itself reports: no model can cause them."""

_FAULTS = ("hang", "cut", "ok", *(str(kind) for kind in Kind if kind not in _INTERNAL))
_TOKEN = re.compile(r",|[^\s,]+")
_SHARE = re.compile(r"(\d{1,3}(?:\.\d+)?)%")
_STATUS = re.compile(r"[45]\d\d")


class Fault(msgspec.Struct, frozen=True):
    """What a model does instead of answering, in `share` of its requests (0 to 1).

    Without a `kind` it answers ("ok"), hangs, or breaks the connection in the middle of its answer:
    a stream then ends after its first pieces.
    """

    name: str = msgspec.field(name="words")
    share: float = 1.0
    status: int | None = None
    kind: Kind | None = None
    hangs: bool = False
    cuts: bool = False

    def __str__(self) -> str:
        """Return the fault in the notation of an outage."""
        return self.name if self.share == 1.0 else f"{self.share * 100:g}% {self.name}"

    @property
    def is_ok(self) -> bool:
        """Say whether the model answers after all."""
        return self.name == "ok"


class Segment(msgspec.Struct, frozen=True):
    """A fault from one moment to another, in seconds since the simulation began."""

    begins: float
    ends: float
    fault: Fault


class Outage(msgspec.Struct, frozen=True):
    """The faults of one model, in order of time; outside of them the model answers."""

    model: str
    segments: tuple[Segment, ...] = msgspec.field(name="spells")

    def segment_at(self, now: float) -> Segment | None:
        """Find the segment of a moment.

        Args:
            now: Seconds since the simulation began.

        Returns:
            The segment, or `None` if the model answers at that moment.
        """
        return next((each for each in self.segments if each.begins <= now < each.ends), None)


def permanent_outage(model: str) -> Outage:
    """Build the outage of a model that its vendor has shut down.

    Args:
        model: The model's name.

    Returns:
        A 404 that never ends.
    """
    return Outage(model, (Segment(0.0, NEVER, Fault("404", status=404, kind=Kind.MODEL_MISSING)),))


class GrammarError(ValueError):
    """An outage cannot be read; the message marks where, and shows an example."""

    def __init__(self, text: str, position: int, width: int, problem: str) -> None:
        """Put a mark below what is wrong."""
        mark = f"    {text}\n    {' ' * position}{'^' * max(1, width)}"
        super().__init__(f"{problem}\n{mark}\nfor example: {EXAMPLE!r}")


def parse_outage(text: str, begins: float) -> Outage:
    """Read an outage.

    Args:
        text: The outage in its notation.
        begins: When it begins, in seconds, unless the text itself says "after …".

    Returns:
        The outage of one model.

    Raises:
        GrammarError: The text cannot be read.
    """
    head = re.match(r"\s*(\S.*?):(?=\s|$)", text)
    if head is None:
        problem = "expected the name of a model, a colon, a blank, and what goes wrong with it"
        raise GrammarError(text, 0, len(text), problem)
    return Outage(head[1], tuple(_Parser(text, head.end()).parse_segments(begins)))


class _Parser:
    """Goes through the tokens of an outage from left to right."""

    def __init__(self, text: str, start: int) -> None:
        self._text = text
        self._tokens = [(match[0], match.start()) for match in _TOKEN.finditer(text, start)]
        self._at = 0

    def parse_segments(self, now: float) -> list[Segment]:
        """Read one segment after another; each begins where the one before it ends."""
        if self._skip("after"):
            now = self._parse_duration()
            self._expect(",")
        segments: list[Segment] = []
        while True:
            fault = self._parse_fault()
            ends = now + self._parse_duration() if self._skip("for") else NEVER
            segments.append(Segment(now, ends, fault))
            if self._at == len(self._tokens):
                return segments
            if ends == NEVER:
                self._fail(
                    f"{str(fault)!r} has no end before this; "
                    f"write how long it lasts, like {f'{fault} for 5m'!r}"
                )
            self._expect(",")
            self._skip("then")
            now = ends

    def _parse_fault(self) -> Fault:
        share = 1.0
        if match := _SHARE.fullmatch(self._token()):
            share = float(match[1]) / 100
            if not 0 < share <= 1:
                self._fail("expected a share above 0% and up to 100%")
            self._at += 1
        fault = self._find_fault(self._token())
        self._at += 1
        return msgspec.structs.replace(fault, share=share)

    def _find_fault(self, name: str) -> Fault:
        if name == "ok":
            return Fault(name)
        if name in ("hang", Kind.TIMEOUT):
            return Fault(name, hangs=True)
        if name == "cut":
            return Fault(name, cuts=True)
        if _STATUS.fullmatch(name):
            return Fault(name, status=int(name), kind=kind_of_status(int(name)))
        if name in _FAULTS:
            return Fault(name, kind=Kind(name))
        similar = difflib.get_close_matches(name, _FAULTS, n=1)
        hint = f"did you mean {similar[0]!r}? " if similar else ""
        return self._fail(
            f"{hint}expected a status from 400 to 599, "
            "a kind like timeout, empty or overloaded, hang, cut, or ok"
        )

    def _parse_duration(self) -> float:
        try:
            seconds = parse_duration(self._token())
        except ValueError:
            self._fail("expected a duration: a number above 0 and a unit, like 30s, 10m")
        self._at += 1
        return seconds

    def _token(self) -> str:
        return self._tokens[self._at][0] if self._at < len(self._tokens) else ""

    def _skip(self, token: str) -> bool:
        """Go past this token, if it is the next one."""
        is_next = self._token() == token
        self._at += is_next
        return is_next

    def _expect(self, token: str) -> None:
        if not self._skip(token):
            self._fail(f"expected {token!r} here")

    def _fail(self, problem: str) -> NoReturn:
        end = ("", len(self._text))
        token, position = self._tokens[self._at] if self._at < len(self._tokens) else end
        raise GrammarError(self._text, position, len(token), problem)
