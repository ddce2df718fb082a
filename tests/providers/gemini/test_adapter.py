"""Successful requests over real sockets, by the lean client and by the SDK."""

import asyncio
import logging
from typing import Any

import pytest

from standby.plugin import AttemptFailed, End, Finish, Kind, Provider, Secret, Usage
from tests.providers.gemini.requests import KEY, collect, model_request
from tests.support.loopback import Loopback, Received, gemini_reply, gemini_stream
from tests.support.transports import OpenAdapter

USAGE = Usage(input=12, output=28, reasoning=25)


async def test_a_reply_arrives_complete(server: Loopback, adapter: OpenAdapter) -> None:
    async with adapter(server.url) as gemini:
        reply = await gemini.complete(model_request())
    assert (reply.text, reply.finish, reply.usage) == ("Lisbon, says Gemini.", Finish.STOP, USAGE)
    assert reply.response_model == "gemini-2.5-pro"


async def test_a_stream_arrives_in_pieces_and_ends(server: Loopback, adapter: OpenAdapter) -> None:
    async with adapter(server.url) as gemini:
        texts, end = await collect(gemini, model_request())
    assert texts == ["Lisbon, ", "says Gemini."]
    assert end == End(usage=USAGE, response_model="gemini-2.5-pro", id="w1peaMz6INOvnvgP")


@pytest.mark.parametrize(
    ("options", "model", "path"),
    [
        ({}, "gemini-2.5-pro", "/v1beta/models/gemini-2.5-pro"),
        ({"api_version": "v1"}, "gemini-2.5-pro", "/v1/models/gemini-2.5-pro"),
        ({"api_version": "v1beta"}, "gemini-flash-latest", "/v1beta/models/gemini-flash-latest"),
        ({}, "tunedModels/mine", "/v1beta/tunedModels/mine"),
    ],
)
async def test_the_path_names_the_version_and_the_model(
    server: Loopback, options: dict[str, Any], model: str, path: str, adapter: OpenAdapter
) -> None:
    async with adapter(server.url) as gemini:
        await gemini.complete(model_request(model=model, options=options))
        await collect(gemini, model_request(model=model, options=options))
    unary, stream = server.requests
    assert (unary.method, unary.path, unary.query) == ("POST", f"{path}:generateContent", {})
    assert (stream.method, stream.path, stream.query) == (
        "POST",
        f"{path}:streamGenerateContent",
        {"alt": ["sse"]},
    )


@pytest.mark.parametrize("base", ["", "/", "/proxy/gemini"])
async def test_a_base_url_may_have_a_path(
    server: Loopback, base: str, adapter: OpenAdapter
) -> None:
    async with adapter(server.url + base) as gemini:
        await gemini.complete(model_request())
    assert (
        server.requests[0].path
        == f"{base.rstrip('/')}/v1beta/models/gemini-2.5-pro:generateContent"
    )


async def test_the_body_on_the_wire_is_ours_and_nothing_else(
    server: Loopback, adapter: OpenAdapter
) -> None:
    request = model_request(
        ("system", "Be brief."),
        ("user", "Wo? 🗺"),
        temperature=0.5,
        options={"thinking_budget": 128},
    )
    async with adapter(server.url) as gemini:
        await gemini.complete(request)
        await collect(gemini, request)
    for request in server.requests:
        assert request.json == {
            "contents": [{"role": "user", "parts": [{"text": "Wo? 🗺"}]}],
            "systemInstruction": {"parts": [{"text": "Be brief."}]},
            "generationConfig": {"temperature": 0.5, "thinkingConfig": {"thinkingBudget": 128}},
        }


async def test_the_key_is_sent_and_the_time_outs_are_the_dispatchers(
    server: Loopback, adapter: OpenAdapter
) -> None:
    async with adapter(server.url) as gemini:
        await gemini.complete(model_request())
    headers = server.requests[0].headers
    assert headers["x-goog-api-key"] == KEY
    assert headers["x-server-timeout"] == "600"
    assert "authorization" not in headers


async def test_a_users_own_proxy_may_need_no_key(
    server: Loopback, transport_class: type[Any]
) -> None:
    gemini = transport_class(Provider(plugin="gemini", base_url=server.url))
    assert (await gemini.complete(model_request())).text
    await gemini.aclose()


