import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

import standby as package
from standby import (
    AsyncStandby,
    ChainExhausted,
    ConfigError,
    DeadlineExceeded,
    Failure,
    Reply,
    RequestError,
    Standby,
    StandbyError,
    Stopped,
    StreamBroken,
)
from standby.cards import describe_retirement
from standby.cli import standby
from standby.config import PACKAGED
from standby.config.resolve.models import IDLE_TIMEOUT, TIMEOUT
from standby.dispatch.policy import HEDGE_SHARE, LONG_REST, MAX_STATED_WAIT, RESERVE
from standby.failures import REACTIONS, Kind, kind_of_status
from standby.registry.plugins import Registry
from standby.resilience.breaker_states import (
    FAILURE_RATE_THRESHOLD,
    MINIMUM_CALLS,
    SLOW_START,
    WINDOW,
)
from standby.resilience.retry_budget import RetryBudget
from standby.settings import BreakerSettings
from standby_local import ENGINE
from standby_local.weights import find_weights
from standby_openai.stub_server import answer as openai_body
from tests.docs.documents import ROOT, blocks, only, table
from tests.support.loopback import GEMINI_500, Answer, Received, both, respond

DOCUMENT = "README.md"
TEXT = (ROOT / DOCUMENT).read_text(encoding="utf-8")

SCRIPTED = """
version: 1
models:
  instead: {provider: scripted, options: {reply: [Your surplus, " counts."]}}
chains:
  default: {models: [instead]}
"""
"""Replaces the reader's own file, so that the page's Python runs without a key."""


RESTARTED = """
version: 1
models:
  first: {provider: scripted, options: {script: [{reply: ["Your ", sur], fail: {kind: timeout}}]}}
  instead: {provider: scripted, options: {reply: [Your surplus, " counts."]}}
chains:
  default: {models: [first, instead], stream: {on_break: restart}}
"""


def environ(**more: str) -> dict[str, str]:
    """Return this process's environment without keys and without the path of another file."""
    own_modules = {
        name: value
        for name, value in os.environ.items()
        if not name.endswith("_API_KEY") and name != "STANDBY_CONFIG"
    }
    return own_modules | more


def strip_variable_parts(text: str) -> str:
    """Remove what differs between runs: times, and a small model that reaches its token limit."""
    text = re.sub(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} ", "", text, flags=re.MULTILINE)
    return re.sub(r"  truncated: [^\n]*", "", re.sub(r"(in|after) \d+\.\ds", r"\1 0.0s", text))


# Its blocks


def test_every_block_is_in_a_language_that_is_tested_here() -> None:
    assert {block.language for block in blocks(DOCUMENT)} == {
        "mermaid",
        "sh",
        "text",
        "yaml",
        "python",
    }


def test_nothing_is_left_to_fill_in() -> None:
    assert re.findall(r"^[A-Z]+(?:-[A-Z]+)?$", TEXT, re.MULTILINE) == []


def test_the_first_python_takes_five_lines_and_prints_text_model_and_trail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = blocks(DOCUMENT, "Python", "python")[0].text
    assert len([line for line in source.splitlines() if line]) <= 5
    assert play(source, tmp_path, monkeypatch, capsys).startswith(
        "Your surplus counts. instead (Attempt(model='instead'"
    )


def test_the_streaming_python_prints_the_pieces_and_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, *_ = (block.text for block in blocks(DOCUMENT, "Python", "python"))
    importing = first.splitlines()[0]
    assert (
        play(f"{importing}\n{second}", tmp_path, monkeypatch, capsys)
        == "Your surplus counts.instead\n"
    )


def test_the_streaming_python_is_right_where_an_answer_restarts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, *_ = (block.text for block in blocks(DOCUMENT, "Python", "python"))
    last = "print(stream.text, stream.reply.text, stream.model, sep='|')"
    source = f"{first.splitlines()[0]}\n{second}\n{last}"
    expected = [
        "Your sur",
        "[the answer broke off; instead starts again]",
        "Your surplus counts.instead",
        "Your surplus counts.|Your surplus counts.|instead",
    ]
    assert play(source, tmp_path, monkeypatch, capsys, RESTARTED).splitlines() == expected


def test_the_dictionary_is_valid() -> None:
    source = blocks(DOCUMENT, "Python", "python")[2].text
    with Standby(run_assignments(source)["config"], environ={}) as client:
        assert client.settings.chains["default"].models == ("gemini-3.8-flash", "gpt-5.6-sol")
    assert "with Standby(config) as client:" in source


