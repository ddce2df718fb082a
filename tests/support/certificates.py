"""One certificate, of nobody, is trusted in the tests, instead of all that the system trusts.

An HTTP client reads what it trusts when it is made, 20 ms for some 150 authorities, and the tests
make thousands of clients, which ask this machine alone, without TLS. Whoever has set
`SSL_CERT_FILE` keeps it.
"""

import os
from pathlib import Path

NOBODY = str(Path(__file__).with_name("nobody.pem"))


def trust_nobody() -> None:
    os.environ.setdefault("SSL_CERT_FILE", NOBODY)


def outside() -> dict[str, str]:
    """Return the environment of a program that goes to the network."""
    return {name: value for name, value in os.environ.items() if value != NOBODY}
