"""The health of a process's models: shared by identity, and forgotten in a forked child."""

import gc
import os
import subprocess
import sys
import weakref
from collections.abc import Callable

import pytest

from standby.resilience import health
from standby.resilience.circuit_breaker import Permit, State
from standby.resilience.health import KEPT, model_health
from standby.settings import BreakerSettings

ONE = BreakerSettings(failures=1)


def test_one_identity_is_known_once() -> None:
    one, same = model_health(("a", None), ONE), model_health(("a", None), ONE)
    assert one.breaker is same.breaker
    assert one.budget is same.budget
    assert model_health(("b", None), ONE).breaker is not one.breaker


def test_the_newest_settings_count_and_what_is_known_stays() -> None:
    entry = model_health("a", BreakerSettings(failures=5))
    for _ in range(2):
        entry.breaker.record(admit(entry), "failure", 0.0)
    model_health("a", BreakerSettings(failures=3))
    entry.breaker.record(admit(entry), "failure", 0.0)
    assert entry.breaker.health(0.0).state is State.OPEN


def test_forgetting_concerns_existing_clients_too() -> None:
    entry = model_health("a", ONE)
    late = admit(entry)
    entry.breaker.record(admit(entry), "failure", 0.0)
    health.forget()
    assert model_health("a", ONE).breaker is entry.breaker, "clients go on sharing it"
    entry.breaker.record(late, "failure", 0.0)  # a call of before
    assert entry.breaker.health(0.0).state is State.CLOSED


def test_forgetting_fills_the_budgets_of_retries() -> None:
    entry = spent("a")
    health.forget()
    assert entry.budget.try_withdraw(0.0)


def test_what_was_learnt_is_kept_for_the_next_client_of_some_models() -> None:
    for number in range(100):
        late = model_health(number, ONE)
        late.breaker.record(admit(late), "failure", 0.0)
        del late
    gc.collect()
    known = [model_health(number, ONE).breaker.health(0.0).state for number in range(100)]
    assert known.count(State.OPEN) == 0, "a table that is read from its beginning has dropped it"
    health.forget()
    for number in range(100):
        late = model_health(number, ONE)
        late.breaker.record(admit(late), "failure", 0.0)
    known = [model_health(number, ONE).breaker.health(0.0).state for number in range(99, -1, -1)]
    assert known[:KEPT] == [State.OPEN] * KEPT
    assert known.count(State.OPEN) == KEPT


@pytest.mark.parametrize("drop", [health.forget, lambda: health.let_go(["a", "unknown"])])
def test_a_model_that_nothing_names_any_more_is_dropped(drop: Callable[[], None]) -> None:
    entry = model_health("a", ONE)
    breaker, budget = weakref.ref(entry.breaker), weakref.ref(entry.budget)
    drop()
    assert model_health("a", ONE).breaker is entry.breaker, "a client has it"
    drop()
    del entry
    assert (breaker(), budget()) == (None, None)


def test_a_model_without_a_breaker_shares_its_budget() -> None:
    off, on = model_health("a", settings=False), model_health("a", ONE)
    assert (off.budget is on.budget, off.breaker is on.breaker) == (True, False)


@pytest.mark.parametrize("part", ["breaker", "budget"])
def test_a_part_that_is_still_used_is_shared_on(part: str) -> None:
    used = getattr(model_health("a", ONE), part)
    health.forget()
    assert getattr(model_health("a", ONE), part) is used


def spent(identity: str) -> health.ModelHealth:
    """Return the health of a model that rests, and whose budget of retries is empty."""
    entry = model_health(identity, ONE)
    entry.breaker.record(admit(entry), "failure", 0.0)
    while entry.budget.try_withdraw(0.0):
        pass
    return entry


def test_the_sixteen_models_that_were_used_last_are_kept_without_a_client() -> None:
    first, second = (weakref.ref(model_health(number, ONE).breaker) for number in range(2))
    for number in range(2, 16):
        model_health(number, ONE)
    assert None not in (first(), second())
    model_health(0, ONE)
    model_health(16, ONE)
    assert first() is not None
    assert second() is None


def admit(entry: health.ModelHealth) -> Permit:
    permit = entry.breaker.admit(0.0)
    assert isinstance(permit, Permit)
    return permit


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_begins_with_healthy_models_and_full_budgets() -> None:
    entry = spent("a")
    if (child := os.fork()) == 0:
        is_well = entry.breaker.health(0.0).state is State.CLOSED
        os._exit(0 if is_well and entry.budget.try_withdraw(0.0) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert entry.breaker.health(0.0).state is State.OPEN
    assert not entry.budget.try_withdraw(0.0)


def test_what_a_fork_begins_anew_is_the_health_that_clients_hold() -> None:
    entry = spent("a")
    health._reset_after_fork()  # the hook itself: what runs in a child is not seen here
    assert entry.breaker.health(0.0).state is State.CLOSED
    assert entry.budget.try_withdraw(0.0)


FORKED = """
import os, sys, threading
from standby.resilience import health
from standby.resilience.circuit_breaker import State, Permit
from standby.settings import BreakerSettings

settings = BreakerSettings(failures=1)
known = health.model_health("a", settings)
known.breaker.record(known.breaker.admit(0.0), "failure", 0.0)
while known.budget.try_withdraw(0.0):
    pass
assert known.breaker.admit(6.0).probe  # the parent's probe: no thread ends it in a child
for lock in (health._lock, known.breaker._lock, known.budget._lock):
    lock.acquire()  # as another thread may at that moment

def pauses():
    known.breaker.record(known.breaker.admit(10.0), "failure", 10.0)
    return f"{known.breaker.health(10.0).resting!r}\\n"

sys.stdout.flush()
for _ in range(2):
    if os.fork():
        assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
        continue
    again = health.model_health("a", settings)
    assert again.breaker is known.breaker, "clients share it across the fork"
    assert known.breaker.health(6.0).state is State.CLOSED
    assert known.budget.try_withdraw(6.0)
    sys.stdout.write(pauses())
    sys.stdout.flush()
    os._exit(0)
known.breaker._lock.release()
assert known.breaker.admit(60.0).message == "being probed", "the parent keeps what it knows"
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_a_forked_child_knows_nothing_and_draws_its_own_pauses() -> None:
    command = [sys.executable, "-c", FORKED]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)  # noqa: S603 - our own code
    assert (done.returncode, done.stderr) == (0, "")
    one, other = done.stdout.split()
    assert one != other


def test_a_breaker_that_is_off_says_so_and_concerns_no_other_client() -> None:
    entry, off = model_health("a", ONE), model_health("a", settings=False)
    assert (off.breaker.health(0.0).state, off.budget) == (State.OFF, entry.budget)
    entry.breaker.record(admit(entry), "failure", 0.0)
    assert model_health("a", settings=True).breaker.health(0.0).state is State.OPEN
    assert (entry.breaker.settings, off.breaker.health(0.0).state) == (BreakerSettings(), State.OFF)
