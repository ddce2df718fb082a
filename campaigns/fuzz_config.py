"""Loads files that nobody would write, and looks that nothing comes of them but problems: `python -m campaigns.fuzz_config`.

The files are the ones in `tests/corpus`, changed by the dice. Where atheris is installed it chooses
the changes, by the code that they reach; it has its own dice and its own report of what it found.
One seed of ours plays the same files again.
"""

import argparse
import contextlib
import importlib
import importlib.util
import os
import random
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec

from standby.config import LoadedConfig, load
from standby.registry.plugins import Registry

CORPUS = Path(__file__).parents[1] / "tests" / "corpus"

SECONDS = 1.0
"""Processor time that one file may take: a busy machine is no failure."""

MEMORY = 2**30
"""Bytes of address space for the whole process: what grows without a bound is seen as a MemoryError."""

CANARY = "canary-of-the-fuzzer"

ENVIRON = {
    "OPENAI_API_KEY": CANARY,
    "GEMINI_API_KEY": CANARY,
    "MINE": CANARY,
    "MODEL": "o3-mini",
    "NUMBER": "3",
    "SPAN": "20s",
    "YES": "on",
    "EMPTY": "",
}

TODAY = date(2026, 11, 20)

TOKENS = [
    *(
        b"*a",
        b"&a ",
        b"!x ",
        b"!!binary ",
        b"<<: ",
        b"<<: *a",
        b"? ",
        b"| ",
        b">-\n",
        b"---\n",
        b"...\n",
        b"%YAML 1.1\n",
    ),
    *(
        b"${MODEL}",
        b"${MODEL:-o3-mini}",
        b"${NOPE}",
        b"${EMPTY:-}",
        b"${SPAN}",
        b"${",
        b"$${",
        b"${a b}",
        b"${A:-${B}}",
    ),
    *(
        b"[",
        b"]",
        b"{",
        b"}",
        b": ",
        b"- ",
        b", ",
        b"~",
        b"''",
        b'""',
        b"'",
        b'"',
        b"#",
        b"\t",
        b"\n",
        b"\r\n",
        b"\n  ",
        b" ",
    ),
    *(
        b"no",
        b"1:30",
        b"0x1F",
        b"1e400",
        b"-0",
        b"NaN",
        b".inf",
        b"2026-12-01",
        b"99999999999999999999",
        b"0s",
        b"1.5h",
    ),
    *(
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b"\x00",
        b"\x1b[31m",
        b"\xe2\x80\xa8",
        b"\xc2\x85",
        b"\xf0\x9f\x92\xa5",
        b"\xed\xa0\x80",
    ),
    *(
        b"version",
        b"providers",
        b"models",
        b"triggers",
        b"chains",
        b"default",
        b"provider",
        b"plugin",
        b"options",
        b"card",
    ),
    *(
        b"api_key",
        b"base_url",
        b"timeout",
        b"breaker",
        b"then",
        b"kind",
        b"status",
        b"message",
        b"retry",
        b"hedge",
        b"stream",
    ),
    *(
        b"next",
        b"5xx",
        b"rate_limited",
        b"/a+/",
        b"/(/",
        b"openai/",
        b"gemini-2.5-pro",
        b"o3-mini",
        b"scripted",
        b"30s",
    ),
]
"""Words of YAML's grammar, of its traps, and of the file's own."""


class Surprise(Exception):
    """A file did what no file may do."""


def seeds() -> list[bytes]:
    """Return the corpus, in one order on every machine."""
    return [path.read_bytes() for path in sorted(CORPUS.iterdir())]


def mutated(pool: list[bytes], dice: random.Random) -> bytes:
    """Return one of the files, changed in one to five ways."""
    data = dice.choice(pool)
    for _ in range(dice.choice((1, 1, 2, 3, 5))):
        data = dice.choice(_CHANGES)(data, pool, dice)
    return data[: 2**16]


def _flipped(data: bytes, _: list[bytes], dice: random.Random) -> bytes:
    if not data:
        return bytes([dice.randrange(256)])
    at = dice.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << dice.randrange(8)]) + data[at + 1 :]


def _with_token(data: bytes, _: list[bytes], dice: random.Random) -> bytes:
    at, length = dice.randint(0, len(data)), dice.choice((0, 0, 1, 4, 12))
    return data[:at] + dice.choice(TOKENS) * dice.choice((1, 1, 1, 1, 2, 60)) + data[at + length :]


def _without_a_piece(data: bytes, _: list[bytes], dice: random.Random) -> bytes:
    at = dice.randint(0, len(data))
    return data[:at] + data[at + dice.randint(1, 30) :]


def _spliced(data: bytes, pool: list[bytes], dice: random.Random) -> bytes:
    other = dice.choice(pool)
    return data[: dice.randint(0, len(data))] + other[dice.randint(0, len(other)) :]


def _with_lines_moved(data: bytes, _: list[bytes], dice: random.Random) -> bytes:
    lines = data.splitlines(keepends=True) or [b""]
    moved = lines.pop(dice.randrange(len(lines)))
    lines.insert(dice.randint(0, len(lines)), b" " * dice.choice((0, 0, 2, 4)) + moved)
    return b"".join(lines if dice.random() < 0.5 else [*lines, moved])


