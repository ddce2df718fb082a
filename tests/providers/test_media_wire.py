"""Images, sound and documents on both wires, and media that neither takes."""

from typing import Any

import pytest

from standby.plugin import AttemptFailed, Card, Kind, Media, Message, ModelRequest, Request, Text
from standby_gemini import standby_models as gemini_models
from standby_gemini import standby_provider as gemini_provider
from standby_gemini.request import build_body as gemini_body
from standby_openai import standby_models as openai_models
from standby_openai.chat_request import build_body as openai_body

PNG = Media(media_type="image/png", data="iVBORw0KGgo=")
LINKED = Media(media_type="image/jpeg", url="https://x.example/a.jpg")
UNTYPED = Media(media_type="image/*", url="https://x.example/a")
WAV = Media(media_type="audio/wav", data="UklGRg==")
PDF = Media(media_type="application/pdf", data="JVBERg==", name="bill.pdf")


def model_request(*parts: Any) -> ModelRequest:
    return ModelRequest(
        request=Request((Message("user", (Text("Look."), *parts)),)),
        model="m",
        card=Card(),
        options={},
        timeout=60.0,
    )


def test_openais_body_holds_media_beside_the_text() -> None:
    request = model_request(PNG, LINKED, WAV, PDF)
    [message] = openai_body(request, stream=False, max_tokens="max_tokens")["messages"]
    assert message == {
        "role": "user",
        "content": [
            {"type": "text", "text": "Look."},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
            {"type": "image_url", "image_url": {"url": "https://x.example/a.jpg"}},
            {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
            {
                "type": "file",
                "file": {
                    "filename": "bill.pdf",
                    "file_data": "data:application/pdf;base64,JVBERg==",
                },
            },
        ],
    }


def test_geminis_body_holds_media_beside_the_text() -> None:
    assert gemini_body(model_request(PNG, LINKED, UNTYPED, WAV, PDF))["contents"] == [
        {
            "role": "user",
            "parts": [
                {"text": "Look."},
                {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}},
                {"fileData": {"fileUri": "https://x.example/a.jpg", "mimeType": "image/jpeg"}},
                {"fileData": {"fileUri": "https://x.example/a"}},
                {"inlineData": {"mimeType": "audio/wav", "data": "UklGRg=="}},
                {"inlineData": {"mimeType": "application/pdf", "data": "JVBERg=="}},
            ],
        }
    ]


@pytest.mark.parametrize(
    "media",
    [
        Media(media_type="application/pdf", url="https://x.example/a.pdf"),
        Media(media_type="audio/ogg", data="T2dnUw=="),
        Media(media_type="video/mp4", data="AAAA"),
    ],
)
def test_media_without_a_form_is_unsupported_and_not_omitted(
    media: Media,
) -> None:
    with pytest.raises(
        AttemptFailed, match=f"not sent: Chat Completions does not take {media.media_type}"
    ) as caught:
        openai_body(model_request(media), stream=False, max_tokens="max_tokens")
    assert caught.value.failure.kind is Kind.UNSUPPORTED


def test_the_cards_state_the_media_that_each_model_reads() -> None:
    assert openai_models()["o3-mini"].reads is None
    assert openai_models()["gpt-5.6-sol"].reads == ("image", "pdf")
    assert gemini_provider().card.reads == ("image", "audio", "video", "pdf")
    # the provider's own card applies to the others
    restricted = {name for name, card in gemini_models().items() if card.reads is not None}
    assert restricted == {"gemini-3.1-flash-lite", "gemini-3.5-flash-lite"}
