"""Plugins beside others: which are imported, where prints go, and what ignores cancellation."""

import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from standby import AsyncStandby
from standby.cli import standby
from standby.plugin import GROUP
from tests.cli.runner import process
from tests.docs.distributions import put
from tests.plugins.broken_adapters import ADAPTERS
from tests.plugins.installation import put_acme, validate
from tests.plugins.sources import HEAD, MANIFEST, OWNER, WELL, acme, completes, provider

OTHER: dict[str, Any] = {
    "name": "other-acme",
    "version": "3.0",
    "entry-points": {GROUP: {"acme": "other_acme"}},
}
CARDS = "@hookimpl\ndef standby_models(): return {'a-1': Card()}\n"

PINNED = """\
version: 1
providers: {{acme: {{plugin: acme, distribution: {distribution}}}}}
chains: {{default: {{models: [{model}]}}}}
"""


def pin(folder: Path, distribution: str, model: str) -> None:
    """Install two distributions that offer one plugin; the other one cannot be imported."""
    put_acme(folder, MANIFEST, WELL)
    put(folder, OTHER, {"other_acme.py": "raise SystemExit(3)"})
    (folder / "models.yaml").write_text(
        PINNED.format(distribution=distribution, model=model), encoding="utf-8"
    )


def test_a_distribution_without_the_plugin_is_reported_with_those_that_have_it(
    folder: Path,
) -> None:
    pin(folder, "acme-brokn", "acme/a-1")
    status, problems = validate()
    assert status == 2
    errors = [
        (each["code"], each["message"], each["hint"])
        for each in problems
        if each["severity"] == "error"
    ]
    assert errors == [
        (
            "unknown-plugin",
            "no distribution named 'acme-brokn' offers a plugin named 'acme'",
            "it is offered by acme-broken and other-acme",
        )
    ]


@pytest.mark.parametrize("distribution", ["acme-broken", "Acme_Broken"])
def test_a_bare_model_name_is_found_in_the_distribution_that_is_pinned(
    distribution: str, folder: Path
) -> None:
    pin(folder, distribution, "a-1")
    assert [each for each in validate()[1] if each["severity"] == "error"] == []
    result = process("ask", "Good morning.", "--json", PYTHONPATH=str(folder))
    assert (result.status, result.json["text"]) == (0, "Hello.")


PROGRAM = """
import sys
{code}
shipped = ("standby_gemini", "standby_openai")
others = [name for name in sys.modules if name.startswith("extra_") or name in shipped]
assert "acme_plugin" in sys.modules
print(*sorted(others))
"""
VALIDATES = """
from standby.cli import standby
try: standby(['validate'])
except SystemExit as end: assert end.code == 0, end.code
"""
CHATS = """
from standby import Standby
with Standby() as client:
    assert client.chat("Good morning.").text == "Hello."
"""
NAMES = """\
version: 1
models: {sick: {provider: acme, model: a-1}}
chains: {default: {models: [sick, acme/a-1]}}
"""
BARE = "version: 1\nchains: {default: {models: [a-1]}}\n"