def _with_a_value_changed(data: bytes, _: list[bytes], dice: random.Random) -> bytes:
    lines = data.splitlines(keepends=True) or [b""]
    at = dice.randrange(len(lines))
    key, colon, _value = lines[at].partition(b": ")
    if colon:
        lines[at] = key + b": " + dice.choice(TOKENS) + b"\n"
    return b"".join(lines)


_CHANGES = (
    _flipped,
    _with_token,
    _without_a_piece,
    _spliced,
    _with_lines_moved,
    _with_a_value_changed,
    _with_a_value_changed,
)


class Loader:
    """Loads bytes as a file, and holds what comes of it to the rules."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._registry = Registry()

    def load(self, data: bytes) -> LoadedConfig:
        (self._folder / "models.yaml").write_bytes(data)
        return load(Path("models.yaml"), self._registry, ENVIRON, cwd=self._folder, today=TODAY)

    def check(self, data: bytes) -> LoadedConfig:
        """Load; raises `Surprise` for whatever is no settings and no problems, or took too long."""
        try:
            with _limited():
                loaded = self.load(data)
                told = msgspec.json.encode(loaded.problems)
        except Exception as error:
            raise Surprise(f"{type(error).__name__}: {error}") from error
        for wrong, words in _wrong(loaded, told):
            if wrong:
                raise Surprise(words)
        return loaded


def _wrong(loaded: LoadedConfig, told: bytes) -> Iterator[tuple[bool, str]]:
    failed = any(problem.severity == "error" for problem in loaded.problems)
    yield failed != (loaded.settings is None), "there are settings and errors, or neither"
    keys = (
        [provider.api_key for provider in loaded.settings.providers.values()]
        if loaded.settings
        else []
    )
    yield (
        CANARY.encode() in told or CANARY in repr((loaded.problems, loaded.origins, keys)),
        "a key is shown",
    )
    for problem in loaded.problems:
        yield (
            not (
                problem.code and problem.message and (problem.hint or problem.code == "bad-value")
            ),
            f"no words: {problem!r}",
        )
        yield bool(problem.line) != bool(problem.column), f"half a place: {problem!r}"
        yield "\n" in str(problem), f"more than one line: {problem!r}"


@contextlib.contextmanager
def _limited() -> Iterator[None]:
    def stop(_: int, frame: FrameType | None) -> None:
        where = f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame else "nowhere"
        raise Surprise(f"it takes longer than {SECONDS}s, at {where}")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def by_dice(runs: int, seed: int) -> int:
    """Load so many files; return how many surprised."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
    pool, surprises, sound, began = seeds(), 0, 0, time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        loader = Loader(Path(folder))
        for run in range(runs):
            data = mutated(pool, random.Random(f"{seed}-{run}"))
            try:
                sound += loader.check(data).settings is not None
            except Surprise as surprise:
                surprises += 1
                print(f"run {run} of seed {seed}: {surprise}\n  {data!r}", flush=True)  # noqa: T201 - what it is for
    rate = runs / (time.perf_counter() - began)
    words = f"{runs:,} files of seed {seed}, {sound:,} of them sound: {surprises} surprises ({rate:,.0f} files/s)"
    print(words)  # noqa: T201 - what it is for
    return surprises


def by_coverage(runs: int, seed: int) -> None:
    """Hand the loader to atheris; it ends the process, with a status of its own where something surprised."""
    atheris: Any = importlib.import_module("atheris")
    with tempfile.TemporaryDirectory() as scratch, tempfile.TemporaryDirectory() as folder:
        words = Path(scratch, "words")
        words.write_text(
            "".join('"' + "".join(f"\\x{byte:02x}" for byte in token) + '"\n' for token in TOKENS)
        )
        found = Path(scratch, "found")
        found.mkdir()
        loader = Loader(Path(folder))
        loader.check(b"x")  # imports what is imported late
        atheris.instrument_all()
        limits = [
            f"-runs={runs}",
            f"-seed={seed}",
            "-timeout=5",
            f"-rss_limit_mb={MEMORY >> 20}",
            "-max_len=8192",
        ]
        atheris.Setup(
            [sys.argv[0], *limits, f"-dict={words}", str(found), str(CORPUS)],
            lambda data: _quiet(loader, data),
        )
        atheris.Fuzz()


def _quiet(loader: Loader, data: bytes) -> None:
    loader.check(data)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m campaigns.fuzz_config", description="Load files that nobody would write."
    )
    parser.add_argument("--runs", type=int, default=20_000, help="so many files")
    parser.add_argument("--seed", type=int, default=1, help="what the dice begin with")
    parser.add_argument(
        "--dice", action="store_true", help="do without atheris, even where it is installed"
    )
    asked = parser.parse_args(arguments)
    if asked.dice or importlib.util.find_spec("atheris") is None:
        return 1 if by_dice(asked.runs, asked.seed) else 0
    by_coverage(asked.runs, asked.seed)
    return 0


if __name__ == "__main__":
    os.environ.pop("STANDBY_CONFIG", None)
    sys.exit(main())
