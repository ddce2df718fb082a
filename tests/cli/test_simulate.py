"""`standby simulate`: an outage against the file, as text, as JSON, and as a picture."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.cli.runner import Run, process, write, write_scripted

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

PRICED = CHAIN.replace("primary: {", "primary: {card: {price: {input: 1, output: 10}}, ")


@pytest.fixture(autouse=True)
def _file(folder: Path) -> None:
    del folder
    write(CHAIN)


def test_an_outage_is_narrated_and_counted(run: Run) -> None:
    result = run("simulate", *OUTAGE)
    assert result.status == 0
    assert result.out.startswith(
        "Simulated: chain default: 2 calls/s for 5m, seed 1, an answer takes about 1s\n"
        "Models: primary → second."
    )
    for arguments in (
        "01:00  primary    OUTAGE 503, for 2m",
        "breaker OPEN: rests",
        "breaker CLOSED: a probe was answered",
        "without the outage",
    ):
        assert arguments in result.out
    assert "never said" not in result.out
    assert result.err == ""


def test_the_same_seed_is_the_same_text_in_another_process(run: Run) -> None:
    first = run("simulate", *OUTAGE, "--plot", "a.svg")
    again = process(
        "simulate", *OUTAGE, "--plot", "b.svg", PYTHONHASHSEED="7", PYTHONIOENCODING="utf-8"
    )
    assert first.out == again.out
    assert Path("a.svg").read_bytes() == Path("b.svg").read_bytes()
    assert run("simulate", *OUTAGE, "--seed", "2").out != first.out


def test_keys_change_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    write("""\
version: 1
providers:
  one: {plugin: openai, api_key: "${FIRST_KEY}"}
  two: {plugin: openai, api_key: "${SECOND_KEY}"}
  three: {plugin: gemini, api_key: "${THIRD_KEY}"}
models:
  first: {provider: one, model: m}
  second: {provider: two, model: m}
  third: {provider: three, model: gemini-m}
chains:
  default: {models: [first, second, third]}
