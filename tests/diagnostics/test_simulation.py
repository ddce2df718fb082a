"""An outage in virtual time: its notation, its simulation, the timeline and the chart."""

import asyncio
from collections import Counter
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from standby.cards import Card
from standby.diagnostics.simulation.formats import format_clock
from standby.diagnostics.simulation.outage import (
    NEVER,
    Fault,
    GrammarError,
    Outage,
    Segment,
    parse_outage,
)
from standby.diagnostics.simulation.plot import TOP, WIDTH, Chart, render_svg
from standby.diagnostics.simulation.settings import Simulation
from standby.diagnostics.simulation.simulator import simulate
from standby.diagnostics.simulation.summary import (
    Interval,
    choose_interval,
    count_callers,
    count_models,
    find_phases,
    split_intervals,
)
from standby.diagnostics.simulation.timeline import Line, build_timeline
from standby.diagnostics.simulation.virtual_loop import run
from standby.dispatch.target import Route, Target
from standby.events import Answered, AttemptEnded, AttemptStarted, Event, Failed, HealthChanged
from standby.failures import Kind
from standby.resilience.circuit_breaker import CircuitBreaker, DisabledBreaker, State
from standby.resilience.triggers import Triggers
from standby.settings import Chain, Hedge

MODELS = ("primary", "second")


async def no_adapter() -> None:
    raise AssertionError("a simulation calls no real adapter")


def target(name: str, breaker: CircuitBreaker | None = None) -> Target:
    return Target(
        name=name,
        provider="any",
        vendor_id=name,
        card=Card(),
        timeout=20.0,
        adapter=no_adapter,
        breaker=breaker or CircuitBreaker(),
    )


def route(*models: str, chain: Chain | None = None) -> Route:
    models = models or MODELS
    targets = tuple(target(name) for name in models)
    return Route(
        name="default", chain=chain or Chain(models=models), targets=targets, triggers=Triggers(())
    )


def plan(*outages: str, rate: float = 2.0, duration: float = 300.0, seed: int = 1) -> Simulation:
    read = tuple(parse_outage(text, 60.0) for text in outages)
    return Simulation(outages=read, rate=rate, duration=duration, latency=1.0, seed=seed)


# The grammar


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("m: 503", [Segment(60, NEVER, Fault("503", status=503, kind=Kind.OVERLOADED))]),
        ("m: 429 for 90s", [Segment(60, 150, Fault("429", status=429, kind=Kind.RATE_LIMITED))]),
        ("m: empty for 1m", [Segment(60, 120, Fault("empty", kind=Kind.EMPTY))]),
        ("m: hang for 1m", [Segment(60, 120, Fault("hang", hangs=True))]),
        ("m: timeout for 1m", [Segment(60, 120, Fault("timeout", hangs=True))]),
        ("m: cut for 1m", [Segment(60, 120, Fault("cut", cuts=True))]),
        ("m: after 5s, ok for 1s", [Segment(5, 6, Fault("ok"))]),
        (
            "m: 12.5% 500 for 1m",
            [Segment(60, 120, Fault("500", share=0.125, status=500, kind=Kind.SERVER_ERROR))],
        ),
        (
            "m: hang for 1m, then ok for 1m, hang",
            [
                Segment(60, 120, Fault("hang", hangs=True)),
                Segment(120, 180, Fault("ok")),
                Segment(180, NEVER, Fault("hang", hangs=True)),
            ],
        ),
    ],
)
def test_an_outage_reads(text: str, segments: list[Segment]) -> None:
    assert parse_outage(text, 60.0) == Outage("m", tuple(segments))


@pytest.mark.parametrize("name", ["a", "a/b-1.5", "a/b:8b", "my model"])
def test_a_name_ends_at_the_first_colon_before_a_blank(name: str) -> None:
    assert parse_outage(f"{name}: 503", 0.0).model == name


