"""With `complete` alone: an account, a key, options, sampling, failures, usage and a close."""

from collections.abc import Mapping
from typing import Any

from standby.plugin import (
    AttemptFailed,
    Card,
    Failure,
    Finish,
    Kind,
    ModelRequest,
    Provider,
    ProviderInfo,
    Reply,
    Usage,
    blocking,
    deep_merge,
    hookimpl,
    key_of,
    kind_of_status,
    retry_after,
)


@hookimpl
def standby_provider() -> ProviderInfo:
    return ProviderInfo(
        adapter="old_whole:Whole",
        keys=("OLD_API_KEY", "OLD_KEY"),
        options={
            "type": "object",
            "additionalProperties": False,
            "properties": {"tone": {"enum": ["plain", "formal"]}},
        },
        account={
            "type": "object",
            "additionalProperties": False,
            "properties": {"region": {"type": "string"}},
        },
        install="pip install old-sdk",
        card=Card(refuses=("top_k", "seed")),
        failures="old_whole:read_failure",
        errors=("503 tired. The model is tired.",),
    )


@hookimpl
def standby_models() -> Mapping[str, Card]:
    return {
        "whole-1": Card(
            context_window=200_000,
            output_limit=64,
            timeout=120.0,
            source="the vendor's page, November 2026",
        ),
        "whole-0": Card(wire={"path": "old"}, efforts=("low", "high"), system=False),
    }


def read_failure(status: int, headers: Mapping[str, str], body: Any) -> Failure:
    return Failure(
        kind=kind_of_status(status),
        status=status,
        code="tired",
        message=str(body),
        retry_after=retry_after(headers),
    )


class Whole:
    def __init__(self, provider: Provider) -> None:
        self._key = key_of(provider, "OLD_API_KEY", "OLD_KEY")
        self._region = (provider.options or {}).get("region", "nowhere")
        self.closed = 0

    async def complete(self, request: ModelRequest) -> Reply:
        if request.model == "whole-0":
            raise AttemptFailed(read_failure(503, {"retry-after": "7"}, "The model is tired."))
        if request.model == "whole-gone":
            raise AttemptFailed(Failure(kind=Kind.MODEL_MISSING, message="no such model"))
        text = await blocking(self._ask, request)
        return Reply(
            text=text,
            finish=Finish.LENGTH,
            usage=Usage(input=3, output=64),
            response_model=request.model,
            id="answer-1",
        )

    def _ask(self, request: ModelRequest) -> str:
        sampling = request.request.sampling
        body = deep_merge(
            {
                "tone": request.options.get("tone"),
                "tokens": sampling.max_tokens,
                "seed": sampling.seed,
            },
            request.extra,
        )
        return f"{len(self._key)} {self._region} {body}"

    async def aclose(self) -> None:
        self.closed += 1
