import time
from typing import Any

import pytest

from standby.bodies import plain


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (None, ""),
        ({}, ""),
        ("", ""),
        ([], "[]"),
        ({"detail": "Not Found"}, '{"detail":"Not Found"}'),
        ("upstream\n  connect error", "upstream connect error"),
        ("<html><STYLE>p {color: red}</STYLE ><h1>Bad\nGateway</h1></html>", "Bad Gateway"),
        ("<script>let a = '<b>';</script>Oh<br/>no", "Oh no"),
        ("Oh<script>never closed", "Oh"),
        ("5 < 7", "5 < 7"),
    ],
)
def test_an_errors_body_is_told_in_words_on_one_line(body: Any, words: str) -> None:
    assert plain(body) == words


@pytest.mark.parametrize("piece", ["<", "<script", "<script>", "<script></script ", "</style", "<a"])
def test_a_hostile_page_costs_no_time(piece: str) -> None:
    began = time.perf_counter()
    plain(piece * 100_000)
    assert time.perf_counter() - began < 1
