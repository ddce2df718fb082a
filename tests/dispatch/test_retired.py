"""A model past its retirement starts resting: no call waits for it; an answer brings it back."""

import asyncio
import logging
import random
from datetime import date, timedelta
from typing import Any

import pytest

from standby import AsyncStandby, Standby
from standby.cards import Card
from standby.config import PACKAGED
from standby.diagnostics.explain import explain, plan
from standby.diagnostics.simulation.outage import parse_outage
from standby.diagnostics.simulation.settings import Simulation
from standby.diagnostics.simulation.simulator import simulate
from standby.diagnostics.simulation.summary import count_models
from standby.dispatch.policy import LONG_REST
from standby.dispatch.target import Route, Target
from standby.errors import ChainExhausted
from standby.events import Alert, Event, HealthChanged
from standby.failures import Kind
from standby.plugin import End
from standby.resilience import health
from standby.resilience.circuit_breaker import CircuitBreaker, Permit, Rejection, State
from standby.settings import BreakerSettings, Chain, Model, Provider, Settings, StreamRules
from standby.types import Reply, Request
from tests.support.playing import Plays, Streams, dispatch, failure, request, route, target
from tests.support.virtual_clock import run

WHY = "retired on 2026-12-01"
RESTING = f"resting: {WHY}"
GONE = failure("model_missing", "models/old is not found", status=404)


def doubted() -> CircuitBreaker:
    return CircuitBreaker(BreakerSettings(), random.Random(1), WHY)


def old(*steps: Any, name: str = "old", **rest: Any) -> Target:
    return target(name, Plays(*steps), breaker=doubted(), **rest)


def calls(of: Target) -> int:
    return len(asyncio.run(of.adapter()).calls)


def outcomes(reply: Reply) -> list[tuple[str, str]]:
    return [(attempt.model, attempt.outcome) for attempt in reply.trail]


async def settled(way: Route) -> None:
    """Wait for the probes that go on behind the calls."""
    while way.background_probes:
        await asyncio.wait(way.background_probes)


async def asked(way: Route, what: Request | None = None, *, at: float = 0.0, **more: Any) -> Reply:
    """Ask at a moment, and wait for what goes on behind the call."""
    await asyncio.sleep(max(0.0, at - asyncio.get_running_loop().time()))
    reply = await dispatch(way, what, **more).run()
    await settled(way)
    return reply


# The state machine


def test_a_model_under_suspicion_admits_no_call_and_says_why() -> None:
    breaker = doubted()
    assert breaker.admit(5.0) == Rejection(0.0, RESTING)
    told = breaker.health(5.0)
    assert (told.state, told.resting, told.reason) == (State.OPEN, 0.0, WHY)


def test_one_probe_at_a_time_is_admitted_behind_the_calls() -> None:
    breaker = doubted()
    probe = breaker.admit_background_probe(0.0, probe_timeout=10.0)
    assert probe is not None
    assert probe.probe
    assert breaker.health(1.0).state is State.HALF_OPEN
    assert breaker.admit_background_probe(9.0) is None
    assert (
        breaker.admit_background_probe(10.0) is not None
    )  # it was lost, as with a loop that was closed


def test_a_model_of_which_nothing_is_suspected_has_no_probe_behind_the_calls() -> None:
    assert CircuitBreaker().admit_background_probe(0.0) is None


@pytest.mark.parametrize(("outcome", "state"), [("success", State.CLOSED), ("slow", State.OPEN)])
def test_any_answer_to_a_probe_ends_the_suspicion(outcome: Any, state: State) -> None:
    breaker = doubted()
    probe = breaker.admit_background_probe(0.0)
    assert probe is not None
    told = breaker.record(probe, outcome, 1.0)
    assert told is not None
    assert (told.state, breaker.suspicion) == (state, "")
    assert isinstance(breaker.admit(20.0), Permit)


def test_a_probe_that_finds_nobody_leaves_the_suspicion_for_long() -> None:
    breaker = doubted()
    probe = breaker.admit_background_probe(0.0)
    assert probe is not None
    breaker.record(probe, "ignored", 1.0, rest=LONG_REST)
    told = breaker.health(2.0)
    assert (told.state, told.reason) == (State.OPEN, WHY)
    assert told.resting >= LONG_REST - 1
    assert breaker.admit_background_probe(LONG_REST) is None
    assert breaker.admit(10_000.0) == Rejection(
        0.0, RESTING
    )  # it is never asked in front of a call again
    assert breaker.admit_background_probe(10_000.0) is not None


def test_a_cancelled_probe_leaves_the_next_call_to_probe() -> None:
    breaker = doubted()
    probe = breaker.admit_background_probe(0.0)
    assert probe is not None
    breaker.record(probe, "ignored", 1.0)
    assert breaker.suspicion == WHY
    assert breaker.admit_background_probe(1.0) is not None


