"""Where a file defines its triggers, so that an explanation can name the line that decided."""

from collections.abc import Mapping
from pathlib import Path


def locate_triggers(path: Path, file: str) -> Mapping[str, str]:
    """Return where each trigger is defined.

    Args:
        path: Where the file is.
        file: The file's name, as messages show it.

    Returns:
        "models.yaml:12" by the trigger's name.

    Raises:
        UnreadableConfig: The file cannot be read, or is not YAML.

    """
    # `import standby` must not load yaml
    from standby.config.yaml_file import read_file  # noqa: PLC0415

    keys = read_file(path, file).keys
    # the path of a name: its section, and itself
    definitions = {key: mark for key, mark in keys.items() if len(key) == 2}  # noqa: PLR2004
    return {
        str(name): f"{file}:{mark.line}"
        for (section, name), mark in definitions.items()
        if section == "triggers"
    }
