"""Checks a `base_url` for likely mistakes; a request can be sent to it nonetheless.

The plugin knows which paths it adds itself, and where known servers have their API
(`ProviderInfo`): nothing here names a vendor. A corrected URL has neither user information nor a
query, which may hold a secret.
"""

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from standby.config.url_parts import UrlParts, UrlProblem, parse_url
from standby.plugin import ProviderInfo

MOST_ROUNDS = 9
"""Rounds of checks; a plugin's own paths may contradict each other."""

_LEFTOVER = re.compile(r"(%20|[.,;])+$")
_VERSION_TWICE = re.compile(r"(/v[0-9][a-z0-9]*)\1+(?=/|$)", re.IGNORECASE)
_DEFAULT_PORTS = ("", ":80", ":443")
_LISTENING = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 - what must not be requested
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
"""Paths of operations that people copy from examples, of any API."""


def find_url_warnings(url: str, info: ProviderInfo) -> tuple[list[UrlProblem], str]:
    """Find the likely mistakes of a URL.

    Args:
        url: A URL that a request can be sent to.
        info: The plugin's own paths, and the roots of known servers.

    Returns:
        The mistakes, and the URL without any of them, and without what may hold a secret.

    """
    problems: list[UrlProblem] = []
    for _ in range(MOST_ROUNDS):
        count = len(problems)
        for check in _CHECKS:
            for problem in check(url, info):
                problems.append(problem)
                url = problem.corrected
        if len(problems) == count:
            break
    return problems, parse_url(url).join()


def _check_secrets(url: str, _: ProviderInfo) -> Iterator[UrlProblem]:
    parts = parse_url(url)
    corrected = parts.join()
    if parts.user:
        message = "has a user name or a password, which would be sent in place of the key"
        yield UrlProblem(message, "put the key into api_key", corrected)
    if parts.query:
        yield UrlProblem("has a query, and paths are added after it", "remove it", corrected)
    if parts.fragment:
        yield UrlProblem("has a '#', after which nothing is sent", "remove it", corrected)


def _check_listening(url: str, _: ProviderInfo) -> Iterator[UrlProblem]:
    parts = parse_url(url)
    if parts.host in _LISTENING:
        corrected = parts._replace(host=_LISTENING[parts.host])
        message = f"has {parts.host}, which servers listen on and no request can reach"
        yield UrlProblem(message, f"write {corrected.host}", corrected.join())


def _check_slashes(url: str, _: ProviderInfo) -> Iterator[UrlProblem]:
    parts = parse_url(url)
    if "//" in parts.path:
        corrected = parts._replace(path=re.sub("/+", "/", parts.path))
        yield UrlProblem("has two slashes in a row", "keep one", corrected.join())


def _check_leftover(url: str, _: ProviderInfo) -> Iterator[UrlProblem]:
    """Find what a sentence or a list left at the end of a path."""
    parts = parse_url(url)
    match = _LEFTOVER.search(parts.path)
    if match is not None:
        corrected = parts._replace(path=parts.path[: match.start()].rstrip("/"))
        yield UrlProblem(f"ends with {match[0]!r}", "remove it", corrected.join())


def _check_operation(url: str, info: ProviderInfo) -> Iterator[UrlProblem]:
    """Find an operation's path, once or several times, at the end or before it."""
    parts = parse_url(url)
    matches = (
        (operation, at)
        for operation in (*info.endings, *_OPERATIONS)
        for at in _slashes_from_end(parts.path)
        if _has_operation(parts.path[at:].lower(), operation.lower())
    )
    operation, at = next(matches, ("", 0))
    if operation:
        corrected = parts._replace(path=parts.path[:at]).join()
        is_own = operation in info.endings
        why = "is added automatically" if is_own else "is an operation's path, not where the API is"
        yield UrlProblem(f"ends with {parts.path[at:]}, which {why}", "remove it", corrected)
        yield from _check_operation(corrected, info)


def _has_operation(path: str, operation: str) -> bool:
    """Say whether a path is an operation's, or continues one that has two steps or more."""
    continues = operation.count("/") > 1 and path.startswith(f"{operation}/")
    return fnmatchcase(path, operation) or continues


def _slashes_from_end(path: str) -> Iterator[int]:
    return (at for at in range(len(path) - 1, -1, -1) if path[at] == "/")


def _check_version(url: str, _: ProviderInfo) -> Iterator[UrlProblem]:
    parts = parse_url(url)
    match = _VERSION_TWICE.search(parts.path)
    if match is not None:
        corrected = parts._replace(path=_VERSION_TWICE.sub(r"\1", parts.path))
        yield UrlProblem(f"has {match[1]} twice", "keep one", corrected.join())


def _check_root(url: str, info: ProviderInfo) -> Iterator[UrlProblem]:
    """Find a path that lacks a part of the one at which a known server has its API."""
    parts = parse_url(url)
    for server, root in info.roots.items():
        if parts.path != root and _lacks_root(parts, server, root):
            message = f"lacks a path: this server has the API at {root}"
            corrected = parts._replace(path=root).join()
            yield UrlProblem(message, f"end it with {root}", corrected)
            return


def _lacks_root(parts: UrlParts, server: str, root: str) -> bool:
    host, slash, path = server.partition("/")
    if not _is_server(parts, host):
        return False
    if slash:
        return parts.path == f"/{path}"
    return root.startswith(parts.path) or root.endswith(parts.path)


def _is_server(parts: UrlParts, pattern: str) -> bool:
    """Say whether a URL's server matches; default ports and a final dot make no difference."""
    host = parts.host.lower().removesuffix(".")
    port = "" if parts.port in _DEFAULT_PORTS else parts.port
    return fnmatchcase(f"{host}{port}", pattern)


def _check_encryption(url: str, info: ProviderInfo) -> Iterator[UrlProblem]:
    """Find a vendor's own host without TLS; a pattern with a port may match any host."""
    parts = parse_url(url)
    hosts = (server.partition("/")[0] for server in info.roots if ":" not in server)
    without_port = parts._replace(port="")
    if parts.scheme == "http" and any(_is_server(without_port, host) for host in hosts):
        corrected = parts._replace(scheme="https").join()
        yield UrlProblem("would send the key unencrypted", "begin it with https://", corrected)


_CHECKS = (
    _check_secrets,
    _check_listening,
    _check_slashes,
    _check_leftover,
    _check_operation,
    _check_version,
    _check_root,
    _check_encryption,
)
