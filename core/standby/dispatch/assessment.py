"""What is questionable about a reply that is otherwise whole."""

import re

from standby.dispatch.target import Target
from standby.failures import Failure, Kind
from standby.types import Finish, Reply

_DATED = re.compile(r"[-@](\d|exp|preview|latest)")


def assess(reply: Reply, target: Target) -> Failure | None:
    """Find what is questionable about a reply.

    Args:
        reply: a whole reply.
        target: the requested model.

    Returns:
        A failure of the kind `wrong_model` or `truncated`; `None` for a good reply.

    """
    if is_wrong_model(reply, target):
        message = f"asked for {target.vendor_id}, served by {reply.response_model}"
        return Failure(kind=Kind.WRONG_MODEL, message=message)
    if reply.finish is Finish.LENGTH:
        message = f"truncated: the token limit cut it after {reply.usage.output} tokens"
        return Failure(kind=Kind.TRUNCATED, message=message)
    return None


def is_wrong_model(reply: Reply, target: Target) -> bool:
    """Return whether the vendor answered with another model than was requested.

    Args:
        reply: a whole reply.
        target: the requested model.

    Returns:
        True if the vendor names another model; a dated variant ("o3-mini-2025-01-31") is the same
        one, and an alias ("…-latest") says nothing.

    """
    if not (target.verify_response_model and reply.response_model):
        return False
    requested, answered = target.vendor_id, reply.response_model.removeprefix("models/")
    if answered == requested or requested.endswith("-latest"):
        return False
    return not (answered.startswith(requested) and _DATED.match(answered, len(requested)))
