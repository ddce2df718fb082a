#!/bin/bash
# LiteLLM's Router takes a stream without a single chunk for an answer and makes up its finish_reason "stop".
# No fallback is asked and nothing is raised; yet after one word the missing finish_reason raises, and an
# error as the first event goes to the fallback. So the emptiest failure is the one that nobody sees.
# Seen with litellm 1.110.2: no text, "stop", and the fallback not asked.
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
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version

import litellm
from litellm import Router


def chunk(delta, finish_reason=None):
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return json.dumps({"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [choice]})


word = chunk({"role": "assistant", "content": "Once"})
error = json.dumps({"error": {"message": "Overloaded.", "type": "server_error", "code": "503"}})
STREAMS = {
    "nothing": ["[DONE]"],
    "word": [word, "[DONE]"],
    "error": [error],
    "healthy": [word, chunk({}, "stop"), "[DONE]"],
}
asked = []


class Model(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        name = self.path.split("/")[1]
        asked.append(name)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for event in STREAMS[name]:
            self.wfile.write(f"data: {event}\n\n".encode())

    def log_message(self, *_):
        pass


def deployment(name):
    params = {"model": "openai/gpt-4o", "api_key": "none", "api_base": f"{url}/{name}/v1"}
    return {"model_name": name, "litellm_params": params}


server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"
litellm.suppress_debug_info = True
logging.disable(logging.CRITICAL)
print("litellm", version("litellm"))
seen = {}
for name in ("nothing", "word", "error"):
    asked.clear()
    router = Router([deployment(name), deployment("healthy")], fallbacks=[{name: ["healthy"]}], num_retries=0)
    text, finish = "", None
    try:
        for part in router.completion(name, [{"role": "user", "content": "Hi?"}], stream=True):
            text += part.choices[0].delta.content or ""
            finish = part.choices[0].finish_reason or finish
    except Exception as raised:
        finish = type(raised).__name__
    print(f"  stream with {name}: text {text!r}, end {finish!r}, asked {asked}")
    seen[name] = text, finish, list(asked)
sys.exit(seen != {
    "nothing": ("", "stop", ["nothing"]),
    "word": ("Once", "APIConnectionError", ["word"]),
    "error": ("Once", "stop", ["error", "healthy"]),
})
PY
