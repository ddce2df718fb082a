"""Three kinds of fallback: Agno's own, standby, and the wrapper that the users have today."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from agno.models.google import Gemini
from agno.models.openai import OpenAIChat

from standby import AsyncStandby
from standby.integrations.agno import StandbyModel

KEY = "replica"
PAUSE = 0.3
"""Seconds that a sick model rests in `STANDBY_YAML`: a tests' time."""

STANDBY_YAML = """
version: 1
providers:
  first: {{plugin: gemini, base_url: "{gemini}", api_key: "${{{key}}}"}}
  second: {{plugin: openai, base_url: "{openai}/v1", api_key: "${{REPLICA_KEY}}"}}
models:
  gemini-2.5-pro:
    provider: first
    timeout: {timeout}
    first_token_timeout: {timeout}
    idle_timeout: {timeout}
    {breaker}
  o3-mini: {{provider: second}}
  gpt-4o: {{provider: second}}
chains:
  default:
    models: [gemini-2.5-pro, o3-mini, gpt-4o]
    retry: {{attempts: 2, initial: 10ms, limit: 20ms}}
    stream: {{release: {release}}}
"""
BREAKER = "breaker: {failures: 5, open: 300ms, open_limit: 300ms}"


class Setup(msgspec.Struct, frozen=True):
    """One way to stand by: a model, what Agno falls back to, and what closes with them."""

    model: Any
    fallbacks: tuple[Any, ...] = ()
    client: AsyncStandby | None = None


def gemini(url: str, *, key: str | None, timeout: int | None) -> Gemini:
    options: dict[str, Any] = {"base_url": url} | ({"timeout": timeout} if timeout else {})
    return Gemini(id="gemini-2.5-pro", api_key=key, client_params={"http_options": options})


def openai(url: str, model: str) -> OpenAIChat:
    return OpenAIChat(id=model, api_key=KEY, base_url=f"{url}/v1", timeout=5)


def agno(first: str, second: str, folder: Path, *, key: str | None = KEY) -> Setup:
    """Agno's own: `fallback_models`, and the time-out that Agno leaves to be set."""
    del folder
    return Setup(
        gemini(first, key=key, timeout=2000), (openai(second, "o3-mini"), openai(second, "gpt-4o"))
    )


def standby(
    first: str,
    second: str,
    folder: Path,
    *,
    key: str | None = KEY,
    release: str = "whole",
    timeout: str = "2s",
) -> Setup:
    """Standby's model for Agno, on a file."""
    name = "REPLICA_KEY" if key else "REPLICA_NO_KEY:-"
    text = STANDBY_YAML.format(
        gemini=first, openai=second, key=name, breaker=BREAKER, release=release, timeout=timeout
    )
    (folder / "models.yaml").write_text(text, encoding="utf-8")
    client = AsyncStandby(folder / "models.yaml", environ={"REPLICA_KEY": KEY}, warm_up=False)
    return Setup(StandbyModel(client=client), (), client)


class IntelligentModelFallback:
    """The users' wrapper, rebuilt after their report; the agent takes `current_model` once.

    What it does on an error is done in a method of its own, which an agent that holds the model
    never calls.
    """

    fallback_triggers = (
        "500 internal",
        "503 service unavailable",
        "502 bad gateway",
        "timeout",
        "connection error",
        "server error",
        "internal error has occurred",
    )

    def __init__(self, primary: Any, fallback: Any) -> None:
        self.primary_model, self.fallback_model = primary, fallback
        self.is_fallback_active = False

    @property
    def current_model(self) -> Any:
        return self.fallback_model if self.is_fallback_active else self.primary_model

    def should_fall_back(self, error: Exception) -> bool:
        text = str(error).lower()
        return any(trigger in text for trigger in self.fallback_triggers)

    def run(self, method: str, *args: Any, **rest: Any) -> Any:
        """Call the model, and the other one when an error says so."""
        try:
            return getattr(self.current_model, method)(*args, **rest)
        except Exception as error:
            if self.is_fallback_active or not self.should_fall_back(error):
                raise
            self.is_fallback_active = True
            return getattr(self.current_model, method)(*args, **rest)


def today(first: str, second: str, folder: Path, *, key: str | None = KEY) -> Setup:
    """What the users have: the wrapper returns the first model itself; no time-out is set."""
    del folder
    wrapper = IntelligentModelFallback(
        gemini(first, key=key, timeout=None), openai(second, "o3-mini")
    )
    return Setup(wrapper.current_model)


SETUPS: dict[str, Callable[..., Setup]] = {
    "Agno's own": agno,
    "standby": standby,
    "today's wrapper": today,
}
