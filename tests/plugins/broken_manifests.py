"""Manifests that are broken, and the message about each after "plugin 'acme' (…) is broken"."""

import sys

from tests.plugins.sources import (
    HALT,
    HEAD,
    MANIFEST,
    MUTE,
    Broken,
    card,
    first,
    info,
    models,
    provider,
)

CIRCLE = (
    "ImportError: cannot import name 'Acme' from 'acme_plugin' "
    "(consider renaming '{folder}/acme_plugin.py' if it has the same name as a library "
    "you intended to import)"
    if sys.version_info >= (3, 14)
    else "ImportError: cannot import name 'Acme' from partially initialized module 'acme_plugin' "
    "(most likely due to a circular import) ({folder}/acme_plugin.py)"
)
NEVER = "which is never awaited: write 'def', not 'async def'"
NO_CARDS = "standby_models returned something that is not a mapping of names to Cards"
NO_HOOK = "it has no hook standby_provider, so it cannot reach any model"
VALIDATION = (
    "PluginValidationError: Plugin 'acme' for hook 'standby_provider' hookimpl definition: "
)

METHOD = (
    "    @hookimpl\n    def standby_provider(self): return ProviderInfo(adapter='acme_sdk:Acme')\n"
)

IMPORTS = {
    "indentation": Broken(
        first("if True:\npass"),
        "IndentationError: expected an indented block after 'if' statement on line 1 "
        "(acme_plugin.py, line 2)",
    ),
    "a null byte": Broken(
        first("x = 'a\0b'"), "SyntaxError: source code string cannot contain null bytes"
    ),
    "half a file": Broken(
        MANIFEST[:-2], "SyntaxError: '{' was never closed (acme_plugin.py, line 6)"
    ),
    "a name that standby does not have": Broken(
        first("from standby.plugins import hook"),
        "ModuleNotFoundError: No module named 'standby.plugins'",
    ),
    "a circle": Broken(
        first("from acme_plugin import Acme"),
        CIRCLE,
    ),
    "endless recursion": Broken(
        first("def f(): f()\nf()"), "RecursionError: maximum recursion depth exceeded"
    ),
    "a group": Broken(
        first("raise ExceptionGroup('many', [ValueError('one')])"),
        "ExceptionGroup: many (1 sub-exception)",
    ),
    "an exit": Broken(first("raise SystemExit(3)"), "SystemExit: 3"),
    "an exit without a message": Broken(first("raise SystemExit"), "SystemExit"),
    "an error without a message": Broken(first("assert False"), "AssertionError"),
    "an error whose message raises": Broken(
        first(f"{MUTE}raise Mute"), "Mute, whose message cannot be shown"
    ),
    "a BaseException": Broken(first(f"{HALT}raise Halt('halt')"), "Halt: halt"),
    "a cancellation": Broken(
        first("import asyncio; raise asyncio.CancelledError"), "CancelledError"
    ),
    "the end of a generator": Broken(first("raise GeneratorExit"), "GeneratorExit"),
}

HOOKS = {
    "misspelt": Broken(
        HEAD + provider().replace("standby_provider", "standby_providers"),
        "PluginValidationError: unknown hook 'standby_providers' in plugin "
        "<module 'acme_plugin' from '{folder}/acme_plugin.py'>",
    ),
    "a parameter": Broken(
        MANIFEST.replace("standby_provider()", "standby_provider(config)"),
        f"{VALIDATION}standby_provider(config) Argument(s) {{'config'}} are declared "
        "in the hookimpl but can not be found in the hookspec",
    ),
    "a parameter by name": Broken(
        MANIFEST.replace("standby_provider()", "standby_provider(*, config)"),
        "TypeError: standby_provider() missing 1 required keyword-only argument: 'config'",
    ),
    "a wrapper that is not a generator": Broken(
        MANIFEST.replace("@hookimpl", "@hookimpl(wrapper=True)", 1),
        f"{VALIDATION}standby_provider() Declared as wrapper=True or hookwrapper=True "
        "but function is not a generator function",
    ),
    "a class in place of its object": Broken(
        f"{HEAD}class Plugin:\n{METHOD}",
        "TypeError: Plugin.standby_provider() missing 1 required positional argument: 'self'",
        point="acme_plugin:Plugin",
    ),
    "an object that is not there": Broken(
        MANIFEST,
        "AttributeError: module 'acme_plugin' has no attribute 'plugin'",
        point="acme_plugin:plugin",
    ),
    "a module that is not there": Broken(
        MANIFEST, "ModuleNotFoundError: No module named 'acme'", point="acme"
    ),
    "an entry point that is not a name": Broken(
        MANIFEST,
        "its entry point 'acme plugin!' is neither 'module' nor 'module:object'",
        point="acme plugin!",
    ),
    "an exit": Broken(
        HEAD + provider() + models("sys.exit('no licence')"), "SystemExit: no licence"
    ),
    "a BaseException": Broken(
        f"{HEAD}{HALT}{provider()}@hookimpl\ndef standby_models(): raise Halt('halt')\n",
        "Halt: halt",
    ),
    "a list": Broken(HEAD + provider("[]"), "standby_provider returned a list, not a ProviderInfo"),
    "a text": Broken(
        HEAD + provider("'acme_sdk:Acme'"), "standby_provider returned a str, not a ProviderInfo"
    ),
    "the class itself": Broken(
        HEAD + provider("ProviderInfo"),
        "standby_provider returned a StructMeta, not a ProviderInfo",
    ),
    "a coroutine": Broken(
        HEAD + provider().replace("def ", "async def "),
        f"standby_provider returned a coroutine, {NEVER}",
    ),
    "a generator": Broken(
        HEAD + provider().replace("return", "yield"),
        "standby_provider returned a generator, not a ProviderInfo",
    ),
    "models as a coroutine": Broken(
        HEAD + provider() + models().replace("def ", "async def "),
        f"standby_models returned a coroutine, {NEVER}",
    ),
    "models as a list": Broken(HEAD + provider() + models("[Card()]"), NO_CARDS),
    "models as a text": Broken(HEAD + provider() + models("'a-1'"), NO_CARDS),
    "models as False": Broken(HEAD + provider() + models("False"), NO_CARDS),
    "a model without a card": Broken(HEAD + provider() + models("{'a-1': None}"), NO_CARDS),
    "a model with the class": Broken(HEAD + provider() + models("{'a-1': Card}"), NO_CARDS),
    "a model without a name": Broken(
        HEAD + provider() + models("{'': Card()}"), "standby_models, '': a model needs a name"
    ),
    "a mapping that raises": Broken(
        HEAD
        + provider()
        + "class Odd(dict):\n    def items(self): raise OSError('gone')\n"
        + models("Odd(a=Card())"),
        "OSError: gone",
    ),
}

