"""The version: one place, known to the installed distribution."""

from importlib import metadata

import standby
from standby.version import __version__


def test_the_version_is_the_distributions() -> None:
    assert standby.__version__ == __version__ == metadata.version("standby")
