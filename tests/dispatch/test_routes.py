"""Settings become routes: a model has its provider's key, a chain its triggers and its name."""

import asyncio
import gc
import weakref
from typing import Any

import msgspec
import pytest

from standby.cards import Card
from standby.dispatch.routes import Routes, build_routes
from standby.errors import RequestError
from standby.failures import Kind
from standby.registry.adapter_pool import AdapterPool
from standby.settings import (
    BreakerSettings,
    Chain,
    Model,
    Provider,
    Secret,
    Settings,
    StreamRules,
    Trigger,
)
from tests.support.playing import Plays, failure

KEY = Secret("k-123456")


def model(**options: Any) -> Model:
    """Return a model as resolved settings have it."""
    filled: dict[str, Any] = {
        "provider": "p",
        "model": "a-2026",
        "breaker": BreakerSettings(),
        "timeout": 30.0,
        "first_token_timeout": 20.0,
        "idle_timeout": 10.0,
        "options": {},
        "card": Card(),
    }
    return Model(**filled | options)


def settings(*chains: str, key: Secret | None = None, **chain: Any) -> Settings:
    configured: dict[str, Any] = {"models": ("a",), "triggers": (), **chain}
    return Settings(
        providers={"p": Provider(plugin="plays", api_key=key)},
        models={"a": model()},
        triggers={"late": Trigger(message=("late",), then="stop")},
        chains={name: Chain(**configured) for name in chains or ("default",)},
    )


def routes(configured: Settings, before: Routes | None = None) -> Routes:
    adapters = AdapterPool(lambda _: Plays)
    return build_routes(configured, adapters, lambda _: None, before)


@pytest.mark.parametrize(("listed", "matched"), [(("late",), True), ((), False)])
def test_a_chain_has_the_triggers_that_it_lists(listed: tuple[str, ...], *, matched: bool) -> None:
    route = routes(settings(triggers=listed)).route("default")
    late = failure(Kind.TIMEOUT, "too late")
    assert (route.triggers.match(late, provider="p", model="a") is not None) is matched


@pytest.mark.parametrize(
    ("key", "secrets"), [(KEY, (KEY,)), (None, ()), (Secret("", "NO_SUCH_KEY"), ())]
)
def test_a_models_secrets_are_its_providers_key_if_there_is_one(
    key: Secret | None, secrets: tuple[Secret, ...]
) -> None:
    assert routes(settings(key=key)).targets["a"].secrets == secrets


async def test_a_chain_keeps_its_hedges_and_its_probes_under_other_settings() -> None:
    before = routes(settings())
    probe = asyncio.create_task(asyncio.sleep(0))
    before.route("default").background_probes.add(probe)
    changed = settings(stream=StreamRules(release="whole"))
    route, old = routes(changed, before).route("default"), before.route("default")
    assert (route.hedges, route.background_probes) == (old.hedges, {probe})
    assert route.chain.stream.release == "whole"
    await probe


@pytest.mark.parametrize(("vendor_id", "is_known"), [("a-2026", True), ("b-2026", False)])
def test_a_models_health_is_kept_as_long_as_the_settings_have_it(
    vendor_id: str, *, is_known: bool
) -> None:
    before = routes(settings())
    breaker = weakref.ref(before.targets["a"].breaker)
    other = msgspec.structs.replace(settings(), models={"a": model(model=vendor_id)})
    after = routes(other, before)
    del before
    gc.collect()
    assert (breaker() is not None) is is_known
    assert (after.targets["a"].breaker is breaker()) is is_known


@pytest.mark.parametrize(
    ("chains", "named", "hint"),
    [
        (("careful", "quick"), "default", "there is careful, quick"),
        (("careful", "quick"), "xyz", "there is careful, quick"),
        (("defualt", "careful"), "carefull", "did you mean 'careful'?"),
        (
            ("defualt", "careful"),
            "default",
            "call 'defualt' 'default' in the file, or name a chain",
        ),
    ],
)
def test_an_unknown_chain_is_refused_with_a_hint(
    chains: tuple[str, ...], named: str, hint: str
) -> None:
    with pytest.raises(RequestError) as caught:
        routes(settings(*chains)).route(named)
    assert str(caught.value) == f"no chain is named {named!r}; {hint}"
