"""OpenAI's adapter: where a request goes, and how its answer is read."""

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
from standby_openai import chat_reply, chat_request, responses_reply, responses_request
from standby_openai.failures import read_failure

BASE_URL = "https://api.openai.com/v1"


class OpenAIAdapter:
    """Reaches OpenAI, or an endpoint with the same wire at `base_url`."""

    def __init__(self, provider: Provider) -> None:
        """Make the client.

        Args:
            provider: The account: its key and its endpoint.

        Raises:
            AttemptFailed: `unavailable`, where the key is missing or cannot be sent.
        """
        key = key_of(provider, "OPENAI_API_KEY")
        self._base_url = (provider.base_url or BASE_URL).rstrip("/")
        self._max_tokens = "max_completion_tokens" if provider.base_url is None else "max_tokens"
        self._headers = Headers({"Content-Type": "application/json", "Accept": "application/json"})
        if key:  # a user's own endpoint may need none
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
        url, body = self._build(request, stream=False)
        answer = decode_json(await self._http.post(url, self._headers, body))
        if _uses_responses(request):
            return responses_reply.read_reply(answer)
        return chat_reply.read_reply(answer)

    async def stream(self, request: ModelRequest) -> AsyncIterator[Chunk]:
        """Request a reply as a stream.

        Args:
            request: The attempt's request.

        Yields:
            The reply's chunks; the last one holds the end.

        Raises:
            AttemptFailed: The attempt failed, at any point.
        """
        reader = responses_reply.Reader() if _uses_responses(request) else chat_reply.Reader()
        url, body = self._build(request, stream=True)
        async with self._http.stream(url, self._headers, body) as pieces:
            async for chunk in iter_chunks(pieces, reader):
                yield chunk

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    def _build(self, request: ModelRequest, *, stream: bool) -> tuple[str, bytes]:
        """Return the URL and the body."""
        if _uses_responses(request):
            path, body = "/responses", responses_request.build_body(request, stream=stream)
        else:
            path = "/chat/completions"
            body = chat_request.build_body(request, stream=stream, max_tokens=self._max_tokens)
        return self._base_url + path, encode_json(body)


def _uses_responses(request: ModelRequest) -> bool:
    """Check whether the card names the Responses API: newer models call tools only there."""
    return (request.card.wire or {}).get("api") == "responses"
