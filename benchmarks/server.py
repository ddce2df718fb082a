"""A server in its own process that answers each request at once with one small body, on two wires.

With `--gemini-is-down` it answers Gemini's wire with an error 500; with `--delay 0.05` each answer
comes after so many seconds; with `--pace 0.002` a stream's events come one by one, so far apart.
"""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator

import msgspec

GEMINI = {
    "candidates": [
        {
            "content": {"parts": [{"text": "Lisbon."}], "role": "model"},
            "finishReason": "STOP",
            "index": 0,
        }
    ],
    "usageMetadata": {
        "promptTokenCount": 12,
        "candidatesTokenCount": 3,
        "totalTokenCount": 40,
        "thoughtsTokenCount": 25,
    },
    "modelVersion": "gemini-2.5-pro",
    "responseId": "benchmark",
}
OPENAI = {
    "id": "chatcmpl-benchmark",
    "object": "chat.completion",
    "created": 1_790_000_000,
    "model": "o3-mini-2025-01-31",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Lisbon."},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 12, "completion_tokens": 28, "total_tokens": 40},
}


def stream(texts: list[str]) -> bytes:
    """Return an HTTP answer with an OpenAI stream of these texts, one in each chunk."""

    def event(choices: list[object], **rest: object) -> bytes:
        return b"data: %s\n\n" % msgspec.json.encode(
            {"model": OPENAI["model"], "choices": choices, **rest}
        )

    events = [
        event([{"index": 0, "delta": {"content": text}, "finish_reason": None}]) for text in texts
    ]
    events.append(event([{"index": 0, "delta": {}, "finish_reason": "stop"}]))
    events.append(event([], usage=OPENAI["usage"]))
    events.append(b"data: [DONE]\n\n")
    return chunked(events)


def gemini_stream(texts: list[str]) -> bytes:
    """Return an HTTP answer with a Gemini stream of these texts, one in each event."""
    last = len(texts) - 1
    return chunked(
        [
            b"data: %s\r\n\r\n"
            % msgspec.json.encode(
                {
                    "candidates": [
                        {
                            "content": {"parts": [{"text": text}], "role": "model"},
                            "index": 0,
                            **({"finishReason": "STOP"} if number == last else {}),
                        }
                    ],
                    "usageMetadata": GEMINI["usageMetadata"],
                    "modelVersion": GEMINI["modelVersion"],
                    "responseId": GEMINI["responseId"],
                }
            )
            for number, text in enumerate(texts)
        ]
    )


def chunked(events: list[bytes]) -> bytes:
    """Return an HTTP answer of server-sent events, one in each chunk."""
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    return head + b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in events) + b"0\r\n\r\n"


def answer(value: object, status: bytes = b"200 OK") -> bytes:
    """Return an HTTP answer with `value` as JSON."""
    body = msgspec.json.encode(value)
    return (
        b"HTTP/1.1 "
        + status
        + b"\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    )


class Server(asyncio.Protocol):
    """Reads requests with a Content-Length, answers each; nothing else."""

    def __init__(self) -> None:
        """Start with no data."""
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport for the answers."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer as soon as a request is complete."""
        self.received += data
        head, separator, rest = self.received.partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        if len(rest) < length:
            return
        self.received = rest[length:]
        wire = "openai" if b"chat/completions" in head.split(b"\r\n")[0] else "gemini"
        streams = b'"stream":true' in rest or b"streamGenerateContent" in head.split(b"\r\n")[0]
        has_schema = b"json_schema" in rest or b"JsonSchema" in rest
        form = "stream" if streams else "data" if has_schema else "text"
        response = DOWN if wire == "gemini" and GEMINI_IS_DOWN else ANSWERS[wire, form]
        if streams and PACE:
            head, _, events = response.partition(b"\r\n\r\n")
            self.write(head + b"\r\n\r\n")
            self.write_slowly(events)
        elif DELAY:
            asyncio.get_running_loop().call_later(DELAY, self.write, response)
        else:
            self.write(response)

    def write(self, data: bytes) -> None:
        """Send."""
        self.transport.write(data)  # type: ignore[attr-defined]

    def write_slowly(self, chunks: bytes) -> None:
        """Send the next chunk, and the others later."""
        size = chunks.partition(b"\r\n")[0]
        end = len(size) + int(size, 16) + 4  # two line ends
        self.write(chunks[:end])
        if chunks[end:]:
            asyncio.get_running_loop().call_later(PACE, self.write_slowly, chunks[end:])


DATA = b'{\\"city\\":\\"Lisbon\\"}'
"""The text that replaces "Lisbon." if the request has a schema, escaped for a JSON string."""


def data(value: object) -> bytes:
    """Return the answer with data in place of its text."""
    return answer(msgspec.Raw(msgspec.json.encode(value).replace(b"Lisbon.", DATA)))


ANSWERS = {
    ("openai", "text"): answer(OPENAI),
    ("openai", "data"): data(OPENAI),
    ("openai", "stream"): stream(["token "] * 100),
    ("gemini", "text"): answer(GEMINI),
    ("gemini", "stream"): gemini_stream(["token "] * 100),
    ("gemini", "data"): data(GEMINI),
}


def option(name: str) -> float:
    """Return the number behind an option of the command line."""
    return float(sys.argv[sys.argv.index(name) + 1]) if name in sys.argv else 0.0


GEMINI_IS_DOWN = "--gemini-is-down" in sys.argv
DELAY, PACE = option("--delay"), option("--pace")
DOWN = answer(
    {"error": {"code": 500, "message": "An internal error has occurred.", "status": "INTERNAL"}},
    b"500 Internal Server Error",
)


@contextlib.contextmanager
def run_server(*options: str) -> Iterator[str]:
    """Run the server in its own process; yields its URL."""
    process = subprocess.Popen(  # noqa: S603 - this very file
        [sys.executable, __file__, *options], stdout=subprocess.PIPE, text=True
    )
    if process.stdout is None:
        raise RuntimeError("the server has no output")
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


async def main() -> None:
    """Serve until terminated."""
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    print(f"http://{host}:{port}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
