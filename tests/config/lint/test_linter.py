"""Each lint is reported for one file, and not for a similar one."""

from pathlib import Path

import pytest

from standby.config import load
from tests.config.files import KEYS, TODAY
from tests.config.lint.files import catalogue, chain, codes, triggers

REPORTED = {
    "fallback off": (chain("large, flash", "    fallback: false\n"), "unreachable-model:5"),
    "a model no chain names": (
        chain("large", before="models:\n  mine: {provider: acme}\n"),
        "unreachable-model:3",
    ),
    "a trigger stops whatever happens": (
        triggers(
            "t: {model: large, then: stop, kind: [rate_limited, quota_exhausted, overloaded, "
            "server_error, connection,"
            " timeout, malformed, empty, schema_mismatch, unauthorized, model_missing, "
            "context_too_long, unsupported]}"
        ),
        "unreachable-model:6",
    ),
    "one account": (chain("large, plain"), "shared-quota:4"),
    "one account in two names": (
        chain(
            "large, other/plain",
            before="providers:\n  other: {plugin: acme, api_key: '${ACME_KEY}'}\n",
        ),
        "shared-quota:6",
    ),
    "no time": (chain("large, flash", "    deadline: 90s\n"), "no-time:5"),
    "a smaller window": (chain("plain, small, flash"), "loss:4"),
    "refuses": (chain("picky, flash"), "drops:4"),
    "no chain": (
        triggers("t: {kind: empty, then: next}", more="    triggers: []\n"),
        "unused-trigger:3",
    ),
    "another's provider": (
        triggers("t: {provider: home, kind: empty, then: next}"),
        "trigger-never-fires:3",
    ),
    "provider and model contradict": (
        triggers("t: {provider: acme, model: flash, kind: empty, then: next}"),
        "trigger-never-fires:3",
    ),
    "a narrower kind": (
        triggers("t: {kind: [empty, timeout], then: next}", "u: {kind: empty, then: retry}"),
        "trigger-hidden:4",
    ),
    "a longer text": (
        triggers("t: {message: internal, then: next}", "u: {message: 500 Internal, then: retry}"),
        "trigger-hidden:4",
    ),
    "order of the chain": (
        triggers(
            "u: {status: 503, then: retry}",
            "t: {status: [5xx], then: next}",
            more="    triggers: [t, u]\n",
        ),
        "trigger-hidden:8",
    ),
    "everything": (triggers("t: {provider: acme, then: next}"), "trigger-matches-all:3"),
    "an expression of everything": (
        triggers("t: {message: /./, then: next}"),
        "trigger-matches-all:3",
    ),
    "the usual mistake": (
        triggers("t: {message: 503 service unavailable, then: next}"),
        "pattern-matches-nothing:3",
    ),
    "one of several texts": (
        triggers(
            "t:",
            "  message:",
            "    - 500 internal",
            "    - 503 service unavailable",
            "  then: next",
        ),
        "pattern-matches-nothing:6",
    ),
    "an expression": (
        triggers("t: {message: /^503 Service/, then: next}"),
        "pattern-matches-nothing:3",
    ),
    "another vendor's text": (
        triggers("t: {provider: acme, message: 502 bad gateway, then: next}"),
        "pattern-matches-nothing:3",
    ),
    "nearly, beside a model whose texts are unknown": (
        triggers("t: {message: 503 service unavailable, then: next}", models="large, hut"),
        "pattern-matches-nothing:3",
    ),
    "a missing library": (chain("wolf, owl"), "no-sdk:4"),
    "a library that an account needs": (
        chain("mine/wolf", before="providers:\n  mine: {plugin: lone, options: {project: x}}\n"),
        "no-sdk:6",
    ),
    "an operation's own path": (
        chain("large", before="providers:\n  mine: {plugin: lone, base_url: 'http://h/ask'}\n"),
        "base-url:3",
    ),
    "a chain that is nearly the default": (
        chain("large, flash").replace("default:", "defualt:"),
        "no-default:3",
    ),
    "the default in capitals": (chain("large").replace("default:", "Default:"), "no-default:3"),
    "tools or a schema": (
        chain("large, flash", before="models:\n  large: {card: {tools_with_schema: false}}\n"),
        "tools-or-schema:6",
    ),
    "a text of wrong requests only": (
        triggers("t: {message: invalid tool, provider: acme, then: next}"),
        "trigger-never-fires:3",
    ),
    "a text that begins as a refusal does": (
        triggers("t: {message: '400 bad request', then: next}", models="hut, flash"),
        "trigger-never-fires:3",
    ),
    "an expression that begins so": (
        triggers("t: {message: '/^422/', then: next}"),
        "trigger-never-fires:3",
    ),
    "a comment that silences nothing": (
        "version: 1\nchains:\n  default:\n    models: [large, flash]  # standby: ignore[twice]\n",
        "unused-ignore:4",
    ),
    "an unknown code": (
        "version: 1\nchains:\n  default:\n    models: [large, flash]  # standby: ignore[twiec]\n",
        "unused-ignore:4",
    ),
}
"""Files that have a lint, and the lint with its line."""

