"""A `base_url`: what no request can be sent to, and what is likely a slip; each with the mended URL.

The plugin says which schemes it takes, which paths it adds itself, and where servers that it knows
have their API (`ProviderInfo`): nothing here knows a vendor. A mended URL has neither user
information nor a query, which may hold a secret.
"""

import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from standby.plugin import ProviderInfo

LARGEST_PORT = 65535
LONGEST = 2000
"""Characters of a URL; many servers take no longer one."""

MOST_MENDED = 5
"""Mistakes of one URL that are mended at once; one that has more is too far from what is meant."""

MOST_ROUNDS = 9
"""Looks at a URL for what its mended form shows; a plugin's own paths may contradict each other."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):/*")
_PASTED_TWICE = re.compile(r"https?:?/+(?=\S)|[a-z][a-z0-9+.-]*:/{2,}(?=\S)", re.IGNORECASE)
_COMMENT = re.compile(r"\s+#.*", re.DOTALL)
_STUCK = re.compile(r"(%20|[.,;])+$")
_VERSION_TWICE = re.compile(r"(/v[0-9][a-z0-9]*)\1+(?=/|$)", re.IGNORECASE)
_DEFAULT_PORTS = ("", ":80", ":443")
_OPERATIONS = (
    "/chat/completions",
    "/completions",
    "/responses",
    "/embeddings",
    "/messages",
    "/messages/count_tokens",
    "/models/*:*",
    "/models",
    "/chat",
    "/api/tags",
    "/api/generate",
    "/api/chat",
    "/api/show",
    "/api/version",
)
"""Paths of operations that people copy out of examples, whatever API they are of."""

_USER = re.compile("^[^/?#]*@")
_LABEL = re.compile(r"\w([\w-]{0,61}\w)?")
_DIGITS = re.compile(r"[0-9]{1,5}")
_DOTTED = re.compile(r"[0-9]+(\.[0-9]+){3}")
_IN_NO_URL = '"<>^`{|}'
_LISTENING = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 - what must not be asked


class UrlProblem(NamedTuple):
    """What is wrong with a URL, what to do about it, and the URL without it, where it can be told."""

    message: str
    hint: str
    corrected: str = ""


class _Parts(NamedTuple):
    """A URL in pieces; `port` with its colon, `path` without a slash at its end."""

    scheme: str
    user: str
    host: str
    port: str
    path: str
    query: str
    fragment: str

    def joined(self) -> str:
        """Return the URL without what may hold a secret."""
        return f"{self.scheme}://{self.host}{self.port}{self.path}"


def find_url_error(url: str, info: ProviderInfo) -> UrlProblem | None:
    """Say why nothing can be sent to a URL; `None` if something can."""
    slip = _first(url, info.schemes)
    if slip is None:
        return None
    mended = slip.corrected
    for _ in range(MOST_MENDED):
        following = _first(mended, info.schemes) if mended else None
        mended = mended if following is None else following.corrected
    is_sound = mended and _first(mended, info.schemes) is None
    return slip._replace(corrected=find_url_warnings(mended, info)[1] if is_sound else "")


def find_url_warnings(url: str, info: ProviderInfo) -> tuple[list[UrlProblem], str]:
    """Return the slips of a URL that something can be sent to, and the URL without any of them."""
    slips: list[UrlProblem] = []
    checks = (_secrets, _listening, _slashes, _stuck, _ending, _versions, _root, _unencrypted)
    for _ in range(MOST_ROUNDS):
        before = len(slips)
        for check in checks:
            for slip in check(url, info):
                slips.append(slip)
                url = slip.corrected
        if len(slips) == before:
            break
    return slips, _parts(url).joined()


def _first(url: str, schemes: tuple[str, ...]) -> UrlProblem | None:
    checks = (_length, _comment, _letters, _scheme, _repeated, _comma, _ipv6, _host, _port)
    return next((slip for check in checks if (slip := check(url, schemes)) is not None), None)


# Nothing can be sent


def _length(url: str, _: tuple[str, ...]) -> UrlProblem | None:
    return (
        UrlProblem(f"is longer than {LONGEST} characters", "shorten it")
        if len(url) > LONGEST
        else None
    )


def _comment(url: str, _: tuple[str, ...]) -> UrlProblem | None:
    found = _COMMENT.search(url)
    return found and UrlProblem("has a comment in it", "remove it", url[: found.start()])


def _letters(url: str, _: tuple[str, ...]) -> UrlProblem | None:
    bare = url.strip().strip("\"'`<>").strip()
    if bare != url and bare:
        blank = url != url.strip()
        what = "has a space or a line end around it" if blank else "has quotes around it"
        return UrlProblem(what, "remove them", bare)
    if "\\" in url:
        return UrlProblem("has a backslash in it", "write /", url.replace("\\", "/"))
    for letter in url:
        if letter.isspace():
            remedy = "take it out; in a path it is %20"
            return UrlProblem("has a space in it", remedy, _without_blanks(url))
        if not letter.isprintable():
            what = f"has U+{ord(letter):04X} in it, which cannot be seen"
            return UrlProblem(what, "retype it", "".join(filter(str.isprintable, url)))
        if letter in _IN_NO_URL:
            return UrlProblem(
                f"has {letter!r} in it", "fill in what stands for something, and write no brackets"
            )
    return None


def _without_blanks(url: str) -> str:
    """Take blanks out; those of a path are meant, and what one within a host is, nobody knows."""
    scheme, colon, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    if len(host.split()) > 1:
        return ""
    return f"{scheme}{colon}{''.join(host.split())}{slash}{'%20'.join(path.split())}"


def _scheme(url: str, schemes: tuple[str, ...]) -> UrlProblem | None:
    found = _SCHEME.match(url)
    known = " or ".join(f"{scheme}://" for scheme in schemes)
    if found is None or (not found[0].endswith("/") and found[1].lower() not in schemes):
        rest = url.lstrip("/:")
        return UrlProblem(
            "has no scheme", f"begin it with {known}", f"{_likely(rest, schemes)}://{rest}"
        )
    rest = url[found.end() :]
    if found[1].lower() not in schemes:
        is_local = found[0].endswith("///")  # a file, a socket: no host to send to
        is_encrypted = found[1].lower().endswith(("ps", "wss")) and "https" in schemes
        scheme = "https" if is_encrypted else _likely(rest, schemes)
        what = f"begins with {found[1]}:, which no request can be sent to"
        return UrlProblem(what, f"begin it with {known}", "" if is_local else f"{scheme}://{rest}")
    if found[0].count("/") < 2 and rest:  # noqa: PLR2004 - as in "://"
        what = f"begins with {found[0]}, not {found[1]}://"
        return UrlProblem(what, f"begin it with {known}", f"{found[1]}://{rest}")
    return None


def _likely(rest: str, schemes: tuple[str, ...]) -> str:
    """Return the scheme that is likely meant: names on the internet want an encrypted one."""
    host = re.split("[/:?#]", rest)[0]
    inside = "." not in host or _DOTTED.fullmatch(host) or host.endswith((".local", ".internal"))
    return next(iter(schemes)) if inside or "https" not in schemes else "https"


def _repeated(url: str, _: tuple[str, ...]) -> UrlProblem | None:
    """Find a URL that was pasted behind another's scheme, or behind the same server."""
    rest = _USER.sub("", url.partition("://")[2])
    server, slash, path = rest.partition("/")
    found, pasted = _PASTED_TWICE.match(rest), rest
    if found is None and slash:
        found, pasted = _PASTED_TWICE.match(path), path
        if found is None or _authority(f"http://{path[found.end() :]}") != server:
            return None  # a proxy may have another server's URL in its path
    if found is None or not (":" in found[0] or "//" in found[0]):
        return None  # a host may be called so
    scheme = re.match("[A-Za-z0-9+.-]*", found[0])
    mended = f"{scheme[0] if scheme else ''}://{pasted[found.end() :]}"
    return UrlProblem("has two schemes", "keep one of them", mended)


