"""Answers of the Responses API, and the replies or failures that they become."""

from typing import Any

from standby.plugin import Finish, Kind, ToolCall, Usage
from tests.support.responses_wire import (
    call_item,
    incomplete,
    message_item,
    reasoning_item,
    refusal_item,
    response,
)

USAGE = Usage(input=12, output=28, reasoning=25, cached=4)
ENCRYPTED = (
    '[{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"Hm."}],'
    '"encrypted_content":"gAAAA"}]'
)
CALL = ToolCall(id="call_1", name="now", arguments={})
REPLIES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "text": (response(message_item("Lisbon, says OpenAI.")), {"text": "Lisbon, says OpenAI."}),
    "texts": (
        response(message_item("Lis", "bon"), message_item(", yes", item_id="msg_2")),
        {"text": "Lisbon\n\n, yes"},
    ),
    "thoughts": (
        response(
            reasoning_item("Hm.", "So."),
            reasoning_item("Aha.", item_id="rs_2"),
            message_item("Lisbon"),
        ),
        {"text": "Lisbon", "reasoning": "Hm.\n\nSo.\n\nAha."},
    ),
    "sealed": (
        response(reasoning_item("Hm.", encrypted="gAAAA"), message_item("x")),
        {"text": "x", "reasoning": "Hm.", "provider_state": ENCRYPTED},
    ),
    "one sealed of two": (
        response(
            reasoning_item(item_id="rs_0"),
            reasoning_item("Hm.", encrypted="gAAAA"),
            message_item("x"),
        ),
        {"text": "x", "reasoning": "Hm.", "provider_state": ENCRYPTED},
    ),
    "a call": (
        response(reasoning_item(), call_item("look_up", '{"word": "Zürich", "deep": [1, null]}')),
        {
            "tool_calls": (
                ToolCall(
                    id="call_1", name="look_up", arguments={"word": "Zürich", "deep": [1, None]}
                ),
            ),
            "finish": Finish.TOOL_CALLS,
        },
    ),
    "a call without arguments": (
        response(call_item("now", "")),
        {"tool_calls": (CALL,), "finish": Finish.TOOL_CALLS},
    ),
    "two calls and text": (
        response(
            message_item("Let me see."), call_item("now", "{}"), call_item("now", "{}", "call_2")
        ),
        {
            "text": "Let me see.",
            "tool_calls": (CALL, ToolCall(id="call_2", name="now", arguments={})),
            "finish": Finish.TOOL_CALLS,
        },
    ),
    "a call without an id": (
        response(call_item("now", "{}", "")),
        {
            "tool_calls": (ToolCall(id="call_0", name="now", arguments={}),),
            "finish": Finish.TOOL_CALLS,
        },
    ),
    "cut text": (
        incomplete("max_output_tokens", message_item("Lis")),
        {"text": "Lis", "finish": Finish.LENGTH},
    ),
    "cut arguments": (
        incomplete(
            "max_output_tokens",
            call_item("now", "{}"),
            call_item("look_up", '{"word": "Zü', "call_2"),
        ),
        {"tool_calls": (CALL,), "finish": Finish.LENGTH},
    ),
    "arguments yet to come": (
        incomplete("max_output_tokens", message_item("Lis"), call_item("look_up", "")),
        {"text": "Lis", "finish": Finish.LENGTH},
    ),
    "items that nobody knows": (
        response(
            {"type": "web_search_call", "id": "ws_1"},
            message_item("x"),
            {"type": "from_the_future", "content": [{"text": "y"}]},
        ),
        {"text": "x"},
    ),
    "no usage": (response(message_item("x"), usage=None), {"text": "x", "usage": Usage()}),
    "nothing": (response(), {"text": ""}),
}
FAILURES = {
    "refusal": (
        response(refusal_item("I cannot help.")),
        Kind.BLOCKED,
        "refusal",
        "I cannot help.",
    ),
    "refusal after text": (
        response(message_item("Well, "), refusal_item("no.")),
        Kind.BLOCKED,
        "refusal",
        "no.",
    ),
    "filter": (
        incomplete("content_filter", message_item("Lis")),
        Kind.BLOCKED,
        "content_filter",
        "content filter",
    ),
    "filter, nothing": (
        incomplete("content_filter"),
        Kind.BLOCKED,
        "content_filter",
        "content filter",
    ),
    "limit, only thoughts": (
        incomplete("max_output_tokens", reasoning_item("Hm.")),
        Kind.EMPTY,
        "max_output_tokens",
        "empty: max_tokens was spent, 25 tokens on reasoning",
    ),
    "limit, a cut call": (
        incomplete("max_output_tokens", call_item("now", '{"a')),
        Kind.EMPTY,
        "max_output_tokens",
        "empty: ",
    ),
    "unknown reason": (
        incomplete("the_moon", message_item("x")),
        Kind.MALFORMED,
        None,
        "the status 'incomplete'",
    ),
    "no reason": (
        incomplete(None, message_item("x")),
        Kind.MALFORMED,
        None,
        "the status 'incomplete'",
    ),
    "queued": (
        response(message_item("x"), status="queued"),
        Kind.MALFORMED,
        None,
        "the status 'queued'",
    ),
    "in progress": (
        response(message_item("x"), status="in_progress"),
        Kind.MALFORMED,
        None,
        "the status 'in_progress'",
    ),
    "cancelled": (
        response(message_item("x"), status="cancelled"),
        Kind.MALFORMED,
        None,
        "the status 'cancelled'",
    ),
    "no status": (
        response(message_item("x"), status=None),
        Kind.MALFORMED,
        None,
        "the status 'none'",
    ),
    "failed, no word of why": (
        response(message_item("x"), status="failed"),
        Kind.MALFORMED,
        None,
        "the status 'failed'",
    ),
    "failed": (
        response(status="failed", error={"code": "server_error", "message": "An error occurred."}),
        Kind.SERVER_ERROR,
        "server_error",
        "An error occurred.",
    ),
    "failed, too many": (
        response(status="failed", error={"code": "rate_limit_exceeded", "message": "Slow down."}),
        Kind.RATE_LIMITED,
        "rate_limit_exceeded",
        "Slow down.",
    ),
    "failed, prompt": (
        response(status="failed", error={"code": "invalid_prompt", "message": "No."}),
        Kind.BLOCKED,
        "invalid_prompt",
        "No.",
    ),
    "bad arguments": (
        response(call_item("now", '{"a": ')),
        Kind.MALFORMED,
        None,
        "a tool call has no name, or its arguments",
    ),
    "listed arguments": (
        response(call_item("now", "[1]")),
        Kind.MALFORMED,
        None,
        "a tool call has no name, or its arguments",
    ),
    "a nameless call": (
        response(call_item("", "{}")),
        Kind.MALFORMED,
        None,
        "a tool call has no name, or its arguments",
    ),
}
