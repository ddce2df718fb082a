"""Streams in virtual time, and what a simulation costs."""

from collections import Counter

import pytest

from standby.cards import Card, Price
from standby.diagnostics.simulation.bill import Bill, ModelBill, compute_bill
from standby.diagnostics.simulation.events import Billed, StreamInterrupted, StreamStarted
from standby.diagnostics.simulation.outage import parse_outage
from standby.diagnostics.simulation.settings import Simulation
from standby.diagnostics.simulation.simulator import simulate
from standby.diagnostics.simulation.summary import CallerCounts, count_callers, split_intervals
from standby.diagnostics.simulation.timeline import build_timeline
from standby.dispatch.target import Route, Target
from standby.events import AttemptEnded, AttemptStarted, Event, Failed
from standby.failures import Kind
from standby.pricing import Cost
from standby.resilience.triggers import Triggers
from standby.settings import Chain, Hedge, StreamRules
from standby.types import Usage

MODELS = ("primary", "second")


async def no_adapter() -> None:
    raise AssertionError("a simulation calls no real adapter")


def route(stream: StreamRules = StreamRules(), hedge: Hedge | None = None) -> Route:  # noqa: B008 - frozen
    targets = tuple(
        Target(
            name=name,
            provider="any",
            vendor_id=name,
            card=Card(),
            timeout=20.0,
            idle_timeout=5.0,
            adapter=no_adapter,
        )
        for name in MODELS
    )
    chain = Chain(models=MODELS, stream=stream, hedge=hedge)
    return Route(name="default", chain=chain, targets=targets, triggers=Triggers(()))


def plan(*outages: str, streams: float = 1.0, seed: int = 1, duration: float = 120.0) -> Simulation:
    read = tuple(parse_outage(text, 60.0) for text in outages)
    return Simulation(
        outages=read, rate=2.0, duration=duration, latency=1.0, seed=seed, streams=streams
    )


def seen(simulation: Simulation, stream: StreamRules = StreamRules()) -> CallerCounts:  # noqa: B008 - frozen
    return count_callers(simulate(route(stream), simulation))


# Streams


def test_a_share_of_the_calls_are_streams_and_the_others_are_not() -> None:
    assert seen(plan(streams=0.0)).streams == 0
    every = seen(plan())
    assert every.streams == every.calls == every.answered > 160
    some = seen(plan(streams=0.25))
    assert some.calls == every.calls
    assert 0.15 < some.streams / some.calls < 0.35


def test_the_same_seed_gives_the_same_streams_and_another_does_not() -> None:
    def moments(seed: int) -> list[tuple[object, ...]]:
        simulation = plan("primary: 50% cut for 1m", streams=0.5, seed=seed)
        return [(event.at, event.model, type(event)) for event in simulate(route(), simulation)]

    assert moments(1) == moments(1)
    assert moments(1) != moments(2)


def test_a_cut_after_the_first_text_breaks_the_streams_of_a_chain_that_fails() -> None:
    counts = seen(plan("primary: cut for 1m"))
    assert counts.broken == counts.failed > 4
    assert counts.restarts == 0


def test_a_cut_restarts_the_streams_of_a_chain_that_says_so_and_none_fails() -> None:
    counts = seen(plan("primary: cut for 1m"), StreamRules(on_break="restart"))
    assert (counts.broken, counts.failed) == (0, 0)
    assert counts.restarts > 4


def test_where_streams_are_buffered_no_reader_sees_a_cut() -> None:
    counts = seen(plan("primary: cut for 1m"), StreamRules(release="whole"))
    assert (counts.broken, counts.restarts, counts.failed) == (0, 0, 0)


def test_a_cut_breaks_only_streams() -> None:
    counts = seen(plan("primary: cut for 1m", streams=0.0))
    assert (counts.broken, counts.failed) == (0, 0)


@pytest.mark.parametrize("fault", ["503", "connection", "hang", "empty"])
def test_a_failure_before_the_first_text_is_seen_by_no_reader(fault: str) -> None:
    counts = seen(plan(f"primary: {fault} for 1m"))
    assert (counts.broken, counts.restarts, counts.failed) == (0, 0, 0)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("503", Kind.OVERLOADED),
        ("hang", Kind.TIMEOUT),
        ("empty", Kind.EMPTY),
        ("truncated", Kind.TRUNCATED),
        ("wrong_model", Kind.WRONG_MODEL),
        ("cut", Kind.CONNECTION),
    ],
)
def test_each_fault_is_met_as_its_kind_in_a_stream_too(fault: str, kind: Kind) -> None:
    events = simulate(route(), plan(f"primary: {fault} for 30s", duration=120.0))
    kinds = {e.attempt.kind for e in events if isinstance(e, AttemptEnded) and e.model == "primary"}
    assert kinds - {None, Kind.UNAVAILABLE} == {kind}


