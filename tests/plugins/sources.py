"""Builds the sources of broken plugins from a working manifest and a working adapter."""

from typing import Any

import msgspec
import pytest

from standby.failures import Kind

HEAD = "from standby.plugin import *\nimport asyncio, sys, time\n"


def provider(value: str = "ProviderInfo(adapter='acme_sdk:Acme')") -> str:
    return f"@hookimpl\ndef standby_provider(): return {value}\n"


def models(value: str = "{'a-1': Card()}") -> str:
    return f"@hookimpl\ndef standby_models(): return {value}\n"


MANIFEST = HEAD + provider() + models()


def first(statement: str) -> str:
    """Return the working manifest with a statement before it."""
    return f"{statement}\n{MANIFEST}"


def info(fields: str) -> str:
    """Return the working manifest with more fields in its ProviderInfo."""
    return HEAD + provider(f"ProviderInfo(adapter='acme_sdk:Acme', {fields})") + models()


def card(fields: str) -> str:
    """Return the working manifest with fields in its model's card."""
    return HEAD + provider() + models(f"{{'a-1': Card({fields})}}")


def acme(*methods: str, init_body: str = "pass") -> str:
    """Return an adapter with these methods, each a line of code; its constructor runs `made`."""
    lines = [
        f"    def __init__(self, provider): {init_body}\n",
        *(f"    {method}\n" for method in methods),
    ]
    return f"{HEAD}class Acme:\n{''.join(lines)}"


def completes(body: str) -> str:
    """Return an adapter whose `complete` does this, in one line."""
    return acme(f"async def complete(self, request): {body}")


def streams(body: str) -> str:
    """Return an adapter whose `stream` is a generator that does this, in lines."""
    indented = "".join(f"        {line}\n" for line in body.splitlines())
    return acme("async def stream(self, request):") + indented


WELL = completes("return Reply(text='Hello.')")

OWNER = "acme-broken 1.2.0"

HALT = "class Halt(BaseException): pass\n"
MUTE = "class Mute(Exception):\n    def __str__(self): raise ValueError('mute')\n"


class Broken(msgspec.Struct, frozen=True):
    """A plugin's source, the message about it, and the kind of the failure."""

    source: str
    message: str = ""
    kind: Kind = Kind.UNAVAILABLE
    point: str = "acme_plugin"


def each(table: dict[str, Broken]) -> list[Any]:
    """Return the plugins of a table as parameters."""
    return [pytest.param(broken, id=name) for name, broken in table.items()]
