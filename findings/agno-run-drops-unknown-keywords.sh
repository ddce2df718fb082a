#!/bin/bash
# Agno's Agent.run() takes any keyword: a slip for images= drops the picture in silence, and the run is COMPLETED.
# Seen with agno 3.1.10 and openai 3.57.0: "images" is in the request, "image" is not, and neither raises.
# Exit status: 0 as seen, 1 if it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet agno==3.1.10 openai==3.57.0
cd "$folder"
venv/bin/python - <<'PY'
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version

from agno.agent import Agent
from agno.media import Image
from agno.models.openai import OpenAIChat

REPLY = json.dumps({
    "id": "1", "object": "chat.completion", "created": 0, "model": "gpt-4o",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "A dot."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}).encode()
bodies = []


class Model(BaseHTTPRequestHandler):
    def do_POST(self):
        bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(REPLY)))
        self.end_headers()
        self.wfile.write(REPLY)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/v1"
agent = Agent(model=OpenAIChat(id="gpt-4o", api_key="none", base_url=url), telemetry=False)
picture = [Image(content=b"\x89PNG\r\n\x1a\n" + b"\0" * 16)]
print("agno", version("agno"), "openai", version("openai"))
seen = {}
for keyword in ("images", "image"):
    run = agent.run("What is it?", **{keyword: picture})
    seen[keyword] = b"image_url" in bodies[-1]
    print(f"{keyword}=[...]: {run.status.value}, the request has the picture: {seen[keyword]}")
sys.exit(seen != {"images": True, "image": False})
PY
