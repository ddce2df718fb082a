"""Keep keys and the caller's own text out of what a failure says."""

from collections.abc import Iterable

import msgspec

from standby.dispatch.target import Target
from standby.errors import AttemptFailed
from standby.failures import Failure
from standby.settings import Secret
from standby.types import Media, Part, Reasoning, Request, Text, ToolResult

LONGEST_TEXT = 2_000
"""Characters of a vendor's words that are kept; an HTML page says no more in a hundred thousand."""

SHORTEST_KEY = 6
"""Characters: a shorter key is none that a vendor gives out, but what a server of one's own is sent to have something
("k", "none", "EMPTY"); cut out wherever it stands, it would tear holes into words that have it in
them: "bro***en"."""

SHORTEST_QUOTE = 8
"""Characters: a message's text of this length or more is cut out of a vendor's words that echo it."""


def redact(failure: Failure, target: Target, request: Request) -> AttemptFailed:
    """Keep keys and the caller's own words out of a failure's message, and the message short."""
    message, known_as = (
        without_keys(failure.message, target.secrets),
        without_keys(failure.id, target.secrets),
    )
    for text in (
        text for message_ in request.messages for part in message_.parts for text in _texts(part)
    ):
        if len(text) >= SHORTEST_QUOTE:
            message = message.replace(text, "[…]")
    if len(message) > LONGEST_TEXT:
        message = message[:LONGEST_TEXT] + " […]"
    return AttemptFailed(msgspec.structs.replace(failure, message=message, id=known_as))


def without_keys(text: str, secrets: Iterable[Secret]) -> str:
    """Put stars in the place of each key, wherever it stands."""
    for key in (secret.reveal() for secret in secrets):
        text = text if len(key) < SHORTEST_KEY else text.replace(key, "***")
    return text


def drop_frames(error: BaseException | None) -> BaseException | None:
    """Take the frames off what lies below a failure that was expected: their locals hold keys, and a vendor's raw words."""
    below = error
    while below is not None:
        below.__traceback__ = None
        below = below.__cause__ or below.__context__
    return error


def _texts(part: Part) -> list[str]:
    """Return the caller's own words in a part."""
    if isinstance(part, ToolResult):
        return [part.text, *(media.data or media.url for media in part.media)]
    if isinstance(part, Text | Reasoning):
        return [part.text]
    if isinstance(part, Media):
        return [part.data or part.url]
    return [value for value in part.arguments.values() if isinstance(value, str)]
