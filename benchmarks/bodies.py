"""What a larger request costs against the vendors' own SDKs: ten tools and a schema, or 1 MB.

usage: python benchmarks/bodies.py [--rounds N]
"""

import argparse
import asyncio
import base64
import sys
from typing import Any

import openai
from google import genai
from google.genai import types
from ratios import Ratio, compare
from server import run_server

from standby import AsyncStandby, Settings
from standby.cards import Card
from standby.settings import Chain, Model, Provider, Secret

LIMIT = 1.1
KEY = "benchmark"
QUESTION = "Which city is this?"
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4096
SCHEMA: dict[str, Any] = {
    "title": "place",
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
FUNCTIONS: list[dict[str, Any]] = [
    {"name": f"tool_{number}", "description": "Looks a city up.", "parameters": SCHEMA}
    for number in range(10)
]
TOOLS: list[Any] = [{"type": "function", "function": function} for function in FUNCTIONS]
FORMAT: Any = {
    "type": "json_schema",
    "json_schema": {"name": "place", "schema": SCHEMA, "strict": True},
}
URL = f"data:image/png;base64,{base64.b64encode(PICTURE).decode()}"
PICTURE_MESSAGES: list[Any] = [
    {
        "role": "user",
        "content": [
            {"type": "text", "text": QUESTION},
            {"type": "image_url", "image_url": {"url": URL}},
        ],
    }
]


def client(url: str) -> AsyncStandby:
    """Return a client with one chain for each vendor."""
    key = Secret(KEY)
    able = Card(reads=("image",), tools=True, schema=True)
    models = {
        "gemini": Model(provider="g", model="gemini-3.8-flash", card=able),
        "openai": Model(provider="o", model="gpt-4.1", card=able),
    }
    providers = {
        "g": Provider(plugin="gemini", base_url=url, api_key=key),
        "o": Provider(plugin="openai", base_url=f"{url}/v1", api_key=key),
    }
    chains = {name: Chain(models=(name,)) for name in models}
    return AsyncStandby(
        settings=Settings(providers=providers, models=models, chains=chains), warm_up=False
    )


async def measure(url: str, rounds: int) -> dict[str, Ratio]:
    """Compare whole calls."""
    bare_openai = openai.AsyncOpenAI(
        api_key=KEY, base_url=f"{url}/v1", max_retries=0
    ).chat.completions
    bare_gemini = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=url))
    messages: Any = [{"role": "user", "content": QUESTION}]
    declared: Any = [
        {
            "function_declarations": [
                {**tool, "parameters_json_schema": tool["parameters"]} for tool in FUNCTIONS
            ]
        }
    ]
    for tool in declared[0]["function_declarations"]:
        del tool["parameters"]
    config: Any = {
        "tools": declared,
        "response_mime_type": "application/json",
        "response_json_schema": SCHEMA,
    }

    async def bare_gemini_picture() -> None:
        picture = types.Part.from_bytes(data=PICTURE, mime_type="image/png")
        await bare_gemini.aio.models.generate_content(
            model="gemini-3.8-flash", contents=[QUESTION, picture]
        )

    async with client(url) as ours:
        return {
            "openai, ten tools and a schema": await compare(
                lambda: ours.chat(QUESTION, chain="openai", tools=TOOLS, schema=SCHEMA),
                lambda: bare_openai.create(
                    model="gpt-4.1", messages=messages, tools=TOOLS, response_format=FORMAT
                ),
                rounds=rounds,
                calls=10,
            ),
            "openai, a picture of 1 MB": await compare(
                lambda: ours.chat(PICTURE_MESSAGES, chain="openai"),
                lambda: bare_openai.create(model="gpt-4.1", messages=PICTURE_MESSAGES),
                rounds=rounds,
                calls=2,
            ),
            "gemini, ten tools and a schema": await compare(
                lambda: ours.chat(QUESTION, chain="gemini", tools=TOOLS, schema=SCHEMA),
                lambda: bare_gemini.aio.models.generate_content(
                    model="gemini-3.8-flash", contents=QUESTION, config=config
                ),
                rounds=rounds,
                calls=10,
            ),
            "gemini, a picture of 1 MB": await compare(
                lambda: ours.chat(PICTURE_MESSAGES, chain="gemini"),
                bare_gemini_picture,
                rounds=rounds,
                calls=2,
            ),
        }


async def main() -> int:
    """Print a table; the exit status is 1 if a ratio is above its limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=21)
    rounds = parser.parse_args().rounds
    with run_server() as url:
        ratios = await measure(url, rounds)
    for name, ratio in ratios.items():
        seconds_of_both = ratio.format_seconds("ms", digits=1)
        print(f"| {name} | {ratio} | limit {LIMIT} | {seconds_of_both} |")
    return int(any(ratio.median > LIMIT for ratio in ratios.values()))


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