""")
    names = {"FIRST_KEY", "SECOND_KEY", "THIRD_KEY"}
    outages = [
        w for name in ("first", "second", "third") for w in ("--outage", f"{name}: 503 for 2m")
    ]
    outputs: list[str] = []
    for keys in (set[str](), {"SECOND_KEY"}, names):
        for name in names:
            monkeypatch.delenv(name, raising=False)
        for name in keys:
            monkeypatch.setenv(name, f"sk-{name.lower()}-5f0c2d9e")
        outputs.append(run("simulate", *outages, "--duration", "5m").out)
    assert outputs[0] == outputs[1] == outputs[2]
    assert "first call without an answer: no model of chain" in outputs[0]
    assert "no key" not in outputs[0]


def test_json_has_all_that_the_text_has(run: Run) -> None:
    report = run("simulate", *OUTAGE, "--json").json
    assert report["models"] == ["primary", "second"]
    assert report["plan"]["outages"][0]["spells"][1]["fault"] == {
        "words": "500",
        "share": 0.3,
        "status": 500,
        "kind": "server_error",
        "hangs": False,
        "cuts": False,
    }
    assert (
        report["callers"]["calls"]
        == report["healthy"]["calls"]
        == sum(count["served"] for count in report["counts"])
    )
    assert report["breakers"]["second"] == [{"state": "closed", "begins": 0.0, "ends": 300.0}]
    assert report["timeline"][0].keys() == {"at", "model", "text"}


def test_streams_are_played_and_what_their_readers_saw_is_counted(run: Run) -> None:
    cut = ("--outage", "primary: cut for 1m", "--duration", "3m", "--streams", "100%")
    result = run("simulate", *cut)
    head, these, healthy = (line.split() for line in result.out.split("\n\n")[-2].splitlines())
    assert head[-3:] == ["streams", "broken", "restarts"]
    callers = run("simulate", *cut, "--json").json["callers"]
    assert these[-3:] == [str(callers["streams"]), str(callers["broken"]), str(callers["restarts"])]
    assert callers["broken"] > 0 == callers["restarts"]
    assert healthy[-2:] == ["0", "0"]
    assert "broken" not in run("simulate", "--duration", "1m").out


def test_the_cost_is_shown_by_model_and_in_total(run: Run) -> None:
    write(PRICED)
    size = ("--tokens", "2000/800")
    result = run("simulate", "--duration", "2m", *size)
    answered = run("simulate", "--duration", "2m", *size, "--json").json["callers"]["answered"]
    assert f"Cost at 2000 tokens in and 800 out a call: ${answered / 100:.2f}\n" in result.out
    broken = run("simulate", *OUTAGE, *size).out
    assert "at least $" in broken
    assert "(the price of second is not known)" in broken
    assert "; without the outage $" in broken
    report = run("simulate", *OUTAGE, *size, "--json").json["bill"]
    assert [(each["model"], each["dollars"] is None) for each in report["models"]] == [
        ("primary", False),
        ("second", True),
    ]
    assert report["all"]["unpriced"] == ["second"]


def test_the_cost_of_an_answer_that_no_caller_got_is_shown(run: Run) -> None:
    write(PRICED)
    assert (
        "of it for answers that no caller got"
        in run("simulate", "--outage", "primary: cut for 1m", "--duration", "3m").out
    )


def test_the_picture_is_written(run: Run) -> None:
    result = run("simulate", *OUTAGE, "--plot", "out.svg")
    assert result.err == "wrote out.svg\n"
    assert ET.parse("out.svg").getroot().tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314 - written above


def test_it_needs_no_key_and_no_file(run: Run) -> None:
    Path("models.yaml").unlink()
    assert run("simulate", "--duration", "1m").status == 0


def test_calls_without_an_answer_are_no_error(run: Run) -> None:
    result = run(
        "simulate", "--chain", "single", "--outage", "primary: 503 for 1m", "--duration", "3m"
    )
    assert result.status == 0
    assert "calls without an answer" in result.out


def test_fair_weather_has_no_second_row_to_compare_with(run: Run) -> None:
    result = run("simulate", "--duration", "1m", "--rate", "30/m")
    assert "without the outage" not in result.out
    assert "30 calls/m for 1m" in result.out


def test_no_calls_are_reported(run: Run) -> None:
    assert (
        "No calls came; raise --rate or --duration."
        in run("simulate", "--rate", "1/h", "--duration", "1s").out
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--outage", "primay: 503"),
            "no model of chain 'default' is named 'primay'; did you mean 'primary'?",
        ),
        (("--outage", "primary: oops"), "primary: oops\n             ^^^^"),
        (
            ("--outage", "primary: 503", "--outage", "primary: 500"),
            "'primary' has two outages; write one",
        ),
        (("--chain", "nope"), "no chain is named 'nope'"),
        (("--streams", "half"), "'half' is not a share; write 0% to 100%"),
        (("--streams", "101%"), "'101%' is not a share"),
        (("--tokens", "1000"), "'1000' is not the size of a call; write tokens in and tokens out"),
        (("--rate", "0/s"), "'0/s' is not a rate"),
        (
            ("--rate", "2"),
            "'2' is not a rate; write a number above 0 and s, m or h, like 2/s, 30/m",
        ),
        (("--duration", "soon"), "'soon' is not a duration"),
        (
            ("--rate", "100/s", "--duration", "1h"),
            "that is about 360,000 calls, and at most 100,000 are played",
        ),
        (
            ("--duration", "1s", "--plot", "no/such/a.svg"),
            "cannot be written: no such file or directory",
        ),
        (("--config", "none.yaml"), "none.yaml"),
    ],
)
def test_a_wrong_command_line_says_what_to_do(
    run: Run, arguments: tuple[str, ...], message: str
) -> None:
    result = run("simulate", *arguments)
    assert result.status == 2
    assert message in result.err
    assert result.out == ""


def test_real_adapters_are_not_called(run: Run) -> None:
    write_scripted()
    result = run("simulate", "--chain", "hangs", "--duration", "1m")
    assert result.status == 0
    assert "first failure" not in result.out


def test_an_outage_of_a_provider_is_refused_with_its_models(run: Run) -> None:
    write(
        "version: 1\nchains: {default: {models: [gemini-3.8-flash, gpt-6-luna, "
        "openai/gpt-5.6-sol]}}\n"
    )
    for provider, models in (
        ("gemini", "gemini-3.8-flash"),
        ("openai", "gpt-6-luna, openai/gpt-5.6-sol"),
    ):
        result = run("simulate", "--outage", f"{provider}: 503")
        assert result.status == 2
        assert f"{provider} is a provider; its models here are {models}" in " ".join(
            result.err.split()
        )