def test_as_a_last_resort_as_many_are_admitted_as_come_until_something_is_known() -> None:
    breaker = doubted()
    probe = breaker.admit_background_probe(0.0)
    assert probe is not None
    last = [breaker.force_probe(0.0) for _ in range(50)]
    assert all(isinstance(permit, Permit) and not permit.probe for permit in last)
    assert isinstance(last[0], Permit)
    told = breaker.record(last[0], "success", 1.0)
    assert told is not None
    assert (told.state, breaker.suspicion) == (State.CLOSED, "")
    assert (
        breaker.record(probe, "ignored", 2.0, rest=LONG_REST) is None
    )  # what was seen of an answer counts
    assert isinstance(breaker.admit(2.0), Permit)


def test_a_last_resort_that_finds_nobody_rests_it_for_long() -> None:
    breaker = doubted()
    permit = breaker.force_probe(0.0)
    assert isinstance(permit, Permit)
    breaker.record(permit, "ignored", 1.0, rest=LONG_REST)
    assert breaker.health(1.0).resting >= LONG_REST
    first = breaker.force_probe(2.0)
    assert isinstance(first, Permit)
    assert first.probe
    assert isinstance(
        breaker.force_probe(2.0), Rejection
    )  # from now on one call at a time, as with all that rest


def test_the_newest_settings_say_what_is_suspected_and_an_answer_outweighs_them() -> None:
    known = health.model_health("a", BreakerSettings())
    breaker = known.breaker
    assert [health.model_health("a", True, why).breaker.suspicion for why in (WHY, "", WHY)] == [
        WHY,
        "",
        WHY,
    ]
    permit = breaker.force_probe(0.0)
    assert isinstance(permit, Permit)
    breaker.record(permit, "success", 0.0)
    assert health.model_health("a", BreakerSettings(), WHY).breaker.suspicion == ""
    health.forget()
    assert breaker.suspicion == WHY  # nothing is known of it any more


def test_a_model_whose_breaker_is_off_never_rests() -> None:
    assert isinstance(health.model_health("a", False, WHY).breaker.admit(0.0), Permit)


# Calls


def test_retired_models_in_front_cost_a_call_nothing_and_are_asked_once_behind_it() -> None:
    first, second = old(60, GONE), old(GONE, name="older")
    third = target("new", Plays(2, "Lisbon."))

    async def story() -> tuple[Reply, float, list[Reply]]:
        way = route(first, second, third)
        reply = await dispatch(way).run()
        took = asyncio.get_running_loop().time()
        await settled(way)
        return reply, took, [await asked(way) for _ in range(20)]

    reply, took, later = run(story())
    assert took == 2.0
    assert outcomes(reply) == [("old", "skipped"), ("older", "skipped"), ("new", "answered")]
    assert [(each.kind, each.text, each.duration) for each in reply.trail[:2]] == [
        (Kind.UNAVAILABLE, RESTING, 0.0)
    ] * 2
    assert {each.model for each in later} == {"new"}
    assert (calls(first), calls(second)) == (1, 1)


def test_one_that_is_gone_is_looked_for_again_after_a_long_rest() -> None:
    gone = old(GONE)

    async def story() -> None:
        way = route(gone, target("new", Plays("Lisbon.")))
        for moment in range(0, 3600, 10):
            assert (await asked(way, at=moment)).model == "new"

    run(story())
    assert 3600 / (1.2 * LONG_REST) - 1 <= calls(gone) <= 3600 / LONG_REST


def test_one_that_answers_after_all_is_back_for_the_next_call() -> None:
    async def story() -> list[Reply]:
        way = route(old("Porto."), target("new", Plays("Lisbon.")))
        return [await asked(way) for _ in range(3)]

    assert [reply.model for reply in run(story())] == ["new", "old", "old"]


@pytest.mark.parametrize(
    ("served", "later"),
    [("newer-model", "new"), ("old-2026-01-31", "old"), ("models/old", "old"), ("", "old")],
)
def test_another_that_answers_in_its_place_does_not_bring_it_back(served: str, later: str) -> None:
    async def story() -> tuple[Reply, CircuitBreaker]:
        gone = old(Reply(text="Porto.", response_model=served))
        way = route(gone, target("new", Plays("Lisbon.")))
        await asked(way)
        return await asked(way), gone.breaker

    reply, breaker = run(story())
    assert reply.model == later
    assert (breaker.suspicion != "") is (later == "new")


