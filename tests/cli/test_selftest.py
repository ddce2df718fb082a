"""`standby selftest`: its text, its JSON, its exit status, and that it calls this machine only."""

import subprocess
import sys
from functools import partial
from pathlib import Path

import click
import msgspec
import pytest

from standby.cli.selftest import command
from tests.cli.runner import Result, Run, write
from tests.support.loopback import Loopback, gemini_reply, openai_reply

ALONE = """
import os, sys

def end(message):
    print(message, file=sys.stderr, flush=True)
    os._exit(97)  # nothing may catch it

def refuse(event, values):
    if event in ("socket.connect", "socket.sendto") and values[1][0] != "127.0.0.1":
        end(f"called {values[1]}")
    if event == "socket.getaddrinfo" and values[0] not in ("127.0.0.1", None):
        end(f"looked up {values[0]}")

sys.addaudithook(refuse)
from standby.cli import main
main()
"""
"""The command line in a process that may reach this machine only."""

USUAL = [
    "500 internal",
    "503 service unavailable",
    "502 bad gateway",
    "timeout",
    "connection error",
    "server error",
    "internal error has occurred",
]

REPORT = """\
version: 1
models:
  word: {provider: scripted, options: {reply: Later.}}
  last: {provider: scripted, options: {reply: Never.}}
chains: {default: {models: [word, last]}}
"""

MUTE = """\
version: 1
models: {mute: {provider: scripted, options: {script: [{fail: {kind: server_error}}]}}}
chains: {default: {models: [gemini-2.5-pro, o3-mini, mute]}}
"""

ONE = "version: 1\nchains: {default: {models: [gemini-2.5-pro]}}\n"


