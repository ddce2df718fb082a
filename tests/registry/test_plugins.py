"""The registry, with real distributions on disk: names, isolation, conflicts, broken plugins."""

import gc
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from standby.cards import Card
from standby.errors import AttemptFailed, ConfigError, Problem
from standby.failures import Kind
from standby.plugin import GROUP, ProviderInfo
from standby.registry.plugins import Registry
from standby.settings import Provider
from tests.docs.distributions import put

HEAD = "from standby.plugin import Card, ProviderInfo, hookimpl\n"
PROVIDER = (
    "@hookimpl\ndef standby_provider(): "
    "return ProviderInfo(adapter='acme_sdk:Acme', install='pip install acme-sdk')\n"
)
MODELS = "@hookimpl\ndef standby_models(): return {'a-1': Card(context_window=9), 'a-2': Card()}\n"
MANIFEST = HEAD + PROVIDER + MODELS
ACME = Provider(plugin="acme")
ADAPTER = "class Acme:\n    async def complete(self, request): ...\n"

Distribute = Callable[..., Registry]


@pytest.fixture
def distribute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Distribute]:
    """Puts distributions on `sys.path`, and returns a registry of them alone."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(
        source: str = MANIFEST,
        *,
        distribution: str = "acme-standby",
        point: str = "acme_plugin",
        **files: str,
    ) -> Registry:
        project = {
            "name": distribution,
            "version": "1.2.0",
            "entry-points": {GROUP: {"acme": point}},
        }
        put(
            tmp_path,
            project,
            {"acme_plugin.py": source, **{f"{name}.py": text for name, text in files.items()}},
        )
        groups = [each.entry_points for each in metadata.distributions(path=[str(tmp_path)])]
        return Registry(point for points in groups for point in points.select(group=GROUP))

    yield make
    for name in [name for name in sys.modules if name.startswith("acme_")]:
        del sys.modules[name]


def catch_problem(call: Callable[[str], Any]) -> Problem:
    with pytest.raises(ConfigError) as caught:
        call("acme")
    [problem] = caught.value.problems
    return problem


def import_failure(registry: Registry) -> str:
    with pytest.raises(AttemptFailed) as caught:
        registry.adapter(ACME)
    assert caught.value.failure.kind is Kind.UNAVAILABLE
    return caught.value.failure.text


def test_a_plugin_is_found_with_what_it_registers(distribute: Distribute) -> None:
    registry = distribute(acme_sdk=ADAPTER)
    assert registry.names() == ("acme",)
    assert registry.info("acme") == ProviderInfo(
        adapter="acme_sdk:Acme", install="pip install acme-sdk"
    )
    assert registry.cards("acme") == {"a-1": Card(context_window=9), "a-2": Card()}
    assert registry.commands("acme") == []
    status = registry.status("acme")
    assert (status.name, status.distribution, status.version) == (
        "acme",
        "acme-standby",
        "1.2.0",
    )
    assert (status.state, status.models, status.reason) == ("ok", ("a-1", "a-2"), "")


def test_names_import_nothing_and_a_manifest_imports_no_sdk(
    distribute: Distribute,
) -> None:
    registry = distribute(acme_sdk=ADAPTER)
    assert registry.names() == ("acme",)
    assert not {"acme_plugin", "acme_sdk"} & set(sys.modules)
    registry.status("acme")
    assert "acme_plugin" in sys.modules
    assert "acme_sdk" not in sys.modules
    assert registry.adapter(ACME) is sys.modules["acme_sdk"].Acme


@pytest.mark.parametrize("collects", [True, False])
def test_an_adapter_is_imported_without_garbage_collections(
    distribute: Distribute, *, collects: bool
) -> None:
    registry = distribute(acme_sdk="import gc\nCOLLECTED = gc.isenabled()\n" + ADAPTER)
    switch = gc.enable if collects else gc.disable
    switch()
    try:
        registry.adapter(ACME)
        assert gc.isenabled() is collects
    finally:
        gc.enable()
    assert sys.modules["acme_sdk"].COLLECTED is False


def test_an_sdk_that_cannot_be_imported_leaves_garbage_collection_on(
    distribute: Distribute,
) -> None:
    registry = distribute(acme_sdk="raise RuntimeError")
    import_failure(registry)
    assert gc.isenabled()


def test_the_installed_plugins_are_the_default() -> None:
    assert {"gemini", "local", "openai", "scripted"} <= set(Registry().names())
    installed = Registry().names()
    assert list(installed) == sorted(installed)


def test_a_manifest_is_loaded_once(distribute: Distribute) -> None:
    registry = distribute(
        "import acme_count\nacme_count.loads += 1\n" + MANIFEST, acme_count="loads = 0\n"
    )
    for _ in range(3):
        registry.info("acme")
        registry.cards("acme")
    assert sys.modules["acme_count"].loads == 1


def test_a_distributions_metadata_is_read_once_for_all_its_plugins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read: list[str] = []
    text = metadata.PathDistribution.read_text

    def count_reads(distribution: metadata.PathDistribution, name: str) -> str | None:
        read.append(name)
        return text(distribution, name)

    registry = Registry()
    monkeypatch.setattr(metadata.PathDistribution, "read_text", count_reads)
    shipped = ("gemini", "local", "openai", "scripted")
    origins = [registry.origin(name) for name in shipped]
    assert {origin.distribution for origin in origins} == {"standby"}
    assert [registry.status(name).version for name in shipped] == [
        origin.version for origin in origins
    ]
    assert read.count("METADATA") == 1


def test_a_plugin_may_have_no_hooks(distribute: Distribute) -> None:
    registry = distribute("")
    assert (registry.cards("acme"), registry.commands("acme"), registry.status("acme").state) == (
        {},
        [],
        "ok",
    )
    assert catch_problem(registry.info).message == (
        "plugin 'acme' (acme-standby 1.2.0) is broken: "
        "it has no hook standby_provider, so it cannot reach any model"
    )


def test_hooks_may_return_none(distribute: Distribute) -> None:
    registry = distribute(
        HEAD
        + "".join(
            f"@hookimpl\ndef standby_{hook}(): pass\n"
            for hook in ("provider", "models", "commands")
        )
    )
    assert (registry.cards("acme"), registry.commands("acme")) == ({}, [])


def test_the_entry_point_may_name_an_object(distribute: Distribute) -> None:
    source = (
        HEAD
        + "class Plugin:\n    @hookimpl\n    def standby_models(self): return {'a': Card()}\n"
        + "plugin = Plugin()\n"
    )
    assert list(distribute(source, point="acme_plugin:plugin").cards("acme")) == ["a"]


NO_CARDS = "standby_models returned something that is not a mapping of names to Cards"


def models(value: str) -> str:
    return f"{HEAD}@hookimpl\ndef standby_models(): return {value}\n"


def provider(value: str) -> str:
    return f"{HEAD}@hookimpl\ndef standby_provider(): return {value}\n"


BROKEN = {
    "import acme_missing": "ModuleNotFoundError: No module named 'acme_missing'",
    "from standby.plugin import Hook": (
        "ImportError: cannot import name 'Hook' from 'standby.plugin'"
    ),
    "raise SystemExit(3)": "SystemExit: 3",
    "raise RuntimeError('two\\nlines')": "RuntimeError: two lines",
    "def broken(:": "SyntaxError: invalid syntax (acme_plugin.py, line 1)",
    MANIFEST.replace(
        "standby_models", "standby_model"
    ): "PluginValidationError: unknown hook 'standby_model' in plugin",
    MANIFEST.replace(
        "standby_models()", "standby_models(model)"
    ): "PluginValidationError: Plugin 'acme' for hook 'standby_models'",
    MANIFEST.replace(
        "return {'a-1'", "return 1 / 0, {'a-1'"
    ): "ZeroDivisionError: division by zero",
    provider("{}"): "standby_provider returned a dict, not a ProviderInfo",
    provider("ProviderInfo()"): "TypeError: Missing required argument 'adapter'",
    provider(
        "ProviderInfo(adapter=5)"
    ): "standby_provider: expected `str`, got `int` - at `adapter`",
    provider(
        "ProviderInfo(adapter='a:B', keys='A_KEY')"
    ): "standby_provider: expected `array`, got `str` - at `keys`",
    provider(
        "ProviderInfo(adapter='a:B', card={})"
    ): "standby_provider: expected a Card, got a dict",
    provider(
        "ProviderInfo(adapter='a:B', card=Card(timeout=0))"
    ): "standby_provider: expected `float` > 0.0 - at `card.timeout`",
    models("['a-1']"): NO_CARDS,
    models("5"): NO_CARDS,
    models("{'a-1': {}}"): NO_CARDS,
    models("{1: Card()}"): NO_CARDS,
    models(
        "{'a-1': Card(refuses='seed')}"
    ): "standby_models, 'a-1': expected `array | null`, got `str` - at `refuses`",
}


@pytest.mark.parametrize("source", BROKEN)
def test_a_broken_plugin_is_reported_with_its_distribution(
    source: str, distribute: Distribute
) -> None:
    registry = distribute(source)
    for call in (registry.info, registry.cards, registry.commands):
        problem = catch_problem(call)
        assert problem.message.startswith(
            f"plugin 'acme' (acme-standby 1.2.0) is broken: {BROKEN[source]}"
        )
        assert "\n" not in problem.message
        assert (problem.code, problem.hint) == ("broken-plugin", "update or uninstall acme-standby")
    status = registry.status("acme")
    assert (status.state, status.models, status.reason) == (
        "broken",
        (),
        f"{problem.message}; {problem.hint}",
    )


NEVER = "which is never awaited: write 'def', not 'async def'"
SOON = "import asyncio\nasync def soon(): return None\n"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            HEAD + PROVIDER.replace("def ", "async def "),
            f"standby_provider returned a coroutine, {NEVER}",
        ),
        (MANIFEST.replace("def ", "async def "), f"standby_provider returned a coroutine, {NEVER}"),
        (
            HEAD + PROVIDER + MODELS.replace("def ", "async def "),
            f"standby_models returned a coroutine, {NEVER}",
        ),
        (
            HEAD + PROVIDER + "@hookimpl\nasync def standby_models(): yield\n",
            f"standby_models returned an async_generator, {NEVER}",
        ),
        (
            HEAD + SOON + "@hookimpl\ndef standby_provider(): return soon()\n",
            f"standby_provider returned a coroutine, {NEVER}",
        ),
    ],
)
def test_a_hook_that_returns_an_awaitable_is_refused_and_closed(
    source: str, message: str, distribute: Distribute
) -> None:
    registry = distribute(source)
    assert (
        catch_problem(registry.info).message
        == f"plugin 'acme' (acme-standby 1.2.0) is broken: {message}"
    )
    gc.collect()  # Python would warn of what was never awaited, and a warning is an error here


SYNC = "which is never awaited: write 'def'"


@pytest.mark.parametrize(
    ("hook", "source", "message"),
    [
        (
            "observers",
            "async def standby_observers(): return []",
            f"standby_observers returned a coroutine, {NEVER}",
        ),
        (
            "observers",
            "def standby_observers(): return [soon]",
            f"the observer soon is an 'async def', {SYNC}",
        ),
        (
            "observers",
            "def standby_observers(): return [Soon()]",
            f"the observer Soon is an 'async def', {SYNC}",
        ),
        (
            "observers",
            "def standby_observers(): return [partial(soon, 1)]",
            f"the observer partial is an 'async def', {SYNC}",
        ),
        (
            "predicates",
            "async def standby_predicates(): return {}",
            f"standby_predicates returned a coroutine, {NEVER}",
        ),
        (
            "predicates",
            "def standby_predicates(): return {'t': soon}",
            f"the predicate 't' is an 'async def', {SYNC}",
        ),
        (
            "predicates",
            "def standby_predicates(): return {'t': soons}",
            f"the predicate 't' is an 'async def', {SYNC}",
        ),
        (
            "commands",
            "async def standby_commands(): yield",
            f"standby_commands returned an async_generator, {NEVER}",
        ),
        (
            "commands",
            "def standby_commands(): return [feed]",
            f"the command 'feed' is an 'async def', {SYNC}",
        ),
        (
            "commands",
            "def standby_commands(): return [birds]",
            f"the command 'feed' is an 'async def', {SYNC}",
        ),
    ],
)
def test_functions_that_are_never_awaited_must_not_be_async(
    hook: str, source: str, message: str, distribute: Distribute
) -> None:
    registry = distribute(
        f"""{MANIFEST}
