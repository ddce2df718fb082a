"""`standby check` of models without a socket: every kind, broken plugins, the embedded model."""

import re
from typing import Any

import pytest

from standby import plugin
from standby.failures import Kind
from standby_local.weights import find_weights
from tests.cli.runner import Run, process, write
from tests.docs.distributions import Install


def models(result: Any) -> dict[str, dict[str, Any]]:
    return {each["model"]: each for each in result.json["models"]}


# All kinds, and plugins at fault


@pytest.mark.parametrize("kind", Kind)
def test_each_kind_says_what_to_do(run: Run, kind: Kind) -> None:
    fail = f"{{fail: {{kind: {kind}, message: so it goes}}}}"
    model = f"{{provider: scripted, options: {{script: [{fail}]}}}}"
    write(f"version: 1\nmodels: {{m: {model}}}\nchains: {{default: {{models: [m]}}}}")
    result = run("check", "--json")
    check = models(result)["m"]
    assert (result.status, check["kind"], check["text"]) == (1, kind, "so it goes")
    assert check["do"]
    assert "{" not in check["do"]


ADAPTER = """
import sys, time
from standby.plugin import ProviderInfo, Reply, hookimpl

class Adapter:
    def __init__(self, provider):
        pass

    async def complete(self, call):
        if call.model == "exits":
            sys.exit("so it goes")
        if call.model == "renamed":
            return Reply(text="OK", response_model="another")
        if call.model == "well":
            return Reply(text="OK", response_model="well")
        time.sleep(20)

@hookimpl
def standby_provider():
    return ProviderInfo(adapter="standby_extra:Adapter")
"""


PROJECT = {
    "name": "standby-p",
    "version": "1",
    "entry-points": {plugin.GROUP: {"p": "standby_extra"}},
}


def test_a_plugin_that_exits_spoils_no_other_models_check(run: Run, install: Install) -> None:
    install(PROJECT, {"standby_extra.py": ADAPTER})
    write(
        "version: 1\nmodels: {w: {provider: scripted, options: {reply: OK}}}\n"
        "chains: {default: {models: [p/exits, w]}}"
    )
    result = run("check", "--json")
    assert result.status == 0
    assert [each["kind"] for each in result.json["models"]] == ["contract", None]


def test_a_plugin_that_blocks_the_event_loop_is_named_and_the_check_ends(install: Install) -> None:
    install(PROJECT, {"standby_extra.py": ADAPTER})
    write("version: 1\nchains: {default: {models: [p/blocks]}}")
    result = process(
        "check", "--timeout", "500ms"
    )  # in a process of its own: its event loop does not turn again
    assert result.status == 1
    assert re.search(
        r"p/blocks: no answer: standby_extra\.complete, line \d+ blocks the event loop", result.out
    )


@pytest.mark.parametrize(
    ("name", "card", "kind", "do"),
    [
        (
            "renamed",
            "{}",
            "wrong_model",
            "the vendor serves another model under this name: name the one that you want",
        ),
        (
            "well",
            "{retires: 2020-01-01, successor: x}",
            None,
            "was retired on 2020-01-01; use x instead",
        ),
        ("well", "{retires: 2020-01-01}", None, "was retired on 2020-01-01; choose another"),
        ("well", "{}", None, ""),
    ],
)
def test_a_model_may_answer_and_want_something_done(
    run: Run, install: Install, name: str, card: str, kind: str | None, do: str
) -> None:
    install(PROJECT, {"standby_extra.py": ADAPTER})
    write(
        f"version: 1\nmodels: {{m: {{provider: p, model: {name}, card: {card}}}}}\n"
        f"chains: {{default: {{models: [m]}}}}"
    )
    result = run("check", "--json")
    check = models(result)["m"]
    assert (result.status, check["outcome"], check["kind"], check["do"]) == (
        0,
        "answered",
        kind,
        do,
    )


@pytest.mark.parametrize(
    ("model", "by"),
    [
        ("{provider: p, model: well, card: {retires: 2020-01-01}}", "old"),  # it is there after all
        ("{provider: p, model: renamed, card: {retires: 2020-01-01}}", "new"),
        ("{provider: p, model: renamed}", "old"),
        (
            (
                "{provider: scripted, options: {script: [{fail: {kind: blocked}}]}, card: "
                "{retires: 2020-01-01}}"
            ),
            "new",
        ),
        ("{provider: scripted, options: {script: [{fail: {kind: blocked}}]}}", None),
    ],
)
def test_a_model_that_begins_resting_counts_where_no_other_answers_or_it_is_back(
    run: Run, install: Install, model: str, by: str | None
) -> None:
    install(PROJECT, {"standby_extra.py": ADAPTER})
    new = "{provider: scripted, options: {reply: OK}}"
    write(
        f"version: 1\nmodels: {{old: {model}, new: {new}}}\n"
        f"chains: {{default: {{models: [old, new]}}}}"
    )
    assert run("check", "--json").json["chains"]["default"]["by"] == by


def test_a_missing_model_is_reported_with_its_successor(run: Run) -> None:
    fail = "{fail: {kind: model_missing, status: 404, message: no such model}}"
    model = f"{{provider: scripted, options: {{script: [{fail}]}}, card: {{successor: parrot-2}}}}"
    write(f"version: 1\nmodels: {{m: {model}}}\nchains: {{default: {{models: [m]}}}}")
    assert models(run("check", "--json"))["m"]["do"] == "use parrot-2 instead"


def test_an_incompatible_model_is_skipped(run: Run) -> None:
    model = "{provider: scripted, options: {reply: OK}, strict: true, drop: [max_tokens]}"
    write(f"version: 1\nmodels: {{m: {model}}}\nchains: {{default: {{models: [m]}}}}")
    result = run("check", "--json")
    check = models(result)["m"]
    assert (result.status, check["outcome"], check["kind"], check["seconds"]) == (
        1,
        "skipped",
        "unsupported",
        0.0,
    )


@pytest.mark.parametrize(
    ("kind", "then", "status"), [("overloaded", "stop", 1), ("invalid_request", "next", 0)]
)
def test_a_trigger_decides_whether_a_failure_stops_the_chain(
    run: Run, kind: str, then: str, status: int
) -> None:
    fails = (
        f"{{provider: scripted, options: {{script: [{{fail: {{kind: {kind}, message: so "
        "it goes}}]}}"
    )
    write(
        f"version: 1\nmodels: {{m: {fails}, w: {{provider: scripted, options: {{reply: OK}}}}}}\n"
        f"triggers: {{mine: {{kind: {kind}, then: {then}}}}}\n"
        f"chains: {{default: {{models: [m, w]}}}}"
    )
    result = run("check", "--json")
    by = "w" if status == 0 else None
    stops_at = "m" if status == 1 else None
    assert (result.status, result.json["chains"]["default"]) == (
        status,
        {"answers": status == 0, "by": by, "stops_at": stops_at},
    )


# The real thing


def test_the_embedded_model_answers_a_check() -> None:
    if not find_weights().is_file():
        pytest.skip("its weights are not here")
    pytest.importorskip("xllamacpp", exc_type=ImportError)
    write("version: 1\nchains: {default: {models: [smollm2-135m]}}")
    result = process("check", "--json", "--timeout", "55s")
    check = models(result)["smollm2-135m"]
    assert (result.status, check["outcome"], check["provider"]) == (0, "answered", "local")
