"""The kit for authors of plugins: a suite that an adapter must pass, a server that fails on demand, recorded answers.

Nothing of standby imports it but `standby plugins check`; it needs no pytest, and pytest finds its
tests in a subclass::

    class TestAcme(Conformance):
        plugin = "acme"
        model = "acme-large"

        def reply(self, text: str) -> Answer:
            return respond(200, {"text": text, "done": True})
"""

from standby.testing.basics import Basics
from standby.testing.conformance import Conformance
from standby.testing.isolated import isolated_registry
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
from standby.testing.recordings import replayed
from standby.testing.rested import rested
from standby.testing.scripted import scripted

__all__ = [
    "Answer",
    "Answers",
    "Basics",
    "Conformance",
    "Loopback",
    "Received",
    "cut",
    "drip",
    "events",
    "garbage",
    "hang",
    "html",
    "isolated_registry",
    "late",
    "ndjson",
    "replayed",
    "reset",
    "respond",
    "rested",
    "scripted",
]
