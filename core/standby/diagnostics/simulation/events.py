"""Events that only a simulation emits: what callers of streams see, and what a vendor bills."""

from standby.events import Event


class StreamStarted(Event, frozen=True, kw_only=True):
    """A caller asks for a stream."""


class StreamRestarted(Event, frozen=True, kw_only=True):
    """A caller's stream is reset: its text so far is void, and another attempt starts over."""


class StreamInterrupted(Event, frozen=True, kw_only=True):
    """A call failed after its caller had received part of the answer."""

    text: str


class Billed(Event, frozen=True, kw_only=True):
    """The vendor bills a request to `model`: it answered, broke off, or was cancelled at work.

    A request that fails with an error status is not billed. Source: ai.google.dev,
    gemini-api/docs/billing, on requests that fail with a 400 or 500.
    """
