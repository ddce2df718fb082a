"""The settings of a simulation: its outages, its calls, and the seed of every random number."""

import random

import msgspec

from standby.diagnostics.simulation.outage import Outage
from standby.pricing import TYPICAL
from standby.types import Usage


class Simulation(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of a simulation.

    `rate` is in calls a second, `duration` and the `latency` of an ordinary answer in seconds.
    `streams` is the share of the calls (0 to 1) that are streams. Each request is billed for
    `tokens`.
    """

    outages: tuple[Outage, ...]
    rate: float
    duration: float
    latency: float
    seed: int
    streams: float = 0.0
    tokens: Usage = TYPICAL

    def without_outages(self) -> "Simulation":
        """Return the same calls with models that never fail.

        Returns:
            The settings, in which each outage is empty.
        """
        outages = tuple(Outage(outage.model, ()) for outage in self.outages)
        return msgspec.structs.replace(self, outages=outages)

    def random_for(self, purpose: str) -> random.Random:
        """Build a source of random numbers for one purpose, so that none shifts another's draws.

        Args:
            purpose: What is drawn; the same purpose and seed give the same numbers.

        Returns:
            The source.
        """
        return random.Random(f"{self.seed}: {purpose}")  # noqa: S311 - repeatable, guards nothing
