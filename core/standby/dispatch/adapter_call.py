"""One call to one model: ask its adapter, and come back with a whole reply or one `AttemptFailed`."""

import re
from asyncio import CancelledError, sleep
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing
from inspect import isawaitable
from typing import Any, Protocol, cast

import msgspec

from standby.errors import AttemptFailed
from standby.failures import Failure, Kind
from standby.http.bodies import merged
from standby.inputs.schemas import data_of
from standby.plugin import Call
from standby.resilience.circuit_breaker import Breaker
from standby.resilience.retry_budget import Budget
from standby.resilience.timeouts import Watch
from standby.runtime.isolation import Origin, flaw_of, named, unawaited, words_of
from standby.settings import Card, Secret
from standby.types import (
    Chunk,
    End,
    Finish,
    Media,
    Part,
    Reasoning,
    Reply,
    Request,
    Text,
    ToolCall,
    ToolResult,
    Usage,
)

LONGEST_TEXT = 2_000
"""Characters of a vendor's words that are kept; an HTML page says no more in a hundred thousand."""

SHORTEST_KEY = 6
"""Characters: a shorter key is none that a vendor gives out, but what a server of one's own is sent to have something
("k", "none", "EMPTY"); cut out wherever it stands, it would tear holes into words that have it in
them: "bro***en"."""

SHORTEST_QUOTE = 8
"""Characters: a message's text of this length or more is cut out of a vendor's words that echo it."""

_TEXTS_OF_A_REPLY = (
    "text",
    "reasoning",
    "private",
    "served",
    "id",
    "model",
    "provider",
    "made_by",
    "notice",
)

_DATED = re.compile(r"[-@](\d|exp|preview|latest)")


class Permits(Protocol):
    """Limits the calls at once to one model."""

    async def take(self) -> bool:
        """Wait for a turn, not for long; false: there is none."""
        ...

    def give_back(self) -> None:
        """End a turn."""
        ...


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One model of a chain, ready to be asked: nothing implicit left.

    `adapter` raises `AttemptFailed` (`unavailable`) where there is none. `refused` are the sampling
    parameters not to be sent; `strict`: rather than leave one out the model is not asked.
    `own_names`: the endpoint is the vendor's own, so that the model it says it served means
    something. `missing_key` names the variable of a key that is not set. `secrets` are what no text
    may show. `breaker` and `budget` are shared with whoever else asks the same model.
    """

    name: str
    provider: str
    vendor_id: str
    card: Card
    timeout: float
    adapter: Callable[[], Awaitable[Any]]
    first_token_timeout: float = float("inf")
    idle_timeout: float = float("inf")
    options: Mapping[str, Any] = {}
    extra: Mapping[str, Any] = {}
    refused: tuple[str, ...] = ()
    strict: bool = False
    own_names: bool = True
    secrets: tuple[Secret, ...] = ()
    breaker: Breaker = msgspec.field(default_factory=Breaker)
    budget: Budget = msgspec.field(default_factory=Budget)
    permits: Permits | None = None
    missing_key: str = ""
    origin: Origin | None = None

    def breach(self, words: str) -> Failure:
        """Say how the plugin broke its promise; nobody may know where it comes from, in a test."""
        if self.origin is not None:
            return self.origin.breach(words)
        return Failure(
            kind=Kind.CONTRACT, message=f"the plugin of provider {self.provider!r} {words}"
        )


_NOBODY = object()


class Outlet:
    """Where the chunks of a stream go. One attempt at a time owns it: the first that has something to say."""

    def __init__(self, put: Callable[[Chunk], Awaitable[None]]) -> None:
        """Take the way out: `put` waits while the reader is behind. `whole`: hold everything back until it is complete.

        `speakers` are the attempts whose text went out, in order, or the whole reply; a reset chunk
        lies between two.
        """
        self.whole = False
        self.owner: object | None = None
        self.owned: Callable[[Watch], None] = lambda _: None
        self.speakers: list[Watch | Reply] = []
        self._put = put
        self._out: list[Chunk] = []

    @property
    def released(self) -> bool:
        """Say whether the caller has seen anything; from then on no other model may answer in silence."""
        return bool(self._out)

    @property
    def partial(self) -> str:
        """Return the text that has gone out and still counts."""
        return "".join(chunk.text for chunk in self._out)

    async def release(self, watch: Watch, chunk: Chunk) -> bool:
        """Hand a piece of an attempt's answer to the caller; false: another attempt was first, or all of it is held back."""
        if self.whole:
            return False
        if self.owner is None:
            self.owner = watch
            self.owned(watch)
        if self.owner is watch:
            watch.stop()
            try:
                await self._hand_out(watch, chunk)
            finally:
                watch.go_on()
        return self.owner is watch

    async def complete(self, reply: Reply) -> None:
        """Hand out what was held back."""
        for chunk in chunks_of(reply) if self.whole else ():
            await self._hand_out(reply, chunk)

    async def _hand_out(self, speaker: Watch | Reply, chunk: Chunk) -> None:
        """Put a chunk out, and a reset before it where another attempt's words are out; cancelled, it is still owed."""
        if not self.speakers or self.speakers[-1] is not speaker:
            if self._out:
                await self._put(Chunk(reset=True))
                self._out.clear()
            self.speakers.append(speaker)
        self._out.append(chunk)
        await self._put(chunk)

    def disown(self) -> None:
        """Let another attempt begin anew; the caller hears of it when it does."""
        self.owner = None

    def shut(self) -> None:
        """Let nothing more out."""
        self.owner = self.owner or _NOBODY


