"""Import one plugin in isolation: its manifest, its hooks, and what the manifest names."""

import gc
import importlib
import sys
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from importlib import metadata
from typing import Any, TypeVar, cast

import msgspec
import pluggy

from standby.cards import Card
from standby.plugin import API_VERSION, ProviderInfo, hooks
from standby.runtime.isolation import (
    Origin,
    close_awaitable,
    error_message,
    guard,
    is_async,
    type_error,
)
from standby.settings import Provider

T = TypeVar("T")

OLDEST_VERSION = 1
"""The oldest version of the plugin interface that is still supported."""

_STDOUT_LOCK = threading.Lock()


class Manifest(msgspec.Struct, frozen=True):
    """What a plugin's first two hooks returned, and the plugin manager that calls the others."""

    info: ProviderInfo | None
    cards: Mapping[str, Card]
    manager: pluggy.PluginManager


def load_manifest(point: metadata.EntryPoint, origin: Origin) -> Manifest:
    """Import a plugin's module and check what its hooks return.

    Each plugin has a plugin manager of its own, so a broken plugin cannot break the others' hooks.

    Args:
        point: The plugin's entry point.
        origin: Where it comes from, for messages.

    Returns:
        The manifest; without hooks it has no `info` and no cards.

    Raises:
        ConfigError: The plugin is broken, or written for another version of the interface.
    """
    if metadata.EntryPoint.pattern.match(point.value) is None:
        raise origin.config_error(
            f"its entry point {point.value!r} is neither 'module' nor 'module:object'"
        )
    manager = pluggy.PluginManager("standby")
    manager.add_hookspecs(hooks)
    with guard(origin.config_error), redirect_prints():
        manager.register(point.load(), point.name)
        manager.check_pending()
        info: Any = manager.hook.standby_provider()
        cards: Any = manager.hook.standby_models()
        cards = cast("Any", {}) if cards is None else cards
        awaitable = close_awaitable(cards)  # always, because it closes a coroutine
        problem = _check_info(info) or (awaitable and f"standby_models {awaitable}")
    if info is not None and not problem:
        _check_version(info, origin)
    with guard(origin.config_error):
        problem = problem or _check_cards(cards)
    if problem:
        raise origin.config_error(problem)
    return Manifest(info, cards, manager)


def call_hook(manifest: Manifest, origin: Origin, hook: str, kind: Callable[[Any], T]) -> T:
    """Call one of the hooks that are rarely needed.

    Args:
        manifest: The plugin.
        origin: Where it comes from, for messages.
        hook: The hook's name.
        kind: `list` or `dict`: converts what the hook returns, and makes an empty value of `None`.

    Returns:
        The converted value.

    Raises:
        ConfigError: The hook raises, or returns an awaitable or a value of another kind.
    """
    with guard(lambda error: origin.config_error(f"{hook} raised {error}")), redirect_prints():
        value = getattr(manifest.manager.hook, hook)()
        if not (problem := close_awaitable(value)):
            return kind(value or ())
    raise origin.config_error(f"{hook} {problem}")


def adapter_name(info: ProviderInfo, provider: Provider) -> str:
    """Return the name of a provider's adapter class.

    Args:
        info: What the plugin says of itself.
        provider: The provider, whose transport chooses the class.

    Returns:
        The class as `package.module:Class`; "" if the plugin has none for the transport.
    """
    return info.sdk_adapter if provider.transport == "sdk" else info.adapter


def import_adapter(info: ProviderInfo, origin: Origin, provider: Provider) -> type[Any]:
    """Import a plugin's adapter class, and the SDK with it. Slow, so call it in a thread.

    Args:
        info: The plugin's provider information.
        origin: Where the plugin comes from, for messages.
        provider: The provider, whose transport chooses the class.

    Returns:
        The class that `ProviderInfo.adapter` or `ProviderInfo.sdk_adapter` names.

    Raises:
        AttemptFailed: `unavailable`; the message says what to install or to update.
    """
    dotted = adapter_name(info, provider)
    if provider.transport == "sdk" and not dotted:
        raise origin.unavailable("it has no adapter for 'transport: sdk': leave that line out")
    needed = [each.requirement for each in info.libraries if each.is_needed_by(provider)]
    origin.check_versions(needed)
    try:
        with (
            guard(lambda error: origin.unavailable(f"{dotted}: {error}"), ImportError),
            _garbage_collection_off(),
        ):
            adapter = _import_object(dotted)
            answers = hasattr(adapter, "complete") or hasattr(adapter, "stream")
    except ImportError as error:
        problem, install = error_message(error), info.install
        if provider.transport == "sdk":
            problem = f"'transport: sdk' needs {' and '.join(needed)} ({problem})"
            install = _pip_install(needed)
        remedy = f"; install it: {install}" if install else ""
        raise origin.unavailable(f"{problem}{remedy}") from error
    if not answers:
        raise origin.unavailable(f"{dotted} has neither 'complete' nor 'stream'")
    return cast("type[Any]", adapter)


