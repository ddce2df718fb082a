"""Checks that a request can be sent to a `base_url`."""

import re

from standby.config.url_parts import UrlProblem, is_ipv4, is_ipv6, parse_authority, parse_url
from standby.config.url_warnings import find_url_warnings
from standby.plugin import ProviderInfo

LARGEST_PORT = 65535
"""The largest number of a port."""

LONGEST = 2000
"""Characters of a URL; many servers accept no longer one."""

MOST_CORRECTIONS = 5
"""Errors of one URL that are corrected at once; with more, its meaning is too uncertain."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):/*")
_PASTED_SCHEME = re.compile(r"https?:?/+(?=\S)|[a-z][a-z0-9+.-]*:/{2,}(?=\S)", re.IGNORECASE)
_COMMENT = re.compile(r"\s+#.*", re.DOTALL)
_USER = re.compile("^[^/?#]*@")
_LABEL = re.compile(r"\w([\w-]{0,61}\w)?")
_PORT = re.compile(r"[0-9]{1,5}")
_PORT_AFTER_IPV6 = re.compile("[0-9]{4,5}")
_DOTTED = re.compile(r"[0-9]+(\.[0-9]+){3}")
_FORBIDDEN = '"<>^`{|}'


def find_url_error(url: str, info: ProviderInfo) -> UrlProblem | None:
    """Find why no request can be sent to a URL.

    Args:
        url: The URL.
        info: The plugin's schemes, its own paths, and the roots of known servers.

    Returns:
        The first error, with the URL without any error or likely mistake, where that is known;
        `None` if a request can be sent.

    """
    error = _find_first(url, info.schemes)
    if error is None:
        return None
    corrected = error.corrected
    for _ in range(MOST_CORRECTIONS):
        next_error = _find_first(corrected, info.schemes) if corrected else None
        corrected = corrected if next_error is None else next_error.corrected
    is_valid = corrected and _find_first(corrected, info.schemes) is None
    return error._replace(corrected=find_url_warnings(corrected, info)[1] if is_valid else "")


def _find_first(url: str, schemes: tuple[str, ...]) -> UrlProblem | None:
    problems = (check(url, schemes) for check in _CHECKS)
    return next((problem for problem in problems if problem is not None), None)


def _check_length(url: str, _: tuple[str, ...]) -> UrlProblem | None:
    if len(url) <= LONGEST:
        return None
    return UrlProblem(f"is longer than {LONGEST} characters", "shorten it")


def _check_comment(url: str, _: tuple[str, ...]) -> UrlProblem | None:
    match = _COMMENT.search(url)
    return match and UrlProblem("has a comment in it", "remove it", url[: match.start()])


def _check_wrapping(url: str, _: tuple[str, ...]) -> UrlProblem | None:
    bare = url.strip().strip("\"'`<>").strip()
    if bare == url or not bare:
        return None
    has_space = url != url.strip()
    around = "a space or a line end" if has_space else "quotes"
    return UrlProblem(f"has {around} around it", "remove them", bare)


def _check_characters(url: str, _: tuple[str, ...]) -> UrlProblem | None:
    if "\\" in url:
        return UrlProblem("has a backslash in it", "write /", url.replace("\\", "/"))
    for character in url:
        if character.isspace():
            hint = "take it out; in a path it is %20"
            return UrlProblem("has a space in it", hint, _remove_spaces(url))
        if not character.isprintable():
            message = f"has U+{ord(character):04X} in it, which cannot be seen"
            return UrlProblem(message, "retype it", "".join(filter(str.isprintable, url)))
        if character in _FORBIDDEN:
            hint = "replace the placeholder with its value, and write no brackets"
            return UrlProblem(f"has {character!r} in it", hint)
    return None


def _remove_spaces(url: str) -> str:
    """Remove spaces around the host, and encode those of the path; "" if the host has one."""
    scheme, colon, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    if len(host.split()) > 1:
        return ""
    return f"{scheme}{colon}{''.join(host.split())}{slash}{'%20'.join(path.split())}"


def _check_scheme(url: str, schemes: tuple[str, ...]) -> UrlProblem | None:
    match = _SCHEME.match(url)
    hint = f"begin it with {' or '.join(f'{scheme}://' for scheme in schemes)}"
    if match is None or _is_host(match, schemes):
        rest = url.lstrip("/:")
        return UrlProblem("has no scheme", hint, f"{_guess_scheme(rest, schemes)}://{rest}")
    prefix, scheme, rest = match[0], match[1], url[match.end() :]
    if scheme.lower() not in schemes:
        message = f"begins with {scheme}:, which no request can be sent to"
        is_local = prefix.endswith("///")  # a file or a socket: there is no host
        corrected = "" if is_local else f"{_replace_scheme(scheme, rest, schemes)}://{rest}"
        return UrlProblem(message, hint, corrected)
    if prefix.count("/") < 2 and rest:  # noqa: PLR2004 - as in "://"
        return UrlProblem(f"begins with {prefix}, not {scheme}://", hint, f"{scheme}://{rest}")
    return None


def _is_host(match: re.Match[str], schemes: tuple[str, ...]) -> bool:
    """Say whether what looks like a scheme is a host before its port."""
    return not match[0].endswith("/") and match[1].lower() not in schemes


def _replace_scheme(scheme: str, rest: str, schemes: tuple[str, ...]) -> str:
    is_encrypted = scheme.lower().endswith(("ps", "wss")) and "https" in schemes
    return "https" if is_encrypted else _guess_scheme(rest, schemes)


def _guess_scheme(rest: str, schemes: tuple[str, ...]) -> str:
    """Return the scheme that is likely meant: hosts on the internet want an encrypted one."""
    host = re.split("[/:?#]", rest)[0]
    is_local_name = "." not in host or host.endswith((".local", ".internal"))
    is_local = is_local_name or _DOTTED.fullmatch(host)
    return next(iter(schemes)) if is_local or "https" not in schemes else "https"


def _check_repetition(url: str, _: tuple[str, ...]) -> UrlProblem | None:
    """Find a URL that was pasted after another's scheme, or after the same server."""
    rest = _USER.sub("", url.partition("://")[2])
    server, slash, path = rest.partition("/")
    match, pasted = _PASTED_SCHEME.match(rest), rest
    if match is None and slash:
        match, pasted = _PASTED_SCHEME.match(path), path
        if match is None or parse_authority(f"http://{path[match.end() :]}") != server:
            return None  # a proxy may have another server's URL in its path
    if match is None or not re.search(":|//", match[0]):
        return None  # a host may be called so
    scheme = re.match("[A-Za-z0-9+.-]*", match[0])
    corrected = f"{scheme[0] if scheme else ''}://{pasted[match.end() :]}"
    return UrlProblem("has two schemes", "keep one of them", corrected)


