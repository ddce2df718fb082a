"""The kit besides its suite: cassettes, an isolated registry, a scripted model, its imports."""

import base64
import gzip
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from standby import Standby
from standby.settings import Chain, Settings
from standby.testing import events, isolated_registry, ndjson, read_cassette, scripted_model

JSON = {"Content-Type": ["application/json"], "Content-Length": ["99"], "Set-Cookie": ["a=b"]}


def cassette(folder: Path, *responses: dict[str, Any]) -> Path:
    turns = [
        {"request": {"uri": f"https://acme.example/{at}"}, "response": each}
        for at, each in enumerate(responses)
    ]
    file = folder / "cassette.yaml"
    file.write_text(yaml.safe_dump({"interactions": turns}), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("response", "status", "body"),
    [
        (
            {"status": {"code": 200, "message": "OK"}, "body": {"string": '{"a": 1}'}},
            200,
            b'{"a": 1}',
        ),
        ({"status": "429 Too Many Requests", "body": "Slow."}, 429, b"Slow."),
        ({"code": 500, "body": {"string": b"\x00"}}, 500, b"\x00"),
        ({"status": {"code": 200}, "parsed_body": {"a": 1}}, 200, b'{"a":1}'),
        ({"status": {"code": 204}}, 204, b""),
    ],
)
def test_a_cassette_gives_its_answers_unchanged(
    tmp_path: Path, response: Any, status: int, body: bytes
) -> None:
    [answer] = read_cassette(cassette(tmp_path, {**response, "headers": JSON}))
    assert (answer.status, answer.body, answer.headers) == (
        status,
        body,
        {"content-type": "application/json"},
    )


def test_a_compressed_body_stays_compressed_and_loses_no_header(tmp_path: Path) -> None:
    headers = {"Content-Encoding": ["gzip"]}
    packed, plain = gzip.compress(b"Lisbon."), b"Lisbon."
    responses = [
        {"status": {"code": 200}, "headers": headers, "body": {"string": body}}
        for body in (packed, plain)
    ]
    first, second = read_cassette(cassette(tmp_path, *responses))
    assert (first.body, first.headers) == (packed, {"content-encoding": "gzip"})
    assert (second.body, second.headers) == (plain, {})


def test_a_cassette_of_ruby_is_read(tmp_path: Path) -> None:
    packed = gzip.compress(b"Lisbon.", mtime=0)
    file = tmp_path / "ruby.yml"
    file.write_text(RUBY.format(base64.b64encode(packed).decode()), encoding="utf-8")
    [answer] = read_cassette(file, containing="acme.example")
    assert (answer.status, answer.body, answer.headers) == (
        429,
        packed,
        {"content-encoding": "gzip"},
    )
    assert read_cassette(file, containing="elsewhere") == []


RUBY = """---
http_interactions:
- request:
    method: post
    uri: "https://acme.example/v1"
    body: {{encoding: UTF-8, string: ''}}
    headers: {{}}
  response:
    status: {{code: 429, message: Too Many Requests}}
    headers: {{Content-Encoding: [gzip], Set-Cookie: [a=b]}}
    body:
      encoding: ASCII-8BIT
      string: !binary |-
        {}
recorded_with: VCR 6.3.1
"""


def test_answers_are_selected_by_url(tmp_path: Path) -> None:
    file = cassette(tmp_path, *({"status": {"code": code}, "body": ""} for code in (200, 201)))
    assert [answer.status for answer in read_cassette(file, containing="example/1")] == [201]


def test_a_file_that_is_not_a_cassette_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "models.yaml"
    file.write_text("version: 1\n", encoding="utf-8")
    with pytest.raises(
        ValueError,
        match=(
            r"models.yaml is not a cassette: "
            r"it has no list 'interactions' or 'http_interactions'"
        ),
    ):
        read_cassette(file)


def test_an_isolated_registry_has_only_its_plugins() -> None:
    registry = isolated_registry(mine="standby_scripted")
    assert (registry.names(), registry.status("mine").state) == (("mine",), "ok")


def test_a_scripted_model_plays_its_steps() -> None:
    models = {
        "shaky": scripted_model({"fail": {"kind": "model_missing", "status": 404}}),
        "well": scripted_model("Well."),
    }
    settings = Settings(models=models, chains={"default": Chain(models=("shaky", "well"))})
    with Standby(settings=settings, environ={}) as client:
        assert client.chat("Hello.").text == "Well."


def test_the_kit_is_imported_only_when_needed_and_never_imports_pytest() -> None:
    program = "import sys, standby.client, standby.cli.plugins\n"
    program += "sys.exit('standby.testing' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0  # noqa: S603 - this interpreter
    program = "import sys, standby.testing; sys.exit('pytest' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0  # noqa: S603 - this interpreter


def test_events_frame_values_and_send_bytes_unchanged() -> None:
    sent = events([{"a": 1}, b": ping\n\n", "b", b"data: [DONE]\n\n", b'{"error": 1}\n'])
    assert [piece for _, piece in sent.pieces] == [
        *(
            b'data: {"a":1}\n\n',
            b": ping\n\n",
            b'data: "b"\n\n',
            b"data: [DONE]\n\n",
            b'{"error": 1}\n',
        )
    ]
    assert events([{"a": 1}, b"raw"], "\r\n\r\n", "eof").body == b'data: {"a":1}\r\n\r\nraw'
    assert (sent.headers, sent.framing) == ({"Content-Type": "text/event-stream"}, "chunked")


def test_ndjson_puts_a_value_on_a_line_and_sends_bytes_unchanged() -> None:
    sent = ndjson([{"a": "b\n"}, b"\n", b'{"half'])
    assert [piece for _, piece in sent.pieces] == [b'{"a":"b\\n"}\n', b"\n", b'{"half']
    assert ndjson([{}], "\r\n", "eof").body == b"{}\r\n"
    assert (sent.headers, sent.framing) == ({"Content-Type": "application/x-ndjson"}, "chunked")
