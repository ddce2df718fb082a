"""`standby validate`: every problem, the chains with the origin of each name, the exit status."""

import subprocess
import sys
from pathlib import Path

import pytest

from standby.config import PACKAGED
from standby.config.explanations import read_explanations
from standby.config.ignore_comments import SILENCEABLE
from tests.cli.runner import Run, terminal, write, write_scripted

GOLDEN = Path(__file__).parents[1] / "golden"

TWO = """\
version: 1
chains:
  default:
    models:
      - "${PRIMARY_AI_MODEL:-gemini-2.5-pro}"
      - "${FALLBACK_AI_MODEL:-o3-mini}"
      - openai/gpt-5.6-sol
"""


def test_a_sound_file_passes_with_its_chains(run: Run) -> None:
    write_scripted()
    result = run("validate")
    assert (result.status, result.err) == (0, "")
    assert result.out.startswith(
        "default: gone (line 18) → well (line 18)\nhealthy: well (line 19)\n"
    )
    assert result.out.endswith("models.yaml: no errors, no warnings\n")


def test_each_name_of_a_chain_has_its_origin(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FALLBACK_AI_MODEL", "gpt-6-luna")
    write("# ours\n\nPRIMARY_AI_MODEL=gemini-3.8-flash\n", ".env")
    write(TWO)
    first_two = (
        "default: gemini-3.8-flash (PRIMARY_AI_MODEL, .env:3) → gpt-6-luna "
        "(FALLBACK_AI_MODEL, environment) → "
    )
    assert f"{first_two}openai/gpt-5.6-sol (line 7)\n" in run("validate").out


RETIRED = (", begins resting: retired on 2026-12-01", ", begins resting: retired on 2026-10-23")


def test_a_model_that_is_shut_down_rests_nowhere_but_at_its_vendor_and_never_with_its_breaker_off(
    run: Run,
) -> None:
    more = (
        "providers: {mine: {plugin: openai, base_url: 'http://127.0.0.1:9/v1'}}\n"
        "models: {gemini-2.5-pro: {breaker: off}}\n"
    )
    write(
        f"version: 1\n{more}chains: {{default: {{models: [gemini-2.5-pro, mine/o3-mini, "
        "o3-mini]}}\n"
    )
    links = run("validate", "--json").json["chains"]["default"]
    assert [link["rests"] for link in links] == ["", "", "retired on 2026-10-23"]


def test_the_default_of_a_variable_is_named_as_such(run: Run) -> None:
    write(TWO)
    assert (
        f"default: gemini-2.5-pro (default, line 5{RETIRED[0]}) → o3-mini (default, line "
        f"6{RETIRED[1]}) → "
    ) in run("validate").out


def test_a_missing_key_is_a_warning_and_an_error_only_if_strict(run: Run) -> None:
    write("version: 1\nchains: {default: {models: [gpt-6-luna]}}\n")
    result = run("validate")
    assert result.status == 0
    assert (
        "  warning  no key for gpt-6-luna: it is skipped; set OPENAI_API_KEY  [no-key]\n"
        in result.out
    )
    assert result.out.endswith("models.yaml: no errors, 1 warning, 1 info (--all shows them)\n")
    assert run("validate", "--strict").status == 2


def test_the_offending_line_is_shown_below_its_problem(run: Run) -> None:
    write("version: 1\nchains:\n  default:\n    modles: [o3-mini]\n")
    result = run("validate")
    assert result.status == 2
    assert (
        "error  unknown key 'modles'; did you mean 'models'?  [unknown-key]\n    modles"
        in result.out
    )
    assert result.out.endswith("models.yaml: 1 error, no warnings\n")


def test_a_line_with_several_problems_is_shown_once_below_them(run: Run) -> None:
    write("version: 1\nchains:\n  default:\n    models:\n      - o3-mini\n")
    out = run("validate").out
    assert [code for code in ("[retired]", "[no-key]") if code in out] == ["[retired]", "[no-key]"]
    assert out.count("\n    - o3-mini\n") == 1


def test_every_problem_is_reported(run: Run) -> None:
    write(
        "version: 1\nchains:\n  a: {models: [o3-mini], deadlin: 3s}\n"
        "  b: {models: [o3-mni]}\n  c: {models: [openia/x]}\n"
    )
    result = run("validate")
    assert result.status == 2
    assert "models.yaml: 3 errors, " in result.out


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (
            "nowhere.yaml",
            (
                "nowhere.yaml  error  cannot be read: no such file or directory; check the name "
                "and the permissions  [no-file]\n"
            ),
        ),
        (".", ".  error  this is a directory; name the models.yaml in it  [no-file]\n"),
    ],
)
@pytest.mark.parametrize("arguments", [("validate",), ("schema", "--validate")])
def test_a_path_that_is_not_a_file_is_reported(
    run: Run, arguments: tuple[str, ...], file: str, message: str
) -> None:
    result = run(*arguments, file)
    assert (result.status, result.out) == (2, f"{message}{file}: 1 error, no warnings\n")


