"""Cassettes of VCR and similar libraries: each form is read, and bodies are unpacked in bounds."""

import base64
import gzip
import json
import time
import zlib
from typing import Any

import pytest
import yaml

from standby.http.cassettes import LARGEST, read_answers, unpack

ERROR = '{"error": {"code": "busy", "message": "Zuviel, später: 🦜"}}'
PACKED = gzip.compress(ERROR.encode(), mtime=0)
BASE64 = base64.b64encode(PACKED).decode()
URL = "https://acme.example/v1/answers"

VCRPY = f"""\
interactions:
- request:
    body: '{{"model": "acme-large"}}'
    headers:
      accept: ['*/*']
    method: POST
    uri: {URL}
  response:
    body:
      string: !!binary |
        {BASE64}
    headers:
      Content-Encoding:
      - gzip
      Retry-After:
      - '7'
    status:
      code: 429
      message: Too Many Requests
version: 1
"""

RUBY = f"""\
---
http_interactions:
- request:
    method: post
    uri: {URL}
    body:
      encoding: UTF-8
      string: '{{"model": "acme-large"}}'
    headers:
      Accept:
      - "*/*"
  response:
    status:
      code: 429
      message: Too Many Requests
    headers:
      Content-Encoding:
      - gzip
      Retry-After:
      - '7'
    body:
      encoding: ASCII-8BIT
      string: !binary |-
        {BASE64}
    http_version: null
  recorded_at: Tue, 01 Dec 2026 09:00:00 GMT
recorded_with: VCR 6.3.1
"""

RUBY_WITH_OBJECTS = RUBY.replace(
    "    headers:\n      Accept:", "    headers: !ruby/hash:Acme::Headers\n      Accept:"
)
RUBY_BYTES = RUBY.replace("string: !binary |-", "base64_string: |-")
RUBY_TEXT = RUBY.replace(f"!binary |-\n        {BASE64}", json.dumps(ERROR))
RUBY_ESCAPED = RUBY.replace(f"!binary |-\n        {BASE64}", json.dumps(PACKED.decode("latin-1")))

BETAMAX: dict[str, Any] = {
    "http_interactions": [
        {
            "request": {
                "method": "POST",
                "uri": URL,
                "headers": {},
                "body": {"encoding": "utf-8", "string": "{}"},
            },
            "response": {
                "url": URL,
                "status": {"code": 429, "message": "Too Many Requests"},
                "headers": {"Content-Encoding": ["gzip"], "Retry-After": ["7"]},
                "body": {"encoding": None, "base64_string": BASE64},
            },
            "recorded_at": "2026-12-01T09:00:00",
        }
    ],
    "recorded_with": "betamax/0.9.0",
}


def response(**fields: Any) -> str:
    """Return a cassette with one answer."""
    headers = {"retry-after": "7"}
    return yaml.safe_dump(
        {"interactions": [{"request": {"url": URL}, "response": {"headers": headers, **fields}}]}
    )


