"""Broken plugins are reported everywhere, and stop neither the program nor other models."""

import sys
from pathlib import Path

import pytest

from standby import Standby, StandbyError
from standby.failures import Kind
from standby.plugin import GROUP
from standby.registry.plugins import Registry
from tests.docs.distributions import put
from tests.plugins.broken_adapters import ADAPTERS, CLOSE
from tests.plugins.broken_manifests import MANIFESTS, WITHOUT_MODELS
from tests.plugins.installation import ask, plugins, put_acme, validate
from tests.plugins.sources import (
    HALT,
    HEAD,
    MANIFEST,
    MUTE,
    OWNER,
    WELL,
    Broken,
    acme,
    completes,
    each,
    first,
    info,
    models,
    provider,
)


def describe(broken: Broken, folder: Path) -> str:
    return f"plugin 'acme' ({OWNER}) is broken: {broken.message.replace('{folder}', str(folder))}"


REMEDY = "update or uninstall acme-broken"


def test_there_are_at_least_100_broken_plugins() -> None:
    assert len({broken.source for broken in (*MANIFESTS.values(), *ADAPTERS.values())}) >= 100


@pytest.mark.parametrize("broken", each(MANIFESTS))
def test_a_broken_manifest_is_reported_everywhere_and_breaks_no_other_plugin(
    broken: Broken, folder: Path
) -> None:
    put_acme(folder, broken.source, WELL, point=broken.point)
    rows, message = plugins(), describe(broken, folder)
    assert (rows["acme"].state, rows["acme"].reason) == ("broken", f"{message}; {REMEDY}")
    assert {row.state for name, row in rows.items() if name != "acme"} == {"ok"}
    status, problems = validate()
    assert [(each["code"], each["message"], each["hint"]) for each in problems] == [
        ("broken-plugin", message, REMEDY)
    ]
    assert (status, problems[0]["line"], problems[0]["column"]) == (2, 3, 20)
    with pytest.raises(StandbyError) as caught:
        ask("sick")
    assert message in str(caught.value)


@pytest.mark.parametrize("broken", each(MANIFESTS))
def test_a_chain_goes_on_without_the_model_of_a_broken_manifest(
    broken: Broken, folder: Path
) -> None:
    put_acme(folder, broken.source, WELL, point=broken.point)
    reply = ask()
    assert (reply.text, reply.trail[0].text) == (
        "I am well.",
        f"{describe(broken, folder)}; {REMEDY}",
    )


@pytest.mark.parametrize("broken", each(WITHOUT_MODELS))
def test_a_plugin_without_models_is_an_error_where_a_file_names_it(
    broken: Broken, folder: Path
) -> None:
    put_acme(folder, broken.source, WELL, point=broken.point)
    assert plugins()["acme"].state == "ok"
    status, [problem] = validate()
    assert (status, problem["code"], problem["message"]) == (
        2,
        "broken-plugin",
        describe(broken, folder),
    )


@pytest.mark.parametrize("broken", each(ADAPTERS))
def test_a_broken_adapter_is_on_the_trail_and_the_next_model_answers(
    broken: Broken, folder: Path
) -> None:
    put_acme(
        folder, MANIFEST, broken.source, timeout="500ms" if broken.kind is Kind.TIMEOUT else "10s"
    )
    reply = ask()
    failed, answered = reply.trail
    assert (reply.text, answered.outcome) == ("I am well.", "answered")
    assert (failed.kind, failed.text) == (broken.kind, broken.message)


BROKEN_AT_IMPORT = (
    "made: an import that raises a BaseException",
    "made: a function",
    "made: a constructor that exits",
)


@pytest.mark.parametrize("broken", each({name: ADAPTERS[name] for name in BROKEN_AT_IMPORT}))
def test_plugins_and_validate_import_no_adapter(broken: Broken, folder: Path) -> None:
    put_acme(folder, MANIFEST, broken.source)
    assert plugins()["acme"].state == "ok"
    assert validate()[0] == 0


BROKEN_CALLS = {
    name: ADAPTERS[name]
    for name in (
        "complete: an exit",
        "complete: a BaseException",
        "made: a constructor that raises",
    )
}


@pytest.mark.parametrize("broken", each(BROKEN_CALLS))
def test_the_next_model_answers_blocking_callers_too(broken: Broken, folder: Path) -> None:
    put_acme(folder, MANIFEST, broken.source)
    with Standby(environ={}, warm_up=False) as client:
        assert client.chat("Good morning.").text == "I am well."
        assert client.chat("Good morning.", chain="well").text == "I am well."


@pytest.mark.parametrize("broken", each(CLOSE))
def test_an_adapter_that_cannot_be_closed_does_not_stop_the_client(
    broken: Broken, folder: Path
) -> None:
    answers = "async def complete(self, request): return Reply(text='Hello.')"
    put_acme(folder, MANIFEST, HALT + MUTE + acme(answers, broken.source))
    assert ask().text == "Hello."


@pytest.mark.parametrize(
    "name", ["made: a function", "complete: nothing", "late: complete that cancels itself"]
)
def test_the_trail_names_the_distribution_and_its_version(name: str, folder: Path) -> None:
    put_acme(folder, MANIFEST, ADAPTERS[name].source)
    assert OWNER in ask().trail[0].text


@pytest.mark.parametrize(
    ("schema", "error"),
    [
        ("{'type': 'objekt', 'required': ['tone']}", "UnknownType"),
        ("{'required': 5}", "TypeError"),
        ("{'required': ['tone'], '$ref': '#/nowhere'}", "_WrappedReferencingError"),
    ],
)
def test_a_broken_schema_is_reported(schema: str, error: str, folder: Path) -> None:
    put_acme(folder, info(f"options={schema}"), WELL)
    status, [problem] = validate()
    message = (
        f"the options of plugin 'acme' ({OWNER}) cannot be checked: its schema is broken: {error}"
    )
    assert (status, problem["code"], problem["message"]) == (2, "broken-plugin", message)
    assert problem["hint"] == "update acme-broken, or leave the options out"