def test_a_file_can_be_named(run: Run) -> None:
    write("version: 1\nchains: {}\n")
    write(
        (
            "version: 1\nmodels: {a: {provider: scripted, options: {reply: x}}}\n"
            "chains: {b: {models: [a]}}\n"
        ),
        "elsewhere.yaml",
    )
    assert run("validate").status == 2
    assert (
        run("validate", "elsewhere.yaml").out
        == "b: a (line 3)\nelsewhere.yaml: no errors, no warnings\n"
    )


def test_the_chain_that_ships_is_valid_on_a_machine_without_secrets(run: Run) -> None:
    result = run("validate")
    assert result.status == 0
    assert result.out.splitlines()[-1].startswith("standby's own models.yaml: no errors, ")
    assert run("validate", str(PACKAGED)).status == 0


def test_as_json_it_is_the_file_its_problems_and_its_chains(run: Run) -> None:
    write("version: 1\nchains: {default: {models: [gpt-6-luna]}}\n")
    result = run("validate", "--json")
    assert (result.status, result.err) == (0, "")
    problem, drops = result.json["problems"]
    assert (drops["code"], drops["severity"]) == ("drops", "info")
    assert result.json["file"] == "models.yaml"
    assert result.json["chains"] == {
        "default": [{"model": "gpt-6-luna", "origin": "line 2", "asked": True, "rests": ""}]
    }
    assert result.json["fallback_off"] == {}
    assert problem == {
        "code": "no-key",
        "message": "no key for gpt-6-luna: it is skipped",
        "severity": "warning",
        "file": "models.yaml",
        "line": 2,
        "column": problem["column"],
        "hint": "set OPENAI_API_KEY",
        "excerpt": problem["excerpt"],
    }


SWITCHED = TWO.replace("    models:", '    fallback: "${ENABLE_MODEL_FALLBACK:-true}"\n    models:')


