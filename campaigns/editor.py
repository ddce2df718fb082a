"""Checks that an editor's language server completes and checks models.yaml by its schema.

usage: python -m campaigns.editor --server SERVER

SERVER is node_modules/yaml-language-server/bin/yaml-language-server, which node runs and
`npm install yaml-language-server` installs. The exit status is 1 if a check fails.
"""

import argparse
import asyncio
import json
import re
import shutil
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

CONFIG = Path(__file__).parents[1] / "config"
CORPUS = Path(__file__).parents[1] / "tests" / "corpus"
HEAD = "# yaml-language-server: $schema=./models.schema.json\nversion: 1\n"
CHAINS = "chains: {default: {models: [o3-mini]}}\n"
CHAIN = "chains:\n  default:\n    models: [x]\n    "
OPTIONS = f"{CHAINS}models:\n  x:\n    provider: gemini\n    options:\n      "
TRIGGER = f"{CHAINS}triggers:\n  busy:\n    kind: overloaded\n    "
PROVIDER = f"{CHAINS}providers:\n  mine:\n    "
ACCOUNT = f"{PROVIDER}plugin: gemini\n    options:\n      "
MODEL = f"{CHAINS}models:\n  x:"
BAD_OPTION = "options: {thinking_bugdet: 1}"
CURSOR = "‸"
"""Marks the cursor's position in a text."""
HERE = "# here"
"""Marks the end of each line that must have a diagnostic."""
TIMEOUT = 20.0
"""Seconds to wait for a message of the server."""
SETTINGS = {"validate": True, "completion": True, "hover": True, "schemaStore": {"enable": False}}
"""The server's settings; without the catalogue of schemas, which would be downloaded."""

VALID = {
    "the shipped file": (CONFIG / "models.yaml").read_text(encoding="utf-8"),
    "a file with every key": (CORPUS / "valid-whole.yaml").read_text(encoding="utf-8"),
    "variables": HEAD
    + """providers: {mine: {plugin: "${PLUGIN:-openai}", api_key: "${MINE}"}}
models:
  x:
    provider: gemini
    timeout: "${T:-30s}"
    concurrency: "${N:-4}"
    options: {thinking_budget: "${BUDGET:-64}"}
chains:
  default:
    models: ["${PRIMARY_AI_MODEL:-x}"]
    fallback: "${ENABLE_MODEL_FALLBACK:-true}"
    deadline: "${DEADLINE:-3m}"
    retry: {attempts: "${ATTEMPTS:-2}"}
""",
}
FAULTY = {
    "a misspelt key": f"chians: {{}}  {HERE}\n{CHAINS}",
    "a misspelt key of a chain": f"{CHAIN}deadlin: 3m  {HERE}\n",
    "a wrong type": f"{CHAIN}retry: {{attempts: three}}  {HERE}\n",
    "a duration without a unit": f"{CHAIN}deadline: 30  {HERE}\n",
    "an unknown choice": f"{TRIGGER}then: nxt  {HERE}\n",
    "a literal key": f"{PROVIDER}plugin: openai\n    api_key: sk-123  {HERE}\n",
    "an unknown option of a model": f"{OPTIONS}thinking_bugdet: 1  {HERE}\n",
    "the same in one line": f"{MODEL} {{provider: gemini, {BAD_OPTION}}}  {HERE}\n",
    "an option out of bounds": f"{OPTIONS}thinking_budget: -2  {HERE}\n",
    "an unknown option of an account": f"{ACCOUNT}projet: p  {HERE}\n",
}
COMPLETED = {
    "the file": (f"{CHAINS}{CURSOR}\n", "models providers triggers"),
    "a chain": (
        f"chains:\n  default:\n    {CURSOR}\n",
        "models fallback triggers deadline retry hedge stream",
    ),
    "a chain's retry": (f"{CHAIN}retry:\n      {CURSOR}\n", "attempts initial limit"),
    "a chain's deadline": (f"{CHAIN}deadline: {CURSOR}\n", "3m 30s"),
    "options of gemini": (f"{OPTIONS}{CURSOR}\n", "thinking_budget thinking_level"),
    "the models of a chain": (
        f"chains:\n  default:\n    models:\n      - {CURSOR}\n",
        "gemini-3.8-flash claude-opus-5-5 o3-mini",
    ),
    "the models of a chain, begun": (
        f"chains:\n  default:\n    models:\n      - gpt{CURSOR}\n",
        "gpt-6-sol",
    ),
    "the models of a chain in one line": (
        f"chains:\n  default:\n    models: [{CURSOR}]\n",
        "gpt-6-sol",
    ),
    "the models of the file": (
        f"{CHAINS}models:\n  {CURSOR}\n",
        "gemini-3.8-flash claude-opus-5-5",
    ),
    "whose failures a trigger is about": (
        f"{CHAINS}triggers:\n  busy:\n    model: {CURSOR}\n",
        "gemini-2.5-pro",
    ),
    "the provider of a model": (
        f"{CHAINS}models:\n  x:\n    provider: {CURSOR}\n",
        "gemini openai",
    ),
    "the plugin of a provider": (
        f"{CHAINS}providers:\n  x:\n    plugin: {CURSOR}\n",
        "gemini openai",
    ),
    "what a trigger does": (f"{CHAINS}triggers:\n  busy:\n    then: {CURSOR}\n", "next retry stop"),
}
VALUES = ("deadline", "fallback", "retry", "stream")
"""Keys of a chain whose suggested values must be valid."""
HOVERED = {
    "deadline": (f"{CHAIN}dead{CURSOR}line: 3m\n", "How long the whole call may take"),
    "an option": (
        f"{OPTIONS}thinking{CURSOR}_budget: 1\n",
        "Tokens that a 2.5 model may spend on thinking",
    ),
}


