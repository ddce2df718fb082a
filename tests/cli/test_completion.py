"""`standby completion`: what real shells complete with it."""

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.runner import Run, process, write

NAMES = """\
version: 1
models:
  well: {provider: scripted, options: {reply: Lisbon.}}
  here/small:8b: {provider: scripted, options: {reply: Lisbon.}}
chains:
  default: {models: [well, "here/small:8b"]}
  healthy: {models: [well]}
"""

COMPLETED = [
    ("valid", ["validate"]),
    ("loc", ["local"]),
    ("local ", ["pull"]),
    ("ask hello --chain ", ["default", "healthy"]),
    ("ask hello --chain h", ["healthy"]),
    ("ask hello other.yaml --chain ", ["elsewhere"]),
    ("ask hello -c other.yaml --chain ", ["elsewhere"]),
    ("ask hello broken.yaml --chain ", []),
    ("explain other.yaml --chain ", ["elsewhere"]),
    ("check --chain h", ["healthy"]),
    ("check --model ", ["here/small:8b", "well"]),
    ("explain --model he", ["here/small:8b"]),
    ("explain --kind em", ["empty"]),
    ("models claude-opus-5", ["claude-opus-5", "claude-opus-5-5"]),
    ("models anthr", ["anthropic"]),
    ("plugins ope", ["openai"]),
    ("plugins check lo", ["local"]),
    ("plugins che", ["check"]),
    ("validate --explain unused", ["unused-ignore", "unused-trigger"]),
    ("validate --strict --a", ["--all"]),
    ("completion ", ["bash", "fish", "zsh"]),
]

PATH = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))


@pytest.fixture(autouse=True)
def files() -> None:
    write(NAMES)
    write("version: 1\nchains: {elsewhere: {models: [o3-mini]}}\n", "other.yaml")
    write("version: 1\nchains: {x: {models: [zz]}}\n", "broken.yaml")


def needs(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    if shutil.which("standby", path=PATH) is None:
        pytest.skip("the command is not installed beside this interpreter")


def ask(shell: list[str], script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - a shell of this system
        [*shell, script],
        env={**os.environ, "PATH": PATH},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("typed", "names"), COMPLETED)
def test_click_completes_names_of_the_file_and_of_the_cards(
    run: Run, monkeypatch: pytest.MonkeyPatch, typed: str, names: list[str]
) -> None:
    line = f"standby {typed}"
    monkeypatch.setenv("_STANDBY_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(line.split(" ")) - 1))
    result = run()
    assert (result.status, result.err) == (0, "")
    assert sorted(line.removeprefix("plain,") for line in result.out.split()) == names


def test_bash_completes() -> None:
    needs("bash")
    lines = [
        'eval "$(standby completion bash)"',
        "complete -p standby >&2",
        'ask() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()',
        '_standby_completion standby; echo "${COMPREPLY[*]}"; }',
        'ask standby ask hello --chain ""',
        "ask standby models claude-opus-5-",
    ]
    result = ask(["bash", "--norc", "-c"], "\n".join(lines))
    assert result.stdout.splitlines() == ["default healthy", "claude-opus-5-5"]
    assert result.stderr == "complete -o nosort -F _standby_completion standby\n"


def test_fish_completes() -> None:
    needs("fish")
    lines = [
        "standby completion fish | source",
        'complete -C "standby ask hello --chain h"',
        'complete -C "standby vali"',
    ]
    result = ask(["fish", "--no-config", "-c"], "; ".join(lines))
    assert [line.split("\t")[0] for line in result.stdout.split("\n") if line] == [
        "healthy",
        "validate",
    ]


@pytest.mark.parametrize(
    ("shell", "ready"),
    [
        (["bash", "--norc", "-i"], 'eval "$(standby completion bash)"'),
        (
            ["zsh", "-f", "-i"],
            'autoload -Uz compinit; compinit -u -D; eval "$(standby completion zsh)"',
        ),
    ],
    ids=["bash", "zsh"],
)
def test_a_tab_completes_what_is_typed(shell: list[str], ready: str) -> None:
    needs(shell[0])
    child, screen = pty.fork()
    if child == 0:
        os.execvpe(shell[0], shell, {**os.environ, "PATH": PATH, "TERM": "dumb", "PS1": "> "})  # noqa: S606 - a shell
    try:
        os.write(screen, f"{ready}; echo rea''dy\n".encode())
        assert "ready\r" in until("ready\r", screen)
        os.write(screen, b"standby ask hello --chain hea\t")
        assert "healthy" in until("healthy", screen)
    finally:
        os.close(screen)
        os.waitpid(child, 0)


def until(text: str, screen: int) -> str:
    """Read what a terminal shows until a text is there, for 20 seconds at most."""
    output, end = "", time.monotonic() + 20
    while text not in output and time.monotonic() < end:
        if select.select([screen], [], [], 0.2)[0]:
            output += os.read(screen, 65536).decode("utf-8", "replace")
    return output


def test_as_json_it_is_the_script(run: Run) -> None:
    script = run("completion", "bash").out
    assert run("completion", "bash", "--json").json == {
        "shell": "bash",
        "script": script.removesuffix("\n"),
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("zhs",), "did you mean 'zsh'?"),
        (("tcsh",), "write one of bash, zsh, fish"),
        ((), "Missing argument"),
    ],
)
def test_another_shell_is_answered_with_those_that_are_known(
    arguments: tuple[str, ...], message: str
) -> None:
    result = process("completion", *arguments)
    assert (result.status, result.out) == (2, "")
    assert message in result.err
