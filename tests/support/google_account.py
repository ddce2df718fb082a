"""A service account of Google Cloud whose tokens come from a loopback server."""

from pathlib import Path

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support.loopback import Answer, Received, respond

TOKEN = "ya29.a-token-that-opens-nothing"


def write_service_account(folder: Path, url: str) -> Path:
    """Write the file that `GOOGLE_APPLICATION_CREDENTIALS` names.

    Google's library so takes its real path, from the file to the header.
    """
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    account = {
        "type": "service_account",
        "project_id": "another-project",
        "client_email": "standby@example.iam.gserviceaccount.com",
        "private_key_id": "1",
        "private_key": pem.decode(),
        "token_uri": f"{url}/token",
    }
    file = folder / "account.json"
    file.write_bytes(msgspec.json.encode(account))
    return file


def token_answer(request: Received) -> Answer | None:
    """Return the answer to a request for a token, `None` for any other request."""
    if request.path != "/token":
        return None
    return respond(200, {"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"})
