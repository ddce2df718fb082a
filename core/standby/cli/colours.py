"""Whether to colour what is printed, by the variables that many programs know."""

import os
from collections.abc import Mapping


def uses_colour(environ: Mapping[str, str] = os.environ) -> bool | None:
    """Say whether to colour; `NO_COLOR` goes before `FORCE_COLOR`, and an empty variable is unset.

    Source: no-color.org, force-color.org.

    Args:
        environ: The environment's variables.

    Returns:
        `True`: always; `False`: never; `None`: on a terminal only.
    """
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR"):
        return True
    return False if environ.get("TERM") == "dumb" else None
