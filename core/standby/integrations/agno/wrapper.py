"""The class that applications wrote for themselves, on a chain; it holds no global state."""

# Agno is an extra: where it is not installed, its types are unknown.
# pyright: reportMissingImports=false, reportUnknownVariableType=false
# pyright: reportUnknownMemberType=false, reportUnknownParameterType=false
# pyright: reportUnknownArgumentType=false

import asyncio
import os
from collections.abc import Mapping, Sequence
from typing import Any

from agno.models.message import Message
from agno.models.response import ModelResponse
from agno.run.agent import RunOutput

from standby import AsyncStandby
from standby.config import Config
from standby.dispatch.target import Target
from standby.integrations.agno.model import StandbyModel
from standby.integrations.agno.prompts import Prompt, build_messages
from standby.resilience.circuit_breaker import State

_SETTINGS = (
    "primary_ai_model",
    "fallback_ai_model",
    "enable_model_fallback",
    "google_api_key",
    "openai_api_key",
)
"""The application's settings that models.yaml has as a variable, in capitals."""


class IntelligentModelFallback:
    """Falls back to the next model of the chain in models.yaml, call by call.

    `current_model` is for an agent; `run` and `arun` call it without one. `settings` is any object
    with some of primary_ai_model, fallback_ai_model, enable_model_fallback, google_api_key,
    openai_api_key, ai_temperature and ai_max_tokens; what it lacks comes from the environment, or
    from .env.
    """

    def __init__(
        self, settings: Any = None, *, chain: str = "default", config: Config | None = None
    ) -> None:
        """Read the chain; raises `ConfigError`.

        Each wrapper has a client of its own, while the process shares the health of a model.
        """
        if isinstance(settings, str | os.PathLike | Mapping):
            raise TypeError(
                "settings: expected an object with attributes, "
                f"not a {type(settings).__name__}; a file is config="
            )
        self.settings = settings
        self._client = AsyncStandby(config, environ={**os.environ, **_variables(settings)})
        self._instructions: str | None = None
        self.current_model = StandbyModel(
            id=chain,
            client=self._client,
            temperature=getattr(settings, "ai_temperature", None),
            max_tokens=getattr(settings, "ai_max_tokens", None),
        )

    @property
    def fallback_active(self) -> bool:
        """Say whether the first model rests now, so that calls go to the next."""
        return self._current_target().name != self._targets()[0].name

    @property
    def id(self) -> str:
        """Return the name of the model that a call would try first now."""
        return self._current_target().name

    @property
    def provider(self) -> str:
        """Return the provider of the model that a call would try first now."""
        return self._current_target().provider

    def set_agent_instructions(self, instructions: str | Sequence[str] | None) -> None:
        """Set the system's message that `run` and `arun` put before each prompt.

        Args:
            instructions: The text, or its lines; an agent has its own.
        """
        lines = [instructions] if isinstance(instructions, str) else list(instructions or ())
        self._instructions = "\n".join(lines) or None

    def run(self, message: Prompt, **media: Any) -> Any:
        """Answer a prompt.

        Args:
            message: A text, a message, or several.
            media: images, audio, videos and files for a prompt that is a text; `instructions` for
                this call alone.

        Returns:
            An Agno `RunOutput`; on an event loop, which waiting would block, an awaitable of one.

        Raises:
            ModelProviderError: No model has answered.
            TypeError: A keyword or a field is unknown, or the prompt is not a message.
        """
        messages = self._build_messages(message, media)
        if _is_on_event_loop():
            return self._arun(messages)
        return _build_output(self.current_model.response(messages=messages), messages)

    async def arun(self, message: Prompt, **media: Any) -> RunOutput:
        """Answer a prompt.

        Args:
            message: A text, a message, or several.
            media: images, audio, videos and files for a prompt that is a text; `instructions` for
                this call alone.

        Returns:
            An Agno `RunOutput`.

        Raises:
            ModelProviderError: No model has answered.
            TypeError: A keyword or a field is unknown, or the prompt is not a message.
        """
        return await self._arun(self._build_messages(message, media))

    async def _arun(self, messages: list[Message]) -> RunOutput:
        return _build_output(await self.current_model.aresponse(messages=messages), messages)

    def reset_to_primary(self) -> None:
        """Do nothing: calls return to the first model seconds after it answers again."""

    def get_current_model_info(self) -> dict[str, Any]:
        """Describe which model a call would try first now.

        Returns:
            The model's name, whether it replaces the first one, and whether the chain has more.
        """
        return {
            "current_model": self.id,
            "fallback_active": self.fallback_active,
            "has_fallback": len(self._targets()) > 1,
        }

    def __getattr__(self, name: str) -> Any:
        """Return an attribute that only the model has: the old wrapper passed it on too."""
        if name.startswith("_") or "current_model" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")
        return getattr(self.current_model, name)

    def _targets(self) -> Sequence[Target]:
        return self.current_model.route.reachable

    def _current_target(self) -> Target:
        health, targets = self._client.health(), self._targets()
        available = (State.CLOSED, State.OFF)
        in_service = (each for each in targets if health[each.name].state in available)
        return next(in_service, targets[0])

    def _build_messages(self, prompt: Prompt, media: Mapping[str, Any]) -> list[Message]:
        return build_messages(prompt, default_instructions=self._instructions, **media)


def _variables(settings: Any) -> dict[str, str]:
    """Return the settings that are not empty, as environment variables."""
    texts = {name.upper(): _as_text(getattr(settings, name, None)) for name in _SETTINGS}
    return {name: text for name, text in texts.items() if text}


def _as_text(value: Any) -> str:
    """Return a setting as an environment holds it; a pydantic secret has a method for its text."""
    if hasattr(value, "get_secret_value"):
        value = value.get_secret_value()
    return "" if value is None else str(value)


def _build_output(response: ModelResponse, messages: list[Message]) -> RunOutput:
    # Agno has appended the answer to the messages
    data: dict[str, Any] = messages[-1].provider_data or {}
    output = RunOutput(
        content=response.content,
        model=data.get("model"),
        model_provider=data.get("provider"),
        messages=messages,
    )
    output.reasoning_content = response.reasoning_content
    output.model_provider_data = data
    output.status = type(output.status).completed
    return output


def _is_on_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
