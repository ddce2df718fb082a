"""Problems of a file: messages and lines; the parts without problems are checked all the same."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from standby.errors import Problem
from tests.config.files import KEYS, chain, format_problems, read

DURATION = "write a number above 0 and a unit: 500ms, 30s, 3m, 1h"
MAPPING = "write 'key: value' lines, indented below it"
RE2 = "RE2 has no look-around and no back-references"
KEY = (
    "a key must not be written in this file; "
    "put it into a variable and write api_key: ${NAME_OF_THE_VARIABLE}"
)

MODELS = "chains: {default: {models: [large-3]}}\n"


def model(text: str) -> str:
    """Return a file with one more model, which begins in line 3."""
    return f"version: 1\nmodels:\n  {text}\n{MODELS}"


def trigger(text: str) -> str:
    """Return a file with one trigger, in line 3."""
    return f"version: 1\ntriggers:\n  {text}\n{MODELS}"


def provider(text: str) -> str:
    """Return a file with one provider, in line 3."""
    return f"version: 1\nproviders:\n  {text}\n{MODELS}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hello", f"1:1  error  the file: 'hello' is not a mapping of keys; {MAPPING}"),
        ("- a\n", f"1:1  error  the file: this is not a mapping of keys; {MAPPING}"),
        (MODELS, "1:1  error  the file has no 'version'; add 'version: 1'"),
        ("version: 1\n", "1:1  error  the file has no 'chains'; add 'chains:'"),
        (f"version: 2\n{MODELS}", "1:10  error  version: '2' is not known; write 1"),
        (f"vresion: 1\n{MODELS}", "1:1  error  unknown key 'vresion'; did you mean 'version'?"),
        ("version: 1\nchains: {}\n", "2:1  error  chains is empty; write at least one"),
        ("version: 1\nchains:\n  default:\n", "2:1  error  chains is empty; write at least one"),
        (
            "version: 1\nchains:\n  default: large-3\n",
            f"3:3  error  chains.default: 'large-3' is not a mapping of keys; {MAPPING}",
        ),
        (chain("", ""), "4:5  error  chains.default.models is empty; write at least one"),
        (
            "version: 1\nchains:\n  default: {fallback: yes}\n",
            "3:3  error  chains.default has no 'models'; add 'models:'",
        ),
        (
            "version: 1\nchains:\n  default:\n    modles: [large-3]\n",
            "4:5  error  unknown key 'modles'; did you mean 'models'?",
        ),
        (
            "version: 1\nchains:\n  default:\n    models: large-3\n",
            (
                "4:13  error  chains.default.models: 'large-3' is not a list; "
                "write one item per line, each after '- '"
            ),
        ),
        (
            chain("[large-3]"),
            (
                "4:14  error  chains.default.models[0]: this is not a text; "
                "write one text after the ':'"
            ),
        ),
        (
            chain(more="    hegde: {after: 8s}\n"),
            "5:5  error  unknown key 'hegde'; did you mean 'hedge'?",
        ),
        (
            chain(more="    deadline: 30\n"),
            "5:15  error  chains.default.deadline: '30' is not a duration; write 30s",
        ),
        (
            chain(more="    deadline: 0s\n"),
            f"5:15  error  chains.default.deadline: '0s' is not a duration; {DURATION}",
        ),
        (
            chain(more="    deadline: [3s]\n"),
            f"5:15  error  chains.default.deadline: this is not a duration; {DURATION}",
        ),
        (
            chain(more="    fallback: maybe\n"),
            (
                "5:15  error  chains.default.fallback: 'maybe' is not true or false; "
                "write true or false"
            ),
        ),
        (
            chain(more="    retry: {attempts: two}\n"),
            (
                "5:23  error  chains.default.retry.attempts: 'two' is not a whole number; "
                "write a number, like 3"
            ),
        ),
        (
            chain(more="    retry: {attempts: 11}\n"),
            "5:23  error  chains.default.retry.attempts: '11' is out of range; write at most 10",
        ),
        (
            chain(more="    retry:\n      attempts: 0\n"),
            "6:17  error  chains.default.retry.attempts: '0' is out of range; write at least 1",
        ),
        (
            chain(more="    triggers: busy\n"),
            (
                "5:15  error  chains.default.triggers: 'busy' is not a list; "
                "write one item per line, each after '- '"
            ),
        ),
        (
            chain(more="    triggers: [busy]\n"),
            "5:16  error  no trigger is named 'busy'; define it under 'triggers:'",
        ),
        (
            chain("flash, larg-3"),
            "4:21  error  no model is named 'larg-3'; did you mean 'large-3'?",
        ),
        (
            chain("akme/x"),
            "4:14  error  no provider and no plugin is named 'akme'; did you mean 'acme'?",
        ),
        (trigger("t: {kind: timeout}"), "3:3  error  triggers.t has no 'then'; add 'then:'"),
        (
            trigger("t: {kind: timout, then: next}"),
            "3:13  error  triggers.t.kind: 'timout' is not known; did you mean 'timeout'?",
        ),
        (
            trigger("t: {kind: timeout, then: nxt}"),
            "3:28  error  triggers.t.then: 'nxt' is not known; did you mean 'next'?",
        ),
        (
            trigger("t: {status: 6xx, then: next}"),
            "3:15  error  triggers.t.status: '6xx' is not well formed; write it like 5xx",
        ),
        (
            trigger("t: {status: [99], then: next}"),
            "3:16  error  triggers.t.status[0]: '99' is out of range; write at least 100",
        ),
        (
            trigger("t: {message: '', then: next}"),
            "3:7  error  triggers.t.message is empty; write it, or remove it",
        ),
        (
            trigger("t: {kind: [], then: next}"),
            "3:7  error  triggers.t.kind is empty; write at least one",
        ),
        (
            trigger("t: {then: next}"),
            (
                "3:3  error  the trigger 't' says nothing to recognise a failure by; "
                "add a kind, or a message"
            ),
        ),
        (
            trigger("t: {message: [ok, '/(?=x)/'], then: next}"),
            f"3:21  error  '/(?=x)/' is not an RE2 expression: invalid perl operator: (?=; {RE2}",
        ),
        (
            trigger("t: {model: larg-3, then: next}"),
            "3:14  error  no model is named 'larg-3'; did you mean 'large-3'?",
        ),
        (
            provider("p: {plugin: akme}"),
            "3:15  error  no provider and no plugin is named 'akme'; did you mean 'acme'?",
        ),
        (provider("p: {base_url: x}"), "3:3  error  providers.p has no 'plugin'; add 'plugin:'"),
        (provider("p: acme"), f"3:3  error  providers.p: this is not a mapping of keys; {MAPPING}"),
        (provider("p: {plugin: acme, api_key: canary}"), f"3:30  error  {KEY}"),
        (
            model("m: {provider: nobody}"),
            (
                "3:17  error  no provider and no plugin is named 'nobody'; installed: acme, bolt; "
                "else install its package"
            ),
        ),
        (
            model("m: {timeout: 3s}"),
            (
                "3:3  error  no model is named 'm'; "
                "a model that no card knows needs its provider, like acme/m"
            ),
        ),
        (
            model("m: {provider: acme, timeout: 3sec}"),
            "3:32  error  models.m.timeout: '3sec' is not a duration; write 3s",
        ),
        (
            model("m: {provider: acme, timout: 3s}"),
            "3:23  error  unknown key 'timout'; did you mean 'timeout'?",
        ),
        (
            model("m: {provider: acme, drop: [seeed]}"),
            "3:30  error  no parameter is named 'seeed'; did you mean 'seed'?",
        ),
        (
            model("m: {provider: acme, card: {context_window: big}}"),
            (
                "3:46  error  models.m.card.context_window: 'big' is not a whole number; "
                "write a number, like 3"
            ),
        ),
        (
            model("m: {provider: acme, card: {retires: 2026-13-01}}"),
            (
                "3:39  error  models.m.card.retires: '2026-13-01' is not a date; "
                "write it like 2026-12-01"
            ),
        ),
        (
            model("m: {provider: acme, options: {budget: 101}}"),
            "3:41  error  models.m.options.budget: '101' is out of range; write at most 100",
        ),
        (
            model("m: {provider: acme, options: {efort: low}}"),
            "3:33  error  unknown key 'efort'; did you mean 'effort'?",
        ),
        (
            model("m: {provider: acme, options: {effort: low, budget: 1}}"),
            (
                "3:23  error  models.m.options: 'effort' and 'budget' do not go together; "
                "keep one of them"
            ),
        ),
        (
            f"version: 1\nversion: 1\n{MODELS}",
            "2:1  error  the key 'version' is here and in line 1; keep one of them",
        ),
        (
            chain('"${NONE}", flash'),
            "4:14  error  the variable NONE is not set; set it, or write a default: ${NONE:-…}",
        ),
        (chain("old-1"), "4:14  warning  old-1 was retired on 2026-01-31; use large-3 instead"),
        (
            chain("flash, flash"),
            "4:21  warning  'flash' is already in this chain; it is tried once",
        ),
    ],
)
def test_each_mistake_has_one_message_with_its_line_and_a_hint(
    text: str, message: str, tmp_path: Path
) -> None:
    assert format_problems(read(tmp_path, text)) == [f"m.yaml:{message}"]


def test_a_problem_is_data() -> None:
    assert Problem.__struct_fields__ == (
        "code",
        "message",
        "severity",
        "file",
        "line",
        "column",
        "hint",
        "excerpt",
    )


def test_a_problem_shows_its_line(tmp_path: Path) -> None:
    [problem] = read(tmp_path, chain("larg-3")).problems
    assert problem == Problem(
        code="unknown-model",
        message="no model is named 'larg-3'",
        hint="did you mean 'large-3'?",
        file="m.yaml",
        line=4,
        column=14,
        excerpt="    models: [larg-3]",
    )


def test_all_mistakes_are_reported_at_once_in_the_order_of_the_lines(tmp_path: Path) -> None:
    text = """