NOT_REPORTED = {
    "fallback off, one model": chain("large", "    fallback: false\n"),
    "fallback off by a switch": chain("large, flash", '    fallback: "${SWITCH:-false}"\n'),
    "a model that a variable may name": chain(
        '"${FIRST:-large}", flash', before="models:\n  mine: {provider: acme, model: plain}\n"
    ),
    "a trigger stops, but not at everything": triggers(
        "t: {model: large, kind: [rate_limited, timeout], then: stop}"
    ),
    "two accounts": chain(
        "large, other/plain", before="providers:\n  other: {plugin: acme, api_key: '${BOLT_KEY}'}\n"
    ),
    "two accounts whose keys are not set": chain(
        "large, other/plain", before="providers:\n  other: {plugin: acme, api_key: '${NOT_SET}'}\n"
    ),
    "no account at all": chain(
        "hut, home/hat", before="models:\n  home/hat: {card: {efforts: [low]}}\n"
    ),
    "one model of an account": chain("large"),
    "time enough": chain("large, flash", "    deadline: 100s\n"),
    "no time, but a hedge": chain("large, flash", "    deadline: 90s\n    hedge: {after: 8s}\n"),
    "a larger window": chain("small, flash"),
    "a parameter that the file drops": chain(
        "picky, flash", before="models:\n  picky: {drop: [temperature, top_p]}\n"
    ),
    "a trigger of one chain only": triggers(
        "t: {kind: empty, then: next}", more="    triggers: []\n  other: {models: [large]}\n"
    ),
    "a provider that a chain uses": triggers("t: {provider: bolt, kind: empty, then: next}"),
    "kinds that overlap": triggers(
        "t: {kind: [empty, timeout], then: next}", "u: {kind: [empty, blocked], then: retry}"
    ),
    "the narrow one first": triggers(
        "u: {status: 503, then: retry}", "t: {status: [5xx], then: next}"
    ),
    "text alone never speaks of a blocked one": triggers(
        "t: {message: internal, then: next}", "u: {message: internal, kind: blocked, then: next}"
    ),
    "another model's": triggers(
        "t: {kind: empty, model: large, then: next}", "u: {kind: empty, model: flash, then: next}"
    ),
    "a kind of one provider": triggers("t: {provider: acme, kind: overloaded, then: next}"),
    "as the vendor says it": triggers("t: {message: 503 unavailable, then: next}"),
    "as one of two vendors says it": triggers("t: {message: 502 bad gateway, then: next}"),
    "as standby says it": triggers("t: {message: [timeout, connection error], then: next}"),
    "an expression that matches": triggers("t: {message: '/^50[0-9] [A-Z]+/', then: next}"),
    "another chain's name": chain("large, flash").replace("default:", "careful:"),
    "the default beside one that is nearly so": chain(
        "large, flash", "  defaults: {models: [large]}\n"
    ),
    "tools or a schema, behind one that takes both": chain(
        "flash, plain", before="models:\n  plain: {card: {tools_with_schema: false}}\n"
    ),
    "a text of wrong requests, with a kind": triggers(
        "t: {message: invalid tool, provider: acme, kind: invalid_request, then: next}"
    ),
    "a text of wrong requests and of others": triggers(
        "t: {message: invalid, then: next}", "u: {message: a, then: next}", models="large, flash"
    ).replace("invalid", "i"),
    "a text of wrong requests, beside a model whose texts are unknown": triggers(
        "t: {message: invalid tool, then: next}", models="large, hut"
    ),
    "a refusal that standby takes for another kind": triggers(
        "t: {message: '429 too fast', provider: bolt, then: next}"
    ).replace("429 too fast", "429 slow_down"),
    "far, beside a model whose texts are unknown": triggers(
        "t: {message: the hut burns, then: next}", models="flash, hut"
    ),
    "an ignore of a key that is there": (
        "version: 1\nchains:\n  default:\n    models: [large, flash]  # standby: "
        "ignore[no-key] CI\n"
    ),
    "an ignore in a file with variables": chain('"${FIRST:-large}", flash')
    + "    deadline: 100s  # standby: ignore[no-time] where the first is slow\n",
    "an ignore inside a text": triggers(
        't: {message: "# standby: ignore[twice]", kind: empty, then: next}', models="hut"
    ),
}
"""Files that differ from the ones above in the one point that matters."""


