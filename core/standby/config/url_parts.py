"""A `base_url` in parts, and what the checks of URLs share."""

import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple


class UrlProblem(NamedTuple):
    """What is wrong with a URL, and what to do about it.

    `corrected` is the URL without the problem; "" where that is unknown.
    """

    message: str
    hint: str
    corrected: str = ""


class UrlParts(NamedTuple):
    """A URL in parts: `port` with its colon, `path` without a slash at its end."""

    scheme: str
    user: str
    host: str
    port: str
    path: str
    query: str
    fragment: str

    def join(self) -> str:
        """Join the parts, without those that may hold a secret.

        Returns:
            The URL without user information, query and fragment.

        """
        return f"{self.scheme}://{self.host}{self.port}{self.path}"


def parse_url(url: str) -> UrlParts:
    """Split a URL into its parts.

    The standard library's parser raises for some URLs, and drops characters of others.

    Args:
        url: The URL, with a scheme.

    Returns:
        The parts.

    """
    scheme, _, rest = url.partition("://")
    rest, _, fragment = rest.partition("#")
    rest, _, query = rest.partition("?")
    authority, slash, path = rest.partition("/")
    user, _, server = authority.rpartition("@")
    match = re.fullmatch(r"(\[.*\]|[^:]*)(:.*)?", server, re.DOTALL)
    host, port = (server, "") if match is None else (match[1], match[2] or "")
    path = f"{slash}{path}".rstrip("/")
    return UrlParts(scheme.lower(), user, host, port, path, query, fragment)


def parse_authority(url: str) -> str:
    """Return a URL's host and port.

    Args:
        url: The URL, with a scheme.

    Returns:
        "host" or "host:port", without user information.

    """
    return re.split("[/?#]", url.partition("://")[2], maxsplit=1)[0].rpartition("@")[2]


def is_ipv4(text: str) -> bool:
    """Say whether a text is an IPv4 address.

    Args:
        text: The text.

    Returns:
        Whether it is one.

    """
    return _parses(IPv4Address, text)


def is_ipv6(text: str) -> bool:
    """Say whether a text is an IPv6 address, with or without a zone.

    Args:
        text: The text, without brackets.

    Returns:
        Whether it is one.

    """
    return _parses(IPv6Address, text.replace("%25", "%"))


def _parses(parse: Callable[[str], object], text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True