def _pip_install(requirements: Sequence[str]) -> str:
    return "pip install " + " ".join(f"'{each}'" for each in requirements) if requirements else ""


def import_function(origin: Origin, field: str, dotted: str) -> Callable[..., Any]:
    """Import a function that a manifest names.

    Args:
        origin: Where the plugin comes from, for messages.
        field: The field of `ProviderInfo` that names the function.
        dotted: The function as `package.module:function`.

    Returns:
        The function.

    Raises:
        ConfigError: The name cannot be imported, or is not a synchronous function.
    """
    name = f"{field}: {dotted}"
    with guard(lambda error: origin.config_error(f"{name}: {error}")), redirect_prints():
        function = _import_object(dotted)
    if not callable(function):
        raise origin.config_error(f"{name} is not a function")
    check_sync(origin, {name: function})
    return cast("Callable[..., Any]", function)


def check_sync(origin: Origin, functions: Mapping[str, object]) -> None:
    """Refuse functions that would have to be awaited.

    Args:
        origin: Where the plugin comes from, for messages.
        functions: The functions by the names that messages use.

    Raises:
        ConfigError: A function is an `async def`.
    """
    for name, function in functions.items():
        if is_async(function):
            raise origin.config_error(
                f"{name} is an 'async def', which is never awaited: write 'def'"
            )


@contextmanager
def redirect_prints() -> Generator[None, None, None]:
    """Send what a plugin prints to standard error, so that it does not mix with JSON output.

    `sys.stdout` belongs to the whole process: one thread at a time redirects it, so that the right
    stream is restored. A thread that comes second runs without.

    Yields:
        Nothing.
    """
    if not _STDOUT_LOCK.acquire(blocking=False):
        yield
        return
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        _STDOUT_LOCK.release()


@contextmanager
def _garbage_collection_off() -> Generator[None, None, None]:
    """Import an SDK without garbage collections, which take a fifth of its import time.

    The import makes 100,000s of objects and hardly any garbage.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _import_object(dotted: str) -> Any:
    module, _, attribute = dotted.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _check_version(info: ProviderInfo, origin: Origin) -> None:
    version = info.api_version
    if OLDEST_VERSION <= version <= API_VERSION:
        return
    message = (
        f"it is written for version {version} of the plugin interface, "
        f"and this standby has version {API_VERSION}"
    )
    update = "standby" if version > API_VERSION else origin.distribution
    raise origin.config_error(message, f"update {update}")


def _check_info(info: Any) -> str:
    if info is None:
        return ""
    if awaitable := close_awaitable(info):
        return f"standby_provider {awaitable}"
    if not isinstance(info, ProviderInfo):
        return f"standby_provider returned a {type(info).__name__}, not a ProviderInfo"
    problem = type_error(info, ProviderInfo)
    if not problem and not all(info.keys):
        problem = "a variable needs a name - at `keys`"
    return f"standby_provider: {problem}" if problem else ""


def _check_cards(cards: Any) -> str:
    if not isinstance(cards, Mapping):
        return _NOT_CARDS
    for name, card in cast("Mapping[Any, object]", cards).items():
        if not (isinstance(name, str) and isinstance(card, Card)):
            return _NOT_CARDS
        if not name:
            return "standby_models, '': a model needs a name"
        if problem := type_error(card, Card):
            return f"standby_models, {name!r}: {problem}"
    return ""


_NOT_CARDS = "standby_models returned something that is not a mapping of names to Cards"