def _comma(url: str, _: tuple[str, ...]) -> UrlProblem | None:
    if _authority(url).endswith((",", ";")) and url.endswith((",", ";")):
        return UrlProblem(f"ends with {url[-1]!r}", "remove it", url.rstrip(",;"))
    return None


def _ipv6(url: str, _: tuple[str, ...]) -> UrlProblem | None:
    authority = _authority(url)
    if authority.count(":") < 2 or "[" in authority:  # noqa: PLR2004 - one may stand before a port
        return None
    head, tail = authority.rsplit(":", 1)
    bracketed = ""
    if _is_ipv6(head) and re.fullmatch("[0-9]{4,5}", tail):
        bracketed = f"[{head}]:{tail}"
    elif _is_ipv6(authority):
        bracketed = f"[{authority}]"
    what, remedy = (
        "has more than one ':' after the scheme",
        "an IPv6 address stands in brackets: [::1]:8080",
    )
    return UrlProblem(what, remedy, url.replace(authority, bracketed, 1) if bracketed else "")


def _host(url: str, _: tuple[str, ...]) -> UrlProblem | None:
    host = _parts(url).host
    if not host:
        return UrlProblem("has no host", "write the server's name after ://")
    if host.startswith("["):
        if host.endswith("]") and _is_ipv6(host[1:-1]):
            return None
        return UrlProblem("has brackets around what is no IPv6 address", "write it like [::1]")
    if _DOTTED.fullmatch(host):
        return None if _is_ipv4(host) else UrlProblem("has an invalid IPv4 address", "correct it")
    labels = host.removesuffix(".").split(".")
    if all(_LABEL.fullmatch(label) and (label.isascii() or "_" not in label) for label in labels):
        return None
    return UrlProblem(
        "has a host that is not a valid name", "correct it: letters, digits, '-' and single dots"
    )


