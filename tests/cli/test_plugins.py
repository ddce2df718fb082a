"""`standby plugins`: what is installed, and what is broken."""

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import pytest

from standby import __version__, plugin
from standby.registry.plugins import Registry
from tests.cli.runner import Run, terminal
from tests.docs.distributions import Install

NEEDED = {"local": "xllamacpp"}
"""What is not installed everywhere that these tests run."""

BROKEN = "raise ImportError('no beak')"


def project(name: str) -> dict[str, Any]:
    return {
        "name": f"standby-{name}",
        "version": "2.1",
        "entry-points": {plugin.GROUP: {name: "standby_extra"}},
    }


def rows(text: str) -> dict[str, str]:
    return {line.split()[0]: line for line in text.splitlines()[1:]}


def keys(name: str) -> list[str]:
    return " or ".join(Registry().info(name).keys).split()


def test_every_plugin_is_a_row_with_its_distribution_and_how_many_models_it_knows(run: Run) -> None:
    result = run("plugins")
    assert (result.status, result.err) == (0, "")
    for name, row in rows(result.out).items():
        card_count = str(len(Registry().cards(name)))
        if find_spec(NEEDED.get(name, "standby")) is None:
            assert row.split()[1:5] == ["standby", __version__, card_count, "no-sdk"]
        else:
            assert row.split()[1:] == ["standby", __version__, card_count, "ok", *keys(name)]
    assert set(rows(result.out)) == set(Registry().names())


def test_a_plugin_without_its_library_says_what_to_install(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    row = rows(run("plugins").out)["local"]
    assert " no-sdk " in row
    assert row.endswith("not installed: pip install 'xllamacpp>=2026.6.9538'")
    [listed] = [each for each in run("plugins", "--json").json if each["name"] == "local"]
    assert (listed["state"], listed["missing"]) == ("no-sdk", ["xllamacpp>=2026.6.9538"])


def test_a_plugin_of_a_vendor_needs_no_sdk(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for sdk in ("anthropic", "google", "openai"):
        monkeypatch.setitem(sys.modules, sdk, None)
    listed = {each["name"]: each["state"] for each in run("plugins", "--json").json}
    assert {listed[name] for name in ("anthropic", "gemini", "openai")} == {"ok"}
    monkeypatch.undo()


def test_a_broken_plugin_is_listed_with_the_reason(run: Run, install: Install) -> None:
    install(project("parrot"), {"standby_extra.py": BROKEN})
    row = rows(run("plugins").out)["parrot"]
    assert row.split(maxsplit=5) == [
        "parrot",
        "standby-parrot",
        "2.1",
        "0",
        "broken",
        (
            "plugin 'parrot' (standby-parrot 2.1) is broken: ImportError: no beak; update or "
            "uninstall standby-parrot"
        ),
    ]


def test_as_json_a_broken_plugin_is_listed_with_the_reason(run: Run, install: Install) -> None:
    install(project("parrot"), {"standby_extra.py": BROKEN})
    listed = {each["name"]: each for each in run("plugins", "--json").json}
    assert listed["parrot"] == {
        "name": "parrot",
        "distribution": "standby-parrot",
        "version": "2.1",
        "state": "broken",
        "models": [],
        "reason": (
            "plugin 'parrot' (standby-parrot 2.1) is broken: ImportError: no beak; "
            "update or uninstall standby-parrot"
        ),
        "keys": [],
        "install": "",
        "missing": [],
        "commands": [],
    }
    assert listed["scripted"]["state"] == "ok"


def test_two_distributions_with_one_name_are_listed_once_and_both_are_named(
    run: Run, install: Install
) -> None:
    install(project("parrot"), {"standby_extra.py": "from standby.plugin import hookimpl"})
    install({**project("parrot"), "name": "standby-cage"}, {})
    result = run("plugins")
    assert result.out.count("\nparrot ") == 1
    assert "standby-cage 2.1 and standby-parrot 2.1" in result.out


@pytest.mark.parametrize("name", Registry().names())
def test_as_json_a_plugin_says_its_models_keys_installation_and_commands(
    run: Run, name: str
) -> None:
    listed = {each["name"]: each for each in run("plugins", "--json").json}[name]
    info = Registry().info(name)
    is_complete = find_spec(NEEDED.get(name, "standby")) is not None
    listed |= {"state": "ok", "reason": ""} if not is_complete else {}
    assert listed == {
        "name": name,
        "distribution": "standby",
        "version": __version__,
        "state": "ok",
        "models": list(Registry().cards(name)),
        "reason": "",
        "keys": list(info.keys),
        "install": info.install,
        "missing": [] if is_complete else [one.requirement for one in info.libraries],
        "commands": [command.name for command in Registry().commands(name)],
    }


def test_a_text_narrows_the_list(run: Run) -> None:
    assert [each["name"] for each in run("plugins", "o", "--json").json] == [
        "anthropic",
        "local",
        "openai",
    ]
    assert run("plugins", "--json", "gem") == run("plugins", "gem", "--json")
    assert len(run("plugins", "standby").out.splitlines()) == 1 + len(run("plugins", "--json").json)
    assert (
        run("plugins", "opnai").err
        == "nothing here is named like 'opnai'; did you mean 'openai'?\n"
    )


@pytest.mark.parametrize("columns", [40, 80])
def test_on_a_narrow_terminal_the_state_and_the_reason_stay(
    install: Install, columns: int, folder: Path
) -> None:
    install(project("parrot"), {"standby_extra.py": BROKEN})
    output = click.unstyle(terminal("plugins", "parrot", columns=columns, PYTHONPATH=str(folder)))
    message = " ".join(output.split())
    assert "broken" in message
    assert "no beak" in message
    assert ("hidden, because the terminal is narrow: " in message) is (columns == 40)
