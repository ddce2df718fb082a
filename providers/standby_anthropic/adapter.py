"""Anthropic's adapter: where a request goes, and how its answer is read."""

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
)
from standby_anthropic.failures import read_failure
from standby_anthropic.reply import Reader, read_reply
from standby_anthropic.request import build_body

BASE_URL = "https://api.anthropic.com"

VERSION = "2026-10-21"
"""The API version of an account that states none: anthropic 2.x sends it, and a bearer's key."""

KEY_HEADER_VERSION = "2023-06-01"
"""The API version whose key is in `x-api-key`; proxies and other vendors' endpoints know it."""


class AnthropicAdapter:
    """Reaches Anthropic, or an endpoint with the same wire at `base_url`."""

    def __init__(self, provider: Provider) -> None:
        """Make the client.

        Args:
            provider: The account: its key, its API version and its endpoint.

        Raises:
            AttemptFailed: `unavailable`, where the key is missing or cannot be sent.
        """
        key = key_of(provider, "ANTHROPIC_API_KEY")
        version = provider.options.get("api_version", VERSION)
        self._url = (provider.base_url or BASE_URL).rstrip("/") + "/v1/messages"
        self._headers = Headers({"Content-Type": "application/json", "Accept": "application/json"})
        self._headers["anthropic-version"] = version
        if key and version == KEY_HEADER_VERSION:
            self._headers["x-api-key"] = key
        elif key:  # a user's own endpoint may need none
            self._headers["Authorization"] = f"Bearer {key}"
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
        body = encode_json(build_body(request, stream=False))
        return read_reply(decode_json(await self._http.post(self._url, self._headers, body)))

    async def stream(self, request: ModelRequest) -> AsyncIterator[Chunk]:
        """Request a reply as a stream.

        Args:
            request: The attempt's request.

        Yields:
            The reply's chunks; the last one holds the end.

        Raises:
            AttemptFailed: The attempt failed, at any point.
        """
        body = encode_json(build_body(request, stream=True))
        async with self._http.stream(self._url, self._headers, body) as pieces:
            async for chunk in iter_chunks(pieces, Reader()):
                yield chunk

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()
