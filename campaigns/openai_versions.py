"""The OpenAI client with one SDK version after the other, without the other HTTP library.

A campaign: `python -m campaigns.openai_versions [VERSION ...]` needs uv and a package index. It
exits with the number of versions that failed.
"""

import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
VERSIONS = ("1.108.0", "2.0.0", "2.54.0", "3.0.0", "")
"""The newest is last."""

TESTS = "tests/integrations/openai/test_libraries.py"
EXCLUDED = ("openai", "google-genai")
TOOLS = ("hypothesis", "pytest", "pytest-asyncio")


def requirements() -> list[str]:
    """Return standby's requirements except the SDKs: the scripted models need none."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [each for each in project["dependencies"] if not each.startswith(EXCLUDED)]


def passes(version: str) -> bool:
    """Run the tests with that version of the SDK; return whether they passed."""
    with tempfile.TemporaryDirectory() as folder:
        python = Path(folder, "bin", "python")
        sdk = f"openai=={version}" if version else "openai"
        install = ("uv", "pip", "install", "--quiet", "--python", str(python))
        for command in (
            ("uv", "venv", "--quiet", "--python", sys.executable, folder),
            (*install, sdk, *requirements(), *TOOLS),
            (*install, "--no-deps", "--editable", str(ROOT)),
            (str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", TESTS),
        ):
            if subprocess.run(command, cwd=ROOT, check=False).returncode:  # noqa: S603 - ours
                return False
    return True


if __name__ == "__main__":
    failed = [version for version in sys.argv[1:] or VERSIONS if not passes(version)]
    print(f"failed: {', '.join(failed) or 'none'}")  # noqa: T201 - a campaign's result
    sys.exit(len(failed))
