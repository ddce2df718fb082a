"""One call of one adapter: it returns a whole reply, or raises one `AttemptFailed`."""

from asyncio import CancelledError, sleep
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from contextlib import aclosing
from inspect import isawaitable
from typing import Any, TypeVar, cast

from msgspec.structs import astuple, replace

from standby.dispatch.redaction import drop_frames, redact, redact_names, shows_key
from standby.dispatch.stream_gate import StreamGate, chunks_of
from standby.dispatch.target import Target
from standby.errors import AttemptFailed
from standby.failures import Failure, Kind
from standby.http.bodies import deep_merge
from standby.inputs.schemas import parse_data
from standby.resilience.timeouts import AttemptTimer
from standby.runtime.attempt_clock import ATTEMPT_CLOCK
from standby.runtime.isolation import (
    close_awaitable,
    describe_error,
    error_message,
    type_error,
)
from standby.runtime.shortages import describe_shortage
from standby.types import Chunk, End, Finish, ModelRequest, Reply, Request, ToolCall, Usage

T = TypeVar("T")

_REPLY_TYPES = tuple(map(type, astuple(Reply(text=""))))
_USAGE_TYPES = tuple(map(type, astuple(Usage())))


class AdapterCall:
    """Asks one model's adapter, in pieces where the call has a gate for them."""

    __slots__ = ("_gate", "_request", "_timer", "target")

    def __init__(
        self,
        target: Target,
        request: Request,
        timer: AttemptTimer,
        gate: StreamGate,
    ) -> None:
        """Prepare the call; nothing is sent yet.

        Args:
            target: the model.
            request: what fits it.
            timer: notes each sign of life.
            gate: where the chunks that mean something go.

        """
        self.target = target
        self._request = request
        self._timer = timer
        self._gate = gate

    async def run(self) -> Reply:
        """Return the model's whole reply.

        Returns:
            The reply, checked, and marked with the model that made it.

        Raises:
            AttemptFailed: the model failed, or its plugin broke its promise.

        """
        ATTEMPT_CLOCK.set(self._timer)  # for this attempt's task alone
        permits = self.target.permits
        if permits is not None and not await self._without_clock(permits.acquire()):
            message = "as many calls are in flight as its concurrency allows"
            raise AttemptFailed(Failure(kind=Kind.UNAVAILABLE, message=message))
        try:
            return await self._send()
        except (KeyboardInterrupt, CancelledError, GeneratorExit):
            raise  # the program's own; `AttemptTask` reports what the plugin made up
        except BaseException as error:  # noqa: BLE001 - a plugin's, even SystemExit
            redacted, cause = self._redact(error)
            raise AttemptFailed(redacted) from cause
        finally:
            if permits is not None:
                permits.release()

    def _redact(self, error: BaseException) -> tuple[Failure, BaseException | None]:
        """Return the failure without keys, and its cause, unless that shows a key.

        Its locals hold the keys still, so they must not be in a frame of the traceback.
        """
        failure = self._failure_of(error)
        is_expected = isinstance(error, AttemptFailed) and failure is error.failure
        cause = drop_frames(error.__cause__) if is_expected else error
        secrets = self.target.secrets
        if cause is not None and shows_key(cause, secrets):
            cause = None
        return redact(failure, secrets, self._request), cause

    async def _send(self) -> Reply:
        target, request = self.target, self._request
        adapter = await target.adapter()  # the pool stops the clock while it has to make one
        extra = request.extra.get(target.provider)
        model_request = ModelRequest(
            request=request,
            model=target.vendor_id,
            card=target.card,
            options=target.options,
            timeout=self._timer.remaining(),
            extra=deep_merge(target.extra, extra) if extra else target.extra,
        )
        reply = self._accept(await self._ask(adapter, model_request))
        if self._gate.is_open:
            await self._release_rest(reply)
        return reply

    async def _ask(self, adapter: Any, model_request: ModelRequest) -> Reply:
        """Call the adapter's method; raises `TypeError`, worded for its author, for a wrong one."""
        wants_stream = self._gate.streams or not hasattr(adapter, "complete")
        if wants_stream and hasattr(adapter, "stream"):
            chunks = adapter.stream(model_request)
            if isawaitable(chunks):
                close_awaitable(chunks)
                kind = type(chunks).__name__
                raise TypeError(f"stream() returned a {kind}: write it as 'async def' with 'yield'")
            return await self._collect(chunks)
        answer = adapter.complete(model_request)
        if not isawaitable(answer):
            kind = type(answer).__name__
            raise TypeError(
                f"complete() returned a {kind}: write it as 'async def' without 'yield'"
            )
        reply = await answer
        if not isinstance(reply, Reply):
            close_awaitable(reply)
            raise TypeError(f"complete() returned a {type(reply).__name__}, not a Reply")
        return reply

    async def _collect(self, stream: AsyncIterator[Chunk]) -> Reply:
        """Collect a stream, and pass on what means something; only an end makes it a reply."""
        timer, clock, parts = self._timer, self._timer.clock, _Parts()
        timer.start_stream()
        # an iterator without aclose() breaks the contract
        async with aclosing(cast("AsyncGenerator[Chunk, None]", stream)) as chunks:
            async for chunk in chunks:
                now = clock()
                if now >= timer.yield_at:
                    timer.note_yield(now)
                    await sleep(0)
                if parts.add(chunk):
                    timer.token(now)
                    if (waiting := self._pass_on(parts)) is not None:
                        await self._without_clock(waiting)
                elif _is_sign_of_life(chunk):
                    timer.keep_alive(now)
                if chunk.end is not None:
                    return parts.reply(chunk.end)
        message = "the stream ended without its end marker"
        raise AttemptFailed(Failure(kind=Kind.MALFORMED, message=message))

    def _pass_on(self, parts: "_Parts") -> Awaitable[None] | None:
        """Hand the pending text to the caller, if this attempt may; else it stays pending."""
        gate = self._gate
        if not gate.is_open:
            return None
        if gate.committed is self or gate.admits(self):
            return gate.release(self, self.target, parts.take())
        return None

    async def _release_rest(self, reply: Reply) -> None:
        """Pass on what has not gone out as it came: tool calls, and all of a reply in one piece."""
        gate = self._gate
        has_streamed = gate.committed is self
        for chunk in chunks_of(reply):
            if chunk.tool_call is None and has_streamed:
                continue
            if gate.admits(self) and (waiting := gate.release(self, self.target, chunk)):
                await self._without_clock(waiting)

    async def _without_clock(self, waiting: Awaitable[T]) -> T:
        """Wait for something that is not the model's, such as the caller's reader."""
        self._timer.pause()
        try:
            return await waiting
        finally:
            self._timer.resume()

    def _accept(self, reply: Reply) -> Reply:
        """Check a reply, read its data, and mark it, and each of its tool calls, with its maker."""
        if not _has_right_types(reply) and (problem := type_error(reply, Reply)):
            raise TypeError(f"Reply: {problem}")
        if not reply.text.strip() and not reply.tool_calls:
            message = f"empty: a reply without text, finish {reply.finish}"
            raise AttemptFailed(Failure(kind=Kind.EMPTY, message=message))
        target, schema, data = self.target, self._request.schema, reply.data
        calls: tuple[ToolCall, ...] = ()
        producer = target.producer
        response_model, response_id = redact_names(reply, target.secrets)
        if reply.tool_calls:
            calls = tuple(replace(call, produced_by=producer) for call in reply.tool_calls)
        elif schema is not None:
            cut_after = reply.usage.output if reply.finish is Finish.LENGTH else None
            data = parse_data(reply.text, schema, cut_after)
        return replace(
            reply,
            data=data,
            tool_calls=calls,
            response_model=response_model,
            id=response_id,
            model=target.name,
            provider=target.provider,
            produced_by=producer,
            disclaimer=target.card.disclaimer or reply.disclaimer,
        )

    def _failure_of(self, error: BaseException) -> Failure:
        """Return the failure that an exception of the plugin's stands for."""
        if isinstance(error, AttemptFailed):
            problem = type_error(error.failure, Failure)
            if not problem:
                return error.failure
            return self.target.contract_violation(f"raised TypeError: Failure: {problem}")
        if missing := describe_shortage(error):
            return Failure(kind=Kind.UNAVAILABLE, message=missing)
        if isinstance(error, TimeoutError):
            return timeout_failure(error_message(error) or "the adapter gave up")
        if isinstance(error, ConnectionError):
            message = f"connection error: {error_message(error) or type(error).__name__}"
            return Failure(kind=Kind.CONNECTION, message=message)
        return self.target.contract_violation(f"raised {describe_error(error)}")


