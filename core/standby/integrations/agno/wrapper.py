"""The wrapper that applications wrote for themselves; the chain does the falling back, and nothing is global."""

# pyright: reportMissingImports=false, reportUnknownVariableType=false,
# reportUnknownMemberType=false pyright: reportUnknownParameterType=false,
# reportUnknownArgumentType=false Agno is an extra: where it is not installed its types are unknown

import asyncio
import difflib
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from agno.models.message import Message
from agno.models.response import ModelResponse
from agno.run.agent import RunOutput
from pydantic import ValidationError

from standby.client import AsyncStandby
from standby.config import Config
from standby.diagnostics.explain import asked_of
from standby.dispatch.target import Target
from standby.integrations.agno.model import StandbyModel
from standby.resilience.circuit_breaker import State

_NAMES = (
    "primary_ai_model",
    "fallback_ai_model",
    "enable_model_fallback",
    "google_api_key",
    "openai_api_key",
)
"""What of an application's settings stands in models.yaml as a variable, in capitals."""

Prompt = str | Mapping[str, Any] | Iterable[Any]
"""A text, a message, or several: Agno's, or dictionaries with a role and a content."""

_MEDIA = ("images", "audio", "videos", "files")
_FIELDS = tuple(Message.model_fields)
"""Agno's message takes any name, and keeps what it does not know where nobody looks."""


_EXPECTED = "expected a text, a message, or a list of them: Agno's, or dictionaries with a role and a content"


class IntelligentModelFallback:
    """Falls back to the next model of the chain in models.yaml, call by call.

    `current_model` is for an agent; `run` and `arun` ask it without one. `settings` is any object
    with some of primary_ai_model, fallback_ai_model, enable_model_fallback, google_api_key,
    openai_api_key, ai_temperature and ai_max_tokens; what it lacks comes from the environment, or
    .env. Raises `ConfigError`.
    """

    def __init__(
        self, settings: Any = None, *, chain: str = "default", config: Config | None = None
    ) -> None:
        """Read the chain; each wrapper has a client of its own, while the health of a model is the process's."""
        if isinstance(settings, str | os.PathLike | Mapping):
            raise TypeError(
                f"settings: expected an object with attributes, not a {type(settings).__name__}; a file is config="
            )
        self.settings = settings
        given = {name.upper(): _told(getattr(settings, name, None)) for name in _NAMES}
        self._client = AsyncStandby(
            config, environ={**os.environ, **{name: text for name, text in given.items() if text}}
        )
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
        return self._now_asked().name != self._asked()[0].name

    @property
    def id(self) -> str:
        """Return the name of the model that a call would ask first now."""
        return self._now_asked().name

    @property
    def provider(self) -> str:
        """Return the provider of the model that a call would ask first now."""
        return self._now_asked().provider

    def set_agent_instructions(self, instructions: str | Sequence[str] | None) -> None:
        """Say what `run` and `arun` put before each prompt, as the system's message; an agent has its own."""
        lines = [instructions] if isinstance(instructions, str) else list(instructions or ())
        self._instructions = "\n".join(lines) or None

    def run(self, message: Prompt, **media: Any) -> Any:
        """Return an Agno `RunOutput`; on an event loop, where waiting would block all else, return what awaits one.

        `media`: images, audio, videos and files for a prompt that is a text; `instructions` for
        this call alone. Raises Agno's `ModelProviderError` when no model answers, and `TypeError`
        for any other keyword, for a message with a field that is unknown, and for what is no
        message.
        """
        asked = self._messages(message, **media)
        if _on_a_loop():
            return self._arun(asked)
        return _output(self.current_model.response(messages=asked), asked)

    async def arun(self, message: Prompt, **media: Any) -> RunOutput:
        """Return an Agno `RunOutput`; see `run`."""
        return await self._arun(self._messages(message, **media))

    async def _arun(self, asked: list[Message]) -> RunOutput:
        return _output(await self.current_model.aresponse(messages=asked), asked)

    def reset_to_primary(self) -> None:
        """Do nothing: calls return to the first model by themselves, seconds after it answers again."""

    def get_current_model_info(self) -> dict[str, Any]:
        """Return which model a call would ask first now, whether it stands in for another, and if there are more."""
        return {
            "current_model": self.id,
            "fallback_active": self.fallback_active,
            "has_fallback": len(self._asked()) > 1,
        }

    def __getattr__(self, name: str) -> Any:
        """Return what only the model has: the old wrapper handed that on too."""
        if name.startswith("_") or "current_model" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")
        return getattr(self.current_model, name)

    def _asked(self) -> Sequence[Target]:
        return asked_of(self.current_model.route)

    def _now_asked(self) -> Target:
        health, asked = self._client.health(), self._asked()
        return next(
            (target for target in asked if health[target.name].state in (State.CLOSED, State.OFF)),
            asked[0],
        )

    def _messages(
        self, prompt: Prompt, *, instructions: str | None = None, **media: Any
    ) -> list[Message]:
        _refuse_unknown(media, (*_MEDIA, "instructions"))
        if media and not isinstance(prompt, str):
            raise TypeError(
                f"{', '.join(media)}: put them into the messages; as keywords they go with a prompt that is a text"
            )
        if isinstance(prompt, str):
            said = [_made({"role": "user", "content": prompt, **media})]
        else:
            said = [_message(one) for one in _listed(prompt)]
        told = instructions or self._instructions
        return [Message(role="system", content=told), *said] if told else said


def _listed(prompt: Any) -> Iterable[Any]:
    """Return the messages of a prompt that is no text; one alone needs no list around it."""
    if isinstance(prompt, Mapping | Message):
        return [prompt]
    if isinstance(prompt, bytes | bytearray) or not isinstance(prompt, Iterable):
        raise TypeError(f"message: {_EXPECTED}, not {_a(prompt)}")
    return prompt


def _message(given: Any) -> Message:
    """Read one message; what Agno keeps unread in one of its own is refused as in a dictionary."""
    if isinstance(given, str):
        return Message(role="user", content=given)
    if isinstance(given, Message):
        _refuse_unknown(_filled(given.model_extra or {}), _FIELDS)
        return given
    if not isinstance(given, Mapping):
        raise TypeError(f"message: {_EXPECTED}; one of the list is {_a(given)}")
    _refuse_unknown(_filled(given), _FIELDS)
    return _made(given)


def _made(fields: Mapping[str, Any]) -> Message:
    """Make Agno's message; its own error would quote what was said."""
    try:
        return Message(**fields)
    except ValidationError as error:
        names = dict.fromkeys(str(wrong["loc"][0]) for wrong in error.errors() if wrong["loc"])
        raise TypeError(
            f"message: Agno's Message does not take this as {', '.join(names)}"
        ) from None


def _filled(fields: Mapping[str, Any]) -> list[str]:
    return [name for name, value in fields.items() if value]


def _refuse_unknown(given: Iterable[str], known: Sequence[str]) -> None:
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            remedy = f"did you mean {near[0]!r}?" if near else f"there is {', '.join(known)}"
            raise TypeError(f"{name!r} is not taken; {remedy}")


def _a(value: object) -> str:
    return "None" if value is None else f"of type {type(value).__name__}"


def _output(response: ModelResponse, messages: list[Message]) -> RunOutput:
    data: dict[str, Any] = (
        messages[-1].provider_data or {}
    )  # the answer's: Agno has put it behind what was asked
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


def _told(value: Any) -> str:
    """Return a setting as an environment holds it; a pydantic secret says itself only when it is asked."""
    if hasattr(value, "get_secret_value"):
        value = value.get_secret_value()
    return "" if value is None else str(value)


def _on_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
