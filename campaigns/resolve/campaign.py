"""Write docs/beside.md: what can be installed beside standby, and whether a fallback works there.

usage: scripts/resolve [--again] [REQUIREMENT ...]

It needs uv and a package index, and takes minutes. The newest version of each requirement of
packages.txt is tried in an environment of its own, which is removed afterwards. The results are
kept in .resolve.json: without arguments only the requirements that it lacks are tried, with
`--again` all of them, with arguments these.
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
"""Distributions that are resolved and not installed: gigabytes that the probe does not need."""

HEAD = """\
# What installs beside standby

Each requirement's newest version, in an environment of its own with Python {python}: does it
resolve together with standby, and does a chain answer there whose first model fails with a 500,
through `Standby` and through `openai_client()`? By `scripts/resolve` on {day}:
**{answer} of {all} resolve and answer.** The pins that forbid one are those that the resolver
names; there may be more behind them.

| requirement | version | resolves | `Standby` | `openai_client()` | openai | conflict or left out |
|---|---|---|---|---|---|---|
"""


def uv(*arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    """Run uv; a command that runs past its bound has failed."""
    command = ("uv", *arguments)
    try:
        return subprocess.run(  # noqa: S603 - uv
            command, input=stdin, capture_output=True, text=True, check=False, timeout=BOUND
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", f"nothing within {BOUND:.0f} s")


def resolve(*requirements: str) -> "subprocess.CompletedProcess[str]":
    """Resolve requirements together; the output is one pinned distribution a line."""
    options = ("--quiet", "--no-header", "--no-annotate", "--python-version", PYTHON, "-")
    return uv("pip", "compile", *options, stdin="\n".join(requirements))


def dependencies() -> list[str]:
    """Return what standby requires."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return list(project["dependencies"])


def find_version(requirement: str, compiled: str) -> str:
    """Return the version to which a requirement was resolved, "" if it is not there."""
    name = re.split(r"[\[<>=!~ ]", requirement)[0]
    match = re.search(rf"^{re.escape(name)}==(\S+)", compiled, re.MULTILINE | re.IGNORECASE)
    return match[1] if match else ""


def find_conflicts(requirement: str, output: str) -> str:
    """Name the pins that forbid a requirement beside standby, from the resolver's output."""
    named = [own for own in dependencies() if re.split("[<>=]", own)[0] in output]
    each = ((own, resolve(requirement, own)) for own in named)
    alone = [format_conflict(done.stderr, own) for own, done in each if done.returncode]
    return "; ".join(alone) or format_conflict(output, "all of standby's")


def format_conflict(output: str, own: str) -> str:
    """Return in one line which distribution wants which version, by the resolver's output."""
    text = join_lines(output)
    wants = re.findall(
        r"([a-z][\w.\[\]-]*)[^\s,]* depends? on ([\w.\[\]-]+)((?:[<>=!~][^\s,]*,?)*)", text
    )
    conflicts = dict.fromkeys(
        f"{who} wants {what}{spec.rstrip('.,')}" for who, what, spec in wants if spec
    )
    return f"{own}: {', '.join(list(conflicts)[:3]) or text[:160]}"


def try_requirement(requirement: str, wheel: Path) -> dict[str, Any]:
    """Try one requirement."""
    alone = resolve(requirement)
    if alone.returncode:
        return {
            "version": "",
            "resolves": False,
            "note": f"not even alone: {format_conflict(alone.stderr, requirement)}",
        }
    version = find_version(requirement, alone.stdout)
    newest = f"{requirement}=={version}"
    both = resolve(newest, *dependencies())
    if both.returncode:
        return {"version": version, "resolves": False, "note": find_conflicts(newest, both.stderr)}
    return {
        "version": version,
        "resolves": True,
        **probe_installation(both.stdout.splitlines(), wheel),
    }


def probe_installation(distributions: list[str], wheel: Path) -> dict[str, Any]:
    """Install the distributions that were resolved, and run the probe there."""
    light = [each for each in distributions if not HEAVY.match(each)]
    left = sorted(
        {each.partition("==")[0] for each in distributions}
        - {each.partition("==")[0] for each in light}
    )
    named = [name for name in left if not name.startswith(("nvidia-", "cuda-"))]
    note = f"without {', '.join(named)}" if named else ""
    with tempfile.TemporaryDirectory() as folder:
        python = str(Path(folder, "bin", "python"))
        install = ("pip", "install", "--quiet", "--python", python, "--no-deps")
        steps = (
            lambda: uv("venv", "--quiet", "--python", sys.executable, folder),
            lambda: uv(*install, "-r", "-", stdin="\n".join(light)),
            lambda: uv(*install, str(wheel)),
        )
        for step in steps:
            if (done := step()).returncode:
                return {"note": f"cannot be installed: {join_lines(done.stderr)[-160:]}"}
        return {"note": note, **run_probe(python)}


def run_probe(python: str) -> dict[str, str]:
    """Run the probe with this interpreter."""
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
    result: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return result


def join_lines(text: str) -> str:
    """Return a text on one line."""
    return re.sub(r"\s+", " ", text)


def format_row(requirement: str, result: dict[str, Any]) -> str:
    """Return a row of the table."""
    cells = (
        f"`{requirement}`",
        result["version"],
        "yes" if result["resolves"] else "**no**",
        *(str(result.get(name, "-")) for name in ("standby", "openai_client", "openai")),
        result.get("note", ""),
    )
    return f"| {' | '.join(cell.replace('|', ' ').strip() for cell in cells)} |"


def format_page(results: dict[str, dict[str, Any]], day: str) -> str:
    """Return the page."""
    answer = sum(
        one.get("standby") == one.get("openai_client") == "yes" for one in results.values()
    )
    head = HEAD.format(python=PYTHON, day=day, answer=answer, all=len(results))
    return (
        head
        + "\n".join(format_row(requirement, one) for requirement, one in results.items())
        + "\n"
    )


def read_requirements() -> list[str]:
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
    """Try them, two at a time, and save each result at once."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        wheel = build(folder)
        outcomes = {
            requirement: pool.submit(try_requirement, requirement, wheel)
            for requirement in requirements
        }
        for requirement, outcome in outcomes.items():
            known[requirement] = outcome.result()
            print(format_row(requirement, known[requirement]), flush=True)  # noqa: T201 - progress
            STATE.write_text(json.dumps(known, indent=1), encoding="utf-8")


def main() -> None:
    """Try the requirements, and write the page."""
    parser = argparse.ArgumentParser(prog="scripts/resolve", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "requirements", nargs="*", help="as in packages.txt; without any: those without a result"
    )
    parser.add_argument("--again", action="store_true", help="try all of them again")
    arguments = parser.parse_args()
    known = json.loads(STATE.read_text(encoding="utf-8")) if STATE.exists() else {}
    everything = read_requirements()
    missing = [each for each in everything if arguments.again or each not in known]
    run(arguments.requirements or missing, known)
    day = datetime.now(tz=UTC).date().isoformat()
    PAGE.write_text(
        format_page({each: known[each] for each in everything if each in known}, day),
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
