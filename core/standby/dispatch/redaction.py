"""Keep keys and the caller's own text out of what a vendor says, and bound its length."""

from collections.abc import Iterable, Iterator
from traceback import format_exception

import msgspec

from standby.failures import Failure
from standby.settings import Secret
from standby.types import Media, Part, Reasoning, Reply, Request, Text, ToolCall, ToolResult

LONGEST_TEXT = 2_000
"""Characters of a vendor's message that are kept; a page of HTML says no more in 100,000."""

LONGEST_NAME = 200
"""Characters of a vendor's code, id, or name of a model that are kept."""

SHORTEST_KEY = 6
"""Characters. No vendor gives out a shorter key; people send "k", "none" or "EMPTY" to servers of
their own. Cut out wherever it stands, such a key would tear holes into the text: "bro***en"."""

SHORTEST_QUOTE = 8
"""Characters: a caller's text of this length or more is cut out of a message that echoes it."""


def redact(failure: Failure, secrets: Iterable[Secret], request: Request) -> Failure:
    """Return a failure without keys and without the caller's text, its texts cut to length.

    Args:
        failure: what the plugin, or the dispatcher, has to say.
        secrets: the keys that no text may show.
        request: the caller's request, whose text the vendor may echo.

    Returns:
        The same failure with texts that are safe to log.

    """
    secrets = tuple(secrets)
    quotes = [text for text in _quotable(request) if len(text) >= SHORTEST_QUOTE]

    def clean(text: str, longest: int) -> str:
        text = hide_keys(text, secrets)
        for quote in quotes:
            text = text.replace(quote, "[…]")
        return shorten(text, longest)

    return msgspec.structs.replace(
        failure,
        message=clean(failure.message, LONGEST_TEXT),
        code=failure.code and clean(failure.code, LONGEST_NAME),
        id=clean(failure.id, LONGEST_NAME),
    )


def redact_names(reply: Reply, secrets: Iterable[Secret]) -> tuple[str, str]:
    """Return what goes from a reply onto the trail, without keys and cut to length.

    Args:
        reply: what the plugin returned.
        secrets: the keys that no text may show.

    Returns:
        The model's name in the vendor's response, and the vendor's id of the answer.

    """
    response_model = hide_keys(reply.response_model, secrets)
    return shorten(response_model, LONGEST_NAME), shorten(
        hide_keys(reply.id, secrets), LONGEST_NAME
    )


def shorten(text: str, longest: int) -> str:
    """Return a text, cut to a length, with a mark where it was cut.

    Args:
        text: any text.
        longest: the characters to keep.

    Returns:
        The text.

    """
    return text if len(text) <= longest else text[:longest] + " […]"


def hide_keys(text: str, secrets: Iterable[Secret]) -> str:
    """Return a text with stars in the place of each key.

    Args:
        text: what is to be shown.
        secrets: the keys.

    Returns:
        The text; keys shorter than `SHORTEST_KEY` stay.

    """
    for secret in secrets:
        key = secret.reveal()
        text = text if len(key) < SHORTEST_KEY else text.replace(key, "***")
    return text


def shows_key(error: BaseException, secrets: Iterable[Secret]) -> bool:
    """Say whether the traceback of an exception shows a key, in its own text or in a cause's.

    Args:
        error: an exception of a plugin's.
        secrets: the keys.

    Returns:
        Whether it does.

    """
    text = "".join(format_exception(error))
    return hide_keys(text, secrets) != text


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


def _quotable(request: Request) -> Iterator[str]:
    """Yield the caller's texts that a vendor may echo."""
    for message in request.messages:
        for part in message.parts:
            yield from _texts(part)


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
