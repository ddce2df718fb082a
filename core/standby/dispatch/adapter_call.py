"""One call to one model: ask its adapter, and come back with a whole reply or one `AttemptFailed`."""

from asyncio import CancelledError, sleep
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from inspect import isawaitable
from typing import Any, cast

import msgspec

from standby.dispatch.redaction import drop_frames, redact
from standby.dispatch.stream_gate import StreamGate, chunks_of
from standby.dispatch.target import Target, producer
from standby.errors import AttemptFailed
from standby.failures import Failure, Kind
from standby.http.bodies import deep_merge
from standby.inputs.schemas import parse_data
from standby.resilience.timeouts import AttemptTimer
from standby.runtime.isolation import close_awaitable, describe_error, error_message, type_error
from standby.types import (
    Chunk,
    End,
    Finish,
    ModelRequest,
    Reply,
    Request,
    ToolCall,
    Usage,
)

_TEXTS_OF_A_REPLY = (
    "text",
    "reasoning",
    "provider_state",
    "response_model",
    "id",
    "model",
    "provider",
    "produced_by",
    "disclaimer",
)


async def attempt(
    target: Target, request: Request, timer: AttemptTimer, outlet: StreamGate | None = None
) -> Reply:
    """Return the model's whole reply; raises `AttemptFailed`, whatever the adapter did, or lets cancellation through.

    With an `outlet` the answer is asked for in pieces, which then must come in time; those that
    mean something go there.
    """
    if target.permits is not None and not await target.permits.acquire():
        words = "as many calls are under way as its concurrency allows"
        raise AttemptFailed(Failure(kind=Kind.UNAVAILABLE, message=words))
    try:
        adapter = await target.adapter()
        call = ModelRequest(
            request=request,
            model=target.vendor_id,
            card=target.card,
            options=target.options,
            timeout=timer.remaining(),
            extra=deep_merge(target.extra, request.extra.get(target.provider, {})),
        )
        reply = await _ask(adapter, call, timer, outlet, target)
    except AttemptFailed as error:
        if flaw := type_error(error.failure, Failure):
            raise redact(
                target.contract_violation(f"raised TypeError: Failure: {flaw}"), target, request
            ) from error
        raise redact(error.failure, target, request) from drop_frames(error.__cause__)
    except TimeoutError as error:
        raise redact(
            timeout_failure(error_message(error) or "the adapter gave up"), target, request
        ) from error
    except ConnectionError as error:
        failure = Failure(
            kind=Kind.CONNECTION,
            message=f"connection error: {error_message(error) or type(error).__name__}",
        )
        raise redact(failure, target, request) from error
    except (KeyboardInterrupt, CancelledError, GeneratorExit):
        raise  # the program's own; Running tells of what the plugin made up
    except BaseException as error:
        raise redact(
            target.contract_violation(f"raised {describe_error(error)}"), target, request
        ) from error
    finally:
        if target.permits is not None:
            target.permits.release()
    return reply


def timeout_failure(words: str) -> Failure:
    """Return the failure of an attempt that took too long."""
    return Failure(kind=Kind.TIMEOUT, message=f"timeout: {words}")


async def _ask(
    adapter: Any, call: ModelRequest, timer: AttemptTimer, outlet: StreamGate | None, target: Target
) -> Reply:
    reply = await _answer(adapter, call, timer, outlet)
    if not _is_plain(reply) and (flaw := type_error(reply, Reply)):
        raise TypeError(f"Reply: {flaw}")
    if not reply.text.strip() and not reply.tool_calls:
        raise AttemptFailed(
            Failure(kind=Kind.EMPTY, message=f"empty: a reply without text, finish {reply.finish}")
        )
    if call.request.schema is not None and not reply.tool_calls:
        cut_after = reply.usage.output if reply.finish is Finish.LENGTH else None
        reply = msgspec.structs.replace(
            reply, data=parse_data(reply.text, call.request.schema, cut_after)
        )
    reply = _signed(reply, target)
    if outlet is not None:
        said = outlet.owner is timer  # then its words have gone out as they came
        for chunk in chunks_of(reply):
            if chunk.tool_call is not None or not said:
                await outlet.release(timer, chunk)
    return reply


async def _answer(
    adapter: Any, call: ModelRequest, timer: AttemptTimer, outlet: StreamGate | None
) -> Reply:
    """Call the adapter's method; raises `TypeError`, in words for its author, for one that is not written as it must be."""
    if hasattr(adapter, "stream") and (outlet is not None or not hasattr(adapter, "complete")):
        chunks = adapter.stream(call)
        if isawaitable(chunks):
            close_awaitable(chunks)
            raise TypeError(
                f"stream() returned a {type(chunks).__name__}: write it as 'async def' with 'yield'"
            )
        return await _relay(chunks, timer, outlet)
    answer = adapter.complete(call)
    if not isawaitable(answer):
        raise TypeError(
            f"complete() returned a {type(answer).__name__}: write it as 'async def' without 'yield'"
        )
    reply = await answer
    if not isinstance(reply, Reply):
        close_awaitable(reply)
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


def _signed(reply: Reply, target: Target) -> Reply:
    """Say on a reply, and on each of its tool calls, who made it."""
    made_by = producer(target)
    return msgspec.structs.replace(
        reply,
        tool_calls=tuple(
            msgspec.structs.replace(call, produced_by=made_by) for call in reply.tool_calls
        ),
        model=target.name,
        provider=target.provider,
        produced_by=made_by,
        disclaimer=target.card.disclaimer or reply.disclaimer,
    )


async def _relay(
    stream: AsyncIterator[Chunk], timer: AttemptTimer, outlet: StreamGate | None
) -> Reply:
    """Collect a stream, handing its text out from the first that means something; only an end makes it a reply.

    Its tool calls are kept until then: a call of a stream that breaks is never handed out, so that
    no tool runs twice. What it thinks before it speaks is kept until it does.
    """
    texts: list[str] = []
    thoughts: list[str] = []
    calls: list[ToolCall] = []
    held, begun = Chunk(), False
    timer.start_stream()
    async with aclosing(
        cast("AsyncGenerator[Chunk, None]", stream)
    ) as chunks:  # one without aclose() breaks the contract
        async for chunk in chunks:
            if timer.should_yield():
                await sleep(0)
            if chunk.working or chunk.reasoning or chunk.tool_call is not None:
                timer.keep_alive()
            if chunk.tool_call is not None:
                calls.append(chunk.tool_call)
            if chunk.text or chunk.reasoning:
                texts.append(chunk.text)
                thoughts.append(chunk.reasoning)
                held = Chunk(held.text + chunk.text, reasoning=held.reasoning + chunk.reasoning)
                begun = begun or not (held.text == "" or held.text.isspace())
                if begun:
                    timer.token()
                    if outlet is None or await outlet.release(timer, held):
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
