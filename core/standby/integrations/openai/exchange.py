"""One HTTP request of the SDK, and the response to it."""

import time
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from standby.dispatch.compatibility import dropped_parameters
from standby.errors import CallFailed, DeadlineExceeded, StandbyError
from standby.failures import Attempt
from standby.inputs.parse import parse_sampling
from standby.integrations.openai.errors import RejectedRequest, build_error
from standby.integrations.openai.headers import build_headers, quote_header
from standby.integrations.openai.http import build_stream_body, find_library
from standby.integrations.openai.reply import (
    EventEncoder,
    describe_model,
    encode_completion,
    encode_models,
)
from standby.integrations.openai.request import ChatRequest, parse_chat_request
from standby.settings import Settings
from standby.streams import AsyncStream, Stream
from standby.types import Chunk, Reply, Request, Sampling

_JSON = {"content-type": "application/json"}
_EVENTS = {"content-type": "text/event-stream"}
_NO_RETRY = {"x-should-retry": "false"}
"""The SDK obeys this header: standby has retried already, so the SDK must not."""


class Exchange:
    """One request, and the response to it; the same for blocking and asynchronous clients."""

    def __init__(self, request: Any, settings: Settings) -> None:
        """Take the library's request, and the settings that name the chains."""
        self._http = find_library(request.__class__)
        self._request = request
        self._settings = settings
        self._chain = ""
        self._dropped: tuple[str, ...] = ()
        self._sampling = Sampling()
        self._created = int(time.time())
        self._own_id = f"chatcmpl-{uuid.uuid4().hex}"  # if the vendor gives none, or gives it late
        self._with_usage = False
        self._is_shortened = False
        self._deadline: float | None = None

    def respond_without_model(self) -> Any:
        """Respond to a request for the list of models, or for one of them.

        Returns:
            The library's response, or `None` for a request that a model answers.

        Raises:
            RejectedRequest: standby does not answer such a request.
        """
        method, path = self._request.method, self._request.url.path
        if method == "POST" and path.endswith("/chat/completions"):
            return None
        if method == "GET" and path.endswith("/models"):
            return self._build_response(200, _JSON, encode_models(self._settings.chains))
        _, separator, name = path.partition("/models/")
        if method == "GET" and separator:
            body = msgspec.json.encode(describe_model(self._check_chain(name)))
            return self._build_response(200, _JSON, body)
        raise RejectedRequest(
            f"standby answers chat completions and models, not {method} {path}",
            status=404,
            code="unknown_url",
        )

    def parse(self, body: bytes) -> ChatRequest:
        """Parse the request; the SDK's time-out may shorten the chain's deadline, never extend it.

        Args:
            body: The request's body.

        Returns:
            The request.

        Raises:
            RejectedRequest: The request cannot be answered.
            RequestError: A sampling parameter is wrong.
            ReadTimeout: The library's error, for a time-out of 0 seconds or less.
        """
        request = parse_chat_request(body)
        self._dropped = request.dropped
        options = request.options.items()
        sampling = {name: value for name, value in options if name in Sampling.__struct_fields__}
        self._sampling = parse_sampling(sampling)
        self._chain, self._with_usage = self._check_chain(request.chain), request.with_usage
        self._deadline = self._choose_deadline(request)
        return request

    def arguments(self, request: ChatRequest) -> dict[str, Any]:
        """Return the arguments of `Standby.chat`, besides the messages.

        Args:
            request: The parsed request.

        Returns:
            The arguments by their names.
        """
        return {"chain": request.chain, "deadline": self._deadline, **request.options}

    def respond(self, reply: Reply) -> Any:
        """Respond with a whole reply.

        Args:
            reply: The reply.

        Returns:
            The library's response.
        """
        reply_id = reply.id or self._own_id
        headers = self._build_headers(reply.trail, reply.model, reply.provider, reply.disclaimer)
        return self._build_response(
            200,
            {**_JSON, **headers, "x-request-id": quote_header(reply_id)},
            encode_completion(reply, reply_id, self._created),
        )

    def respond_stream(self, stream: Stream | AsyncStream, first: Chunk) -> Any:
        """Respond with a stream.

        Args:
            stream: The stream, from its second chunk on.
            first: Its first chunk.

        Returns:
            The library's response.
        """
        model, provider, disclaimer = _find_source(stream)
        if stream.target is not None:  # its attempt is on the trail only when it has ended
            self._dropped += dropped_parameters(Request((), self._sampling), stream.target)
        headers = self._build_headers(stream.trail, model, provider, disclaimer)
        encoder = EventEncoder(self._own_id, self._created, model, with_usage=self._with_usage)
        return self._build_response(
            200,
            {**_EVENTS, **headers, "x-request-id": self._own_id},
            build_stream_body(self._http, stream, first, encoder),
        )

    def respond_error(self, error: StandbyError) -> Any:
        """Respond with an error.

        Args:
            error: The error.

        Returns:
            The library's response.

        Raises:
            ReadTimeout: The library's error, where the SDK's time-out was the shorter one.
        """
        if isinstance(error, DeadlineExceeded) and self._is_shortened:
            raise self._http.ReadTimeout(str(error), request=self._request) from error
        response = build_error(error)
        trail = error.trail if isinstance(error, CallFailed) else ()
        ids = [attempt.id for attempt in trail if attempt.id]
        headers = {**_JSON, **_NO_RETRY, **self._build_headers(trail), **response.headers}
        if ids:
            headers["x-request-id"] = quote_header(ids[-1])
        return self._build_response(response.status, headers, response.body)

    def _choose_deadline(self, request: ChatRequest) -> Any:
        """Return the shorter one of the SDK's time-out and the deadline; `None`: the chain's."""
        read_timeout = self._request.extensions.get("timeout", {}).get("read")
        if read_timeout is None:
            return request.deadline
        if read_timeout <= 0:
            raise self._http.ReadTimeout(
                "a time-out of 0 seconds or less has already passed", request=self._request
            )
        deadline: Any = request.deadline
        if deadline is None:
            deadline = self._settings.chains[self._chain].deadline
        self._is_shortened = isinstance(deadline, int | float) and read_timeout < deadline
        return read_timeout if self._is_shortened else request.deadline

    def _build_headers(
        self, trail: Iterable[Attempt], model: str = "", provider: str = "", disclaimer: str = ""
    ) -> dict[str, str]:
        return build_headers(self._chain, trail, model, provider, disclaimer, self._dropped)

    def _check_chain(self, chain: str) -> str:
        if chain in self._settings.chains:
            return chain
        names = ", ".join(self._settings.chains)
        raise RejectedRequest(
            f"no chain is named {chain!r}; 'model' names one of {names}",
            status=404,
            param="model",
            code="model_not_found",
        )

    def _build_response(self, status: int, headers: Mapping[str, str], body: Any) -> Any:
        content = {"content" if isinstance(body, bytes) else "stream": body}
        return self._http.Response(status, headers=headers, request=self._request, **content)


def _find_source(stream: Stream | AsyncStream) -> tuple[str, str, str]:
    """Return the model that answers, its provider and its disclaimer.

    A buffered stream has no target; its trail names the model.
    """
    target = stream.target
    if target is not None:
        return target.name, target.provider, target.card.disclaimer or ""
    answered = [attempt for attempt in stream.trail if attempt.outcome == "answered"]
    return (answered[-1].model, answered[-1].provider, "") if answered else ("", "", "")
