"""The certificate authorities that connections trust, read once in a thread."""

import os
import ssl
from functools import cache

from standby.http.transport import unavailable
from standby.runtime.threads import blocking

VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
"""OpenSSL's own variables; a bundle that they name is trusted instead of the system's."""


async def trusted_certificates() -> ssl.SSLContext:
    """Return the TLS context of all connections.

    Reading it takes 20 to 50 ms, so it happens in a thread, and once for the values of the
    variables.

    Returns:
        The context.

    Raises:
        AttemptFailed: `unavailable`: the certificates cannot be read.
    """
    file, folder = (os.environ.get(name) or None for name in VARIABLES)
    context = _contexts.get((file, folder))
    return await blocking(_read, file, folder) if context is None else context


_contexts: dict[tuple[str | None, str | None], ssl.SSLContext] = {}


def _read(file: str | None, folder: str | None) -> ssl.SSLContext:
    if folder is not None and not os.path.isdir(folder):  # noqa: PTH112 - as OpenSSL reads it
        raise _unreadable("SSL_CERT_DIR", folder, "it is not a folder")
    try:
        context = ssl.create_default_context(cafile=file or _bundle(folder), capath=folder)
    except ssl.SSLError as error:
        raise _unreadable("SSL_CERT_FILE", file, "it holds no certificate in PEM") from error
    except OSError as error:
        raise _unreadable("SSL_CERT_FILE", file, str(error.strerror)) from error
    context.set_alpn_protocols(["http/1.1"])
    return _contexts.setdefault((file, folder), context)


@cache
def _system_has_certificates() -> bool:
    paths = ssl.get_default_verify_paths()
    return bool(paths.cafile or paths.capath or ssl.create_default_context().get_ca_certs())


def _bundle(folder: str | None) -> str | None:
    """Return certifi's bundle for a Python without certificates, as macOS's installer leaves it."""
    if folder is not None or _system_has_certificates():
        return None
    try:
        import certifi  # noqa: PLC0415 - rarely needed, and rarely missing
    except ImportError:
        return None
    return certifi.where()


def _unreadable(variable: str, path: str | None, problem: str) -> Exception:
    if path is None:
        return unavailable(f"the trusted certificates cannot be read: {problem}")
    return unavailable(
        f"the trusted certificates cannot be read: {path!r} of the variable {variable}: {problem}; "
        f"correct the variable, or unset it to trust the system's"
    )