@pytest.mark.parametrize(
    ("text", "marked", "message"),
    [
        ("m 503", "m 503", "expected the name of a model, a colon"),
        ("", "", "expected the name of a model, a colon"),
        ("m:", "", "expected a status from 400 to 599"),
        ("m: 200", "200", "expected a status from 400 to 599"),
        ("m: unavailable", "unavailable", "expected a status"),
        ("m: 30% overload", "overload", "did you mean 'overloaded'? "),
        ("m: 0% 503", "0%", "a share above 0%"),
        ("m: 101% 503", "101%", "a share above 0%"),
        ("m: 503 for ever", "ever", "expected a duration"),
        ("m: 503 for", "", "expected a duration"),
        ("m: 503 10m", "10m", "write how long it lasts"),
        ("m: 503 for 1m then 500", "then", "expected ','"),
        (
            "m: 503, then 500",
            ",",
            "'503' has no end before this; write how long it lasts, like '503 for 5m'",
        ),
        ("m: 50% hang, ok", ",", "like '50% hang for 5m'"),
        ("m: after 5m 503", "503", "expected ','"),
    ],
)
def test_what_cannot_be_read_is_marked_with_an_example(
    text: str, marked: str, message: str
) -> None:
    with pytest.raises(GrammarError) as raised:
        parse_outage(text, 0.0)
    problem, excerpt, mark, example = str(raised.value).split("\n")
    assert message in problem
    assert excerpt.strip() == text.strip()
    assert excerpt[mark.index("^") : len(mark)] == marked
    assert parse_outage(example.removeprefix("for example: ").strip("'"), 0.0)


# The clock


def test_the_clock_jumps_to_the_next_timer() -> None:
    async def sleeps() -> float:
        await asyncio.sleep(86_400)
        return asyncio.get_running_loop().time()

    assert run(sleeps()) == pytest.approx(86_400)


# The simulation


def test_the_same_seed_gives_the_same_events_and_another_does_not() -> None:
    def moments(seed: int) -> list[tuple[object, ...]]:
        return [
            (event.at, event.model, type(event))
            for event in simulate(route(), plan("primary: 50% 503 for 2m", seed=seed))
        ]

    assert moments(1) == moments(1)
    assert moments(1) != moments(2)


def test_without_an_outage_the_first_model_serves_all() -> None:
    counts = count_models(simulate(route(), plan()), MODELS)
    assert counts[0].replies == counts[0].requests > 400
    assert counts[1].requests == 0


def test_the_calls_come_at_the_rate_and_an_outage_does_not_change_them() -> None:
    calls = {
        count_callers(simulate(route(), each)).calls
        for each in (plan(rate=1.0), plan("primary: hang for 1m", rate=1.0))
    }
    assert len(calls) == 1
    assert 250 <= calls.pop() <= 350


