"""A program in which another thread imports httpx, which is half imported for a while."""

import os
import subprocess
import sys
from pathlib import Path

HTTPX = """
import __main__
__main__.begun.set()
__main__.goes_on.wait(20)
Auth = Client = AsyncClient = URL = Response = Timeout = Limits = type("Any", (), {})
"""

HEAD = """
import sys, threading
import openai, standby.plugin
begun, goes_on = threading.Event(), threading.Event()
threading.Thread(target=__import__, args=("httpx",), daemon=True).start()
begun.wait()
threading.Timer(0.3, goes_on.set).start()
"""


def run_program(program: str, folder: Path, *arguments: str) -> tuple[str, str]:
    """Run it while httpx is half imported; return what it printed, and what it complained of."""
    (folder / "httpx.py").write_text(HTTPX)
    process = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", HEAD + program, *arguments],
        env={**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{Path(__file__).parents[2]}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return process.stdout, process.stderr
