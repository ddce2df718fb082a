"""The real SDK, over real sockets."""

import asyncio
from contextlib import aclosing
from typing import Any

import anthropic as sdk
import pytest

from standby.plugin import AttemptFailed, Finish, Kind, Provider, Secret, Usage
from standby_anthropic.adapter import VERSION, AnthropicAdapter
from tests.providers.anthropic.calls import KEY, adapter, call, collected, failure, said
from tests.providers.anthropic.wire_server import (
    MODEL,
    OVERLOADED,
    answers,
    error,
    events,
    framed,
    message,
    stream,
    text,
    thought,
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

BOTH = pytest.mark.parametrize("streamed", [False, True], ids=["reply", "stream"])
USAGE = Usage(input=19, output=28, reasoning=25, cached=4)
BUSY = respond(529, OVERLOADED, {"request-id": "req_of_the_header"})
SLOW = error(429, "rate_limit_error", "Slow down.", {"retry-after": "12"})
NO_CREDIT = error(
    400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API."
)


async def test_a_reply_comes_back_whole(server: Loopback) -> None:
    async with adapter(server.url) as anthropic:
        reply = await anthropic.complete(call())
    assert (reply.text, reply.finish, reply.usage, reply.response_model) == (
        "Lisbon, says Claude.",
        Finish.STOP,
        USAGE,
        MODEL,
    )
    assert reply.id.startswith("msg_")


async def test_a_stream_comes_in_pieces_and_ends(server: Loopback) -> None:
    async with adapter(server.url) as anthropic:
        texts, end = await collected(anthropic, call())
    assert (texts, end.usage, end.response_model) == (
        ["Lisbon,", " says C", "laude."],
        USAGE,
        MODEL,
    )


async def test_the_body_on_the_wire_is_ours_and_nothing_else(server: Loopback) -> None:
    asked = call(said("system", "Be brief."), said("user", "Wo? 🗺"), max_tokens=100)
    async with adapter(server.url) as anthropic:
        await anthropic.complete(asked)
        await collected(anthropic, asked)
    unary, streamed = (request.json for request in server.requests)
    assert unary == {
        "model": MODEL,
        "max_tokens": 100,
        "system": [text("Be brief.")],
        "messages": [{"role": "user", "content": [text("Wo? 🗺")]}],
    }
    assert streamed == {**unary, "stream": True}


async def test_the_sdk_authenticates_and_says_the_version(server: Loopback) -> None:
    async with adapter(server.url) as anthropic:
        await anthropic.complete(call())
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


async def test_no_environment_variable_switches_anything(
    server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with adapter(server.url) as anthropic:
        await anthropic.complete(call())
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
        assert (await anthropic.complete(call())).text
    plain, stray = [request.headers for request in server.requests]
    assert stray == plain


def test_without_a_base_url_it_is_anthropics_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
    anthropic = AnthropicAdapter(Provider(plugin="anthropic", api_key=Secret(KEY)))
    assert str(anthropic._sdk.base_url) == "https://api.anthropic.com"


@pytest.mark.parametrize("key", [None, Secret("", "ANTHROPIC_API_KEY")])
async def test_an_endpoint_of_ones_own_may_want_no_key(
    server: Loopback, key: Secret | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "another-key")
    anthropic = AnthropicAdapter(Provider(plugin="anthropic", base_url=server.url, api_key=key))
    assert (await anthropic.complete(call())).text
    await anthropic.aclose()
    assert not {"authorization", "x-api-key"} & server.requests[0].headers.keys()


@pytest.mark.parametrize("key", ["key\nwith a line end", "schlüssel"])
def test_a_key_that_cannot_be_sent_is_said_and_not_shown(key: str) -> None:
    with pytest.raises(
        AttemptFailed, match=r"the key \(Secret\(ANTHROPIC_API_KEY\)\) cannot be sent"
    ) as caught:
        AnthropicAdapter(Provider(plugin="anthropic", api_key=Secret(key, "ANTHROPIC_API_KEY")))
    assert caught.value.failure.kind is Kind.UNAVAILABLE
    assert key not in str(caught.value)


def test_an_endpoint_that_no_url_can_be_read_from_is_unavailable() -> None:
    with pytest.raises(AttemptFailed, match="the client cannot be made: ") as caught:
        AnthropicAdapter(
            Provider(plugin="anthropic", base_url="http://127.0.0.1:port", api_key=Secret(KEY))
        )
    assert caught.value.failure.kind is Kind.UNAVAILABLE


@BOTH
@pytest.mark.parametrize(
    ("answer", "kind", "words"),
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
        (cut(BUSY, 20), Kind.CONNECTION, "connection error: "),
    ],
    ids=str,
)
async def test_every_fault_is_one_failure_after_one_request(
    server: Loopback, answer: Answer, kind: Kind, words: str, *, streamed: bool
) -> None:
    server.script(answer)
    async with adapter(server.url) as anthropic:
        told = await failure(anthropic, call(), stream=streamed)
    assert told.kind is kind, told
    assert words in told.text
    assert KEY not in told.text
    assert len(server.requests) == 1


async def test_a_failure_names_its_request_and_keeps_a_stated_delay(server: Loopback) -> None:
    server.script(BUSY, SLOW)
    async with adapter(server.url) as anthropic:
        assert (await failure(anthropic, call())).id == "req_of_the_header"
        told = await failure(anthropic, call())
    assert (told.id, told.retry_after) == ("req_in_the_body", 12.0)


@BOTH
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_never_takes_the_key_along(
    server: Loopback, status: int, *, streamed: bool
) -> None:
    with Loopback() as elsewhere:
        server.script(respond(status, "", {"Location": f"{elsewhere.url}/v1/messages"}))
        async with adapter(server.url) as anthropic:
            told = await failure(anthropic, call(), stream=streamed)
    assert (told.kind, told.status, elsewhere.requests) == (Kind.MALFORMED, status, [])


async def test_an_error_in_the_middle_of_a_stream_fails_it(server: Loopback) -> None:
    told = events(message(text("Lisbon, says Claude.")))
    server.script(stream([*told[:5], OVERLOADED]))
    async with adapter(server.url) as anthropic:
        failed = await failure(anthropic, call(), stream=True)
    assert (failed.kind, failed.text) == (Kind.OVERLOADED, "200 overloaded_error. Overloaded")


CONTENT = [thought("Which?"), text("I look."), tool_use("toolu_1", "weather", {"city": "Oslo"})]


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("framing", ["chunked", "eof"])
async def test_a_stream_that_is_cut_anywhere_is_no_answer(
    server: Loopback, how: Any, framing: Any
) -> None:
    whole = stream(events(message(*CONTENT, stop="tool_use")), framing=framing)
    last = len(whole.body) - len(framed([{"type": "message_stop"}]))
    async with adapter(server.url) as anthropic:
        for at in range(0, last, 97):
            server.script(cut(whole, at, how, wait=0.0))
            told = await failure(anthropic, call(), stream=True)
            assert told.kind in (Kind.CONNECTION, Kind.MALFORMED)


async def test_a_stream_that_breaks_after_its_end_is_whole(server: Loopback) -> None:
    whole = stream(events(message(*CONTENT, stop="tool_use")))
    server.script(cut(whole, len(whole.body), "reset"))
    async with adapter(server.url) as anthropic:
        _, end = await collected(anthropic, call())
    assert end.finish is Finish.TOOL_CALLS


async def test_a_connection_is_used_again(server: Loopback) -> None:
    async with adapter(server.url) as anthropic:
        await anthropic.complete(call())
        for _ in range(3):
            await collected(anthropic, call())
        await anthropic.complete(call())
    assert (len(server.requests), server.accepted) == (5, 1)


async def test_a_stream_that_is_left_early_is_closed(server: Loopback) -> None:
    told = events(message(text("Lisbon, says Claude.")))
    server.script(Answer(pieces=((0.0, framed(told[:5])),), framing="chunked", then="hang"))
    async with adapter(server.url) as anthropic, aclosing(anthropic.stream(call())) as chunks:  # type: ignore[type-var] # a generator
        assert (await anext(chunks)).text
    assert await asyncio.to_thread(server.requests[0].disconnected.wait, 2)


@BOTH
async def test_cancellation_closes_the_connection(server: Loopback, *, streamed: bool) -> None:
    server.script(hang())
    async with adapter(server.url) as anthropic:
        asking = asyncio.create_task(
            collected(anthropic, call()) if streamed else anthropic.complete(call())
        )
        while not server.requests:
            await asyncio.sleep(0.01)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert await asyncio.to_thread(server.requests[0].disconnected.wait, 2)


async def test_twenty_calls_at_once_never_mix(server: Loopback) -> None:
    def echo(request: Received) -> Answer:
        return answers(request.json["messages"][0]["content"][0])(request)

    server.answer = echo
    async with adapter(server.url) as anthropic:

        async def ask(number: int) -> str:
            asked = call(said("user", f"question {number}"))
            return (
                (await anthropic.complete(asked)).text
                if number % 2
                else "".join((await collected(anthropic, asked))[0])
            )

        assert await asyncio.gather(*map(ask, range(20))) == [
            f"question {number}" for number in range(20)
        ]


def test_the_version_is_the_sdks_own() -> None:
    assert sdk.AsyncAnthropic(api_key="k").default_headers["anthropic-version"] == VERSION