class Editor:
    """Speaks with the language server as an editor does."""

    def __init__(self, server: Process, folder: Path) -> None:
        self._server, self._folder, self._numbers = server, folder, count(1)

    async def begin(self) -> str:
        """Initialize the server; return its name and version."""
        capabilities = {
            "workspace": {"configuration": True},
            "textDocument": {"hover": {"contentFormat": ["markdown"]}},
        }
        initialized = await self.request(
            "initialize",
            {"processId": None, "rootUri": self._folder.as_uri(), "capabilities": capabilities},
        )
        self._send({"method": "initialized", "params": {}})
        self._send(
            {
                "method": "workspace/didChangeConfiguration",
                "params": {"settings": {"yaml": SETTINGS}},
            }
        )
        return " ".join(initialized["serverInfo"].values())

    async def open(self, text: str) -> tuple[str, list[dict[str, Any]]]:
        """Open a document; return its address and the server's diagnostics."""
        uri = (self._folder / f"models-{next(self._numbers)}.yaml").as_uri()
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": text}
        self._send({"method": "textDocument/didOpen", "params": {"textDocument": document}})
        while True:
            message = await self._next()
            if (
                message.get("method") == "textDocument/publishDiagnostics"
                and message["params"]["uri"] == uri
            ):
                return uri, message["params"]["diagnostics"]

    async def request(self, method: str, params: dict[str, Any]) -> Any:
        """Send a request; return its result."""
        number = next(self._numbers)
        self._send({"id": number, "method": method, "params": params})
        while (message := await self._next()).get("id") != number or "method" in message:
            pass
        return message["result"]

    async def _next(self) -> dict[str, Any]:
        """Read one message; answer it if it is a request of the server."""
        assert self._server.stdout
        async with asyncio.timeout(TIMEOUT):
            head = await self._server.stdout.readuntil(b"\r\n\r\n")
            length = next(
                line
                for line in head.decode().splitlines()
                if line.lower().startswith("content-length:")
            )
            message: dict[str, Any] = json.loads(
                await self._server.stdout.readexactly(int(length.partition(":")[2]))
            )
        if "method" in message and "id" in message:
            items = (
                message["params"]["items"] if message["method"] == "workspace/configuration" else []
            )
            answer = [SETTINGS if item.get("section") == "yaml" else {} for item in items]
            self._send({"id": message["id"], "result": answer or None})
        return message

    def _send(self, message: dict[str, Any]) -> None:
        assert self._server.stdin
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._server.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))