version: 1
models:
  m: {provider: acme, timeout: 3}
  n: {provider: acme, drop: [zzz], card: {refuses: [zzz]}}
triggers:
  t: {kind: timout, then: nxt}
chains:
  default:
    models: [m, n, larg-3]
    triggers: [t, zzz]
    fallback: 2
"""
    places = [
        (problem.line, problem.column, problem.code) for problem in read(tmp_path, text).problems
    ]
    assert places == [
        (4, 32, "bad-duration"),
        (5, 30, "unknown-parameter"),
        (5, 53, "unknown-parameter"),
        (7, 13, "bad-value"),
        (7, 27, "bad-value"),
        (10, 20, "unknown-model"),
        (11, 19, "unknown-trigger"),
        (12, 15, "bad-type"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "version: 1\nmodels: {m: {provider: '${NONE}'}}\nchains: {default: {models: [m]}}\n",
        (
            "version: 1\nproviders: {p: {plugin: '${NONE}'}}\nmodels: {m: {provider: p}}\n"
            "chains: {default: {models: [m, p/x]}}\n"
        ),
        (
            "version: 1\nproviders: {p: {plugn: acme}}\nmodels: {m: {provider: p}}\n"
            "chains: {default: {models: [m, p/x]}}\n"
        ),
        "version: 1\nmodels: {m: large-3}\nchains: {default: {models: [m]}}\n",
        (
            "version: 1\ntriggers: {t: {kind: timeout}}\n"
            "chains: {default: {models: [flash], triggers: [t]}}\n"
        ),
        (
            "version: 1\ntriggers: {t: {kind: timout, then: next}}\n"
            "chains: {default: {models: [flash], triggers: [t]}}\n"
        ),
        (
            "version: 1\ntriggers: {t: {message: '${NONE}', then: next}}\n"
            "chains: {default: {models: [flash], triggers: [t]}}\n"
        ),
        (
            "version: 1\nproviders: [p]\nmodels: {m: {provider: p}}\n"
            "chains: {default: {models: [m, p/x]}}\n"
        ),
        "version: 1\nchains: {default: {models: ['${NONE}']}}\n",
        "version: 1\nchains: {default: {models: ['${NONE:?}']}}\n",
        (
            "version: 1\nmodels: {m: !x {provider: acme}, n: {provider: acme}}\n"
            "chains: {default: {models: [m, n]}}\n"
        ),
        "version: 1\nchains: {default: {models: [flash, flsh]}}\n",
    ],
)
def test_the_consequence_of_a_mistake_is_not_reported_as_well(text: str, tmp_path: Path) -> None:
    assert len(read(tmp_path, text).problems) == 1


def test_a_refused_alias_is_reported_without_its_consequences(tmp_path: Path) -> None:
    text = (
        "version: 1\nmodels:\n  m: &m {provider: acme}\n  n: *n\n  o:\n    <<: *m\n"
        "chains: {default: {models: [m, n, o]}}\n"
    )
    assert {problem.code for problem in read(tmp_path, text).problems} == {"alias"}


def test_a_mistake_that_an_alias_repeats_is_reported_where_it_is_written(
    tmp_path: Path,
) -> None:
    text = (
        "version: 1\nmodels:\n  m: &m\n    provider: acme\n    timeout: ${NONE}\n    budget: 1\n"
        "  n: *m\n"
        "chains: {default: {models: [m, n]}}\n"
    )
    assert [(problem.line, problem.code) for problem in read(tmp_path, text).problems] == [
        (5, "unset-variable"),
        *[(6, "unknown-key")] * 2,  # the hints name the keys of m, and of n
    ]


def test_a_file_with_aliases_means_the_same_as_one_without(tmp_path: Path) -> None:
    text = (
        "version: 1\nmodels:\n  m: &id001 {provider: acme, timeout: 7s}\n  n: *id001\n"
        "chains: {default: &id002 {models: &id003 [m, n]}, other: *id002, third: {models: "
        "*id003}}\n"
    )
    with_aliases = read(tmp_path, text)
    assert [problem for problem in with_aliases.problems if problem.severity == "error"] == []
    written_out = (
        "version: 1\nmodels:\n  m: {provider: acme, timeout: 7s}\n"
        "  n: {provider: acme, timeout: 7s}\n"
        "chains: {default: {models: [m, n]}, other: {models: [m, n]}, third: {models: [m, n]}}\n"
    )
    assert with_aliases.settings == read(tmp_path, written_out).settings
    assert with_aliases.settings is not None
    assert {problem.code for problem in read(tmp_path, "? [a]\n: b").problems} >= {"bad-key"}


def test_an_empty_key_is_not_a_mistake_and_hides_none(tmp_path: Path) -> None:
    text = (
        "version: 1\nmodels:\ntriggers:\n  t:\nproviders: ~\n"
        "chains: {default: {models: [flash], deadline: , triggers: [t]}}\n"
    )
    assert format_problems(read(tmp_path, text)) == [
        "m.yaml:6:60  error  no trigger is named 't'; define it under 'triggers:'"
    ]


# Variables


def test_a_name_from_a_variable_says_from_which(tmp_path: Path) -> None:
    (tmp_path / "app" / ".env").parent.mkdir()
    (tmp_path / "app" / ".env").write_text("\nB=old-1\n")
    text = chain('"${A}", "${B}", "${C:-larg-3}"')
    assert format_problems(read(tmp_path, text, KEYS | {"A": "flsh"})) == [
        "m.yaml:4:14  error  no model is named 'flsh' (A, environment); did you mean 'flash'?",
        "m.yaml:4:22  warning  old-1 was retired on 2026-01-31 (B, .env:2); use large-3 instead",
        "m.yaml:4:30  error  no model is named 'larg-3'; did you mean 'large-3'?",
    ]


CANARY = "canary-4711"


@pytest.mark.parametrize(
    "text",
    [
        chain(more='    deadline: "${X}"\n'),
        chain(more='    fallback: "${X}"\n'),
        chain(more='    retry: {attempts: "${X}"}\n'),
        model('m: {provider: acme, options: {effort: "${X}"}}'),
        model('m: {provider: acme, options: {budget: "${X}"}}'),
        model('m: {provider: acme, drop: ["${X}"]}'),
        model('m: {provider: acme, card: {retires: "${X}"}}'),
        trigger('t: {kind: "${X}", then: next}'),
        trigger('t: {status: "${X}", then: next}'),
        'version: "${X}"\n' + MODELS,
    ],
)
def test_the_value_of_a_variable_is_not_shown(text: str, tmp_path: Path) -> None:
    loaded = read(tmp_path, text, KEYS | {"X": CANARY})
    [problem] = loaded.problems
    assert problem.severity == "error"
    assert CANARY not in repr(loaded)
    assert "'${X}'" in problem.message
    assert "(X, environment)" in problem.message


def test_a_name_that_looks_like_a_key_is_masked(tmp_path: Path) -> None:
    [problem] = read(tmp_path, chain('"${A}"'), {"A": "sk-proj-aB3dE6gH9jK2mN5pQ8"}).problems
    assert problem.message == "no model is named 'sk-proj-…' (A, environment)"


@pytest.mark.parametrize(
    "text",
    [
        provider(f"p: {{plugin: acme, api_key: {CANARY}}}"),
        provider(f"p:\n    plugin: acme\n    api_key: >-\n      {CANARY}\n      {CANARY}"),
        provider(f"p:\n    plugin: acme\n    api_key:\n      {CANARY}"),
        provider(f"p: {{plugin: acme, api_key: [{CANARY}]}}"),
        provider(f"p: {{plugin: acme, api_key: {{a: {CANARY}}}}}"),
        provider(f"p: {{plugin: acme, apikey: {CANARY}}}"),
        provider(f"p: {{plugin: acme, api_kee: {CANARY}}}"),
        provider(f"p: {{plugin: acme, credentials: {CANARY}}}"),
        provider(f"p: {{plugin: acme, other: {CANARY}}}"),
        provider(f"p: {CANARY}"),
        provider(f"p: [{CANARY}]"),
        provider(f"p: {{plugin: acme, api_key: '${{A:-{CANARY}}}'}}"),
        provider(f"p: {{plugin: acme, api_key: 'Bearer ${{A}}{CANARY}'}}"),
        provider(f"p: {{plugin: acme, api_key: ${CANARY}"),
        provider(f"p:\n    plugin: acme\n    api_key: '{CANARY}\n\n  - x"),
        f"api_key: {CANARY}\nversion: 1\n{MODELS}",
        model(f"m: {{provider: acme, api_key: {CANARY}}}"),
        model(f"m: {{provider: acme, options: {{token: {CANARY}}}}}"),
        model(f"m: {{provider: acme, options: {{api_key: {CANARY}}}}}"),
        model(f"m: {{provider: acme, options: {{acme_secret: {CANARY}}}}}"),
    ],
)
def test_a_literal_key_is_refused_and_shown_nowhere(text: str, tmp_path: Path) -> None:
    loaded = read(tmp_path, text)
    assert loaded.settings is None
    assert CANARY not in repr(loaded)


def test_the_keys_of_valid_settings_are_shown_nowhere(tmp_path: Path) -> None:
    text = provider("p: {plugin: acme, api_key: '${MINE}'}").replace("large-3", "large-3, p/x")
    loaded = read(tmp_path, text, {"MINE": CANARY, "ACME_KEY": CANARY})
    assert loaded.settings is not None
    assert [
        each.api_key.reveal() for each in loaded.settings.providers.values() if each.api_key
    ] == [CANARY, CANARY]
    assert CANARY not in repr(loaded) + str(loaded)


def test_a_key_is_read_without_the_line_end_that_came_with_it(tmp_path: Path) -> None:
    loaded = read(
        tmp_path,
        provider("p: {plugin: acme, api_key: '${MINE}'}"),
        {"MINE": " k\n", "ACME_KEY": "x"},
    )
    assert loaded.settings is not None
    key = loaded.settings.providers["p"].api_key
    assert key is not None
    assert (key.reveal(), repr(key)) == ("k", "Secret(MINE)")


def test_a_key_that_is_not_set_is_a_warning(tmp_path: Path) -> None:
    text = provider("p: {plugin: acme, base_url: http://x, api_key: '${MINE}'}").replace(
        "large-3", "p/x, large-3"
    )
    loaded = read(tmp_path, text, {})
    assert format_problems(loaded) == [
        "m.yaml:4:29  warning  no key for p/x: it is skipped; set MINE",
        "m.yaml:4:34  warning  no key for large-3: it is skipped; set ACME_KEY or OLD_ACME_KEY",
    ]
    assert loaded.settings is not None


@pytest.mark.parametrize(
    "truth", ["no", "'no'", '"off"', "False", "0", "'0'", '"${OFF}"', "${OFF}", '"${NONE:-no}"']
)
def test_quoting_never_matters_to_a_truth_value(truth: str, tmp_path: Path) -> None:
    loaded = read(tmp_path, chain(more=f"    fallback: {truth}\n"), KEYS | {"OFF": "OFF"})
    assert loaded.settings is not None
    assert loaded.settings.chains["default"].fallback is False


@pytest.mark.parametrize("text", ["3", "'3'", '"${N}"', "${N}", '"${NONE:-3}"'])
def test_quoting_never_matters_to_a_number(text: str, tmp_path: Path) -> None:
    loaded = read(
        tmp_path,
        chain(
            more=f"    retry: {{attempts: {text}}}\n"
            if "$" not in text or '"' in text
            else f"    retry:\n      attempts: {text}\n"
        ),
        KEYS | {"N": "3"},
    )
    assert loaded.settings is not None
    assert loaded.settings.chains["default"].retry.attempts == 3


@pytest.mark.parametrize("text", ["1500ms", "'1.5s'", '"${T}"', "${T}", "|\n      1500ms\n"])
def test_a_duration_is_written_with_its_unit(text: str, tmp_path: Path) -> None:
    loaded = read(tmp_path, chain(more=f"    deadline: {text}\n"), KEYS | {"T": " 1500ms\n"})
    assert loaded.settings is not None
    assert loaded.settings.chains["default"].deadline == 1.5


@pytest.mark.parametrize("name", ["no", "1:30", "010", "1e3", "2026-12-01", "3", "true"])
def test_a_name_is_text_whatever_it_looks_like(name: str, tmp_path: Path) -> None:
    model = f"{{provider: acme, model: {name}, options: {{stop: [{name}]}}}}"
    text = f"version: 1\nmodels: {{{name}: {model}}}\nchains: {{{name}: {{models: [{name}]}}}}\n"
    loaded = read(tmp_path, text)
    assert loaded.settings is not None
    assert loaded.settings.chains[name].models == (name,)
    assert (loaded.settings.models[name].model, loaded.settings.models[name].options) == (
        name,
        {"stop": [name]},
    )


def test_a_variable_never_becomes_a_list(tmp_path: Path) -> None:
    text = chain().replace("[large-3]", "${LIST}")
    [message] = format_problems(read(tmp_path, text, {"LIST": "[large-3, flash]"}))
    assert message.startswith(
        "m.yaml:4:13  error  chains.default.models: '${LIST}' is not a list (LIST, environment); "
        "write"
    )


def test_a_value_that_is_empty_after_substitution_counts_as_absent(tmp_path: Path) -> None:
    more = '    fallback: "${NONE:-}"\n    deadline: "${EMPTY:-}"\n    triggers: ["${NONE:-}"]\n'
    loaded = read(
        tmp_path, chain('"${NONE:-}", flash, "${EMPTY:-}", large-3', more), KEYS | {"EMPTY": " "}
    )
    assert loaded.settings is not None
    default = loaded.settings.chains["default"]
    assert (default.models, default.fallback, default.deadline, default.triggers) == (
        ("flash", "large-3"),
        True,
        180.0,
        (),
    )
    assert loaded.origins == {("default", "flash"): "line 4", ("default", "large-3"): "line 4"}


def test_a_problem_after_an_absent_value_has_its_own_line(tmp_path: Path) -> None:
    assert format_problems(read(tmp_path, chain('"${NONE:-}", flsh, [x]'))) == [
        "m.yaml:4:27  error  no model is named 'flsh'; did you mean 'flash'?",
        (
            "m.yaml:4:33  error  chains.default.models[1]: this is not a text; "
            "write one text after the ':'"
        ),
    ]


def test_a_file_of_mistakes_only_is_reported(tmp_path: Path) -> None:
    assert format_problems(read(tmp_path, "~\n---\na: 1\n")) == [
        "m.yaml:2:1  error  a second document begins here; keep one, without '---'"
    ]


EVERY_KEY = """version: 1
providers:
  mine: {plugin: acme, base_url: http://x, api_key: "${MINE}"}
models:
  quick: {provider: bolt, model: flash, timeout: 3s, drop: [seed]}
  own:
    provider: mine
    options: {budget: 5, stop: [a, b]}
    card: {context_window: 5, retires: 2030-01-01}
triggers:
  busy: {kind: [overloaded, rate_limited], then: retry}
  any: {status: [5xx, 429], message: /a+/, then: next}
chains:
  default:
    models: ["${A:-large-3}", quick, own, acme/x]
    fallback: yes
    triggers: [busy, any]
    retry: {attempts: 2, initial: 500ms}
"""

TOKENS = [
    "*a",
    "&a",
    "!x",
    "<<",
    "${A}",
    "${",
    "[",
    "]",
    "{",
    "}",
    ":",
    "- ",
    "~",
    "''",
    "0",
    "\t",
    "\n",
    "'",
    '"',
    "#",
    "---\n",
]


def test_an_empty_name_of_a_model_is_reported(tmp_path: Path) -> None:
    loaded = read(tmp_path, "version: 1\nchains: {default: {models: ['']}}\n", KEYS)
    assert [problem.message for problem in loaded.problems] == ["no model is named ''"]


def test_a_file_with_every_key_is_valid(tmp_path: Path) -> None:
    loaded = read(tmp_path, EVERY_KEY, KEYS | {"MINE": "k"})
    assert loaded.problems == ()
    assert loaded.settings is not None


@given(
    st.lists(
        st.tuples(
            st.integers(0, len(EVERY_KEY)), st.integers(0, 12), st.sampled_from(["", *TOKENS])
        ),
        min_size=1,
        max_size=4,
    )
)
@settings(max_examples=100, deadline=None)
def test_every_file_has_settings_or_errors(edits: list[tuple[int, int, str]]) -> None:
    """Cut pieces out and put others in: a mistake is reported, never raised; `read` checks that."""
    text = EVERY_KEY
    for at, length, token in edits:
        text = text[:at] + token + text[at + length :]
    with tempfile.TemporaryDirectory() as folder:
        loaded = read(Path(folder), text, KEYS | {"MINE": CANARY})
    assert CANARY not in repr(loaded)
    assert all(problem.message and problem.code for problem in loaded.problems)
    assert all(
        1 <= problem.line <= text.count("\n") + 1 or not problem.line for problem in loaded.problems
    )
