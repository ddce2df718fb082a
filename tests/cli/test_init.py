"""`standby init`: files to begin with, and none that was there before is touched."""

import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from standby.cli.init_chain import models_in_service
from standby.cli.init_prompts import ask_for_vendors
from standby.cli.schema import schema_text
from standby.config import PACKAGED, load
from standby.plugin import Library, ProviderInfo
from standby.registry.plugins import Registry
from standby.settings import Hedge, StreamRules
from tests.cli.runner import Run, write
from tests.docs.distributions import Install

FILES = ("models.yaml", "models.schema.json", ".env.example")


def variables(path: Path) -> list[str]:
    """Return the variables that a file of variables sets, without those in its comments."""
    return [
        line
        for line in path.read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]


# What is written


@pytest.mark.parametrize("location", [".", "app", "deep/in/app", "with space"])
def test_three_files_are_written_and_named(run: Run, location: str) -> None:
    message = () if location == "." else (location,)
    result = run("init", *message)
    assert (result.status, result.err) == (0, "")
    assert result.out.splitlines()[:3] == [f"wrote {Path(location, name)}" for name in FILES]
    assert sorted(path.name for path in Path(location).iterdir()) == sorted(FILES)


def test_the_file_is_the_commented_one_that_ships(run: Run) -> None:
    run("init")
    assert Path("models.yaml").read_bytes() == PACKAGED.read_bytes()


