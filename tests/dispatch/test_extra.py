"""Vendor options go to that vendor alone, and a model's retirement is reported once."""

import logging
from datetime import date, timedelta
from typing import Any

import pytest

from standby import RequestError, Settings, Standby
from standby.cards import Card
from standby.events import Alert, Event
from standby.failures import Kind
from standby.plugin import deep_merge
from standby.settings import Chain, Model, Provider, Retry
from tests.support.loopback import GEMINI_503, both, openai_reply

KEYS = {"GEMINI_API_KEY": "a", "OPENAI_API_KEY": "b"}


def test_extras_go_only_to_their_provider_and_override_the_models_own() -> None:
    with both() as (gemini, openai):
        gemini.script(GEMINI_503)
        openai.script(openai_reply("Lisbon."))
        settings = Settings(
            providers={
                "gemini": Provider(plugin="gemini", base_url=gemini.url),
                "openai": Provider(plugin="openai", base_url=f"{openai.url}/v1"),
            },
            models={"gpt-4o": Model(extra={"metadata": {"app": "shop", "run": "1"}, "user": "u"})},
            chains={"default": Chain(models=("gemini-2.5-pro", "gpt-4o"), retry=Retry(attempts=1))},
        )
        extra = {"gemini": {"generationConfig": {"seed": 9}}, "openai": {"metadata": {"run": "2"}}}
        with Standby(settings=settings, environ=KEYS) as client:
            client.chat("hi", extra=extra, temperature=0.5)
    assert gemini.requests[0].json["generationConfig"] == {"temperature": 0.5, "seed": 9}
    assert "metadata" not in gemini.requests[0].json
    sent = openai.requests[0].json
    assert (sent["metadata"], sent["user"], "generationConfig" in sent) == (
        {"app": "shop", "run": "2"},
        "u",
        False,
    )


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"opena": {}}, "extra: no provider is named 'opena'; did you mean 'openai'?"),
        ({"openai": 1}, "extra: the fields for 'openai' must be a JSON object"),
        ({"openai": {"a": object()}}, "extra: the fields for 'openai' must be a JSON object"),
        ([], "extra: expected a dictionary by provider, not a list"),
    ],
)
def test_an_extra_for_an_unknown_provider_or_without_json_is_refused_at_once(
    extra: Any, message: str
) -> None:
    chain = Chain(models=("openai/x",))
    with (
        Standby(settings=Settings(chains={"default": chain}), environ=KEYS) as client,
        pytest.raises(RequestError) as caught,
    ):
        client.chat("hi", extra=extra)
    assert str(caught.value) == message


def test_deep_merge_changes_neither_object() -> None:
    under, over = {"a": {"b": 1, "c": [1]}, "d": 1}, {"a": {"c": [2]}, "e": {"f": 1}}
    assert deep_merge(under, over) == {"a": {"b": 1, "c": [2]}, "d": 1, "e": {"f": 1}}
    assert under == {"a": {"b": 1, "c": [1]}, "d": 1}


def retiring_client(days: int, events: list[Event], **provider: Any) -> Standby:
    card = Card(retires=date.today() + timedelta(days=days), successor="better")  # noqa: DTZ011 - the user's own day
    settings = Settings(
        providers={"mine": Provider(plugin="scripted", **provider)},
        models={"old": Model(provider="mine", options={"reply": "Lisbon."}, card=card)},
        chains={"default": Chain(models=("old",))},
    )
    return Standby(settings=settings, environ={}, sinks=[events.append])


@pytest.mark.parametrize(
    ("days", "verb"), [(-1, "was retired"), (0, "was retired"), (59, "retires"), (60, "retires")]
)
def test_a_retirement_within_sixty_days_is_reported_once_on_the_first_call(
    days: int, verb: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, logger="standby")
    events: list[Event] = []
    with retiring_client(days, events) as client:
        client.chat("hi")
        client.chat("hi")
    alerts = [event for event in events if isinstance(event, Alert)]
    day = date.today() + timedelta(days=days)  # noqa: DTZ011 - as above
    assert [(alert.model, alert.kind, alert.text) for alert in alerts] == [
        ("old", Kind.MODEL_MISSING, f"{verb} on {day}; use better instead")
    ]
    assert [record.getMessage() for record in caplog.records] == [
        (
            "default: old needs a person's attention (model_missing): "
            f"{verb} on {day}; use better instead"
        )
    ]


@pytest.mark.parametrize(("days", "provider"), [(61, {}), (1, {"base_url": "http://127.0.0.1:1"})])
def test_a_later_retirement_or_one_at_another_endpoint_is_not_reported(
    days: int, provider: dict[str, Any]
) -> None:
    events: list[Event] = []
    with retiring_client(days, events, **provider) as client:
        client.chat("hi")
    assert not [event for event in events if isinstance(event, Alert)]