def timeline_of(simulation: Simulation, stream: StreamRules) -> list[str]:
    events = simulate(route(stream), simulation)
    intervals = split_intervals(events, simulation.rate, simulation.duration)
    assert sum(each.broken for each in intervals) == count_callers(events).broken
    assert sum(each.restarts for each in intervals) == count_callers(events).restarts
    return [
        line.text
        for line in build_timeline(events, simulation.outages, intervals, simulation.duration)
        if not line.model
    ]


def test_the_timeline_counts_broken_streams_and_restarts() -> None:
    simulation = plan("primary: cut for 1m")
    failed = timeline_of(simulation, StreamRules())
    assert any("first call without an answer: the stream broke after" in text for text in failed)
    assert any(
        " without an answer, of them " in text and "broken stream" in text for text in failed
    )
    restarted = timeline_of(simulation, StreamRules(on_break="restart"))
    assert (
        restarted.count("first restart of a stream: the text that its caller had so far is void")
        == 1
    )
    assert any("; streams restarted: " in text for text in restarted)
    assert not any("broken" in text for text in restarted)


# The bill


def count_billed(events: list[Event]) -> Counter[str]:
    return Counter(event.model for event in events if isinstance(event, Billed))


@pytest.mark.parametrize("streams", [0.0, 1.0])
def test_each_answer_is_billed_once_and_an_error_is_not(streams: float) -> None:
    events = simulate(route(), plan("primary: 503 for 1m", streams=streams))
    answered = Counter(
        e.model for e in events if isinstance(e, AttemptEnded) and e.attempt.outcome == "answered"
    )
    background = count_billed(events) - answered
    assert answered <= count_billed(events)
    assert sum(background.values()) <= 2, "a probe may outlive its call"


@pytest.mark.parametrize("streams", [0.0, 1.0])
@pytest.mark.parametrize("fault", ["cut", "hang", "empty"])
def test_answers_that_are_cut_cancelled_or_empty_are_billed_too(fault: str, streams: float) -> None:
    events = simulate(route(), plan(f"primary: {fault} for 30s", streams=streams, duration=120.0))
    assert count_billed(events) == Counter(
        event.model for event in events if isinstance(event, AttemptStarted)
    )


def test_the_one_that_lost_a_hedge_is_billed_too() -> None:
    events = simulate(route(hedge=Hedge(after=2.0)), plan("primary: 1% hang", streams=0.0))
    assert count_billed(events).total() > count_callers(events).answered
    assert not any(isinstance(event, Failed) for event in events)


def event(kind: type[Event], model: str) -> Event:
    return kind(call="", chain="default", model=model, at=0.0)


def test_a_bill_adds_up_by_model_and_shows_what_was_wasted() -> None:
    prices = {"primary": Price(input=1.0, output=2.0), "second": None}
    size = Usage(input=1_000_000, output=500_000)
    events = [event(Billed, "primary")] * 3 + [event(StreamStarted, "")]
    assert compute_bill(events, prices, size) == Bill(
        tokens=size,
        models=(
            ModelBill(model="primary", billed=3, dollars=6.0),
            ModelBill(model="second", billed=0, dollars=None),
        ),
        all=Cost(6.0),
        wasted=Cost(6.0),
    )
    assert compute_bill([*events, event(Billed, "second")], prices, size).all == Cost(
        6.0, ("second",)
    )


def test_without_an_outage_nothing_is_wasted() -> None:
    events = simulate(route(), plan(streams=0.5))
    prices = {name: Price(input=1.0, output=2.0) for name in MODELS}
    bill = compute_bill(events, prices, Usage(input=1000, output=500))
    assert bill.wasted == Cost(0.0)
    assert bill.all.dollars == pytest.approx(count_callers(events).answered * 0.002)
    assert not [each for each in events if isinstance(each, StreamInterrupted)]