class _Parts:
    """What has come of a stream.

    Tool calls are held until its end, so that no tool runs twice where it breaks; reasoning is held
    until there is text. What is held is a range of the pieces, joined once, when it is taken.
    """

    __slots__ = ("_calls", "_has_text", "_taken", "_texts", "_thoughts")

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._thoughts: list[str] = []
        self._taken = 0
        self._calls: list[ToolCall] = []
        self._has_text = False

    def add(self, chunk: Chunk) -> bool:
        """Take a chunk in; return whether it brings something to pass on."""
        if chunk.tool_call is not None:
            self._calls.append(chunk.tool_call)
        if not (chunk.text or chunk.reasoning):
            return False
        self._texts.append(chunk.text)
        self._thoughts.append(chunk.reasoning)
        self._has_text = self._has_text or chunk.text.strip() != ""
        return self._has_text

    def take(self) -> Chunk:
        """Return the text and reasoning that nobody has taken yet; `add` has just said yes."""
        start, self._taken = self._taken, len(self._texts)
        if start == self._taken - 1:
            return Chunk(self._texts[-1], reasoning=self._thoughts[-1])
        return Chunk("".join(self._texts[start:]), reasoning="".join(self._thoughts[start:]))

    def reply(self, end: End) -> Reply:
        """Return the reply that the end marker completes."""
        return Reply(
            text="".join(self._texts),
            reasoning="".join(self._thoughts),
            tool_calls=tuple(self._calls),
            **{name: getattr(end, name) for name in End.__struct_fields__},
        )


def timeout_failure(message: str) -> Failure:
    """Return the failure of an attempt that took too long.

    Args:
        message: what did not come in time.

    Returns:
        A failure of the kind `timeout`.

    """
    return Failure(kind=Kind.TIMEOUT, message=f"timeout: {message}")


def _is_sign_of_life(chunk: Chunk) -> bool:
    return any((chunk.working, chunk.reasoning, chunk.tool_call))


def _has_right_types(reply: Reply) -> bool:
    """Return whether a reply without tool calls is typed well, at a glance: more is slow."""
    if reply.tool_calls or reply.trail:
        return False
    is_typed = tuple(map(type, astuple(reply))) == _REPLY_TYPES
    return is_typed and tuple(map(type, astuple(reply.usage))) == _USAGE_TYPES
