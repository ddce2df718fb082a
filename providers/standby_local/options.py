"""A model's options, and the weights that they lead to."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from standby.plugin import AttemptFailed, Failure, Kind
from standby_local.weights import MODEL, weights

_MAGIC = b"GGUF"


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a user may say of a local model; the manifest's schema describes each."""

    path: Annotated[str, Meta(min_length=1)] | None = None
    threads: Annotated[int, Meta(ge=1)] = 1
    context: Annotated[int, Meta(ge=256)] = 4096
    max_tokens: Annotated[int, Meta(ge=1)] = 256


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine is loaded with; one engine is shared by all that want the same."""

    path: str
    threads: int
    context: int


def options_of(model: str, options: Mapping[str, Any]) -> Options:
    """Read a model's options; raises `AttemptFailed` (`unavailable`) that names the wrong one."""
    try:
        return msgspec.convert(dict(options), Options)
    except msgspec.ValidationError as error:
        raise unavailable(f"the options of {model!r} are wrong: {error}") from error


def setup_of(model: str, options: Options) -> Setup:
    """Find the model's weights; raises `AttemptFailed` that says what is missing and how to get it."""
    if options.path is not None:
        path = _own(options.path)
        remedy = f"mend options.path of the model {model!r}"
    elif model == MODEL:
        path = _fetched()
        remedy = "run: standby local pull"
    else:
        words = f"local knows no weights for {model!r}; name a .gguf file: options: {{path: FILE}}, or use {MODEL}"
        raise AttemptFailed(Failure(kind=Kind.MODEL_MISSING, message=words))
    _check(path, remedy)
    return Setup(path=os.fspath(path), threads=options.threads, context=options.context)


def unavailable(message: str) -> AttemptFailed:
    """Return the failure of a model that cannot be asked on this machine as it is."""
    return AttemptFailed(Failure(kind=Kind.UNAVAILABLE, message=message, lasting=True))


def _own(path: str) -> Path:
    try:
        return Path(path).expanduser().absolute()
    except RuntimeError as error:
        raise unavailable(f"no weights at {path}: {error}") from error


def _fetched() -> Path:
    try:
        return weights()
    except OSError as error:
        raise unavailable(f"the weights cannot be looked for: {error}") from error


def _check(path: Path, remedy: str) -> None:
    try:
        with path.open("rb") as file:
            magic = file.read(len(_MAGIC))
    except OSError as error:
        raise unavailable(f"no weights at {path}: {error.strerror}; {remedy}") from error
    if magic != _MAGIC:
        raise unavailable(f"{path} is no GGUF file; {remedy}")
