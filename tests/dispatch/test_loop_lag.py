"""A loop that is blocked or overloaded: the time that it loses is not the models'."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from standby.errors import DeadlineExceeded
from standby.events import Hedged
from standby.failures import Kind
from standby.plugin import End
from standby.resilience.timeouts import NEVER, AttemptTimer
from standby.runtime import loop_lag
from standby.runtime.loop_lag import LAGS, TOLERANCE, LoopLag
from standby.runtime.loop_watchdog import CHECK_INTERVAL
from standby.settings import Hedge
from standby.types import Reply
from tests.support.playing import Plays, Streams, dispatch, failure, route, target
from tests.support.virtual_clock import run


def block(seconds: float, *, watched: bool = True) -> None:
    """Let time pass in which the loop does nothing else; the watchdog, if there is one, sees it."""
    asyncio.get_running_loop()._clock.now += seconds  # type: ignore[attr-defined] # virtual
    if watched:
        LAGS[asyncio.get_running_loop()].note(seconds - CHECK_INTERVAL)


def after(seconds: float, act: Callable[..., Any], *args: Any) -> None:
    asyncio.get_running_loop().call_later(seconds, act, *args)


class Blocks:
    """A model that answers after a while; meanwhile other code blocks the loop."""

    def __init__(
        self, at: float, seconds: float, answers_after: float, *, watched: bool = True
    ) -> None:
        self.at, self.block = at, partial(block, seconds, watched=watched)
        self.answers_after = answers_after
        self.has_blocked = False

    async def complete(self, _: Any) -> Reply:
        if not self.has_blocked:
            self.has_blocked = True
            after(self.at, self.block)
        await asyncio.sleep(self.answers_after)
        await asyncio.sleep(0)  # what has come is read in more than one turn of the loop
        await asyncio.sleep(0)
        return Reply(text="Lisbon.")


@pytest.mark.parametrize("watched", [False, True])
@pytest.mark.parametrize(
    ("at", "seconds"), [(0.0, 5.0), (0.5, 4.0), (2.9, 5.0), (2.0, 1.2), (0.1, 40.0)]
)
def test_an_answer_that_came_while_the_loop_was_blocked_is_read(
    at: float, seconds: float, *, watched: bool
) -> None:
    model = target("a", Blocks(at, seconds, answers_after=2.95, watched=watched), timeout=3.0)
    reply = run(dispatch(route(model, target("b", Plays("from b")))).run())
    assert [(each.model, each.outcome) for each in reply.trail] == [("a", "answered")]


@pytest.mark.parametrize(("answers_after", "state"), [(1.2, "closed"), (2.6, "open")])
def test_a_blocked_loop_makes_no_answer_slow(answers_after: float, state: str) -> None:
    model = target("a", Blocks(0.0, 5.0, answers_after=answers_after + 4.75), timeout=3.0)

    async def scenario() -> str:
        chain = route(model, target("b", Plays("from b")))
        await asyncio.gather(*[dispatch(chain).run() for _ in range(12)])
        return model.breaker.health(asyncio.get_running_loop().time()).state

    assert run(scenario()) == state


def test_a_model_that_hangs_still_times_out_after_its_own_time() -> None:
    async def scenario() -> tuple[Any, float]:
        model = target("a", Blocks(0.0, 5.0, answers_after=600.0), timeout=3.0)
        reply = await dispatch(route(model, target("b", Plays("from b")))).run()
        return reply, asyncio.get_running_loop().time()

    reply, took = run(scenario())
    assert (reply.trail[0].kind, reply.trail[0].text) == (
        Kind.TIMEOUT,
        "timeout: no answer in 3s",
    )
    assert 8.0 - CHECK_INTERVAL <= took <= 8.0


def test_a_stream_whose_pieces_came_while_the_loop_was_blocked_goes_on() -> None:
    pieces = "Lis", 0.5, "bon.", End()
    model = target("a", Streams(*pieces), timeout=9.0, first_token_timeout=2.0, idle_timeout=1.0)

    async def ignore(_: Any) -> None:
        pass

    async def scenario() -> Any:
        after(0.3, block, 6.0)
        return await dispatch(route(model, target("b", Plays("from b"))), put=ignore).run()

    reply = run(scenario())
    assert (reply.text, reply.model) == ("Lisbon.", "a")


def test_a_blocked_loop_starts_no_hedge() -> None:
    emitted: list[Any] = []
    chain = route(
        target("a", Blocks(0.0, 5.0, answers_after=5.5)),
        target("b", Plays("from b")),
        hedge=Hedge(after=2.0),
    )
    reply = run(dispatch(chain, events=emitted).run())
    assert (reply.model, [each for each in emitted if isinstance(each, Hedged)]) == ("a", [])


def test_the_deadline_holds_and_its_message_names_the_loop() -> None:
    async def scenario() -> tuple[DeadlineExceeded, float]:
        after(1.0, block, 6.0)
        with pytest.raises(DeadlineExceeded) as caught:
            await dispatch(route(target("a", Plays(600), timeout=3.0)), deadline=8.0).run()
        return caught.value, asyncio.get_running_loop().time()

    error, took = run(scenario())
    assert took == 8.0
    assert str(error) == (
        "no complete reply within the deadline of 8s "
        "(the event loop was blocked or overloaded for 5.8s of it); asked: a (no answer yet)"
    )


@pytest.mark.parametrize(("lost", "named"), [(0.5, True), (0.25, False)])
def test_a_loop_that_lost_less_than_half_a_second_is_not_named(lost: float, *, named: bool) -> None:
    async def scenario() -> str:
        after(1.0, block, lost + CHECK_INTERVAL)
        with pytest.raises(DeadlineExceeded) as caught:
            await dispatch(route(target("a", Plays(600))), deadline=8.0).run()
        return str(caught.value)

    assert ("event loop was blocked" in run(scenario())) is named


def test_a_call_counts_only_the_time_that_was_lost_since_it_began() -> None:
    async def scenario() -> str:
        block(6.0)
        after(1.0, block, 3.0)
        with pytest.raises(DeadlineExceeded) as caught:
            await dispatch(route(target("a", Plays(600))), deadline=8.0).run()
        return str(caught.value)

    assert f"for {3.0 - CHECK_INTERVAL:.1f}s of it" in run(scenario())


def test_a_probe_in_the_background_has_its_own_time_too() -> None:
    async def scenario() -> str:
        probed = Plays(*[failure("overloaded")] * 5, 2.0)
        model = target("a", probed, timeout=3.0)
        chain = route(model, target("b", Plays("from b")))
        for _ in range(5):
            await dispatch(chain).run()
        await asyncio.sleep(10)
        await dispatch(chain).run()
        after(0.5, block, 9.0)
        await asyncio.sleep(30)
        return model.breaker.health(asyncio.get_running_loop().time()).state

    assert run(scenario()) == "closed"


# The measure itself


@pytest.mark.parametrize(("seconds", "lost"), [(0.0, 0.0), (TOLERANCE, 0.0), (0.021, 0.021)])
def test_a_loop_that_answers_within_its_longest_turn_loses_nothing(
    seconds: float, lost: float
) -> None:
    lag = LoopLag()
    lag.note(seconds)
    lag.note(5.0)
    assert lag.lost == 5.0 + lost


def test_each_loop_has_one_lag_until_it_is_closed() -> None:
    loops: list[asyncio.AbstractEventLoop] = []

    async def scenario() -> None:
        lag = LAGS[asyncio.get_running_loop()]
        lag.note(5.0)
        assert LAGS[asyncio.get_running_loop()] is lag
        loops.append(asyncio.get_running_loop())

    run(scenario())
    run(scenario())
    assert loops[0] not in loop_lag.LAGS
    assert loop_lag.LAGS[loops[1]].lost == 5.0


@pytest.mark.parametrize("lost", [0.0, 2.0])
def test_a_timer_adds_only_what_was_lost_since_it_started(lost: float) -> None:
    timer = AttemptTimer(target("a", None, timeout=3.0), lambda: 100.0, NEVER, 7.0)
    for _ in range(2):
        timer.allow_for(7.0 + lost)
    assert (timer.expires_at, timer.last_activity) == (103.0 + lost, 100.0 + lost)


def test_time_lost_while_the_clock_stands_is_not_added_twice() -> None:
    now = 100.0
    timer = AttemptTimer(target("a", None, timeout=3.0), lambda: now, NEVER)
    timer.pause()
    now = 105.0
    timer.allow_for(4.0)
    timer.resume()
    timer.allow_for(4.0)
    assert timer.expires_at == 108.0
