"""The kit for authors of plugins: a suite that an adapter must pass, a server that fails on demand, recorded answers.

Nothing of standby imports it but `standby plugins check`; it needs no pytest, and pytest finds its
tests in a subclass::

    class TestAcme(Conformance):
        plugin = "acme"
        model = "acme-large"

        def reply(self, text: str) -> Answer:
            return respond(200, {"text": text, "done": True})
"""

from standby.testing.basic_rules import BasicRules
from standby.testing.cassettes import read_cassette
from standby.testing.conformance import Conformance
from standby.testing.fixtures import fresh_health, isolated_registry, scripted_model
from standby.testing.loopback import (
    Answer,
    Answers,
    Loopback,
    Received,
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
)

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
]
