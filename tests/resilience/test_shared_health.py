"""The models' health, which clients share; with scripted models, on real and virtual time."""

import asyncio
import logging
import re
from typing import Any

import pytest

from standby import AsyncStandby, ChainExhausted, Reply, RequestError, Settings, Standby
from standby.cards import Card
from standby.resilience.circuit_breaker import State
from standby.settings import BreakerSettings, Chain, Hedge, Model, Provider, Secret
from standby.testing import fresh_health
from tests.support.virtual_clock import run

DOWN = {"script": [{"fail": {"kind": "timeout", "message": "timeout: no answer"}}]}
WELL = {"reply": "Lisbon."}
TWICE = BreakerSettings(failures=2, open=10.0, open_limit=10.0)


def settings(**models: Any) -> Settings:
    entries = {
        name: Model(provider="scripted", options=options, breaker=TWICE)
        if isinstance(options, dict)
        else options
        for name, options in models.items()
    }
    return Settings(
        models=entries,
        chains={"default": Chain(models=tuple(entries)), "other": Chain(models=tuple(entries))},
    )


def client(configured: Settings) -> AsyncStandby:
    return AsyncStandby(settings=configured, environ={}, warm_up=False)


def outcomes(reply: Reply) -> list[tuple[str, str]]:
    return [(attempt.model, attempt.outcome) for attempt in reply.trail]


async def test_chains_and_clients_share_what_is_known_of_a_model() -> None:
    configured = settings(a=DOWN, b=WELL)
    async with client(configured) as one, client(configured) as two:
        await one.chat("Which city?")
        await one.chat("Which city?", chain="other")
        assert outcomes(await two.chat("Which city?")) == [("a", "skipped"), ("b", "answered")]
        health = two.health()
    assert health == one.health() | {"a": health["a"]}
    assert (health["a"].state, health["b"].state) == (State.OPEN, State.CLOSED)
    assert health["a"].reason == "after 2 failures in a row, the last: timeout"
    assert 4 < health["a"].resting <= 10


async def test_another_account_is_another_model() -> None:
    def account(name: str) -> Settings:
        return Settings(
            providers={"p": Provider(plugin="scripted", api_key=Secret(name))},
            models={"a": Model(provider="p", options=DOWN, breaker=TWICE)},
            chains={"default": Chain(models=("a",))},
        )

    async with client(account("mine")) as one, client(account("yours")) as two:
        for _ in range(2):
            with pytest.raises(ChainExhausted):
                await one.chat("Which city?")
        assert (one.health()["a"].state, two.health()["a"].state) == (State.OPEN, State.CLOSED)


def test_a_blocking_client_has_it_too() -> None:
    with Standby(settings=settings(a=DOWN, b=WELL), environ={}, warm_up=False) as standby:
        for _ in range(2):
            standby.chat("Which city?")
        assert standby.health()["a"].state == State.OPEN


def test_the_primary_comes_back_by_itself() -> None:
    async def scenario() -> list[str]:
        failing: list[dict[str, Any]] = [*DOWN["script"] * 2, {"reply": "back"}]
        standby = client(
            settings(a={"script": failing}, b={"script": [{"delay": "1s", "reply": "standing by"}]})
        )
        texts = []
        for _ in range(4):
            texts.append((await standby.chat("Which city?")).text)
            await asyncio.sleep(11)
        return texts

    assert run(scenario()) == ["standing by", "standing by", "back", "back"]


async def test_closing_ends_a_probe_that_outlived_its_call() -> None:
    configured = settings(a={"script": [*DOWN["script"] * 2, {"hang": True}]}, b=WELL)
    configured.models["a"] = Model(
        provider="scripted",
        options=configured.models["a"].options,
        breaker=BreakerSettings(failures=2, open=0.02),
    )
    standby = client(configured)
    for _ in range(2):
        await standby.chat("Which city?")
    await asyncio.sleep(0.03)
    reply = await standby.chat("Which city?")
    assert "being probed" in reply.trail[0].text
    assert len(asyncio.all_tasks()) > 1
    await standby.close()
    assert len(asyncio.all_tasks()) == 1
    assert standby.health()["a"].state == State.HALF_OPEN


def test_no_more_calls_at_once_than_allowed_and_the_others_go_on_after_a_second() -> None:
    slow = Model(
        provider="scripted", options={"script": [{"delay": "5s", "reply": "slow"}]}, concurrency=2
    )

    async def scenario() -> list[tuple[str, float]]:
        standby = client(settings(a=slow, b=WELL))
        replies = await asyncio.gather(*(standby.chat("Which city?") for _ in range(5)))
        return sorted((reply.model, reply.trail[-1].start) for reply in replies)

    assert run(scenario()) == [("a", 0.0), ("a", 0.0), ("b", 1.0), ("b", 1.0), ("b", 1.0)]


def test_a_busy_model_is_not_an_ill_one() -> None:
    slow = Model(
        provider="scripted",
        options={"script": [{"delay": "5s", "reply": "slow"}]},
        concurrency=1,
        breaker=TWICE,
    )

    async def scenario() -> tuple[State, set[str]]:
        standby = client(settings(a=slow, b=WELL))
        replies = await asyncio.gather(*(standby.chat("Which city?") for _ in range(20)))
        return standby.health()["a"].state, {
            attempt.text for reply in replies for attempt in reply.trail if attempt.text
        }

    assert run(scenario()) == (
        State.CLOSED,
        {"as many calls are in flight as its concurrency allows"},
    )


