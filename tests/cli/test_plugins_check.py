"""`standby plugins check`: what a plugin's author reads."""

from typing import Any

import pytest

from standby import plugin
from standby.registry.plugins import Registry
from tests.cli.runner import Run
from tests.docs.distributions import Install, house_rules

MANIFEST = """\
from standby.plugin import Card, ProviderInfo, hookimpl

@hookimpl
def standby_provider():
    return ProviderInfo(adapter="standby_extra_adapter:Parrot")
"""
ADAPTER = """\
from standby.plugin import Reply

class Parrot:
    def __init__(self, provider): self.provider = provider
    async def complete(self, call): return Reply(text="Hello.")
"""
ANSWERS = "ok       the adapter can be imported and answers: complete()"
CREATED = "ok       the adapter can be made"
NO_KEY = (
    "skipped  the adapter is called: it names no key, so it may not use HTTP; if it does: --http"
)
ENDPOINT = "requests go to the configured endpoint"

NO_PROVIDER = (
    "skipped  the adapter is called: it has no hook standby_provider, so it reaches no model"
)
NO_HOOK = "wrong    the manifest loads: it implements no hook: mark its functions with @hookimpl"
ONLY_MODELS = """\
from standby.plugin import Card, hookimpl

@hookimpl
def standby_models():
    return {"parrot-1": Card()}
"""
RULES = """\
from standby.plugin import hookimpl

@hookimpl
def {0}():
    return {1}
"""


def put(install: Install, manifest: str = MANIFEST, adapter: str = ADAPTER) -> None:
    project = {
        "name": "standby-parrot",
        "version": "2.1",
        "entry-points": {plugin.GROUP: {"parrot": "standby_extra"}},
    }
    install(project, {"standby_extra.py": manifest, "standby_extra_adapter.py": adapter})


def states(checks: list[dict[str, Any]]) -> set[str]:
    return {check["state"] for check in checks}


@pytest.mark.parametrize("name", [name for name in Registry().names() if name != "parrot"])
def test_the_plugins_that_come_with_standby_have_nothing_wrong(run: Run, name: str) -> None:
    result = run("plugins", "check", name, "--json")
    assert result.status == 0
    assert states(result.json) <= {"ok", "skipped"}
    endpoint = [
        check for check in result.json if check["rule"] == "requests go to the configured endpoint"
    ]
    assert bool(endpoint) is bool(Registry().info(name).keys)


def test_each_rule_is_a_line_and_a_plugin_without_a_key_is_not_called(
    run: Run, install: Install
) -> None:
    put(install)
    result = run("plugins", "check", "parrot")
    lines = result.out.splitlines()
    assert (result.status, result.err) == (0, "")
    assert lines[0] == "ok       the manifest loads: 0 models"
    assert lines[1].startswith("ok       the manifest imports no SDK: standby_extra brings in ")
    assert lines[2] == "ok       the keys are names of variables: no key is needed"
    assert lines[-3:] == [ANSWERS, CREATED, NO_KEY]


def test_a_plugin_that_reaches_no_model_is_checked_as_what_it_is(
    run: Run, install: Install
) -> None:
    install(*house_rules())
    result = run("plugins", "check", "house-rules")
    lines = result.out.splitlines()
    assert (result.status, lines[0]) == (0, "ok       the manifest loads: 0 models")
    assert lines[1].startswith("ok       the manifest imports no SDK: house_rules brings in ")
    assert lines[2:] == [
        "ok       the observers can be called: 1 observer",
        "ok       the predicates can be called: 1 predicate",
        NO_PROVIDER,
    ]


def test_a_plugin_may_only_register_models(run: Run, install: Install) -> None:
    put(install, ONLY_MODELS)
    result = run("plugins", "check", "parrot")
    assert result.status == 0
    assert result.out.splitlines()[0] == "ok       the manifest loads: 1 model"
    assert result.out.splitlines()[-1] == NO_PROVIDER


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        (ONLY_MODELS.replace("@hookimpl", ""), NO_HOOK),
        ("import standby.plugin\n", NO_HOOK),
        (
            RULES.format("standby_observers", "[None]"),
            "is broken: standby_observers returned something that is not a list of functions",
        ),
        (
            RULES.format("standby_predicates", "{'no-price': 1}"),
            "standby_predicates returned something that is not a mapping of names to functions",
        ),
        (
            RULES.format("standby_commands", "[len]"),
            "standby_commands returned something that is not a list of click commands",
        ),
    ],
)
def test_what_is_wrong_with_the_other_hooks_is_reported(
    run: Run, install: Install, manifest: str, message: str
) -> None:
    put(install, manifest)
    result = run("plugins", "check", "parrot")
    assert (result.status, message in result.out) == (1, True), result.out


def test_http_calls_a_plugin_without_a_key(run: Run, install: Install) -> None:
    put(install)
    result = run("plugins", "check", "parrot", "--http")
    assert result.status == 1
    assert f"wrong    {ENDPOINT}: complete() sent no request to provider.base_url" in result.out
    assert NO_KEY not in result.out


