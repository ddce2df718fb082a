"""What this process, or its machine, can run out of: it says nothing of any model."""

import errno
import os

_NUMBERS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL})


class NoThreadError(RuntimeError):
    """The system starts no further thread."""


def describe_shortage(error: BaseException) -> str:
    """Return what ran out.

    Args:
        error: An error of the system's.

    Returns:
        The system's message and what it means; "" for an error with another reason.
    """
    if isinstance(error, NoThreadError):
        message = "no further thread"
    elif isinstance(error, MemoryError):
        message = "no memory left"
    # name resolution and TLS have error numbers of their own
    elif type(error) is OSError and error.errno in _NUMBERS:
        message = os.strerror(error.errno)
    else:
        return ""
    return f"{message}: this process has used up what the system gives it"
