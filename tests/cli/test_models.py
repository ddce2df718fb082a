"""`standby models`: what is known."""

from datetime import date
from typing import Any

import click
import pytest

from standby import plugin
from standby.cards import Card
from standby.registry.plugins import Registry
from tests.cli.runner import Run, terminal
from tests.docs.distributions import Install


def project(name: str) -> dict[str, Any]:
    return {
        "name": f"standby-{name}",
        "version": "2.1",
        "entry-points": {plugin.GROUP: {name: "standby_extra"}},
    }


CARDS = f"""
from datetime import date
from standby.plugin import Card, Price, hookimpl

@hookimpl
def standby_models():
    return {{
        "parrot-1": Card(retires=date(2020, 1, 1), successor="parrot-2", disclaimer="repeats"),
        "parrot-2": Card(
            context_window=64, reads=("image", "pdf"), tools=True, schema=False,
            retires=date({date.max.year}, 1, 1),
            price=Price(input=1.25, output=10.0),
        ),
    }}
"""

PROVIDER = """
from standby.plugin import ProviderInfo

@hookimpl
def standby_provider():
    return ProviderInfo(adapter="nowhere:Nobody", card=Card(tools=True, reads=("audio",)))
"""

BROKEN = "raise ImportError('no beak')"


def rows(text: str) -> dict[str, str]:
    return {line.split()[0]: line for line in text.splitlines()[1:]}


def test_every_card_of_every_plugin_is_a_row(run: Run) -> None:
    result = run("models")
    assert (result.status, result.err) == (0, "")
    assert result.out.splitlines()[0].split("  ")[0] == "model"
    assert set(rows(result.out)) == {
        name for each in Registry().names() for name in Registry().cards(each)
    }


def test_a_row_has_the_card_in_short(run: Run, install: Install) -> None:
    install(project("parrot"), {"standby_extra.py": CARDS})
    output = rows(run("models").out)
    assert output["parrot-1"].split() == [
        "parrot-1",
        "parrot",
        "2020-01-01",
        "(retired)",
        "parrot-2",
        "repeats",
    ]
    window, reads, tools, schema = "64", ["image,", "pdf"], "yes", "no"
    assert output["parrot-2"].split() == [
        "parrot-2",
        "parrot",
        window,
        "1.25/10",
        f"{date.max.year}-01-01",
        tools,
        schema,
        *reads,
    ]


@pytest.mark.parametrize("text", ["flash", "FLASH-lite", "gemini"])
def test_a_text_narrows_the_list_to_the_models_and_plugins_that_have_it(
    run: Run, text: str
) -> None:
    names = set(rows(run("models", text).out))
    assert names == {name for name in rows(run("models").out) if text.casefold() in name}
    assert {each["name"] for each in run("models", text, "--json").json} == names


def test_a_plugins_name_lists_its_models(run: Run) -> None:
    assert set(rows(run("models", "anthropic").out)) == set(Registry().cards("anthropic"))


def test_a_text_that_no_model_has_is_answered_with_a_near_name(run: Run) -> None:
    result = run("models", "fabel")
    assert (result.status, rows(result.out), result.err) == (
        0,
        {},
        "nothing here is named like 'fabel'; did you mean 'fable'?\n",
    )
    assert run("models", "zzzz").err == "nothing here is named like 'zzzz'\n"
    assert run("models", "zzzz", "--json").json == []


@pytest.mark.parametrize("columns", [15, 40, 80, 120])
def test_on_a_terminal_of_any_width_each_name_is_complete(columns: int) -> None:
    names = click.unstyle(terminal("models", columns=columns)).splitlines()
    listed = {
        line.split()[0]
        for line in names
        if line and not line.startswith((" ", "model ", "hidden, "))
    }
    assert listed == {name for each in Registry().names() for name in Registry().cards(each)} | (
        {"model"} & listed
    )


@pytest.mark.parametrize(
    ("tokens", "message"), [(4096, "4.1k"), (200_000, "200k"), (1_048_576, "1.05M"), (64, "64")]
)
def test_a_window_has_three_digits(run: Run, install: Install, tokens: int, message: str) -> None:
    install(project("parrot"), {"standby_extra.py": CARDS.replace("64", str(tokens))})
    assert rows(run("models").out)["parrot-2"].split()[2] == message


def test_what_a_plugin_says_of_all_its_models_holds_for_each(run: Run, install: Install) -> None:
    install(project("parrot"), {"standby_extra.py": CARDS + PROVIDER})
    cards = {each["name"]: each["card"] for each in run("models", "--json").json}
    assert (cards["parrot-1"]["tools"], cards["parrot-1"]["reads"]) == (True, ["audio"])
    assert (cards["parrot-2"]["tools"], cards["parrot-2"]["reads"]) == (True, ["image", "pdf"])
    assert "audio" in rows(run("models").out)["parrot-1"]


def test_as_json_each_model_has_every_field_of_its_card(run: Run, install: Install) -> None:
    install(project("parrot"), {"standby_extra.py": CARDS})
    listed = {each["name"]: each for each in run("models", "--json").json}
    assert all(tuple(each["card"]) == Card.__struct_fields__ for each in listed.values())
    expected = {
        name: value for name, value in listed["parrot-2"].pop("card").items() if value is not None
    }
    assert listed["parrot-2"] == {"name": "parrot-2", "plugin": "parrot"}
    assert expected == {
        "context_window": 64,
        "reads": ["image", "pdf"],
        "tools": True,
        "schema": False,
        "retires": f"{date.max.year}-01-01",
        "price": {"input": 1.25, "output": 10.0, "cached": None},
    }


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_broken_plugin_spoils_no_list(
    run: Run, install: Install, options: tuple[str, ...]
) -> None:
    before = run("models", *options).out
    install(project("parrot"), {"standby_extra.py": BROKEN})
    assert run("models", *options).out == before
    assert run("schema").status == 0
