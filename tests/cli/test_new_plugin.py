"""`standby new-plugin`: what it writes works without an edit, and it overwrites nothing."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from standby import plugin
from standby.cli import standby
from tests.cli.runner import Run
from tests.docs.distributions import put

NAME, PACKAGE = "acme-eu", "standby_acme_eu"
MODULES = ("__init__", "adapter", "cards", "failures", "reply", "request", "stub_server")
TESTS = ("chain", "conformance", "failures", "reply", "request", "stub_server")
CACHE = Path(__file__).parents[2] / ".mypy_cache" / "new_plugin"
"""Kept between runs: to read standby and its libraries again takes most of a minute."""

ALONE = ("-p", "no:cacheprovider", "-p", "no:asyncio", "-p", "no:hypothesispytest")
"""Arguments for pytest without the plugins that are installed here: an author may have none."""

FILES = {
    *(
        ".github/workflows/ci.yml",
        ".gitignore",
        "CHANGELOG.md",
        "LICENSE",
        "README.md",
        "models.yaml",
        "pyproject.toml",
    ),
    *(f"src/{PACKAGE}/{module}.py" for module in MODULES),
    f"src/{PACKAGE}/py.typed",
    *(f"tests/test_{test}.py" for test in TESTS),
}


def files_in(folder: Path) -> set[str]:
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(path) for path in files if "__pycache__" not in path.parts}


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unchanged package, with the metadata that an installation leaves beside it."""
    folder = tmp_path_factory.mktemp("written")
    package, metadata = folder / f"standby-{NAME}", folder / "installed"
    written = CliRunner().invoke(standby, ["new-plugin", NAME, "--out", str(package)])
    assert written.exit_code == 0, written.output
    project = {
        "name": f"standby-{NAME}",
        "version": "0.1.0",
        "entry-points": {plugin.GROUP: {NAME: PACKAGE}},
    }
    metadata.mkdir()
    put(metadata, project, {})
    return package


def importable(package: Path) -> tuple[Path, Path]:
    return package / "src", package.with_name("installed")


def run_module(package: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, importable(package)))}
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(  # noqa: S603 - this interpreter
        command, cwd=package, env=environ, capture_output=True, text=True, check=False, timeout=120
    )


# What is written works


def test_the_package_is_complete_and_all_its_modules_compile(package: Path) -> None:
    assert files_in(package) == FILES
    for path in package.rglob("*.py"):
        compile(path.read_text(encoding="utf-8"), path, "exec")


def test_its_own_tests_pass_unedited(package: Path) -> None:
    tests = run_module(package, "pytest", "-q", *ALONE)
    assert tests.returncode == 0, tests.stdout + tests.stderr
    assert " passed, 4 skipped" in tests.stdout  # the card has neither tools nor a schema


READS_LINES = {
    "adapter.py": {
        "Reader()):": "Reader(), decode=iter_ndjson):",
        "json, key_of": "json, iter_ndjson, key_of",
    },
    "test_conformance.py": {"events": "ndjson"},
}
DOES_NOT_STREAM = {name: {"def stream": "def _stream"} for name in READS_LINES}


@pytest.mark.parametrize(
    ("edits", "skipped"), [(READS_LINES, 4), (DOES_NOT_STREAM, 11)], ids=["ndjson", "whole"]
)
def test_its_tests_pass_where_its_vendor_streams_lines_or_nothing(
    package: Path, folder: Path, edits: dict[str, dict[str, str]], skipped: int
) -> None:
    changed = shutil.copytree(package, folder / package.name)
    shutil.copytree(package.with_name("installed"), folder / "installed")
    for name, words in edits.items():
        [file] = changed.rglob(name)
        text = file.read_text(encoding="utf-8")
        for old, new in words.items():
            assert old in text
            text = text.replace(old, new)
        file.write_text(text, encoding="utf-8")
    tests = run_module(changed, "pytest", "-q", *ALONE)
    assert tests.returncode == 0, tests.stdout + tests.stderr
    assert f" passed, {skipped} skipped" in tests.stdout


def test_its_adapter_is_short_and_sends_nothing_itself(package: Path) -> None:
    adapter = (package / "src" / PACKAGE / "adapter.py").read_text(encoding="utf-8")
    code = [line for line in adapter.splitlines() if line.strip()]
    assert len(code) <= 60
    imported = re.findall(r"^(?:from|import) (\S+)", adapter, re.MULTILINE)
    own = {f"{PACKAGE}.{module}" for module in ("failures", "reply", "request")}
    assert set(imported) - own == {"collections.abc", "standby.http.client", "standby.plugin"}


def test_its_tests_fail_where_a_reply_is_read_wrongly(package: Path, folder: Path) -> None:
    changed = shutil.copytree(package, folder / package.name)
    module = changed / "src" / PACKAGE / "reply.py"
    module.write_text(
        module.read_text(encoding="utf-8").replace('data.get("text")', 'data.get("words")'),
        encoding="utf-8",
    )
    tests = run_module(changed, "pytest", "-q", "-x", *ALONE, "tests/test_reply.py")
    assert tests.returncode == 1, tests.stdout


