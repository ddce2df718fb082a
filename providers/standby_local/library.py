"""The engine's library, xllamacpp: the part that we use, its settings, and its load failures."""

import importlib
import platform
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, cast

from standby.plugin import AttemptFailed
from standby_local import ENGINE
from standby_local.options import Setup, unavailable

BATCH = 64
"""Tokens of a prompt that the engine reads at once.

The engine can be stopped after each batch; larger batches are not faster here.
"""

INSTALL = f"pip install '{ENGINE.requirement}'"

_INSTRUCTIONS = ("avx2", "bmi2", "f16c", "fma")
"""Instructions that the engine's x86-64 wheel needs; without them it would abort the process."""


class Server(Protocol):
    """A loaded model."""

    def handle_chat_completions(
        self, body: dict[str, Any], receive: Callable[[object], bool], /
    ) -> object:
        """Call `receive` with each chunk until it returns True; its exceptions are swallowed."""
        ...


class _ModelParams(Protocol):
    path: str


class _CpuParams(Protocol):
    n_threads: int


class _Params(Protocol):
    model: _ModelParams
    n_ctx: int
    n_parallel: int
    n_batch: int
    n_ubatch: int
    cpuparams: _CpuParams
    cpuparams_batch: _CpuParams
    use_jinja: bool
    fit_params: bool
    warmup: bool
    cache_ram_mib: int
    verbosity: int
    ui: bool
    endpoint_slots: bool
    api_keys: list[str]


class _Library(Protocol):
    def CommonParams(self) -> _Params: ...  # noqa: N802 - the library's own spelling

    def Server(self, params: _Params) -> Server: ...  # noqa: N802 - the library's own spelling


def load(setup: Setup) -> Server:
    """Load the weights, in 0.4 s for ours.

    Args:
        setup: What to load, and how.

    Returns:
        The loaded model.

    Raises:
        AttemptFailed: `unavailable`; its message names what to install or correct.
    """
    library = _import()
    try:
        return library.Server(_configure(library.CommonParams(), setup))
    except Exception as error:
        raise unavailable(
            f"the engine cannot load {setup.path}: {type(error).__name__}: {error}"
        ) from error


def _configure(params: _Params, setup: Setup) -> _Params:
    params.model.path = setup.path
    # the context is split over the slots, and on one core two are hardly faster than one
    params.n_parallel = 1
    params.n_ctx = setup.context
    params.n_batch = params.n_ubatch = BATCH
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = setup.threads
    params.use_jinja = True  # the weights' own chat template
    params.fit_params = False  # sizing by free GPU memory: 0.2 s without any benefit
    params.warmup = False  # 0.15 s without any benefit for the first answer
    params.cache_ram_mib = 0  # the engine would keep old prompts in up to 8 GiB of memory
    params.verbosity = -1
    # the engine also listens on a loopback port, which a random key keeps closed
    params.api_keys = [secrets.token_hex(32)]
    params.ui = False
    params.endpoint_slots = False
    return params


def _import() -> _Library:
    missing = missing_instructions()
    if missing:
        raise unavailable(
            f"this processor is too old for the engine xllamacpp: it lacks {', '.join(missing)}"
        )
    try:
        return cast(_Library, importlib.import_module("xllamacpp"))
    except ImportError as error:
        raise import_failure(error) from error


def import_failure(error: ImportError) -> AttemptFailed:
    """Build the failure of an import, with the command that repairs it.

    Args:
        error: The exception that the import raised.

    Returns:
        The failure, `unavailable`.
    """
    if error.name == "xllamacpp" and isinstance(error, ModuleNotFoundError):
        return unavailable(f"the engine xllamacpp is not installed: {INSTALL}")
    if "libgomp" in str(error):
        return unavailable(
            f"the engine xllamacpp needs a library of the system: {error}: apt-get install libgomp1"
        )
    return unavailable(
        f"the engine xllamacpp cannot be imported: {error}; "
        f"reinstall it: {INSTALL} --force-reinstall"
    )


def missing_instructions(
    cpuinfo: Path = Path("/proc/cpuinfo"), machine: str = platform.machine()
) -> tuple[str, ...]:
    """Find the required instructions that an x86-64 processor lacks.

    Args:
        cpuinfo: Linux's description of the processor.
        machine: The machine's architecture.

    Returns:
        Their names; empty where the processor is unknown.
    """
    if machine != "x86_64" or not cpuinfo.is_file():
        return ()
    lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    flags = next((line.split() for line in lines if line.startswith("flags")), None)
    return () if flags is None else tuple(name for name in _INSTRUCTIONS if name not in flags)