FAULTS = {
    "503": Kind.OVERLOADED,
    "429": Kind.RATE_LIMITED,
    "404": Kind.MODEL_MISSING,
    "hang": Kind.TIMEOUT,
    "cut": Kind.CONNECTION,
    **{str(kind): kind for kind in Kind if kind not in (Kind.UNAVAILABLE, Kind.DEADLINE)},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_met_as_its_kind_while_it_lasts(fault: str) -> None:
    events = simulate(route(), plan(f"primary: {fault} for 30s", rate=0.5, duration=120.0))
    kinds = [
        event
        for event in events
        if isinstance(event, AttemptEnded) and event.attempt.kind not in (None, Kind.UNAVAILABLE)
    ]
    assert {(event.model, event.attempt.kind) for event in kinds} == {("primary", FAULTS[fault])}
    assert all(60 <= event.at - event.attempt.duration < 90 for event in kinds)


def test_a_share_of_the_calls_meets_the_fault() -> None:
    events = simulate(route(), plan("primary: 20% empty", rate=5.0, duration=600.0))
    ended = [e for e in events if isinstance(e, AttemptEnded) and e.model == "primary"]
    attempts = [e for e in ended if e.at > 65 and e.attempt.outcome != "skipped"]
    failed = sum(event.attempt.outcome == "failed" for event in attempts)
    assert 0.15 < failed / len(attempts) < 0.25


def test_the_health_of_the_process_is_left_alone() -> None:
    real = route()
    simulate(real, plan("primary: hang", "second: 503"))
    assert {each.breaker.health(300.0).state for each in real.targets} == {State.CLOSED}
    assert all(each.budget.try_withdraw(0.0) for each in real.targets for _ in range(35))
    assert not real.background_probes


def test_models_that_share_a_breaker_share_one_in_the_simulation() -> None:
    shared = CircuitBreaker()
    targets = (target("primary", shared), target("second", shared))
    events = simulate(
        replace(route(), targets=targets),
        plan("primary: 503 for 1m", duration=120.0),
    )
    resting = [
        event
        for event in events
        if isinstance(event, AttemptEnded) and event.attempt.text.startswith("resting")
    ]
    assert {event.model for event in resting} == set(MODELS)


def test_a_model_whose_breaker_is_off_is_tried_by_every_call() -> None:
    targets = (target("primary", DisabledBreaker()), target("second"))
    events = simulate(
        replace(route(), targets=targets),
        plan("primary: 503 for 1m", duration=120.0),
    )
    assert not [
        event
        for event in events
        if isinstance(event, HealthChanged | AttemptEnded) and is_rest(event)
    ]


def is_rest(event: HealthChanged | AttemptEnded) -> bool:
    return isinstance(event, HealthChanged) or event.attempt.text.startswith("resting")


def test_a_chain_without_fallback_calls_its_first_model_only() -> None:
    events = simulate(route(chain=Chain(models=MODELS, fallback=False)), plan("primary: 503"))
    assert {event.model for event in events if isinstance(event, AttemptStarted)} == {"primary"}
    assert any(isinstance(event, Failed) for event in events)


def test_a_probe_that_hangs_ends_with_the_simulation() -> None:
    events = simulate(route(), plan("primary: hang", duration=90.0))
    assert any(isinstance(event, HealthChanged) for event in events)


# Its results


@pytest.fixture(scope="module")
def outage() -> tuple[Simulation, list[Event]]:
    simulation = plan("primary: 503 for 3m, then ok for 1m", rate=2.0, duration=600.0)
    return simulation, simulate(route(), simulation)


def test_each_request_is_counted_once(outage: tuple[Simulation, list[Event]]) -> None:
    first, second = count_models(outage[1], MODELS)
    assert (
        first.requests
        == first.answered + first.failed
        == sum(isinstance(e, AttemptStarted) and e.model == "primary" for e in outage[1])
    )
    assert first.failed > first.probes > 10
    assert first.retries > 0
    assert second.replies == second.requests == second.answered
    assert first.replies + second.replies == count_callers(outage[1]).answered


def test_what_is_cancelled_neither_answered_nor_failed() -> None:
    hedged = Chain(models=MODELS, hedge=Hedge(after=2.0))
    counts = count_models(
        simulate(route(chain=hedged), plan("primary: 1% hang", duration=600.0)), MODELS
    )
    assert counts[0].requests > counts[0].answered + counts[0].failed


def answered_event(duration: float) -> Answered:
    return Answered(call="1", chain="default", model="m", at=0.0, attempts=1, duration=duration)


@pytest.mark.parametrize(
    ("count", "p50", "p95", "longest"),
    [(1, 1, 1, 1), (2, 1, 2, 2), (20, 10, 19, 20), (100, 50, 95, 100)],
)
def test_latencies_are_of_the_nearest_rank(count: int, p50: int, p95: int, longest: int) -> None:
    seen = count_callers([answered_event(float(each)) for each in range(count, 0, -1)])
    assert (seen.p50, seen.p95, seen.longest) == (p50, p95, longest)


def test_without_an_answer_there_is_no_latency() -> None:
    seen = count_callers(
        [Failed(call="1", chain="default", model="", at=0.0, duration=1.0, text="no")]
    )
    assert (seen.calls, seen.failed, seen.p50, seen.p95, seen.longest) == (1, 1, None, None, None)


@pytest.mark.parametrize(
    ("rate", "duration", "length"),
    [
        (2.0, 1800.0, 60),
        (100.0, 1800.0, 60),
        (0.5, 360.0, 30),
        (0.01, 360.0, 30),
        (2.0, 0.5, 1),
        (1.0, 1e7, 250_000),
    ],
)
def test_intervals_are_round_and_have_enough_calls(
    rate: float, duration: float, length: float
) -> None:
    assert choose_interval(rate, duration) == length


def test_every_call_is_in_one_interval(outage: tuple[Simulation, list[Event]]) -> None:
    intervals = split_intervals(outage[1], 2.0, 600.0)
    replies = sum((interval.replies for interval in intervals), Counter[str]())
    assert replies.total() == count_callers(outage[1]).calls
    assert [interval.begins for interval in intervals] == [15.0 * number for number in range(40)]


def test_the_phases_of_a_breaker_join_without_a_gap(outage: tuple[Simulation, list[Event]]) -> None:
    phases = find_phases(outage[1], MODELS, 600.0)
    ends = [0.0, *(phase.ends for phase in phases["primary"])]
    assert [phase.begins for phase in phases["primary"]] == ends[:-1]
    assert ends[-1] == 600.0
    assert {phase.state for phase in phases["primary"]} == {"closed", "open", "half_open"}
    assert [phase.state for phase in phases["second"]] == ["closed"]


def timeline_of(simulation: Simulation, events: list[Event]) -> list[Line]:
    return build_timeline(
        events,
        simulation.outages,
        split_intervals(events, simulation.rate, simulation.duration),
        simulation.duration,
    )


def test_the_timeline_shows_an_outage_from_its_beginning_to_the_return(
    outage: tuple[Simulation, list[Event]],
) -> None:
    lines = timeline_of(*outage)
    assert [line.at for line in lines] == sorted(line.at for line in lines)
    texts = [line.text for line in lines if line.model == "primary"]
    begun = [
        "OUTAGE 503, for 3m",
        "first failure: overloaded: 503",
        "first retry, after",
        "breaker OPEN: rests",
    ]
    returned = ["breaker CLOSED: a probe was answered; back after 3 min"]
    for text, start in zip([*texts[:4], texts[-1]], begun + returned, strict=True):
        assert text.startswith(start)
    assert "OUTAGE ok, for 1m" in texts
    assert any("more probes failed since, rests of" in text for text in texts)
    shares = [line.text for line in lines if not line.model]
    assert shares[0] == "served since 00:00: primary 100 %"
    assert shares[1].startswith("served since 01:00: second 9")
    assert len(lines) < 25


def test_the_timeline_shows_calls_that_got_no_answer() -> None:
    simulation = plan("primary: 503 for 1m", "second: 503 for 1m")
    lines = timeline_of(simulation, simulate(route(), simulation))
    assert any(
        line.text.startswith("first call without an answer: no model of chain 'default'")
        for line in lines
    )
    assert any(line.text.endswith("calls without an answer") for line in lines)
    alone = build_timeline([], (), [Interval(begins=0.0, failed=1)], 60.0)
    assert alone == [Line(60.0, "", "served since 00:00: no model; 1 call without an answer")]


def test_without_an_outage_the_timeline_shows_only_who_served() -> None:
    assert [line.text for line in timeline_of(plan(), simulate(route(), plan()))] == [
        "served since 00:00: primary 100 %"
    ]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "00:00"), (61.9, "01:01"), (3600, "60:00"), (6000, "100:00")]
)
def test_a_moment_is_shown_in_minutes_and_seconds(seconds: float, text: str) -> None:
    assert format_clock(seconds) == text


