"""Successful requests over real sockets, by the lean client and by the SDK."""

import asyncio
import time
from typing import Any

import pytest

from standby.plugin import AttemptFailed, End, Finish, Kind, Provider, Secret, Usage
from tests.providers.openai.requests import KEY, collect, model_request
from tests.support.loopback import Loopback, Received, openai_reply, openai_stream
from tests.support.transports import OpenAdapter

USAGE = Usage(input=12, output=28, reasoning=25, cached=4)
RESPONSE_MODEL = "o3-mini-2025-01-31"
ADDED_BY_HTTP = {"host", "connection", "accept-encoding", "content-length"}


async def test_a_reply_arrives_complete(server: Loopback, adapter: OpenAdapter) -> None:
    async with adapter(server.url) as openai:
        reply = await openai.complete(model_request())
    assert (reply.text, reply.finish, reply.usage) == ("Lisbon, says OpenAI.", Finish.STOP, USAGE)
    assert reply.response_model == RESPONSE_MODEL


async def test_a_stream_arrives_in_pieces_and_ends(server: Loopback, adapter: OpenAdapter) -> None:
    async with adapter(server.url) as openai:
        texts, end = await collect(openai, model_request())
    assert texts == ["Lisbon, ", "says OpenAI."]
    assert end == End(
        usage=USAGE, response_model=RESPONSE_MODEL, id="chatcmpl-BMSBsbjyxfOHmfmqtuMbkEEHZsRJu"
    )


@pytest.mark.parametrize("base", ["", "/", "/v1", "/v1/", "/proxy/openai/v1"])
async def test_a_base_url_may_have_a_path(
    server: Loopback, base: str, adapter: OpenAdapter
) -> None:
    async with adapter(server.url + base) as openai:
        await openai.complete(model_request())
        await collect(openai, model_request())
    for request in server.requests:
        assert (request.method, request.path, request.query) == (
            "POST",
            f"{base.rstrip('/')}/chat/completions",
            {},
        )


def test_without_a_base_url_the_endpoint_is_openais_own(transport_class: type[Any]) -> None:
    openai = transport_class(Provider(plugin="openai", api_key=Secret(KEY)))
    url = openai._sdk.base_url if hasattr(openai, "_sdk") else openai._base_url
    assert str(url).rstrip("/") == "https://api.openai.com/v1"
    assert openai._max_tokens == "max_completion_tokens"


async def test_the_body_on_the_wire_is_ours_and_nothing_else(
    server: Loopback, adapter: OpenAdapter
) -> None:
    request = model_request(
        ("system", "Be brief."),
        ("user", "Wo? 🗺"),
        max_tokens=100,
        options={"reasoning_effort": "low"},
    )
    async with adapter(server.url) as openai:
        await openai.complete(request)
        await collect(openai, request)
    unary, stream = (request.json for request in server.requests)
    assert unary == {
        "model": "o3-mini",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Wo? 🗺"},
        ],
        "max_completion_tokens": 100,
        "reasoning_effort": "low",
    }
    assert stream == unary | {"stream": True, "stream_options": {"include_usage": True}}


async def test_a_users_own_endpoint_gets_max_tokens(server: Loopback, adapter: OpenAdapter) -> None:
    async with adapter(server.url) as openai:
        await openai.complete(model_request(model="an-unknown-model", max_tokens=100))
    assert server.requests[0].json["max_tokens"] == 100


async def test_the_key_is_sent_and_the_time_outs_are_the_dispatchers(
    server: Loopback, adapter: OpenAdapter
) -> None:
    async with adapter(server.url) as openai:
        await openai.complete(model_request())
    headers = server.requests[0].headers
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["content-type"] == headers["accept"] == "application/json"
    assert headers["user-agent"].startswith(("AsyncOpenAI/Python ", "standby/"))
    assert (
        not {"x-stainless-read-timeout", "openai-organization", "openai-project"} & headers.keys()
    )


@pytest.mark.parametrize("key", [None, Secret("", "OPENAI_API_KEY")])
async def test_a_users_own_endpoint_may_need_no_key(
    server: Loopback, key: Secret | None, transport_class: type[Any]
) -> None:
    openai = transport_class(Provider(plugin="openai", base_url=server.url, api_key=key))
    assert (await openai.complete(model_request())).text
    assert (await collect(openai, model_request()))[0]
    await openai.aclose()
    assert not any("authorization" in request.headers for request in server.requests)


CUSTOM = """
X-Stray: 1
authorization: Bearer another
Accept: text/html
user-agent: stray
CONTENT-TYPE: text/plain
Host: elsewhere.example
x-stainless-raw-response: true
Idempotency-Key: stray
Bäd: x
no header at all
"""


