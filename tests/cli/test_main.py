"""The command line as a whole: the help, plugins' commands, exit statuses, and no traceback."""

import signal
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from standby import __version__, plugin
from tests.cli.runner import SCRIPTED, Run, process, write, write_scripted
from tests.docs.distributions import Install
from tests.support.busy import SLACK

COMMANDS = """
import click
from standby.plugin import hookimpl

@click.command()
@click.option("--status", type=int, default=0)
@click.pass_context
def feed(ctx, status):
    "Feed it."
    click.echo("fed")
    ctx.exit(status)

@click.command()
def refuse():
    "Refuse."
    raise click.ClickException("not hungry")

@click.command()
def crash():
    raise RuntimeError("two\\nlines")

@click.command()
def lost():
    open("nowhere")

@click.command()
def text():
    return "a value"

@click.command()
def stop():
    raise KeyboardInterrupt

@hookimpl
def standby_commands():
    return [feed, refuse, crash, lost, text, stop]
"""


def extra(name: str, module: str) -> dict[str, Any]:
    return {
        "name": f"standby-{name}",
        "version": "2.1",
        "entry-points": {plugin.GROUP: {name: module}},
    }


@pytest.fixture
def parrot(install: Install) -> None:
    install(extra("parrot", "standby_extra"), {"standby_extra.py": COMMANDS})


# What it lists


@pytest.mark.parametrize("arguments", [("--help",), ("-h",)])
def test_the_help_lists_every_command(run: Run, arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert (result.status, result.err) == (0, "")
    for name in ("ask", "models", "plugins", "schema", "validate"):
        assert f"\n  {name} " in result.out


def test_the_help_lists_the_commands_that_plugins_add(run: Run, parrot: None) -> None:
    del parrot
    output = run("--help").out.partition("Commands of plugins:\n")[2]
    assert [line.split("  ")[1] for line in output.splitlines() if line[2] != " "] == [
        "local pull",
        "parrot feed",
        "parrot refuse",
        "parrot crash",
        "parrot lost",
        "parrot text",
        "parrot stop",
    ]
    assert "parrot feed    Feed it.\n" in output


@pytest.mark.parametrize(
    "source",
    [
        "raise SystemExit(3)",
        "import nothing_of_this_name",
        (
            "from standby.plugin import hookimpl\n@hookimpl\n"
            "def standby_commands(): raise KeyError('oh')"
        ),
        (
            "from standby.plugin import hookimpl\n@hookimpl\n"
            "def standby_commands(): raise SystemExit(3)"
        ),
        "from standby.plugin import hookimpl\n@hookimpl\ndef standby_commands(): return ['feed']",
        "from standby.plugin import hookimpl\n@hookimpl\ndef standby_commands(): return 7",
    ],
)
def test_a_broken_plugin_spoils_neither_the_help_nor_other_commands(
    run: Run, install: Install, source: str
) -> None:
    install(extra("parrot", "standby_extra"), {"standby_extra.py": source})
    result = run("--help")
    assert (result.status, result.err) == (0, "")
    assert "local pull" in result.out
    assert "parrot" not in result.out
    result = run("parrot", "feed")
    assert (result.status, result.out) == (2, "")
    assert result.err.startswith("Error: plugin 'parrot' (standby-parrot 2.1) is broken: ")
    assert result.err.endswith("; update or uninstall standby-parrot\n")


def test_a_plugin_without_commands_says_so(run: Run) -> None:
    result = run("scripted", "play")
    assert result.status == 2
    assert result.err == (
        "Error: the plugin 'scripted' has no commands of its own; 'standby --help' lists "
        "all commands\n"
    )


def test_a_plugins_own_help_lists_its_commands(run: Run) -> None:
    result = run("local", "--help")
    assert result.status == 0
    assert "\n  pull  Fetch the weights" in result.out


def test_the_version_is_the_packages(run: Run) -> None:
    assert run("--version").out == f"standby, version {__version__}\n"


CLICK = tuple(int(number) for number in metadata.version("click").split(".")[:2])
STRIT = (
    " '--strit'. Did you mean '--strict'?"
    if CLICK >= (8, 4)
    else ": --strit Did you mean --strict?"
)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("aks hello", " for help.\n\nError: no command is named 'aks'; did you mean 'ask'?\n"),
        ("vaidate", "Error: no command is named 'vaidate'; did you mean 'validate'?\n"),
        ("zzz", "Error: no command is named 'zzz'; 'standby --help' lists all commands\n"),
        ("locl pull", "Error: no command is named 'locl'; did you mean 'local'?\n"),
        ("local pul", " for help.\n\nError: no command is named 'pul'; did you mean 'pull'?\n"),
        (
            "plugins check opnai",
            "Error: no plugin named 'opnai' is installed; did you mean 'openai'?\n",
        ),
        ("validate --strit", f"Error: No such option{STRIT}\n"),
        (
            "explain --kind emtpy",
            "Error: Invalid value for '--kind': 'emtpy' is not known; did you mean 'empty'?\n",
        ),
    ],
)
def test_a_misspelt_command_is_answered_with_the_nearest(
    run: Run, arguments: str, message: str
) -> None:
    result = run(*arguments.split())
    assert (result.status, result.out) == (2, "")
    assert result.err.endswith(message)