def chunks_of(reply: Reply) -> list[Chunk]:
    """Return a whole reply in pieces: its text and reasoning, and each of its tool calls."""
    said = [Chunk(reply.text, reasoning=reply.reasoning)] if reply.text or reply.reasoning else []
    return said + [Chunk(tool_call=call) for call in reply.tool_calls]


def end_of(reply: Reply) -> End:
    """Return what a stream's last chunk says of its reply."""
    return End(**{name: getattr(reply, name) for name in End.__struct_fields__})


def maker(entry: Entry) -> str:
    """Name the model whose private state a call bears: its provider and the vendor's id, whatever the entry is called."""
    return f"{entry.provider}/{entry.vendor_id}"


async def attempt(
    entry: Entry, request: Request, watch: Watch, outlet: Outlet | None = None
) -> Reply:
    """Return the model's whole reply; raises `AttemptFailed`, whatever the adapter did, or lets cancellation through.

    With an `outlet` the answer is asked for in pieces, which then must come in time; those that
    mean something go there.
    """
    if entry.permits is not None and not await entry.permits.take():
        words = "as many calls are under way as its concurrency allows"
        raise AttemptFailed(Failure(kind=Kind.UNAVAILABLE, message=words))
    try:
        adapter = await entry.adapter()
        call = Call(
            request=request,
            model=entry.vendor_id,
            card=entry.card,
            options=entry.options,
            timeout=watch.left(),
            extra=merged(entry.extra, request.extra.get(entry.provider, {})),
        )
        reply = await _ask(adapter, call, watch, outlet, entry)
    except AttemptFailed as error:
        if flaw := flaw_of(error.failure, Failure):
            raise _scrubbed(
                entry.breach(f"raised TypeError: Failure: {flaw}"), entry, request
            ) from error
        raise _scrubbed(error.failure, entry, request) from _without_frames(error.__cause__)
    except TimeoutError as error:
        raise _scrubbed(
            timed_out(words_of(error) or "the adapter gave up"), entry, request
        ) from error
    except ConnectionError as error:
        failure = Failure(
            kind=Kind.CONNECTION,
            message=f"connection error: {words_of(error) or type(error).__name__}",
        )
        raise _scrubbed(failure, entry, request) from error
    except (KeyboardInterrupt, CancelledError, GeneratorExit):
        raise  # the program's own; Running tells of what the plugin made up
    except BaseException as error:
        raise _scrubbed(entry.breach(f"raised {named(error)}"), entry, request) from error
    finally:
        if entry.permits is not None:
            entry.permits.give_back()
    return reply


def judge(reply: Reply, entry: Entry) -> Failure | None:
    """Say what is doubtful about a reply that is otherwise whole: cut at a token limit, or served by another model."""
    if is_another(reply, entry):
        return Failure(
            kind=Kind.WRONG_MODEL, message=f"asked for {entry.vendor_id}, served by {reply.served}"
        )
    if reply.finish is Finish.LENGTH:
        return Failure(
            kind=Kind.TRUNCATED,
            message=f"truncated: the token limit cut it after {reply.usage.output} tokens",
        )
    return None


def is_another(reply: Reply, entry: Entry) -> bool:
    """Say whether the vendor has served another model than was asked."""
    return entry.own_names and reply.served != "" and not _same_model(entry.vendor_id, reply.served)


def timed_out(words: str) -> Failure:
    """Return the failure of an attempt that took too long."""
    return Failure(kind=Kind.TIMEOUT, message=f"timeout: {words}")


async def _ask(
    adapter: Any, call: Call, watch: Watch, outlet: Outlet | None, entry: Entry
) -> Reply:
    reply = await _answer(adapter, call, watch, outlet)
    if not _is_plain(reply) and (flaw := flaw_of(reply, Reply)):
        raise TypeError(f"Reply: {flaw}")
    if not reply.text.strip() and not reply.tool_calls:
        raise AttemptFailed(
            Failure(kind=Kind.EMPTY, message=f"empty: a reply without text, finish {reply.finish}")
        )
    if call.request.schema is not None and not reply.tool_calls:
        cut_after = reply.usage.output if reply.finish is Finish.LENGTH else None
        reply = msgspec.structs.replace(
            reply, data=data_of(reply.text, call.request.schema, cut_after)
        )
    reply = _signed(reply, entry)
    if outlet is not None:
        said = outlet.owner is watch  # then its words have gone out as they came
        for chunk in chunks_of(reply):
            if chunk.tool_call is not None or not said:
                await outlet.release(watch, chunk)
    return reply


