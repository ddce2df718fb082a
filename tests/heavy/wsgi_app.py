"""A WSGI application whose client is made when the module is imported, as most of them are.

`STANDBY_TEST_MODEL` is the address of its model. Paths: `/chat` is one blocking call, `/stream` one
streamed call, `/health` the health of the models.
"""

import os
from collections.abc import Callable, Iterable

from standby import Settings, Standby
from standby.settings import Chain, Model, Provider, Secret

Environment = dict[str, str]
StartResponse = Callable[[str, list[tuple[str, str]]], object]

server = Provider(
    plugin="openai", base_url=f"{os.environ['STANDBY_TEST_MODEL']}/v1", api_key=Secret("k")
)
client = Standby(
    settings=Settings(
        providers={"server": server},
        models={"gpt": Model(provider="server")},
        chains={"default": Chain(models=("gpt",), deadline=10.0)},
    )
)


def chat() -> str:
    return client.chat("hi").text


def stream() -> str:
    with client.stream("hi") as chunks:
        return "".join(chunk.text for chunk in chunks)


def health() -> str:
    return str(client.health()["gpt"].state)


ROUTES = {"/chat": chat, "/stream": stream, "/health": health}


def app(environ: Environment, start_response: StartResponse) -> Iterable[bytes]:
    answer = ROUTES[environ["PATH_INFO"]]()
    start_response("200 OK", [("content-type", "text/plain")])
    return [answer.encode()]


if os.environ.get("STANDBY_TEST_CALL_AT_IMPORT"):
    chat()