async def test_no_environment_variable_changes_anything(
    server: Loopback,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    adapter: OpenAdapter,
) -> None:
    for name, value in {
        "GOOGLE_API_KEY": "another-key",
        "GEMINI_API_KEY": "a-third-key",
        "GOOGLE_GENAI_USE_VERTEXAI": "1",
        "GOOGLE_GENAI_USE_ENTERPRISE": "true",
        "GOOGLE_CLOUD_PROJECT": "project",
        "GOOGLE_CLOUD_LOCATION": "europe-west4",
        "GOOGLE_GEMINI_BASE_URL": "http://127.0.0.1:9",
        "GOOGLE_VERTEX_BASE_URL": "http://127.0.0.1:9",
        "GOOGLE_GENAI_API_VERSION": "v1alpha",
        "GOOGLE_GENAI_CLIENT_MODE": "replay",
        "GOOGLE_GENAI_REPLAYS_DIRECTORY": "/nowhere",
    }.items():
        monkeypatch.setenv(name, value)
    with caplog.at_level(logging.INFO):
        async with adapter(server.url) as gemini:
            assert (await gemini.complete(model_request())).text == "Lisbon, says Gemini."
            await collect(gemini, model_request())
    assert {request.headers["x-goog-api-key"] for request in server.requests} == {KEY}
    assert {request.path.rpartition(":")[0] for request in server.requests} == {
        "/v1beta/models/gemini-2.5-pro"
    }
    assert not [record for record in caplog.records if record.name.startswith("google_genai")]


async def test_twenty_concurrent_requests_never_mix(server: Loopback, adapter: OpenAdapter) -> None:
    def echo(request: Received) -> Any:
        text = request.json["contents"][0]["parts"][0]["text"]
        if request.path.endswith(":generateContent"):
            return gemini_reply(text)
        return gemini_stream([text[:2], text[2:]])

    server.answer = echo

    async with adapter(server.url) as gemini:

        async def ask(number: int) -> str:
            request = model_request(("user", f"question {number}"))
            if number % 2:
                return (await gemini.complete(request)).text
            return "".join((await collect(gemini, request))[0])

        assert await asyncio.gather(*map(ask, range(20))) == [
            f"question {number}" for number in range(20)
        ]


async def test_a_connection_is_used_again(server: Loopback, adapter: OpenAdapter) -> None:
    async with adapter(server.url) as gemini:
        await gemini.complete(model_request())
        await collect(gemini, model_request())
        await gemini.complete(model_request())
    assert (len(server.requests), server.accepted) == (3, 1)


def test_one_adapter_belongs_to_one_loop_and_leaves_nothing_open(
    server: Loopback, adapter: OpenAdapter
) -> None:
    async def ask() -> str:
        async with adapter(server.url) as gemini:
            return (await gemini.complete(model_request())).text

    assert [asyncio.run(ask()) for _ in range(3)] == ["Lisbon, says Gemini."] * 3


@pytest.mark.parametrize(
    "key", ["key\nwith a line end", "schlüssel", "auth_tokens/ephemeral", "key\x00"]
)
def test_an_unsendable_key_is_reported_and_not_shown(key: str, transport_class: type[Any]) -> None:
    with pytest.raises(AttemptFailed, match=r"the key \(Secret\(GEMINI_API_KEY\)\)") as caught:
        transport_class(
            Provider(
                plugin="gemini",
                base_url="http://127.0.0.1:9",
                api_key=Secret(key, "GEMINI_API_KEY"),
            )
        )
    assert caught.value.failure.kind is Kind.UNAVAILABLE
    assert key not in str(caught.value)


@pytest.mark.parametrize(
    "key", [None, Secret("", "GEMINI_API_KEY"), Secret("  \n", "GEMINI_API_KEY")]
)
def test_without_a_key_and_an_endpoint_the_message_says_what_to_set(
    key: Secret | None, transport_class: type[Any]
) -> None:
    with pytest.raises(AttemptFailed, match="no key: set GEMINI_API_KEY"):
        transport_class(Provider(plugin="gemini", api_key=key))
