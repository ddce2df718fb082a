#!/bin/bash
# Installing aiohttp, for whatever other library, changes what the time-out of Google's google-genai means.
# Without it the time-out bounds the wait for each piece of a stream; with it, the whole async stream is
# cut when that much time has passed, however steadily it flows, while the sync client still gets it all.
# Seen with google-genai 3.6.1 and aiohttp 3.14.5: "TimeoutError" where there were six pieces.
# Exit status: 0 as seen, 1 if it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet google-genai==3.6.1
cd "$folder"
cat > probe.py <<'PY'
import asyncio
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import PackageNotFoundError, version

from google import genai

PIECES = ["one ", "two ", "three ", "four ", "five ", "six"]
EVERY, TIMEOUT = 0.4, 1.2


class Model(BaseHTTPRequestHandler):
    """Sends a piece of the answer every 0.4 seconds."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        try:
            for piece in PIECES:
                candidate = {"content": {"role": "model", "parts": [{"text": piece}]}}
                if piece is PIECES[-1]:
                    candidate["finishReason"] = "STOP"
                self.wfile.write(f"data: {json.dumps({'candidates': [candidate]})}\n\n".encode())
                time.sleep(EVERY)
        except OSError:
            pass  # The client has gone.

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = genai.Client(
    api_key="none",
    http_options={"base_url": f"http://127.0.0.1:{server.server_port}", "timeout": int(TIMEOUT * 1000)},
)
question = {"model": "gemini-2.5-flash", "contents": "Count."}


def run_sync():
    came = []
    try:
        for chunk in client.models.generate_content_stream(**question):
            came.append(chunk.text)
    except Exception as error:
        came.append(type(error).__name__)
    return came


async def run_async():
    came = []
    try:
        async for chunk in await client.aio.models.generate_content_stream(**question):
            came.append(chunk.text)
    except Exception as error:
        came.append(type(error).__name__)
    await client.aio.aclose()
    return came


try:
    aiohttp = version("aiohttp")
except PackageNotFoundError:
    aiohttp = None
print("google-genai", version("google-genai"), "aiohttp", aiohttp or "is not installed")
sync, waited = run_sync(), asyncio.run(run_async())
print(f"  a piece every {EVERY} s, time-out {TIMEOUT} s, sync:  {sync}")
print(f"  a piece every {EVERY} s, time-out {TIMEOUT} s, async: {waited}")
cut = 0 < len(waited) < len(PIECES) and waited[-1] == "TimeoutError"
sys.exit(sync != PIECES or not (cut if aiohttp else waited == PIECES))
PY
changed=0
venv/bin/python probe.py || changed=1
venv/bin/python -m pip install --quiet aiohttp==3.14.5
venv/bin/python probe.py || changed=1
exit "$changed"
