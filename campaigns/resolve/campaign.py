"""What can be installed beside standby, and whether a fallback answers there: writes docs/beside.md.

A campaign, `scripts/resolve [REQUIREMENT ...]`: it needs uv and a package index, and takes minutes.
Each requirement of packages.txt is tried at its newest, in an environment of its own, which is
removed after. What was found is kept in .resolve.json: without arguments only what is missing there
is tried, with `--again` everything, with arguments those.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
STATE = ROOT / ".resolve.json"
PAGE = ROOT / "docs" / "beside.md"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
BOUND = 180.0
"""Seconds for each command."""

HEAVY = re.compile(r"(torch\w*|triton|nvidia-[\w-]+|cuda-[\w-]+|tensorflow\w*|jax\w*)==")
"""What is resolved and not installed: gigabytes, of which the probe needs nothing."""

HEAD = """\
# What installs beside standby

Each requirement at its newest, in an environment of its own with Python {python}: does it resolve together
with standby, and does a chain answer there whose first model fails with a 500, through `Standby` and
through `openai_client()`? By `scripts/resolve` on {day}: **{answer} of {all} resolve and answer.** Of the pins
that forbid one, those stand here that the resolver names; there may be more behind them.

| requirement | version | resolves | `Standby` | `openai_client()` | openai | what forbids it, or is left out |
|---|---|---|---|---|---|---|
"""


def uv(*words: str, given: str = "") -> "subprocess.CompletedProcess[str]":
    """Run uv; a command that runs past its bound has failed."""
    command = ("uv", *words)
    try:
        return subprocess.run(  # noqa: S603 - uv
            command, input=given, capture_output=True, text=True, check=False, timeout=BOUND
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", f"nothing within {BOUND:.0f} s")


def resolved(*requirements: str) -> "subprocess.CompletedProcess[str]":
    """Resolve requirements together; the output is one pinned distribution a line."""
    words = ("--quiet", "--no-header", "--no-annotate", "--python-version", PYTHON, "-")
    return uv("pip", "compile", *words, given="\n".join(requirements))


def dependencies() -> list[str]:
    """Return what standby requires."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return list(project["dependencies"])


def pinned(requirement: str, compiled: str) -> str:
    """Return the requirement at the version that was resolved."""
    name = re.split(r"[\[<>=!~ ]", requirement)[0]
    found = re.search(rf"^{re.escape(name)}==(\S+)", compiled, re.MULTILINE | re.IGNORECASE)
    return found[1] if found else ""


def forbidding(requirement: str, told: str) -> str:
    """Name the pins that keep a requirement from being installed beside standby, `told` by the resolver."""
    named = [own for own in dependencies() if f"{re.split('[<>=]', own)[0]}" in told]
    each = ((own, resolved(requirement, own)) for own in named)
    alone = [clauses(done.stderr, own) for own, done in each if done.returncode]
    return "; ".join(alone) or clauses(told, "all of standby's")


def clauses(told: str, own: str) -> str:
    """Return what the resolver says of who wants what, in one line."""
    words = flat(told)
    wants = re.findall(
        r"([a-z][\w.\[\]-]*)[^\s,]* depends? on ([\w.\[\]-]+)((?:[<>=!~][^\s,]*,?)*)", words
    )
    found = dict.fromkeys(
        f"{who} wants {what}{spec.rstrip('.,')}" for who, what, spec in wants if spec
    )
    return f"{own}: {', '.join(list(found)[:3]) or words[:160]}"


def tried(requirement: str, wheel: Path) -> dict[str, Any]:
    """Try one requirement."""
    alone = resolved(requirement)
    if alone.returncode:
        return {
            "version": "",
            "resolves": False,
            "note": f"not even alone: {clauses(alone.stderr, requirement)}",
        }
    version = pinned(requirement, alone.stdout)
    newest = f"{requirement}=={version}"
    both = resolved(newest, *dependencies())
    if both.returncode:
        return {"version": version, "resolves": False, "note": forbidding(newest, both.stderr)}
    return {"version": version, "resolves": True, **answered(both.stdout.splitlines(), wheel)}