def test_a_chain_hedges_one_call_in_twenty() -> None:
    def slow(delay: str) -> Model:
        silent = Card(efforts=())  # one that may think is given longer
        return Model(
            provider="scripted", options={"script": [{"delay": delay, "reply": "x"}]}, card=silent
        )

    async def scenario() -> int:
        configured = settings(a=slow("40s"), b=slow("40s"))
        hedged = Chain(models=("a", "b"), hedge=Hedge(after=1.0))
        standby = client(Settings(models=configured.models, chains={"default": hedged}))
        replies = [await standby.chat("Which city?") for _ in range(200)]
        return sum(len(reply.trail) == 2 for reply in replies)

    assert 5 + 8 <= run(scenario()) <= 5 + 10


def test_the_log_has_a_rest_a_probe_and_a_recovery(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        script = [*DOWN["script"] * 2, {"reply": "back"}]
        standby = client(
            settings(a={"script": script}, b={"script": [{"delay": "1s", "reply": "standing by"}]})
        )
        for _ in range(4):
            await standby.chat("Which city?")
            await asyncio.sleep(6)

    with caplog.at_level(logging.INFO, "standby"):
        run(scenario())
    lines = [f"{record.levelname} {record.getMessage()}" for record in caplog.records]
    assert "WARNING default: a rests for 9s, after 2 failures in a row, the last: timeout" in [
        re.sub(r"for \d+s", "for 9s", line) for line in lines
    ]
    assert "INFO default: probing a, whether it is well again" in lines
    assert "WARNING default: a is well again" in lines


ALL_THAT_RESTS = [
    {"kind": "timeout", "message": "timeout: no answer"},
    {"kind": "rate_limited", "message": "slow down", "retry_after": "60s"},
    {"kind": "quota_exhausted", "message": "the month's budget is spent"},
    {"kind": "unauthorized", "message": "no such key", "status": 401},
]


@pytest.mark.parametrize("failure", ALL_THAT_RESTS, ids=lambda failure: failure["kind"])
async def test_a_model_whose_breaker_is_off_never_rests(failure: dict[str, Any]) -> None:
    down = {"script": [{"fail": failure}]}
    off = Model(provider="scripted", options=down, breaker=False)
    async with client(settings(a=off, b=WELL)) as one:
        trails = [outcomes(await one.chat("Which city?")) for _ in range(6)]
        health = one.health()
    assert {trail[0] for trail in trails} == {("a", "failed")}, "each call asks it"
    assert (health["a"].state, health["a"].resting, health["b"].state) == (
        State.OFF,
        0.0,
        State.CLOSED,
    )


async def test_health_is_forgotten_for_all_clients_at_once() -> None:
    configured = settings(a=DOWN, b=DOWN, c=WELL)
    async with client(configured) as one, client(configured) as two:
        for _ in range(2):
            await one.chat("Which city?")
        two.forget_health("a")
        assert [each.state for each in one.health().values()] == [
            State.CLOSED,
            State.OPEN,
            State.CLOSED,
        ]
        one.forget_health()
        assert {each.state for each in two.health().values()} == {State.CLOSED}
        assert [outcome for _, outcome in outcomes(await two.chat("Which city?"))] == [
            "failed",
            "failed",
            "answered",
        ]


async def test_forgetting_health_refills_the_budgets_of_retries_and_hedges() -> None:
    async with client(settings(a=WELL, b=WELL)) as one:
        route = one.route()
        budgets = [*(target.budget for target in route.targets), route.hedges]

        def spend() -> list[bool]:
            return [
                all(budget.try_withdraw(0.0) for _ in range(5))
                and not all(budget.try_withdraw(0.0) for _ in range(40))
                for budget in budgets
            ]

        assert spend() == [True, True, True]
        assert spend() == [False, False, False]
        one.forget_health("a")
        assert spend() == [True, False, False]
        one.forget_health()
        assert spend() == [True, True, True]


def test_forgetting_the_health_of_an_unknown_model_suggests_a_similar_name() -> None:
    with Standby(settings=settings(small=WELL), environ={}, warm_up=False) as standby:
        with pytest.raises(
            RequestError, match=r"no model of the chains is named 'smal'; did you mean 'small'\?"
        ):
            standby.forget_health("small", "smal")
        standby.forget_health()
        assert standby.health()["small"].state is State.CLOSED


@pytest.mark.parametrize("configured", [["small"], ("small",), None, 7])
def test_a_value_that_is_not_a_name_is_refused_and_nothing_is_forgotten(configured: Any) -> None:
    with Standby(settings=settings(small=DOWN, b=WELL), environ={}, warm_up=False) as standby:
        for _ in range(9):
            standby.chat("Hi")
        before = standby.health()["small"].state
        with pytest.raises(
            TypeError,
            match=r"forget_health: expected the names of models, each by itself, not a \w+: ",
        ):
            standby.forget_health("small", configured)
        assert standby.health()["small"].state is before is State.OPEN


def test_rested_holds_for_clients_that_are_there_already() -> None:
    with Standby(settings=settings(a=DOWN, b=WELL), environ={}, warm_up=False) as standby:
        for _ in range(2):
            standby.chat("Which city?")
        with fresh_health():
            assert standby.health()["a"].state is State.CLOSED
            for _ in range(2):
                standby.chat("Which city?")
            assert standby.health()["a"].state is State.OPEN
        assert standby.health()["a"].state is State.CLOSED
