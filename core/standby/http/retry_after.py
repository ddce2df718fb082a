"""The delay that a vendor states before the next request, read by one strict grammar.

ASCII digits only, at most seven before the point: `float()` would take "nan", "inf", "1_000" and
Arabic digits as well. Sources: RFC 9110, section 10.2.3 (`Retry-After`); openai-python
(`retry-after-ms`); google.rpc.RetryInfo ("34.4s").
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_NUMBER = r"[0-9]{1,7}(?:\.[0-9]{1,9})?"
_SECONDS = re.compile(_NUMBER)
_DURATION = re.compile(
    rf"(?=[0-9])(?:(?P<h>[0-9]{{1,7}})h)?(?:(?P<m>[0-9]{{1,7}})m)?"
    rf"(?:(?P<s>{_NUMBER})s)?(?:(?P<ms>{_NUMBER})ms)?"
)
_HINT = re.compile(rf"(?:try again|retry) in ((?:{_NUMBER}(?:ms|[hms]))+)", re.IGNORECASE)
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def retry_after(headers: Mapping[str, str], *hints: str) -> float | None:
    """Return the delay that an answer states; never raises.

    The hints come first, then the header `retry-after-ms`, then `retry-after` in seconds or as a
    date. A date is counted from the answer's own `date`, or from now without one.

    Args:
        headers: The answer's headers; their case does not matter.
        hints: Durations from the body, such as "34.4s", "174ms" or "6m0s".

    Returns:
        Seconds, 0 for a date in the past; `None` where no delay is stated.
    """
    for hint in hints:
        delay = _parse_duration(hint)
        if delay is not None:
            return delay
    lower = {name.lower(): value.strip(" \t") for name, value in headers.items()}
    if _SECONDS.fullmatch(lower.get("retry-after-ms", "")):
        return float(lower["retry-after-ms"]) / 1000
    stated = lower.get("retry-after", "")
    if _SECONDS.fullmatch(stated):
        return float(stated)
    until = _parse_date(stated)
    if until is None:
        return None
    sent_at = _parse_date(lower.get("date", "")) or datetime.now(UTC)
    return max(0.0, (until - sent_at).total_seconds())


def hint_in(message: str) -> str:
    """Return the delay in a vendor's message, as a hint for `retry_after`.

    Args:
        message: For example "Please try again in 174ms".

    Returns:
        The duration, here "174ms"; "" where the message has none.
    """
    match = _HINT.search(message)
    return match.group(1) if match else ""


def _parse_duration(text: str) -> float | None:
    match = _DURATION.fullmatch(text)
    if match is None:
        return None
    parts = match.groupdict().items()
    return sum(float(value) * _UNITS[unit] for unit, value in parts if value is not None)


def _parse_date(text: str) -> datetime | None:
    if not text.isascii():
        return None
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