@pytest.mark.parametrize("off", ["false", "no", "0"])
def test_a_fallback_that_is_off_is_shown_as_off(
    run: Run, off: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENABLE_MODEL_FALLBACK", off)
    write(SWITCHED)
    result = run("validate")
    [chain_line] = [line for line in result.out.splitlines() if line.startswith("default: ")]
    assert chain_line == (
        f"default: gemini-2.5-pro (default, line 6{RETIRED[0]}); fallback is off "
        "(ENABLE_MODEL_FALLBACK, environment), "
        "so that it never calls o3-mini (default, line 7), openai/gpt-5.6-sol (line 8)"
    )
    report = run("validate", "--json").json
    assert [link["asked"] for link in report["chains"]["default"]] == [True, False, False]
    assert report["fallback_off"] == {"default": "ENABLE_MODEL_FALLBACK, environment"}


def test_a_fallback_that_the_file_switches_off_is_shown_with_its_line(run: Run) -> None:
    write("version: 1\nchains:\n  default: {models: [gpt-6-luna], fallback: off}\n")
    assert "default: gpt-6-luna (line 3); fallback is off (line 3)\n" in run("validate").out


def test_a_fallback_that_is_on_has_its_arrows(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENABLE_MODEL_FALLBACK", "true")
    write(SWITCHED)
    assert (
        f" → o3-mini (default, line 7{RETIRED[1]}) → openai/gpt-5.6-sol (line 8)\n"
        in run("validate").out
    )


def test_as_json_a_file_with_errors_has_no_chains_and_fails(run: Run) -> None:
    write("version: 1\nchains: {default: {models: [o3-mni]}}\n")
    result = run("validate", "--json")
    assert (result.status, result.json["chains"]) == (2, {})
    assert result.json["problems"][0]["code"] == "unknown-model"


def test_no_key_is_ever_shown(run: Run) -> None:
    write("OPENAI_API_KEY=sk-a-key-that-opens-nothing\n", ".env")
    write(
        "version: 1\nproviders: {mine: {plugin: openai, api_key: sk-literal-key}}\n"
        "chains: {default: {models: [mine/x]}}\n"
    )
    for arguments in (
        ("validate",),
        ("validate", "--json"),
        ("ask", "hello"),
        ("ask", "hello", "--json"),
    ):
        result = run(*arguments)
        assert result.status == 2
        assert "sk-" not in result.out + result.err


def test_an_info_never_fails_and_a_silenced_warning_does_not_either(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "opens-nothing")
    write("version: 1\nchains:\n  default:\n    models: [gpt-6-luna, gpt-6-sol]\n")
    result = run("validate", "--strict")
    assert result.status == 2
    assert (
        "models.yaml:4:5  warning  all models of 'default' share one account of 'openai'"
        in result.out
    )
    assert result.out.endswith("models.yaml: no errors, 1 warning, 3 infos (--all shows them)\n")
    write(
        "version: 1\nchains:\n  default:\n"
        "    models: [gpt-6-luna, gpt-6-sol]  # standby: ignore[shared-quota] ours is large\n"
    )
    result = run("validate", "--strict")
    assert result.status == 0
    assert result.out.endswith("models.yaml: no errors, no warnings, 3 infos (--all shows them)\n")


def test_infos_are_counted_and_shown_with_all(run: Run) -> None:
    write("version: 1\nchains: {default: {models: [gpt-6-luna]}}\n")
    assert "  info  " not in run("validate").out
    result = run("validate", "--all")
    assert "  info  'gpt-6-luna' is not sent " in result.out
    assert result.out.endswith("models.yaml: no errors, 1 warning, 1 info\n")
    assert [each["severity"] for each in run("validate", "--json").json["problems"]].count(
        "info"
    ) == 1


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OPENAI_API_KEY": "opens-nothing", "GEMINI_API_KEY": "opens-nothing"},
        {"PRIMARY_AI_MODEL": "gpt-5", "FALLBACK_AI_MODEL": "o3"},
        {"ENABLE_MODEL_FALLBACK": "false"},
    ],
)
def test_the_chain_that_ships_takes_at_most_one_screen(environ: dict[str, str]) -> None:
    chain_line = terminal("validate", **environ, NO_COLOR="1").splitlines()
    assert (
        sum(max(1, -(-len(line) // 80)) for line in chain_line) <= 23
    )  # and a line for the prompt


# --explain


def test_each_code_of_a_problem_is_explained() -> None:
    codes = {path.name.partition(".")[0] for path in GOLDEN.glob("*.txt")}
    assert codes | set(SILENCEABLE) <= set(read_explanations())


@pytest.mark.parametrize("code", ["no-time", "[no-time]"])
def test_a_code_is_explained_with_its_example(run: Run, code: str) -> None:
    result = run("validate", "--explain", code)
    assert (result.status, result.err) == (0, "")
    assert result.out.startswith("no-time\n\nA model that hangs can take all the time ")
    assert "\n\n    version: 1\n    chains:\n" in result.out
    assert run("validate", "--explain", code, "--json").json == {
        "code": "no-time",
        "explanation": read_explanations()["no-time"],
    }


def test_an_error_is_explained_too_without_links_and_fences(run: Run) -> None:
    assert "`api_key: ${OPENAI_API_KEY}`" in " ".join(
        run("validate", "--explain", "literal-key").out.split()
    )
    chain_line = run("validate", "--explain", "untested-streams").out
    assert "```" not in chain_line
    assert "](" not in chain_line


def test_an_unknown_code_is_answered_with_the_nearest(run: Run) -> None:
    result = run("validate", "--explain", "not-ime")
    assert (result.status, result.out) == (2, "")
    assert result.err == "standby: no problem has the code 'not-ime'; did you mean 'no-time'?\n"
    assert ", unreachable-model, " in run("validate", "--explain", "zzzzzz").err


def test_a_code_and_a_file_do_not_go_together(run: Run) -> None:
    result = run("validate", "--explain", "no-time", "models.yaml")
    assert result.status == 2
    assert "--explain is about a code and reads no file; give one of the two" in result.err


AUDITED = """
import sys
HEAVY = {"google", "openai", "anthropic", "xllamacpp", "httpx2", "ssl"}
seen = []
def hook(event, arguments):
    if event.startswith("socket.") or event == "subprocess.Popen":
        seen.append(event)
    elif event == "import" and arguments[0].split(".")[0] in HEAVY:
        seen.append(arguments[0])
    elif event == "import" and ".adapter" in arguments[0]:
        seen.append(arguments[0])
sys.addaudithook(hook)
sys.argv = ["standby", "validate", *sys.argv[1:]]
try:
    from standby.cli import main
    main()
finally:
    print(seen)
"""


@pytest.mark.parametrize("arguments", [(), ("--json",), ("--strict",)])
def test_it_opens_no_socket_and_imports_neither_an_sdk_nor_an_adapter(
    arguments: tuple[str, ...],
) -> None:
    result = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", AUDITED, str(PACKAGED), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stdout.splitlines()[-1] == "[]"


def test_the_packaged_file_passes_strict_without_the_engine_of_its_last_model(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("GEMINI_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.setenv(key, "opens-nothing")
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    result = run("validate", str(PACKAGED), "--strict")
    monkeypatch.undo()
    assert result.status == 0, result.out


def test_an_ignored_library_may_be_there(run: Run) -> None:
    write(
        "version: 1\nchains:\n  default:\n    models:\n"
        "      - smollm2-135m  # standby: ignore[no-sdk] elsewhere it is not\n"
    )
    assert [problem["code"] for problem in run("validate", "--json").json["problems"]] == []
