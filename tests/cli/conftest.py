import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.cli.runner import Cli, Run
from tests.docs.distributions import put


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, without keys."""
    monkeypatch.chdir(tmp_path)
    for name in (
        "STANDBY_CONFIG",
        "STANDBY_DEBUG",
        "GEMINI_API_KEY",
        "GOOGLE_API_KEY",
        "OPENAI_API_KEY",
    ):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command line's own `main`, in this process."""
    return Cli(monkeypatch, capsys)


@pytest.fixture
def install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[partial[None]]:
    """Install a distribution of plugins, each a module called `standby_extra…`."""
    monkeypatch.syspath_prepend(folder)
    yield partial(put, folder)
    for name in [name for name in sys.modules if name.startswith("standby_extra")]:
        del sys.modules[name]
