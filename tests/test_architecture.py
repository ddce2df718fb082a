"""What reviewers forget: the cost of an import, names of vendors, unsafe code, clocks, sizes."""

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import standby

ROOT = Path(__file__).parents[1]
CORE = ROOT / "core" / "standby"
MODULES = {
    str(path.relative_to(ROOT)): ast.parse(path.read_text(encoding="utf-8"))
    for root in (CORE, ROOT / "providers")
    for path in sorted(root.rglob("*.py"))
}
IN_CORE = [name for name in MODULES if name.startswith("core")]


def find(predicate: Callable[[ast.AST], bool], modules: list[str] | None = None) -> list[str]:
    """Return the places, `file:line`, of the nodes that are meant."""
    return [
        f"{name}:{node.lineno}"
        for name in (MODULES if modules is None else modules)
        for node in ast.walk(MODULES[name])
        if predicate(node) and isinstance(node, ast.expr | ast.stmt)
    ]


def imports(node: ast.AST) -> set[str]:
    match node:
        case ast.Import(names):
            return {each.name.partition(".")[0] for each in names}
        case ast.ImportFrom(module=str(module), level=0):
            return {module.partition(".")[0]}
    return set()


def test_the_sources_are_found() -> None:
    assert {
        "core/standby/dispatch/dispatcher.py",
        "core/standby/cli/__init__.py",
        "providers/standby_gemini/adapter.py",
    } <= set(MODULES)


# Imports

NEVER_AT_IMPORT = [
    "yaml",
    "jsonschema",
    "click",
    "rich",
    "re2",
    "dotenv",
    "openai",
    "google.genai",
    "aiohttp",
    "httpx2",
    "httpx",
    "xllamacpp",
]


def loaded_by(statement: str) -> set[str]:
    """Return the modules of a new process after the statement that were not there before."""
    program = (
        f"import sys; before = set(sys.modules)\n{statement}\nprint(*set(sys.modules) - before)"
    )
    process = subprocess.run(  # noqa: S603 - this interpreter, with code of this file
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    )
    return set(process.stdout.split())


def test_importing_standby_loads_next_to_nothing() -> None:
    loaded = loaded_by("import standby")
    assert {name for name in loaded if name.startswith("standby")} == {"standby", "standby.version"}
    assert not loaded & {
        *NEVER_AT_IMPORT,
        "msgspec",
        "pluggy",
        "asyncio",
        "logging",
        "importlib.metadata",
    }


def test_importing_every_public_name_loads_no_sdk_and_nothing_of_files_or_the_command_line() -> (
    None
):
    loaded = loaded_by(f"from standby import {', '.join(standby.__all__)}")
    assert "standby.client" in loaded
    assert not loaded & {*NEVER_AT_IMPORT, "standby.cli"}
    assert not {name for name in loaded if re.match("standby_", name)}


@pytest.mark.parametrize("plugin", ["gemini", "openai", "local", "scripted"])
def test_a_manifest_loads_no_sdk(plugin: str) -> None:
    loaded = loaded_by(f"import standby_{plugin}")
    assert f"standby_{plugin}" in loaded
    assert not loaded & {
        *NEVER_AT_IMPORT,
        "asyncio",
        "standby.client",
        "standby.dispatch.dispatcher",
    }


def test_only_what_observes_imports_logging() -> None:
    assert [
        name
        for name in IN_CORE
        if any("logging" in imports(node) for node in ast.walk(MODULES[name]))
    ] == [
        "core/standby/observe/formats.py",
        "core/standby/observe/log.py",
        "core/standby/runtime/debugging.py",  # asks for the level, and writes nothing
    ]


def test_the_core_imports_no_sdk_and_its_http_client_alone_the_http_library() -> None:
    foreign = {
        "openai",
        "google",
        "httpx",
        "httpx2",
        "requests",
        "aiohttp",
        "urllib3",
        "xllamacpp",
        "http.client",
    }
    # each integration exists for one library, and the HTTP client is the one place that knows its
    own = re.compile(r"/integrations/|/http/(client|connector|resolver|transport_errors)\.py$")
    outside = [name for name in IN_CORE if not own.search(name)]
    assert not find(lambda node: bool(imports(node) & foreign), outside)


def test_of_a_provider_only_its_adapter_over_an_sdk_and_its_credentials_import_a_library() -> None:
    foreign = {"anthropic", "openai", "google", "httpx", "httpx2", "requests", "aiohttp"}
    allowed = re.compile(r"/(sdk_adapter|credentials)\.py$")
    outside = [name for name in MODULES if name not in IN_CORE and not allowed.search(name)]
    assert not find(lambda node: bool(imports(node) & foreign), outside)


# Names

VENDOR = re.compile(
    r"(?<![a-z])(gemini|google|genai|vertex|openai|azure|gpt|o[134](?!\d)|anthropic|claude|bedrock|mistral|llama|ollama|groq|cohere"
    r"|deepseek|qwen|smollm\w*|xllamacpp|openrouter)(?![a-z])",
    re.IGNORECASE,
)

INTEGRATED = re.compile(r"(async_)?openai_client|standby\.integrations\.[\w.]+")
"""What the root may name of the integrations, so that they are found there."""


