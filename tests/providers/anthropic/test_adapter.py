"""Requests over real sockets, by the lean client and by the SDK."""

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from standby.plugin import AttemptFailed, Finish, Kind, Provider, Secret, Usage
from standby_anthropic.adapter import VERSION
from tests.providers.anthropic.requests import (
    KEY,
    chat_message,
    collect,
    get_failure,
    model_request,
)
from tests.providers.anthropic.wire_server import (
    MODEL,
    OVERLOADED,
    answers,
    error,
    events,
    frames,
    message,
    stream,
    text_block,
    thinking_block,
    tool_use,
)
from tests.support.loopback import (
    Answer,
    Loopback,
    Received,
    cut,
    garbage,
    hang,
    html,
    reset,
    respond,
)
from tests.support.transports import OpenAdapter

BOTH = pytest.mark.parametrize("streamed", [False, True], ids=["reply", "stream"])
USAGE = Usage(input=19, output=28, reasoning=25, cached=4)
BUSY = respond(529, OVERLOADED, {"request-id": "req_of_the_header"})
SLOW = error(429, "rate_limit_error", "Slow down.", {"retry-after": "12"})
NO_CREDIT = error(
    400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API."
)


async def test_a_reply_arrives_complete(server: Loopback, adapter: OpenAdapter) -> None:
    async with adapter(server.url) as anthropic:
        reply = await anthropic.complete(model_request())
    assert (reply.text, reply.finish, reply.usage, reply.response_model) == (
        "Lisbon, says Claude.",
        Finish.STOP,
        USAGE,
        MODEL,
    )
    assert reply.id.startswith("msg_")


async def test_a_stream_arrives_in_pieces_and_ends(server: Loopback, adapter: OpenAdapter) -> None:
    async with adapter(server.url) as anthropic:
        texts, end = await collect(anthropic, model_request())
    assert (texts, end.usage, end.response_model) == (
        ["Lisbon,", " says C", "laude."],
        USAGE,
        MODEL,
    )


async def test_the_body_on_the_wire_is_ours_and_nothing_else(
    server: Loopback, adapter: OpenAdapter
) -> None:
    request = model_request(
        chat_message("system", "Be brief."), chat_message("user", "Wo? 🗺"), max_tokens=100
    )
    async with adapter(server.url) as anthropic:
        await anthropic.complete(request)
        await collect(anthropic, request)
    unary, streamed = (request.json for request in server.requests)
    assert unary == {
        "model": MODEL,
        "max_tokens": 100,
        "system": [text_block("Be brief.")],
        "messages": [{"role": "user", "content": [text_block("Wo? 🗺")]}],
    }
    assert streamed == {**unary, "stream": True}


async def test_the_key_and_the_version_are_sent(server: Loopback, adapter: OpenAdapter) -> None:
    async with adapter(server.url) as anthropic:
        await anthropic.complete(model_request())
    request = server.requests[0]
    assert (request.method, request.path, request.query) == ("POST", "/v1/messages", {})
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["anthropic-version"] == VERSION
    assert request.headers["content-type"] == request.headers["accept"] == "application/json"


CUSTOM = """
X-Stray: 1
authorization: Bearer another
X-Api-Key: another
Anthropic-Version: 2023-06-01
anthropic-beta: a-beta
Accept: text/html
user-agent: stray
no header at all
"""


async def test_no_environment_variable_changes_anything(
    server: Loopback, monkeypatch: pytest.MonkeyPatch, adapter: OpenAdapter
) -> None:
    async with adapter(server.url) as anthropic:
        await anthropic.complete(model_request())
    for name, value in {
        "ANTHROPIC_API_KEY": "another-key",
        "ANTHROPIC_AUTH_TOKEN": "another-token",
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:9",
        "ANTHROPIC_CUSTOM_HEADERS": CUSTOM,
        "ANTHROPIC_PROFILE": "another",
        "ANTHROPIC_IDENTITY_TOKEN": "another-token",
        "ANTHROPIC_FEDERATION_RULE_ID": "rule",
        "ANTHROPIC_ORGANIZATION_ID": "organization",
        "ANTHROPIC_WEBHOOK_SIGNING_KEY": "hook",
    }.items():
        monkeypatch.setenv(name, value)
    async with adapter(server.url) as anthropic:
        assert (await anthropic.complete(model_request())).text
    baseline, other = [request.headers for request in server.requests]
    assert other == baseline


