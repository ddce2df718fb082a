"""What every sender over HTTP needs: a key, a body in bytes, and connection errors as failures.

It knows no HTTP library: it recognises transport errors by their names, and by the system's errors
below them.
"""

import os
from collections.abc import Iterator
from typing import Any

import msgspec

from standby.errors import AttemptFailed
from standby.failures import Failure, Kind
from standby.runtime.shortages import describe_shortage
from standby.settings import Provider


class Headers(dict[str, str]):
    """A request's headers; their repr shows names only, as one of them holds the key."""

    def __repr__(self) -> str:
        """Return the names."""
        return f"<headers: {', '.join(self)}>"


def key_of(provider: Provider, *variables: str, needed: bool = True) -> str:
    """Return the provider's key.

    Args:
        provider: The provider.
        variables: The variables that may hold the key, for the message.
        needed: Whether the vendor refuses requests without a key, as `ProviderInfo.key_needed`.

    Returns:
        The key without blanks around it; "" where there is none and the vendor, or an endpoint of
        the user's own, may accept that.

    Raises:
        AttemptFailed: `unavailable`, where the key is missing or cannot be sent. The message does
            not show the key.
    """
    given = provider.api_key
    key = given.reveal().strip() if given is not None else ""
    named_but_empty = given is not None and not key
    required = provider.base_url is None and (needed or named_but_empty)
    if required and not key:
        names = given.origin if given is not None else " or ".join(variables)
        raise unavailable(f"no key: set {names}")
    if not key.isascii() or not key.isprintable():
        problem = "it holds a line end or a character beyond ASCII"
        raise unavailable(f"the key ({given!r}) cannot be sent: {problem}; copy it again")
    return key


def encode_json(body: Any) -> bytes:
    """Encode a request's body as JSON.

    Args:
        body: The body.

    Returns:
        The JSON in UTF-8.

    Raises:
        AttemptFailed: `invalid_request`, for a text with half a character (a lone surrogate).
    """
    try:
        return msgspec.json.encode(body)
    except UnicodeEncodeError as error:
        message = f"not sent: a message is not valid Unicode ({error.reason})"
        raise AttemptFailed(Failure(kind=Kind.INVALID_REQUEST, message=message)) from error


def connection_failure(error: BaseException) -> AttemptFailed:
    """Return the failure of a connection that was refused, reset, cut, or not made in time.

    Args:
        error: What the HTTP library has raised.

    Returns:
        The error to raise: a `timeout` if the name of the library's error says so, `unavailable`
        where this process has run out of something, else `connection` with the system's own
        message.
    """
    if "Timeout" in type(error).__name__:
        message = f"timeout: {str(error) or 'no connection in time'}"
        return AttemptFailed(Failure(kind=Kind.TIMEOUT, message=message))
    for cause in _iter_causes(error):
        if missing := describe_shortage(cause):
            return shortage(missing)
    message = f"connection error: {_system_message(error)}"
    return AttemptFailed(Failure(kind=Kind.CONNECTION, message=message))


def unavailable(message: str) -> AttemptFailed:
    """Return the failure of a model that cannot be used at all, such as one without a key.

    It lasts until a person corrects the settings, and is logged as a warning once for a client.

    Args:
        message: What is missing or wrong.

    Returns:
        The error to raise.
    """
    return AttemptFailed(Failure(kind=Kind.UNAVAILABLE, message=message, lasting=True))


def shortage(message: str) -> AttemptFailed:
    """Return the failure of a request that was not sent because something of ours ran out.

    Args:
        message: What ran out.

    Returns:
        The error to raise; it says nothing of the model, and may be over with the next call.
    """
    return AttemptFailed(Failure(kind=Kind.UNAVAILABLE, message=f"not sent: {message}"))


def _system_message(error: BaseException) -> str:
    """Return the system's message ("Connection refused") from below the library's errors."""
    for cause in _iter_causes(error):
        if isinstance(cause, OSError) and cause.errno is not None:
            # name resolution and TLS have error numbers of their own
            has_system_number = isinstance(cause, ConnectionError) or type(cause) is OSError
            return os.strerror(cause.errno) if has_system_number else str(cause.strerror)
    return str(error) or type(error).__name__


def _iter_causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and its causes, the first cause last; of a group, its first exception."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        below: BaseException | None = cause.__cause__ or cause.__context__
        cause = next(iter(getattr(below, "exceptions", ())), below)
