"""What goes wrong, when, and for how long, as a person writes it: "primary: 503 for 10m, then 30% 500 for 5m"."""

import difflib
import re
from typing import NoReturn

import msgspec

from standby.config.scalars import parse_duration
from standby.failures import Kind, kind_of_status

EXAMPLE = "primary: 503 for 10m, then 30% 500 for 5m"

NEVER = float("inf")

_OURS = {Kind.UNAVAILABLE, Kind.DEADLINE}
"""Kinds that no model can cause."""

_WORDS = ("hang", "cut", "ok", *(str(kind) for kind in Kind if kind not in _OURS))
_TOKEN = re.compile(r",|[^\s,]+")
_SHARE = re.compile(r"(\d{1,3}(?:\.\d+)?)%")
_STATUS = re.compile(r"[45]\d\d")


class Fault(msgspec.Struct, frozen=True):
    """What a model does instead of answering, in `share` of its calls (0 to 1).

    Without a `kind` it answers, hangs, or breaks off amid its answer: a stream so ends after its
    first words.
    """

    words: str
    share: float = 1.0
    status: int | None = None
    kind: Kind | None = None
    hangs: bool = False
    cuts: bool = False

    def __str__(self) -> str:
        """Return it as it is written."""
        return self.words if self.share == 1.0 else f"{self.share * 100:g}% {self.words}"


class Spell(msgspec.Struct, frozen=True):
    """A fault from one moment to another, in seconds."""

    begins: float
    ends: float
    fault: Fault


class Outage(msgspec.Struct, frozen=True):
    """All that goes wrong with one model, in order of time; outside of it the model is well."""

    model: str
    spells: tuple[Spell, ...]

    def spell_at(self, now: float) -> Spell | None:
        """Return what goes on at a moment, if anything."""
        return next((spell for spell in self.spells if spell.begins <= now < spell.ends), None)


def gone(model: str) -> Outage:
    """Return what a model does that its vendor has shut down."""
    return Outage(model, (Spell(0.0, NEVER, Fault("404", status=404, kind=Kind.MODEL_MISSING)),))


class GrammarError(ValueError):
    """An outage cannot be read; the message shows the place, and an example."""

    def __init__(self, text: str, place: int, width: int, words: str) -> None:
        """Put a mark below what is wrong."""
        mark = f"    {text}\n    {' ' * place}{'^' * max(1, width)}"
        super().__init__(f"{words}\n{mark}\nfor example: {EXAMPLE!r}")


def outage_of(text: str, begins: float) -> Outage:
    """Read an outage that begins at a moment, in seconds, unless it says "after …" itself; raises `GrammarError`."""
    found = re.match(r"\s*(\S.*?):(?=\s|$)", text)
    if found is None:
        raise GrammarError(
            text,
            0,
            len(text),
            "expected the name of a model, a colon, a blank, and what goes wrong with it",
        )
    return Outage(model=found[1], spells=tuple(_Reader(text, found.end()).spells(begins)))


class _Reader:
    """Goes through the words of an outage from left to right."""

    def __init__(self, text: str, start: int) -> None:
        self._text = text
        self._tokens = [(found[0], found.start()) for found in _TOKEN.finditer(text, start)]
        self._at = 0

    def spells(self, now: float) -> list[Spell]:
        """Read one spell after another; each begins where the one before it ends."""
        if self._skip("after"):
            now = self._duration()
            self._expect(",")
        spells: list[Spell] = []
        while True:
            fault = self._fault()
            ends = now + self._duration() if self._skip("for") else NEVER
            spells.append(Spell(now, ends, fault))
            if self._at == len(self._tokens):
                return spells
            if ends == NEVER:
                self._fail(
                    f"{str(fault)!r} has no end before this; write how long it lasts, like {f'{fault} for 5m'!r}"
                )
            self._expect(",")
            self._skip("then")
            now = ends

    def _fault(self) -> Fault:
        share = 1.0
        if found := _SHARE.fullmatch(self._word()):
            share = float(found[1]) / 100
            if not 0 < share <= 1:
                self._fail("expected a share above 0% and up to 100%")
            self._at += 1
        word = self._word()
        fault = self._named(word)
        self._at += 1
        return msgspec.structs.replace(fault, share=share)

    def _named(self, word: str) -> Fault:
        if word == "ok":
            return Fault(word)
        if word in ("hang", Kind.TIMEOUT):
            return Fault(word, hangs=True)
        if word == "cut":
            return Fault(word, cuts=True)
        if _STATUS.fullmatch(word):
            return Fault(word, status=int(word), kind=kind_of_status(int(word)))
        if word in _WORDS:
            return Fault(word, kind=Kind(word))
        near = difflib.get_close_matches(word, _WORDS, n=1)
        meant = f"did you mean {near[0]!r}? " if near else ""
        return self._fail(
            f"{meant}expected a status from 400 to 599, a kind like timeout, empty or overloaded, hang, cut, or ok"
        )

    def _duration(self) -> float:
        try:
            seconds = parse_duration(self._word())
        except ValueError:
            self._fail("expected a duration: a number above 0 and a unit, like 30s, 10m")
        self._at += 1
        return seconds

    def _word(self) -> str:
        return self._tokens[self._at][0] if self._at < len(self._tokens) else ""

    def _skip(self, word: str) -> bool:
        found = self._word() == word
        self._at += found
        return found

    def _expect(self, word: str) -> None:
        if not self._skip(word):
            self._fail(f"expected {word!r} here")

    def _fail(self, words: str) -> NoReturn:
        word, place = (
            self._tokens[self._at] if self._at < len(self._tokens) else ("", len(self._text))
        )
        raise GrammarError(self._text, place, len(word), words)