# The chart


def drawn(
    simulation: Simulation,
    events: list[Event],
    title: str = "a <title> & more",
    models: tuple[str, ...] = MODELS,
) -> ET.Element:
    chart = Chart(
        title=title,
        models=models,
        duration=simulation.duration,
        outages=simulation.outages,
        intervals=split_intervals(events, simulation.rate, simulation.duration),
        phases=find_phases(events, models, simulation.duration),
    )
    return ET.fromstring(render_svg(chart))  # noqa: S314 - written by the code above


def test_the_chart_is_an_svg_whose_parts_lie_inside(
    outage: tuple[Simulation, list[Event]],
) -> None:
    root = drawn(*outage)
    height = float(root.attrib["height"])
    rects = root.findall("{*}rect")
    assert rects[0].attrib == {
        "width": str(WIDTH),
        "height": root.attrib["height"],
        "fill": "#FFFFFF",
    }
    for rect in rects[1:]:
        x, y, wide, high = (float(rect.attrib[name]) for name in ("x", "y", "width", "height"))
        assert 0 <= x <= x + wide <= WIDTH
        assert 0 <= y <= y + high <= height
    labels = [text.text for text in root.findall("{*}text")]
    assert {
        "a <title> & more",
        *MODELS,
        "closed",
        "open (resting)",
        "half-open (a probe)",
        "503",
        "ok",
    } <= set(labels)


def test_the_bars_are_as_high_as_the_requests(outage: tuple[Simulation, list[Event]]) -> None:
    bars = [
        rect
        for rect in drawn(*outage).findall("{*}rect")
        if ": " in rect.findtext("{*}title", "") and " to " not in rect.findtext("{*}title", "")
    ]
    requests = sum(isinstance(event, AttemptStarted) for event in outage[1])
    each = {
        float(bar.attrib["height"]) / int(bar.findtext("{*}title", "").rpartition(" ")[2])
        for bar in bars
    }
    assert sum(int(bar.findtext("{*}title", "").rpartition(" ")[2]) for bar in bars) == requests
    assert max(each) - min(each) < 0.1


def test_calls_without_an_answer_are_drawn_inside_even_where_there_were_few_requests() -> None:
    simulation = plan("primary: 503", rate=10.0, duration=120.0)
    events = simulate(route("primary"), simulation)
    bars = [
        rect
        for rect in drawn(simulation, events, models=("primary",)).findall("{*}rect")
        if rect.attrib["fill"] == "#000000"
    ]
    legend, *bars = bars
    assert float(legend.attrib["y"]) < TOP
    assert len(bars) > 5
    assert all(float(bar.attrib["y"]) >= TOP for bar in bars)


def test_no_calls_or_many_models_make_a_chart_too() -> None:
    drawn(plan(), [])
    drawn(plan(), [], models=tuple(f"a model with a long name {number}" for number in range(9)))
