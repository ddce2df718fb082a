"""The real weights, fetched by the real command if they are missing."""

import subprocess
import sys
from pathlib import Path

import pytest

from standby_local.weights import find_weights
from tests.support.certificates import outside

PULL = [sys.executable, "-c", "from standby_local.command import pull; pull()"]


@pytest.fixture(scope="session")
def weights() -> Path:
    pytest.importorskip(
        "xllamacpp", reason="the extra [local] is not installed", exc_type=ImportError
    )
    path = find_weights()
    if not path.is_file():
        done = subprocess.run(PULL, env=outside(), capture_output=True, text=True, check=False)  # noqa: S603 - our own command
        if done.returncode != 0:
            pytest.skip(f"the weights cannot be fetched: {done.stderr.strip()}")
    return path
