"""Where the triggers of a file stand: what explains a failure names the line that decided."""

from collections.abc import Mapping
from pathlib import Path


def locate_triggers(path: Path, file: str) -> Mapping[str, str]:
    """Return "models.yaml:12" for each trigger by its name; raises `Refused` for a file that is no YAML."""
    from standby.config.source import read_file  # noqa: PLC0415 - `import standby` must not load yaml

    keys = read_file(path, file).keys
    return {
        str(location[1]): f"{file}:{mark.line}"
        for location, mark in keys.items()
        if location[0] == "triggers" and len(location) == 2
    }  # noqa: PLR2004 - a definition's own key
