from collections.abc import Mapping

from standby.plugin import Card, ModelRequest, Provider, ProviderInfo, Reply, hookimpl


@hookimpl
def standby_provider() -> ProviderInfo:
    return ProviderInfo(adapter="old_minimal:Parrot", card=Card(disclaimer="a parrot, not a model"))


@hookimpl
def standby_models() -> Mapping[str, Card]:
    return {"parrot-1": Card(context_window=4096)}


class Parrot:
    def __init__(self, provider: Provider) -> None:
        self.name = provider.plugin

    async def complete(self, request: ModelRequest) -> Reply:
        question = "".join(part.text for part in request.request.messages[-1].parts)
        return Reply(text=f"You said: {question}")
