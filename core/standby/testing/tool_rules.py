"""The rules for tools and schemas: they hold for a model whose card says that it has them."""

from collections.abc import Mapping
from typing import Any

import msgspec

from standby.plugin import Finish, Message, Reply, Schema, Text, Tool, ToolCall, ToolResult
from standby.testing import driver
from standby.testing.assertions import require, skip
from standby.testing.basic_rules import BasicRules
from standby.testing.loopback import Answer

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


class Tools(BasicRules):
    """What an adapter must do with tools and with a schema."""

    def reply(self, text: str) -> Answer:
        """Return the vendor's whole answer with that text."""
        raise NotImplementedError

    def tool_call(self, name: str, arguments: Mapping[str, Any]) -> Answer:
        """Return the vendor's whole answer that asks for a tool."""
        del name, arguments
        skip("tool_call(name, arguments) is not written")

    def tool_stream(self, name: str, arguments: Mapping[str, Any]) -> Answer:
        """Return the vendor's stream that asks for a tool."""
        del name, arguments
        skip("tool_stream(name, arguments) is not written")

    def test_a_tool_is_offered_and_its_call_comes_whole(self) -> None:
        """The model reads the tool's name, use and parameters; its call has a name, arguments and an id."""
        self._require_tools()
        self.run(lambda: self._calls(self.tool_call(TOOL.name, ARGUMENTS), streamed=False))

    def test_a_tools_call_in_a_stream_comes_whole(self) -> None:
        """However many pieces its arguments came in."""
        self._require_tools()
        self.run(lambda: self._calls(self.tool_stream(TOOL.name, ARGUMENTS), streamed=True))

    async def _calls(self, answer: Answer, *, streamed: bool) -> None:
        async with self.asked(answer) as (adapter, server):
            call = self.call(tools=(TOOL,))
            reply = (
                (await driver.collect(adapter, call))[0]
                if streamed
                else await driver.complete(adapter, call)
            )
        _require_call(reply)
        body = server.main_requests[0].body.decode()
        for words in (TOOL.name, TOOL.description, *ARGUMENTS):
            require(
                words in body,
                f"the request's body does not say {words!r} of the tool: send call.request.tools",
            )

    def test_a_tools_result_goes_back_behind_its_call(self) -> None:
        """The conversation with a call and its result is sent whole, in its order."""
        self._require_tools()
        self.run(self._sends_results)

    async def _sends_results(self) -> None:
        called = ToolCall(id="call_1", name=TOOL.name, arguments=ARGUMENTS)
        messages = (
            Message("user", (Text("Will it rain?"),)),
            Message("assistant", (called,)),
            Message("tool", (ToolResult(id="call_1", name=TOOL.name, text="sun-all-day"),)),
        )
        async with self.asked(self.reply("It will not.")) as (adapter, server):
            await driver.catch_failure(
                driver.complete(adapter, self.call(*messages, tools=(TOOL,)))
            )
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
        """The model is held to the schema that the answer is to fit."""
        if not self.card().schema:
            skip("the card does not say schema=True")
        self.run(self._sends_the_schema)

    async def _sends_the_schema(self) -> None:
        text = '{"capital_of_it": "Lisbon"}'
        async with self.asked(self.reply(text)) as (adapter, server):
            reply = await driver.complete(adapter, self.call(schema=SCHEMA))
        body = server.main_requests[0].body.decode()
        require(
            "capital_of_it" in body,
            "the schema is not in the request's body: send call.request.schema.json_schema",
        )
        require(
            reply.text == text,
            f"with a schema the reply says {reply.text!r}, the vendor said {text!r}",
        )

    def _require_tools(self) -> None:
        if not self.card().tools:
            skip("the card does not say tools=True")


def _require_call(reply: Reply) -> None:
    require(
        len(reply.tool_calls) == 1,
        f"the vendor asks for one tool, the reply for {len(reply.tool_calls)}",
    )
    [call] = reply.tool_calls
    require(
        call.name == TOOL.name, f"the vendor asks for {TOOL.name!r}, the reply for {call.name!r}"
    )
    require(
        call.arguments == ARGUMENTS,
        f"the call's arguments are {call.arguments}, the vendor wrote {ARGUMENTS}",
    )
    require(
        call.id,
        "the call has no id, which its result will need: make one up where the vendor has none",
    )
    require(
        reply.finish is Finish.TOOL_CALLS,
        f"a reply that waits for tools ends with {reply.finish}: say Finish.TOOL_CALLS",
    )
