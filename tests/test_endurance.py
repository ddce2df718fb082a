"""Nothing that a process holds grows with its calls, over TLS and through faults."""

import subprocess
import sys


def test_a_process_holds_no_more_after_many_calls() -> None:
    command = [sys.executable, "-m", "campaigns.endurance", "--calls", "400"]
    result = subprocess.run(  # noqa: S603 - this interpreter, with the module above
        command, capture_output=True, text=True, timeout=120, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr[-2000:]
    assert "grown: nothing" in result.stdout
    assert "'second'" in result.stdout  # the faults have been met
