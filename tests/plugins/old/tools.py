"""With tools, in a reply and in a stream: calls, results, and state that only it can read."""

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

    async def complete(self, request: ModelRequest) -> Reply:
        last = request.request.messages[-1].parts[0]
        if isinstance(last, ToolResult):
            call = request.request.messages[-2].parts[-1]
            state = call.provider_state if isinstance(call, ToolCall) else ""
            return Reply(text=f"{last.name} said {last.text}; I kept {state}")
        return Reply(text="", tool_calls=(self._make_call(request),), finish=Finish.TOOL_CALLS)

    async def stream(self, request: ModelRequest) -> AsyncIterator[Chunk]:
        yield Chunk(tool_call=self._make_call(request))
        yield Chunk("", End(finish=Finish.TOOL_CALLS))

    def _make_call(self, request: ModelRequest) -> ToolCall:
        return ToolCall(
            id="call-1",
            name=request.request.tools[0].name,
            arguments={"city": "Lisbon"},
            provider_state="a signature",
        )
