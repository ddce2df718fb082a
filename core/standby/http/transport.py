"""What every sender over HTTP needs: a key that can be sent, a body in bytes, and what is lost on the way as a failure.

Knows no HTTP library: transport errors are told by their names and by the system's errors below
them.
"""

import os
from collections.abc import Iterator
from typing import Any

import msgspec

from standby.errors import AttemptFailed
from standby.failures import Failure, Kind
from standby.settings import Provider


def key_of(provider: Provider, *variables: str, needed: bool = True) -> str:
    """Return the provider's key, or "" where an endpoint of one's own may want none; raises `AttemptFailed` (`unavailable`).

    `variables` are the ones that may hold the key. `needed` is false where the vendor is asked
    without a key too, as `ProviderInfo.key_needed`. The key is never shown.
    """
    given = provider.api_key
    key = given.reveal().strip() if given is not None else ""
    named_and_empty = given is not None and not key
    if not key and provider.base_url is None and (needed or named_and_empty):
        raise unavailable(
            f"no key: set {given.origin if given is not None else ' or '.join(variables)}"
        )
    if not key.isascii() or not key.isprintable():
        raise unavailable(
            f"the key ({given!r}) cannot be sent: it holds a line end or a character beyond ASCII; copy it again"
        )
    return key


def encode_json(body: Any) -> bytes:
    """Encode a request's body as JSON; raises `AttemptFailed` (`invalid_request`) for text that is no Unicode."""
    try:
        return msgspec.json.encode(body)
    except UnicodeEncodeError as error:  # half a character: a lone surrogate
        words = f"not sent: a message is no valid Unicode ({error.reason})"
        raise AttemptFailed(Failure(kind=Kind.INVALID_REQUEST, message=words)) from error


def connection_failure(error: BaseException) -> AttemptFailed:
    """Return the failure of a connection that was refused, reset, cut, or too slow to come about."""
    if "Timeout" in type(error).__name__:
        return AttemptFailed(
            Failure(kind=Kind.TIMEOUT, message=f"timeout: {str(error) or 'no connection in time'}")
        )
    return AttemptFailed(
        Failure(kind=Kind.CONNECTION, message=f"connection error: {_words(error)}")
    )


def unavailable(words: str) -> AttemptFailed:
    """Return the failure of a model that cannot be asked at all: no key, or settings that nothing can be sent with.

    It lasts until a person mends them, and is logged as a warning, once for a client.
    """
    return AttemptFailed(Failure(kind=Kind.UNAVAILABLE, message=words, lasting=True))


def _words(error: BaseException) -> str:
    """Return the system's own words ("Connection refused"), which lie below what three libraries made of them."""
    for cause in _causes(error):
        if isinstance(cause, OSError) and cause.errno is not None:
            plain = (
                isinstance(cause, ConnectionError) or type(cause) is OSError
            )  # names and TLS have numbers of their own
            return os.strerror(cause.errno) if plain else str(cause.strerror)
    return str(error) or type(error).__name__


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Walk from an exception to its first cause, deepest last; of several at once (IPv6, IPv4) the first counts."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        below: BaseException | None = cause.__cause__ or cause.__context__
        cause = next(iter(getattr(below, "exceptions", ())), below)  # an ExceptionGroup's
