"""The errors where OpenAI's SDK is missing or too old for `openai_client()`."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from standby.integrations.openai.client import REQUIREMENT
from tests.docs.distributions import put

ROOT = Path(__file__).parents[3]
MISSING = "import sys; sys.modules['openai'] = None\n"
"""Where `sys.modules` holds None, an import fails as it does where nothing is installed."""


def last_line(program: str) -> str:
    command = [sys.executable, "-c", program]
    process = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    return (process.stderr or process.stdout).splitlines()[-1]


@pytest.mark.parametrize(
    "use",
    [
        "import standby; standby.openai_client()",
        "from standby import async_openai_client",
        "from standby.integrations.openai.client import StandbyTransport",
    ],
)
def test_without_the_sdk_the_error_says_what_to_install(use: str) -> None:
    assert last_line(MISSING + use).startswith(
        "ImportError: standby's OpenAI client needs OpenAI's SDK: pip install 'openai>=1.108' ("
    )


def test_with_an_old_sdk_the_error_names_both_versions(tmp_path: Path) -> None:
    put(
        tmp_path,
        {"name": "openai", "version": "1.107.3", "entry-points": {"standby.plugins": {}}},
        {},
    )
    first = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
    assert last_line(f"{first}import standby; standby.openai_client()") == (
        "ImportError: standby's OpenAI client needs openai>=1.108, and version 1.107.3 is "
        "installed: pip install 'openai>=1.108'"
    )


def test_all_else_works_without_it() -> None:
    use = """
from standby import Standby
file = {
    "version": 1,
    "models": {"m": {"provider": "scripted", "options": {"reply": ["Lisbon."]}}},
    "chains": {"default": {"models": ["m"]}},
}
with Standby(file) as client:
    print(client.chat("Which city?").text)
"""
    assert last_line(MISSING + use) == "Lisbon."


def test_the_requirement_is_the_distributions() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert REQUIREMENT in project["dependencies"]
