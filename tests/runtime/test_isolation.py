"""What a plugin raises or returns: one exception, one description, and no value of a wrong type."""

import asyncio
import gc
from datetime import date
from typing import Any

import pytest

from standby.cards import Card
from standby.errors import AttemptFailed, ConfigError
from standby.failures import Failure, Kind
from standby.plugin import End, ProviderInfo, ToolCall, Usage
from standby.runtime.isolation import (
    Origin,
    close_awaitable,
    describe_error,
    error_message,
    guard,
    require_value,
    type_error,
)
from standby.types import Reply

ACME = Origin("acme", "acme-standby", "1.2.0")


class Halt(BaseException):
    """Not an `Exception`."""


class Mute(Exception):
    """Raises instead of giving its message."""

    def __str__(self) -> str:
        raise ValueError("mute")


def raise_in_guard(error: BaseException, *through: type[BaseException]) -> None:
    with guard(ACME.config_error, *through):
        raise error


@pytest.mark.parametrize(
    ("error", "description"),
    [
        (ValueError("no licence"), "ValueError: no licence"),
        (ValueError("two\n   lines"), "ValueError: two lines"),
        (AssertionError(), "AssertionError"),
        (KeyError("a"), "KeyError: 'a'"),
        (Mute(), "Mute, whose message cannot be shown"),
        (SystemExit(3), "SystemExit: 3"),
        (Halt("halt"), "Halt: halt"),
        (GeneratorExit(), "GeneratorExit"),
        (asyncio.CancelledError(), "CancelledError"),
    ],
)
def test_whatever_a_plugin_raises_is_raised_as_its_own_fault(
    error: BaseException, description: str
) -> None:
    assert describe_error(error) == description
    with pytest.raises(ConfigError) as caught:
        raise_in_guard(error)
    [problem] = caught.value.problems
    assert (problem.code, problem.message) == (
        "broken-plugin",
        f"plugin 'acme' (acme-standby 1.2.0) is broken: {description}",
    )
    assert problem.hint == "update or uninstall acme-standby"
    assert caught.value.__cause__ is error


def test_ctrl_c_passes_and_so_do_the_named_exceptions() -> None:
    with pytest.raises(KeyboardInterrupt):
        raise_in_guard(KeyboardInterrupt())
    with pytest.raises(ImportError):
        raise_in_guard(ModuleNotFoundError("no acme_sdk"), ImportError)
    with pytest.raises(ConfigError):
        raise_in_guard(OSError("gone"), ImportError)


def test_code_that_raises_nothing_continues() -> None:
    with guard(ACME.config_error):
        done = True
    assert done


def test_an_empty_message_is_not_a_message_that_cannot_be_shown() -> None:
    assert error_message(ValueError()) == ""
    assert error_message(Mute()) is None


def test_an_origin_names_plugin_distribution_and_version() -> None:
    assert str(ACME) == "plugin 'acme' (acme-standby 1.2.0)"
    assert str(Origin("acme", "acme-standby")) == "plugin 'acme' (acme-standby)"
    unavailable, violation = (
        ACME.unavailable("no module"),
        ACME.contract_violation("cancelled itself"),
    )
    assert isinstance(unavailable, AttemptFailed)
    assert (unavailable.failure.kind, str(unavailable)) == (
        Kind.UNAVAILABLE,
        f"{ACME} cannot be used: no module",
    )
    assert (violation.kind, violation.message) == (
        Kind.CONTRACT,
        f"{ACME} cancelled itself; update acme-standby, or report this to its authors",
    )


def build(struct: type[Any], /, **fields: object) -> Any:
    """Make a struct as a plugin may: with any values."""
    return struct(**fields)


CALL = build(ToolCall, id="1", name="f", arguments={})


@pytest.mark.parametrize(
    "value",
    [
        Reply(text="Hello."),
        Reply(text="Hello.", usage=Usage(input=1, output=2), tool_calls=(CALL,)),
        Card(context_window=9, retires=date(2026, 12, 1)),
        Failure(kind=Kind.TIMEOUT, message="late", retry_after=1),
        ProviderInfo(adapter="acme:Acme", options={"properties": {"a": {}}}),
        End(),
    ],
)
def test_a_value_as_promised_has_no_type_error(value: Any) -> None:
    assert type_error(value, type(value)) == ""


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (build(Reply, text=None), "expected `str`, got `null` - at `text`"),
        (build(Reply, text="x", usage={}), "expected a Usage, got a dict - at `usage`"),
        (
            build(Reply, text="x", usage={"input": "many"}),
            "expected `int`, got `str` - at `usage.input`",
        ),
        (
            build(Reply, text="x", usage=build(Usage, input="many")),
            "expected `int`, got `str` - at `usage.input`",
        ),
        (
            build(
                Reply, text="x", tool_calls=(CALL, build(ToolCall, id=1, name="f", arguments={}))
            ),
            "expected `str`, got `int` - at `tool_calls.id`",
        ),
        (
            build(Reply, text="x", tool_calls=("f",)),
            "expected `object`, got `str` - at `tool_calls[0]`",
        ),
        (build(Card, retires="2026-12-01"), "expected `date | null`, got `str` - at `retires`"),
        (build(Card, retires=5), "expected `date | null`, got `int` - at `retires`"),
        (build(Failure, kind="tired", message="x"), "invalid enum value 'tired' - at `kind`"),
        (
            build(ProviderInfo, adapter="a:A", card={"tools": True}),
            "expected a Card, got a dict - at `card`",
        ),
        (
            build(ProviderInfo, adapter="a:A", card=build(Card, tools=1)),
            "expected `bool | null`, got `int` - at `card.tools`",
        ),
    ],
)
def test_a_field_of_the_wrong_type_is_named_in_nested_structs_too(value: Any, problem: str) -> None:
    assert type_error(value, type(value)) == problem


@pytest.mark.parametrize(
    ("value", "got"), [(None, "NoneType"), ({"text": "Hello."}, "dict"), ("Hello.", "str")]
)
def test_a_value_of_another_type_is_named(value: object, got: str) -> None:
    assert type_error(value, Reply) == f"expected a Reply, got a {got}"


class Awaitable:
    def __await__(self) -> Any: ...

    def close(self) -> None:
        raise ValueError("foreign code")


async def test_an_awaitable_is_rejected_and_closed() -> None:
    async def soon() -> int:
        return 1

    task, future = asyncio.ensure_future(soon()), asyncio.get_running_loop().create_future()
    for value, name in (
        (soon(), "a coroutine"),
        (task, "a Task"),
        (future, "a Future"),
        (Awaitable(), "an Awaitable"),
    ):
        with pytest.raises(
            TypeError,
            match=f"it returned {name}, which is never awaited: write 'def', not 'async def'",
        ):
            require_value(value)
    await asyncio.sleep(0)
    assert task.cancelled()
    assert future.cancelled()
    gc.collect()


@pytest.mark.parametrize(
    "value", [None, 1, "text", [], ProviderInfo(adapter="a:B"), (_ for _ in ()), open]
)
def test_any_other_value_is_returned_unchanged(value: object) -> None:
    assert require_value(value) is value
    assert close_awaitable(value) == ""
