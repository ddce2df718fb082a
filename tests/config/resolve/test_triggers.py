import pytest

from standby.settings import Settings, Trigger
from tests.config.files import catalogue, one_chain, resolve_settings

EMPTY = "the trigger 't' says nothing to recognise a failure by; add a kind, or a message"
RE2 = "RE2 has no look-around and no back-references"


def format_findings(trigger: Trigger, *models: str) -> list[str]:
    findings = resolve_settings(
        one_chain(*(models or ("large-3",)), triggers={"t": trigger})
    ).findings
    return [
        f"{'.'.join(map(str, f.location))}: {f.problem.message}; {f.problem.hint}" for f in findings
    ]


def test_a_trigger_without_a_condition_is_reported() -> None:
    assert format_findings(Trigger(then="next")) == [f"triggers.t: {EMPTY}"]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            "/(?=x)/",
            "message: '/(?=x)/' is not an RE2 expression: invalid perl operator: (?=; " + RE2,
        ),
        (
            ("ok", r"/(a)\1/"),
            r"message.1: '/(a)\\1/' is not an RE2 expression: invalid escape sequence: \1; " + RE2,
        ),
        ("/(/", "message: '/(/' is not an RE2 expression: missing ): (; " + RE2),
        (
            "/((a{100}){100}){100}/",
            (
                "message: '/((a{100}){100}){100}/' is not an RE2 expression: invalid repetition "
                "size: {100}; "
            )
            + RE2,
        ),
    ],
)
def test_an_expression_that_re2_refuses_is_reported(
    message: str | tuple[str, ...], expected: str
) -> None:
    assert format_findings(Trigger(then="next", message=message)) == [f"triggers.t.{expected}"]


@pytest.mark.parametrize("message", ["(", "/a+$/", "a/", "/", ("500 internal", "/50[0-9]/")])
def test_a_piece_of_text_and_an_expression_are_fine(message: str | tuple[str, ...]) -> None:
    assert format_findings(Trigger(then="next", message=message)) == []


def test_an_unknown_provider_or_model_is_reported() -> None:
    assert format_findings(Trigger(then="next", provider=("acme", "akme"), model="larg-3")) == [
        "triggers.t.provider.1: no provider is named 'akme'; did you mean 'acme'?",
        "triggers.t.model: no model is named 'larg-3'; did you mean 'large-3'?",
    ]
    assert format_findings(Trigger(then="next", provider="zzz", model="zzz")) == [
        (
            "triggers.t.provider: no provider is named 'zzz'; write the name of a provider that "
            "a chain uses"
        ),
        "triggers.t.model: no model is named 'zzz'; write the name of a model that a chain uses",
    ]


@pytest.mark.parametrize("model", ["large-3", "flash", "acme/whatever"])
def test_a_model_that_no_chain_uses_just_now_is_fine(model: str) -> None:
    assert format_findings(Trigger(then="next", model=model)) == []


def test_plugins_are_read_for_a_triggers_model_only_if_no_chain_names_it() -> None:
    plugins = catalogue()
    settings = one_chain(
        "acme/x", triggers={"t": Trigger(then="next", model="acme/x", provider="bolt")}
    )
    assert resolve_settings(settings, plugins=plugins).findings == ()
    assert set(plugins.reads) == {"acme"}


def test_a_trigger_that_no_chain_uses_is_checked_too() -> None:
    settings: Settings = one_chain("large-3", triggers={"t": Trigger(then="next", message="/(/")})
    assert len(resolve_settings(settings).findings) == 1
