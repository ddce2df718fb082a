"""The rules that hold for every adapter over HTTP, whatever its vendor's JSON looks like.

`standby plugins check` plays these. A rule is an ordinary method without a fixture, so that it runs
with and without pytest.
"""

import asyncio
import socket
import traceback
from collections.abc import Mapping
from functools import partial

import msgspec

from standby.plugin import AttemptFailed, Kind
from standby.testing import driver
from standby.testing.answers import Answer, cut, garbage, hang, html, reset, respond, stall
from standby.testing.assertions import require
from standby.testing.checks import (
    CLEANUP_LIMIT,
    close,
    require_cancelled,
    require_main_request,
    wait_until,
)
from standby.testing.harness import Harness
from standby.testing.imports import find_manifest, require_late_import
from standby.testing.loopback import Loopback

_NOT_ANSWERS: Mapping[str, Answer] = {
    "a page of HTML": html(200),
    "an empty body": respond(200, b""),
    "null": respond(200, b"null"),
    "a list": respond(200, b"[]"),
    "a text": respond(200, b'"Lisbon."'),
    "an empty object": respond(200, b"{}"),
    "half a JSON object": respond(200, b'{"text": "Lis'),
    "bytes that are not text": respond(200, b"\xff\xfe\x00"),
}
_NOT_ANSWER_KINDS = {Kind.MALFORMED, Kind.EMPTY}

_BAD_CONNECTIONS: Mapping[str, Answer] = {
    "resets the connection": reset(),
    "closes the connection without an answer": Answer(raw=True, then="close"),
    "does not send HTTP": garbage(),
}
_HARD_BODIES: Mapping[str, Answer] = {
    "is never sent": stall(html(503)),
    "never ends": stall(html(503), after=9),
    "is cut": cut(html(503), 9),
    "is reset": cut(html(503), 9, "reset"),
    "is not what its Content-Encoding says": respond(503, b"{}", {"Content-Encoding": "gzip"}),
    "is empty": respond(503, b""),
    "is a megabyte of HTML": html(503, "<p>" * 2**18),
}
"""Bodies of an error response, by what is wrong with them."""

ERROR_LIMIT = 3.0
"""Seconds in which an error response must be read; its body deserves about one."""

_PROXY_ERRORS = {502: Kind.SERVER_ERROR, 503: Kind.OVERLOADED, 429: Kind.RATE_LIMITED}