def test_without_a_base_url_the_endpoint_is_anthropics_own(
    monkeypatch: pytest.MonkeyPatch, transport_class: type[Any]
) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
    anthropic = transport_class(Provider(plugin="anthropic", api_key=Secret(KEY)))
    url = anthropic._sdk.base_url if hasattr(anthropic, "_sdk") else anthropic._url
    assert str(url).removesuffix("/v1/messages") == "https://api.anthropic.com"


@pytest.mark.parametrize("key", [None, Secret("", "ANTHROPIC_API_KEY")])
async def test_a_users_own_endpoint_may_need_no_key(
    server: Loopback,
    key: Secret | None,
    monkeypatch: pytest.MonkeyPatch,
    transport_class: type[Any],
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "another-key")
    anthropic = transport_class(Provider(plugin="anthropic", base_url=server.url, api_key=key))
    assert (await anthropic.complete(model_request())).text
    await anthropic.aclose()
    assert not {"authorization", "x-api-key"} & server.requests[0].headers.keys()


@pytest.mark.parametrize("key", ["key\nwith a line end", "schlüssel"])
def test_an_unsendable_key_is_reported_and_not_shown(key: str, transport_class: type[Any]) -> None:
    with pytest.raises(
        AttemptFailed, match=r"the key \(Secret\(ANTHROPIC_API_KEY\)\) cannot be sent"
    ) as caught:
        transport_class(Provider(plugin="anthropic", api_key=Secret(key, "ANTHROPIC_API_KEY")))
    assert caught.value.failure.kind is Kind.UNAVAILABLE
    assert key not in str(caught.value)


@BOTH
@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        (BUSY, Kind.OVERLOADED, "529 overloaded_error. Overloaded"),
        (SLOW, Kind.RATE_LIMITED, "429 rate_limit_error. Slow down."),
        (NO_CREDIT, Kind.QUOTA_EXHAUSTED, "400 invalid_request_error. Your credit balance"),
        (
            error(404, "not_found_error", "model: x"),
            Kind.MODEL_MISSING,
            "404 not_found_error. model: x",
        ),
        (html(502), Kind.SERVER_ERROR, "502 Bad Gateway. Bad Gateway"),
        (respond(413, ""), Kind.UNSUPPORTED, "413"),
        (html(200), Kind.MALFORMED, "expected JSON"),
        (respond(200, ""), Kind.MALFORMED, ""),
        (respond(200, "null"), Kind.MALFORMED, ""),
        (respond(200, "[]"), Kind.MALFORMED, ""),
        (respond(200, OVERLOADED), Kind.OVERLOADED, "200 overloaded_error. Overloaded"),
        (respond(204, ""), Kind.MALFORMED, "204 No Content"),
        (respond(200, "no gzip", {"Content-Encoding": "gzip"}), Kind.MALFORMED, "Content-Encoding"),
        (reset(), Kind.CONNECTION, "connection error: Connection reset by peer"),
        (garbage(), Kind.CONNECTION, "connection error: "),
        (cut(BUSY, 20), Kind.OVERLOADED, "529"),
    ],
    ids=str,
)
async def test_every_fault_is_one_failure_after_one_request(
    server: Loopback, answer: Answer, kind: Kind, text: str, adapter: OpenAdapter, *, streamed: bool
) -> None:
    server.script(answer)
    async with adapter(server.url) as anthropic:
        failure = await get_failure(anthropic, model_request(), stream=streamed)
    assert failure.kind is kind, failure
    assert text in failure.text
    assert KEY not in failure.text
    assert len(server.requests) == 1


async def test_a_failure_names_its_request_and_keeps_a_stated_delay(
    server: Loopback, adapter: OpenAdapter
) -> None:
    server.script(BUSY, SLOW)
    async with adapter(server.url) as anthropic:
        assert (await get_failure(anthropic, model_request())).id == "req_of_the_header"
        failure = await get_failure(anthropic, model_request())
    assert (failure.id, failure.retry_after) == ("req_in_the_body", 12.0)


@BOTH
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_never_carries_the_key_along(
    server: Loopback, status: int, adapter: OpenAdapter, *, streamed: bool
) -> None:
    with Loopback() as elsewhere:
        server.script(respond(status, "", {"Location": f"{elsewhere.url}/v1/messages"}))
        async with adapter(server.url) as anthropic:
            failure = await get_failure(anthropic, model_request(), stream=streamed)
    assert (failure.kind, failure.status, elsewhere.requests) == (Kind.MALFORMED, status, [])


