"""What to do about each kind of failure, in the words of `standby check`."""

import re
from collections.abc import Mapping
from datetime import date

from standby.cards import describe_retirement
from standby.cli.asking import LIMIT
from standby.dispatch.target import Target
from standby.failures import Failure, Kind
from standby.settings import Provider

REMEDIES: Mapping[Kind, str] = {
    Kind.RATE_LIMITED: "check again later; where it lasts, have the vendor raise the limit of the account",
    Kind.QUOTA_EXHAUSTED: "see to the billing, or the quota, of the account of provider {provider!r} (its key: {key})",
    Kind.OVERLOADED: "check again in some minutes; a chain goes on to its next model meanwhile",
    Kind.SERVER_ERROR: "check again in some minutes; where it lasts, see the vendor's status page",
    Kind.CONNECTION: "check the network, the proxy (HTTPS_PROXY) and the base_url of provider {provider!r}",
    Kind.TIMEOUT: "check again with a longer --timeout; where it lasts, check the network and the vendor's status page",
    Kind.MALFORMED: "what answered does not speak this API: check the base_url of provider {provider!r} and the proxy",
    Kind.EMPTY: "check again; where it lasts, another model is of more use here",
    Kind.SCHEMA_MISMATCH: "no schema was asked for: report it to the author of plugin {plugin!r}",
    Kind.REJECTED: "nothing: the check looks at no trigger's test",
    Kind.TRUNCATED: "nothing: the model answers, and the check's own limit of {limit} tokens cut it",
    Kind.WRONG_MODEL: "the vendor serves another model under this name: name the one that you want",
    Kind.UNAUTHORIZED: "check the key of provider {provider!r} ({key}): wrong, expired, or not allowed to use {vendor_id!r}",
    Kind.MODEL_MISSING: "check the vendor's id {vendor_id!r}, and whether the account may use it; see 'standby models'",
    Kind.CONTEXT_TOO_LONG: "the question has ten tokens: check context_window in the model's card",
    Kind.UNSUPPORTED: "change what the text names in the model's entry, or use another model",
    Kind.BLOCKED: "the vendor's filter refuses even this question: check the safety settings of the account and in 'extra'",
    Kind.INVALID_REQUEST: "check the model's options and 'extra', and name a parameter that it refuses under 'drop'",
    Kind.CONTRACT: "the plugin is at fault: update {plugin!r}, or report it to its author",
    Kind.UNAVAILABLE: "mend what the text names; 'standby plugins' tells of a broken plugin",
    Kind.DEADLINE: "check again with a longer --timeout",
}
"""What to do about a failure of each kind."""

NO_KEY = "set {key}, in the environment or in a file .env"
SPENT = (
    "nothing: the model answers, and the check's own limit of {limit} tokens was spent on thinking"
)

_LIMIT_WORDS = re.compile(r"max_tokens|max_output_tokens|\blength\b", re.IGNORECASE)
"""How an empty answer says that its limit was spent: all vendors' reasons for it, and our own words."""


def spent(failure: Failure) -> bool:
    """Say whether an answer is empty only because its tokens went into thinking: then the model is well."""
    return failure.kind is Kind.EMPTY and _LIMIT_WORDS.search(failure.text) is not None


def ending(target: Target, today: date) -> str:
    """Say that the model is retired, or soon will be, and what to use instead; "" if neither, or on one's own endpoint."""
    return describe_retirement(target.card, today) if target.verify_response_model else ""


def remedy(failure: Failure, target: Target, provider: Provider, today: date) -> str:
    """Say what to do, with the names that it takes; the key's variable, never the key."""
    key = provider.api_key
    if failure.kind is Kind.MODEL_MISSING and (
        words := ending(target, today) or _successor(target)
    ):
        return words
    words = REMEDIES[failure.kind]
    if spent(failure):
        words = SPENT
    elif failure.kind is Kind.UNAVAILABLE and key is not None and not key:
        words = NO_KEY
    return words.format(
        key="none is set" if key is None else key.origin,
        provider=target.provider,
        plugin=provider.plugin,
        vendor_id=target.vendor_id,
        limit=LIMIT,
    )


def _successor(target: Target) -> str:
    return (
        f"use {target.card.successor} instead"
        if target.card.successor and target.verify_response_model
        else ""
    )