def selftest(*arguments: str, **environ: str) -> Result:
    result = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", ALONE, "selftest", *arguments],
        env={"PATH": "", "HOME": str(Path.cwd()), **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "Traceback" not in result.stdout + result.stderr
    return Result(result.returncode, result.stdout, result.stderr)


def apart(folder: Path, *arguments: str, **environ: str) -> Result:
    """Test the file that ships, from an empty folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return selftest(*arguments, **environ)


@pytest.fixture(scope="module")
def packaged_result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """The file that ships, without a key, once for several rules."""
    return apart(tmp_path_factory.mktemp("empty"), "--json")


@pytest.fixture(scope="module")
def json_result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """The same for people, where keys and proxies are set that must not be used."""
    keys = {"GEMINI_API_KEY": "canary-1", "OPENAI_API_KEY": "canary-2"}
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9")
    return apart(tmp_path_factory.mktemp("empty"), **keys, **proxies)


@pytest.fixture
def here(run: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run in this process: what is said of a file is the same in any."""
    monkeypatch.setenv("no_proxy", "")  # the command sets it; undone with this
    return partial(run, "selftest")


# The file that ships


def test_the_chain_that_ships_falls_back_and_comes_back_without_a_key_and_without_the_network(
    packaged_result: Result,
) -> None:
    assert (packaged_result.status, packaged_result.err) == (0, "")
    assert packaged_result.json["fine"] is True


def test_each_of_its_models_answers_in_its_own_wire(packaged_result: Result) -> None:
    models = {each["model"]: each["outcome"] for each in packaged_result.json["played"]["models"]}
    assert models == dict.fromkeys(("gemini-2.5-pro", "o3-mini", "gpt-5.6-sol"), "answers")


def test_each_usual_failure_is_recognised_by_the_trigger_that_ships(
    packaged_result: Result,
) -> None:
    usual = [case for case in packaged_result.json["played"]["cases"] if case["group"] == "usual"]
    assert [case["fault"] for case in usual] == USUAL
    assert {(case["trigger"], case["by"], case["asked"]) for case in usual} == {
        ("outage", "o3-mini", 1)
    }


def test_the_vendors_own_errors_are_played_with_their_kinds(packaged_result: Result) -> None:
    cases = {
        case["fault"]: case
        for case in packaged_result.json["played"]["cases"]
        if case["group"] == "vendor"
    }
    assert len(cases) > 20
    assert all(case["text"].startswith(fault[:40]) for fault, case in cases.items())
    busy = cases["503 UNAVAILABLE. The model is overloaded. Please try again later."]
    assert (busy["kind"], busy["trigger"], busy["asked"], busy["by"]) == (
        "overloaded",
        None,
        2,
        "o3-mini",
    )
    own = cases["400 INVALID_ARGUMENT. Request contains an invalid argument."]
    assert (own["kind"], own["then"], own["by"], own["fine"]) == (
        "invalid_request",
        "stop",
        "",
        True,
    )


def test_the_first_model_rests_and_is_used_again(packaged_result: Result) -> None:
    back = packaged_result.json["played"]["back"]
    assert back["rested_after"] == 5
    assert 0 < back["seconds"] < 5


def test_it_warns_of_keys_that_are_not_set_and_of_models_that_retire(
    packaged_result: Result,
) -> None:
    warnings = packaged_result.json["warnings"]
    assert (
        "gemini-2.5-pro: GEMINI_API_KEY or GOOGLE_API_KEY is not set, so a real call would skip it"
        in warnings
    )
    assert "o3-mini: was retired on 2026-10-23; use gpt-5.6-sol instead" in warnings


def test_people_read_a_table_and_a_verdict_at_the_end(json_result: Result) -> None:
    assert json_result.status == 0, json_result.out
    for line in (
        "gemini-2.5-pro  gemini    answers",
        "ok  503 service unavailable      overloaded    trigger outage  o3-mini answers",
        (
            "ok  a 200 with a page of HTML         malformed     by default      called 2 times, "
            "o3-mini answers"
        ),
        "time-out 0.25s and pauses of at most 0.4s here; the file's own are longer",
    ):
        assert line in json_result.out
    last = json_result.out.splitlines()[-1]
    assert last.startswith("default: falls back after 36 of 37 failures of gemini-2.5-pro (")
    assert last.endswith(", and comes back")
    assert "warning: o3-mini: was retired on 2026-10-23" in json_result.err


def test_that_process_ends_on_a_call_to_another_machine() -> None:
    write(
        "version: 1\nproviders: {far: {plugin: openai, base_url: 'http://192.0.2.1/v1', "
        "api_key: '${KEY}'}}\n"
        "chains: {default: {models: [far/one]}}\n"
    )
    result = selftest("--live", KEY="opens-nothing")
    assert result.status == 97
    assert "192.0.2.1" in result.err


# Keys, proxies, accounts


def test_no_real_key_is_used_or_shown_and_no_proxy_is_called(json_result: Result) -> None:
    assert json_result.status == 0, json_result.out
    assert "canary" not in json_result.out + json_result.err
    assert "is not set" not in json_result.err


def test_the_providers_of_the_file_are_tested_under_their_own_names_without_their_options(
    here: Run,
) -> None:
    write(
        "version: 1\n"
        "providers:\n"
        '  house: {plugin: openai, base_url: "https://models.example/api/v1", api_key: '
        '"${HOUSE}"}\n'
        "  cloud: {plugin: gemini, options: {project: mine}}\n"
        "triggers: {ours: {provider: house, kind: server_error, then: next}}\n"
        "chains: {default: {models: [house/large, cloud/gemini-2.5-pro]}}\n"
    )
    result = here("--json").json
    assert result["fine"] is True
    assert {
        case["trigger"] for case in result["played"]["cases"] if case["fault"] == "502 bad gateway"
    } == {"ours"}
    assert "house/large: HOUSE is not set, so a real call would skip it" in result["warnings"]
    [warning] = [each for each in result["warnings"] if "options" in each]
    assert warning.startswith("cloud/gemini-2.5-pro: the options of provider 'cloud' were not used")


# What is not fine: status 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ONE, "nothing to fall back to: gemini-2.5-pro is the only model of the chain"),
        (
            "version: 1\nchains: {default: {models: [gemini-2.5-pro, o3-mini], fallback: false}}\n",
            "nothing to fall back to: 'fallback' is false, so only gemini-2.5-pro is called",
        ),
        (
            REPORT,
            "nothing proven: none of the models that answer here can be made to fail",
        ),
        (
            MUTE,
            "mute cannot answer",
        ),
    ],
    ids=["one model", "fallback: false", "nothing to inject into", "mute"],
)
def test_a_chain_that_cannot_fall_back_ends_with_1_and_says_why(
    here: Run, text: str, message: str
) -> None:
    write(text)
    result = here("--json")
    assert (result.status, result.json["fine"]) == (1, False)
    assert result.json["verdict"].startswith(message)


