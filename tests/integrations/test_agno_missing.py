"""The error where Agno is not installed."""

import subprocess
import sys

CODE = "import sys; sys.modules['agno'] = None; import standby.integrations.agno"
"""Where `sys.modules` holds None, an import fails as it does where nothing is installed."""


def test_without_agno_the_error_says_what_to_install() -> None:
    command = [sys.executable, "-c", CODE]
    process = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    assert (
        process.stderr.splitlines()[-1]
        == "ImportError: standby.integrations.agno needs Agno: pip install 'agno>=2.4,<4'"
    )
