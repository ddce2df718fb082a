"""The vendors' SDKs judge our requests: for each row of the wire matrix, theirs equals ours."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from standby.errors import AttemptFailed
from standby.failures import Kind
from tests.providers.anthropic.wire_server import answers, text_block
from tests.support.google_account import token_answer, write_service_account
from tests.support.loopback import Answer, Loopback, Received, gemini_answers, openai_answers
from tests.support.responses_wire import message_item, openai_responses
from tests.support.sdk_judges import open_senders
from tests.support.wire_requests import ENDPOINT, REQUESTS, make_attempt, read_request, targets

CLAUDE = ("claude-opus-5-5", "claude-haiku-5-5")
GEMINI = ("gemini-2.5-pro", "gemini-3.8-flash")
ROWS = [
    *(("openai", model) for model in ("o3-mini", "gpt-4o", "gpt-5.6-sol", ENDPOINT)),
    *(("anthropic", model) for model in CLAUDE),
    *(("gemini", model) for model in GEMINI),
    *(("vertex by key", model) for model in GEMINI),
    *(("vertex", model) for model in GEMINI),
]
TARGETS = targets((*dict.fromkeys(model for _, model in ROWS),))

DIFFERENCES = {
    "user-agent": "each names itself",
    "accept-encoding": "we ask for bodies that are not packed: they need no bound of their own",
    "connection": "the SDKs say keep-alive, which HTTP/1.1 implies (RFC 9112, section 9.3)",
    "x-stainless-*": "the SDK's report of its version, of Python and of the platform",
    "x-goog-api-client": "the SDK's report of its version and of Python's",
    "x-server-timeout": (
        "the SDK alone states no time-out where it has none, and a server's own may be shorter"
    ),
    "content-length": "the SDK alone writes Gemini's fields in snake case",
}
"""Headers that need not be equal, with the reason of each."""

WIRES = {
    "/messages": answers(text_block("Hi.")),
    "/responses": openai_responses(message_item("Hi.")),
    "/completions": openai_answers("Hi."),
}


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    def answer(request: Received) -> Answer:
        wires = [wire for path, wire in WIRES.items() if request.path.endswith(path)]
        return token_answer(request) or (wires or [gemini_answers("Hi.")])[0](request)

    with Loopback() as loopback:
        loopback.answer = answer
        file = write_service_account(tmp_path, loopback.url)
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
        yield loopback


def row_of(header: str) -> str:
    return re.sub(r"^x-stainless-.*", "x-stainless-*", header)


def differing_headers(ours: Received, theirs: Received) -> set[str]:
    names = ours.headers.keys() | theirs.headers.keys()
    return {row_of(name) for name in names if ours.headers.get(name) != theirs.headers.get(name)}


def normalise(body: Any) -> Any:
    """Write fields in camel case, which Google reads as well, and leave an empty object out."""
    if isinstance(body, list):
        return [normalise(each) for each in body]
    if not isinstance(body, dict):
        return body
    return {
        re.sub(r"_(\w)", lambda letter: letter[1].upper(), name): normalise(value)
        for name, value in body.items()
        if (name, value) != ("generationConfig", {})
    }


@pytest.mark.parametrize("stream", [False, True], ids=["reply", "stream"])
@pytest.mark.parametrize(("account", "model"), ROWS)
async def test_an_sdk_sends_each_request_of_the_matrix_as_we_do(
    server: Loopback, account: str, model: str, *, stream: bool
) -> None:
    not_sent: list[Kind] = []
    async with open_senders(account, server, stream=stream) as senders:
        for name in REQUESTS:
            try:
                attempt = make_attempt(read_request(name), TARGETS[model])
                ours, others = await senders.send(attempt)
            except AttemptFailed as error:
                not_sent.append(error.failure.kind)
                continue
            for way, theirs in others.items():
                assert (ours.method, ours.path, ours.query) == (
                    theirs.method,
                    theirs.path,
                    theirs.query,
                ), (name, way)
                assert differing_headers(ours, theirs) <= DIFFERENCES.keys(), (name, way)
                assert normalise(ours.json) == normalise(theirs.json), (name, way)
    assert {*not_sent} <= {Kind.UNSUPPORTED}
    assert len(not_sent) < len(REQUESTS) / 2


async def test_every_listed_difference_exists(server: Loopback) -> None:
    found: set[str] = set()
    for account, model in (("openai", "gpt-4o"), ("gemini", "gemini-3.8-flash")):
        attempt = make_attempt(read_request("a picture"), TARGETS[model])
        async with open_senders(account, server, stream=False) as senders:
            ours, others = await senders.send(attempt)
        for theirs in others.values():
            found |= differing_headers(ours, theirs)
    assert found == DIFFERENCES.keys()
