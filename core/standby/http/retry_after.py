"""The delay that a vendor states before it wants to be asked again, read by one strict grammar.

ASCII digits only, at most seven before the point: `float()` would take "nan", "inf", "1_000" and
Arabic digits as well. Sources: RFC 9110, section 10.2.3 (`Retry-After`); openai-python
(`retry-after-ms`); google.rpc.RetryInfo ("34.4s").
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_NUMBER = r"[0-9]{1,7}(?:\.[0-9]{1,9})?"
_PLAIN = re.compile(_NUMBER)
_SPAN = re.compile(
    rf"(?=[0-9])(?:(?P<h>[0-9]{{1,7}})h)?(?:(?P<m>[0-9]{{1,7}})m)?(?:(?P<s>{_NUMBER})s)?(?:(?P<ms>{_NUMBER})ms)?"
)
_STATED = re.compile(rf"(?:try again|retry) in ((?:{_NUMBER}(?:ms|[hms]))+)", re.IGNORECASE)
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def retry_after(headers: Mapping[str, str], *hints: str) -> float | None:
    """Return the stated delay in seconds, or `None`; never raises.

    `hints` come first: what the body says, as "34.4s", "174ms" or "6m0s". Then `retry-after-ms`,
    `retry-after` in seconds, and `retry-after` as a date, counted from the response's own `date`
    (without one, from now). A date in the past is 0.
    """
    for hint in hints:
        delay = _span(hint)
        if delay is not None:
            return delay
    lower = {name.lower(): value.strip(" \t") for name, value in headers.items()}
    if _PLAIN.fullmatch(lower.get("retry-after-ms", "")):
        return float(lower["retry-after-ms"]) / 1000
    stated = lower.get("retry-after", "")
    if _PLAIN.fullmatch(stated):
        return float(stated)
    until = _date(stated)
    if until is None:
        return None
    return max(0.0, (until - (_date(lower.get("date", "")) or datetime.now(UTC))).total_seconds())


def hint_in(message: str) -> str:
    """Return the delay that a vendor's message states ("Please try again in 174ms"), for `retry_after`; or ""."""
    found = _STATED.search(message)
    return found.group(1) if found else ""


def _span(text: str) -> float | None:
    found = _SPAN.fullmatch(text)
    if found is None:
        return None
    return sum(
        float(value) * _SECONDS[unit]
        for unit, value in found.groupdict().items()
        if value is not None
    )


def _date(text: str) -> datetime | None:
    if not text.isascii():
        return None
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
