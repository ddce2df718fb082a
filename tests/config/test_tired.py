"""Files that a tired person writes: the message alone is enough to correct each."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

from standby.config import LoadedConfig, load
from standby.registry.plugins import Registry

TODAY = date(2026, 12, 1)
KEYS = {"OPENAI_API_KEY": "opens-nothing", "GEMINI_API_KEY": "opens-nothing"}

HEAD = "version: 1\nchains:\n  default:\n    models:\n"
VALID = f"{HEAD}      - gpt-5.6-sol\n      - gemini-3.8-flash\n"
FLOW = "version: 1\nchains:\n  default:\n    models: [gpt-5.6-sol, gemini-3.8-flash]\n"


def endpoint(url: str) -> str:
    config = f"version: 1\nproviders:\n  here: {{plugin: openai, base_url: '{url}'}}\n"
    return f"{config}chains:\n  default:\n    models: [here/qwen3, gemini-3.8-flash]\n"


TIRED: dict[str, tuple[str, str, str]] = {
    "one space too many before a dash": (
        f"{HEAD}      - gpt-5.6-sol\n       - gemini-3.8-flash\n",
        (
            "6:1  error  this '-' is deeper than the one above, so both are one value; begin "
            "it in column 7, as the one above"
        ),
        VALID,
    ),
    "one space too few before a dash": (
        f"{HEAD}      - gpt-5.6-sol\n     - gemini-3.8-flash\n",
        (
            "this '-' is in column 6, the one above in column 7; put each '-' of a list "
            "below the first"
        ),
        VALID,
    ),
    "no space after the dashes": (
        f"{HEAD}      -gpt-5.6-sol\n      -gemini-3.8-flash\n",
        (
            "5:1  error  a '-' without a space after it does not begin a list item; write '- ' "
            "before each"
        ),
        VALID,
    ),
    "no space after one dash": (
        f"{HEAD}      - gpt-5.6-sol\n      -gemini-3.8-flash\n",
        "error  this is not YAML: a '-' needs a space after it; write '- ' and then the item",
        VALID,
    ),
    "a tab": (
        "version: 1\nchains:\n\tdefault:\n\t\tmodels: [gpt-5.6-sol]\n",
        (
            "3:1  error  this is not YAML: found character that cannot start any token; indent "
            "with spaces, not with tabs"
        ),
        "version: 1\nchains:\n  default:\n    models: [gpt-5.6-sol]\n",
    ),
    "no space after a colon": (
        f"{FLOW}    deadline:10m\n",
        "5:17  error  this is not YAML: a ':' needs a space after it; write deadline: …",
        f"{FLOW}    deadline: 10m\n",
    ),
    "no colon": (
        VALID.replace("models:", "models"),
        "4:1  error  'models' has no ':' after it; write models:",
        VALID,
    ),
    "no colon after a chain": (
        FLOW.replace("default:", "default"),
        "3:1  error  this is not YAML: 'default' has no ':' after it; write default:",
        FLOW,
    ),
    "a key one space too deep": (
        f"{FLOW}     deadline: 10m\n",
        (
            "this line begins in column 6, and no line that it could belong to does; begin it in "
            "column 5"
        ),
        f"{FLOW}    deadline: 10m\n",
    ),
    "a bracket that is never closed": (
        FLOW.replace("]", "") + "    deadline: 10m\n",
        "4:1  error  this is not YAML: the '[' in this line is never closed; write ] at its end",
        f"{FLOW}    deadline: 10m\n",
    ),
    "a quote that never ends": (
        FLOW.replace("[gpt", '["gpt'),
        "error  this is not YAML: a quote that begins in this line never ends; close it",
        FLOW.replace("[gpt-5.6-sol", '["gpt-5.6-sol"'),
    ),
    "a list after its key": (
        "version: 1\nchains:\n  default:\n    models: - gpt-5.6-sol\n      - gemini-3.8-flash\n",
        (
            "4:13  error  this is not YAML: a list begins on the line below its key; move the "
            "first '-' there"
        ),
        VALID,
    ),
    "a list that begins with a value": (
        "version: 1\nchains:\n  default:\n    models: gpt-5.6-sol\n      - gemini-3.8-flash\n",
        (
            "5:1  error  this '-' continues the value above it; begin a list on the line "
            "below its key, or quote the text"
        ),
        VALID,
    ),
    "a colon in a text": (
        "version: 1\ntriggers:\n  t:\n    message: timeout: no answer\n    then: next\n"
        + FLOW[11:],
        (
            "4:21  error  this is not YAML: a value with ': ' in it is read as another key; "
            "quote what comes after message:"
        ),
        "version: 1\ntriggers:\n  t:\n    message: 'timeout: no answer'\n    then: next\n"
        + FLOW[11:],
    ),
    "equals": (
        FLOW.replace("version: 1", "version = 1"),
        "1:1  error  this is not YAML: a key is followed by ':', not by '='; write version: …",
        FLOW,
    ),
    "a fence": (
        f"```yaml\n{FLOW}```\n",
        (
            "1:1  error  this is not YAML: this line belongs to Markdown; remove it, and the one "
            "at the end"
        ),
        FLOW,
    ),
    "no chain's name": (
        "version: 1\nchains:\n  models:\n    - gpt-5.6-sol\n    - gemini-3.8-flash\n",
        (
            "give the chain a name: 'default:' below 'chains:', 'models:' below that, and then "
            "the list"
        ),
        VALID,
    ),
    "models beside the chain": (
        "version: 1\nchains:\n  default:\n  models:\n    - gpt-5.6-sol\n    - gemini-3.8-flash\n",
        (
            "give the chain a name: 'default:' below 'chains:', 'models:' below that, and then "
            "the list"
        ),
        VALID,
    ),
    "no models": (
        "version: 1\nchains:\n  default:\n    - gpt-5.6-sol\n    - gemini-3.8-flash\n",
        "write 'models:' below 'default', and the list below that",
        VALID,
    ),
    "a chain at the top": (
        "version: 1\ndefault:\n  models: [gpt-5.6-sol, gemini-3.8-flash]\n",
        "unknown key 'default'; a chain belongs below 'chains:', two spaces deeper",
        FLOW,
    ),
    "models with commas": (
        "version: 1\nchains:\n  default:\n    models: gpt-5.6-sol, gemini-3.8-flash\n",
        "is not a list; write it in brackets: models: [a, b]",
        FLOW,
    ),
    "a space that is not one": (
        FLOW.replace("  default", "\u00a0 default").replace("    models", "   models"),
        "it has U+00A0 in it, which is not a plain space: retype it",
        FLOW,
    ),
    "quotes of a word processor": (
        FLOW.replace("gpt-5.6-sol", "\u201cgpt-5.6-sol\u201d"),
        "write it in plain quotes, or in none",
        FLOW.replace("gpt-5.6-sol", '"gpt-5.6-sol"'),
    ),
    "a URL without its scheme": (
        endpoint("localhost:11434/v1"),
        "providers.here.base_url has no scheme; write http://localhost:11434/v1",
        endpoint("http://localhost:11434/v1"),
    ),
    "a URL with the operation's path": (
        endpoint("http://localhost:8000/v1/chat/completions"),
        "write http://localhost:8000/v1",
        endpoint("http://localhost:8000/v1"),
    ),
    "a deadline beyond reason": (
        f"{FLOW}    deadline: 9999999h\n",
        "chains.default.deadline: '9999999h' is longer than a day; write 24h or less",
        f"{FLOW}    deadline: 24h\n",
    ),
    "a default that is none": (
        FLOW.replace("default", "defualt"),
        "'defualt' nearly is; write default",
        FLOW,
    ),
}
"""A file, the message, and the file in which the hint was followed."""


def load_text(folder: Path, text: str, environ: Mapping[str, str] = KEYS) -> LoadedConfig:
    (folder / "models.yaml").write_text(text, encoding="utf-8")
    return load(Path("models.yaml"), Registry(), environ, cwd=folder, today=TODAY, lints=True)


def warnings_and_errors(config: LoadedConfig) -> list[str]:
    return [str(problem) for problem in config.problems if problem.severity != "info"]


@pytest.mark.parametrize("case", TIRED)
def test_a_file_is_valid_once_the_hint_is_followed(case: str, tmp_path: Path) -> None:
    tired, expected, corrected = TIRED[case]
    reported = warnings_and_errors(load_text(tmp_path, tired))
    assert [line for line in reported if expected in line], reported
    assert warnings_and_errors(load_text(tmp_path, corrected)) == []


@pytest.mark.parametrize("case", TIRED)
def test_one_mistake_is_reported_once(case: str, tmp_path: Path) -> None:
    reported = warnings_and_errors(load_text(tmp_path, TIRED[case][0]))
    about_chains = [line for line in reported if "the file has no 'chains'" in line]
    assert len(reported) - len(about_chains) == 1, reported


@pytest.mark.parametrize(
    "text",
    [
        "version: 1\nchains:\n  default:\n    models: [gpt-5.6-sol]\n    # - a comment\n",
        (
            "version: 1\ntriggers:\n  t:\n    kind: empty\n    message: words that go\n      on "
            "- so\n    then: next\n"
        )
        + FLOW[11:],
    ],
)
def test_a_valid_file_has_no_errors(text: str, tmp_path: Path) -> None:
    assert [
        line for line in warnings_and_errors(load_text(tmp_path, text)) if "  error  " in line
    ] == []


def test_no_message_shows_a_key(tmp_path: Path) -> None:
    for line in (
        "-sk-4eC39HqLyjWDarjtT1zdp7dc",
        "api_key:sk-4eC39HqLyjWDarjtT1zdp7dc",
        "api_key: sk-4eC39HqLyjWDarjtT1zdp7dc\n     - x",
        "@sk-4eC39HqLyjWDarjtT1zdp7dc",
    ):
        config = load_text(
            tmp_path, f"version: 1\nproviders:\n  mine:\n    plugin: openai\n    {line}\n"
        )
        assert warnings_and_errors(config)
        assert "4eC39Hq" not in "".join(
            f"{problem}{problem.excerpt}" for problem in config.problems
        )
