import ast
import asyncio
import importlib
import inspect
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from standby import AsyncStandby, CallFailed, ChainExhausted, Standby, StandbyError, plugin, testing
from standby.cli import standby
from standby.failures import Attempt
from standby.http import client
from standby.http.bodies import ERROR_TIMEOUT, LARGEST, LARGEST_ERROR
from standby.http.chunks import DRAIN_TIMEOUT
from standby.http.client import HttpClient
from standby.http.transport_errors import CONNECT_TIMEOUT
from standby.observe.observers import MOST_WAITING
from standby.plugin import (
    AttemptFailed,
    Card,
    Failure,
    Kind,
    ModelRequest,
    Provider,
    ProviderInfo,
    Reply,
    hooks,
)
from standby.registry.plugins import Registry
from standby.runtime.threads import MAX_THREADS
from standby.settings import BreakerSettings, Retry
from standby.testing import stall
from tests.docs.distributions import HOUSE_RULES, PARROT, Install, house_rules, project, written
from tests.docs.documents import ROOT, blocks, only, table
from tests.support.loopback import Answer, Loopback, cut, html, reset, respond
from tests.support.playing import dispatch, request, route, target

DOCUMENT = "plugins.md"
TEXT = (ROOT / DOCUMENT).read_text(encoding="utf-8")
ACME = "A plugin for an HTTP API"


@pytest.fixture
def parrot(install: Install) -> None:
    install(project(), written(PARROT))


@pytest.fixture
def acme(install: Install) -> None:
    renamed = {
        "name": "standby-acme",
        "version": "0.1.0",
        "entry-points": {plugin.GROUP: {"acme": "standby_acme"}},
    }
    install(renamed, written(ACME))


# The 60 seconds


