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


def suspect() -> CircuitBreaker:
    return CircuitBreaker(BreakerSettings(), random.Random(1), WHY)


def old(*steps: Any, name: str = "old", **options: Any) -> Target:
    return target(name, Plays(*steps), breaker=suspect(), **options)


def calls(model: Target) -> int:
    return len(asyncio.run(model.adapter()).calls)


def outcomes(reply: Reply) -> list[tuple[str, str]]:
    return [(attempt.model, attempt.outcome) for attempt in reply.trail]


async def finish_probes(chain: Route) -> None:
    """Wait for the background probes."""
    while chain.background_probes:
        await asyncio.wait(chain.background_probes)


async def ask(
    chain: Route, question: Request | None = None, *, at: float = 0.0, **more: Any
) -> Reply:
    """Run a call at a point in time, and wait for its background probes."""
    await asyncio.sleep(max(0.0, at - asyncio.get_running_loop().time()))
    reply = await dispatch(chain, question, **more).run()
    await finish_probes(chain)
    return reply


# The state machine


def test_a_suspect_model_admits_no_call_and_gives_the_reason() -> None:
    breaker = suspect()
    assert breaker.admit(5.0) == Rejection(0.0, RESTING)
    reported = breaker.health(5.0)
    assert (reported.state, reported.resting, reported.reason) == (State.OPEN, 0.0, WHY)


def test_one_background_probe_at_a_time_is_admitted() -> None:
    breaker = suspect()
    probe = breaker.admit_background_probe(0.0, probe_timeout=10.0)
    assert probe is not None
    assert probe.probe
    assert breaker.health(1.0).state is State.HALF_OPEN
    assert breaker.admit_background_probe(9.0) is None
    assert (
        breaker.admit_background_probe(10.0) is not None
    )  # the first one expired, as with a closed loop


def test_a_model_without_suspicion_has_no_background_probe() -> None:
    assert CircuitBreaker().admit_background_probe(0.0) is None


@pytest.mark.parametrize(("outcome", "state"), [("success", State.CLOSED), ("slow", State.OPEN)])
def test_any_answer_to_a_probe_ends_the_suspicion(outcome: Any, state: State) -> None:
    breaker = suspect()
    probe = breaker.admit_background_probe(0.0)
    assert probe is not None
    reported = breaker.record(probe, outcome, 1.0)
    assert reported is not None
    assert (reported.state, breaker.suspicion) == (state, "")
    assert isinstance(breaker.admit(20.0), Permit)


def test_a_probe_of_a_missing_model_keeps_the_suspicion_for_long() -> None:
    breaker = suspect()
    probe = breaker.admit_background_probe(0.0)
    assert probe is not None
    breaker.record(probe, "ignored", 1.0, rest=LONG_REST)
    reported = breaker.health(2.0)
    assert (reported.state, reported.reason) == (State.OPEN, WHY)
    assert reported.resting >= LONG_REST - 1
    assert breaker.admit_background_probe(LONG_REST) is None
    assert breaker.admit(10_000.0) == Rejection(0.0, RESTING)  # it never delays a call again
    assert breaker.admit_background_probe(10_000.0) is not None


def test_a_cancelled_probe_leaves_the_next_call_to_probe() -> None:
    breaker = suspect()
    probe = breaker.admit_background_probe(0.0)
    assert probe is not None
    breaker.record(probe, "ignored", 1.0)
    assert breaker.suspicion == WHY
    assert breaker.admit_background_probe(1.0) is not None


def test_forced_probes_are_unlimited_until_an_outcome_is_recorded() -> None:
    breaker = suspect()
    probe = breaker.admit_background_probe(0.0)
    assert probe is not None
    forced = [breaker.force_probe(0.0) for _ in range(50)]
    assert all(isinstance(permit, Permit) and not permit.probe for permit in forced)
    assert isinstance(forced[0], Permit)
    reported = breaker.record(forced[0], "success", 1.0)
    assert reported is not None
    assert (reported.state, breaker.suspicion) == (State.CLOSED, "")
    assert breaker.record(probe, "ignored", 2.0, rest=LONG_REST) is None  # the answer counts
    assert isinstance(breaker.admit(2.0), Permit)


def test_a_forced_probe_of_a_missing_model_rests_it_for_long() -> None:
    breaker = suspect()
    permit = breaker.force_probe(0.0)
    assert isinstance(permit, Permit)
    breaker.record(permit, "ignored", 1.0, rest=LONG_REST)
    assert breaker.health(1.0).resting >= LONG_REST
    first = breaker.force_probe(2.0)
    assert isinstance(first, Permit)
    assert first.probe
    assert isinstance(
        breaker.force_probe(2.0), Rejection
    )  # from now on one call at a time, as with every resting model


