"""Compares the installed version of a library with a requirement, by metadata alone."""

import operator
import re
from importlib import metadata

_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_BOUND = re.compile(r"(>=|<=|>|<)\s*(\d+(?:\.\d+)*)")
_RELEASE = re.compile(r"\d+(?:\.\d+)*")
_OPERATORS = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}


def version_mismatch(requirement: str) -> str:
    """Return the installed version that lies outside of a requirement's bounds.

    Args:
        requirement: What pip installs it by, like "openai>=3.0". Only its bounds count: pip itself
            handles the rest.

    Returns:
        The version; "" if it is within the bounds, is not installed, or cannot be compared.
    """
    name = _NAME.match(requirement)
    version = "" if name is None else _installed_version(name[1])
    release = _RELEASE.match(version)
    if release is None:
        return ""
    installed = _parse_release(release[0])
    bounds = _BOUND.findall(requirement.partition(";")[0])
    fits = all(_OPERATORS[sign](installed, _parse_release(bound)) for sign, bound in bounds)
    return "" if fits else version


def _installed_version(name: str) -> str:
    try:
        return metadata.version(name) or ""
    except metadata.PackageNotFoundError:
        return ""


def _parse_release(release: str) -> tuple[int, ...]:
    """Return a release as comparable numbers: 3 equals 3.0."""
    numbers = [int(number) for number in release.split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)
