"""Headers of a response that say how its answer came about; they hold nothing of a message."""

import itertools
from collections.abc import Iterable
from urllib.parse import quote

from standby.failures import Attempt

_SAFE = "/:.@+-_"
"""Characters of a name, besides letters and digits, that a header holds unencoded."""


def build_headers(
    chain: str,
    trail: Iterable[Attempt],
    model: str = "",
    provider: str = "",
    disclaimer: str = "",
    dropped: Iterable[str] = (),
) -> dict[str, str]:
    """Build the `x-standby-` headers.

    Args:
        chain: The name of the chain.
        trail: The attempts so far.
        model: The model that answers; while it streams, the trail lacks it. Empty: none.
        provider: The provider of that model.
        disclaimer: What its card says that a reader must know.
        dropped: Parameters that no model was sent; the trail has those of this model.

    Returns:
        The headers that are not empty.
    """
    attempts = tuple(trail)
    outcomes = [attempt.outcome for attempt in attempts]
    lines = [_format_attempt(attempt) for attempt in attempts]
    count = len(outcomes) - outcomes.count("skipped")
    if model and "answered" not in outcomes:
        lines, count = [*lines, f"{quote_header(model)} answering"], count + 1
    own = [attempt.dropped for attempt in attempts if attempt.model == model]
    headers = {
        "chain": quote_header(chain),
        "model": quote_header(model),
        "provider": quote_header(provider),
        "attempts": str(count),
        "trail": "; ".join(lines),
        "disclaimer": quote_header(disclaimer, " ,;'"),
        "dropped": ", ".join(map(quote_header, dict.fromkeys(itertools.chain(dropped, *own)))),
    }
    return {f"x-standby-{name}": value for name, value in headers.items() if value}


def quote_header(text: str, also_safe: str = "") -> str:
    """Percent-encode what a header cannot hold.

    Args:
        text: A name, or a vendor's id.
        also_safe: More characters that stay unencoded.

    Returns:
        The text, in ASCII and on one line.
    """
    return quote(text, _SAFE + also_safe)


def _format_attempt(attempt: Attempt) -> str:
    """Format an attempt: the model, the outcome, and of a failure its kind and status."""
    fields = (quote_header(attempt.model), attempt.outcome, attempt.kind, attempt.status)
    return " ".join(str(field) for field in fields if field is not None)