def _check_comma(url: str, _: tuple[str, ...]) -> UrlProblem | None:
    if parse_authority(url).endswith((",", ";")) and url.endswith((",", ";")):
        return UrlProblem(f"ends with {url[-1]!r}", "remove it", url.rstrip(",;"))
    return None


def _check_ipv6(url: str, _: tuple[str, ...]) -> UrlProblem | None:
    authority = parse_authority(url)
    if authority.count(":") < 2 or "[" in authority:  # noqa: PLR2004 - one colon is a port's
        return None
    head, tail = authority.rsplit(":", 1)
    bracketed = ""
    if is_ipv6(head) and _PORT_AFTER_IPV6.fullmatch(tail):
        bracketed = f"[{head}]:{tail}"
    elif is_ipv6(authority):
        bracketed = f"[{authority}]"
    message = "has more than one ':' after the scheme"
    hint = "an IPv6 address stands in brackets: [::1]:8080"
    corrected = url.replace(authority, bracketed, 1) if bracketed else ""
    return UrlProblem(message, hint, corrected)


def _check_host(url: str, _: tuple[str, ...]) -> UrlProblem | None:
    host = parse_url(url).host
    if not host:
        return UrlProblem("has no host", "write the server's name after ://")
    if host.startswith("["):
        if host.endswith("]") and is_ipv6(host[1:-1]):
            return None
        message = "has brackets around something that is not an IPv6 address"
        return UrlProblem(message, "write it like [::1]")
    if _DOTTED.fullmatch(host):
        return None if is_ipv4(host) else UrlProblem("has an invalid IPv4 address", "correct it")
    if all(_is_label(label) for label in host.removesuffix(".").split(".")):
        return None
    hint = "correct it: letters, digits, '-' and single dots"
    return UrlProblem("has a host that is not a valid name", hint)


def _is_label(label: str) -> bool:
    has_odd_underscore = "_" in label and not label.isascii()
    return bool(_LABEL.fullmatch(label)) and not has_odd_underscore


def _check_port(url: str, _: tuple[str, ...]) -> UrlProblem | None:
    port = parse_url(url).port.removeprefix(":")
    if not port:
        return None
    if _PORT.fullmatch(port) and 0 < int(port) <= LARGEST_PORT:
        return None
    message = f"has a port that is not a number from 1 to {LARGEST_PORT}"
    return UrlProblem(message, "correct what comes after the ':'")


_CHECKS = (
    _check_length,
    _check_comment,
    _check_wrapping,
    _check_characters,
    _check_scheme,
    _check_repetition,
    _check_comma,
    _check_ipv6,
    _check_host,
    _check_port,
)