def test_the_endpoint_rule_shows_the_request(run: Run) -> None:
    [endpoint] = [
        check
        for check in run("plugins", "check", "openai", "--json").json
        if check["rule"] == ENDPOINT
    ]
    assert endpoint["words"].startswith("POST /")


def test_a_constructor_that_raises_is_reported_once_with_its_line(
    run: Run, install: Install
) -> None:
    put(
        install,
        MANIFEST.replace(INFO, f"{INFO}keys=('PARROT_KEY',), "),
        ADAPTER.replace("= provider", "= provider.optoins"),
    )
    result = run("plugins", "check", "parrot")
    wrong = [line for line in result.out.splitlines() if line.startswith("wrong ")]
    message = (
        "Parrot(provider) raised AttributeError: 'Provider' object has no attribute "
        "'optoins' (standby_extra_adapter.py:4)"
    )
    assert (result.status, wrong) == (1, [f"wrong    the adapter can be made: {message}"])
    assert f"skipped  {ENDPOINT}: it cannot be made" in result.out


def test_an_adapter_must_not_require_an_optional_key(run: Run, install: Install) -> None:
    put(
        install,
        MANIFEST.replace(INFO, f"{INFO}keys=('PARROT_KEY',), key_needed=False, "),
        ADAPTER.replace("self.provider = provider", "key_of(provider, 'PARROT_KEY')").replace(
            "Reply", "Reply, key_of", 1
        ),
    )
    assert (
        "wrong    the adapter can be made: no key: set PARROT_KEY"
        in run("plugins", "check", "parrot").out
    )


INFO = "ProviderInfo("
WRONG = {
    (
        "raise ImportError('no beak')"
    ): "the manifest loads: plugin 'parrot' (standby-parrot 2.1) is broken: ImportError: no beak",
    (
        f"import standby_extra_adapter\n{MANIFEST}"
    ): "imports the adapter's module, standby_extra_adapter: only name it",
    f"import yaml\n{MANIFEST}": (
        "standby_extra imports yaml: move that import into the adapter's module"
    ),
    MANIFEST.replace(
        INFO, f"{INFO}keys=('sk-4f21a',), "
    ): "the keys are names of variables: keys holds something that is not",
    MANIFEST.replace(
        INFO, f"{INFO}options={{'type': 'objekt'}}, "
    ): "options is a JSON Schema: at type: 'objekt' is",
    MANIFEST.replace(
        INFO, f"{INFO}account={{}}, "
    ): "options are a mapping: the schema's type must be 'object'",
    MANIFEST.replace(INFO, f"{INFO}failures='standby_extra:gone', "): "has no attribute 'gone'",
    MANIFEST.replace("Parrot", "Parot"): "module 'standby_extra_adapter' has no attribute 'Parot'",
    MANIFEST.replace(
        INFO, f"{INFO}keys=('PARROT_KEY',), "
    ): "complete() sent no request to provider.base_url",
}


@pytest.mark.parametrize("manifest", WRONG)
def test_what_is_wrong_is_reported_with_what_to_do(
    run: Run, install: Install, manifest: str
) -> None:
    put(install, manifest)
    result = run("plugins", "check", "parrot")
    wrong = [line for line in result.out.splitlines() if line.startswith("wrong    ")]
    assert result.status == 1
    assert any(WRONG[manifest] in line for line in wrong), result.out
    assert "sk-4f21a" not in result.out


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("def complete(self, call): ...", "complete() is not a coroutine: write it as 'async def'"),
        (
            "async def stream(self, call): return []",
            "stream() is not an asynchronous generator: write it as 'async def' with 'yield'",
        ),
        ("pass", "standby_extra_adapter:Parrot has neither 'complete' nor 'stream'"),
        (
            "import gone_sdk",
            "plugin 'parrot' (standby-parrot 2.1) cannot be used: No module named 'gone_sdk'",
        ),
    ],
)
def test_an_adapter_that_cannot_answer_is_reported_with_the_reason(
    run: Run, install: Install, method: str, message: str
) -> None:
    put(install, adapter=f"class Parrot:\n    {method}\n")
    result = run("plugins", "check", "parrot")
    assert result.status == 1
    assert result.out.splitlines()[-1].startswith(
        "wrong    the adapter can be imported and answers: "
    )
    assert message in result.out


def test_a_plugin_that_is_not_installed_is_a_wrong_command_line(run: Run) -> None:
    result = run("plugins", "check", "parot")
    assert result.status == 2
    assert (
        "no plugin named 'parot' is installed; 'standby plugins' lists the installed ones"
        in result.err
    )


def test_plugins_without_a_command_is_the_list(run: Run) -> None:
    assert run("plugins").out.splitlines()[0].split() == [
        "plugin",
        "distribution",
        "version",
        "models",
        "state",
        "key",
        "in",
        "reason",
    ]
    assert "check" in run("plugins", "--help").out
