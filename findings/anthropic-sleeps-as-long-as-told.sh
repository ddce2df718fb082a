#!/bin/bash
# Anthropic's SDK sleeps as long as a 429's Retry-After says, an hour here, inside a call with a time-out of 2 s.
# Its cap is 49 days; max_retries=0 avoids it. OpenAI's SDK, a near twin, raises at once instead.
# A caller that would ask another model on RateLimitError never gets one.
# Seen with anthropic 2.15.0 and openai 3.57.0: the first is still asleep after 6 s and says so in its log only.
# Exit status: 0 as seen, 1 if it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet anthropic==2.15.0 openai==3.57.0
cd "$folder"
venv/bin/python - <<'PY'
import logging
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version

import anthropic
import openai

REPLY = b'{"type": "error", "error": {"type": "rate_limit_error", "message": "Slow down."}}'


class Model(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(429)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(REPLY)))
        self.send_header("Retry-After", "3600")
        self.end_headers()
        self.wfile.write(REPLY)

    def log_message(self, *_):
        pass


class Retries(logging.Handler):
    def emit(self, record):
        if "Retrying request" in record.getMessage():
            print("   log:", record.getMessage())
            announced.append("3600" in record.getMessage())


announced = []
for name in ("anthropic", "openai"):
    logging.getLogger(name).setLevel(logging.INFO)
    logging.getLogger(name).addHandler(Retries())
server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"
question = {"model": "any", "messages": [{"role": "user", "content": "Hi?"}], "max_tokens": 9}
calls = {
    "anthropic": anthropic.Anthropic(api_key="none", base_url=url, timeout=2).messages.create,
    "openai": openai.OpenAI(api_key="none", base_url=url, timeout=2).chat.completions.create,
}
seen = {}
for name, call in calls.items():
    seen[name] = "no answer and no error after 6 s"

    def ask(name=name, call=call):
        try:
            call(**question)
        except Exception as error:
            seen[name] = type(error).__name__

    print(name, version(name))
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(6)
    print("  ", seen[name])
asleep = seen["anthropic"].startswith("no answer") and announced == [True]
sys.exit(not asleep or seen["openai"] != "RateLimitError")
PY
