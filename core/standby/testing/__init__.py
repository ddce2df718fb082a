"""The kit for authors of plugins: a conformance suite, a server with faults, recorded answers.

standby itself imports it only for `standby plugins check` and `standby selftest`. It does not need
pytest; pytest collects the rules of a subclass::

    class TestAcme(Conformance):
        plugin = "acme"
        model = "acme-large"

        def reply(self, text: str) -> Answer:
            return respond(200, {"text": text, "done": True})
"""

from standby.testing.answers import (
    Answer,
    cut,
    drip,
    events,
    garbage,
    hang,
    html,
    late,
    ndjson,
    reset,
    respond,
    stall,
)
from standby.testing.basic_rules import BasicRules
from standby.testing.cassettes import read_cassette
from standby.testing.conformance import Conformance
from standby.testing.fixtures import fresh_health, isolated_registry, scripted_model
from standby.testing.loopback import Answers, Loopback, Received

__all__ = [
    "Answer",
    "Answers",
    "BasicRules",
    "Conformance",
    "Loopback",
    "Received",
    "cut",
    "drip",
    "events",
    "fresh_health",
    "garbage",
    "hang",
    "html",
    "isolated_registry",
    "late",
    "ndjson",
    "read_cassette",
    "reset",
    "respond",
    "scripted_model",
    "stall",
]
