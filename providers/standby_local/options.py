"""A model's options, and the weights that they name."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from standby.plugin import AttemptFailed, Failure, Kind
from standby_local.weights import MODEL, find_weights

_MAGIC = b"GGUF"


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A user's options for a local model; the manifest's schema describes each."""

    path: Annotated[str, Meta(min_length=1)] | None = None
    threads: Annotated[int, Meta(ge=1)] = 1
    context: Annotated[int, Meta(ge=256)] = 4096
    max_tokens: Annotated[int, Meta(ge=1)] = 256


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """The settings that an engine is loaded with; models of one setup share one engine."""

    path: str
    threads: int
    context: int


def parse_options(model: str, options: Mapping[str, Any]) -> Options:
    """Parse a model's options.

    Args:
        model: The model's name.
        options: The options from the configuration.

    Returns:
        The options, with their defaults.

    Raises:
        AttemptFailed: `unavailable`; its message names the wrong option.
    """
    try:
        return msgspec.convert(dict(options), Options)
    except msgspec.ValidationError as error:
        raise unavailable(f"the options of {model!r} are wrong: {error}") from error


def find_setup(model: str, options: Options) -> Setup:
    """Find a model's weights.

    Args:
        model: The model's name.
        options: The model's options.

    Returns:
        The engine's setup.

    Raises:
        AttemptFailed: The weights are missing or damaged; its message names the remedy.
    """
    if options.path is not None:
        path = _expand(options.path)
        remedy = f"correct options.path of the model {model!r}"
    elif model == MODEL:
        path = _find_downloaded()
        remedy = "run: standby local pull"
    else:
        message = (
            f"the local provider has no weights for {model!r}; "
            f"name a .gguf file: options: {{path: FILE}}, or use {MODEL}"
        )
        raise AttemptFailed(Failure(kind=Kind.MODEL_MISSING, message=message))
    _check(path, remedy)
    return Setup(path=os.fspath(path), threads=options.threads, context=options.context)


def unavailable(message: str) -> AttemptFailed:
    """Build the failure of a model that cannot run on this machine until a person intervenes.

    Args:
        message: What is wrong, and the remedy.

    Returns:
        The failure, `unavailable`.
    """
    return AttemptFailed(Failure(kind=Kind.UNAVAILABLE, message=message, lasting=True))


def _expand(path: str) -> Path:
    try:
        return Path(path).expanduser().absolute()
    except RuntimeError as error:
        raise unavailable(f"no weights at {path}: {error}") from error


def _find_downloaded() -> Path:
    try:
        return find_weights()
    except OSError as error:
        raise unavailable(f"the weights cannot be located: {error}") from error


def _check(path: Path, remedy: str) -> None:
    try:
        with path.open("rb") as file:
            magic = file.read(len(_MAGIC))
    except OSError as error:
        raise unavailable(f"no weights at {path}: {error.strerror}; {remedy}") from error
    if magic != _MAGIC:
        raise unavailable(f"{path} is not a GGUF file; {remedy}")
