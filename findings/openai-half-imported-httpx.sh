#!/bin/bash
# OpenAI's SDK fails each request while another thread imports httpx, which it does not even use.
# It looks up sys.modules["httpx"] at each request and takes a half imported module for a whole one.
# Any library that imports httpx late, as Google's google-genai does, makes a healthy model fail so.
# Seen with openai 3.57.0 and httpx 0.28.1: AttributeError before and none after the import.
# Exit status: 0 as seen, 1 if it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet openai==3.57.0 httpx==0.28.1
cd "$folder"
venv/bin/python - <<'PY'
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.abc import MetaPathFinder
from importlib.metadata import version

import openai

REPLY = json.dumps({
    "id": "1", "object": "chat.completion", "created": 0, "model": "gpt-4o",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}).encode()


class Model(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(REPLY)))
        self.end_headers()
        self.wfile.write(REPLY)

    def log_message(self, *_):
        pass


begun, go_on = threading.Event(), threading.Event()


class SlowDisk(MetaPathFinder):
    """Holds the import of httpx up at its first submodule, as a slow disk would."""

    def find_spec(self, name, path=None, target=None):
        if name.startswith("httpx."):
            begun.set()
            go_on.wait(30)


server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/v1"
client = openai.OpenAI(api_key="none", base_url=url, max_retries=0)


def ask():
    messages = [{"role": "user", "content": "Hi?"}]
    try:
        return client.chat.completions.create(model="gpt-4o", messages=messages).choices[0].message.content
    except Exception as error:
        return f"{type(error).__name__}: {error}"


print("openai", version("openai"), "httpx", version("httpx"))
seen = {"before the import": ask()}
sys.meta_path.insert(0, SlowDisk())
thread = threading.Thread(target=__import__, args=("httpx",))
thread.start()
begun.wait()
seen["during it"] = ask()
go_on.set()
thread.join()
seen["after it"] = ask()
for when, came in seen.items():
    print(f"{when}: {came}")
fails = seen.pop("during it").startswith("AttributeError: partially initialized module 'httpx'")
sys.exit(not fails or set(seen.values()) != {"Hi."})
PY
