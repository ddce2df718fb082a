"""Adapters that break when they are made or called, and what the trail says of each."""

from standby.failures import Kind
from tests.plugins.sources import HALT, HEAD, MUTE, OWNER, Broken, acme, completes, streams

UNUSABLE = f"plugin 'acme' ({OWNER}) cannot be used: acme_sdk:Acme"

PROPERTY = f"{HEAD}class Acme:\n    def __init__(self, provider): pass\n    @property\n"
IGNORES = """async def complete(self, request):
        until = time.monotonic() + 1
        while time.monotonic() < until:
            try: await asyncio.sleep(0.05)
            except asyncio.CancelledError: pass"""


def contract_violation(action: str) -> str:
    """Return the message about an adapter that broke the contract."""
    return f"plugin 'acme' ({OWNER}) {action}; update acme-broken, or report this to its authors"


ITSELF = contract_violation("cancelled itself")


def failure_code(fields: str) -> str:
    return completes(f"raise AttemptFailed(Failure({fields}))")


SOURCES = {
    "a class that calls itself": Broken(
        "def f(): f()\nf()", f"{UNUSABLE}: RecursionError: maximum recursion depth exceeded"
    ),
    "an import that raises a BaseException": Broken(
        f"{HALT}raise Halt('halt')", f"{UNUSABLE}: Halt: halt"
    ),
    "an import that is cancelled": Broken(
        "import asyncio; raise asyncio.CancelledError",
        f"{UNUSABLE}: CancelledError",
    ),
    "an import without a message": Broken(
        f"{MUTE}raise Mute", f"{UNUSABLE}: Mute, whose message cannot be shown"
    ),
    "a function": Broken(
        "async def Acme(provider): ...", f"{UNUSABLE} has neither 'complete' nor 'stream'"
    ),
    "a constructor that raises": Broken(
        acme("async def complete(self, request): ...", init_body="raise ValueError('no licence')"),
        contract_violation("raised ValueError: no licence"),
        kind=Kind.CONTRACT,
    ),
    "a constructor that exits": Broken(
        acme("async def complete(self, request): ...", init_body="sys.exit('no licence')"),
        contract_violation("raised SystemExit: no licence"),
        kind=Kind.CONTRACT,
    ),
    "a constructor that raises a BaseException": Broken(
        HALT + acme("async def complete(self, request): ...", init_body="raise Halt('halt')"),
        contract_violation("raised Halt: halt"),
        kind=Kind.CONTRACT,
    ),
    "a constructor that is cancelled": Broken(
        acme("async def complete(self, request): ...", init_body="raise asyncio.CancelledError"),
        contract_violation("raised CancelledError"),
        kind=Kind.CONTRACT,
    ),
    "a constructor that makes nothing": Broken(
        "def Acme(provider): return None\nAcme.complete = print\n",
        contract_violation("raised AttributeError: 'NoneType' object has no attribute 'complete'"),
        kind=Kind.CONTRACT,
    ),
    "a method that is None": Broken(
        acme(init_body="pass") + "    complete = None\n",
        contract_violation("raised TypeError: 'NoneType' object is not callable"),
        kind=Kind.CONTRACT,
    ),
    "a property that raises": Broken(
        f"{PROPERTY}    def complete(self): raise OSError('gone')\n",
        contract_violation("raised OSError: gone"),
        kind=Kind.CONTRACT,
    ),
}

