"""The texts that plugins say their vendors fail with are what their own code makes of such an answer."""

import re
from collections.abc import Callable
from typing import Any

import pytest

import standby_anthropic
import standby_gemini
import standby_openai
from standby.plugin import Failure, ProviderInfo
from standby.resilience.triggers import pattern
from standby_anthropic.failures import failure_of as anthropic_failure
from standby_gemini.failures import failure_of as gemini_failure
from standby_openai.failures import failure_of as openai_failure

INFOS: dict[str, ProviderInfo] = {
    "anthropic": standby_anthropic.standby_provider(),
    "gemini": standby_gemini.standby_provider(),
    "openai": standby_openai.standby_provider(),
}
OF_A_STATUS = re.compile(r"(?P<status>\d{3}) (?P<code>\w+)\. (?P<message>.+)")

Read = Callable[[int, dict[str, str], Any], Failure]


def texts() -> list[tuple[str, str]]:
    return [
        (plugin, text)
        for plugin, info in INFOS.items()
        for text in info.errors
        if OF_A_STATUS.fullmatch(text)
    ]


@pytest.mark.parametrize(("plugin", "text"), texts())
def test_each_text_is_what_the_answer_reads(plugin: str, text: str) -> None:
    found = OF_A_STATUS.fullmatch(text)
    assert found is not None
    status, code, message = int(found["status"]), found["code"], found["message"]
    if plugin == "gemini":
        told = gemini_failure(
            status, {}, {"error": {"code": status, "status": code, "message": message}}
        )
    elif plugin == "anthropic":
        told = anthropic_failure(
            status, {}, {"type": "error", "error": {"type": code, "message": message}}
        )
    else:
        told = openai_failure(
            status, {}, {"error": {"code": code, "type": "error", "message": message}}
        )
    assert told.text == text


@pytest.mark.parametrize("plugin", INFOS)
def test_the_texts_are_one_line_each_and_no_two_are_alike(plugin: str) -> None:
    errors = INFOS[plugin].errors
    assert len(errors) == len(set(errors))
    assert all(text == " ".join(text.split()) for text in errors)


def test_a_page_of_the_proxy_reads_as_the_known_text() -> None:
    page = "<html><head><title>502 Bad Gateway</title></head><body>cloudflare</body></html>"
    assert openai_failure(502, {}, page).text in INFOS["openai"].errors


def test_the_usual_mistake_is_one_and_its_remedy_is_none() -> None:
    usual, right = pattern("503 service unavailable"), pattern("503 unavailable")
    errors = INFOS["gemini"].errors
    assert not any(usual(text) for text in errors)
    assert any(right(text) for text in errors)
