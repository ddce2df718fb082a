"""`standby models` and `standby plugins`: what is known, and what is broken."""

from datetime import date
from typing import Any

import pytest

from standby import __version__, plugin
from standby.registry import Registry
from tests.cli.running import Run
from tests.docs.distributions import Install


def project(name: str) -> dict[str, Any]:
    return {"name": f"standby-{name}", "version": "2.1", "entry-points": {plugin.GROUP: {name: "standby_extra"}}}


CARDS = f"""
from datetime import date
from standby.plugin import Card, hookimpl

@hookimpl
def standby_models():
    return {{
        "parrot-1": Card(retires=date(2020, 1, 1), successor="parrot-2", notice="repeats"),
        "parrot-2": Card(context_window=64, retires=date({date.max.year}, 1, 1)),
    }}
"""

BROKEN = "raise ImportError('no beak')"


def rows(text: str) -> dict[str, str]:
    return {line.split()[0]: line for line in text.splitlines()[1:]}


def test_every_card_of_every_plugin_is_a_row(run: Run) -> None:
    ran = run("models")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.splitlines()[0].split("  ")[0] == "model"
    assert set(rows(ran.out)) == {name for each in Registry().names() for name in Registry().cards(each)}


def test_a_row_tells_window_retirement_successor_and_notice(run: Run, install: Install) -> None:
    install(project("parrot"), {"standby_extra.py": CARDS})
    told = rows(run("models").out)
    assert told["parrot-1"].split() == ["parrot-1", "parrot", "2020-01-01", "(retired)", "parrot-2", "repeats"]
    assert told["parrot-2"].split() == ["parrot-2", "parrot", "64", f"{date.max.year}-01-01"]


def test_as_json_each_model_has_what_its_card_knows(run: Run, install: Install) -> None:
    install(project("parrot"), {"standby_extra.py": CARDS})
    listed = {each["name"]: each for each in run("models", "--json").json}
    assert listed["parrot-2"] == {
        "name": "parrot-2",
        "plugin": "parrot",
        "card": {"context_window": 64, "retires": f"{date.max.year}-01-01"},
    }


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_broken_plugin_spoils_no_list(run: Run, install: Install, options: tuple[str, ...]) -> None:
    before = run("models", *options).out
    install(project("parrot"), {"standby_extra.py": BROKEN})
    assert run("models", *options).out == before
    assert run("schema").status == 0


def test_every_plugin_is_a_row_with_its_distribution_and_how_many_models_it_knows(run: Run) -> None:
    ran = run("plugins")
    assert (ran.status, ran.err) == (0, "")
    assert {name: row.split()[1:] for name, row in rows(ran.out).items()} == {
        name: ["standby", __version__, str(len(Registry().cards(name))), "ok"] for name in Registry().names()
    }


def test_a_broken_plugin_is_listed_with_the_reason(run: Run, install: Install) -> None:
    install(project("parrot"), {"standby_extra.py": BROKEN})
    row = rows(run("plugins").out)["parrot"]
    assert row.split(maxsplit=5) == [
        "parrot",
        "standby-parrot",
        "2.1",
        "0",
        "broken",
        "plugin 'parrot' (standby-parrot 2.1) is broken: ImportError: no beak",
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
        "reason": "plugin 'parrot' (standby-parrot 2.1) is broken: ImportError: no beak",
    }
    assert listed["scripted"]["state"] == "ok"


def test_two_distributions_with_one_name_are_listed_once_and_both_are_named(run: Run, install: Install) -> None:
    install(project("parrot"), {"standby_extra.py": CARDS})
    install({**project("parrot"), "name": "standby-cage"}, {})
    ran = run("plugins")
    assert ran.out.count("\nparrot ") == 1
    assert "standby-cage 2.1 and standby-parrot 2.1" in ran.out