@pytest.mark.parametrize(
    "step",
    [
        failure("invalid_request", status=400),
        failure("blocked"),
        failure("unauthorized", status=403),
        failure("rate_limited", retry_after=1.0),
        failure("overloaded", status=503),
        RuntimeError("a bug"),
        600,
    ],
    ids=str,
)
def test_whatever_else_it_answers_no_call_hears_of_it_and_it_rests_for_long(step: Any) -> None:
    gone, seen = old(step), list[Event]()

    async def story() -> list[Reply]:
        way = route(gone, target("new", Plays("Lisbon.")))
        return [await asked(way, events=seen) for _ in range(5)]

    assert {reply.model for reply in run(story())} == {"new"}
    assert calls(gone) == 1
    assert not [event for event in seen if isinstance(event, Alert | HealthChanged)]


def test_where_nobody_else_answers_it_is_asked() -> None:
    async def story() -> list[Reply]:
        way = route(old("Porto."), target("new", Plays(failure("unauthorized"))))
        return [await asked(way) for _ in range(2)]

    first, second = run(story())
    assert outcomes(first) == [("old", "skipped"), ("new", "failed"), ("old", "answered")]
    assert outcomes(second) == [("old", "answered")]


@pytest.mark.parametrize("fallback", [True, False])
def test_where_there_is_nobody_else_all_calls_ask_it(*, fallback: bool) -> None:
    async def story() -> list[Reply]:
        way = route(old(2, "Porto."), old(2, "Porto.", name="older"), fallback=fallback)
        return await asyncio.gather(*(dispatch(way).run() for _ in range(50)))

    assert {reply.model for reply in run(story())} == {"old"}


def test_where_all_are_gone_the_call_fails_with_the_vendors_words_and_states_no_delay() -> None:
    first, second = old(GONE), old(GONE, name="older")

    async def story() -> ChainExhausted:
        with pytest.raises(ChainExhausted) as caught:
            await dispatch(route(first, second)).run()
        return caught.value

    error = run(story())
    assert [(each.model, each.outcome) for each in error.trail] == [
        ("old", "skipped"),
        ("older", "skipped"),
        ("old", "failed"),
        ("older", "failed"),
    ]
    assert "models/old is not found" in str(error)
    assert error.retry_after is None
    assert (calls(first), calls(second)) == (1, 1)


@pytest.mark.parametrize("release", ["first_token", "whole"])
def test_a_stream_is_not_kept_either(release: Any) -> None:
    gone = target("old", Streams(60, "Porto.", End()), breaker=doubted(), timeout=200.0)

    async def story() -> tuple[Reply, list[str], float]:
        way = route(
            gone, target("new", Streams("Lis", "bon.", End())), stream=StreamRules(release=release)
        )
        out: list[str] = []

        async def put(chunk: Any) -> None:
            out.append(chunk.text)

        reply = await dispatch(way, put=put).run()
        took = asyncio.get_running_loop().time()
        await settled(way)
        return reply, out, took

    reply, out, took = run(story())
    assert (reply.model, "".join(out), took) == ("new", "Lisbon.", 0.0)
    assert gone.breaker.health(61.0).state is State.CLOSED


def test_a_request_that_it_cannot_take_is_no_probe() -> None:
    gone = old("Porto.", strict=True, refused=("temperature",))

    async def story() -> Reply:
        return await asked(route(gone, target("new", Plays("Lisbon."))), request(temperature=0.2))

    assert run(story()).model == "new"
    assert calls(gone) == 0


# Clients


@pytest.fixture(autouse=True)
def _anew() -> None:
    health.forget()


def settings(retires: date | None, *, url: str | None = None, reply: str = "Porto.") -> Settings:
    return Settings(
        providers={"theirs": Provider(plugin="scripted", base_url=url)},
        models={
            "old": Model(
                provider="theirs",
                options={"reply": reply},
                card=Card(retires=retires, successor="new"),
            ),
            "new": Model(provider="scripted", options={"reply": "Lisbon."}),
        },
        chains={"default": Chain(models=("old", "new"))},
    )


def today() -> date:
    return date.today()  # noqa: DTZ011 - the user's own day, which clients go by


@pytest.mark.parametrize(
    ("days", "url", "rests"),
    [
        (-400, None, True),
        (0, None, True),
        (1, None, False),
        (-400, "http://127.0.0.1:9", False),
        (None, None, False),
    ],
)
def test_a_model_rests_from_its_day_on_at_the_vendors_own_endpoint(
    days: int | None, url: str | None, *, rests: bool
) -> None:
    day = None if days is None else today() + timedelta(days=days)
    with Standby(settings=settings(day, url=url), environ={}) as client:
        told = client.health()["old"]
        assert (told.state == "open", told.reason) == (rests, f"retired on {day}" if rests else "")
        reply = client.chat("hi")
    assert reply.model == ("new" if rests else "old")
    assert reply.trail[0].text == (f"resting: retired on {day}" if rests else "")