@pytest.fixture
def install(package: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have the package in this process."""
    for folder in importable(package):
        monkeypatch.syspath_prepend(folder)
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


@pytest.mark.usefixtures("install")
def test_the_plugin_is_listed_and_its_check_finds_nothing_wrong(run: Run) -> None:
    assert f"{NAME}    standby-{NAME}" in run("plugins").out
    check = run("plugins", "check", NAME)
    assert (check.status, "wrong  " in check.out) == (0, False), check.out


def test_its_chain_falls_back_and_comes_back_in_the_self_test(package: Path) -> None:
    done = run_module(package, "standby", "selftest")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{NAME}-large: the failures that its vendor is known for" in done.stdout
    assert "429 quota. You have used up" in done.stdout
    summary = done.stdout.splitlines()[-1]
    assert re.fullmatch(
        rf"default: falls back after (\d+) of \1 failures of {NAME}-large, and comes back", summary
    )


def test_pip_is_upgraded_before_it_installs_a_group(run: Run) -> None:
    steps = [
        line.strip() for line in run("new-plugin", "acme").out.partition("Next:")[2].splitlines()
    ]
    assert steps.index("python -m pip install --upgrade pip") + 1 == steps.index(
        "python -m pip install -e . --group dev"
    )


def test_pip_installs_no_standby_because_no_index_has_it(package: Path) -> None:
    project = tomllib.loads((package / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert [word for word in project["dependencies"] if word.startswith("standby")] == []
    assert "pip install path/to/standby\n" in (package / "README.md").read_text(encoding="utf-8")


def test_mypy_strict_has_nothing_to_say(package: Path) -> None:
    done = run_module(package, "mypy", "--strict", "--cache-dir", str(CACHE))
    assert done.returncode == 0, done.stdout


def test_pyright_strict_has_nothing_to_say(package: Path) -> None:
    done = run_module(package, "pyright", "--pythonpath", sys.executable)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ["x", NAME, "as-long-as-can-be-20"])
def test_ruff_has_nothing_to_say_however_long_the_name(run: Run, folder: Path, name: str) -> None:
    assert run("new-plugin", name, "--out", "written").status == 0
    for arguments in (("check", "--no-cache", "."), ("format", "--no-cache", "--check", ".")):
        done = run_module(folder / "written", "ruff", *arguments)
        assert done.returncode == 0, done.stdout


def test_each_place_to_change_says_what_belongs_there(package: Path) -> None:
    texts = {name: (package / name).read_text(encoding="utf-8") for name in FILES}
    marked = {name for name, text in texts.items() if "CHANGE ME: " in text}
    assert FILES - marked == {".gitignore", f"src/{PACKAGE}/py.typed"}
    assert not any("{{" in text.replace("${{", "") or "{%" in text for text in texts.values())


# What is said


def test_the_files_are_listed_as_json(run: Run, folder: Path) -> None:
    result = run("new-plugin", NAME, "--out", "mine", "--json")
    assert result.status == 0
    assert {str(Path(path).relative_to("mine")) for path in result.json["written"]} == FILES
    assert files_in(folder) == {f"mine/{path}" for path in FILES}


def test_the_next_steps_name_the_folder(run: Run) -> None:
    assert '\n  cd "my plugin"\n' in run("new-plugin", NAME, "--out", "my plugin").out


# What is refused


@pytest.mark.parametrize(
    "name",
    ["Acme", "acme_eu", "acme.eu", "1acme", "acme-", "a--b", "../acme", "äcme", "", "a" * 21],
)
def test_a_name_that_no_plugin_can_have_is_refused(run: Run, folder: Path, name: str) -> None:
    result = run("new-plugin", name)
    assert (result.status, result.out, files_in(folder)) == (2, "", set())
    assert result.err.startswith(
        f"standby: {name!r} is not a name for a plugin: take lowercase letters, digits and "
        "single dashes"
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "scripted",
            (
                "standby: a plugin named 'scripted' is installed already (standby): take another "
                "name, or uninstall it\n"
            ),
        ),
        (
            "ask",
            (
                "standby: 'standby ask' is a command, so a plugin of that name could add none of "
                "its own: take another name\n"
            ),
        ),
    ],
)
def test_a_name_that_is_taken_is_refused(run: Run, folder: Path, name: str, message: str) -> None:
    result = run("new-plugin", name)
    assert (result.status, result.out, result.err, files_in(folder)) == (2, "", message, set())


@pytest.mark.parametrize("there", ["folder", "file", "link"])
def test_what_exists_is_unchanged(run: Run, folder: Path, there: str) -> None:
    target = folder / f"standby-{NAME}"
    match there:
        case "folder":
            target.mkdir()
        case "file":
            target.write_text("mine", encoding="utf-8")
        case _:
            target.symlink_to("nowhere")
    before = files_in(folder)
    result = run("new-plugin", NAME)
    message = (
        f"standby-{NAME} exists already, and is unchanged: move it away, or name another with --out"
    )
    assert (result.status, result.out, result.err) == (2, "", f"standby: {message}\n")
    assert files_in(folder) == before
    error = run("new-plugin", NAME, "--json").json["error"]
    assert (error["type"], error["message"]) == ("CommandError", message)


@pytest.fixture
def fill_folder(folder: Path) -> Iterator[Path]:
    """A file where a folder is wanted."""
    file = folder / "file"
    file.write_text("mine", encoding="utf-8")
    yield file
    assert file.read_text(encoding="utf-8") == "mine"


def test_a_folder_below_a_file_is_reported_with_the_remedy(run: Run, fill_folder: Path) -> None:
    result = run("new-plugin", NAME, "--out", str(fill_folder / "below" / "it"))
    assert (result.status, result.out) == (2, "")
    assert result.err.startswith(f"standby: {fill_folder}")
    assert result.err.endswith("--out\n")