def test_a_shell_can_complete_the_commands() -> None:
    result = process(_STANDBY_COMPLETE="bash_complete", COMP_WORDS="standby ", COMP_CWORD="1")
    assert [line.removeprefix("plain,") for line in result.out.split()] == [
        *(
            "ask",
            "check",
            "completion",
            "demo",
            "explain",
            "init",
            "models",
            "new-plugin",
            "plugins",
            "schema",
            "selftest",
            "simulate",
            "validate",
            "local",
        )
    ]


def test_it_starts_without_any_sdk_and_without_rich(folder: Path) -> None:
    write_scripted()
    code = (
        "import sys; sys.argv = ['standby', 'validate']\n"
        "try:\n    from standby.cli import main; main()\n"
        "finally: print(sorted({'google', 'openai', 'httpx2', 'rich', 'xllamacpp', "
        "'pydantic'} & set(sys.modules)))"
    )
    result = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True
    )
    assert result.stdout.splitlines()[-1] == "[]"


# How it ends


@pytest.mark.parametrize("status", [0, 1, 7])
def test_the_status_that_a_plugins_command_exits_with_is_the_processs(
    run: Run, parrot: None, status: int
) -> None:
    del parrot
    result = run("parrot", "feed", "--status", str(status))
    assert (result.status, result.out) == (status, "fed\n")


def test_a_command_that_returns_something_else_is_fine(run: Run, parrot: None) -> None:
    del parrot
    assert run("parrot", "text").status == 0


def test_a_plugins_command_that_refuses_has_failed(run: Run, parrot: None) -> None:
    del parrot
    result = run("parrot", "refuse")
    assert (result.status, result.err) == (1, "Error: not hungry\n")


def test_an_interrupted_command_has_status_130(run: Run, parrot: None) -> None:
    del parrot
    result = run("parrot", "stop")
    assert (result.status, result.err.strip()) == (130, "")


def test_an_unexpected_error_is_one_line_and_a_way_to_see_where(
    run: Run, parrot: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    del parrot
    result = run("parrot", "crash")
    assert (result.status, result.err) == (
        1,
        "standby: internal error: RuntimeError: two lines; STANDBY_DEBUG=1 shows where\n",
    )
    monkeypatch.setenv("STANDBY_DEBUG", "1")
    with pytest.raises(RuntimeError, match="two\nlines"):
        run("parrot", "crash")


def test_an_error_of_the_system_is_reported_with_its_message(run: Run, parrot: None) -> None:
    del parrot
    result = run("parrot", "lost")
    assert (result.status, result.err) == (1, "standby: nowhere: No such file or directory\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_command_takes_nothing_apart_at_its_end() -> None:
    code = (
        "import atexit, gc; atexit.register(lambda: print(gc.get_freeze_count() > 1000)); "
        "import standby.cli as c; c.main()"
    )
    result = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.stdout.splitlines()[-1] == "True"


def test_a_full_disk_is_reported() -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        command = [sys.executable, "-m", "standby", "--help"]
        result = subprocess.run(  # noqa: S603 - this interpreter
            command, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (result.returncode, result.stderr) == (1, "standby: No space left on device\n")


@pytest.mark.parametrize(
    "arguments", ["ask hello --chain healthy", "ask hello --chain healthy --stream", "schema"]
)
def test_a_reader_that_leaves_causes_no_message(arguments: str) -> None:
    write_scripted()
    command = [sys.executable, "-m", "standby", *arguments.split()]
    with subprocess.Popen(  # noqa: S603 - this interpreter
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as started:
        assert started.stdout is not None
        assert started.stderr is not None
        started.stdout.close()
        errors = started.stderr.read()
    assert (started.returncode, errors) == (1, "")


@pytest.mark.parametrize("options", [(), ("--stream",), ("-v",)])
def test_ctrl_c_ends_a_call_at_once_with_130_and_no_output(options: tuple[str, ...]) -> None:
    write(SCRIPTED.replace("[{hang", "[{reply: Lis, hang"))
    command = [sys.executable, "-m", "standby", "ask", "hello", "--chain", "hangs", *options]
    with subprocess.Popen(  # noqa: S603 - this interpreter
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as started:
        _until_it_waits(started.pid)
        began = time.monotonic()
        started.send_signal(signal.SIGINT)
        _, errors = started.communicate(timeout=10)
    assert (started.returncode, errors.strip()) == (130, "")
    assert time.monotonic() - began < SLACK


def _until_it_waits(pid: int) -> None:
    """Wait until the process has its event loop's thread, and both of its threads wait."""
    tasks = Path(f"/proc/{pid}/task")
    if not tasks.is_dir():
        pytest.skip("this system does not show the state of a process")
    for _ in range(1000):
        states = [_state(task) for task in tasks.iterdir()]
        if len(states) > 1 and set(states) == {"S"}:
            time.sleep(0.1)
            return
        time.sleep(0.02)
    pytest.fail("the call did not begin")


def _state(task: Path) -> str:
    try:
        return (task / "stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "it has ended"


def test_a_terminal_that_knows_few_letters_gets_a_question_mark_for_the_others() -> None:
    write_scripted()
    result = process("validate", PYTHONIOENCODING="latin-1")
    assert (result.status, result.err) == (0, "")
    assert result.out.startswith("default: gone (line 18) ? well (line 18)\n")


def test_python_m_standby_is_standby() -> None:
    write_scripted()
    result = process("ask", "-", "--chain", "healthy", stdin="Which city?\n")
    assert (result.status, result.out) == (0, "Lisbon.\n")
    assert process("ask", "hello", "--chain", "fails").status == 1