def run_module(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    environ |= {"PYTHONPATH": str(folder)}
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(  # noqa: S603 - this interpreter, with arguments of this file
        command, cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=30
    )


def test_the_first_line_says_that_models_register_as_plugins() -> None:
    assert TEXT.startswith("Models register as plugins: [pluggy]")
    assert f"entry point of the group `{plugin.GROUP}`" in TEXT.splitlines()[0]


@pytest.mark.usefixtures("parrot")
def test_the_example_prints_what_the_page_shows(tmp_path: Path) -> None:
    assert 'standby ask "Good morning."' in TEXT
    process = run_module(tmp_path, "standby", "ask", "Good morning.")
    assert process.returncode == 0
    assert process.stdout + re.sub(r"in \d+\.\ds", "in 0.0s", process.stderr) == only(
        DOCUMENT, PARROT, "text"
    )


@pytest.mark.usefixtures("parrot")
def test_the_example_is_listed_and_its_file_is_valid() -> None:
    assert re.search(
        r"^parrot +standby-parrot +0\.1\.0 +1 +ok$",
        CliRunner().invoke(standby, ["plugins"]).output,
        re.MULTILINE,
    )
    assert (
        "default: parrot-1 (line 5)\nmodels.yaml: no errors, no warnings"
        in CliRunner().invoke(standby, ["validate"]).output
    )


@pytest.mark.usefixtures("parrot")
def test_the_example_of_a_test_passes(tmp_path: Path) -> None:
    names: dict[str, Any] = {}
    exec(only(DOCUMENT, "Testing", "python"), names)  # noqa: S102 - the page's own code
    for _ in range(BreakerSettings().failures + 1):  # as often as it is copied
        names["test_the_parrot_stands_by"](tmp_path)


# The HTTP API

DONE = {"text": "Lisbon.", "done": True, "model": "acme-large", "usage": {"in": 7, "out": 2}}


def events(*pieces: Any) -> Answer:
    frames = tuple((0.0, b"data: " + msgspec.json.encode(piece) + b"\n\n") for piece in pieces)
    return Answer(pieces=frames, headers={"Content-Type": "text/event-stream"}, framing="chunked")


@pytest.fixture
async def client_and_server(acme: None) -> AsyncIterator[tuple[AsyncStandby, Loopback]]:
    del acme  # installed by now
    with Loopback() as server:
        async with AsyncStandby(
            "models.yaml", environ={"ACME_URL": server.url, "ACME_API_KEY": "opens-nothing"}
        ) as client:
            yield client, server


async def test_the_http_example_sends_the_conversation_the_key_and_the_options(
    client_and_server: tuple[AsyncStandby, Loopback],
) -> None:
    client, server = client_and_server
    server.script(respond(200, DONE))
    reply = await client.chat("Which city?", temperature=0.5, top_k=3)
    assert (reply.text, reply.model, reply.usage.output) == ("Lisbon.", "acme-large", 2)
    assert reply.trail[0].dropped == ("top_k",)
    [sent] = server.requests
    assert sent.headers["authorization"] == "Bearer opens-nothing"
    turns = [{"role": "user", "text": "Which city?"}]
    assert sent.json == {
        "model": "acme-large",
        "turns": turns,
        "stream": False,
        "temperature": 0.5,
        "tone": "formal",
    }


async def test_the_http_example_sends_the_schema_and_what_is_extra(
    client_and_server: tuple[AsyncStandby, Loopback],
) -> None:
    client, server = client_and_server
    server.script(respond(200, {**DONE, "text": '{"city": "Lisbon"}'}))
    schema = {"type": "object", "required": ["city"]}
    reply = await client.chat("Which city?", schema=schema, extra={"acme": {"cache": True}})
    assert reply.data == {"city": "Lisbon"}
    assert (server.requests[0].json["schema"], server.requests[0].json["cache"]) == (schema, True)


async def test_the_http_example_reads_an_error_between_two_events(
    client_and_server: tuple[AsyncStandby, Loopback],
) -> None:
    client, server = client_and_server
    stray = b'{"error": {"code": "too_long"}}\n\n'
    server.script(
        Answer(
            pieces=((0.0, stray),), headers={"Content-Type": "text/event-stream"}, framing="chunked"
        )
    )
    with pytest.raises(ChainExhausted) as caught:
        [chunk async for chunk in client.stream("Which city?", deadline=1.5)]
    assert caught.value.trail[0].kind == "context_too_long"


async def test_the_http_example_streams(client_and_server: tuple[AsyncStandby, Loopback]) -> None:
    client, server = client_and_server
    server.script(events({"text": "Lis"}, {"text": "bon."}, {**DONE, "text": ""}))
    stream = client.stream("Which city?")
    assert [chunk.text async for chunk in stream] == ["Lis", "bon.", ""]
    assert stream.reply.response_model == "acme-large"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (
            respond(429, {"error": {"code": "quota", "message": "You have used it up."}}),
            "quota_exhausted",
        ),
        (
            respond(429, {"error": {"code": "busy", "message": "Please try again in 30s."}}),
            "rate_limited",
        ),
        (respond(503, {"error": {"message": "Busy."}}), "overloaded"),
        (html(502), "server_error"),
        (html(200), "malformed"),
        (respond(200, {"text": "Lis"}), "malformed"),
        (respond(200, {"error": {"code": "unsafe", "message": "Not this."}}), "blocked"),
        (respond(200, {"error": {"message": "Something."}}), "malformed"),
        (reset(), "connection"),
        (cut(respond(200, DONE), 5), "connection"),
        (stall(respond(503, {"error": {"message": "Busy."}}), 5), "overloaded"),
    ],
)
async def test_the_http_example_classifies(
    client_and_server: tuple[AsyncStandby, Loopback], answer: Answer, kind: str
) -> None:
    client, server = client_and_server
    server.script(answer)
    with pytest.raises(StandbyError) as caught:
        await client.chat("Which city?", deadline=4.0)
    assert caught.value.trail[0].kind == kind


@pytest.mark.parametrize(
    ("pieces", "kind"),
    [
        ([{"text": "  "}], "malformed"),
        ([{"error": {"code": "too_long", "message": "Too long."}}], "context_too_long"),
    ],
)
async def test_the_http_example_checks_its_streams(
    client_and_server: tuple[AsyncStandby, Loopback], pieces: list[Any], kind: str
) -> None:
    client, server = client_and_server
    server.script(events(*pieces))
    with pytest.raises(ChainExhausted) as caught:
        [chunk async for chunk in client.stream("Which city?", deadline=1.5)]
    assert caught.value.trail[0].kind == kind


@pytest.mark.usefixtures("acme")
def test_the_http_example_is_valid_without_the_http_library(tmp_path: Path) -> None:
    code = (
        "import sys; from standby import Standby; Standby('models.yaml', warm_up=False); "
        "sys.exit('aiohttp' in sys.modules)"
    )
    process = subprocess.run(  # noqa: S603 - the interpreter that runs this
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        check=False,
        timeout=30,
    )
    assert process.returncode == 0


# House rules


def test_the_house_rules_move_a_request_on_and_count_its_events(
    install: Install, tmp_path: Path
) -> None:
    install(*house_rules())
    text = only(DOCUMENT, HOUSE_RULES, "yaml")
    models = (
        "models:\n"
        "  a: {provider: scripted, options: {reply: Good.}}\n"
        "  b: {provider: scripted, options: {reply: 9 EUR.}}\n"
    )
    (tmp_path / "models.yaml").write_text(
        models + text.replace("[gemini-3.8-flash, gpt-5.6-sol]", "[a, b]"), encoding="utf-8"
    )
    with Standby("models.yaml", environ={}, warm_up=False) as client:
        reply = client.chat("What does it cost?")
    assert (reply.model, reply.trail[0].trigger) == ("b", "no-price")
    assert importlib.import_module("house_rules").COUNTS["Answered"] == 1


