"""Gemini's adapter: where a request goes, and how its answer is read."""

import re
from collections.abc import AsyncIterator

from standby.http.client import Headers, HttpClient, iter_chunks
from standby.plugin import (
    Chunk,
    ModelRequest,
    Provider,
    Reply,
    decode_json,
    encode_json,
    key_of,
    unavailable,
)
from standby_gemini.credentials import Credentials
from standby_gemini.failures import read_failure
from standby_gemini.reply import Reader, read_reply
from standby_gemini.request import build_body

BASE_URL = "https://generativelanguage.googleapis.com"
MULTI_REGIONS = ("us", "eu")
VERSION = "v1beta"
"""Has every field and the "*-latest" names.

v1 answered 400, Unknown name "systemInstruction", until August 2025 at least.
"""

_MODEL = re.compile(r"[^?&#\x00-\x20\x7f]+")
"""A model's id, which becomes a part of the URL's path."""

SERVER_TIMEOUT = "600"
"""Seconds that Google's servers may take.

The SDK states its own time-out there, and a short one makes the server fail at once (python-genai
#1330).
"""


class GeminiAdapter:
    """Reaches the Gemini Developer API or Vertex AI, or a proxy of them at `base_url`."""

    def __init__(self, provider: Provider) -> None:
        """Make the client.

        Args:
            provider: The account: its key, its options and its endpoint.

        Raises:
            AttemptFailed: `unavailable`, where the key is missing or cannot be sent.
        """
        account = provider.options
        self._project: str | None = account.get("project")
        self._location = account.get("location", "global")
        self._vertex = self._project is not None or bool(account.get("express"))
        self._base_url = (provider.base_url or self._default_url()).rstrip("/")
        self._headers = Headers(
            {"Content-Type": "application/json", "X-Server-Timeout": SERVER_TIMEOUT}
        )
        self._credentials = Credentials() if self._project else None
        if not self._project and (key := _key(provider)):  # a user's own proxy may need none
            self._headers["x-goog-api-key"] = key
        self._http = HttpClient(read_failure)

    async def complete(self, request: ModelRequest) -> Reply:
        """Request a complete reply.

        Args:
            request: The attempt's request.

        Returns:
            The reply.

        Raises:
            AttemptFailed: The attempt failed, at any point.
        """
        url, body = self._url(request, "generateContent"), encode_json(build_body(request))
        return read_reply(decode_json(await self._http.post(url, await self._sign(), body)))

    async def stream(self, request: ModelRequest) -> AsyncIterator[Chunk]:
        """Request a reply as a stream.

        Args:
            request: The attempt's request.

        Yields:
            The reply's chunks; the last one holds the end.

        Raises:
            AttemptFailed: The attempt failed, at any point.
        """
        url = self._url(request, "streamGenerateContent?alt=sse")
        body = encode_json(build_body(request))
        async with self._http.stream(url, await self._sign(), body) as pieces:
            async for chunk in iter_chunks(pieces, Reader(), drain_timeout=None):
                yield chunk

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _sign(self) -> Headers:
        if self._credentials is None:
            return self._headers
        return Headers(self._headers | await self._credentials.headers())

    def _default_url(self) -> str:
        if not self._vertex:
            return BASE_URL
        if self._location == "global":
            return "https://aiplatform.googleapis.com"
        if self._location in MULTI_REGIONS:
            return f"https://aiplatform.{self._location}.rep.googleapis.com"
        return f"https://{self._location}-aiplatform.googleapis.com"

    def _url(self, request: ModelRequest, method: str) -> str:
        version = request.options.get("api_version", VERSION)
        if self._vertex and version == VERSION:
            version = f"{VERSION}1"
        return f"{self._base_url}/{version}/{self._resource(request.model)}:{method}"

    def _resource(self, model: str) -> str:
        """Return a model's path, as Google's SDK builds it (google-genai 3.6, `t_model`)."""
        if ".." in model or not _MODEL.fullmatch(model):
            raise unavailable(f"not sent: the model {model!r} has no place in a URL")
        if not self._vertex:
            return model if model.startswith(("models/", "tunedModels/")) else f"models/{model}"
        if not model.startswith(("projects/", "models/", "publishers/")):
            publisher, _, name = model.rpartition("/")
            model = f"publishers/{publisher or 'google'}/models/{name}"
        if self._project is None or model.startswith("projects/"):
            return model
        return f"projects/{self._project}/locations/{self._location}/{model}"


def _key(provider: Provider) -> str:
    """Return a key that generateContent accepts."""
    key = key_of(provider, "GEMINI_API_KEY", "GOOGLE_API_KEY")
    if key.startswith("auth_tokens/"):
        raise unavailable(
            f"the key ({provider.api_key!r}) is a token for the Live API: use a key from AI Studio"
        )
    return key
