"""The engine's library, and its load failures."""

import subprocess
import sys
from pathlib import Path

import pytest

from standby.plugin import AttemptFailed, Kind
from standby_local.library import import_failure, load, missing_instructions
from standby_local.options import Setup


def test_a_missing_engine_names_the_command_that_installs_it() -> None:
    code = (
        "import sys; sys.modules['xllamacpp'] = None\n"
        "from standby_local.library import load\n"
        "from standby_local.options import Setup\n"
        "try: load(Setup(path='a', threads=1, context=512))\n"
        "except Exception as error: print(error.failure.kind, error.failure.text, sep=': ')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 - our own code
    assert done.stdout.strip() == (
        "unavailable: the engine xllamacpp is not installed: pip install 'xllamacpp>=2026.6.9538'"
    )


def test_a_missing_system_library_names_its_package() -> None:
    error = ImportError(
        "libgomp.so.1: cannot open shared object file: No such file or directory", name="xllamacpp"
    )
    assert import_failure(error).failure.message.endswith(
        "No such file or directory: apt-get install libgomp1"
    )


def test_any_other_import_error_keeps_its_message() -> None:
    message = import_failure(ImportError("undefined symbol: x")).failure.message
    assert message.startswith(
        "the engine xllamacpp cannot be imported: undefined symbol: x; reinstall it: pip install"
    )


def test_a_processor_without_the_instructions_is_rejected(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor : 0\nflags : fpu sse4_2 avx f16c\n")
    assert missing_instructions(cpuinfo, "x86_64") == ("avx2", "bmi2", "fma")
    cpuinfo.write_text("processor : 0\nflags : fpu avx2 bmi2 f16c fma\n")
    assert missing_instructions(cpuinfo, "x86_64") == ()


def test_an_unknown_processor_is_accepted(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    assert missing_instructions(cpuinfo, "x86_64") == ()
    cpuinfo.write_text("Features : fp asimd\n")
    assert missing_instructions(cpuinfo, "aarch64") == ()
    assert missing_instructions(cpuinfo, "x86_64") == ()


def test_broken_weights_are_unavailable_and_named(weights: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(weights.read_bytes()[:100_000])
    with pytest.raises(AttemptFailed, match=f"the engine cannot load {broken}: ") as caught:
        load(Setup(path=str(broken), threads=1, context=512))
    assert caught.value.failure.kind is Kind.UNAVAILABLE