class BasicRules(Harness):
    """What any adapter must do; `Conformance` adds the rules on the vendor's own answers."""

    def test_the_manifest_imports_no_sdk(self) -> None:
        """A chain that never uses the plugin does not pay for its SDK."""
        require_late_import(find_manifest(self.plugin), self.registry.info(self.plugin).adapter)

    def test_requests_go_to_the_configured_endpoint(self) -> None:
        """A `base_url` gets every request, one for each attempt."""
        self.run_after_main_request(self._check_endpoint)

    async def _check_endpoint(self) -> None:
        async with self.open_adapter(html(500)) as (adapter, server):
            for name, method in self.methods(adapter):
                before = len(server.main_requests)
                await driver.catch_failure(method(self.request()))
                wrong_url = (
                    f"{name} sent no request to provider.base_url: "
                    "build the URL from it where it is set"
                )
                require(server.requests, wrong_url)
                require_main_request(server)
                sent = len(server.main_requests) - before
                require(sent, wrong_url)
                require(
                    sent == 1,
                    f"{name} sent {sent} requests: switch off the SDK's own retries, "
                    "standby decides what is tried next",
                )

    def test_a_200_without_an_answer_is_a_failure(self) -> None:
        """A proxy's page, an empty body and JSON of another shape are not replies."""
        self.run_after_main_request(self._check_empty_answers)

    async def _check_empty_answers(self) -> None:
        for case, answer in _NOT_ANSWERS.items():
            for error in await self.collect_failures(answer, case):
                failure = error.failure
                require(
                    failure.kind in _NOT_ANSWER_KINDS,
                    f"{case} inside a 200 is {failure.kind} ({failure.text}): "
                    "it should be malformed",
                )

    def test_a_proxy_error_is_classified_by_its_status(self) -> None:
        """A page of HTML has nothing but its status to go by."""
        self.run_after_main_request(self._check_proxy_errors)

    async def _check_proxy_errors(self) -> None:
        for status, kind in _PROXY_ERRORS.items():
            case = f"a page of HTML with the status {status}"
            for error in await self.collect_failures(html(status), case):
                failure = error.failure
                require(
                    failure.kind is kind,
                    f"{status} with HTML is {failure.kind}, not {kind}: use kind_of_status(status)",
                )
                require(
                    failure.status == status,
                    f"a failure of {status} has the status {failure.status}: "
                    "fill in Failure.status",
                )

    def test_an_error_is_classified_by_its_status_whatever_its_body(self) -> None:
        """A body that stalls, breaks off or is huge holds no attempt, and changes no kind."""
        self.run_after_main_request(self._check_hard_bodies)

    async def _check_hard_bodies(self) -> None:
        await asyncio.gather(*(self._check_hard_body(case) for case in _HARD_BODIES))

    async def _check_hard_body(self, case: str) -> None:
        case, answer = f"a 503 whose body {case}", _HARD_BODIES[case]
        for error in await self.collect_failures(answer, case, within=ERROR_LIMIT):
            require(
                error.failure.kind is Kind.OVERLOADED,
                f"{case} is {error.failure.kind}, not overloaded: send with HttpClient, or read "
                "an error's body for a second at most, and go by the status where that fails",
            )

    def test_a_redirect_is_not_followed(self) -> None:
        """Another server must not get the key."""
        self.run_after_main_request(self._check_redirect)

    async def _check_redirect(self) -> None:
        async with self.open_adapter() as (adapter, server):
            redirect = respond(307, b"", {"Location": f"{server.url}/elsewhere"})
            server.answer = lambda sent: html(500) if sent.path == "/elsewhere" else redirect
            for name, method in self.methods(adapter):
                before = len(server.main_requests)
                error = await driver.catch_failure(method(self.request()))
                sent = len(server.main_requests) - before
                require(
                    error is not None and sent == 1,
                    f"{name} followed a redirect, which takes the key along: switch that off",
                )

    def test_a_connection_closed_while_idle_is_not_used_again(self) -> None:
        """A server closes its kept connections when it wants, and no call may fail for that."""
        self.run_after_main_request(self._check_idle_connection)

    async def _check_idle_connection(self) -> None:
        answer = msgspec.structs.replace(html(500), then="close")
        async with self.open_adapter(answer) as (adapter, server):
            for name, method in self.methods(adapter):
                for _ in range(2):
                    error = await driver.catch_failure(method(self.request()))
                    kind = error and error.failure.kind
                    require(
                        kind is Kind.SERVER_ERROR,
                        f"{name}, after the server has closed the idle connection, is {kind}: "
                        "look at a kept connection before it is used again",
                    )
                    await wait_until(
                        lambda: server.open_connections == 0, "the server's connection stays open"
                    )

    def test_a_lost_connection_is_a_connection_failure(self) -> None:
        """A reset, a refused connection and an answer that is not HTTP are `connection`."""
        self.run_after_main_request(self._check_connection_failures)

    async def _check_connection_failures(self) -> None:
        for case, answer in _BAD_CONNECTIONS.items():
            for error in await self.collect_failures(answer, f"a server that {case}"):
                _require_connection_failure(error, f"a server that {case}")
        adapter = self.adapter_class()(self.provider(_unused_address()))
        for _, method in self.methods(adapter):
            refused = await driver.catch_failure(method(self.request()))
            _require_connection_failure(refused, "a refused connection")
        await close(adapter)

    def test_cancellation_frees_the_connection(self) -> None:
        """A call that is cancelled while it waits for its answer leaves nothing open."""
        self.run_after_main_request(self._check_cancellation)

    async def _check_cancellation(self) -> None:
        async with self.open_adapter(hang()) as (adapter, server):
            for name, method in self.methods(adapter):
                before = len(server.main_requests)
                task = asyncio.create_task(method(self.request()))
                await wait_until(
                    partial(_has_more_requests, server, before), f"{name} has sent no request"
                )
                task.cancel()
                await require_cancelled(task, f"{name}, waiting for its answer,")
                disconnected = server.main_requests[-1].disconnected
                require(
                    await asyncio.to_thread(disconnected.wait, CLEANUP_LIMIT),
                    f"{name} was cancelled, and its connection is still open: free it in 'finally'",
                )

    def test_the_key_is_never_exposed(self) -> None:
        """The key is in no `repr`, no failure, and no URL, which proxies log."""
        self.run_after_main_request(self._check_key)

    async def _check_key(self) -> None:
        for answer in (html(401), html(200), reset()):
            async with self.open_adapter(answer) as (adapter, server):
                texts = [repr(adapter)]
                for _, method in self.methods(adapter):
                    error = await driver.catch_failure(method(self.request()))
                    texts.append("".join(traceback.format_exception(error)))
                    texts.append(repr(error and error.failure))
                require(
                    not any(self.key in text for text in texts),
                    "the key appears in a repr or a failure: remove it there",
                )
                urls = [f"{request.path} {request.query}" for request in server.requests]
                require(
                    not any(self.key in url for url in urls),
                    "the key is in the URL, which proxies log: send a header",
                )


def _has_more_requests(server: Loopback, before: int) -> bool:
    return len(server.main_requests) > before


def _unused_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


def _require_connection_failure(error: AttemptFailed | None, case: str) -> None:
    kind = error and error.failure.kind
    require(
        kind is Kind.CONNECTION,
        f"{case} is {kind}, not connection: "
        "raise connection_failure(error) for what the transport raises",
    )