async def _answer(adapter: Any, call: Call, watch: Watch, outlet: Outlet | None) -> Reply:
    """Call the adapter's method; raises `TypeError`, in words for its author, for one that is not written as it must be."""
    if hasattr(adapter, "stream") and (outlet is not None or not hasattr(adapter, "complete")):
        chunks = adapter.stream(call)
        if isawaitable(chunks):
            unawaited(chunks)
            raise TypeError(
                f"stream() returned a {type(chunks).__name__}: write it as 'async def' with 'yield'"
            )
        return await _relay(chunks, watch, outlet)
    answer = adapter.complete(call)
    if not isawaitable(answer):
        raise TypeError(
            f"complete() returned a {type(answer).__name__}: write it as 'async def' without 'yield'"
        )
    reply = await answer
    if not isinstance(reply, Reply):
        unawaited(reply)
        raise TypeError(f"complete() returned a {type(reply).__name__}, not a Reply")
    return reply


def _is_plain(reply: Reply) -> bool:
    """Say at a glance that a reply without tool calls has the right types; a closer look costs a fifth of the whole walk."""
    usage = reply.usage
    return (
        reply.tool_calls == ()
        and type(usage) is Usage
        and type(reply.finish) is Finish
        and all(
            type(count) is int
            for count in (usage.input, usage.output, usage.reasoning, usage.cached)
        )
        and all(type(getattr(reply, name)) is str for name in _TEXTS_OF_A_REPLY)
        and reply.trail == ()
    )


def _signed(reply: Reply, entry: Entry) -> Reply:
    """Say on a reply, and on each of its tool calls, who made it."""
    made_by = maker(entry)
    return msgspec.structs.replace(
        reply,
        tool_calls=tuple(
            msgspec.structs.replace(call, made_by=made_by) for call in reply.tool_calls
        ),
        model=entry.name,
        provider=entry.provider,
        made_by=made_by,
        notice=entry.card.notice or reply.notice,
    )


async def _relay(stream: AsyncIterator[Chunk], watch: Watch, outlet: Outlet | None) -> Reply:
    """Collect a stream, handing its text out from the first that means something; only an end makes it a reply.

    Its tool calls are kept until then: a call of a stream that breaks is never handed out, so that
    no tool runs twice. What it thinks before it speaks is kept until it does.
    """
    texts: list[str] = []
    thoughts: list[str] = []
    calls: list[ToolCall] = []
    held, begun = Chunk(), False
    watch.streams()
    async with aclosing(
        cast("AsyncGenerator[Chunk, None]", stream)
    ) as chunks:  # one without aclose() breaks the contract
        async for chunk in chunks:
            if watch.owes_a_turn():
                await sleep(0)
            if chunk.working or chunk.reasoning or chunk.tool_call is not None:
                watch.works()
            if chunk.tool_call is not None:
                calls.append(chunk.tool_call)
            if chunk.text or chunk.reasoning:
                texts.append(chunk.text)
                thoughts.append(chunk.reasoning)
                held = Chunk(held.text + chunk.text, reasoning=held.reasoning + chunk.reasoning)
                begun = begun or not (held.text == "" or held.text.isspace())
                if begun:
                    watch.token()
                    if outlet is None or await outlet.release(watch, held):
                        held = Chunk()
            if chunk.end is not None:
                end = chunk.end
                return Reply(
                    text="".join(texts),
                    reasoning="".join(thoughts),
                    tool_calls=tuple(calls),
                    **{name: getattr(end, name) for name in End.__struct_fields__},
                )
    raise AttemptFailed(
        Failure(kind=Kind.MALFORMED, message="the stream ended without its end marker")
    )


def _scrubbed(failure: Failure, entry: Entry, request: Request) -> AttemptFailed:
    """Keep keys and the caller's own words out of a failure's message, and the message short."""
    message, known_as = (
        without_keys(failure.message, entry.secrets),
        without_keys(failure.id, entry.secrets),
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


def _without_frames(error: BaseException | None) -> BaseException | None:
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


def _same_model(asked: str, served: str) -> bool:
    """Compare two of a vendor's ids; a dated variant ("o3-mini-2025-01-31") is the same model, an alias never tells."""
    served = served.removeprefix("models/")
    if served == asked or asked.endswith("-latest"):
        return True
    return served.startswith(asked) and _DATED.match(served, len(asked)) is not None