async def test_no_environment_variable_changes_anything(
    server: Loopback, monkeypatch: pytest.MonkeyPatch, adapter: OpenAdapter
) -> None:
    async with adapter(server.url) as openai:
        await openai.complete(model_request())
    for name, value in {
        "OPENAI_API_KEY": "another-key",
        "OPENAI_ADMIN_KEY": "an-admin-key",
        "OPENAI_BASE_URL": "http://127.0.0.1:9",
        "OPENAI_ORG_ID": "org",
        "OPENAI_PROJECT_ID": "project",
        "OPENAI_WEBHOOK_SECRET": "hook",
        "OPENAI_CUSTOM_HEADERS": CUSTOM,
        "OPENAI_API_TYPE": "azure",
        "OPENAI_API_VERSION": "2020-01-01",
        "AZURE_OPENAI_ENDPOINT": "http://127.0.0.1:9",
        "AZURE_OPENAI_API_KEY": "another-key",
        "AZURE_OPENAI_AD_TOKEN": "another-token",
    }.items():
        monkeypatch.setenv(name, value)
    async with adapter(server.url) as openai:
        assert (await openai.complete(model_request())).text == "Lisbon, says OpenAI."
        await collect(openai, model_request())
    baseline, *others = [request.headers for request in server.requests]
    for headers in others:
        assert without(headers, "content-length") == without(baseline, "content-length")


def without(headers: dict[str, str], name: str) -> dict[str, str]:
    return {one: value for one, value in headers.items() if one != name}


async def test_without_a_key_no_variable_supplies_one(
    server: Loopback, monkeypatch: pytest.MonkeyPatch, adapter: OpenAdapter
) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY"):
        monkeypatch.setenv(name, "another-key")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "Authorization: Bearer another-key")
    async with adapter(server.url, key="") as openai:
        await openai.complete(model_request())
    assert "another-key" not in str(server.requests[0].headers)


async def test_twenty_concurrent_requests_never_mix(server: Loopback, adapter: OpenAdapter) -> None:
    def echo(request: Received) -> Any:
        text = request.json["messages"][0]["content"]
        return (
            openai_stream([text[:2], text[2:]])
            if request.json.get("stream")
            else openai_reply(text)
        )

    server.answer = echo

    async with adapter(server.url) as openai:

        async def ask(number: int) -> str:
            request = model_request(("user", f"question {number}"))
            if number % 2:
                return (await openai.complete(request)).text
            return "".join((await collect(openai, request))[0])

        assert await asyncio.gather(*map(ask, range(20))) == [
            f"question {number}" for number in range(20)
        ]


async def test_a_connection_is_used_again(server: Loopback, adapter: OpenAdapter) -> None:
    async with adapter(server.url) as openai:
        await openai.complete(model_request())
        for _ in range(3):
            await collect(openai, model_request())
        await openai.complete(model_request())
    assert (len(server.requests), server.accepted) == (5, 1)


def test_one_adapter_belongs_to_one_loop_and_leaves_nothing_open(
    server: Loopback, adapter: OpenAdapter
) -> None:
    async def ask() -> str:
        async with adapter(server.url) as openai:
            return (await openai.complete(model_request())).text

    assert [asyncio.run(ask()) for _ in range(3)] == ["Lisbon, says OpenAI."] * 3
    for _ in range(100):
        if not server.open_connections:
            break
        time.sleep(0.02)
    assert (server.accepted, server.open_connections) == (3, 0)


async def test_a_key_may_have_blanks_around_it(server: Loopback, adapter: OpenAdapter) -> None:
    async with adapter(server.url, key=f" {KEY}\n") as openai:
        await openai.complete(model_request())
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    "key", ["key\nwith a line end", "key\r\nX-Injected: 1", "schlüssel", "key\x00"]
)
def test_an_unsendable_key_is_reported_and_not_shown(key: str, transport_class: type[Any]) -> None:
    with pytest.raises(
        AttemptFailed, match=r"the key \(Secret\(OPENAI_API_KEY\)\) cannot be sent"
    ) as caught:
        transport_class(
            Provider(
                plugin="openai",
                base_url="http://127.0.0.1:9",
                api_key=Secret(key, "OPENAI_API_KEY"),
            )
        )
    assert caught.value.failure.kind is Kind.UNAVAILABLE
    assert key not in str(caught.value)


@pytest.mark.parametrize(
    "key", [None, Secret("", "OPENAI_API_KEY"), Secret("  \n", "OPENAI_API_KEY")]
)
def test_without_a_key_and_an_endpoint_the_message_says_what_to_set(
    key: Secret | None, transport_class: type[Any]
) -> None:
    with pytest.raises(AttemptFailed, match="no key: set OPENAI_API_KEY") as caught:
        transport_class(Provider(plugin="openai", api_key=key))
    assert caught.value.failure.kind is Kind.UNAVAILABLE


async def test_a_proxy_variable_is_respected(
    server: Loopback, monkeypatch: pytest.MonkeyPatch, adapter: OpenAdapter
) -> None:
    monkeypatch.setenv("HTTP_PROXY", server.url)
    async with adapter("http://openai.invalid/v1") as openai:
        assert (await openai.complete(model_request())).text == "Lisbon, says OpenAI."
    assert server.requests[0].headers["host"] == "openai.invalid"