def test_the_newest_settings_set_the_suspicion_until_an_answer_overrides_them() -> None:
    model_health = health.model_health("a", BreakerSettings())
    breaker = model_health.breaker
    assert [
        health.model_health("a", True, suspicion).breaker.suspicion for suspicion in (WHY, "", WHY)
    ] == [
        WHY,
        "",
        WHY,
    ]
    permit = breaker.force_probe(0.0)
    assert isinstance(permit, Permit)
    breaker.record(permit, "success", 0.0)
    assert health.model_health("a", BreakerSettings(), WHY).breaker.suspicion == ""
    health.forget()
    assert breaker.suspicion == WHY  # its health was forgotten


def test_a_model_whose_breaker_is_off_never_rests() -> None:
    assert isinstance(health.model_health("a", False, WHY).breaker.admit(0.0), Permit)


# Calls


def test_retired_models_delay_no_call_and_are_probed_once_in_the_background() -> None:
    first, second = old(60, GONE), old(GONE, name="older")
    third = target("new", Plays(2, "Lisbon."))

    async def scenario() -> tuple[Reply, float, list[Reply]]:
        chain = route(first, second, third)
        reply = await dispatch(chain).run()
        took = asyncio.get_running_loop().time()
        await finish_probes(chain)
        return reply, took, [await ask(chain) for _ in range(20)]

    reply, took, later = run(scenario())
    assert took == 2.0
    assert outcomes(reply) == [("old", "skipped"), ("older", "skipped"), ("new", "answered")]
    assert [(each.kind, each.text, each.duration) for each in reply.trail[:2]] == [
        (Kind.UNAVAILABLE, RESTING, 0.0)
    ] * 2
    assert {each.model for each in later} == {"new"}
    assert (calls(first), calls(second)) == (1, 1)


def test_a_missing_model_is_probed_again_after_a_long_rest() -> None:
    retired = old(GONE)

    async def scenario() -> None:
        chain = route(retired, target("new", Plays("Lisbon.")))
        for moment in range(0, 3600, 10):
            assert (await ask(chain, at=moment)).model == "new"

    run(scenario())
    assert 3600 / (1.2 * LONG_REST) - 1 <= calls(retired) <= 3600 / LONG_REST


def test_a_retired_model_that_answers_serves_the_next_call() -> None:
    async def scenario() -> list[Reply]:
        chain = route(old("Porto."), target("new", Plays("Lisbon.")))
        return [await ask(chain) for _ in range(3)]

    assert [reply.model for reply in run(scenario())] == ["new", "old", "old"]


@pytest.mark.parametrize(
    ("response_model", "later"),
    [("newer-model", "new"), ("old-2026-01-31", "old"), ("models/old", "old"), ("", "old")],
)
def test_an_answer_of_another_model_does_not_bring_it_back(response_model: str, later: str) -> None:
    retired = old(Reply(text="Porto.", response_model=response_model))

    async def scenario() -> Reply:
        chain = route(retired, target("new", Plays("Lisbon.")))
        await ask(chain)
        return await ask(chain)

    reply, breaker = run(scenario()), retired.breaker
    assert (reply.model, calls(retired)) == (later, 1 if later == "new" else 2)  # it rests for long
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
def test_any_other_outcome_is_invisible_and_rests_it_for_long(step: Any) -> None:
    retired, emitted = old(step), list[Event]()

    async def scenario() -> list[Reply]:
        chain = route(retired, target("new", Plays("Lisbon.")))
        return [await ask(chain, events=emitted) for _ in range(5)]

    assert {reply.model for reply in run(scenario())} == {"new"}
    assert calls(retired) == 1
    assert not [event for event in emitted if isinstance(event, Alert | HealthChanged)]


def test_it_is_called_when_no_other_model_answers() -> None:
    async def scenario() -> list[Reply]:
        chain = route(old("Porto."), target("new", Plays(failure("unauthorized"))))
        return [await ask(chain) for _ in range(2)]

    first, second = run(scenario())
    assert outcomes(first) == [("old", "skipped"), ("new", "failed"), ("old", "answered")]
    assert outcomes(second) == [("old", "answered")]


@pytest.mark.parametrize("fallback", [True, False])
def test_all_calls_use_it_when_there_is_no_other_model(*, fallback: bool) -> None:
    async def scenario() -> list[Reply]:
        chain = route(old(2, "Porto."), old(2, "Porto.", name="older"), fallback=fallback)
        return await asyncio.gather(*(dispatch(chain).run() for _ in range(50)))

    assert {reply.model for reply in run(scenario())} == {"old"}


def test_when_all_are_missing_the_error_has_the_vendors_message_and_no_retry_after() -> None:
    first, second = old(GONE), old(GONE, name="older")

    async def scenario() -> ChainExhausted:
        with pytest.raises(ChainExhausted) as caught:
            await dispatch(route(first, second)).run()
        return caught.value

    error = run(scenario())
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
def test_a_stream_does_not_wait_for_it_either(release: Any) -> None:
    retired = target("old", Streams(60, "Porto.", End()), breaker=suspect(), timeout=200.0)

    async def scenario() -> tuple[Reply, list[str], float]:
        chain = route(
            retired,
            target("new", Streams("Lis", "bon.", End())),
            stream=StreamRules(release=release),
        )
        released: list[str] = []

        async def put(chunk: Any) -> None:
            released.append(chunk.text)

        reply = await dispatch(chain, put=put).run()
        took = asyncio.get_running_loop().time()
        await finish_probes(chain)
        return reply, released, took

    reply, released, took = run(scenario())
    assert (reply.model, "".join(released), took) == ("new", "Lisbon.", 0.0)
    assert retired.breaker.health(61.0).state is State.CLOSED