FIELDS = {
    "unknown": Broken(
        info("url='https://acme.example'"), "TypeError: Unexpected keyword argument 'url'"
    ),
    "adapter as a class": Broken(
        HEAD + provider("ProviderInfo(adapter=dict)"),
        "standby_provider: expected `str`, got `type` - at `adapter`",
    ),
    "keys as a text": Broken(
        info("keys='A_KEY'"), "standby_provider: expected `array`, got `str` - at `keys`"
    ),
    "a key without a name": Broken(
        info("keys=('',)"), "standby_provider: a variable needs a name - at `keys`"
    ),
    "options that are None": Broken(
        info("options=None"), "standby_provider: expected `object`, got `null` - at `options`"
    ),
    "options as a list": Broken(
        info("options=['tone']"), "standby_provider: expected `object`, got `array` - at `options`"
    ),
    "install as a list": Broken(
        info("install=['pip']"), "standby_provider: expected `str`, got `array` - at `install`"
    ),
    "failures as a function": Broken(
        info("failures=print"),
        "standby_provider: expected `str`, got `builtin_function_or_method` - at `failures`",
    ),
    "errors as a text": Broken(
        info("errors='503'"), "standby_provider: expected `array`, got `str` - at `errors`"
    ),
    "a window as a text": Broken(
        card("context_window='200k'"),
        "standby_models, 'a-1': expected `int | null`, got `str` - at `context_window`",
    ),
    "a window below zero": Broken(
        card("context_window=-1"),
        "standby_models, 'a-1': expected `int` >= 1 - at `context_window`",
    ),
    "a time-out that is not a number": Broken(
        card("timeout=float('nan')"), "standby_models, 'a-1': expected `float` > 0.0 - at `timeout`"
    ),
    "a day as a text": Broken(
        card("retires='2026-12-01'"),
        "standby_models, 'a-1': expected `date | null`, got `str` - at `retires`",
    ),
    "an unknown medium": Broken(
        card("reads=('smell',)"),
        "standby_models, 'a-1': invalid enum value 'smell' - at `reads[0]`",
    ),
    "tools as a number": Broken(
        card("tools=1"), "standby_models, 'a-1': expected `bool | null`, got `int` - at `tools`"
    ),
}

MANIFESTS = {
    f"{kind}: {name}": broken
    for kind, table in (("import", IMPORTS), ("hook", HOOKS), ("field", FIELDS))
    for name, broken in table.items()
}

WITHOUT_MODELS = {
    "not marked": Broken(
        f"{HEAD}def standby_provider(): return ProviderInfo(adapter='acme_sdk:Acme')\n", NO_HOOK
    ),
    "returns None": Broken(HEAD + provider("None"), NO_HOOK),
    "a class with no object": Broken(f"{HEAD}class Plugin:\n{METHOD}", NO_HOOK),
    "an object without hooks": Broken(MANIFEST, NO_HOOK, point="acme_plugin:__name__"),
}
"""Plugins that load but cannot reach a model, and the message where a file uses one."""
