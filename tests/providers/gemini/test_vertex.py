"""Vertex AI: the same wire at another endpoint, with Google Cloud's credentials or with a key."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from standby import AsyncStandby
from standby.plugin import AttemptFailed, Kind, Provider, Secret
from standby_gemini import standby_provider
from tests.providers.gemini.requests import collect, model_request
from tests.support.google_account import TOKEN, token_answer, write_service_account
from tests.support.loopback import Answer, Loopback, Received, gemini_answers, gemini_error

ACCOUNT = {"project": "my-project", "location": "europe-west1"}
MODEL = (
    "/v1beta1/projects/my-project/locations/europe-west1/publishers/google/models/gemini-2.5-pro"
)
MakeAdapter = Callable[..., Any]


@pytest.fixture
def credentials(server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a service account whose tokens come from the same server.

    The tests so take google-auth's real path, from the file to the header.
    """
    file = write_service_account(tmp_path, server.url)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    return file


def answers(request: Received) -> Answer:
    return token_answer(request) or gemini_answers("Lisbon, ", "says Vertex.")(request)


@pytest.fixture
def adapter(server: Loopback, transport_class: type[Any]) -> MakeAdapter:
    def make(options: dict[str, Any], key: str = "") -> Any:
        secret = Secret(key, "GEMINI_API_KEY") if key else None
        return transport_class(
            Provider(plugin="gemini", base_url=server.url, api_key=secret, options=options)
        )

    return make


@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize("streams", [False, True])
async def test_a_project_uses_application_default_credentials(
    server: Loopback, adapter: MakeAdapter, *, streams: bool
) -> None:
    server.answer = answers
    gemini = adapter(ACCOUNT, key="a-key-of-the-developer-api")
    try:
        text = (
            "".join((await collect(gemini, model_request()))[0])
            if streams
            else (await gemini.complete(model_request())).text
        )
        await gemini.complete(model_request())
    finally:
        await gemini.aclose()
    assert text == "Lisbon, says Vertex."
    token, first, second = server.requests  # one token for both
    assert (token.method, token.path) == ("POST", "/token")
    assert first.path == MODEL + (":streamGenerateContent" if streams else ":generateContent")
    for request in (first, second):
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        assert "x-goog-api-key" not in request.headers
    assert (
        first.json
        == second.json
        == {"contents": [{"role": "user", "parts": [{"text": "Which city?"}]}]}
    )


@pytest.mark.usefixtures("credentials")
async def test_vertex_uses_the_configured_version(server: Loopback, adapter: MakeAdapter) -> None:
    server.answer = answers
    gemini = adapter({"project": "p"})
    try:
        await gemini.complete(model_request(options={"api_version": "v1"}))
    finally:
        await gemini.aclose()
    assert (
        server.requests[1].path
        == "/v1/projects/p/locations/global/publishers/google/models/gemini-2.5-pro:generateContent"
    )


async def test_express_mode_needs_a_key_and_no_project(
    server: Loopback, adapter: MakeAdapter
) -> None:
    server.answer = answers
    gemini = adapter({"express": True}, key="a-key-of-vertex")
    try:
        await gemini.complete(model_request())
    finally:
        await gemini.aclose()
    (request,) = server.requests
    assert request.path == "/v1beta1/publishers/google/models/gemini-2.5-pro:generateContent"
    assert request.headers["x-goog-api-key"] == "a-key-of-vertex"
    assert "authorization" not in request.headers


async def test_without_credentials_the_model_is_unavailable_and_the_message_names_the_remedy(
    server: Loopback, adapter: MakeAdapter, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "missing.json"))
    gemini = adapter(ACCOUNT)
    try:
        with pytest.raises(AttemptFailed) as caught:
            await gemini.complete(model_request())
    finally:
        await gemini.aclose()
    failure = caught.value.failure
    assert failure.kind is Kind.UNAVAILABLE
    assert failure.message.startswith("no Google Cloud credentials: ")
    assert failure.message.endswith("; see 'gcloud auth application-default login'")
    assert server.requests == []


@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (
            400,
            {"error": "invalid_grant", "error_description": "Invalid JWT Signature."},
            Kind.UNAVAILABLE,
        ),
        (403, {"error": "access_denied"}, Kind.UNAVAILABLE),
    ],
)
async def test_a_refused_token_makes_the_model_unavailable(
    server: Loopback, adapter: MakeAdapter, status: int, body: dict[str, Any], kind: Kind
) -> None:
    server.script(
        Answer(
            status=status,
            headers={"content-type": "application/json"},
            pieces=((0, msgspec.json.encode(body)),),
        )
    )
    gemini = adapter(ACCOUNT)
    try:
        with pytest.raises(AttemptFailed) as caught:
            await gemini.complete(model_request())
    finally:
        await gemini.aclose()
    assert caught.value.failure.kind is kind


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("global", "https://aiplatform.googleapis.com"),
        ("eu", "https://aiplatform.eu.rep.googleapis.com"),
        ("europe-west1", "https://europe-west1-aiplatform.googleapis.com"),
    ],
)
def test_each_location_has_its_own_endpoint(
    transport_class: type[Any], location: str, url: str
) -> None:
    options = {"project": "p", "location": location}
    gemini = transport_class(Provider(plugin="gemini", options=options))
    assert gemini._default_url().rstrip("/") == url


@pytest.mark.parametrize(
    ("options", "valid"),
    [
        ({}, True),
        ({"project": "p"}, True),
        (ACCOUNT, True),
        ({"express": True}, True),
        ({"location": "eu"}, False),
        ({"project": "p", "express": True}, False),
        ({"projekt": "p"}, False),
    ],
)
def test_account_options_are_validated(options: dict[str, Any], *, valid: bool) -> None:
    info = standby_provider()
    assert info is not None
    assert jsonschema.Draft202012Validator(info.account).is_valid(options) is valid


@pytest.mark.usefixtures("credentials")
async def test_a_chain_goes_from_the_developer_api_to_vertex_with_the_same_cards(
    server: Loopback, tmp_path: Path
) -> None:
    with Loopback() as developer:
        developer.script(gemini_error(503, "UNAVAILABLE", "The model is overloaded."))
        server.answer = answers
        file = tmp_path / "models.yaml"
        file.write_text(
            f"""
version: 1
providers:
  gemini: {{plugin: gemini, base_url: "{developer.url}"}}
  vertex:
    plugin: gemini
    base_url: "{server.url}"
    options: {{project: my-project, location: europe-west1}}
chains:
  default: {{models: [gemini-2.5-pro, vertex/gemini-2.5-pro], retry: {{attempts: 1}}}}
""",
            encoding="utf-8",
        )
        async with AsyncStandby(file, environ={"GEMINI_API_KEY": "a-key"}) as client:
            reply = await client.chat("hi", presence_penalty=0.5)
    assert (reply.text, reply.model, reply.provider) == (
        "Lisbon, says Vertex.",
        "vertex/gemini-2.5-pro",
        "vertex",
    )
    assert [attempt.dropped for attempt in reply.trail] == [
        ("presence_penalty",),
        ("presence_penalty",),
    ]
