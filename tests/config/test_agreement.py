"""`standby validate` and the clients accept the same files and report the same problems.

100,000 files are tried by `python -m tests.config.test_agreement --files 100000`.
"""

import argparse
import contextlib
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

import pytest
import yaml

from campaigns.fuzz_config import ENVIRON, TOKENS, mutate, seeds
from standby import AsyncStandby, ConfigError
from standby.config import load
from standby.registry.plugins import Registry
from tests.config.test_typos import TODAY, spots, typos

FILES = 2_000
REGISTRY = Registry()
SPOTS = spots()
SEEDS = seeds()


def generate(rng: random.Random) -> bytes:
    """Return a file: valid, with a typo, changed at random, or tokens in random order."""
    kind = rng.choice(("valid", "typo", "changed", "changed", "tokens"))
    spot = rng.choice(SPOTS)
    if kind == "valid":
        return yaml.safe_dump(
            spot.file, sort_keys=False, default_flow_style=rng.choice((None, True, False))
        ).encode()
    if kind == "typo":
        return spot.text(rng.choice(typos(spot)))[0].encode()
    if kind == "changed":
        return mutate([*SEEDS, spot.text(spot.keys[-1])[0].encode()], rng)
    return b"".join(rng.choice(TOKENS) for _ in range(rng.randint(0, 40)))


def disagreement(data: bytes) -> tuple[str, str]:
    """Let both read a file; return "taken", "refused" or "raised", and the difference, if any."""
    Path("models.yaml").write_bytes(data)
    loaded = load(Path("models.yaml"), REGISTRY, ENVIRON, cwd=Path.cwd(), today=TODAY)
    errors = [problem for problem in loaded.problems if problem.severity == "error"]
    try:
        client = AsyncStandby("models.yaml", environ=ENVIRON, warm_up=False)
    except ConfigError as error:
        # the client uses today's date, so a retirement may be reported or not
        refused = [problem for problem in error.problems if problem.code != "retired"]
        alike = errors and refused == [
            problem for problem in loaded.problems if problem.code != "retired"
        ]
        return (
            "refused",
            "" if alike else f"validate says {loaded.problems}, the client {error.problems}",
        )
    if errors:
        return "taken", f"the client takes what validate refuses: {errors}"
    return "taken", "" if client.settings == loaded.settings else "the settings differ"


def disagreements(files: int, seed: int) -> tuple[Counter[str], list[str]]:
    ends, differences = Counter[str](), list[str]()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for number in range(files):
            data = generate(random.Random(f"{seed}-{number}"))
            try:
                end, difference = disagreement(data)
            except Exception as error:  # noqa: BLE001 - nothing else may ever be raised: that is the rule
                end, difference = "raised", f"{type(error).__name__}: {error}"
            ends[end] += 1
            if difference:
                differences.append(f"file {number} of seed {seed}: {difference}\n  {data!r}")
    return ends, differences


def test_validate_and_the_client_agree_on_each_file() -> None:
    ends, differences = disagreements(FILES, seed=1)
    assert differences == []
    assert min(ends["taken"], ends["refused"]) > FILES / 10


@pytest.mark.parametrize(
    "text", ["${EMPTY:-}", '"${EMPTY:-}${EMPTY:-}"\n', "# a comment\n---\n${EMPTY:-} # nothing\n"]
)
def test_a_file_of_which_nothing_is_left_is_empty_for_both(text: str, tmp_path: Path) -> None:
    with contextlib.chdir(tmp_path):
        assert disagreement(text.encode()) == ("refused", "")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.config.test_agreement")
    parser.add_argument("--files", type=int, default=FILES)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    ends, differences = disagreements(options.files, options.seed)
    print(*differences, f"{dict(ends)}: {len(differences)} disagreements", sep="\n")  # noqa: T201 - what it is for
    return int(bool(differences))


if __name__ == "__main__":
    sys.exit(main())
