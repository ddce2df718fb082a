"""`transport: sdk` under a provider: the vendor's own SDK sends, from the file to the socket."""

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import pytest

from standby import AsyncStandby
from standby.config import load
from standby.config.lint import libraries
from standby.errors import Problem
from standby.plugin import Library, Provider
from standby.registry.plugins import Registry
from tests.providers.anthropic.wire_server import answers, text_block
from tests.support.loopback import Answers, Loopback, gemini_answers, openai_answers
from tests.support.transports import TRANSPORTS, adapter_class

TODAY = date(2026, 12, 1)
SENDERS = {"openai": "AsyncOpenAI", "gemini": "google-genai-sdk", "anthropic": "AsyncAnthropic"}
ANSWERS: dict[str, Answers] = {
    "openai": openai_answers("Lisbon."),
    "gemini": gemini_answers("Lisbon."),
    "anthropic": answers(text_block("Lisbon.")),
}
FILE = """
version: 1
providers:
  mine: {{plugin: {plugin}, base_url: "{url}", transport: {transport}, api_key: "${{A_KEY}}"}}
models:
  m: {{provider: mine, model: a-model}}
chains:
  default: {{models: [m], retry: {{attempts: 1}}}}
"""


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback() as loopback:
        yield loopback


def lint(file: Path) -> Sequence[Problem]:
    environ = {"A_KEY": "a-key"}
    folder = file.parent
    return load(file, Registry(), environ, cwd=folder, today=TODAY, lints=True).problems


def write(folder: Path, **fields: str) -> Path:
    file = folder / "models.yaml"
    file.write_text(FILE.format(**fields), encoding="utf-8")
    return file


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("plugin", SENDERS)
async def test_the_file_says_who_sends(
    server: Loopback, tmp_path: Path, plugin: str, transport: str
) -> None:
    adapter_class(plugin, transport)  # skips the test where the SDK is missing
    server.answer = ANSWERS[plugin]
    file = write(tmp_path, plugin=plugin, url=server.url, transport=transport)
    async with AsyncStandby(file, environ={"A_KEY": "a-key"}) as client:
        assert (await client.chat("Which city?")).text == "Lisbon."
        async with client.stream("Which city?") as stream:
            assert "".join([chunk.text async for chunk in stream]) == "Lisbon."
    for request in server.requests:
        expected = SENDERS[plugin] if transport == "sdk" else "standby/"
        assert request.headers["user-agent"].startswith(expected)


@pytest.mark.parametrize("plugin", SENDERS)
def test_validate_names_an_sdk_that_is_missing_or_too_old_and_only_where_it_sends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plugin: str
) -> None:
    problem = "and version 0.9 is installed"

    def find_problem(_: Library) -> str:
        return problem

    monkeypatch.setattr("standby.config.lint.providers.library_problem", find_problem)
    reported: dict[str, list[str]] = {}
    for transport in TRANSPORTS:
        file = write(tmp_path, plugin=plugin, url="http://127.0.0.1:9", transport=transport)
        reported[transport] = [
            f"{each.message}; {each.hint}" for each in lint(file) if each.code == "no-sdk"
        ]
    (library,) = libraries.required_libraries(
        Registry().info(plugin), Provider(plugin=plugin, transport="sdk")
    )
    message = f"'m' needs {library.module!r}, {problem}: it is skipped"
    assert reported == {"lean": [], "sdk": [f"{message}; pip install '{library.requirement}'"]}


def test_a_plugin_without_such_an_adapter_is_an_error_of_the_file(tmp_path: Path) -> None:
    file = write(tmp_path, plugin="scripted", url="http://127.0.0.1:9", transport="sdk")
    [problem] = [each for each in lint(file) if each.code == "no-sdk-adapter"]
    assert problem.severity == "error"


def test_a_library_is_needed_by_option_and_by_transport() -> None:
    account = Provider(plugin="p", options={"project": "x"}, transport="sdk")
    plain = Provider(plugin="p")
    always = Library(module="m", requirement="m")
    by_option = Library(module="m", requirement="m", option="project")
    by_transport = Library(module="m", requirement="m", transport="sdk")
    by_both = Library(module="m", requirement="m", option="project", transport="lean")
    needed = [each.is_needed_by(account) for each in (always, by_option, by_transport, by_both)]
    assert needed == [True, True, True, False]
    needed = [each.is_needed_by(plain) for each in (always, by_option, by_transport, by_both)]
    assert needed == [True, False, False, False]
