import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.docs.distributions import Install, put


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install distributions into `tmp_path`, which is the working directory too."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STANDBY_CONFIG", raising=False)
    yield partial(put, tmp_path)
    for name in [
        name
        for name in sys.modules
        if name.startswith(("standby_parrot", "standby_acme", "house_rules"))
    ]:
        del sys.modules[name]