from functools import partial
import click
async def soon(*args): ...
async def soons(*args): yield
class Soon:
    async def __call__(self, event): ...
feed = click.Command('feed', callback=soon)
birds = click.Group('birds', commands=[feed])
@hookimpl
{source}
"""
    )
    assert (
        catch_problem(getattr(registry, hook)).message
        == f"plugin 'acme' (acme-standby 1.2.0) is broken: {message}"
    )
    gc.collect()


@pytest.mark.parametrize(
    ("reader", "message"),
    [
        ("async def read(*args): ...", f"failures: acme_plugin:read is an 'async def', {SYNC}"),
        (
            "def read(*args): return soon()",
            f"failures: acme_plugin:read raised TypeError: it returned a coroutine, {NEVER}",
        ),
        (
            "def read(*args): return {}['error']",
            "failures: acme_plugin:read raised KeyError: 'error'",
        ),
        (
            "def read(*args): return 5",
            "failures: acme_plugin:read did not return a Failure: expected a Failure, got a int",
        ),
    ],
)
def test_a_failure_reader_must_return_a_failure(
    reader: str, message: str, distribute: Distribute
) -> None:
    source = MANIFEST.replace("install=", "failures='acme_plugin:read', install=")
    registry = distribute(f"{source}{SOON}{reader}\n")
    with pytest.raises(ConfigError) as caught:
        read = registry.failure_reader("acme")
        assert read is not None
        read(400, {}, {})
    assert (
        caught.value.problems[0].message
        == f"plugin 'acme' (acme-standby 1.2.0) is broken: {message}"
    )
    gc.collect()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return 1 / 0", "standby_commands raised ZeroDivisionError: division by zero"),
        (
            "import acme_missing",
            "standby_commands raised ModuleNotFoundError: No module named 'acme_missing'",
        ),
        ("raise SystemExit(2)", "standby_commands raised SystemExit: 2"),
        (
            "return ['feed']",
            "standby_commands returned something that is not a list of click commands",
        ),
        ("return 5", "standby_commands raised TypeError: 'int' object is not iterable"),
    ],
)
def test_a_broken_commands_hook_breaks_nothing_else(
    body: str, message: str, distribute: Distribute
) -> None:
    registry = distribute(f"{MANIFEST}@hookimpl\ndef standby_commands(): {body}\n")
    assert (
        catch_problem(registry.commands).message
        == f"plugin 'acme' (acme-standby 1.2.0) is broken: {message}"
    )
    assert registry.status("acme").state == "ok"


def test_commands_are_imported_when_they_are_needed(distribute: Distribute) -> None:
    hook = "def standby_commands():\n    import click\n    return [click.Command('feed')]\n"
    source = f"{MANIFEST}@hookimpl\n{hook}"
    assert [command.name for command in distribute(source).commands("acme")] == ["feed"]


def test_ctrl_c_while_a_plugin_loads_goes_through(distribute: Distribute) -> None:
    with pytest.raises(KeyboardInterrupt):
        distribute("raise KeyboardInterrupt").status("acme")


def test_two_distributions_of_one_plugin_are_both_named_and_neither_is_imported(
    distribute: Distribute,
) -> None:
    distribute()
    registry = distribute(distribution="other-acme")
    assert registry.names() == ("acme",)
    hint = (
        "uninstall one of them, or say which: "
        "providers: {acme: {plugin: acme, distribution: acme-standby}}"
    )
    calls = (registry.info, registry.cards, registry.commands, lambda _: registry.adapter(ACME))
    for call in calls:
        problem = catch_problem(call)
        message = (
            "two distributions offer a plugin named 'acme': acme-standby 1.2.0 and other-acme 1.2.0"
        )
        assert (problem.code, problem.message, problem.hint) == ("plugin-conflict", message, hint)
    assert registry.status("acme").reason == f"{message}; {hint}"
    assert "acme_plugin" not in sys.modules


def test_a_plugin_that_is_not_installed_is_named() -> None:
    registry = Registry([])
    assert registry.names() == ()
    problem = catch_problem(registry.info)
    assert (problem.code, problem.message) == (
        "unknown-plugin",
        "no plugin named 'acme' is installed",
    )
    assert registry.status("acme").state == "broken"


def test_an_entry_point_needs_no_distribution(distribute: Distribute) -> None:
    distribute()
    registry = Registry([metadata.EntryPoint("acme", "acme_plugin", GROUP)])
    assert registry.info("acme").adapter == "acme_sdk:Acme"
    assert registry.status("acme").distribution == "unknown distribution"


ADAPTERS = {
    "import acme_http": "No module named 'acme_http'; install it: pip install acme-sdk",
    "from standby.plugin import Nothing": "cannot import name 'Nothing' from 'standby.plugin'",
    "": "acme_sdk:Acme: AttributeError: module 'acme_sdk' has no attribute 'Acme'",
    "raise SystemExit('no licence')": "acme_sdk:Acme: SystemExit: no licence",
    "raise ValueError('odd')": "acme_sdk:Acme: ValueError: odd",
    "def broken(:": "acme_sdk:Acme: SyntaxError: invalid syntax (acme_sdk.py, line 1)",
    "class Acme: pass": "acme_sdk:Acme has neither 'complete' nor 'stream'",
    "Acme = None": "acme_sdk:Acme has neither 'complete' nor 'stream'",
}


@pytest.mark.parametrize("source", ADAPTERS)
def test_a_broken_adapter_makes_its_models_unavailable(source: str, distribute: Distribute) -> None:
    registry = distribute(acme_sdk=source)
    assert import_failure(registry).startswith(
        f"plugin 'acme' (acme-standby 1.2.0) cannot be used: {ADAPTERS[source]}"
    )
    assert registry.status("acme").state == "ok"


def test_a_missing_sdk_is_reported_with_the_command_that_installs_it(
    distribute: Distribute,
) -> None:
    message = "plugin 'acme' (acme-standby 1.2.0) cannot be used: No module named 'acme_sdk'"
    assert import_failure(distribute()) == f"{message}; install it: pip install acme-sdk"


def test_a_missing_sdk_without_a_command_is_reported_alone(distribute: Distribute) -> None:
    registry = distribute(MANIFEST.replace(", install='pip install acme-sdk'", ""))
    assert (
        import_failure(registry)
        == "plugin 'acme' (acme-standby 1.2.0) cannot be used: No module named 'acme_sdk'"
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("acme_sdk", "acme_sdk: AttributeError: module 'acme_sdk' has no attribute ''"),
        (":Acme", ":Acme: ValueError: Empty module name"),
        ("", ": ValueError: Empty module name"),
        (
            "acme_sdk:Acme.Inner",
            "acme_sdk:Acme.Inner: AttributeError: module 'acme_sdk' has no attribute 'Acme.Inner'",
        ),
    ],
)
def test_a_dotted_name_that_cannot_be_imported_is_reported(
    name: str, message: str, distribute: Distribute
) -> None:
    registry = distribute(MANIFEST.replace("acme_sdk:Acme", name), acme_sdk=ADAPTER)
    assert (
        import_failure(registry) == f"plugin 'acme' (acme-standby 1.2.0) cannot be used: {message}"
    )


@pytest.mark.parametrize("method", ["complete", "stream"])
def test_one_of_two_methods_is_enough(method: str, distribute: Distribute) -> None:
    registry = distribute(acme_sdk=f"class Acme:\n    async def {method}(self, request): ...\n")
    assert registry.adapter(ACME).__name__ == "Acme"


def test_ctrl_c_while_an_adapter_is_imported_goes_through(distribute: Distribute) -> None:
    with pytest.raises(KeyboardInterrupt):
        distribute(acme_sdk="raise KeyboardInterrupt").adapter(ACME)


def test_a_broken_plugin_breaks_no_others_hooks(distribute: Distribute) -> None:
    distribute("raise SystemExit(3)")
    registry = Registry()  # the folder is on the path: this one among all the installed
    assert registry.status("acme").state == "broken"
    assert registry.status("scripted").state == "ok"


def test_a_new_process_finds_the_plugin_by_metadata_alone(
    distribute: Distribute, tmp_path: Path
) -> None:
    distribute("raise SystemExit(3)")
    program = (
        "import sys\nfrom standby.registry.plugins import Registry\n"
        "print(Registry().names(), 'acme_plugin' in sys.modules)"
    )
    process = subprocess.run(  # noqa: S603 - this interpreter, with a program of this file
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert "'acme'" in process.stdout
    assert process.stdout.endswith("False\n")


def test_a_library_of_another_version_is_reported_and_nothing_is_imported(
    distribute: Distribute, tmp_path: Path
) -> None:
    libraries = "libraries=(Library(module='acme_sdk', requirement='acme-sdk>=3.0'),), "
    source = MANIFEST.replace("import Card", "import Card, Library").replace(
        "adapter=", f"{libraries}adapter="
    )
    registry = distribute(source, acme_sdk="raise TypeError('of another time')")
    put(tmp_path, {"name": "acme-sdk", "version": "2.54.0", "entry-points": {GROUP: {}}}, {})
    message = "it needs acme-sdk>=3.0, and version 2.54.0 is installed: pip install 'acme-sdk>=3.0'"
    assert (
        import_failure(registry) == f"plugin 'acme' (acme-standby 1.2.0) cannot be used: {message}"
    )
    assert "acme_sdk" not in sys.modules


def test_a_library_that_only_some_accounts_need_is_not_checked_for_others(
    distribute: Distribute, tmp_path: Path
) -> None:
    libraries = (
        "libraries=(Library(module='acme_auth', requirement='acme-auth>=3', option='project'),), "
    )
    source = MANIFEST.replace("import Card", "import Card, Library").replace(
        "adapter=", f"{libraries}adapter="
    )
    registry = distribute(source, acme_sdk=ADAPTER)
    put(tmp_path, {"name": "acme-auth", "version": "2.0", "entry-points": {GROUP: {}}}, {})
    assert registry.adapter(ACME).__name__ == "Acme"


SDK = Provider(plugin="acme", transport="sdk")
WITH_SDK = MANIFEST.replace("import Card", "import Card, Library").replace(
    "adapter=",
    "libraries=(Library(module='acme_sdk', requirement='acme-sdk>=3.0', transport='sdk'),), "
    "sdk_adapter='acme_sdk:Through', adapter=",
)
BOTH = ADAPTER + ADAPTER.replace("Acme", "Through")


def test_a_providers_transport_chooses_the_adapter_class(distribute: Distribute) -> None:
    registry = distribute(WITH_SDK, acme_sdk=BOTH)
    assert registry.adapter(ACME).__name__ == "Acme"
    assert registry.adapter(SDK).__name__ == "Through"


def sdk_failure(registry: Registry) -> str:
    with pytest.raises(AttemptFailed) as caught:
        registry.adapter(SDK)
    assert caught.value.failure.kind is Kind.UNAVAILABLE
    return str(caught.value).removeprefix("plugin 'acme' (acme-standby 1.2.0) cannot be used: ")


def test_a_plugin_without_an_adapter_for_an_sdk_says_so(distribute: Distribute) -> None:
    problem = "it has no adapter for 'transport: sdk': leave that line out"
    assert sdk_failure(distribute(acme_sdk=ADAPTER)) == problem


def test_an_sdk_is_checked_only_where_it_sends(distribute: Distribute, tmp_path: Path) -> None:
    registry = distribute(WITH_SDK, acme_sdk=BOTH)
    put(tmp_path, {"name": "acme-sdk", "version": "2.54.0", "entry-points": {GROUP: {}}}, {})
    assert registry.adapter(ACME).__name__ == "Acme"
    problem = "it needs acme-sdk>=3.0, and version 2.54.0 is installed: pip install 'acme-sdk>=3.0'"
    assert sdk_failure(registry) == problem


def test_an_sdk_that_is_missing_is_named_with_what_installs_it(distribute: Distribute) -> None:
    manifest = WITH_SDK.replace("acme_sdk:Through", "acme_through:Through")
    registry = distribute(manifest, acme_sdk=ADAPTER, acme_through="import nowhere_at_all")
    missing = "'transport: sdk' needs acme-sdk>=3.0 (No module named 'nowhere_at_all')"
    assert sdk_failure(registry) == f"{missing}; install it: pip install 'acme-sdk>=3.0'"
