"""The proxies that the environment names: `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`.

Names and their lower-case forms are read by Python's own library, ranges of addresses here.
"""

import base64
import ipaddress
import os
import re
from typing import Any, cast
from urllib import request
from urllib.parse import unquote, urlsplit

import msgspec

from standby.http.transport import unavailable
from standby.settings import Secret

PORTS = {"http": 80, "https": 443}
"""The schemes, and the ports that their URLs need not name."""

_HOST = r"[\w.:%-]+"


class Proxy(msgspec.Struct, frozen=True):
    """A proxy.

    Attributes:
        url: Its URL, which may hold a password.
        name: The URL without the password, for messages.
    """

    url: Secret
    name: str

    @property
    def has_password(self) -> bool:
        """Whether its URL has a user and a password."""
        return "@" in self.url.reveal()

    def hide(self, text: str) -> str:
        """Return a text without the proxy's password, which a proxy may echo.

        Args:
            text: What has come through the proxy.

        Returns:
            The text, with stars in the place of the password as it is written, decoded, and sent.
        """
        user, _, password = self.url.reveal().rpartition("@")[0].rpartition("//")[2].partition(":")
        pair = f"{unquote(user)}:{unquote(password)}"
        sent = base64.b64encode(pair.encode("latin-1", "replace")).decode()
        for secret in filter(None, (sent, password, unquote(password)) if password else ()):
            text = text.replace(secret, "***")
        return text


def find_proxy(url: str) -> Proxy | None:
    """Return the proxy that requests to a URL go through.

    Args:
        url: The URL of an endpoint.

    Returns:
        The proxy; `None` where requests go straight to the endpoint.

    Raises:
        AttemptFailed: `unavailable`: the URL is not one, or the variable's value is not the URL of
            an HTTP proxy.
    """
    try:
        target = urlsplit(url)
        port = target.port or PORTS.get(target.scheme)
    except ValueError:
        raise unavailable("not sent: the base_url is not a URL") from None
    proxies = request.getproxies_environment()
    chosen = next((name for name in (target.scheme, "all") if name in proxies), None)
    excepted = re.split(r"[\s,]+", proxies.get("no", ""))
    if chosen is None or _is_bypassed(target.hostname or "", port, excepted):
        return None
    return _parse(_variable(chosen), proxies[chosen].strip())


def _variable(scheme: str) -> str:
    """Return the variable that a proxy comes from: the one in lower case counts first."""
    lower = f"{scheme}_proxy"
    return lower if os.environ.get(lower) else lower.upper()


def _is_bypassed(host: str, port: int | None, excepted: list[str]) -> bool:
    if "*" in excepted:
        return True
    library = cast("Any", request)  # typeshed lacks the function
    names = ",".join(item.removeprefix("*") for item in excepted)  # "*.example.com"
    if library.proxy_bypass_environment(f"{_bracketed(host)}:{port}", {"no": names}):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return any(address in network for network in _iter_networks(excepted))


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _iter_networks(
    excepted: list[str],
) -> "list[ipaddress.IPv4Network | ipaddress.IPv6Network]":
    networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
    for item in excepted:
        try:
            networks.append(ipaddress.ip_network(item.strip("[]"), strict=False))
        except ValueError:
            continue  # a name
    return networks


def _parse(variable: str, value: str) -> Proxy:
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _not_a_proxy(variable, "it is not a URL") from None
    if parts.scheme.startswith("socks"):
        raise _not_a_proxy(variable, "it is a SOCKS proxy, and only HTTP proxies are supported")
    if parts.scheme not in PORTS:
        raise _not_a_proxy(variable, f"its scheme is {parts.scheme!r}")
    if not re.fullmatch(_HOST, host):
        raise _not_a_proxy(variable, "it names no host")
    if parts._replace(scheme="", netloc="").geturl() not in ("", "/"):
        raise _not_a_proxy(variable, "it goes on after the port, or / ? # in it are not encoded")
    name = f"{parts.scheme}://{_bracketed(host)}" + (f":{port}" if port else "")
    return Proxy(Secret(parts.geturl(), variable), f"{name} ({variable})")


def _not_a_proxy(variable: str, problem: str) -> Exception:
    return unavailable(
        f"the variable {variable} does not name a proxy: {problem}; write it as http://host:port"
    )