def test_the_python_that_reads_a_reply_as_json_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = f"from standby import Standby\n{only(DOCUMENT, 'A reply as JSON', 'python')}"
    lines = play(source, tmp_path, monkeypatch, capsys).splitlines()
    assert lines[:2] == ["Your surplus counts. None instead scripted stop", "0 0 0 0"]
    assert lines[2].startswith("instead answered None  0.0")


def test_a_reply_as_json_has_exactly_the_listed_fields() -> None:
    section = TEXT[TEXT.index("## A reply as JSON") : TEXT.index("## Accounts and endpoints")]
    named = set(re.findall(r"data\[\"(\w+)\"\]", section)) | set(
        re.findall(r"`(\w+)`", section[section.index("It also has") :])
    )
    assert named == set(Reply.__struct_fields__)


def play(
    source: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    file: str = SCRIPTED,
) -> str:
    (folder / "models.yaml").write_text(file, encoding="utf-8")
    monkeypatch.chdir(folder)
    monkeypatch.delenv("STANDBY_CONFIG", raising=False)
    exec(source, {})  # noqa: S102 - the page's own code
    return capsys.readouterr().out


@pytest.mark.parametrize("source", [block.text for block in blocks(DOCUMENT, language="yaml")])
def test_each_models_yaml_is_valid(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("models.yaml").write_text(source, encoding="utf-8")
    process = CliRunner(env={"STANDBY_CONFIG": None}).invoke(standby, ["validate"])
    assert process.exit_code == 0, process.output
    assert "models.yaml: no errors" in process.output


def list_lines(language: str) -> list[str]:
    return [
        line
        for block in blocks(DOCUMENT, language=language)
        for line in block.text.splitlines()
        if line
    ]


@pytest.mark.parametrize("line", [line for line in list_lines("sh") if line.startswith("standby ")])
def test_each_command_line_has_a_real_command_and_real_options(line: str) -> None:
    _, name, *arguments = shlex.split(line, comments=True)
    command = standby.get_command(click.Context(standby), name)
    assert command is not None
    command.make_context(name, arguments).close()


@pytest.mark.parametrize(
    "line", [line for line in list_lines("sh") if line.startswith(("scripts/", "python "))]
)
def test_each_script_is_there(line: str) -> None:
    command = shlex.split(line)
    script = ROOT / (command[1] if command[0] == "python" else command[0])
    assert script.is_file()
    assert command[0] == "python" or os.access(script, os.X_OK)


def test_the_only_other_shell_lines_are_keys_and_the_installation() -> None:
    rest = [
        line
        for line in list_lines("sh")
        if not line.startswith(("standby ", "scripts/", "python "))
    ]
    keys = [line.partition("=")[0] for line in rest if "=" in line]
    known_variables = {key for plugin in Registry().names() for key in Registry().info(plugin).keys}
    assert set(keys) <= known_variables
    assert [line for line in rest if "=" not in line] == ["pip install path/to/standby"]


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(([^)#:]+)\)", TEXT))))
def test_each_link_leads_to_a_file(path: str) -> None:
    assert (ROOT / path).is_file()


COPIED = [
    block.text
    for language in ("yaml", "python", "sh")
    for block in blocks(DOCUMENT, language=language)
]


def test_examples_name_no_model_that_is_shut_down_or_soon_will_be() -> None:
    registry = Registry()
    cards = {
        model: card for name in registry.names() for model, card in registry.cards(name).items()
    }
    named = {
        model
        for model in cards
        for text in COPIED
        if re.search(rf"(?<![\w.-]){re.escape(model)}(?![\w.-])", text)
    }
    assert len(named) > 3
    assert {
        model for model in named if describe_retirement(cards[model], date(2026, 12, 1))
    } == set()


def test_the_first_two_models_of_the_shipped_chain_are_listed_with_their_last_day() -> None:
    for model, plugin in (("gemini-2.5-pro", "gemini"), ("o3-mini", "openai")):
        assert f"{model} on {Registry().cards(plugin)[model].retires}" in TEXT


def test_the_engine_of_the_embedded_model_is_that_of_its_plugin() -> None:
    assert f"`pip install '{ENGINE.requirement}'`" in TEXT


# Its tables


def test_a_blank_line_stands_above_each_table() -> None:
    lines_of_page = TEXT.splitlines()
    heads = [at - 1 for at, line in enumerate(lines_of_page) if line.startswith("|---")]
    assert heads
    assert [lines_of_page[at] for at in heads if lines_of_page[at - 1]] == []


def test_a_closed_client_works_again() -> None:
    config = {
        "version": 1,
        "models": {"one": {"provider": "scripted", "options": {"reply": "Hi."}}},
        "chains": {"default": {"models": ["one"]}},
    }
    with Standby(config, environ={}) as client:
        client.chat("Hello")
    assert client.chat("Hello").text == "Hi."
    client.close()
    assert "A closed client opens new connections when it is called again." in TEXT


def test_the_table_of_kinds_is_what_the_code_does() -> None:
    says = {
        "retry": ["once", "yes"],
        "next": ["no", "yes"],
        "stop": ["no", "no"],
        "accept": ["no", "no: the reply is accepted, and marked on the trail"],
    }
    expected = {f"`{kind}`": says[reaction.then] for kind, reaction in REACTIONS.items()}
    assert {kind: rest for kind, _, *rest in table(DOCUMENT, head="kind")} == expected
    assert [row[0] for row in table(DOCUMENT, head="kind")] == list(expected)


@pytest.mark.parametrize(
    ("kind", "example"), [(row[0].strip("`"), row[1]) for row in table(DOCUMENT, head="kind")]
)
def test_each_status_in_the_table_of_kinds_stands_for_its_kind(kind: str, example: str) -> None:
    statuses = re.match(r"(?:\d{3}(?:, )?)*", example)
    assert statuses is not None
    assert {kind_of_status(int(status)) for status in re.findall(r"\d{3}", statuses[0])} <= {
        Kind(kind)
    }


def test_the_kinds_that_alert_a_person_are_named() -> None:
    *most, last = [f"`{kind}`" for kind, reaction in REACTIONS.items() if reaction.alert]
    assert f"The kinds {', '.join(most)} and {last} also write a line of level `ERROR`" in TEXT


def test_the_longest_stated_delay_that_is_waited_for_is_named() -> None:
    assert f"is waited for up to {MAX_STATED_WAIT:g} s" in TEXT


EXCEPTIONS = {
    "ConfigError": ConfigError([]),
    "RequestError": RequestError("the list is empty"),
    "ChainExhausted": ChainExhausted("all failed", retry_after=2.0),
    "Stopped": Stopped(Failure(kind=Kind.BLOCKED, message="no")),
    "DeadlineExceeded": DeadlineExceeded("late"),
    "StreamBroken": StreamBroken(Failure(kind=Kind.CONNECTION, message="gone"), "Half an"),
}


@pytest.mark.parametrize(
    "row", table(DOCUMENT, head="exception"), ids=lambda row: row[0].strip("`")
)
def test_each_exception_has_what_the_table_says(row: list[str]) -> None:
    error = EXCEPTIONS[row[0].strip("`")]
    attributes = re.findall(r"`([a-z_]+)`", " ".join(row[1:]))
    assert all(hasattr(error, attribute) for attribute in attributes)


def test_every_public_exception_is_in_the_table() -> None:
    public = {
        name
        for name in package.__all__
        if isinstance(value := getattr(package, name), type)
        and issubclass(value, StandbyError)
        and not value.__subclasses__()
    }
    assert {row[0].strip("`") for row in table(DOCUMENT, head="exception")} == public


# Its outputs


def test_the_demo_prints_the_trail_that_the_page_shows(tmp_path: Path) -> None:
    if not find_weights().is_file():
        pytest.skip("the embedded model's weights are missing: standby local pull")
    command = [
        sys.executable,
        "-m",
        "standby",
        "ask",
        "--chain",
        "demo",
        "What is the capital of Portugal?",
    ]
    process = subprocess.run(  # noqa: S603 - this interpreter
        command,
        cwd=tmp_path,
        env=environ(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    expected = only(DOCUMENT, "Try it", "text")
    assert strip_variable_parts(expected).endswith(f"\n{strip_variable_parts(process.stderr)}")
    assert process.returncode == 0
    assert process.stdout.strip()


def test_the_page_shows_the_fallback_as_the_command_prints_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "standby", "demo"]
    process = subprocess.run(  # noqa: S603 - as above
        command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    expected, printed = (
        re.sub(r"\d+\.\d+ ?s\b", "0 s", text)
        for text in (only(DOCUMENT, "Try it", "text"), process.stdout)
    )
    assert (process.returncode, process.stderr) == (0, "")
    assert expected.startswith(printed)


def shipped_chain_on(gemini: str, openai: str) -> str:
    providers = (
        f"providers: {{gemini: {{plugin: gemini, base_url: {gemini}}}, "
        f"openai: {{plugin: openai, base_url: {openai}/v1}}}}"
    )
    return f"{PACKAGED.read_text(encoding='utf-8')}\n{providers}\n"


KEYS: Mapping[str, str] = {
    "GEMINI_API_KEY": "opens-nothing",
    "OPENAI_API_KEY": "opens-nothing-either",
}


LIVING = {"PRIMARY_AI_MODEL": "gemini-3.8-flash", "FALLBACK_AI_MODEL": "gpt-5.6-terra"}


def answer_as_openai(request: Received) -> Answer:
    return respond(200, openai_body(request.path, request.json, "Lisbon, says OpenAI."))


def run_logged(source: str, folder: Path) -> str:
    process = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", source],
        cwd=folder,
        env=environ(**KEYS, **LIVING),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return process.stderr


def test_the_log_of_a_fallback_is_that_of_the_page_and_silent_otherwise(
    tmp_path: Path,
) -> None:
    source = only(DOCUMENT, "Log", "python") + blocks(DOCUMENT, "Python", "python")[0].text
    with both() as (gemini, openai):
        (tmp_path / "models.yaml").write_text(
            shipped_chain_on(gemini.url, openai.url), encoding="utf-8"
        )
        openai.answer = answer_as_openai
        assert run_logged(source, tmp_path) == ""
        assert openai.requests == []
        gemini.script(GEMINI_500)
        assert strip_variable_parts(run_logged(source, tmp_path)) == strip_variable_parts(
            only(DOCUMENT, "Log", "text")
        )
    assert all(f"`{name}={model}`" in TEXT for name, model in LIVING.items())


async def test_the_next_model_gets_the_complete_conversation_without_refused_parameters(
    tmp_path: Path,
) -> None:
    turns = run_assignments(blocks(DOCUMENT, "Python", "python")[1].text)["messages"]
    with both() as (gemini, openai):
        gemini.script(GEMINI_500)
        openai.answer = answer_as_openai
        file = tmp_path / "models.yaml"
        file.write_text(shipped_chain_on(gemini.url, openai.url), encoding="utf-8")
        async with AsyncStandby(file, environ={**KEYS, **LIVING}) as client:
            reply = await client.chat(turns, temperature=0.2)
        [sent] = openai.requests
    assert [(turn["role"], turn["content"][0]["text"]) for turn in sent.json["input"]] == [
        (turn["role"], turn["content"]) for turn in turns
    ]
    assert "temperature" not in sent.json
    assert 'reply.trail[1].dropped == ("temperature",)' in TEXT
    assert reply.trail[1].dropped == ("temperature",)


def run_assignments(source: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(source.partition("with ")[0], names)  # noqa: S102 - the page's own code
    return names


def test_the_variables_of_the_chain_that_ships_do_what_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = {
        "PRIMARY_AI_MODEL": "o3-mini",
        "FALLBACK_AI_MODEL": "gemini-2.5-pro",
        "ENABLE_MODEL_FALLBACK": "false",
    }
    assert all(f"`{name}" in TEXT for name in names)
    chain = Standby(environ=names).settings.chains["default"]
    assert chain.models[:2] == ("o3-mini", "gemini-2.5-pro")
    assert not chain.fallback


# While a model is down


def test_the_health_of_each_model_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        play(only(DOCUMENT, "While a model is down", "python"), tmp_path, monkeypatch, capsys)
        == "instead closed 0 \n"
    )


def test_the_numbers_of_rest_and_time_are_those_of_the_code() -> None:
    section = TEXT[TEXT.index("## While a model is down") : TEXT.index("## Streams")]
    settings = BreakerSettings()
    assert (
        f"at least {['', '', '', '', '', '', '', '', '', '', 'ten'][MINIMUM_CALLS]} calls"
        in section
    )
    assert f"{WINDOW} s" in section
    assert (
        settings.failures,
        settings.open,
        settings.open_limit,
        SLOW_START,
        LONG_REST,
        FAILURE_RATE_THRESHOLD,
    ) == (
        5,
        5.0,
        15.0,
        10.0,
        300.0,
        0.5,
    )
    assert f"less {RESERVE:g} s for every model" in section
    assert (RetryBudget()._capacity, RetryBudget()._share, HEDGE_SHARE, TIMEOUT, IDLE_TIMEOUT) == (
        35.0,
        0.1,
        0.05,
        60.0,
        30.0,
    )