FORMS = {
    "vcrpy": VCRPY,
    "vcrpy, unpacked by the recorder": VCRPY.replace(f"!!binary |\n        {BASE64}", f"'{ERROR}'"),
    "vcrpy of httpx": response(status_code=429, content=ERROR, headers=[["Retry-After", "7"]]),
    "vcrpy of httpx, packed": response(
        status_code=429, content=PACKED, headers=[["Retry-After", ["7"]]]
    ),
    "vcrpy in JSON": json.dumps(
        yaml.safe_load(response(status={"code": 429}, body={"string": ERROR}))
    ),
    "go-vcr": response(status="429 Too Many Requests", code=429, body=ERROR),
    "go-vcr, older": response(status="429 Too Many Requests", body=ERROR),
    "bodies decoded": response(status={"code": 429}, parsed_body=json.loads(ERROR)),
    "base64 by its encoding": response(status=429, body={"encoding": "base64", "string": BASE64}),
    "Ruby's VCR": RUBY,
    "Ruby's VCR, with objects": RUBY_WITH_OBJECTS,
    "Ruby's VCR, exact bytes": RUBY_BYTES,
    "Ruby's VCR, unpacked": RUBY_TEXT,
    "Ruby's VCR, bytes as characters": RUBY_ESCAPED,
    "Ruby's VCR, unpacked, in its own escapes": RUBY_TEXT.replace("\\ud83e\\udd9c", "\\U0001F99C"),
    "Ruby's VCR, symbols aside": RUBY.replace("---\n", "--- # comment\n"),
    "Betamax": json.dumps(BETAMAX),
    "R's vcr": RUBY.replace(
        "      code: 429\n", "      status_code: 429\n      category: Client error\n"
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_each_form_comes_to_the_same_answer(form: str) -> None:
    [answer] = read_answers(FORMS[form].encode())
    assert (answer.url, answer.status, answer.headers["retry-after"]) == (URL, 429, "7")
    assert json.loads(answer.unpack()) == json.loads(ERROR)


def test_a_header_that_does_not_fit_the_body_is_removed() -> None:
    [packed], [unpacked] = read_answers(RUBY.encode()), read_answers(RUBY_TEXT.encode())
    assert (packed.headers["content-encoding"], packed.body) == ("gzip", PACKED)
    assert ("content-encoding" in unpacked.headers, unpacked.body) == (False, ERROR.encode())


@pytest.mark.parametrize("text", ["", "Größe", "später 🦜", "\u2028"])
@pytest.mark.parametrize("coding", ["", "gzip", "deflate", "br"])
def test_a_text_stays_a_text(text: str, coding: str) -> None:
    cassette = response(status=200, body={"string": text}, headers={"Content-Encoding": [coding]})
    [answer] = read_answers(cassette.encode())
    assert answer.unpack() == text.encode()


def deflate(data: bytes, wbits: int) -> bytes:
    packer = zlib.compressobj(wbits=wbits)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize("text", [b"", b"Lisbon.", ERROR.encode(), bytes(range(256)) * 100])
@pytest.mark.parametrize(
    ("coding", "pack"),
    [
        ("gzip", gzip.compress),
        ("GZIP", gzip.compress),
        ("x-gzip", gzip.compress),
        ("", gzip.compress),
        ("identity", gzip.compress),
        ("gzip", lambda data: gzip.compress(data[:3]) + gzip.compress(data[3:])),
        ("gzip", lambda data: gzip.compress(data) + b"\x00\x00"),
        ("deflate", zlib.compress),
        ("deflate", lambda data: zlib.compress(data, 1)),
        ("deflate, gzip", lambda data: gzip.compress(zlib.compress(data))),
        ("gzip, gzip", lambda data: gzip.compress(gzip.compress(data))),
    ],
)
def test_a_packed_body_is_unpacked(coding: str, pack: Any, text: bytes) -> None:
    assert unpack(pack(text), coding) == text


def test_bare_deflate_is_unpacked() -> None:
    assert unpack(deflate(ERROR.encode() * 9, -zlib.MAX_WBITS), "deflate") == ERROR.encode() * 9


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, br"])
def test_what_python_cannot_unpack_is_reported_with_the_remedy(coding: str) -> None:
    problem = f"packed with {coding.removeprefix('gzip, ')}, which Python's own library"
    remedy = "cannot unpack: record it again with .* gzip'"
    with pytest.raises(ValueError, match=f"{problem} {remedy}"):
        unpack(b"\x0b\x02\x80Lisbon.\x03", coding)


@pytest.mark.parametrize(
    ("body", "coding", "problem"),
    [
        (PACKED[:-9], "gzip", "holds a packed body that is cut off"),
        (PACKED[:10] + b"\xff" * 20, "gzip", "holds a packed body that is broken"),
        (b"\xff\xfe\xfd", "deflate", "holds a packed body that is broken"),
        (gzip.compress(b"") * 101, "gzip", "more than 100 parts"),
    ],
    ids=["cut off", "broken", "not deflated", "many parts"],
)
def test_a_broken_packed_body_is_reported(body: bytes, coding: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        unpack(body, coding)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "gzip, deflate"])
def test_a_bomb_is_refused_before_it_is_unpacked(coding: str) -> None:
    bomb = b"\x00" * (LARGEST + 1)
    for each in coding.split(", "):
        bomb = gzip.compress(bomb) if each == "gzip" else zlib.compress(bomb)
    assert len(bomb) < 2**16
    with pytest.raises(ValueError, match=f"unpacks to more than {LARGEST} bytes"):
        unpack(bomb, coding)
    assert unpack(gzip.compress(b"x" * 20), "gzip", limit=20) == b"x" * 20


def test_a_body_of_nested_aliases_is_refused() -> None:
    lines = [
        "a0: &a0 [xxxxxxxx]",
        *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)),
    ]
    bomb = "\n".join([*lines, "interactions: [{response: {code: 500, parsed_body: *a11}}]"])
    began = time.thread_time()
    with pytest.raises(ValueError, match=f"holds a body of more than {LARGEST} bytes"):
        read_answers(bomb.encode())
    assert time.thread_time() - began < 20


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"a: [", "is not YAML: while parsing"),
        (b"\xff\xfe\xff", "is not YAML"),
        (b"[" * 5000, "is not YAML"),
        (b"a: !python/object/apply:os.getcwd []", "is not YAML: could not determine a constructor"),
        (b"version: 1", "is not a cassette: it has no list 'interactions' or 'http_interactions'"),
        (b"[]", "is not a cassette"),
        (b"interactions: {}", "is not a cassette"),
        (
            b"http_interactions: [{response: {body: {base64_string: 'a'}}}]",
            "holds a body that is not base64",
        ),
    ],
)
def test_what_is_not_a_cassette_is_reported(data: bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        read_answers(data)


@pytest.mark.parametrize(
    "interaction",
    [
        "{}",
        "null",
        "7",
        "{response: 7, request: []}",
        "{response: {headers: 7, status: [], body: 7}}",
    ],
)
def test_an_odd_interaction_is_an_answer_without_a_status(interaction: str) -> None:
    [answer] = read_answers(f"interactions: [{interaction}]".encode())
    assert (answer.status, answer.url) == (0, "")
