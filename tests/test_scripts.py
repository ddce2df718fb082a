"""scripts/demo and scripts/test: what they set up, when, and with which exit status they end.

Each runs in a copy of the checkout. Where the set-up itself is the point, a small interpreter
stands in that notes what it is asked to do; where the work is the point, the environment of these
tests stands there, ready.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from standby_local.weights import find_weights
from tests.docs.documents import ROOT

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the scripts are for a POSIX shell")

NOTING = """\
#!/bin/sh
# Stands in for Python: makes an environment of stand-ins, installs nothing, and notes what it was
# asked to do.
echo "$(basename "$0") $*" >>"$NOTES"
case "$*" in
"$FAILING"*) exit 9 ;;
"-m venv"*)
    mkdir -p "$3/bin"
    cp "$0" "$3/bin/python"
    ;;
*"--editable"*) cp "$0" "$(dirname "$0")/standby" ;;
esac
exit 0
"""

MAKE = "python3.99 -m venv .venv"
PIP = "python -m pip install --quiet --upgrade pip>=25.1"
CHECK = "python3.99 -c import sys; sys.exit(sys.version_info < (3, 11))"
LOCKED = "python -m pip install --quiet --no-deps --require-hashes --requirement requirements.lock"
ITSELF = "python -m pip install --quiet --no-deps --no-build-isolation --editable ."
PULL = "standby local pull"
DEMO = "standby demo"

SOURCES = ("pyproject.toml", "requirements.lock")


class Checkout:
    """A copy of the checkout, and a place where the stand-ins write down what they were asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "a checkout"
        shutil.copytree(ROOT / "scripts", self.folder / "scripts")
        for name in SOURCES:
            shutil.copy2(ROOT / name, self.folder)
        self.stand_in = folder / "python3.99"
        self.stand_in.write_text(NOTING, encoding="utf-8")
        self.stand_in.chmod(0o755)
        self._notes = folder / "notes"

    def run(self, script: str, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run a script from somewhere else, without keys."""
        self._notes.write_text("", encoding="utf-8")
        environment = {
            name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")
        }
        stand_in = {"PYTHON": str(self.stand_in), "NOTES": str(self._notes), "FAILING": "nothing"}
        return subprocess.run(  # noqa: S603 - the script that is tested
            [self.folder / "scripts" / script, *arguments],
            cwd=self.folder.parent,
            env={**environment, **stand_in, **environ},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    @property
    def notes(self) -> list[str]:
        return self._notes.read_text(encoding="utf-8").splitlines()

    def make_ready(self) -> None:
        """Put the environment of these tests there, as if the scripts had made it."""
        if not Path(sys.prefix, "bin", "standby").exists():
            pytest.skip("these tests run outside of an environment that could be lent")
        venv = self.folder / ".venv"
        venv.mkdir()
        for part in Path(sys.prefix).iterdir():
            (venv / part.name).symlink_to(part)
        for stamp in (".standby-local-none", ".standby-local-dev"):
            (venv / stamp).unlink(missing_ok=True)
            (venv / stamp).touch()


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


# The set-up


def test_the_demo_shows_a_fallback_before_the_set_up_the_download_and_the_question(
    checkout: Checkout,
) -> None:
    process = checkout.run("demo", "Which city?")
    assert process.returncode == 0, process.stderr
    assert checkout.notes == [
        CHECK,
        MAKE,
        "python -m pip install --quiet --editable .",
        DEMO,
        CHECK,
        "python -m pip install --quiet --editable .[local]",
        PULL,
        "standby ask --chain demo -- Which city?",
    ]
    assert "setting up .venv (once)" in process.stderr


def test_a_quick_demo_leaves_the_model_and_its_download_out(checkout: Checkout) -> None:
    process = checkout.run("demo", "--quick", "Which city?")
    assert process.returncode == 0, process.stderr
    assert checkout.notes == [CHECK, MAKE, "python -m pip install --quiet --editable .", DEMO]
    assert checkout.run("demo", "--quick", FAILING="demo").returncode == 9


def test_the_tests_set_up_their_tools_too_and_get_their_arguments(checkout: Checkout) -> None:
    process = checkout.run("test", "-q", "tests/a file.py")
    assert process.returncode == 0, process.stderr
    assert checkout.notes == [
        CHECK,
        MAKE,
        LOCKED,
        ITSELF,
        PULL,
        "python -m pytest -n 2 --dist worksteal -q tests/a file.py",
    ]


def test_the_integrations_have_an_environment_of_their_own(checkout: Checkout) -> None:
    process = checkout.run("integrations", "-q", FAILING="-c import instructor")
    assert process.returncode == 0, process.stderr
    assert checkout.notes == [
        CHECK,
        "python3.99 -m venv .venv-integrations",
        PIP,
        "python -m pip install --quiet --editable .[agno] --group integrations",
        "python -c import instructor",
        "python -m pip install --quiet --no-deps instructor>=1.17,<2",
        "python -m pytest -n 2 --dist worksteal tests/heavy -q",
    ]


@pytest.mark.parametrize(
    ("first", "second"), [("demo", "demo"), ("test", "test"), ("test", "demo")]
)
def test_what_is_set_up_already_is_not_set_up_again(
    checkout: Checkout, first: str, second: str
) -> None:
    checkout.run(first)
    process = checkout.run(second)
    assert checkout.notes[:-1] == ([CHECK, DEMO] if second == "demo" else []) + [CHECK, PULL]
    assert "setting up" not in process.stderr


def test_the_tests_need_more_than_the_demo_has(checkout: Checkout) -> None:
    checkout.run("demo")
    checkout.run("test")
    assert LOCKED in checkout.notes


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("script", ["demo", "test"])
def test_what_it_is_made_from_refreshes_the_environment(
    checkout: Checkout, script: str, source: str
) -> None:
    checkout.run(script)
    later = (checkout.folder / ".venv" / "bin" / "python").stat().st_mtime + 60
    os.utime(checkout.folder / source, (later, later))
    checkout.run(script)
    assert MAKE in checkout.notes


@pytest.mark.parametrize(
    ("script", "failing"),
    [
        ("demo", "-m venv"),
        ("demo", "-m pip install --quiet --editable"),
        ("test", "-m venv"),
        ("test", "-m pip install --quiet --no-deps --require-hashes"),
        ("test", "-m pip install --quiet --no-deps --no-build-isolation"),
    ],
)
def test_a_set_up_that_fails_ends_it_and_is_tried_again_the_next_time(
    checkout: Checkout, script: str, failing: str
) -> None:
    process = checkout.run(script, FAILING=failing)
    assert process.returncode == 1
    assert PULL not in checkout.notes
    assert checkout.run(script).returncode == 0
    assert MAKE in checkout.notes


def test_a_python_without_venv_leads_to_the_package_that_has_it(checkout: Checkout) -> None:
    process = checkout.run("demo", FAILING="-m venv")
    assert process.stderr.endswith(
        "has no venv module; on Debian and Ubuntu: apt-get install python3-venv\n"
    )


@pytest.mark.parametrize("script", ["demo", "test"])
@pytest.mark.parametrize(
    ("python", "environ"), [("no-such-python", {}), ("", {"FAILING": "-c import sys"})]
)
def test_a_missing_or_too_old_python_is_reported_with_the_remedy(
    checkout: Checkout, script: str, python: str, environ: dict[str, str]
) -> None:
    chosen = python or str(checkout.stand_in)
    process = checkout.run(script, **environ, PYTHON=chosen)
    assert (process.returncode, process.stdout) == (1, "")
    assert process.stderr == (
        f"standby needs Python 3.11 or newer; '{chosen}' is not. "
        "Set PYTHON to one, for example PYTHON=python3.12\n"
    )
    assert not (checkout.folder / ".venv").exists()


# The status


@pytest.mark.parametrize(
    ("script", "last"), [("demo", "ask"), ("demo", "demo"), ("test", "-m pytest")]
)
def test_the_status_of_the_command_that_fails_is_the_scripts(
    checkout: Checkout, script: str, last: str
) -> None:
    assert checkout.run(script, FAILING=last).returncode == 9


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("demo", "going on without the embedded model\n"),
        ("test", "the embedded model's weights are missing: its tests are skipped\n"),
    ],
)
def test_without_the_weights_they_go_on_and_say_so(
    checkout: Checkout, script: str, message: str
) -> None:
    process = checkout.run(script, FAILING="local pull")
    assert process.returncode == 0
    assert process.stderr.endswith(message)


def test_the_demo_asks_its_own_question_or_its_arguments(checkout: Checkout) -> None:
    checkout.run("demo")
    assert checkout.notes[-1] == "standby ask --chain demo -- What is the capital of Portugal?"
    checkout.run("demo", "Which", "city?")
    assert checkout.notes[-1] == "standby ask --chain demo -- Which city?"


# The work


def test_the_demo_answers_without_a_key(checkout: Checkout) -> None:
    if not find_weights().is_file():
        pytest.skip("the embedded model's weights are missing: standby local pull")
    checkout.make_ready()
    process = checkout.run("demo", "Say hello.", PYTHON=sys.executable)
    assert process.returncode == 0, process.stderr
    assert process.stdout.strip()
    assert "already there" not in process.stdout
    assert "\nsmollm2-135m  answered in " in process.stderr


@pytest.mark.parametrize(("source", "status"), [("assert True", 0), ("assert False", 1)])
def test_the_tests_pass_or_fail_as_pytest_says(
    checkout: Checkout, source: str, status: int
) -> None:
    checkout.make_ready()
    (checkout.folder / "tests").mkdir()
    (checkout.folder / "tests" / "test_one.py").write_text(
        f"def test_one():\n    {source}\n", encoding="utf-8"
    )
    process = checkout.run("test", "-q", "-p", "no:cacheprovider", PYTHON=sys.executable, **OFFLINE)
    assert process.returncode == status, process.stdout + process.stderr
    assert "1 passed" in process.stdout or "1 failed" in process.stdout


OFFLINE = {"PIP_NO_INDEX": "1"}
"""Where the weights are missing they are not fetched for this."""
