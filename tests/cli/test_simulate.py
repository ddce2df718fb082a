"""`standby simulate`: an outage against the file that is found, told, as JSON, and as a picture."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.cli.running import Run, process, scripted, written

CHAIN = """\
version: 1
models:
  primary: {provider: scripted, options: {reply: [never said]}}
  second: {provider: scripted, options: {reply: [never said]}}
chains:
  default: {models: [primary, second]}
  single: {models: [primary]}
"""

OUTAGE = ("--outage", "primary: 503 for 2m, then 30% 500 for 1m", "--duration", "5m")


@pytest.fixture(autouse=True)
def _file(folder: Path) -> None:
    del folder
    written(CHAIN)


def test_an_outage_is_told_and_counted(run: Run) -> None:
    ran = run("simulate", *OUTAGE)
    assert ran.status == 0
    assert ran.out.startswith(
        "Simulated: chain default: 2 calls/s for 5m, seed 1, an answer takes about 1s\nModels: primary → second."
    )
    for words in (
        "01:00  primary    OUTAGE 503, for 2m",
        "breaker OPEN: rests",
        "breaker CLOSED: a probe was answered",
        "without the outage",
    ):
        assert words in ran.out
    assert "never said" not in ran.out
    assert ran.err == ""


def test_the_same_seed_is_the_same_text_in_another_process(run: Run) -> None:
    first = run("simulate", *OUTAGE, "--plot", "a.svg")
    again = process("simulate", *OUTAGE, "--plot", "b.svg", PYTHONHASHSEED="7", PYTHONIOENCODING="utf-8")
    assert first.out == again.out
    assert Path("a.svg").read_bytes() == Path("b.svg").read_bytes()
    assert run("simulate", *OUTAGE, "--seed", "2").out != first.out


def test_json_holds_all_that_is_told(run: Run) -> None:
    told = run("simulate", *OUTAGE, "--json").json
    assert told["models"] == ["primary", "second"]
    assert told["plan"]["outages"][0]["spells"][1]["fault"] == {
        "words": "500",
        "share": 0.3,
        "status": 500,
        "kind": "server_error",
        "hangs": False,
    }
    assert told["callers"]["calls"] == told["healthy"]["calls"] == sum(count["served"] for count in told["counts"])
    assert told["breakers"]["second"] == [{"state": "closed", "begins": 0.0, "ends": 300.0}]
    assert told["timeline"][0].keys() == {"at", "model", "text"}


def test_the_picture_is_written(run: Run) -> None:
    ran = run("simulate", *OUTAGE, "--plot", "out.svg")
    assert ran.err == "wrote out.svg\n"
    assert ET.parse("out.svg").getroot().tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314 - written above


def test_it_needs_no_key_and_no_file(run: Run) -> None:
    Path("models.yaml").unlink()
    assert run("simulate", "--duration", "1m").status == 0


def test_calls_without_an_answer_are_told_and_no_error(run: Run) -> None:
    ran = run("simulate", "--chain", "single", "--outage", "primary: 503 for 1m", "--duration", "3m")
    assert ran.status == 0
    assert "calls without an answer" in ran.out


def test_fair_weather_has_no_second_row_to_compare_with(run: Run) -> None:
    ran = run("simulate", "--duration", "1m", "--rate", "30/m")
    assert "without the outage" not in ran.out
    assert "30 calls/m for 1m" in ran.out


def test_no_calls_are_told_as_such(run: Run) -> None:
    assert "No calls came; raise --rate or --duration." in run("simulate", "--rate", "1/h", "--duration", "1s").out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ("--outage", "primay: 503"),
            "did you mean 'primary'? no model of chain 'default' is named 'primay'; there is primary, second",
        ),
        (("--outage", "primary: oops"), "primary: oops\n             ^^^^"),
        (("--outage", "primary: 503", "--outage", "primary: 500"), "'primary' has two outages; write one"),
        (("--chain", "nope"), "no chain is named 'nope'"),
        (("--rate", "0/s"), "'0/s' is no rate"),
        (("--rate", "2"), "'2' is no rate; write a number above 0 and s, m or h, like 2/s, 30/m"),
        (("--duration", "soon"), "'soon' is no duration"),
        (("--rate", "100/s", "--duration", "1h"), "that is about 360,000 calls, and at most 100,000 are played"),
        (("--duration", "1s", "--plot", "no/such/a.svg"), "cannot be written: no such file or directory"),
        (("--config", "none.yaml"), "none.yaml"),
    ],
)
def test_a_wrong_command_line_says_what_to_do(run: Run, words: tuple[str, ...], told: str) -> None:
    ran = run("simulate", *words)
    assert ran.status == 2
    assert told in ran.err
    assert ran.out == ""


def test_real_adapters_are_not_asked(run: Run) -> None:
    scripted()
    ran = run("simulate", "--chain", "hangs", "--duration", "1m")
    assert ran.status == 0
    assert "first failure" not in ran.out