@pytest.mark.parametrize("case", REPORTED)
def test_a_lint_is_reported(case: str, tmp_path: Path) -> None:
    text, expected = REPORTED[case]
    assert expected in codes(tmp_path, text)


@pytest.mark.parametrize("case", NOT_REPORTED)
def test_a_similar_file_is_not_reported(case: str, tmp_path: Path) -> None:
    reported = codes(tmp_path, NOT_REPORTED[case])
    assert [code for code in reported if code.partition(":")[0] not in ("loss", "no-key")] == []


# Comments

TWICE = "version: 1\nchains:\n  default:\n    models:\n      - large\n      - flash\n"


@pytest.mark.parametrize(
    "last",
    [
        "      - large  # standby: ignore[twice] it is meant so\n",
        "      - large  #standby:ignore[ loss , twice ]\n",
        "      # standby: ignore[twice]\n      - large\n",
        "      # standby: ignore[twice]\n\n      # and a comment between\n      - large\n",
        "      - 'large' # a word before: standby # standby: ignore[twice]\n",
    ],
)
def test_a_comment_silences_its_line_or_the_next(last: str, tmp_path: Path) -> None:
    assert not [code for code in codes(tmp_path, TWICE + last) if code.startswith("twice")]


@pytest.mark.parametrize(
    "last",
    [
        "      - large\n      # standby: ignore[twice]\n",
        "      - large\n    deadline: 3m  # standby: ignore[twice]\n",
        "      - large  # standby ignore[twice]\n",
        "      - large  # ignore[twice]\n",
        "      - large  # standby: ignore[retired]\n",
    ],
)
def test_a_comment_elsewhere_or_of_another_code_silences_nothing(last: str, tmp_path: Path) -> None:
    assert "twice:7" in codes(tmp_path, TWICE + last)


def test_an_error_is_not_silenced(tmp_path: Path) -> None:
    text = (
        "version: 1\nchains:\n  default:\n    models: [lagre]  # standby: ignore[unknown-model]\n"
    )
    assert codes(tmp_path, text) == ["unknown-model:4"]


def test_a_comment_does_not_silence_the_value_of_a_variable(tmp_path: Path) -> None:
    text = (
        'version: 1\nchains:\n  default:\n    models:\n      - "${FIRST:-old}"  # standby: '
        "ignore[retired] ours\n"
    )
    assert codes(tmp_path, text) == []
    assert codes(tmp_path, text, {**KEYS, "FIRST": "acme/old"}) == ["retired:5"]


def test_calls_do_not_wait_for_lints(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(REPORTED["one account"][0], encoding="utf-8")
    assert load(Path("m.yaml"), catalogue(), KEYS, cwd=tmp_path, today=TODAY).problems == ()