def test_of_the_chain_that_ships_those_rest_whose_day_has_come() -> None:
    with Standby(PACKAGED, environ={}) as client:
        cards = {name: model.card for name, model in client.settings.models.items()}
        told = {name: each.reason for name, each in client.health().items() if each.state == "open"}
    assert told == {
        name: f"retired on {card.retires}"
        for name, card in cards.items()
        if card and card.is_retired(today())
    }


def test_its_retirement_is_told_once_and_no_call_is_worth_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING, logger="standby")
    gone = settings(today() - timedelta(days=1))
    options = {
        "script": [{"fail": {"kind": "model_missing", "status": 404, "message": "no such model"}}]
    }
    gone = Settings(
        providers=gone.providers,
        models=gone.models
        | {"old": Model(provider="theirs", options=options, card=gone.models["old"].card)},
        chains=gone.chains,
    )
    with Standby(settings=gone, environ={}) as client:
        assert {client.chat("hi").model for _ in range(5)} == {"new"}
    yesterday = today() - timedelta(days=1)
    assert [record.getMessage() for record in caplog.records] == [
        (
            "default: old needs a person's attention (model_missing): "
            f"was retired on {yesterday}; use new instead"
        )
    ]


def test_a_date_that_the_user_knows_better_brings_it_back(tmp_path: Any) -> None:
    file = tmp_path / "models.yaml"
    text = (
        "version: 1\nmodels:\n"
        "  old: {provider: scripted, options: {reply: Porto.}, card: {retires: 2020-01-01}}\n"
        "  new: {provider: scripted, options: {reply: Lisbon.}}\n"
        "chains: {default: {models: [old, new]}}\n"
    )
    file.write_text(text)
    with Standby(file, environ={}) as client:
        assert client.health()["old"].reason == "retired on 2020-01-01"
        file.write_text(text.replace("2020-01-01", f"{date.max.year}-01-01"))
        client.reload()
        assert client.chat("hi").model == "old"


def test_without_a_key_it_is_the_key_that_is_told_and_nobody_asks_it() -> None:
    old_one = Model(provider="openai", model="old", card=Card(retires=date(2020, 1, 1)))
    new = Model(provider="scripted", options={"reply": "Lisbon."})
    keyless = Settings(
        models={"old": old_one, "new": new}, chains={"default": Chain(models=("old", "new"))}
    )
    with Standby(settings=keyless, environ={}) as client:
        assert [client.chat("hi").trail[0].text for _ in range(2)] == [
            "no key: set OPENAI_API_KEY"
        ] * 2
        assert client.health()["old"].reason == "retired on 2020-01-01"


def test_the_probes_end_with_the_client() -> None:
    async def story() -> Reply:
        hanging = settings(today())
        models = hanging.models | {
            "old": Model(
                provider="theirs", options={"script": [{"hang": True}]}, card=Card(retires=today())
            )
        }
        client = AsyncStandby(
            settings=Settings(providers=hanging.providers, models=models, chains=hanging.chains),
            environ={},
        )
        async with client:
            return await client.chat("hi")

    assert asyncio.run(story()).model == "new"


# What is told beforehand


def mixed() -> Route:
    return route(
        old("x"), target("mid", Plays("x")), old("x", name="older"), target("new", Plays("x"))
    )


def test_a_plan_says_who_begins_resting_and_counts_them_in_the_worst_case() -> None:
    told = plan(mixed(), {})
    assert [model.rests for model in told.models] == [WHY, "", WHY, ""]
    assert told.worst.attempts == 6  # those that rest once each


def test_who_rests_is_passed_over_while_others_are_left_and_asked_where_none_is() -> None:
    way = mixed()
    middle = explain(failure("unauthorized"), way.targets[1], way, {})
    assert middle.next == "new"
    assert [(each.model, each.why) for each in middle.passed_over] == [
        ("old", f"{RESTING}, and others are left"),
        ("older", f"{RESTING}, and others are left"),
    ]
    last = explain(failure("unauthorized"), way.targets[3], way, {})
    assert (last.next, last.passed_over) == ("old", ())


def test_a_play_takes_a_retired_model_for_gone_unless_an_outage_names_it() -> None:
    way = route(old("x"), target("new", Plays("x")))

    def served(*outages: str) -> list[int]:
        plan = Simulation(
            outages=tuple(parse_outage(text, 60.0) for text in outages),
            rate=1.0,
            duration=120.0,
            latency=1.0,
            seed=1,
        )
        return [count.replies for count in count_models(simulate(way, plan), ("old", "new"))]

    gone, there = served(), served("old: 503 for 30s")
    assert gone[0] == 0 < gone[1]
    assert there[0] > there[1] > 0
    plan = Simulation(
        outages=(parse_outage("old: 503", 60.0),), rate=1.0, duration=120.0, latency=1.0, seed=1
    )
    healthy = count_models(simulate(way, plan.without_outages()), ("old", "new"))
    assert healthy[1].replies == 0
