"""Each plugin's known error texts equal what its own parser makes of such a response."""

import re
from collections.abc import Callable
from typing import Any

import pytest

import standby_anthropic
import standby_gemini
import standby_openai
from standby.plugin import Failure, ProviderInfo
from standby.resilience.triggers import pattern
from standby_anthropic.failures import read_failure as anthropic_failure
from standby_gemini.failures import read_failure as gemini_failure
from standby_openai.failures import read_failure as openai_failure

INFOS: dict[str, ProviderInfo] = {
    "anthropic": standby_anthropic.standby_provider(),
    "gemini": standby_gemini.standby_provider(),
    "openai": standby_openai.standby_provider(),
}
STATUS_TEXT = re.compile(r"(?P<status>\d{3}) (?P<code>\w+)\. (?P<message>.+)")

Read = Callable[[int, dict[str, str], Any], Failure]


def texts() -> list[tuple[str, str]]:
    return [
        (plugin, text)
        for plugin, info in INFOS.items()
        for text in info.errors
        if STATUS_TEXT.fullmatch(text)
    ]


@pytest.mark.parametrize(("plugin", "text"), texts())
def test_each_known_text_equals_the_parsed_answer(plugin: str, text: str) -> None:
    match = STATUS_TEXT.fullmatch(text)
    assert match is not None
    status, code, message = int(match["status"]), match["code"], match["message"]
    if plugin == "gemini":
        failure = gemini_failure(
            status, {}, {"error": {"code": status, "status": code, "message": message}}
        )
    elif plugin == "anthropic":
        failure = anthropic_failure(
            status, {}, {"type": "error", "error": {"type": code, "message": message}}
        )
    else:
        failure = openai_failure(
            status, {}, {"error": {"code": code, "type": "error", "message": message}}
        )
    assert failure.text == text


@pytest.mark.parametrize("plugin", INFOS)
def test_the_texts_are_one_line_each_and_no_two_are_alike(plugin: str) -> None:
    errors = INFOS[plugin].errors
    assert len(errors) == len(set(errors))
    assert all(text == " ".join(text.split()) for text in errors)


def test_a_proxys_page_reads_as_the_known_text() -> None:
    page = "<html><head><title>502 Bad Gateway</title></head><body>cloudflare</body></html>"
    assert openai_failure(502, {}, page).text in INFOS["openai"].errors


def test_the_common_mistake_is_detected_and_its_remedy_passes() -> None:
    mistaken, corrected = pattern("503 service unavailable"), pattern("503 unavailable")
    errors = INFOS["gemini"].errors
    assert not any(mistaken(text) for text in errors)
    assert any(corrected(text) for text in errors)
