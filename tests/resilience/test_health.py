"""What a process knows of its models: shared by identity, and begun anew in a forked child."""

import subprocess
import sys
import weakref

import pytest

from standby.resilience import health
from standby.resilience.circuit_breaker import State, Ticket
from standby.resilience.health import known_of
from standby.settings import BreakerSettings

ONE = BreakerSettings(failures=1)


def test_one_identity_is_known_once() -> None:
    assert known_of(("a", None), ONE) is known_of(("a", None), ONE)
    assert known_of(("a", None), ONE) is not known_of(("b", None), ONE)


def test_the_newest_settings_count_and_what_is_known_stays() -> None:
    known = known_of("a", BreakerSettings(failures=5))
    for _ in range(2):
        known.breaker.settle(ticket_of(known), "sick", 0.0)
    known_of("a", BreakerSettings(failures=3))
    known.breaker.settle(ticket_of(known), "sick", 0.0)
    assert known.breaker.health(0.0).state is State.OPEN


def test_what_is_forgotten_is_forgotten_by_those_who_have_it_too() -> None:
    known = known_of("a", ONE)
    late = ticket_of(known)
    known.breaker.settle(ticket_of(known), "sick", 0.0)
    health.forget()
    assert known_of("a", ONE).breaker is known.breaker, "who shares goes on sharing"
    known.breaker.settle(late, "sick", 0.0)  # a call of before
    assert known.breaker.health(0.0).state is State.CLOSED


def test_models_that_nobody_has_any_more_are_let_go() -> None:
    breaker = weakref.ref(known_of("a", ONE).breaker)
    assert breaker() is not None, "a process keeps what it knows"
    health.forget()
    assert breaker() is None


def ticket_of(known: health.Known) -> Ticket:
    ticket = known.breaker.admit(0.0)
    assert isinstance(ticket, Ticket)
    return ticket


FORKED = """
import os, sys, threading
from standby.resilience import health
from standby.resilience.circuit_breaker import State, Ticket
from standby.settings import BreakerSettings

settings = BreakerSettings(failures=1)
known = health.known_of("a", settings)
known.breaker.settle(known.breaker.admit(0.0), "sick", 0.0)
while known.budget.take(0.0):
    pass
assert known.breaker.admit(6.0).probe  # the parent's probe: nobody ends it in a child
for lock in (health._lock, known.breaker._lock, known.budget._lock):
    lock.acquire()  # as another thread may at that moment

def pauses():
    known.breaker.settle(known.breaker.admit(10.0), "sick", 10.0)
    return f"{known.breaker.health(10.0).resting!r}\\n"

sys.stdout.flush()
for _ in range(2):
    if os.fork():
        assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
        continue
    assert health.known_of("a", settings) is known, "clients of before the fork and of after it share"
    assert known.breaker.health(6.0).state is State.CLOSED
    assert known.budget.take(6.0)
    sys.stdout.write(pauses())
    sys.stdout.flush()
    os._exit(0)
assert known.breaker._leased > 0, "the parent keeps what it knows"
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_a_forked_child_begins_anew_and_draws_its_own_pauses() -> None:
    command = [sys.executable, "-c", FORKED]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)  # noqa: S603 - our own code
    assert (done.returncode, done.stderr) == (0, "")
    one, other = done.stdout.split()
    assert one != other


def test_a_breaker_that_is_off_says_so_and_concerns_nobody_else() -> None:
    known, off = known_of("a", ONE), known_of("a", settings=False)
    assert (off.breaker.health(0.0).state, off.budget) == (State.OFF, known.budget)
    known.breaker.settle(ticket_of(known), "sick", 0.0)
    assert known_of("a", settings=True).breaker.health(0.0).state is State.OPEN
    assert (known.breaker.settings, off.breaker.health(0.0).state) == (BreakerSettings(), State.OFF)