def test_an_editor_finds_the_schema_that_the_files_first_line_names(run: Run) -> None:
    run("init", "app")
    first = Path("app/models.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=./models.schema.json"
    written_schema = Path("app/models.schema.json").read_text(encoding="utf-8")
    assert written_schema == schema_text(Registry())
    Draft202012Validator.check_schema(msgspec.json.decode(written_schema))


def test_what_was_written_is_valid(run: Run) -> None:
    run("init")
    result = run("validate", "--json")
    assert (result.status, result.json["file"]) == (0, "models.yaml")
    assert {problem["code"] for problem in result.json["problems"]} <= {
        "no-key",
        "retired",
        "tools-or-schema",
    }


# Keys


def test_the_keys_are_those_of_the_files_models_and_empty(run: Run) -> None:
    run("init")
    assert variables(Path(".env.example")) == ["GEMINI_API_KEY=", "OPENAI_API_KEY="]
    text = Path(".env.example").read_text(encoding="utf-8")
    assert "\n# gemini: for gemini-2.5-pro\n" in text
    assert "\n# openai: for o3-mini, gpt-5.6-sol\n" in text
    assert "\n# GOOGLE_API_KEY=\n" in text  # the other name of the first; one is enough
    assert "anthropic" not in text.lower()


def test_for_a_file_that_was_there_the_keys_are_those_that_it_wants(run: Run) -> None:
    write(
        "version: 1\n"
        'providers: {router: {plugin: openai, base_url: "http://127.0.0.1:9/v1", api_key: '
        '"${ROUTER_KEY}"}}\n'
        "models: {big: {provider: router}}\n"
        "chains: {default: {models: [big, smollm2-135m]}}\n"
    )
    assert run("init").status == 0
    assert variables(Path(".env.example")) == ["ROUTER_KEY="]
    assert "# router: for big\n" in Path(".env.example").read_text(encoding="utf-8")


def test_for_a_file_that_is_broken_the_keys_are_those_of_all_plugins(run: Run) -> None:
    write("version: 1\nchains: [")
    assert run("init").status == 0
    keys = {
        registered.keys[0]
        for registered in map(Registry().info, Registry().names())
        if registered.keys
    }
    assert set(variables(Path(".env.example"))) == {f"{key}=" for key in keys}


def test_a_key_that_is_set_is_not_copied(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-5f0c2d9e")
    write("GEMINI_API_KEY=sk-canary-other", ".env")
    result = run("init")
    assert variables(Path(".env.example")) == ["GEMINI_API_KEY=", "OPENAI_API_KEY="]
    output = result.out + "".join(Path(name).read_text(encoding="utf-8") for name in FILES)
    assert "canary" not in output


def test_the_example_once_copied_is_read_and_a_key_filled_in_counts(run: Run) -> None:
    run("init")
    write(
        Path(".env.example")
        .read_text(encoding="utf-8")
        .replace("OPENAI_API_KEY=", "OPENAI_API_KEY=k"),
        ".env",
    )
    report = [
        problem["message"]
        for problem in run("validate", "--json").json["problems"]
        if problem["code"] == "no-key"
    ]
    assert report
    assert all("gemini" in message for message in report)


# What is there stays


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_there_is_kept_and_the_others_are_written(run: Run, name: str) -> None:
    write("mine\n", name)
    result = run("init")
    assert result.status == 0
    assert Path(name).read_text(encoding="utf-8") == "mine\n"
    assert f"kept {name}: it existed already" in result.out
    assert [f"wrote {other}" in result.out for other in FILES] == [other != name for other in FILES]


def test_a_second_time_changes_nothing(run: Run) -> None:
    run("init")
    before = {name: Path(name).stat().st_mtime_ns for name in FILES}
    result = run("init", "--json")
    assert (result.status, result.json) == (0, {"written": [], "kept": list(FILES)})
    assert {name: Path(name).stat().st_mtime_ns for name in FILES} == before


def test_a_link_that_leads_nowhere_is_kept_too(run: Run) -> None:
    Path("models.yaml").symlink_to("gone.yaml")
    result = run("init")
    assert (result.status, Path("gone.yaml").exists()) == (0, False)
    assert "kept models.yaml" in result.out


# What to do next


@pytest.mark.parametrize(
    ("location", "ask"),
    [
        (".", "standby ask "),
        ("config", "standby ask "),
        ("my app", 'standby ask --config "my app/models.yaml" '),
    ],
)
def test_the_next_steps_name_the_file_where_it_is_not_found_by_itself(
    run: Run, location: str, ask: str
) -> None:
    out = run("init", location).out
    assert f'\n  {ask}"What is net metering?"\n' in out
    assert "\n  standby validate" in out
    assert ".env.example" in out.partition("Next:")[2]


def test_where_no_key_is_needed_the_env_file_has_none(run: Run) -> None:
    assert "cp .env.example" in run("init").out
    assert "cp " not in run("init", "--vendor", "local", "here").out


def test_a_missing_library_is_in_the_next_steps(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    [engine] = Registry().info("local").libraries
    monkeypatch.setitem(sys.modules, engine.module, None)
    pull = "standby local pull"
    steps = [f"pip install '{engine.requirement}'", pull]
    assert (
        "\nNext:\n" + "".join(f"  {step}\n" for step in steps)
        in run("init", "--vendor", "local").out
    )


@pytest.mark.parametrize("vendor", ["anthropic", "gemini", "openai"])
def test_a_model_that_is_called_by_key_needs_no_library(
    run: Run, monkeypatch: pytest.MonkeyPatch, vendor: str
) -> None:
    for sdk in ("anthropic", "google", "openai"):
        monkeypatch.setitem(sys.modules, sdk, None)
    assert "pip install" not in run("init", "--vendor", vendor).out
    monkeypatch.undo()


def test_where_no_key_is_needed_the_example_says_so(run: Run) -> None:
    run("init", "--vendor", "local")
    assert Path(".env.example").read_text(encoding="utf-8") == (
        "# No model of models.yaml needs a key: there is nothing to fill in.\n"
    )


def test_a_file_that_another_shadows_is_named(run: Run) -> None:
    run("init", "config")
    assert "standby ask --config models.yaml" in run("init").out


# Where nothing can be written


@pytest.fixture
def read_only() -> Iterator[Path]:
    """A folder that this process may not write to; root becomes another user meanwhile."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o555)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    yield folder
    if root:
        os.seteuid(0)
    shutil.rmtree(folder)


@pytest.mark.parametrize("below", ["", "app"])
def test_a_read_only_folder_is_reported_with_the_remedy(
    run: Run, read_only: Path, below: str
) -> None:
    result = run("init", str(read_only / below))
    message = (
        f"{read_only / (below or 'models.yaml')}: permission denied; name a folder "
        "that you may write to"
    )
    assert (result.status, result.out, result.err) == (2, "", f"standby: {message}\n")
    result = run("init", str(read_only / below), "--json")
    assert (result.status, result.json["error"]["message"]) == (2, message)


@pytest.mark.parametrize("location", ["file", "file/below"])
def test_a_folder_that_is_a_file_is_reported(run: Run, location: str) -> None:
    write("", "file")
    result = run("init", location)
    assert (result.status, result.out) == (2, "")
    assert result.err.endswith("; name a folder that you may write to\n")


# For chosen vendors


NO_KEY = {"no-key"}


def problems(run: Run) -> set[str]:
    """Return the codes of what fails with --strict."""
    return {
        each["code"]
        for each in run("validate", "--json").json["problems"]
        if each["severity"] != "info"
    }


def chain() -> list[str]:
    settings = load(
        Path("models.yaml"), Registry(), {}, cwd=Path.cwd(), today=date(2026, 12, 1)
    ).settings
    assert settings is not None
    default = settings.chains["default"]
    assert default.hedge == (
        Hedge(after=10.0) if default.models[1:] else None
    )  # no model comes after a single one
    return list(default.models)


def vendors() -> list[str]:
    return [name for name in Registry().names() if Registry().cards(name)]


@pytest.mark.parametrize(
    "chosen",
    [*itertools.combinations(vendors(), 1), *itertools.permutations(vendors(), 2)],
    ids="-".join,
)
def test_the_chain_of_any_vendors_passes_but_for_its_keys(
    run: Run, chosen: tuple[str, ...]
) -> None:
    result = run("init", *(word for name in chosen for word in ("--vendor", name)))
    assert (result.status, result.err) == (0, "")
    assert problems(run) <= NO_KEY
    cards = {model: vendor for vendor in chosen for model in Registry().cards(vendor)}
    assert list(dict.fromkeys(cards[model] for model in chain())) == list(chosen)
    keys = [key for name in chosen for key in Registry().info(name).keys[:1]]
    assert variables(Path(".env.example")) == [f"{key}=" for key in dict.fromkeys(keys)]


def test_a_vendor_that_is_named_twice_is_one(run: Run) -> None:
    run("init", "--vendor", "gemini", "--vendor", "openai", "--vendor", "gemini")
    assert [model.partition("-")[0] for model in chain()] == ["gemini", "gpt"]


def test_each_line_that_is_commented_out_is_valid(run: Run) -> None:
    run("init", "--vendor", "openai")
    text = Path("models.yaml").read_text(encoding="utf-8")
    for key in ("deadline", "release", "on_break", "timeout", "hedge"):
        assert f"{key}: " in text
    head, _, rest = text.partition("    hedge:")
    uncommented = "".join(line.replace("# ", "", 1) for line in rest.splitlines(keepends=True)[1:])
    write(f"{head}    hedge:{rest.splitlines()[0]}\n{uncommented}")
    assert problems(run) <= NO_KEY
    settings = load(
        Path("models.yaml"), Registry(), {}, cwd=Path.cwd(), today=date(2026, 12, 1)
    ).settings
    assert settings is not None
    assert settings.chains["default"].stream == StreamRules(release="whole", on_break="restart")
    assert all(settings.models[name].timeout for name in settings.chains["default"].models)


@pytest.mark.parametrize(
    ("named", "message"),
    [
        (
            "openay",
            "no installed plugin that knows models is named 'openay'; did you mean 'openai'?",
        ),
        (
            "scripted",
            (
                "no installed plugin that knows models is named 'scripted'; choose from "
                f"{', '.join(vendors())}"
            ),
        ),
    ],
)
def test_an_unknown_vendor_is_reported_and_nothing_is_written(
    run: Run, named: str, message: str
) -> None:
    result = run("init", "--vendor", named)
    assert (result.status, result.out, result.err) == (2, "", f"standby: {message}\n")
    assert run("init", "--vendor", named, "--json").json["error"]["message"] == message
    assert list(Path().iterdir()) == []


PARROT = {
    "name": "standby-parrot",
    "version": "1.0",
    "entry-points": {"standby.plugins": {"parrot": "standby_extra"}},
}

CARDS = """
from datetime import date
from standby.plugin import Card, ProviderInfo, hookimpl

@hookimpl
def standby_provider(): return ProviderInfo(adapter="standby_extra:No", keys=("PARROT_KEY",))

@hookimpl
def standby_models(): return {
    "gone": Card(retires=date(2020, 1, 1), suggested=1),
    "later": Card(retires=date(2090, 1, 1)),
    "stays": Card(),
    "soon": Card(retires=date.today()),
    "best": Card(suggested=2),
    "gpt-6-luna": Card(),
}
"""


def test_models_are_chosen_by_suggestion_and_then_by_time_in_service(
    run: Run, install: Install
) -> None:
    install(PARROT, {"standby_extra.py": CARDS})
    cards = Registry().cards("parrot")
    assert models_in_service(cards, date(2026, 12, 1)) == ["best", "stays", "gpt-6-luna", "later"]
    run("init", "--vendor", "parrot")
    assert chain() == ["best", "stays"]
    assert "shared-quota" not in problems(run)
    run("init", "--vendor", "parrot", "--vendor", "openai", "two")
    assert "      - best         # parrot\n" in Path("two/models.yaml").read_text(encoding="utf-8")


def test_a_name_that_two_plugins_know_has_its_plugin(run: Run, install: Install) -> None:
    only = CARDS.replace("suggested=2", "retires=date(2020, 1, 1)").replace(
        "Card()", "Card(retires=date(2020, 1, 1))", 1
    )
    install(PARROT, {"standby_extra.py": only})
    run("init", "--vendor", "parrot")
    assert chain() == ["parrot/gpt-6-luna", "later"]


def test_a_vendor_without_a_model_in_service_is_reported(run: Run, install: Install) -> None:
    install(
        PARROT, {"standby_extra.py": re.sub(r"Card\(.*\)", "Card(retires=date(2020, 1, 1))", CARDS)}
    )
    result = run("init", "--vendor", "parrot")
    assert (result.status, result.err) == (
        2,
        (
            "standby: parrot knows no model that stays in service; update its plugin, or write "
            "models.yaml yourself\n"
        ),
    )


def test_what_the_plugins_suggest_is_in_service_for_half_a_year() -> None:
    suggested = {
        name: card
        for vendor in vendors()
        for name, card in Registry().cards(vendor).items()
        if card.suggested
    }
    assert suggested
    assert not [name for name, card in suggested.items() if card.is_retired(date(2027, 6, 1))]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no pty")
@pytest.mark.parametrize(
    ("typed", "keys", "prefixes"),
    [
        ("openai gemini\n", {}, ["gpt", "gemini"]),
        ("openai, gemini\n", {}, ["gpt", "gemini"]),
        ("\n", {"OPENAI_API_KEY": "x", "GEMINI_API_KEY": "y"}, ["gemini", "gpt"]),
        ("openay\nopenai gemini\n", {}, ["gpt", "gemini"]),
        (",\n9\n4 2\n", {}, ["gpt", "gemini"]),
    ],
)
def test_a_terminal_prompts_for_the_vendors(
    typed: str, keys: dict[str, str], prefixes: list[str]
) -> None:
    import pty  # noqa: PLC0415 - not everywhere

    controller, terminal = pty.openpty()
    command = [sys.executable, "-m", "standby", "init"]
    with subprocess.Popen(  # noqa: S603 - this interpreter
        command, stdin=terminal, stdout=terminal, stderr=terminal, env={**os.environ, **keys}
    ) as process:
        os.close(terminal)
        os.write(controller, typed.encode())
        output = b""
        with suppress(OSError):  # the other end is closed
            while more := os.read(controller, 1024):
                output += more
    os.close(controller)
    assert process.returncode == 0, output
    assert b"Which of them do you have, by name or number?" in output
    assert (b"did you mean 'openai'?" in output) == typed.startswith("openay")
    assert [model.partition("-")[0] for model in chain()] == prefixes


class LacksLibraries(Registry):
    """Plugins of which two need a library that is not installed."""

    def info(self, name: str) -> ProviderInfo:
        library = Library(module="nowhere", requirement="nowhere>=1")
        libraries = (library,) if name in ("anthropic", "openai") else ()
        return msgspec.structs.replace(super().info(name), libraries=libraries)


def test_a_vendor_whose_library_is_missing_is_no_default(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = LacksLibraries()
    for key in (key for name in vendors() for key in registry.info(name).keys):
        monkeypatch.setenv(key, "x")
    with CliRunner().isolation(input="\n") as streams:
        assert ask_for_vendors(registry, date(2026, 12, 1)) == ("gemini",)
    output = streams[0].getvalue().decode()
    assert "  1  anthropic  (first: pip install 'nowhere>=1')\n" in output
    assert "  2  gemini\n" in output
