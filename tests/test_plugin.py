"""The module with everything that a plugin imports."""

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
    async def complete(self, request: ModelRequest) -> Reply:
        return Reply(text=request.model)

    async def stream(self, request: ModelRequest) -> AsyncIterator[Chunk]:
        yield Chunk(request.model)


def test_every_name_is_exported_once_and_sorted() -> None:
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
def test_a_hook_takes_no_arguments_and_the_first_result_counts(hook: str) -> None:
    specification = getattr(hooks, hook)
    signature = inspect.signature(specification)
    assert not signature.parameters
    assert "None" in str(signature.return_annotation)
    assert specification.standby_spec["firstresult"]
    assert specification() is None


def test_a_provider_has_no_options_and_no_key_by_default() -> None:
    info = ProviderInfo(adapter="a:B")
    assert (info.keys, info.options, info.install, info.card) == (
        (),
        {"type": "object", "additionalProperties": False},
        "",
        Card(),
    )
    assert info.options is not ProviderInfo(adapter="a:B").options


def test_a_model_request_is_frozen_and_its_repr_has_no_prompt() -> None:
    model_request = ModelRequest(request=request(), model="m", card=Card(), options={}, timeout=1.0)
    with pytest.raises(AttributeError):
        model_request.timeout = 2.0  # type: ignore[misc] # the point
    assert "capital" not in repr(model_request)
    assert msgspec.structs.replace(model_request, timeout=2.0).timeout == 2.0


def test_a_card_refuses_unknown_fields() -> None:
    with pytest.raises(TypeError, match="Unexpected keyword argument 'context_windows'"):
        Card(context_windows=1)  # type: ignore[call-arg] # the point
    with pytest.raises(msgspec.ValidationError, match="unknown field `context_windows`"):
        msgspec.convert({"context_windows": 1}, Card)