def test_a_chain_that_a_trigger_stops_ends_with_1_and_each_failure_is_marked(here: Run) -> None:
    write(
        "version: 1\ntriggers: {no: {status: 502, then: stop}}\n"
        "chains: {default: {models: [gemini-2.5-pro, o3-mini]}}\n"
    )
    result = here()
    assert result.status == 1
    assert (
        result.out.splitlines()[-1]
        == "default: does not fall back after 1 of 37 failures of gemini-2.5-pro"
    )
    [line] = [line for line in result.out.splitlines() if line.startswith("FAILED")]
    assert line.split()[1:4] == ["502", "bad", "gateway"]
    assert "trigger no" in line
    assert "the caller gets the error" in line


# What cannot be read: status 2


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("--config", "absent.yaml"), "absent.yaml"),
        (("--chain", "defualt"), "no chain named 'defualt'; did you mean 'default'?"),
    ],
)
def test_a_file_or_a_chain_that_is_not_there_ends_with_2(
    here: Run, arguments: tuple[str, str], error: str
) -> None:
    result = here(*arguments)
    assert (result.status, result.out) == (2, "")
    assert error in result.err
    as_json = here(*arguments, "--json")
    assert (as_json.status, as_json.err) == (2, "")
    assert "message" in as_json.json["error"]


# For real first


def test_live_calls_each_model_first_with_the_real_key(
    here: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY", "the-real-one")
    with Loopback() as vendor:
        vendor.answer = lambda request: (
            openai_reply("OK.") if "chat" in request.path else gemini_reply("OK.")
        )
        write(
            "version: 1\nproviders:\n"
            f'  one: {{plugin: gemini, base_url: "{vendor.url}", api_key: "${{KEY}}"}}\n'
            f'  two: {{plugin: openai, base_url: "{vendor.url}/v1", api_key: "${{KEY}}"}}\n'
            "chains: {default: {models: [one/gemini-2.5-pro, two/o3-mini]}}\n"
        )
        result = here("--json", "--live").json
        assert result["fine"] is True
        assert result["live"] == {"one/gemini-2.5-pro": "answers", "two/o3-mini": "answers"}
        assert [
            request.headers.get("authorization")
            for request in vendor.requests
            if "chat" in request.path
        ] == ["Bearer the-real-one"]
        assert len(vendor.requests) == 2


def test_live_ends_with_1_where_no_model_answers_for_real(here: Run) -> None:
    write(ONE)
    result = here("--live", "--json")
    assert (result.status, result.json["verdict"]) == (
        1,
        "no model answers for real: see 'standby check'",
    )


def test_the_help_says_how_it_ends() -> None:
    assert "1 if the chain did not fall back or come back" in command.get_help(
        click.Context(command)
    )


def test_what_is_printed_as_json_is_one_object(packaged_result: Result) -> None:
    assert list(msgspec.json.decode(packaged_result.out)) == [
        "file",
        "chain",
        "fine",
        "verdict",
        "warnings",
        "played",
        "live",
    ]