def list_imports(folder: Path, code: str, file: str) -> list[str]:
    """Return which other plugins a process imports, with two more installed."""
    put_acme(folder, MANIFEST, WELL)
    for name in ("one", "two"):
        project = {
            "name": f"extra-{name}",
            "version": "1.0",
            "entry-points": {GROUP: {name: f"extra_{name}"}},
        }
        put(folder, project, {f"extra_{name}.py": MANIFEST.replace("a-1", f"{name}-1")})
    (folder / "models.yaml").write_text(file, encoding="utf-8")
    process = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", PROGRAM.format(code=code)],
        env={"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (process.returncode, process.stderr) == (0, "")
    return process.stdout.splitlines()[-1].split()


@pytest.mark.parametrize("code", [VALIDATES, CHATS], ids=["validate", "a client that answers"])
def test_where_every_model_names_its_provider_no_other_plugin_is_imported(
    code: str, folder: Path
) -> None:
    assert list_imports(folder, code, NAMES) == []


def test_a_bare_name_is_looked_up_among_all_of_them(folder: Path) -> None:
    assert list_imports(folder, VALIDATES, BARE) == [
        "extra_one",
        "extra_two",
        "standby_gemini",
        "standby_openai",
    ]


LOUD = "print('Welcome to Acme!')\n"
LOUD_ADAPTER = LOUD + acme(
    "async def complete(self, request):\n"
    "        print('called'); sys.stdout.write('again\\n'); sys.stdout.flush()\n"
    "        return Reply(text='Hello.')",
    init_body="print('made')",
)
PRINTS = ("Welcome to Acme!", "made", "called", "again")


def install_loud(folder: Path) -> None:
    put_acme(folder, LOUD + MANIFEST, LOUD_ADAPTER)
    (folder / "models.yaml").write_text(NAMES, encoding="utf-8")


def test_a_plugins_prints_are_not_part_of_an_answer(folder: Path) -> None:
    install_loud(folder)
    result = process("ask", "Good morning.", "--json", PYTHONPATH=str(folder))
    assert (result.status, result.json["text"]) == (0, "Hello.")
    assert [text for text in PRINTS if text not in result.err] == []
    for options in ((), ("--stream",)):
        result = process("ask", "Good morning.", *options, PYTHONPATH=str(folder))
        assert (result.status, result.out.strip()) == (0, "Hello.")


@pytest.mark.parametrize("command", ["check", "validate", "plugins", "models"])
def test_a_plugins_prints_are_not_part_of_json_output(command: str, folder: Path) -> None:
    install_loud(folder)
    result = process(command, "--json", PYTHONPATH=str(folder))
    assert result.status == 0
    assert result.json
    assert "Welcome to Acme!" in result.err


COMMANDS = """
import click
@click.command("feed")
def feed():
    async def fed(): print("Fed.")
    asyncio.run(fed())
@hookimpl
def standby_commands(): return [feed]
"""


def test_a_plugins_own_command_prints_to_standard_output(folder: Path) -> None:
    put_acme(folder, HEAD + provider() + CARDS + COMMANDS)
    assert process("acme", "feed", PYTHONPATH=str(folder)).out == "Fed.\n"


def test_a_command_called_from_code_restores_standard_output(folder: Path) -> None:
    put_acme(folder, MANIFEST, WELL)
    before = sys.stdout
    assert CliRunner().invoke(standby, ["validate"]).exit_code == 0
    assert sys.stdout is before


async def test_an_adapter_that_ignores_cancellation_is_named_with_what_to_do(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put_acme(folder, MANIFEST, ADAPTERS["late: ignores its cancellation"].source, timeout="300ms")
    with caplog.at_level(logging.ERROR, "standby"):
        async with AsyncStandby(environ={}, warm_up=False) as client:
            await client.chat("Good morning.")
    [record] = [each for each in caplog.records if "ignored the cancellation" in each.getMessage()]
    assert record.getMessage() == (
        f"default: plugin 'acme' ({OWNER}) ignored the cancellation of a request to sick, "
        "which is still running; update acme-broken, "
        "or ask its authors to let CancelledError through"
    )
    fields = vars(record)["standby"]
    assert (fields["event"], fields["plugin"], fields["distribution"], fields["version"]) == (
        "abandoned",
        "acme",
        "acme-broken",
        "1.2.0",
    )


def test_a_short_key_is_not_removed_from_messages(folder: Path) -> None:
    put_acme(
        folder, HEAD + provider("ProviderInfo(adapter='acme_sdk:Acme', keys=('ACME_KEY',))") + CARDS
    )
    (folder / "acme_sdk.py").write_text(
        completes("raise OSError('broken, kaput')"), encoding="utf-8"
    )
    result = process(
        "ask", "Good morning.", "--chain", "sick", "--json", PYTHONPATH=str(folder), ACME_KEY="k"
    )
    assert "raised OSError: broken, kaput" in msgspec.json.encode(result.json).decode()
