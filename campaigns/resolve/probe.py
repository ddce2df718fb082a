"""Call a chain of two vendors whose first model answers 500, in the environment at hand.

Prints one JSON object: the results through `Standby` and through `openai_client()`. It imports
nothing of the tests, and runs in an environment that has only standby and one package.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import PackageNotFoundError, version
from typing import Any

ANSWER = "Lisbon."
REPLY = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 0,
    "model": "o3-mini",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": ANSWER}, "finish_reason": "stop"}
    ],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
}
FAULT = {"error": {"code": 500, "message": "An internal error has occurred.", "status": "INTERNAL"}}


class Vendors(BaseHTTPRequestHandler):
    """Gemini, which is down, and OpenAI."""

    def do_POST(self) -> None:
        """Answer the request."""
        self.rfile.read(int(self.headers["Content-Length"]))
        down = "generateContent" in self.path
        body = json.dumps(FAULT if down else REPLY).encode()
        self.send_response(500 if down else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


def call_both(url: str) -> dict[str, str]:
    """Return the result of each way: "yes", or what was raised."""
    from standby import Settings, Standby, openai_client  # noqa: PLC0415 - a failure is a result
    from standby.settings import Chain, Model, Provider, Retry, Secret  # noqa: PLC0415 - likewise

    settings = Settings(
        providers={
            "gemini": Provider(plugin="gemini", base_url=url, api_key=Secret("key-of-no-account")),
            "openai": Provider(
                plugin="openai", base_url=f"{url}/v1", api_key=Secret("key-of-no-account")
            ),
        },
        models={"gemini-2.5-pro": Model(provider="gemini"), "o3-mini": Model(provider="openai")},
        chains={"default": Chain(models=("gemini-2.5-pro", "o3-mini"), retry=Retry(attempts=1))},
    )

    def call_standby() -> str:
        with Standby(settings=settings) as client:
            reply = client.chat("Which city?")
            return check_answer(reply.text, [attempt.kind or "" for attempt in reply.trail])

    def call_openai() -> str:
        with openai_client(settings=settings) as client:
            raw = client.chat.completions.with_raw_response.create(
                model="default", messages=[{"role": "user", "content": "Which city?"}]
            )
            trail = raw.headers["x-standby-trail"]
            return check_answer(
                raw.parse().choices[0].message.content,
                ["server_error"] if "server_error 500" in trail else [],
            )

    return {"standby": call(call_standby), "openai_client": call(call_openai)}


def check_answer(text: Any, kinds: list[str]) -> str:
    """Return "yes" if the second model answered after the first one had failed."""
    return "yes" if text == ANSWER and "server_error" in kinds else f"{text!r} after {kinds}"


def call(function: Any) -> str:
    """Return the answer, or what was raised."""
    try:
        return str(function())
    except Exception as error:  # noqa: BLE001 - each is a result
        return f"{type(error).__name__}: {error}"


def find_version(name: str) -> str:
    """Return a distribution's version, "" if it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Vendors)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    results = call_both(f"http://127.0.0.1:{server.server_port}")
    results["openai"] = find_version("openai")
    print(json.dumps(results))  # noqa: T201 - the result
