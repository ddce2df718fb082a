"""With tools, in a whole reply and in a stream: what it calls, what comes back, and what only it can read."""

from collections.abc import AsyncIterator, Mapping

from standby.plugin import (
    Card,
    Chunk,
    End,
    Finish,
    ModelRequest,
    Provider,
    ProviderInfo,
    Reply,
    ToolCall,
    ToolResult,
    hookimpl,
)


@hookimpl
def standby_provider() -> ProviderInfo:
    return ProviderInfo(adapter="old_tools:Tools", card=Card(tools=True))


@hookimpl
def standby_models() -> Mapping[str, Card]:
    return {"tools-1": Card(context_window=4096)}


class Tools:
    def __init__(self, provider: Provider) -> None:
        del provider

    async def complete(self, call: ModelRequest) -> Reply:
        last = call.request.messages[-1].parts[0]
        if isinstance(last, ToolResult):
            made = call.request.messages[-2].parts[-1]
            private = made.provider_state if isinstance(made, ToolCall) else ""
            return Reply(text=f"{last.name} said {last.text}; I kept {private}")
        return Reply(text="", tool_calls=(self._call(call),), finish=Finish.TOOL_CALLS)

    async def stream(self, call: ModelRequest) -> AsyncIterator[Chunk]:
        yield Chunk(tool_call=self._call(call))
        yield Chunk("", End(finish=Finish.TOOL_CALLS))

    def _call(self, call: ModelRequest) -> ToolCall:
        return ToolCall(
            id="call-1",
            name=call.request.tools[0].name,
            arguments={"city": "Lisbon"},
            provider_state="a signature",
        )