@asynccontextmanager
async def editor(server: Path) -> AsyncIterator[Editor]:
    """Start a language server over a folder with the schema in it."""
    with tempfile.TemporaryDirectory() as name:
        shutil.copy(CONFIG / "models.schema.json", name)
        process = await asyncio.create_subprocess_exec(
            "node", server, "--stdio", stdin=PIPE, stdout=PIPE
        )
        try:
            yield Editor(process, Path(name))
        finally:
            process.kill()
            await process.wait()


async def open_at_cursor(client: Editor, text: str) -> dict[str, Any]:
    """Open a text with a cursor; return the cursor's position, lines and columns from 0."""
    before = (HEAD + text).partition(CURSOR)[0].split("\n")
    uri, _ = await client.open((HEAD + text).replace(CURSOR, ""))
    return {
        "textDocument": {"uri": uri},
        "position": {"line": len(before) - 1, "character": len(before[-1])},
    }


def apply_snippet(key: str, snippet: str) -> str:
    """Return the file in which a chain's key has a suggested value."""
    value = re.sub(r"\$\{\d+:(.*?)\}", r"\1", snippet).replace("\n", "\n    ")
    return f"{HEAD}{CHAIN}{key}: {value}\n"


async def checks(client: Editor) -> AsyncIterator[tuple[str, bool, str]]:
    """Yield each check's name, whether it passed, and the server's answer."""
    for name, text in VALID.items():
        _, diagnostics = await client.open(text)
        yield f"valid: {name}", not diagnostics, _format_diagnostics(diagnostics)
    for name, text in FAULTY.items():
        _, diagnostics = await client.open(HEAD + text)
        lines = {
            number for number, line in enumerate((HEAD + text).splitlines()) if line.endswith(HERE)
        }
        yield (
            f"reported: {name}",
            {diagnostic["range"]["start"]["line"] for diagnostic in diagnostics} == lines,
            _format_diagnostics(diagnostics),
        )
    for name, (text, expected) in COMPLETED.items():
        answer = await client.request("textDocument/completion", await open_at_cursor(client, text))
        labels = {item["label"] for item in answer["items"]}
        yield f"completed: {name}", set(expected.split()) <= labels, ", ".join(sorted(labels))
    for key in VALUES:
        answer = await client.request(
            "textDocument/completion", await open_at_cursor(client, f"{CHAIN}{key}: {CURSOR}\n")
        )
        diagnostics = [
            diagnostic
            for item in answer["items"]
            for diagnostic in (await client.open(apply_snippet(key, item["insertText"])))[1]
        ]
        yield f"offered: values of {key}", not diagnostics, _format_diagnostics(diagnostics)
    for name, (text, description) in HOVERED.items():
        answer = await client.request("textDocument/hover", await open_at_cursor(client, text))
        yield (
            f"described: {name}",
            description in json.dumps(answer),
            " ".join(str(answer and answer["contents"]["value"]).split()),
        )


def _format_diagnostics(diagnostics: list[dict[str, Any]]) -> str:
    return "; ".join(
        f"line {diagnostic['range']['start']['line'] + 1}: {diagnostic['message']}"
        for diagnostic in diagnostics
    ).replace("\n", " ")


async def _main(server: Path) -> int:
    failed = 0
    async with editor(server) as client:
        print(await client.begin())  # noqa: T201 - a command
        async for name, passed, message in checks(client):
            failed += not passed
            result = "ok    " if passed else "FAILED"
            print(result, name, f"({message})" if message else "", flush=True)  # noqa: T201 - a command
    return int(bool(failed))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", type=Path, required=True)
    sys.exit(asyncio.run(_main(parser.parse_args().server)))
