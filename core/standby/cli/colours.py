"""Whether to colour what is printed, by the variables that many programs know."""

import os
from collections.abc import Mapping


def colour(environ: Mapping[str, str] = os.environ) -> bool | None:
    """Say whether to colour: always, never, or (`None`) on a terminal only; `NO_COLOR` goes before `FORCE_COLOR`.

    A variable that is empty says nothing. Source: no-color.org, force-color.org.
    """
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR"):
        return True
    return False if environ.get("TERM") == "dumb" else None