async def test_an_error_in_the_middle_of_a_stream_fails_it(
    server: Loopback, adapter: OpenAdapter
) -> None:
    items = events(message(text_block("Lisbon, says Claude.")))
    server.script(stream([*items[:5], OVERLOADED]))
    async with adapter(server.url) as anthropic:
        failure = await get_failure(anthropic, model_request(), stream=True)
    assert (failure.kind, failure.text) == (Kind.OVERLOADED, "200 overloaded_error. Overloaded")


CONTENT = [
    thinking_block("Which?"),
    text_block("I look."),
    tool_use("toolu_1", "weather", {"city": "Oslo"}),
]


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("framing", ["chunked", "eof"])
async def test_a_stream_cut_anywhere_is_a_failure(
    server: Loopback, how: Any, framing: Any, adapter: OpenAdapter
) -> None:
    answer = stream(events(message(*CONTENT, stop="tool_use")), framing=framing)
    last = len(answer.body) - len(frames([{"type": "message_stop"}]))
    async with adapter(server.url) as anthropic:
        for at in range(0, last, 97):
            server.script(cut(answer, at, how, wait=0.0))
            failure = await get_failure(anthropic, model_request(), stream=True)
            assert failure.kind in (Kind.CONNECTION, Kind.MALFORMED)


async def test_a_stream_that_breaks_after_its_end_is_complete(
    server: Loopback, adapter: OpenAdapter
) -> None:
    answer = stream(events(message(*CONTENT, stop="tool_use")))
    server.script(cut(answer, len(answer.body), "reset"))
    async with adapter(server.url) as anthropic:
        _, end = await collect(anthropic, model_request())
    assert end.finish is Finish.TOOL_CALLS


async def test_a_connection_is_used_again(server: Loopback, adapter: OpenAdapter) -> None:
    async with adapter(server.url) as anthropic:
        await anthropic.complete(model_request())
        for _ in range(3):
            await collect(anthropic, model_request())
        await anthropic.complete(model_request())
    assert (len(server.requests), server.accepted) == (5, 1)


async def test_leaving_a_stream_early_closes_it(server: Loopback, adapter: OpenAdapter) -> None:
    items = events(message(text_block("Lisbon, says Claude.")))
    server.script(Answer(pieces=((0.0, frames(items[:5])),), framing="chunked", then="hang"))
    async with adapter(server.url) as anthropic:
        chunks = anthropic.stream(model_request())
        async with aclosing(chunks):  # type: ignore[type-var] # a generator
            assert (await anext(chunks)).text
    assert await asyncio.to_thread(server.requests[0].disconnected.wait, 2)


@BOTH
async def test_cancellation_closes_the_connection(
    server: Loopback, adapter: OpenAdapter, *, streamed: bool
) -> None:
    server.script(hang())
    async with adapter(server.url) as anthropic:
        task = asyncio.create_task(
            collect(anthropic, model_request()) if streamed else anthropic.complete(model_request())
        )
        while not server.requests:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(server.requests[0].disconnected.wait, 2)


async def test_twenty_concurrent_requests_never_mix(server: Loopback, adapter: OpenAdapter) -> None:
    def echo(request: Received) -> Answer:
        return answers(request.json["messages"][0]["content"][0])(request)

    server.answer = echo
    async with adapter(server.url) as anthropic:

        async def ask(number: int) -> str:
            request = model_request(chat_message("user", f"question {number}"))
            return (
                (await anthropic.complete(request)).text
                if number % 2
                else "".join((await collect(anthropic, request))[0])
            )

        assert await asyncio.gather(*map(ask, range(20))) == [
            f"question {number}" for number in range(20)
        ]


@pytest.mark.parametrize("stream", [False, True], ids=["reply", "stream"])
async def test_the_older_version_of_the_api_has_the_key_in_a_header_of_its_own(
    server: Loopback, transport_class: type[Any], *, stream: bool
) -> None:
    options = {"api_version": "2023-06-01"}
    anthropic = transport_class(
        Provider(plugin="anthropic", base_url=server.url, api_key=Secret(KEY), options=options)
    )
    request = model_request(temperature=0.5)
    await (collect(anthropic, request) if stream else anthropic.complete(request))
    await anthropic.aclose()
    headers = server.requests[0].headers
    assert (headers["anthropic-version"], headers["x-api-key"]) == ("2023-06-01", KEY)
    assert "authorization" not in headers
    assert server.requests[0].json["temperature"] == 0.5