COMPLETE = {
    "without the request": Broken(
        acme("async def complete(self): return Reply(text='x')"),
        "TypeError: Acme.complete() takes 1 positional argument but 2 were given",
    ),
    "nothing": Broken(
        completes("return None"), "TypeError: complete() returned a NoneType, not a Reply"
    ),
    "a text": Broken(
        completes("return 'Hello.'"), "TypeError: complete() returned a str, not a Reply"
    ),
    "a coroutine": Broken(
        completes("return self.complete(request)"),
        "TypeError: complete() returned a coroutine, not a Reply",
    ),
    "a generator": Broken(
        completes("yield Reply(text='Hello.')"),
        "TypeError: complete() returned a async_generator: write it as 'async def' without 'yield'",
    ),
    "a text that is a number": Broken(
        completes("return Reply(text=5)"),
        "TypeError: Reply: expected `str`, got `int` - at `text`",
    ),
    "a text in bytes": Broken(
        completes("return Reply(text=b'Hello.')"),
        "TypeError: Reply: expected `str`, got `bytes` - at `text`",
    ),
    "no usage": Broken(
        completes("return Reply(text='Hello.', usage=None, finish=Finish.LENGTH)"),
        "TypeError: Reply: expected `object`, got `null` - at `usage`",
    ),
    "an odd finish": Broken(
        completes("return Reply(text='Hello.', finish='odd')"),
        "TypeError: Reply: invalid enum value 'odd' - at `finish`",
    ),
    "a response model that is a number": Broken(
        completes("return Reply(text='Hello.', response_model=5)"),
        "TypeError: Reply: expected `str`, got `int` - at `response_model`",
    ),
    "calls that are a number": Broken(
        completes("return Reply(text='Hello.', tool_calls=5)"),
        "TypeError: Reply: expected `array`, got `int` - at `tool_calls`",
    ),
    "an error with a text": Broken(
        completes("raise AttemptFailed('overloaded')"),
        "AttributeError: 'str' object has no attribute 'text'",
    ),
    "an error without a failure": Broken(
        completes("raise AttemptFailed"),
        "TypeError: AttemptFailed.__init__() missing 1 required positional argument: 'failure'",
    ),
    "a failure of no kind": Broken(
        failure_code("kind='tired', message='zzz'"),
        "TypeError: Failure: invalid enum value 'tired' - at `kind`",
    ),
    "a failure without a message": Broken(
        failure_code("kind=Kind.OVERLOADED, message=None"),
        "TypeError: Failure: expected `str`, got `null` - at `message`",
    ),
    "a delay as a text": Broken(
        failure_code("kind=Kind.RATE_LIMITED, message='slow', retry_after='soon'"),
        "TypeError: Failure: expected `float | null`, got `str` - at `retry_after`",
    ),
    "an error whose message raises": Broken(
        MUTE + completes("raise Mute"), "Mute, whose message cannot be shown"
    ),
    "StopIteration": Broken(
        completes("raise StopIteration"), "RuntimeError: coroutine raised StopIteration"
    ),
    "an error without a message": Broken(
        completes("raise StopAsyncIteration"), "StopAsyncIteration"
    ),
    "a group": Broken(
        completes("raise ExceptionGroup('many', [ValueError('one')])"),
        "ExceptionGroup: many (1 sub-exception)",
    ),
    "endless recursion": Broken(
        completes("return await self.complete(request)"),
        "RecursionError: maximum recursion depth exceeded",
    ),
    "an exit": Broken(completes("sys.exit(3)"), "SystemExit: 3"),
    "the end of a generator": Broken(completes("raise GeneratorExit"), "GeneratorExit"),
    "a BaseException": Broken(HALT + completes("raise Halt('halt')"), "Halt: halt"),
    "a group of exits": Broken(
        completes("raise BaseExceptionGroup('many', [SystemExit(3)])"),
        "BaseExceptionGroup: many (1 sub-exception)",
    ),
}

STREAM = {
    "without the request": Broken(
        acme("async def stream(self): yield Chunk('Hello.', End())"),
        "TypeError: Acme.stream() takes 1 positional argument but 2 were given",
    ),
    "nothing": Broken(
        acme("def stream(self, request): return None"),
        "AttributeError: 'NoneType' object has no attribute 'aclose'",
    ),
    "not async": Broken(
        acme("def stream(self, request): yield Chunk('Hello.', End())"),
        "AttributeError: 'generator' object has no attribute 'aclose'",
    ),
    "texts": Broken(
        streams("yield 'Hello.'"), "AttributeError: 'str' object has no attribute 'tool_call'"
    ),
    "Nones": Broken(
        streams("yield None"), "AttributeError: 'NoneType' object has no attribute 'tool_call'"
    ),
    "a number": Broken(
        streams("yield Chunk(5)"), "AttributeError: 'int' object has no attribute 'strip'"
    ),
    "an end that is a number": Broken(
        streams("yield Chunk('Hello.', 5)"),
        "AttributeError: 'int' object has no attribute 'finish'",
    ),
    "an end without usage": Broken(
        streams("yield Chunk('Hello.', End(usage=None, finish=Finish.LENGTH))"),
        "TypeError: Reply: expected `object`, got `null` - at `usage`",
    ),
    "a call that is a dictionary": Broken(
        streams("yield Chunk(tool_call={'name': 'f'})\nyield Chunk('', End())"),
        "TypeError: Reply: object missing required field `id` - at `tool_calls[0]`",
    ),
    "StopAsyncIteration": Broken(
        streams("yield Chunk('Hello')\nraise StopAsyncIteration"),
        "RuntimeError: async generator raised StopAsyncIteration",
    ),
    "an error at its close": Broken(
        streams("try: yield Chunk('Hello.', End())\nfinally: raise RuntimeError('closing')"),
        "RuntimeError: closing",
    ),
    "a chunk after its close": Broken(
        streams("try: yield Chunk('Hello.', End())\nexcept GeneratorExit: yield Chunk('more')"),
        "RuntimeError: async generator ignored GeneratorExit",
    ),
    "an exit": Broken(streams("yield Chunk('Hello')\nsys.exit(3)"), "SystemExit: 3"),
    "an exit at its close": Broken(
        streams("try: yield Chunk('Hello.', End())\nfinally: sys.exit(4)"), "SystemExit: 4"
    ),
    "the end of a generator": Broken(
        streams("yield Chunk('Hello')\nraise GeneratorExit"), "GeneratorExit"
    ),
    "a BaseException": Broken(
        HALT + streams("yield Chunk('Hello')\nraise Halt('halt')"), "Halt: halt"
    ),
}