def names_and_texts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the names and texts of the code, but not comments and docstrings: they cite sources."""
    quoted = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if id(node) not in quoted:
            for _, value in ast.iter_fields(node):
                for text in value if isinstance(value, list) else [value]:
                    if isinstance(text, str):
                        yield getattr(node, "lineno", 0), text


def test_no_code_of_the_core_names_a_vendor_or_a_model_except_to_integrate_it() -> None:
    modules = [name for name in IN_CORE if "/integrations/" not in name]
    predicate = [
        (name, line, word)
        for name in modules
        for line, word in names_and_texts(MODULES[name])
        if VENDOR.search(word)
    ]
    assert [
        each
        for each in predicate
        if not INTEGRATED.fullmatch(each[2]) or each[0] != "core/standby/__init__.py"
    ] == []


@pytest.mark.parametrize(
    ("code", "named"),
    [
        ("import openai", True),
        ("x = 'openai/gpt-5'", True),
        ("GEMINI_KEY = 1", True),
        ("def f(o3_mini): pass", True),
        ("x.google.y", True),
        ("x = f'{y} o3-mini'", True),
        ("x = 1  # openai-python does it so", False),
        ("def f():\n    '''As openai does.'''", False),
        ("x = 'too3, o30, foo1, googled'", False),
    ],
)
def test_that_search_finds_what_it_should(code: str, *, named: bool) -> None:
    assert any(VENDOR.search(word) for _, word in names_and_texts(ast.parse(code))) is named


# What no code here does


def called_name(node: ast.AST) -> str:
    return ast.unparse(node.func) if isinstance(node, ast.Call) else ""


@pytest.mark.parametrize(
    "builtin",
    [
        "eval",
        "exec",
        "compile",
        "__import__",
        "os.system",
        "os.popen",
        "yaml.load",
        "tempfile.mktemp",
    ],
)
def test_nothing_is_evaluated_from_text(builtin: str) -> None:
    assert not find(lambda node: called_name(node) == builtin)


@pytest.mark.parametrize("module", ["pickle", "marshal", "shelve", "dill"])
def test_nothing_unpickles(module: str) -> None:
    assert not find(lambda node: module in imports(node))


@pytest.mark.parametrize(
    ("argument", "value"), [("verify", False), ("shell", True), ("check_hostname", False)]
)
def test_no_safety_is_switched_off(argument: str, *, value: bool) -> None:
    def is_switched(node: ast.AST) -> bool:
        match node:
            case ast.keyword(arg, ast.Constant(predicate)) if arg == argument:
                return predicate is value
        return False

    assert not [
        name for name, tree in MODULES.items() if any(is_switched(node) for node in ast.walk(tree))
    ]


CLOCK_AND_CHANCE = {
    # on virtual time; a test server's delays, and what its client polls
    "asyncio.sleep": [
        "diagnostics/simulation/simulated_model",
        "diagnostics/simulation/simulator",
        "testing/checks",
        "testing/loopback",
    ],
    "date.today": [
        "cli/config_file",
        "config/settings_source",
        "dispatch/live_routes",
    ],  # what has retired, by the user's own calendar
    "datetime.now": [
        "http/retry_after"
    ],  # a date to wait for, in a response without a date of its own
    "random.Random": [
        "client",
        "diagnostics/selftest/runner",
        "diagnostics/simulation/settings",
        "resilience/circuit_breaker",
    ],  # where nobody has injected another; made of the plan's seed
    "time.monotonic": [
        "client",
        "config/file_watcher",
        "observe/bus",
        "runtime/forks",
        "runtime/loop_watchdog",
        "streams",
    ],  # where there is no running loop, or one that may not turn
    "time.time": [
        "integrations/openai/exchange"
    ],  # the day and hour that an answer of that wire bears
    "uuid.uuid4": ["integrations/openai/exchange"],  # the id of an answer whose vendor gives none
}


def test_time_comes_from_the_loop_and_chance_from_what_was_injected() -> None:
    """Everything else in the core would run on a clock, or throw dice, that no test can hold."""
    sources = re.compile(
        r"(asyncio\.sleep|(date|datetime)\.(now|utcnow|today)|time\.\w+|random\.\w+|uuid\.\w+|secrets\.\w+)"
    )
    predicate: dict[str, set[str]] = {}
    for name in IN_CORE:
        for node in ast.walk(MODULES[name]):
            if sources.fullmatch(called_name(node)):
                predicate.setdefault(called_name(node), set()).add(
                    name.removeprefix("core/standby/").removesuffix(".py")
                )
    assert {source: sorted(modules) for source, modules in predicate.items()} == CLOCK_AND_CHANCE
    timed = [
        f"core/standby/{name}.py"
        for source in ("time.monotonic", "time.time")
        for name in CLOCK_AND_CHANCE[source]
    ]
    allowed = [f"core/standby/{name}.py" for name in CLOCK_AND_CHANCE["uuid.uuid4"]]
    assert not find(
        lambda node: "time" in imports(node), [name for name in IN_CORE if name not in timed]
    )
    assert not find(
        lambda node: bool(imports(node) & {"uuid", "secrets"}),
        [name for name in IN_CORE if name not in allowed],
    )


# Size


def test_no_module_is_longer_than_400_lines() -> None:
    assert not {
        name: lines
        for name in MODULES
        if (lines := len((ROOT / name).read_text(encoding="utf-8").splitlines())) > 400
    }


def test_no_function_is_longer_than_50_lines() -> None:
    assert not find(
        lambda node: (
            isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and (node.end_lineno or 0) - node.lineno >= 50
        )
    )
