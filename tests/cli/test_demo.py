"""`standby demo`: a fallback within a second, on any machine."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from standby.cli.demo import ANSWER
from tests.cli.runner import Run, write

ALONE = """
import sys

def guard(event, args):
    sockets = ("socket.connect", "socket.bind", "socket.getaddrinfo")
    if event in (*sockets, "subprocess.Popen", "os.mkdir"):
        raise AssertionError(f"{event} {args}")
    if event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+"):
        raise AssertionError(f"{event} {args}")

sys.dont_write_bytecode = True
sys.addaudithook(guard)
sys.argv = ["standby", "demo"]
from standby.cli import main

main()
"""


def test_it_shows_the_answer_the_trail_and_what_happened(run: Run) -> None:
    result = run("demo")
    assert (result.status, result.err) == (0, "")
    lines = result.out.splitlines()
    assert f"answer:    {ANSWER}" in lines
    failed = "overloaded: 503 UNAVAILABLE. The model is overloaded."
    trail = lines[lines.index("the trail of the reply:") + 1 :][:3]
    assert [line.split()[:2] for line in trail] == [
        ["first", "failed"],
        ["first", "failed"],
        ["second", "answered"],
    ]
    assert [line.partition(failed)[2] for line in trail] == ["  -> retry", "  -> next", ""]
    sentences = lines[lines.index("what happened:") + 1 :][:3]
    assert sentences[0].startswith(
        "  first answered 503: that may pass, so the question was sent again after 0."
    )
    assert sentences[1] == "  first answered 503 again, so the same question went to second."
    assert sentences[2].startswith("  second answered. The application waited 0.")


def test_programs_get_the_same_as_json(run: Run) -> None:
    report = run("demo", "--json").json
    assert (report["chain"], report["answer"], report["model"]) == (
        ["first", "second"],
        ANSWER,
        "second",
    )
    assert [(each["model"], each["status"], each["then"]) for each in report["trail"]] == [
        ("first", 503, "retry"),
        ("first", 503, "next"),
        ("second", None, None),
    ]
    assert len(report["story"]) == len(report["trail"])


def test_the_fallback_itself_takes_well_under_a_second(run: Run) -> None:
    run("demo")  # what is imported once
    began = time.monotonic()
    report = run("demo", "--json").json
    assert time.monotonic() - began < 1
    assert report["trail"][-1]["start"] + report["trail"][-1]["duration"] < 0.5


def test_it_opens_no_socket_and_writes_no_file(folder: Path) -> None:
    result = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", ALONE], capture_output=True, text=True, check=False, timeout=60
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert ANSWER in result.stdout
    assert list(folder.iterdir()) == []


def test_it_reads_no_file_either_however_broken(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    write("version: [")
    write("\0", ".env")
    monkeypatch.setenv("STANDBY_CONFIG", "no-such.yaml")
    assert run("demo").status == 0