def _port(url: str, _: tuple[str, ...]) -> UrlProblem | None:
    port = _parts(url).port.removeprefix(":")
    if not port or (_DIGITS.fullmatch(port) and 0 < int(port) <= LARGEST_PORT):
        return None
    what = f"has a port that is not a number from 1 to {LARGEST_PORT}"
    return UrlProblem(what, "correct what comes after the ':'")


# What is likely a slip


def _secrets(url: str, _: ProviderInfo) -> Iterator[UrlProblem]:
    parts = _parts(url)
    without = parts.joined()
    if parts.user:
        what = "has a user name or a password, which would be sent in place of the key"
        yield UrlProblem(what, "put the key into api_key", without)
    if parts.query:
        yield UrlProblem("has a query, and paths are added after it", "remove it", without)
    if parts.fragment:
        yield UrlProblem("has a '#', after which nothing is sent", "remove it", without)


def _listening(url: str, _: ProviderInfo) -> Iterator[UrlProblem]:
    parts = _parts(url)
    if parts.host in _LISTENING:
        mended = parts._replace(host=_LISTENING[parts.host])
        what = f"has {parts.host}, which servers listen on and no request can reach"
        yield UrlProblem(what, f"write {mended.host}", mended.joined())


def _stuck(url: str, _: ProviderInfo) -> Iterator[UrlProblem]:
    """Tell of what a sentence or a list left at the end of a path."""
    parts = _parts(url)
    found = _STUCK.search(parts.path)
    if found is not None:
        mended = parts._replace(path=parts.path[: found.start()].rstrip("/"))
        yield UrlProblem(f"ends with {found[0]!r}", "remove it", mended.joined())


def _ending(url: str, info: ProviderInfo) -> Iterator[UrlProblem]:
    """Tell of an operation's path, be it there once or several times, at the end or before it."""
    parts = _parts(url)
    found = (
        (operation, at)
        for operation in (*info.endings, *_OPERATIONS)
        for at in _slashes_in(parts.path)
        if _has_operation(parts.path[at:].lower(), operation.lower())
    )
    operation, at = next(found, ("", 0))
    if operation:
        without = parts._replace(path=parts.path[:at]).joined()
        is_own = operation in info.endings
        why = "is added automatically" if is_own else "is an operation's path, not where the API is"
        yield UrlProblem(f"ends with {parts.path[at:]}, which {why}", "remove it", without)
        yield from _ending(without, info)


