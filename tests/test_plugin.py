"""All that a plugin author imports, in one module."""

import inspect
from collections.abc import AsyncIterator

import msgspec
import pytest

from standby import plugin
from standby.plugin import (
    Adapter,
    Card,
    Chunk,
    ModelRequest,
    ProviderInfo,
    Reply,
    StreamingAdapter,
    hooks,
)
from tests.support.playing import Plays, Streams, request


class Both:
    async def complete(self, call: ModelRequest) -> Reply:
        return Reply(text=call.model)

    async def stream(self, call: ModelRequest) -> AsyncIterator[Chunk]:
        yield Chunk(call.model)


def test_every_name_is_there_once_and_sorted() -> None:
    assert plugin.__all__ == sorted(set(plugin.__all__))
    assert all(hasattr(plugin, name) for name in plugin.__all__)


@pytest.mark.parametrize(
    ("adapter", "completes", "streams"),
    [
        (Plays(), True, False),
        (Streams(), False, True),
        (Both(), True, True),
        (object(), False, False),
    ],
)
def test_an_adapter_has_complete_or_stream(
    adapter: object, *, completes: bool, streams: bool
) -> None:
    assert isinstance(adapter, Adapter) is completes
    assert isinstance(adapter, StreamingAdapter) is streams


@pytest.mark.parametrize("hook", [name for name in vars(hooks) if name.startswith("standby_")])
def test_a_hook_takes_nothing_the_first_answer_counts_and_none_is_nothing(hook: str) -> None:
    specification = getattr(hooks, hook)
    signature = inspect.signature(specification)
    assert not signature.parameters
    assert "None" in str(signature.return_annotation)
    assert specification.standby_spec["firstresult"]
    assert specification() is None


def test_a_provider_takes_no_options_and_needs_no_key_unless_it_says_so() -> None:
    info = ProviderInfo(adapter="a:B")
    assert (info.keys, info.options, info.install, info.card) == (
        (),
        {"type": "object", "additionalProperties": False},
        "",
        Card(),
    )
    assert info.options is not ProviderInfo(adapter="a:B").options


def test_a_call_is_frozen_and_silent_about_its_prompt() -> None:
    call = ModelRequest(request=request(), model="m", card=Card(), options={}, timeout=1.0)
    with pytest.raises(AttributeError):
        call.timeout = 2.0  # type: ignore[misc] # the point
    assert "capital" not in repr(call)
    assert msgspec.structs.replace(call, timeout=2.0).timeout == 2.0


def test_a_card_refuses_what_it_does_not_know() -> None:
    with pytest.raises(TypeError, match="Unexpected keyword argument 'context_windows'"):
        Card(context_windows=1)  # type: ignore[call-arg] # the point
    with pytest.raises(msgspec.ValidationError, match="unknown field `context_windows`"):
        msgspec.convert({"context_windows": 1}, Card)
