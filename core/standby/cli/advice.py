"""What `standby check` advises to do about each kind of failure."""

import re
from collections.abc import Mapping
from datetime import date

from standby.cards import describe_retirement
from standby.cli.live_check import LIMIT
from standby.dispatch.target import Target
from standby.failures import Failure, Kind
from standby.settings import Provider

ADVICE: Mapping[Kind, str] = {
    Kind.RATE_LIMITED: (
        "check again later; where it lasts, have the vendor raise the limit of the account"
    ),
    Kind.QUOTA_EXHAUSTED: (
        "see to the billing, or the quota, of the account of provider {provider!r} (its key: {key})"
    ),
    Kind.OVERLOADED: ("check again in some minutes; a chain goes on to its next model meanwhile"),
    Kind.SERVER_ERROR: (
        "check again in some minutes; where it lasts, see the vendor's status page"
    ),
    Kind.CONNECTION: (
        "check the network, the proxy (HTTPS_PROXY) and the base_url of provider {provider!r}"
    ),
    Kind.TIMEOUT: (
        "check again with a longer --timeout; where it lasts, check the network and the vendor's "
        "status page"
    ),
    Kind.MALFORMED: (
        "what answered does not speak this API: check the base_url of provider {provider!r} and "
        "the proxy"
    ),
    Kind.EMPTY: "check again; where it lasts, another model is of more use here",
    Kind.SCHEMA_MISMATCH: (
        "the check requests no schema: report it to the author of plugin {plugin!r}"
    ),
    Kind.REJECTED: "nothing: the check applies no trigger's test",
    Kind.TRUNCATED: (
        "nothing: the model answers, and the check's own limit of {limit} tokens cut it"
    ),
    Kind.WRONG_MODEL: (
        "the vendor serves another model under this name: name the one that you want"
    ),
    Kind.UNAUTHORIZED: (
        "check the key of provider {provider!r} ({key}): wrong, expired, or not allowed to use "
        "{vendor_id!r}"
    ),
    Kind.MODEL_MISSING: (
        "check the vendor's id {vendor_id!r}, and whether the account may use it; see "
        "'standby models'"
    ),
    Kind.CONTEXT_TOO_LONG: "the question has ten tokens: check context_window in the model's card",
    Kind.UNSUPPORTED: ("change what the message names in the model's entry, or use another model"),
    Kind.BLOCKED: (
        "the vendor's filter refuses even this question: check the safety settings of the account "
        "and in 'extra'"
    ),
    Kind.INVALID_REQUEST: (
        "check the model's options and 'extra', and name a parameter that it refuses under 'drop'"
    ),
    Kind.CONTRACT: "the plugin is at fault: update {plugin!r}, or report it to its author",
    Kind.UNAVAILABLE: ("repair what the message names; 'standby plugins' reports a broken plugin"),
    Kind.DEADLINE: "check again with a longer --timeout",
}
"""What to do about a failure of each kind."""

NO_KEY = "set {key}, in the environment or in a file .env"
THINKING = (
    "nothing: the model answers, and the check's own limit of {limit} tokens was spent on thinking"
)

_TOKEN_LIMIT_TEXT = re.compile(r"max_tokens|max_output_tokens|\blength\b", re.IGNORECASE)
"""What an empty answer says of its limit: all vendors' reasons for it, and our own message."""


def is_only_thinking(failure: Failure) -> bool:
    """Say whether an answer is empty only because its tokens went into thinking.

    Args:
        failure: A failure of the check.

    Returns:
        Whether the model is healthy all the same.
    """
    return failure.kind is Kind.EMPTY and _TOKEN_LIMIT_TEXT.search(failure.text) is not None


def retirement_notice(target: Target, today: date) -> str:
    """Say that a model is retired, or soon will be, and what to use instead.

    Args:
        target: The model.
        today: The date by which it is in service.

    Returns:
        The notice; "" if it stays in service, or runs on the user's own endpoint.
    """
    return describe_retirement(target.card, today) if target.verify_response_model else ""


def advise(failure: Failure, target: Target, provider: Provider, today: date) -> str:
    """Say what to do about a failure, with the names that it takes.

    Args:
        failure: What the check found.
        target: The model.
        provider: Its account.
        today: The date by which the model is in service.

    Returns:
        One line; it names the key's variable, never the key.
    """
    if failure.kind is Kind.MODEL_MISSING:
        replacement = retirement_notice(target, today) or _successor_advice(target)
        if replacement:
            return replacement
    key = provider.api_key
    return _choose_advice(failure, provider).format(
        key="none is set" if key is None else key.origin,
        provider=target.provider,
        plugin=provider.plugin,
        vendor_id=target.vendor_id,
        limit=LIMIT,
    )


def _choose_advice(failure: Failure, provider: Provider) -> str:
    if is_only_thinking(failure):
        return THINKING
    lacks_key = provider.api_key is not None and not provider.api_key
    if failure.kind is Kind.UNAVAILABLE and lacks_key:
        return NO_KEY
    return ADVICE[failure.kind]


def _successor_advice(target: Target) -> str:
    if target.card.successor and target.verify_response_model:
        return f"use {target.card.successor} instead"
    return ""
