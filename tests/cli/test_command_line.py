"""What holds for every command: --json, the file as FILE or by --config, --help with an example."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec
import pytest

from standby.cli import standby
from standby.config import PACKAGED
from standby.registry.plugins import Registry
from tests.cli.runner import Run, process, terminal, write, write_scripted

ARGUMENTS = {
    "completion": ("bash",),
    "ask": ("hello",),
    "new-plugin": ("acme",),
    "plugins check": ("scripted",),
    "init": ("here",),
}
"""What a command must be given besides its options."""


@pytest.mark.parametrize(
    "arguments",
    [
        ("ask", "hello", "--deadline", "9999999h"),
        ("check", "--timeout", "25h"),
        ("explain", "--kind", "timeout", "--after", "999999999999h"),
        ("simulate", "--duration", "86401s"),
    ],
)
def test_a_time_of_more_than_a_day_is_refused(run: Run, arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert result.status == 2
    assert f"{arguments[-1]!r} is longer than a day; write 24h or less" in result.err


def commands(group: click.Group, name: str = "") -> Iterator[tuple[str, click.Command]]:
    """Yield each command below a group, and the group itself where it does something alone."""
    context = click.Context(group)
    for word in group.list_commands(context):
        command = group.get_command(context, word)
        assert command is not None
        full_name = f"{name} {word}".strip()
        if not isinstance(command, click.Group) or command.invoke_without_command:
            yield full_name, command
        if isinstance(command, click.Group):
            yield from commands(command, full_name)


def every() -> dict[str, click.Command]:
    """Return every command, those of the plugins that ship too."""
    own = dict(commands(standby))
    plugins = {
        name: click.Group(name, commands=list(Registry().commands(name)))
        for name in Registry().names()
    }
    return own | dict(each for name, group in plugins.items() for each in commands(group, name))


COMMANDS = every()
READERS = sorted(
    name
    for name, command in COMMANDS.items()
    if any("--config" in each.opts for each in command.params) and name != "schema"
)
"""The commands that read the file, but for `schema`, which reads one with --validate."""


def arguments_of(name: str) -> tuple[str, ...]:
    return (*name.split(), *ARGUMENTS.get(name, ()))


def test_the_list_of_commands_has_subcommands_and_those_of_plugins() -> None:
    assert {"ask", "plugins", "plugins check", "local pull"} <= set(COMMANDS)
    assert READERS == ["ask", "check", "explain", "selftest", "simulate", "validate"]


# --json


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_reports_a_wrong_command_line_as_json(run: Run, name: str) -> None:
    result = run(*arguments_of(name), "--json", "--no-such-option")
    assert (result.status, result.err) == (2, "")
    assert result.json["error"]["type"] == "NoSuchOption"
    assert "--no-such-option" in result.json["error"]["message"]
    result = run(*arguments_of(name), "too", "many", "words", "--json")
    assert (result.status, result.err) == (2, "")
    assert set(result.json["error"]) == {"type", "message", "problems", "trail"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("vaidate", "--json"),
        ("--json",),
        ("--json", "validate"),
        ("plugins", "check", "--json"),
        ("plugins", "check", "opnai", "--json"),
        ("local", "pul", "--json"),
        ("ask", "--json"),
        ("ask", "--json", "hello", "--deadline", "3"),
        ("explain", "--json", "--kind", "x"),
        ("explain", "--json", "--status", "9999"),
        ("explain", "--json", "--recording", "nowhere.json"),
        ("simulate", "--outage", "503", "--json"),
        ("simulate", "--json", "--rate", "often"),
        ("schema", "--json", "--out", "no-folder/x.json"),
        ("init", "/dev/null/x", "--json"),
        ("new-plugin", "A B", "--json"),
    ],
)
def test_a_wrong_command_line_is_one_json_document(run: Run, arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert (result.status, result.err) == (2, "")
    assert result.json["error"]["message"]


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "version: 1\nchains:\n\tdefault: x",
        "version: 1\nchains: {default: {models: [zz]}}",
    ],
)
def test_a_bad_file_is_one_json_document_with_its_problems(
    run: Run, name: str, text: str | None
) -> None:
    if text is not None:
        write(text, "bad.yaml")
    result = run(*arguments_of(name), "bad.yaml", "--json")
    assert (result.status, result.err) == (2, "")
    problems = result.json["problems"] if name == "validate" else result.json["error"]["problems"]
    assert [problem["severity"] for problem in problems] == ["error"]


@pytest.mark.parametrize("name", [name for name in READERS if name not in ("check", "validate")])
def test_a_chain_that_is_not_there_is_one_json_document_with_the_nearest(
    run: Run, name: str
) -> None:
    write_scripted()
    result = run(*arguments_of(name), "--chain", "defualt", "--json")
    assert (result.status, result.err, result.json["error"]["type"]) == (2, "", "RequestError")
    assert result.json["error"]["message"].endswith("; did you mean 'default'?")


def test_an_unexpected_error_and_an_interruption_are_json_too(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for error, status in (
        (ValueError("oh"), 1),
        (OSError(28, "No space left on device"), 1),
        (KeyboardInterrupt(), 130),
    ):

        def fail(*_: object, error: BaseException = error) -> None:
            raise error

        monkeypatch.setattr(Registry, "names", fail)
        result = run("models", "--json")
        assert (result.status, bool(result.json["error"]["message"])) == (status, True)


def test_a_name_that_no_encoding_can_hold_is_still_json() -> None:
    result = process("validate", "caf\udce9.yaml", "--json")
    assert result.status == 2
    assert msgspec.json.decode(result.out)["file"] == "caf?.yaml"


def test_a_question_that_says_json_is_no_option(run: Run) -> None:
    write_scripted()
    result = run("ask", "--chain", "fails", "--", "--json")
    assert (result.status, result.out) == (1, "")
    assert result.err.endswith("standby: 404 Not Found. no such model\n")


# The file


@pytest.mark.parametrize("name", READERS)
def test_the_file_is_taken_as_file_and_by_config_alike(run: Run, name: str) -> None:
    write("version: 1\nchains: {default: {models: [zz]}}", "mine.yaml")
    arguments = arguments_of(name)
    result = run(*arguments, "mine.yaml")
    assert result.status == 2
    assert "mine.yaml:1:" not in result.out.replace("mine.yaml:2:", "")
    assert run(*arguments, "--config", "mine.yaml") == run(*arguments, "-c", "mine.yaml") == result


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_file_that_is_given_twice_is_refused(
    run: Run, name: str, options: tuple[str, ...]
) -> None:
    result = run(*arguments_of(name), "a.yaml", "--config", "b.yaml", *options)
    assert result.status == 2
    assert (
        "the file is given twice, as 'a.yaml' and by --config 'b.yaml'; give it once"
        in result.out + result.err
    )


def test_schema_takes_the_file_that_it_validates_in_both_ways(run: Run) -> None:
    write_scripted()
    result = run("schema", "--validate", "models.yaml")
    assert result.status == 0
    assert run("schema", "--validate", "-c", "models.yaml") == result
    assert "chains" in run("schema", "--validate", "-c", str(PACKAGED), "--json").json


# --help


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_has_an_example_that_begins_with_the_command(run: Run, name: str) -> None:
    result = run(*name.split(), "--help")
    assert (result.status, result.err) == (0, "")
    assert re.search(rf"^  standby {name}\b", result.out, re.MULTILINE), "no example"
    assert max(map(len, result.out.splitlines())) <= 80
    assert not Path("models.yaml").exists()


@pytest.mark.parametrize("name", ["", "plugins", "local"])
def test_no_line_of_a_list_of_commands_is_cut(run: Run, name: str) -> None:
    assert "..." not in run(*name.split(), "--help").out.partition("Commands:\n")[2]


# Colours


COLOURED = [
    "ask hello",
    "check --timeout 50ms",
    "explain",
    "plugins",
    "simulate --duration 1m",
    "validate",
    "zzz",
]
WITHOUT = [
    ("models", {"TERM": "dumb"}),
    ("validate", {"TERM": "dumb"}),
    ("explain", {"NO_COLOR": "1", "FORCE_COLOR": "1"}),
]


@pytest.mark.parametrize(
    ("arguments", "environ"),
    [*((arguments, {"NO_COLOR": "1"}) for arguments in COLOURED), *WITHOUT],
)
def test_a_terminal_without_colours_gets_no_escapes(
    arguments: str, environ: dict[str, str]
) -> None:
    write_scripted()
    output = terminal(*arguments.split(), **environ)
    assert output
    assert "\x1b" not in output


@pytest.mark.parametrize("arguments", ["check", "validate", "models"])
def test_a_terminal_gets_colours_and_a_pipe_none_unless_they_are_forced(arguments: str) -> None:
    write("version: 1\nchains: {default: {models: [o3-mini]}}\n")
    assert "\x1b" in terminal(*arguments.split(), NO_COLOR="")
    piped = process(*arguments.split(), NO_COLOR="", FORCE_COLOR="")
    assert "\x1b" not in piped.out + piped.err
    if arguments in ("check", "validate"):
        assert "\x1b[3" in process(*arguments.split(), NO_COLOR="", FORCE_COLOR="1").out
