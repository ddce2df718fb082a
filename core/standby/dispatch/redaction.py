"""Keep keys and the caller's own text out of what a failure says."""

from collections.abc import Iterable

import msgspec

from standby.failures import Failure
from standby.settings import Secret
from standby.types import Media, Part, Reasoning, Request, Text, ToolCall, ToolResult

LONGEST_TEXT = 2_000
"""Characters of a vendor's message that are kept; a page of HTML says no more in 100,000."""

SHORTEST_KEY = 6
"""Characters. No vendor gives out a shorter key; people send "k", "none" or "EMPTY" to servers of
their own. Cut out wherever it stands, such a key would tear holes into the text: "bro***en"."""

SHORTEST_QUOTE = 8
"""Characters: a caller's text of this length or more is cut out of a message that echoes it."""


def redact(failure: Failure, secrets: Iterable[Secret], request: Request) -> Failure:
    """Return a failure without keys and without the caller's text, its message cut to length.

    Args:
        failure: what the plugin, or the dispatcher, has to say.
        secrets: the keys that no text may show.
        request: the caller's request, whose text the vendor may echo.

    Returns:
        The same failure with a message that is safe to log.

    """
    message, response_id = hide_keys(failure.message, secrets), hide_keys(failure.id, secrets)
    for each in request.messages:
        for part in each.parts:
            for text in _texts(part):
                if len(text) >= SHORTEST_QUOTE:
                    message = message.replace(text, "[…]")
    if len(message) > LONGEST_TEXT:
        message = message[:LONGEST_TEXT] + " […]"
    return msgspec.structs.replace(failure, message=message, id=response_id)


def hide_keys(text: str, secrets: Iterable[Secret]) -> str:
    """Return a text with stars in the place of each key.

    Args:
        text: what is to be shown.
        secrets: the keys.

    Returns:
        The text; keys shorter than `SHORTEST_KEY` stay.

    """
    for key in (secret.reveal() for secret in secrets):
        text = text if len(key) < SHORTEST_KEY else text.replace(key, "***")
    return text


def drop_frames(error: BaseException | None) -> BaseException | None:
    """Take the frames off an exception and its causes: their locals hold keys and raw answers.

    Args:
        error: the cause of a failure that was expected.

    Returns:
        The same exception.

    """
    below = error
    while below is not None:
        below.__traceback__ = None
        below = below.__cause__ or below.__context__
    return error


def _texts(part: Part) -> list[str]:
    match part:
        case ToolResult():
            return [part.text, *(media.data or media.url for media in part.media)]
        case Text() | Reasoning():
            return [part.text]
        case Media():
            return [part.data or part.url]
        case ToolCall():
            return [value for value in part.arguments.values() if isinstance(value, str)]
