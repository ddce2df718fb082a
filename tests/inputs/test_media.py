"""Images, audio and documents: parsed, checked, and sent only to models that read them."""

import base64
from typing import Any

import pytest

from standby.cards import Card
from standby.dispatch.compatibility import incompatibility
from standby.errors import RequestError
from standby.inputs.parse import parse_request
from standby.types import Media, Message, Request, Text
from tests.support.playing import get_message, target

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n and a picture").decode()
PDF = base64.b64encode(b"%PDF-1.7 and a document").decode()
SOUND = base64.b64encode(b"sound").decode()


def image(url: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


def read(part: Any, role: str = "user") -> Any:
    [_, message] = parse_request(
        [{"role": "user", "content": "hi"}, {"role": role, "content": [part]}], {}
    ).messages
    return message.parts[0]


@pytest.mark.parametrize(
    ("part", "media", "kind"),
    [
        (image(f"data:image/png;base64,{PNG}"), Media(media_type="image/png", data=PNG), "image"),
        (
            image("https://x.example/a.jpg?b=c"),
            Media(media_type="image/jpeg", url="https://x.example/a.jpg?b=c"),
            "image",
        ),
        (
            image("https://x.example/a"),
            Media(media_type="image/*", url="https://x.example/a"),
            "image",
        ),
        (
            {
                "type": "file",
                "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF}"},
            },
            Media(media_type="application/pdf", data=PDF, name="a.pdf"),
            "pdf",
        ),
        (
            {"type": "input_audio", "input_audio": {"data": SOUND, "format": "mp3"}},
            Media(media_type="audio/mpeg", data=SOUND),
            "audio",
        ),
        (
            Media(media_type="video/mp4", url="https://x.example/v"),
            Media(media_type="video/mp4", url="https://x.example/v"),
            "video",
        ),
        (
            Media(media_type="text/csv", data=SOUND),
            Media(media_type="text/csv", data=SOUND),
            "file",
        ),
    ],
)
def test_openais_forms_are_read(part: Any, media: Media, kind: str) -> None:
    assert (read(part), media.kind) == (media, kind)


UNREADABLE = [
    (image(None), "'image_url' needs a URL: data:TYPE;base64,… or https://…"),
    (image("data:image/png,abc"), "'image_url' needs a URL: data:TYPE;base64,… or https://…"),
    (image("ftp://x.example/a.png"), "the url must begin with https://"),
    (image("data:image/png;base64,%%%"), "the data is not base64"),
    (image(f"data:image/png;base64,{PNG[:-1]}"), "the data is not base64"),
    (
        image(f"data:image/png;base64,{PDF}"),
        "the data cannot be read as image/png: it begins differently",
    ),
    (image(f"data:png;base64,{PNG}"), "media_type must be a type like image/png"),
    (
        {"type": "file", "file": {"file_id": "file-1"}},
        "'file' needs a URL: data:TYPE;base64,… or https://…",
    ),
    (
        {"type": "input_audio", "input_audio": {"data": SOUND, "format": "ogg"}},
        'expected {"type": "text", "text": "…"}, or an image_url, input_audio or file',
    ),
    (Media(media_type="image/png"), "give either data, as base64, or a url"),
    (
        Media(media_type="image/png", data=PNG, url="https://x.example/a.png"),
        "give either data, as base64, or a url",
    ),
]


@pytest.mark.parametrize(("part", "message"), UNREADABLE)
def test_what_cannot_be_read_names_its_place(part: Any, message: str) -> None:
    with pytest.raises(RequestError) as caught:
        read(part)
    assert (str(caught.value), caught.value.index) == (f"message 1, part 0: {message}", 1)


def test_a_message_that_holds_unreadable_media_is_refused_too() -> None:
    with pytest.raises(RequestError, match="message 0, part 1: the data is not base64"):
        parse_request([Message("user", (Text("hi"), Media(media_type="image/png", data="%")))], {})


@pytest.mark.parametrize("role", ["system", "assistant"])
def test_only_the_user_and_tools_send_media(role: str) -> None:
    with pytest.raises(
        RequestError, match=f"only a user's message and a tool's carry media, not one of the {role}"
    ):
        read(image(f"data:image/png;base64,{PNG}"), role)


def test_a_repr_shows_no_content() -> None:
    assert (
        repr(Media(media_type="image/png", data=PNG))
        == f"Media(image/png, <{len(PNG)} characters>)"
    )


@pytest.mark.parametrize(
    ("reads", "reason"),
    [(None, "m cannot read an image"), (("pdf",), "m cannot read an image"), (("image",), "")],
)
def test_a_model_that_does_not_read_a_kind_is_skipped(reads: Any, reason: str) -> None:
    request = Request((Message("user", (Text("hi"), Media(media_type="image/png", data=PNG))),))
    assert (
        get_message(incompatibility(request, target("m", None, card=Card(reads=reads)))) == reason
    )
