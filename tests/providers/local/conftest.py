"""The real weights, fetched by the real command where they are absent."""

import subprocess
import sys
from pathlib import Path

import pytest

from standby_local.weights import weights as place_of_weights
from tests.support.certificates import outside

PULL = [sys.executable, "-c", "from standby_local.command import pull; pull()"]


@pytest.fixture(scope="session")
def weights() -> Path:
    pytest.importorskip(
        "xllamacpp", reason="the extra [local] is not installed", exc_type=ImportError
    )
    place = place_of_weights()
    if not place.is_file():
        done = subprocess.run(PULL, env=outside(), capture_output=True, text=True, check=False)  # noqa: S603 - our own command
        if done.returncode != 0:
            pytest.skip(f"the weights cannot be fetched: {done.stderr.strip()}")
    return place
