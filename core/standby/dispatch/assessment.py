"""What is questionable about a reply that is otherwise whole."""

import re

from standby.dispatch.target import Target
from standby.failures import Failure, Kind
from standby.types import Finish, Reply

_DATED = re.compile(r"[-@](\d|exp|preview|latest)")


def assess(reply: Reply, target: Target) -> Failure | None:
    """Say what is doubtful about a reply that is otherwise whole: cut at a token limit, or served by another model."""
    if is_wrong_model(reply, target):
        return Failure(
            kind=Kind.WRONG_MODEL,
            message=f"asked for {target.vendor_id}, served by {reply.response_model}",
        )
    if reply.finish is Finish.LENGTH:
        return Failure(
            kind=Kind.TRUNCATED,
            message=f"truncated: the token limit cut it after {reply.usage.output} tokens",
        )
    return None


def is_wrong_model(reply: Reply, target: Target) -> bool:
    """Say whether the vendor has served another model than was asked."""
    return (
        target.verify_response_model
        and reply.response_model != ""
        and not _same_model(target.vendor_id, reply.response_model)
    )


def _same_model(asked: str, served: str) -> bool:
    """Compare two of a vendor's ids; a dated variant ("o3-mini-2025-01-31") is the same model, an alias never tells."""
    served = served.removeprefix("models/")
    if served == asked or asked.endswith("-latest"):
        return True
    return served.startswith(asked) and _DATED.match(served, len(asked)) is not None