def test_a_broken_schema_is_reported_with_its_distribution(folder: Path) -> None:
    put_acme(folder, info("options={'type': 'objekt', 'required': ['tone']}"), WELL)
    assert OWNER in validate()[1][0]["message"]


def test_a_plugin_that_prints_does_not_break_json_output(folder: Path) -> None:
    put_acme(folder, first("print('Welcome to Acme!')"), WELL)
    assert plugins()["acme"].state == "ok"


def test_a_plugin_may_start_threads_and_be_slow(folder: Path) -> None:
    threads = (
        "import threading, time\n"
        "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
        "time.sleep(0.1)"
    )
    put_acme(folder, first(threads), WELL)
    assert plugins()["acme"].state == "ok"
    assert ask().text == "Hello."


def test_importing_an_adapter_takes_none_of_the_attempts_time(folder: Path) -> None:
    put_acme(
        folder,
        HEAD + provider("ProviderInfo(adapter='acme_slow:Acme')") + models(),
        timeout="500ms",
    )
    (folder / "acme_slow.py").write_text(f"import time; time.sleep(1)\n{WELL}", encoding="utf-8")
    reply = ask()
    assert (reply.text, len(reply.trail)) == ("Hello.", 1)
    assert reply.trail[0].setup >= 0.9


def test_an_answer_that_is_late_because_its_adapter_blocked_the_loop_is_accepted(
    folder: Path,
) -> None:
    put_acme(
        folder, MANIFEST, completes("time.sleep(0.6); return Reply(text='Late.')"), timeout="500ms"
    )
    assert ask().text == "Late."


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # the plugin leaves a file open
def test_a_broken_plugin_is_imported_once(folder: Path) -> None:
    put_acme(
        folder, "from pathlib import Path\nPath('loads').open('a').write('x')\nraise SystemExit(3)"
    )
    assert plugins()["acme"].state == "broken"
    assert (folder / "loads").read_text() == "x"


PINNED = """\
version: 1
providers: {acme: {plugin: acme, distribution: acme-broken}}
models: {m: {provider: acme, model: a-1}}
chains: {default: {models: [m]}}
"""


def test_a_file_may_pin_one_of_two_distributions(folder: Path) -> None:
    put_acme(folder, MANIFEST, WELL)
    other = {
        "name": "other-acme",
        "version": "3.0",
        "entry-points": {GROUP: {"acme": "other_acme"}},
    }
    put(folder, other, {"other_acme.py": "raise SystemExit(3)"})
    (folder / "models.yaml").write_text(PINNED, encoding="utf-8")
    assert validate()[0] == 0
    assert ask().text == "Hello."


def test_ctrl_c_always_goes_through(folder: Path) -> None:
    put_acme(
        folder,
        HEAD + provider() + "@hookimpl\ndef standby_models(): raise KeyboardInterrupt\n",
        WELL,
    )
    with pytest.raises(KeyboardInterrupt):
        Registry().status("acme")


@pytest.mark.parametrize(
    "broken",
    [
        MANIFESTS["import: an exit"],
        MANIFESTS["hook: an exit"],
        MANIFESTS["field: a time-out that is not a number"],
    ],
)
def test_a_file_that_names_every_provider_imports_no_other_plugin(
    broken: Broken, folder: Path
) -> None:
    put_acme(folder, broken.source, WELL)
    file = (
        "version: 1\n"
        "models: {well: {provider: scripted, options: {reply: I am well.}}}\n"
        "chains: {default: {models: [well]}}\n"
    )
    (folder / "models.yaml").write_text(file, encoding="utf-8")
    assert validate() == (0, [])
    assert ask().text == "I am well."
    assert "acme_plugin" not in sys.modules


def test_a_bare_name_is_found_among_the_others_where_one_is_broken(folder: Path) -> None:
    put_acme(folder, "raise SystemExit(3)")
    (folder / "models.yaml").write_text(
        "version: 1\nchains: {default: {models: [gemini-2.5-pro]}}\n", encoding="utf-8"
    )
    status, problems = validate()
    reports = [
        (each["severity"], each["message"]) for each in problems if each["code"] == "broken-plugin"
    ]
    assert (status, reports) == (
        0,
        [("warning", f"plugin 'acme' ({OWNER}) is broken: SystemExit: 3")],
    )


@pytest.mark.parametrize(
    ("version", "message"),
    [
        (
            99,
            (
                "it is written for version 99 of the plugin interface, "
                "and this standby has version 1; update standby"
            ),
        ),
        (
            0,
            (
                "it is written for version 0 of the plugin interface, "
                "and this standby has version 1; update acme-broken"
            ),
        ),
    ],
)
def test_another_version_of_the_interface_is_refused_with_what_to_update(
    version: int, message: str, folder: Path
) -> None:
    put_acme(folder, info(f"api_version={version}"), WELL)
    assert plugins()["acme"].reason == f"plugin 'acme' ({OWNER}) is broken: {message}"


def test_a_plugin_may_check_the_version_by_itself(
    folder: Path,
) -> None:
    put_acme(
        folder,
        first(
            "from standby.plugin import API_VERSION\n"
            "assert API_VERSION == 2, 'acme needs interface 2'"
        ),
        WELL,
    )
    assert (
        plugins()["acme"].reason
        == f"plugin 'acme' ({OWNER}) is broken: AssertionError: acme needs interface 2; {REMEDY}"
    )
