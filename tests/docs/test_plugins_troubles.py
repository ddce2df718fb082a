from pathlib import Path

import pytest
from click.testing import CliRunner

from standby import plugin
from standby.cli import standby
from standby.registry.plugins import Registry
from tests.docs.distributions import Install, project
from tests.docs.documents import table

DOCUMENT = "plugins.md"

HEAD = "from standby.plugin import *\n"
HOOK = "@hookimpl\ndef standby_provider(): return ProviderInfo(adapter='standby_parrot:Parrot'{})\n"
MODELS = "@hookimpl\ndef standby_models(): return {'parrot-1': Card()}\n"
MAKE = "class Parrot:\n    def __init__(self, provider): pass\n"
GOOD = (
    HEAD
    + HOOK.format("")
    + MODELS
    + MAKE
    + "    async def complete(self, request): return Reply(text='Hello.')\n"
)
TONE = ", options={'additionalProperties': False, 'properties': {'tone': {'type': 'string'}}}"


def good(old: str = "", new: str = "") -> str:
    assert old in GOOD
    return GOOD.replace(old, new, 1)


def answering(method: str) -> str:
    return HEAD + HOOK.format("") + MODELS + MAKE + f"    {method}\n"


ASK = (
    "models: {m: {provider: parrot, model: parrot-1, timeout: 200ms}}\n"
    "chains: {default: {models: [m], retry: {attempts: 1}}}"
)
BARE = "chains: {default: {models: [parrot-1]}}"

TROUBLES: dict[str, tuple[str, str]] = {
    "no provider and no plugin is named 'parrot'": ("", ASK),
    "no model is named 'parrot-9'": (GOOD, "chains: {default: {models: [parrot-9]}}"),
    "'parrot-1' is known to parrot and parrot2": (GOOD, BARE),
    "two distributions offer a plugin named 'parrot'": (GOOD, BARE),
    "is broken: ModuleNotFoundError: No module named 'parrot_sdk'": ("import parrot_sdk\n", ASK),
    "is broken: PluginValidationError: unknown hook 'standby_model'": (
        good("standby_models", "standby_model"),
        ASK,
    ),
    "Argument(s) {'model'} are declared in the hookimpl but can not be found in the hookspec": (
        good("standby_models()", "standby_models(model)"),
        ASK,
    ),
    "it has no hook standby_provider, so it cannot reach any model": (good("@hookimpl\n"), ASK),
    "standby_provider returned a dict, not a ProviderInfo": (good("ProviderInfo(", "dict("), ASK),
    "standby_provider returned a coroutine, which is never awaited: write 'def', not 'async def'": (
        good("def standby_provider", "async def standby_provider"),
        ASK,
    ),
    "the command 'feed' is an 'async def', which is never awaited: write 'def'": (
        GOOD
        + "@hookimpl\ndef standby_commands():\n    import click\n"
        + "    return [click.Command('feed', callback=feed)]\n"
        + "async def feed(): ...\n",
        "parrot feed",
    ),
    "standby_models returned something that is not a mapping of names to Cards": (
        good("Card()", "{}"),
        ASK,
    ),
    "the plugin 'parrot' has no commands of its own": (GOOD, "parrot feed"),
    "unknown key 'ton'; did you mean 'tone'?": (
        good("')", f"'{TONE})"),
        "models: {m: {provider: parrot, options: {ton: dry}}}\nchains: {default: {models: [m]}}",
    ),
    "no key: set PARROT_API_KEY": (good("')", "', keys=('PARROT_API_KEY',))"), ASK),
    "cannot be used: No module named 'parrot_sdk'": (good("standby_parrot:", "parrot_sdk:"), ASK),
    "AttributeError: module 'standby_parrot' has no attribute 'Parot'": (
        good(":Parrot", ":Parot"),
        ASK,
    ),
    "has neither 'complete' nor 'stream'": (good("def complete", "def completed"), ASK),
    "TypeError: Parrot() takes no arguments": (good("__init__(self, provider)", "made(self)"), ASK),
    "TypeError: complete() returned a dict, not a Reply": (
        answering("async def complete(self, request): return {}"),
        ASK,
    ),
    "TypeError: complete() returned a Reply: write it as 'async def' without 'yield'": (
        good("async def", "def"),
        ASK,
    ),
    "AttributeError: 'list_iterator' object has no attribute 'aclose'": (
        answering("def stream(self, request): return iter([])"),
        ASK,
    ),
    "TypeError: stream() returned a coroutine: write it as 'async def' with 'yield'": (
        answering("async def stream(self, request): return [Chunk('Hello.')]"),
        ASK,
    ),
    "the stream ended without its end marker": (
        answering("async def stream(self, request): yield Chunk('Hello.')"),
        ASK,
    ),
    "empty: a reply without text, finish stop": (good("Hello."), ASK),
    "asked for parrot-1, served by parrot-2": (
        good("text=", "response_model='parrot-2', text="),
        ASK,
    ),
    "timeout: no answer in 0.2s": (
        answering("async def complete(self, request): import asyncio; await asyncio.sleep(60)"),
        ASK,
    ),
    "plugin 'parrot' (standby-parrot 0.1.0) raised KeyError: 'choices'": (
        answering("async def complete(self, request): return {}['choices']"),
        ASK,
    ),
}


@pytest.mark.parametrize("message", TROUBLES)
def test_each_message_of_the_troubleshooting_is_printed(
    message: str, install: Install, tmp_path: Path
) -> None:
    source, setup = TROUBLES[message]
    points = {"parrot": "standby_parrot"} if source else {}
    if "parrot2" in message:
        points["parrot2"] = "standby_parrot"
    install({**project(), "entry-points": {plugin.GROUP: points}}, {"standby_parrot.py": source})
    if message.startswith("two distributions"):
        install({**project(), "name": "standby-other-parrot"}, {})
    (tmp_path / "models.yaml").write_text(f"version: 1\n{setup}\n", encoding="utf-8")
    arguments = setup.split() if setup == "parrot feed" else ["ask", "Good morning."]
    assert message in CliRunner().invoke(standby, arguments).output


def test_the_table_lists_exactly_the_messages_tested_here() -> None:
    assert [row[0].strip("`") for row in table(DOCUMENT, head="message")] == list(TROUBLES)


def test_a_broken_plugin_does_not_keep_others_from_loading(install: Install) -> None:
    install(project(), {"standby_parrot.py": "raise SystemExit(3)"})
    registry = Registry()
    assert registry.status("parrot").reason == (
        "plugin 'parrot' (standby-parrot 0.1.0) is broken: SystemExit: 3; "
        "update or uninstall standby-parrot"
    )
    assert registry.status("scripted").state == "ok"


def test_a_broken_plugin_is_one_row_and_one_line_of_error(install: Install) -> None:
    install(project(), {"standby_parrot.py": good("standby_models()", "standby_models(model)")})
    rows = CliRunner().invoke(standby, ["plugins"]).output.splitlines()
    assert len(rows) == 1 + len(Registry().names())
    output = CliRunner().invoke(standby, ["parrot", "feed"]).output
    assert output.startswith(
        "Error: plugin 'parrot' (standby-parrot 0.1.0) is broken: PluginValidationError: "
    )
    assert output.endswith("; update or uninstall standby-parrot\n")
