"""Settings made in code: chains of scripted models, and of vendors' models behind local servers."""

from typing import Any

from standby import Settings
from standby.settings import Chain, Model, Provider, Secret


def scripted_chain(*models: Any, **chain: Any) -> Settings:
    """Return a chain of scripted models, "m1" first; each is a list of steps, or a fixed reply."""
    options = (
        {"script": model} if isinstance(model, list) else {"reply": model} for model in models
    )
    named = {
        f"m{number}": Model(provider="scripted", options=each)
        for number, each in enumerate(options, 1)
    }
    return Settings(models=named, chains={"default": Chain(models=tuple(named), **chain)})


def loopback_chain(*, gemini: str = "", openai: str = "", **chain: Any) -> Settings:
    """Return a chain of Gemini's and OpenAI's models behind servers at these URLs, "" for none."""
    entries = {
        "gemini": (
            Provider(plugin="gemini", base_url=gemini, api_key=Secret("g-key")),
            "gemini-2.5-pro",
        ),
        "openai": (
            Provider(plugin="openai", base_url=f"{openai}/v1", api_key=Secret("o-key")),
            "o3-mini",
        ),
    }
    vendors = [name for name, url in (("gemini", gemini), ("openai", openai)) if url]
    return Settings(
        providers={f"at-{name}": entries[name][0] for name in vendors},
        models={entries[name][1]: Model(provider=f"at-{name}") for name in vendors},
        chains={"default": Chain(models=tuple(entries[name][1] for name in vendors), **chain)},
    )
