"""A stub server: one model's vendor on this machine, which answers or fails on demand."""

from collections.abc import Callable
from typing import Any

import msgspec

from standby.failures import Failure
from standby.plugin import StubHandler
from standby.testing.answers import Answer, respond
from standby.testing.loopback import Answers, Loopback, Received

TEXT = "OK."


class StubServer:
    """One model's vendor, on this machine; it answers until a fault is set."""

    def __init__(self, server: Loopback, render: StubHandler) -> None:
        """Begin without a fault."""
        self.url = server.url
        self._server = server
        self._render = render
        self.recover()

    def recover(self) -> None:
        """Answer from now on."""
        self._server.answer = self.answer

    def fail_with(self, fault: Callable[["StubServer"], Answers]) -> None:
        """Answer with a fault from now on.

        Args:
            fault: Given this server, returns what answers its requests.
        """
        self._server.answer = fault(self)

    def answer(self, request: Received) -> Answer:
        """Build the vendor's answer to a request.

        Args:
            request: The request that was received.

        Returns:
            A complete answer with a short text.
        """
        return self.respond(request, TEXT)

    def respond(
        self, request: Received, content: str | Failure, status: int | None = None
    ) -> Answer:
        """Build the vendor's response with this content.

        Args:
            request: The request that was received.
            content: The text of an answer, or a failure that the vendor reports.
            status: The HTTP status; `None`: the usual one for the content.

        Returns:
            The response, as the vendor's wire writes it.
        """
        body = self._render(request.path, _decode(request.body), content)
        usual = (content.status or 500) if isinstance(content, Failure) else 200
        return respond(usual if status is None else status, body)


def _decode(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError:
        return None
