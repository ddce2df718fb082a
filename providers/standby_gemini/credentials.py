"""Google Cloud's application default credentials, by Google's own library, in a thread."""

import asyncio
from typing import Any

from standby.plugin import blocking, connection_failure, unavailable

SCOPE = "https://www.googleapis.com/auth/cloud-platform"


class Credentials:
    """A token that is fetched when it is first needed, and again before it ends."""

    def __init__(self) -> None:
        """Start without a token."""
        self._credentials: Any = None
        self._lock = asyncio.Lock()

    async def headers(self) -> dict[str, str]:
        """Return the headers that authenticate a request.

        Returns:
            The headers.

        Raises:
            AttemptFailed: `unavailable`, where there are no credentials; `connection`, where the
                server of tokens cannot be reached.
        """
        async with self._lock:
            # Google's library counts a token as invalid nearly four minutes before it ends
            if self._credentials is None or not self._credentials.valid:
                self._credentials = await blocking(_fetch, self._credentials)
        headers = {"Authorization": f"Bearer {self._credentials.token}"}
        if project := getattr(self._credentials, "quota_project_id", None):
            headers["x-goog-user-project"] = project
        return headers


def _fetch(credentials: Any) -> Any:
    """Return credentials with a new token."""
    try:
        import google.auth  # noqa: PLC0415 - only an account on Vertex AI needs it
        import google.auth.exceptions as problems  # noqa: PLC0415
        from google.auth.transport.requests import Request  # noqa: PLC0415
    except ImportError as error:
        raise unavailable(f"{error}; install it: pip install 'google-auth[requests]'") from error
    try:
        if credentials is None:
            library: Any = google.auth  # its types are partly unknown
            credentials, _ = library.default(scopes=[SCOPE])
        credentials.refresh(Request())
    except problems.TransportError as error:
        raise connection_failure(error) from error
    except problems.GoogleAuthError as error:
        raise unavailable(
            f"no Google Cloud credentials: {error}; see 'gcloud auth application-default login'"
        ) from error
    return credentials