def answered(distributions: list[str], wheel: Path) -> dict[str, Any]:
    """Install what was resolved, and ask there."""
    light = [each for each in distributions if not HEAVY.match(each)]
    left = sorted(
        {each.partition("==")[0] for each in distributions}
        - {each.partition("==")[0] for each in light}
    )
    shown = [name for name in left if not name.startswith(("nvidia-", "cuda-"))]
    note = f"without {', '.join(shown)}" if shown else ""
    with tempfile.TemporaryDirectory() as folder:
        python = str(Path(folder, "bin", "python"))
        install = ("pip", "install", "--quiet", "--python", python, "--no-deps")
        steps = (
            lambda: uv("venv", "--quiet", "--python", sys.executable, folder),
            lambda: uv(*install, "-r", "-", given="\n".join(light)),
            lambda: uv(*install, str(wheel)),
        )
        for step in steps:
            if (done := step()).returncode:
                return {"note": f"cannot be installed: {flat(done.stderr)[-160:]}"}
        return {"note": note, **asked(python)}


def asked(python: str) -> dict[str, str]:
    """Run the probe there."""
    command = (python, str(HERE / "probe.py"))
    try:
        done = subprocess.run(  # noqa: S603 - ours
            command,
            capture_output=True,
            text=True,
            check=True,
            timeout=BOUND,
            cwd=Path(python).parent,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        return {"standby": f"{type(error).__name__}: {str(error.stderr or '').strip()[-160:]}"}
    found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return found


def flat(text: str) -> str:
    """Return a text on one line."""
    return re.sub(r"\s+", " ", text)


def row(requirement: str, found: dict[str, Any]) -> str:
    """Return a row of the table."""
    cells = (
        f"`{requirement}`",
        found["version"],
        "yes" if found["resolves"] else "**no**",
        *(str(found.get(name, "-")) for name in ("standby", "openai_client", "openai")),
        found.get("note", ""),
    )
    return f"| {' | '.join(cell.replace('|', ' ').strip() for cell in cells)} |"


def page(found: dict[str, dict[str, Any]], day: str) -> str:
    """Return the page."""
    answer = sum(one.get("standby") == one.get("openai_client") == "yes" for one in found.values())
    head = HEAD.format(python=PYTHON, day=day, answer=answer, all=len(found))
    return head + "\n".join(row(requirement, one) for requirement, one in found.items()) + "\n"


def listed() -> list[str]:
    """Return the requirements of packages.txt."""
    lines = (HERE / "packages.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def build(folder: str) -> Path:
    """Build the wheel."""
    done = uv("build", "--quiet", "--wheel", "--out-dir", folder, str(ROOT))
    if done.returncode:
        sys.exit(done.stderr)
    return next(Path(folder).glob("*.whl"))


def run(requirements: Iterable[str], known: dict[str, dict[str, Any]]) -> None:
    """Try them, two at a time, and keep what was found as soon as it is."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        wheel = build(folder)
        outcomes = {
            requirement: pool.submit(tried, requirement, wheel) for requirement in requirements
        }
        for requirement, outcome in outcomes.items():
            known[requirement] = outcome.result()
            print(row(requirement, known[requirement]), flush=True)  # noqa: T201 - progress
            STATE.write_text(json.dumps(known, indent=1), encoding="utf-8")


def main() -> None:
    """Try what is asked for, and write the page."""
    parser = argparse.ArgumentParser(prog="scripts/resolve", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "requirements", nargs="*", help="as in packages.txt; those that are missing, if left out"
    )
    parser.add_argument("--again", action="store_true", help="try all of them anew")
    wanted = parser.parse_args()
    known = json.loads(STATE.read_text(encoding="utf-8")) if STATE.exists() else {}
    everything = listed()
    missing = [each for each in everything if wanted.again or each not in known]
    run(wanted.requirements or missing, known)
    day = datetime.now(tz=UTC).date().isoformat()
    PAGE.write_text(
        page({each: known[each] for each in everything if each in known}, day), encoding="utf-8"
    )


if __name__ == "__main__":
    main()