def _has_operation(path: str, operation: str) -> bool:
    """Say whether a path is an operation's, or goes on behind one that has two words or more."""
    goes_on = operation.count("/") > 1 and path.startswith(f"{operation}/")
    return fnmatchcase(path, operation) or goes_on


def _versions(url: str, _: ProviderInfo) -> Iterator[UrlProblem]:
    parts = _parts(url)
    found = _VERSION_TWICE.search(parts.path)
    if found is not None:
        mended = parts._replace(path=_VERSION_TWICE.sub(r"\1", parts.path))
        yield UrlProblem(f"has {found[1]} twice", "keep one", mended.joined())


def _root(url: str, info: ProviderInfo) -> Iterator[UrlProblem]:
    """Tell of a path that lacks a piece of what a known server has."""
    parts = _parts(url)
    for server, root in info.roots.items():
        host, slash, path = server.partition("/")
        if not _is_server(parts, host) or parts.path == root:
            continue
        lacks = root.startswith(parts.path) or root.endswith(parts.path)
        if parts.path == f"/{path}" if slash else lacks:
            what = f"lacks a path: this server has the API at {root}"
            yield UrlProblem(what, f"end it with {root}", parts._replace(path=root).joined())
            return


def _is_server(parts: _Parts, pattern: str) -> bool:
    """Say whether a URL's server is one; its usual ports and a dot at its end make no other."""
    host = parts.host.lower().removesuffix(".")
    port = "" if parts.port in _DEFAULT_PORTS else parts.port
    return fnmatchcase(f"{host}{port}", pattern)


def _unencrypted(url: str, info: ProviderInfo) -> Iterator[UrlProblem]:
    """Tell of a vendor's own host without TLS; a port alone may be anybody's."""
    parts = _parts(url)
    hosts = (server.partition("/")[0] for server in info.roots if ":" not in server)
    bare = parts._replace(port="")
    if parts.scheme == "http" and any(_is_server(bare, host) for host in hosts):
        what = "would send the key unencrypted"
        yield UrlProblem(what, "begin it with https://", parts._replace(scheme="https").joined())


def _slashes(url: str, _: ProviderInfo) -> Iterator[UrlProblem]:
    parts = _parts(url)
    if "//" in parts.path:
        mended = parts._replace(path=re.sub("/+", "/", parts.path))
        yield UrlProblem("has two slashes in a row", "keep one", mended.joined())


def _slashes_in(path: str) -> Iterator[int]:
    """Give where the slashes of a path stand, the last first."""
    return (at for at in range(len(path) - 1, -1, -1) if path[at] == "/")


def _authority(url: str) -> str:
    return re.split("[/?#]", url.partition("://")[2], maxsplit=1)[0].rpartition("@")[2]


def _parts(url: str) -> _Parts:
    """Take a URL with a scheme apart; the standard library's parser raises for some, and drops characters of others."""
    scheme, _, rest = url.partition("://")
    rest, _, fragment = rest.partition("#")
    rest, _, query = rest.partition("?")
    authority, slash, path = rest.partition("/")
    user, _, server = authority.rpartition("@")
    found = re.fullmatch(r"(\[.*\]|[^:]*)(:.*)?", server, re.DOTALL)
    host, port = (server, "") if found is None else (found[1], found[2] or "")
    path = f"{slash}{path}".rstrip("/")
    return _Parts(scheme.lower(), user, host, port, path, query, fragment)


def _is_ipv4(text: str) -> bool:
    return _reads(IPv4Address, text)


def _is_ipv6(text: str) -> bool:
    return _reads(IPv6Address, text.replace("%25", "%"))


def _reads(read: Callable[[str], object], text: str) -> bool:
    try:
        read(text)
    except ValueError:
        return False
    return True
