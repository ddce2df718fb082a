"""With commands of its own, hooks on an object, and the adapter in the manifest's module."""

from typing import Any

from standby.plugin import API_VERSION, Card, ProviderInfo, Reply, hookimpl


class Plugin:
    @hookimpl
    def standby_provider(self) -> ProviderInfo:
        return ProviderInfo(adapter="old_commands:Adapter")

    @hookimpl
    def standby_models(self) -> dict[str, Card]:
        return {"commands-1": Card()}

    @hookimpl
    def standby_commands(self) -> list[Any]:
        import click  # noqa: PLC0415 - a plugin imports it only for its commands

        @click.command("feed")
        def feed() -> None:
            click.echo("Fed.")

        return [feed]


plugin = Plugin()


class Adapter:
    def __init__(self, provider: Any) -> None:
        del provider

    async def complete(self, request: Any) -> Reply:
        del request
        return Reply(text=f"written for {API_VERSION}")
