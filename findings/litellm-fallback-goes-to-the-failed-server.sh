#!/bin/bash
# LiteLLM's completion(fallbacks=[...]) asks a fallback of another vendor at the server that has just failed,
# with the failed vendor's key, when the call named its api_base and api_key: those outrank the fallback's own
# variables of the environment, so the healthy vendor is never asked. With api_key alone it is asked, with
# the key of the failed vendor. Nothing says so but the fallback's own error, if the vendor gives a clear one.
# Seen with litellm 1.110.2: see the lists of the servers asked.
# Exit status: 0 as seen, 1 if it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet litellm==1.110.2
cd "$folder"
LITELLM_LOCAL_MODEL_COST_MAP=True venv/bin/python - <<'PY'
import json
import logging
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version

ANSWER = {
    "id": "1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5",
    "content": [{"type": "text", "text": "Hi."}], "stop_reason": "end_turn", "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 1},
}
asked = []


class Vendor(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        key = self.headers["x-api-key"] or self.headers["Authorization"]
        asked.append((self.server.name, self.path, key))
        status = 500 if self.server.name == "first" else 200
        reply = json.dumps({"error": {"message": "Down."}} if status == 500 else ANSWER).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_):
        pass


def start(name):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Vendor)
    server.name = name
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


first, second = start("first"), start("second")
os.environ["ANTHROPIC_API_BASE"] = second
os.environ["ANTHROPIC_API_KEY"] = "key-of-second"

import litellm  # noqa: E402

litellm.suppress_debug_info = True
logging.disable(logging.CRITICAL)
print("litellm", version("litellm"))
fallback = "anthropic/claude-sonnet-4-5"


def ask(**options):
    asked.clear()
    messages = [{"role": "user", "content": "Hi?"}]
    try:
        came = litellm.completion(messages=messages, max_tokens=9, num_retries=0, **options)
        came = came.choices[0].message.content
    except Exception as error:
        came = type(error).__name__
    print(f"  {came}")
    for server, path, key in asked:
        print(f"    {server} server: {path} with {key}")
    return came, [server for server, _, _ in asked], asked[-1][2]


print("The fallback alone:")
alone = ask(model=fallback)
print("The first vendor by api_base and api_key, then the fallback:")
both = ask(model="openai/gpt-4o", api_base=first, api_key="key-of-first", fallbacks=[fallback])
print("The first vendor by api_key, then the fallback:")
os.environ["OPENAI_BASE_URL"] = first
key = ask(model="openai/gpt-4o", api_key="key-of-first", fallbacks=[fallback])
seen = alone == ("Hi.", ["second"], "key-of-second")
seen = seen and both == ("APIConnectionError", ["first", "first"], "key-of-first")
seen = seen and key == ("Hi.", ["first", "second"], "key-of-first")
sys.exit(not seen)
PY