def test_the_page_states_how_many_events_may_wait() -> None:
    assert f"At most {MOST_WAITING:,} events wait" in TEXT


# blocking


async def test_the_example_of_blocking_answers() -> None:
    names: dict[str, Any] = {}
    exec(only(DOCUMENT, "blocking(): an SDK that blocks", "python"), names)  # noqa: S102 - the page's own code
    slow = names["Slow"](Provider(plugin="slow"))
    model_request = ModelRequest(
        request=request(), model="slow-1", card=Card(), options={}, timeout=5.0
    )
    assert (await slow.complete(model_request)).text == "slow-1 has answered"


def test_the_page_states_the_bound_of_blocking_threads() -> None:
    assert f"At most {MAX_THREADS} such threads run at once" in TEXT


# Signatures, fields and names


def signature(function: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """Return the line of a definition, without the quotes of annotations."""
    for node in ast.walk(function):
        if isinstance(node, ast.arg) and isinstance(node.annotation, ast.Constant):
            node.annotation = ast.Name(node.annotation.value)
    if isinstance(function.returns, ast.Constant):
        function.returns = ast.Name(function.returns.value or "None")
    [line] = re.findall(r"^((?:async )?def .*):$", ast.unparse(function), re.MULTILINE)
    return str(line)


def functions(of: type) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    [definition] = ast.parse(inspect.getsource(of)).body
    assert isinstance(definition, ast.ClassDef)
    return [
        node for node in definition.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def test_every_hook_is_listed_with_its_exact_signature() -> None:
    expected = [signature(function) for function in functions(hooks)]
    assert only(DOCUMENT, "The hooks", "python").splitlines() == expected
    assert [row[0] for row in table(DOCUMENT, head="hook")] == [
        f"`{function.name}`" for function in functions(hooks)
    ]
    assert {name for name in vars(hooks) if name.startswith("standby_")} == {
        function.name for function in functions(hooks)
    }


def test_both_methods_of_an_adapter_are_listed_with_their_exact_signatures() -> None:
    methods = [*functions(plugin.Adapter), *functions(plugin.StreamingAdapter)]
    assert only(DOCUMENT, "The adapter", "python").splitlines() == [
        signature(method) for method in methods
    ]


@pytest.mark.parametrize(
    ("heading", "of"),
    [
        ("ProviderInfo", ProviderInfo),
        ("Card", Card),
        ("The adapter", ModelRequest),
        ("Failures and kinds", Failure),
    ],
)
def test_every_field_is_explained(heading: str, of: type[msgspec.Struct]) -> None:
    part = re.split(r"^#+ ", TEXT, flags=re.MULTILINE)
    [section] = [text for text in part if text.startswith(f"{heading}\n")]
    rows = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    assert tuple(rows) == of.__struct_fields__


def test_the_fields_of_every_other_value_are_listed() -> None:
    listed = {
        row[0].strip("`"): tuple(re.findall(r"`(\w+)`", row[1]))
        for row in table(DOCUMENT, head="value")
    }
    structs = {
        name: value for name in plugin.__all__ if _is_struct(value := getattr(plugin, name))
    } | {"Attempt": Attempt}
    explained = {ProviderInfo, Card, ModelRequest, Failure, Provider}
    assert listed == {
        name: value.__struct_fields__ for name, value in structs.items() if value not in explained
    }


def _is_struct(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, msgspec.Struct)


def test_the_methods_of_the_client_are_listed_with_their_exact_signatures() -> None:
    methods = [
        signature(method)
        for method in functions(HttpClient)
        if not method.name.startswith("_") or method.name == "__init__"
    ]
    listed, of_the_function = (block.text for block in blocks(DOCUMENT, "Sending", "python"))
    assert listed.splitlines() == methods
    assert of_the_function.splitlines() == [signature(definition(client.iter_chunks))]


def test_exactly_the_names_of_the_client_are_listed() -> None:
    listed = [row[0].strip("`") for row in table(DOCUMENT, head="of `standby.http.client`")]
    assert sorted(listed) == sorted(client.__all__)


def test_the_page_states_the_bounds_of_the_client() -> None:
    section = TEXT.partition("## Sending\n")[2].partition("\n## ")[0]
    bounds = (
        f"for {ERROR_TIMEOUT:g} second at most, and {LARGEST_ERROR // 2**10} KiB",
        f"no connection in {CONNECT_TIMEOUT:g} seconds",
        f"more than {LARGEST // 2**20} MiB",
        f"all {client.MAX_CONNECTIONS} connections are in use for {client.POOL_TIMEOUT:g} seconds",
        f"is kept for {client.KEEP_ALIVE:g} seconds",
        f"what follows within {DRAIN_TIMEOUT:g} second is still read",
    )
    assert [bound for bound in bounds if bound not in section] == []


HELPERS: dict[str, Any] = {"The helpers": plugin, "The functions of the kit": testing}


@pytest.mark.parametrize("heading", HELPERS)
def test_every_helper_is_listed_with_its_exact_signature(heading: str) -> None:
    names = {name for name in HELPERS[heading].__all__ if name.islower()}
    helpers = [
        helper
        for name in sorted(names)
        if inspect.isfunction(helper := getattr(HELPERS[heading], name))
    ]
    assert names - {helper.__name__ for helper in helpers} <= {"events", "hookimpl", "hooks"}
    expected = [signature(definition(helper)) for helper in helpers]
    assert only(DOCUMENT, heading, "python").splitlines() == expected


def definition(function: Any) -> ast.FunctionDef | ast.AsyncFunctionDef:
    [node] = ast.parse(inspect.getsource(function)).body
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    return node


def test_exactly_the_names_of_standby_plugin_are_listed() -> None:
    listed = [row[0].strip("`") for row in table(DOCUMENT, head="name")]
    assert sorted(listed) == sorted(plugin.__all__)


def test_every_name_that_an_example_imports_is_exported() -> None:
    imported = {
        alias.name
        for block in blocks(DOCUMENT, language="python")
        if "import" in block.text
        for node in ast.walk(ast.parse(block.text))
        if isinstance(node, ast.ImportFrom) and node.module == "standby.plugin"
        for alias in node.names
    }
    assert imported <= set(plugin.__all__)


# What becomes of what an adapter does


async def _hang() -> Any:
    await asyncio.get_running_loop().create_future()


def _raise(error: Exception) -> Any:
    async def fail() -> Any:
        raise error

    return fail


async def _reply_blank() -> Reply:
    return Reply(text=" ")


OUTCOMES: dict[str, tuple[Any, Kind]] = {
    "is not done in time": (_hang, Kind.TIMEOUT),
    "raises `TimeoutError`": (_raise(TimeoutError("late")), Kind.TIMEOUT),
    "raises `ConnectionError`, or a subclass of it": (
        _raise(ConnectionResetError("gone")),
        Kind.CONNECTION,
    ),
    "cannot be imported": (
        _raise(AttemptFailed(Failure(kind=Kind.UNAVAILABLE, message="no SDK"))),
        Kind.UNAVAILABLE,
    ),
    "raises any other `Exception`": (_raise(KeyError("choices")), Kind.CONTRACT),
    "returns a reply without text": (_reply_blank, Kind.EMPTY),
}


@pytest.mark.parametrize("does", OUTCOMES)
async def test_what_an_adapter_does_has_the_kind_that_the_page_states(does: str) -> None:
    work, kind = OUTCOMES[does]

    class Does:
        async def complete(self, request: ModelRequest) -> Any:
            del request
            return await work()

    with pytest.raises(CallFailed) as caught:
        await dispatch(route(target("m", Does(), timeout=0.02), retry=Retry(attempts=1))).run()
    assert caught.value.trail[-1].kind is kind
    [row] = [row for row in table(DOCUMENT, head="the adapter") if row[0] == does]
    assert row[1].startswith(f"`{kind}`")


# Late import


def test_the_commands_that_measure_late_import_run(tmp_path: Path) -> None:
    for line in only(DOCUMENT, "Late import", "sh").splitlines():
        _, *arguments = [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', line)]
        process = run_module(tmp_path, *arguments[1:])
        assert process.returncode == 0, process.stderr
        assert "per loop" in process.stdout


def test_every_python_block_is_used() -> None:
    used = {
        *("The hooks", "The adapter", "Sending", *HELPERS, "Testing"),
        "blocking(): an SDK that blocks",
    }
    assert {
        block.heading for block in blocks(DOCUMENT, language="python") if not block.file
    } == used


def test_the_table_of_the_scripted_plugin_has_each_key_of_a_step() -> None:
    options = Registry().info("scripted").options["properties"]
    step = options["script"]["items"]["properties"]
    rows = dict(table("plugins.md", head="a step's"))
    assert set(rows) == {f"`{key}`" for key in step}
    assert set(options) == {"reply", "script"}
    finishes = step["finish"]["enum"]
    assert ", ".join(f"`{finish}`" for finish in finishes) in rows["`finish`"]
    assert all(f"`{key}`" in rows["`fail`"] for key in step["fail"]["properties"] if key != "kind")
