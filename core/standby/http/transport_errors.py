"""aiohttp's exceptions as failures, in messages of our own.

Theirs are never shown, chained or kept: they hold the request's headers, with the key, and URLs.
"""

import os
import ssl

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

from standby.errors import AttemptFailed
from standby.failures import Failure, Kind
from standby.http.proxies import Proxy
from standby.http.transport import shortage, unavailable
from standby.runtime.shortages import describe_shortage

CONNECT_TIMEOUT = 5.0
"""Seconds to open a connection, as in the vendors' SDKs; the dispatcher owns other time-outs."""


def transport_failure(
    error: Exception, proxy: Proxy | None = None, connect: float = CONNECT_TIMEOUT
) -> AttemptFailed:
    """Return the failure that an error of the HTTP library stands for.

    Args:
        error: The error.
        proxy: The proxy that the request went through.
        connect: Seconds that there were to open the connection.

    Returns:
        The error to raise: `connection` or `timeout`; `unavailable` for what is wrong on our side,
        such as a proxy without its password, or no free descriptor.
    """
    number = _number(error)
    if missing := describe_shortage(getattr(error, "os_error", error)):
        return shortage(missing)
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return _proxy_failure(error.status, proxy)
    if _is_invalid(error):
        return unavailable("not sent: the URL or a header is not valid; see the base_url")
    if isinstance(error, RuntimeError):  # no thread for a look-up; the event loop is closing
        return shortage("this process has no thread left, or its event loop is closing")
    via = _via(error, proxy)
    if isinstance(error, TimeoutError):
        message = f"timeout: {via}no connection in {connect:.3g}s"
        return AttemptFailed(Failure(kind=Kind.TIMEOUT, message=message))
    message = f"connection error: {via}{_describe(error, number)}"
    return AttemptFailed(Failure(kind=Kind.CONNECTION, message=message))


def password_wanted(proxy: Proxy | None) -> AttemptFailed:
    """Return the failure of a request whose proxy wants a password, or another one.

    Args:
        proxy: The proxy.

    Returns:
        The error to raise.
    """
    name = "" if proxy is None else f" {proxy.name}"
    if proxy is not None and proxy.has_password:
        return unavailable(
            f"the proxy{name} refuses the user or the password of its variable (407): correct them"
        )
    return unavailable(
        f"the proxy{name} asks for a password (407): write its variable as "
        f"http://user:password@host:port"
    )


def _proxy_failure(status: int, proxy: Proxy | None) -> AttemptFailed:
    if status == 407:  # noqa: PLR2004 - RFC 9110, Proxy Authentication Required
        return password_wanted(proxy)
    name = "" if proxy is None else f" {proxy.name}"
    message = f"connection error: the proxy{name}: it answered {status} instead of a tunnel"
    return AttemptFailed(Failure(kind=Kind.CONNECTION, message=message))


def _is_invalid(error: Exception) -> bool:
    """Check whether nothing was sent because it cannot be; a bad certificate is a `ValueError`."""
    if isinstance(error, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError):
        return True
    return isinstance(error, ValueError) and not isinstance(error, OSError)


def _via(error: Exception, proxy: Proxy | None) -> str:
    """Name the proxy: as the cause, if it was not reached, or else as a part of the way."""
    if proxy is None:
        return ""
    # through a proxy no name is looked up but its own
    own = isinstance(error, aiohttp.ClientProxyConnectionError | aiohttp.ClientConnectorDNSError)
    return f"{'' if own else 'through '}the proxy {proxy.name}: "


def _number(error: BaseException) -> int:
    inner = getattr(error, "os_error", error)
    return getattr(inner, "errno", None) or 0


_MESSAGES: tuple[tuple[type[BaseException], str], ...] = (
    (aiohttp.ClientSSLError, "the TLS handshake failed"),
    (ssl.SSLError, "TLS failed"),
    (aiohttp.ServerDisconnectedError, "the server closed the connection without an answer"),
    (aiohttp.ClientPayloadError, "the connection broke before the end of the answer"),
    (aiohttp.ClientResponseError, "the answer is not valid HTTP"),
    (HttpProcessingError, "the answer is not valid HTTP"),
)

_UNKNOWN_AUTHORITY = frozenset({18, 19, 20, 21})
"""OpenSSL's numbers for certificates of an authority that is not trusted (X509_V_ERR_…)."""


def _describe(error: BaseException, number: int) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return _describe_certificate(error.certificate_error)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"the host's name {error.host!r} is not known ({_system_message(error, number)})"
    for kind, message in _MESSAGES:
        if isinstance(error, kind):
            return message + _tls_reason(error)
    return _system_message(error, number)


def _describe_certificate(error: BaseException) -> str:
    reason = str(getattr(error, "verify_message", "it cannot be verified")).rstrip(".")
    message = f"the server's certificate is not valid: {reason}"
    if getattr(error, "verify_code", 0) in _UNKNOWN_AUTHORITY:
        message += "; the variable SSL_CERT_FILE names the authorities to trust"
    return message


def _tls_reason(error: BaseException) -> str:
    """Return OpenSSL's own word for a failure, such as WRONG_VERSION_NUMBER of a server of HTTP."""
    inner = getattr(error, "os_error", error)
    reason = getattr(inner, "reason", None) if isinstance(inner, ssl.SSLError) else None
    return f" ({reason})" if reason else ""


def _system_message(error: BaseException, number: int) -> str:
    """Return the system's message; that of a name's resolution has numbers of its own."""
    inner = getattr(error, "os_error", error)
    if isinstance(inner, ConnectionError) and not number:  # asyncio's own
        return "the server closed the connection in the TLS handshake"
    if type(inner) is OSError and not number:  # a host's addresses have failed with several errors
        return "no address of the host can be reached"
    if isinstance(inner, ConnectionError) or type(inner) is OSError:
        return os.strerror(number)
    return str(getattr(inner, "strerror", None) or f"the connection broke ({type(error).__name__})")
