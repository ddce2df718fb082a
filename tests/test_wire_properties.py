"""Any valid request becomes a valid body with the same content, or is unsupported."""

from typing import Any

import msgspec
from hypothesis import given, settings

from standby.dispatch.compatibility import adapt
from standby.dispatch.target import Target
from standby.errors import AttemptFailed
from standby.failures import Kind
from standby.types import Request
from tests.oracles.wire_content import (
    read_chat,
    read_gemini,
    read_messages,
    read_responses,
    read_schema,
    read_tools,
)
from tests.support.wire_requests import broken_rules, build_body, targets
from tests.support.wire_strategies import requests


def build_or_none(request: Request, target: Target) -> dict[str, Any] | None:
    """Return the body, or `None` where the request is unsupported for a stated reason."""
    try:
        return build_body(request, target)
    except AttemptFailed as error:
        failure = error.failure
    assert failure.kind is Kind.UNSUPPORTED
    assert failure.message
    return None


def snapshot(request: Request) -> str:
    """Return everything that a request holds at this moment."""
    parts = [msgspec.structs.asdict(part) for message in request.messages for part in message.parts]
    return repr([parts, request.tools and [tool.parameters for tool in request.tools]])


@settings(max_examples=100)
@given(request=requests())
def test_any_request_keeps_the_vendors_rules_or_is_unsupported(request: Request) -> None:
    before = snapshot(request)
    for target in targets().values():
        body = build_or_none(request, target)
        assert body is None or broken_rules(body, target, ["what sol thought"]) == []
    assert snapshot(request) == before


def read_body(body: dict[str, Any], target: Target) -> Any:
    if target.provider == "gemini":
        return read_gemini(body)
    return read_chat(body) if "messages" in body else read_responses(body)


@settings(max_examples=100)
@given(request=requests())
def test_a_body_has_the_complete_request(request: Request) -> None:
    for target in targets().values():
        body = build_or_none(request, target)
        if body is None:
            continue
        messages = adapt(request, target)[0].messages
        assert read_body(body, target) == read_messages(
            messages, gemini=target.provider == "gemini"
        )
        assert read_tools(body) == [
            (tool.name, tool.description, tool.parameters) for tool in request.tools
        ]
        assert read_schema(body) == (request.schema and request.schema.json_schema)