LATE = {
    "ignores its cancellation": Broken(
        acme(IGNORES), "timeout: no answer in 0.5s", kind=Kind.TIMEOUT
    ),
    "blocks the loop, and then waits": Broken(
        completes("time.sleep(0.6); await asyncio.sleep(60)"),
        "timeout: no answer in 0.5s",
        kind=Kind.TIMEOUT,
    ),
    "a stream that hangs": Broken(
        streams("yield Chunk('Hello')\nawait asyncio.sleep(60)"),
        "timeout: no complete answer in 0.5s",
        kind=Kind.TIMEOUT,
    ),
    "a stream without end": Broken(
        streams("while True:\n    yield Chunk('Hello')\n    await asyncio.sleep(0.01)"),
        "timeout: no complete answer in 0.5s",
        kind=Kind.TIMEOUT,
    ),
    "a stream that never waits": Broken(
        streams(
            "until = time.monotonic() + 1.5\nwhile time.monotonic() < until: yield Chunk('Hello')"
        ),
        "timeout: no complete answer in 0.5s",
        kind=Kind.TIMEOUT,
    ),
    "a stream that hangs at its close": Broken(
        streams("try: yield Chunk('Hello.', End())\nfinally: await asyncio.sleep(60)"),
        "timeout: no complete answer in 0.5s",
        kind=Kind.TIMEOUT,
    ),
    "complete that cancels itself": Broken(
        completes("raise asyncio.CancelledError"), ITSELF, kind=Kind.CONTRACT
    ),
    "complete that cancels its task": Broken(
        completes("asyncio.current_task().cancel(); await asyncio.sleep(1)"),
        ITSELF,
        kind=Kind.CONTRACT,
    ),
    "a stream that cancels itself": Broken(
        streams("yield Chunk('Hello')\nraise asyncio.CancelledError"), ITSELF, kind=Kind.CONTRACT
    ),
    "a stream without its end marker": Broken(
        streams("yield Chunk('Hello.')"),
        "the stream ended without its end marker",
        kind=Kind.MALFORMED,
    ),
}


def _contract(table: dict[str, Broken]) -> dict[str, Broken]:
    return {
        name: Broken(each.source, contract_violation(f"raised {each.message}"), kind=Kind.CONTRACT)
        for name, each in table.items()
    }


ADAPTERS = {
    f"{kind}: {name}": broken
    for kind, table in (
        ("made", SOURCES),
        ("complete", _contract(COMPLETE)),
        ("stream", _contract(STREAM)),
        ("late", LATE),
    )
    for name, broken in table.items()
}

CLOSE = {
    "raises": Broken("async def aclose(self): raise RuntimeError('closing')"),
    "is not a coroutine": Broken("def aclose(self): pass"),
    "takes a parameter": Broken("async def aclose(self, now): pass"),
    "raises an error without a message": Broken("async def aclose(self): raise Mute"),
    "exits": Broken("async def aclose(self): sys.exit(4)"),
    "raises a BaseException": Broken("async def aclose(self): raise Halt('halt')"),
    "cancels itself": Broken("async def aclose(self): raise asyncio.CancelledError"),
}
"""Adapters that answer but cannot be closed."""
