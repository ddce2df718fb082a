"""Checks that malformed files lead to problems only: `python -m campaigns.fuzz_config`.

The files are those in `tests/corpus`, changed at random. Where atheris is installed, it chooses the
changes by the code that they reach, with a random generator and a report of its own. Without it,
one seed always gives the same files.
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
"""Bytes of address space for the process: unbounded growth shows as a MemoryError."""

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
"""Tokens of YAML's grammar, of its traps, and of the file's own grammar."""


class Surprise(Exception):
    """A file broke one of the rules."""


def seeds() -> list[bytes]:
    """Return the corpus, in one order on every machine."""
    return [path.read_bytes() for path in sorted(CORPUS.iterdir())]


def mutate(pool: list[bytes], rng: random.Random) -> bytes:
    """Return one of the files with one to five changes."""
    data = rng.choice(pool)
    for _ in range(rng.choice((1, 1, 2, 3, 5))):
        data = rng.choice(_CHANGES)(data, pool, rng)
    return data[: 2**16]


def _flip_bit(data: bytes, _: list[bytes], rng: random.Random) -> bytes:
    if not data:
        return bytes([rng.randrange(256)])
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]


def _insert_token(data: bytes, _: list[bytes], rng: random.Random) -> bytes:
    at, length = rng.randint(0, len(data)), rng.choice((0, 0, 1, 4, 12))
    return data[:at] + rng.choice(TOKENS) * rng.choice((1, 1, 1, 1, 2, 60)) + data[at + length :]


def _remove_part(data: bytes, _: list[bytes], rng: random.Random) -> bytes:
    at = rng.randint(0, len(data))
    return data[:at] + data[at + rng.randint(1, 30) :]


def _splice(data: bytes, pool: list[bytes], rng: random.Random) -> bytes:
    second = rng.choice(pool)
    return data[: rng.randint(0, len(data))] + second[rng.randint(0, len(second)) :]


def _move_line(data: bytes, _: list[bytes], rng: random.Random) -> bytes:
    lines = data.splitlines(keepends=True) or [b""]
    moved = lines.pop(rng.randrange(len(lines)))
    lines.insert(rng.randint(0, len(lines)), b" " * rng.choice((0, 0, 2, 4)) + moved)
    return b"".join(lines if rng.random() < 0.5 else [*lines, moved])


def _change_value(data: bytes, _: list[bytes], rng: random.Random) -> bytes:
    lines = data.splitlines(keepends=True) or [b""]
    at = rng.randrange(len(lines))
    key, colon, _value = lines[at].partition(b": ")
    if colon:
        lines[at] = key + b": " + rng.choice(TOKENS) + b"\n"
    return b"".join(lines)


_CHANGES = (
    _flip_bit,
    _insert_token,
    _remove_part,
    _splice,
    _move_line,
    _change_value,
    _change_value,
)


class Loader:
    """Loads bytes as a file, and checks the result by the rules."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._registry = Registry()

    def load(self, data: bytes) -> LoadedConfig:
        (self._folder / "models.yaml").write_bytes(data)
        return load(Path("models.yaml"), self._registry, ENVIRON, cwd=self._folder, today=TODAY)

    def check(self, data: bytes) -> LoadedConfig:
        """Load a file.

        Raises:
            Surprise: There are neither settings nor problems, or it took too long.

        """
        try:
            with _limit_time():
                loaded = self.load(data)
                encoded = msgspec.json.encode(loaded.problems)
        except Exception as error:
            raise Surprise(f"{type(error).__name__}: {error}") from error
        for is_broken, message in _check_rules(loaded, encoded):
            if is_broken:
                raise Surprise(message)
        return loaded


def _check_rules(loaded: LoadedConfig, encoded: bytes) -> Iterator[tuple[bool, str]]:
    has_errors = any(problem.severity == "error" for problem in loaded.problems)
    yield has_errors != (loaded.settings is None), "there are settings and errors, or neither"
    keys = (
        [provider.api_key for provider in loaded.settings.providers.values()]
        if loaded.settings
        else []
    )
    visible = repr((encoded, loaded.problems, loaded.origins, keys))
    yield CANARY in visible, "a key is shown"
    for problem in loaded.problems:
        has_hint = bool(problem.hint) or problem.code == "bad-value"
        is_complete = all([problem.code, problem.message, has_hint])
        yield not is_complete, f"no message: {problem!r}"
        yield bool(problem.line) != bool(problem.column), f"a line without column: {problem!r}"
        yield "\n" in str(problem), f"more than one line: {problem!r}"


@contextlib.contextmanager
def _limit_time() -> Iterator[None]:
    def stop(_: int, frame: FrameType | None) -> None:
        location = f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame else "nowhere"
        raise Surprise(f"it takes longer than {SECONDS}s, at {location}")

    previous = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, previous)


def run_randomly(runs: int, seed: int) -> int:
    """Load `runs` files; return the number of surprises."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
    pool, surprises, valid, began = seeds(), 0, 0, time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        loader = Loader(Path(folder))
        for run in range(runs):
            data = mutate(pool, random.Random(f"{seed}-{run}"))
            try:
                valid += loader.check(data).settings is not None
            except Surprise as surprise:
                surprises += 1
                print(f"run {run} of seed {seed}: {surprise}\n  {data!r}", flush=True)  # noqa: T201 - a command
    rate = runs / (time.perf_counter() - began)
    counts = f"{runs:,} files of seed {seed}, {valid:,} of them valid: {surprises} surprises"
    print(f"{counts} ({rate:,.0f} files/s)")  # noqa: T201 - a command
    return surprises


def run_by_coverage(runs: int, seed: int) -> None:
    """Hand the loader to atheris, which ends the process with a status of its own."""
    atheris: Any = importlib.import_module("atheris")
    with tempfile.TemporaryDirectory() as scratch, tempfile.TemporaryDirectory() as folder:
        tokens = Path(scratch, "tokens")
        tokens.write_text(
            "".join('"' + "".join(f"\\x{byte:02x}" for byte in token) + '"\n' for token in TOKENS)
        )
        results = Path(scratch, "results")
        results.mkdir()
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
            [sys.argv[0], *limits, f"-dict={tokens}", str(results), str(CORPUS)],
            lambda data: _check(loader, data),
        )
        atheris.Fuzz()


def _check(loader: Loader, data: bytes) -> None:
    loader.check(data)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m campaigns.fuzz_config", description="Load malformed files."
    )
    parser.add_argument("--runs", type=int, default=20_000, help="how many files")
    parser.add_argument("--seed", type=int, default=1, help="the random generator's seed")
    parser.add_argument(
        "--dice", action="store_true", help="do not use atheris, even where it is installed"
    )
    options = parser.parse_args(arguments)
    if options.dice or importlib.util.find_spec("atheris") is None:
        return 1 if run_randomly(options.runs, options.seed) else 0
    run_by_coverage(options.runs, options.seed)
    return 0


if __name__ == "__main__":
    os.environ.pop("STANDBY_CONFIG", None)
    sys.exit(main())
