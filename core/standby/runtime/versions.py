"""Which version of a library is installed, by its metadata: nothing is imported for it."""

import operator
import re
from importlib import metadata

_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_BOUND = re.compile(r"(>=|<=|>|<)\s*(\d+(?:\.\d+)*)")
_RELEASE = re.compile(r"\d+(?:\.\d+)*")
_HOLDS = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}


def version_mismatch(requirement: str) -> str:
    """Return the installed version that lies outside of a requirement's bounds.

    Args:
        requirement: What pip installs it by, like "openai>=3.0". Only its bounds count: pip itself
            sees to the rest.

    Returns:
        The version; "" where it fits, where none is installed, or where nothing can be said.

    """
    name, version = _NAME.match(requirement), ""
    if name is not None:
        version = _version(name[1])
    release = _RELEASE.match(version)
    if release is None:
        return ""
    bounds = _BOUND.findall(requirement.partition(";")[0])
    fits = all(_HOLDS[sign](_numbers(release[0]), _numbers(bound)) for sign, bound in bounds)
    return "" if fits else version


def _version(name: str) -> str:
    try:
        return metadata.version(name) or ""
    except metadata.PackageNotFoundError:
        return ""


def _numbers(release: str) -> tuple[int, ...]:
    """Return a release as numbers that compare: 3 is 3.0."""
    numbers = [int(number) for number in release.split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)
