"""The rules on tools and schemas, for models whose cards say that they have them."""

from collections.abc import Mapping
from typing import Any

import msgspec

from standby.plugin import Finish, Message, Reply, Schema, Text, Tool, ToolCall, ToolResult
from standby.testing import driver
from standby.testing.answers import Answer
from standby.testing.assertions import require, skip
from standby.testing.basic_rules import BasicRules

ARGUMENTS = {"city": "Lisboa", "days": 3}
TOOL = Tool(
    name="weather_of",
    description="Says what the weather will be.",
    parameters={
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city", "days"],
        "additionalProperties": False,
    },
)
SCHEMA = Schema(
    name="place",
    json_schema={
        "type": "object",
        "properties": {"capital_of_it": {"type": "string"}},
        "required": ["capital_of_it"],
        "additionalProperties": False,
    },
    read=msgspec.json.decode,
)


class ToolRules(BasicRules):
    """What an adapter must do with tools and with a schema."""

    def reply(self, text: str) -> Answer:
        """Return the vendor's answer, with usage.

        Args:
            text: The answer's text.

        Returns:
            The answer.
        """
        raise NotImplementedError

    def tool_call(self, name: str, arguments: Mapping[str, Any]) -> Answer:
        """Return the vendor's answer that calls a tool.

        Args:
            name: The tool.
            arguments: The call's arguments.

        Returns:
            The answer.

        Raises:
            SkipTest: The author has not written it.
        """
        del name, arguments
        skip("tool_call(name, arguments) is not written")

    def tool_stream(self, name: str, arguments: Mapping[str, Any]) -> Answer:
        """Return the vendor's stream that calls a tool.

        Args:
            name: The tool.
            arguments: The call's arguments.

        Returns:
            The stream.

        Raises:
            SkipTest: The author has not written it.
        """
        del name, arguments
        skip("tool_stream(name, arguments) is not written")

    def test_a_tool_is_sent_and_its_call_is_complete(self) -> None:
        """The tool is sent with its parameters; its call has a name, arguments and an id."""
        self._require_tools()
        self.run(lambda: self._check_call(self.tool_call(TOOL.name, ARGUMENTS), streamed=False))

    def test_a_tool_call_in_a_stream_is_complete(self) -> None:
        """A call is yielded once, however many pieces its arguments arrive in."""
        self._require_tools()
        self.run(lambda: self._check_call(self.tool_stream(TOOL.name, ARGUMENTS), streamed=True))

    async def _check_call(self, answer: Answer, *, streamed: bool) -> None:
        async with self.open_adapter(answer) as (adapter, server):
            request = self.request(tools=(TOOL,))
            if streamed:
                reply, _ = await driver.collect(adapter, request)
            else:
                reply = await driver.complete(adapter, request)
        _require_call(reply)
        body = server.main_requests[0].body.decode()
        for text in (TOOL.name, TOOL.description, *ARGUMENTS):
            require(
                text in body,
                f"the request's body does not contain {text!r} of the tool: "
                "send request.request.tools",
            )

    def test_a_tool_result_follows_its_call(self) -> None:
        """A conversation with a call and its result is sent complete and in order."""
        self._require_tools()
        self.run(self._check_results)

    async def _check_results(self) -> None:
        call = ToolCall(id="call_1", name=TOOL.name, arguments=ARGUMENTS)
        messages = (
            Message("user", (Text("Will it rain?"),)),
            Message("assistant", (call,)),
            Message("tool", (ToolResult(id="call_1", name=TOOL.name, text="sun-all-day"),)),
        )
        async with self.open_adapter(self.reply("It will not.")) as (adapter, server):
            request = self.request(*messages, tools=(TOOL,))
            await driver.catch_failure(driver.complete(adapter, request))
        require(server.main_requests, "a conversation with a tool's result is not sent")
        body = server.main_requests[0].body.decode()
        require(
            "sun-all-day" in body,
            "the tool's result is not in the request's body: send the parts of the role 'tool'",
        )
        require(
            "Lisboa" in body,
            "the tool's call is not in the request's body: send the assistant's ToolCall parts",
        )
        require(
            body.index("Lisboa") < body.index("sun-all-day"),
            "the tool's result is sent before its call",
        )

    def test_a_schema_is_sent(self) -> None:
        """The vendor gets the schema that the answer must fit."""
        if not self.card().schema:
            skip("the card does not say schema=True")
        self.run(self._check_schema)

    async def _check_schema(self) -> None:
        text = '{"capital_of_it": "Lisbon"}'
        async with self.open_adapter(self.reply(text)) as (adapter, server):
            reply = await driver.complete(adapter, self.request(schema=SCHEMA))
        body = server.main_requests[0].body.decode()
        require(
            "capital_of_it" in body,
            "the schema is not in the request's body: send request.request.schema.json_schema",
        )
        require(
            reply.text == text,
            f"with a schema the reply is {reply.text!r}, but the vendor sent {text!r}",
        )

    def _require_tools(self) -> None:
        if not self.card().tools:
            skip("the card does not say tools=True")


def _require_call(reply: Reply) -> None:
    require(
        len(reply.tool_calls) == 1,
        f"the vendor calls one tool, but the reply calls {len(reply.tool_calls)}",
    )
    [call] = reply.tool_calls
    require(
        call.name == TOOL.name, f"the vendor calls {TOOL.name!r}, but the reply calls {call.name!r}"
    )
    require(
        call.arguments == ARGUMENTS,
        f"the call's arguments are {call.arguments}, but the vendor sent {ARGUMENTS}",
    )
    require(
        call.id,
        "the call has no id, which its result will need: make one up where the vendor has none",
    )
    require(
        reply.finish is Finish.TOOL_CALLS,
        f"a reply that waits for tools ends with {reply.finish}: use Finish.TOOL_CALLS",
    )