def test_an_incompatible_request_does_not_probe_it() -> None:
    retired = old("Porto.", strict=True, refused=("temperature",))

    async def scenario() -> Reply:
        return await ask(route(retired, target("new", Plays("Lisbon."))), request(temperature=0.2))

    assert run(scenario()).model == "new"
    assert calls(retired) == 0


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
    ("days", "url", "is_resting"),
    [
        (-400, None, True),
        (0, None, True),
        (1, None, False),
        (-400, "http://127.0.0.1:9", False),
        (None, None, False),
    ],
)
def test_a_model_rests_from_its_retirement_on_at_the_vendors_own_endpoint(
    days: int | None, url: str | None, *, is_resting: bool
) -> None:
    day = None if days is None else today() + timedelta(days=days)
    with Standby(settings=settings(day, url=url), environ={}) as client:
        reported = client.health()["old"]
        assert (reported.state == "open", reported.reason) == (
            is_resting,
            f"retired on {day}" if is_resting else "",
        )
        reply = client.chat("hi")
    assert reply.model == ("new" if is_resting else "old")
    assert reply.trail[0].text == (f"resting: retired on {day}" if is_resting else "")


def test_the_retired_models_of_the_packaged_chain_rest() -> None:
    with Standby(PACKAGED, environ={}) as client:
        cards = {name: model.card for name, model in client.settings.models.items()}
        resting = {
            name: each.reason for name, each in client.health().items() if each.state == "open"
        }
    assert resting == {
        name: f"retired on {card.retires}"
        for name, card in cards.items()
        if card and card.is_retired(today())
    }


def test_its_retirement_is_reported_once_without_warnings_for_calls(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING, logger="standby")
    retired = settings(today() - timedelta(days=1))
    options = {
        "script": [{"fail": {"kind": "model_missing", "status": 404, "message": "no such model"}}]
    }
    retired = Settings(
        providers=retired.providers,
        models=retired.models
        | {"old": Model(provider="theirs", options=options, card=retired.models["old"].card)},
        chains=retired.chains,
    )
    with Standby(settings=retired, environ={}) as client:
        assert {client.chat("hi").model for _ in range(5)} == {"new"}
    yesterday = today() - timedelta(days=1)
    assert [record.getMessage() for record in caplog.records] == [
        (
            "default: old needs a person's attention (model_missing): "
            f"was retired on {yesterday}; use new instead"
        )
    ]


def test_a_later_date_in_the_users_file_brings_it_back(tmp_path: Any) -> None:
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


def test_without_a_key_the_missing_key_is_reported() -> None:
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
    async def scenario() -> Reply:
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

    assert asyncio.run(scenario()).model == "new"


# What `explain` and `simulate` report


def mixed_route() -> Route:
    return route(
        old("x"), target("mid", Plays("x")), old("x", name="older"), target("new", Plays("x"))
    )


def test_a_plan_lists_the_resting_models_and_counts_them_in_the_worst_case() -> None:
    report = plan(mixed_route(), {})
    assert [model.rests for model in report.models] == [WHY, "", WHY, ""]
    assert report.worst.attempts == 6  # one for each resting model


def test_a_resting_model_is_next_only_when_no_other_is_left() -> None:
    chain = mixed_route()
    middle = explain(failure("unauthorized"), chain.targets[1], chain, {})
    assert middle.next == "new"
    assert [(each.model, each.why) for each in middle.passed_over] == [
        ("old", f"{RESTING}, and others are left"),
        ("older", f"{RESTING}, and others are left"),
    ]
    last = explain(failure("unauthorized"), chain.targets[3], chain, {})
    assert (last.next, last.passed_over) == ("old", ())


def test_a_simulation_has_no_replies_of_a_retired_model_unless_an_outage_names_it() -> None:
    chain = route(old("x"), target("new", Plays("x")))

    def count_replies(*outages: str) -> list[int]:
        plan = Simulation(
            outages=tuple(parse_outage(text, 60.0) for text in outages),
            rate=1.0,
            duration=120.0,
            latency=1.0,
            seed=1,
        )
        return [count.replies for count in count_models(simulate(chain, plan), ("old", "new"))]

    retired, failing_once = count_replies(), count_replies("old: 503 for 30s")
    assert retired[0] == 0 < retired[1]
    assert failing_once[0] > failing_once[1] > 0
    plan = Simulation(
        outages=(parse_outage("old: 503", 60.0),), rate=1.0, duration=120.0, latency=1.0, seed=1
    )
    healthy = count_models(simulate(chain, plan.without_outages()), ("old", "new"))
    assert healthy[1].replies == 0
