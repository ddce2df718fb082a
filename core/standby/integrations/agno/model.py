"""A standby chain as an Agno model, for an agent, a team or a workflow."""

# Agno is an extra: where it is not installed, its types are unknown.
# pyright: reportMissingImports=false, reportUnknownVariableType=false
# pyright: reportUnknownMemberType=false, reportUnknownParameterType=false
# pyright: reportUnknownArgumentType=false, reportUntypedBaseClass=false

import copy
from collections.abc import AsyncIterator, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

from agno.exceptions import ModelProviderError
from agno.models.base import Model
from agno.models.message import Message
from agno.models.response import ModelResponse

from standby.cards import Effort
from standby.config import Config
from standby.dispatch.target import Route
from standby.errors import StandbyError
from standby.integrations.agno.clients import Client, as_async, as_blocking, shared_client
from standby.integrations.agno.messages import convert_messages
from standby.integrations.agno.replies import convert_error, convert_reply
from standby.types import Chunk, Reply

_SAMPLING = (
    "temperature",
    "top_p",
    "top_k",
    "max_tokens",
    "stop",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "parallel_tool_calls",
    "reasoning_effort",
)
_OTHER_OPTIONS = ("deadline", "extra")


@dataclass
class StandbyModel(Model):  # type: ignore[misc] # Agno is an extra
    """Calls the models of a chain, in order, until one answers.

    A failed call raises Agno's own `ModelProviderError`, from standby's error.

    Attributes:
        id: The name of the chain.
        client: A client of your own. Without one, all models with one `config` share the process's.
        config: The path of a models.yaml, or a dictionary of its form.
        deadline: Seconds for one call of the model, with all attempts and waits; a run may make
            several calls.
        supports_native_structured_outputs: Whether an agent sends its schema, rather than a
            description of it in the prompt; `None`: if any model of the chain supports schemas.

    The others are the arguments of `AsyncStandby.chat`.

    Raises:
        ConfigError: The configuration cannot be used.
        RequestError: There is no such chain.
    """

    id: str = "default"
    name: str | None = "Standby"
    provider: str | None = "standby"
    supports_native_structured_outputs: bool | None = None
    client: Client | None = None
    config: Config | None = None
    deadline: float | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_tokens: int | None = None
    stop: str | Sequence[str] | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    parallel_tool_calls: bool | None = None
    reasoning_effort: Effort | None = None
    extra: Mapping[str, Mapping[str, Any]] | None = None
    _run_chain = ""  # not a field: only the copy that serves one run has it

    def __post_init__(self) -> None:
        """Look the chain up, so that a wrong configuration or name is reported at once."""
        super().__post_init__()
        if self.supports_native_structured_outputs is None:
            self.supports_native_structured_outputs = any(
                target.card.schema for target in self.route.reachable
            )

    @property
    def route(self) -> Route:
        """Return the chain with its models."""
        return as_async(self._client).route(self._chain)

    @property
    def _client(self) -> Client:
        return shared_client(self.config) if self.client is None else self.client

    @property
    def _chain(self) -> str:
        return self._run_chain or self.id

    def response(self, *args: Any, **options: Any) -> ModelResponse:
        """Return the answer of one run's model calls, with its tools.

        Args:
            args: The positional arguments of Agno's method.
            options: The keyword arguments of Agno's method.

        Returns:
            Agno's response.
        """
        return super(StandbyModel, self._copy_for_run()).response(*args, **options)

    async def aresponse(self, *args: Any, **options: Any) -> ModelResponse:
        """Return the answer of one run's model calls, with its tools.

        Args:
            args: The positional arguments of Agno's method.
            options: The keyword arguments of Agno's method.

        Returns:
            Agno's response.
        """
        run = self._copy_for_run()
        response: ModelResponse = await super(StandbyModel, run).aresponse(*args, **options)
        return response

    def response_stream(self, *args: Any, **options: Any) -> Iterator[Any]:
        """Stream the answer of one run's model calls, with its tools.

        Args:
            args: The positional arguments of Agno's method.
            options: The keyword arguments of Agno's method.

        Returns:
            Agno's responses and events.
        """
        run = self._copy_for_run()
        responses: Iterator[Any] = super(StandbyModel, run).response_stream(*args, **options)
        return responses

    def aresponse_stream(self, *args: Any, **options: Any) -> AsyncIterator[Any]:
        """Stream the answer of one run's model calls, with its tools.

        Args:
            args: The positional arguments of Agno's method.
            options: The keyword arguments of Agno's method.

        Returns:
            Agno's responses and events.
        """
        run = self._copy_for_run()
        responses: AsyncIterator[Any] = super(StandbyModel, run).aresponse_stream(*args, **options)
        return responses

    def _copy_for_run(self) -> Self:
        """Copy the model for one run: Agno counts tokens by `id` and `provider`, which it sets."""
        run = copy.copy(self)
        run._run_chain = self._chain  # noqa: SLF001 - a copy of this model
        return run

    def invoke(
        self, messages: list[Message], assistant_message: Message, **options: Any
    ) -> ModelResponse:
        """Return one whole answer.

        Args:
            messages: The conversation.
            assistant_message: Agno's message of the answer; it takes the time of the call.
            options: Agno's other options of a call.

        Returns:
            Agno's response.

        Raises:
            ModelProviderError: No model has answered.
        """
        with self._measure(assistant_message):
            reply = as_blocking(self._client).chat(**self._arguments(messages, options))
        return self._convert(reply, options)

    async def ainvoke(
        self, messages: list[Message], assistant_message: Message, **options: Any
    ) -> ModelResponse:
        """Return one whole answer.

        Args:
            messages: The conversation.
            assistant_message: Agno's message of the answer; it takes the time of the call.
            options: Agno's other options of a call.

        Returns:
            Agno's response.

        Raises:
            ModelProviderError: No model has answered.
        """
        with self._measure(assistant_message):
            reply = await as_async(self._client).chat(**self._arguments(messages, options))
        return self._convert(reply, options)

    def invoke_stream(
        self, messages: list[Message], assistant_message: Message, **options: Any
    ) -> Iterator[ModelResponse]:
        """Stream one answer.

        Args:
            messages: The conversation.
            assistant_message: Agno's message of the answer; it takes the time of the call.
            options: Agno's other options of a call.

        Yields:
            The text in pieces, then the tool calls, the usage and the model that answered.

        Raises:
            ModelProviderError: No model has answered, or the stream has broken.
        """
        is_buffered = self._is_buffered()
        with (
            self._measure(assistant_message),
            as_blocking(self._client).stream(**self._arguments(messages, options)) as stream,
        ):
            for chunk in stream:
                if _has_text(chunk) and not is_buffered:
                    yield self._parse_provider_response_delta(chunk)
        yield self._convert(stream.reply, options, streamed=not is_buffered)

    async def ainvoke_stream(
        self, messages: list[Message], assistant_message: Message, **options: Any
    ) -> AsyncIterator[ModelResponse]:
        """Stream one answer.

        Args:
            messages: The conversation.
            assistant_message: Agno's message of the answer; it takes the time of the call.
            options: Agno's other options of a call.

        Yields:
            The text in pieces, then the tool calls, the usage and the model that answered.

        Raises:
            ModelProviderError: No model has answered, or the stream has broken.
        """
        is_buffered = self._is_buffered()
        with self._measure(assistant_message):
            arguments = self._arguments(messages, options)
            async with as_async(self._client).stream(**arguments) as stream:
                async for chunk in stream:
                    if _has_text(chunk) and not is_buffered:
                        yield self._parse_provider_response_delta(chunk)
        yield self._convert(stream.reply, options, streamed=not is_buffered)

    def to_dict(self) -> dict[str, Any]:
        """Return the model's settings, without its client.

        Returns:
            The settings by their names, in JSON.
        """
        options = {name: getattr(self, name) for name in (*_SAMPLING, *_OTHER_OPTIONS)}
        return {
            **super().to_dict(),
            **{name: value for name, value in options.items() if value is not None},
        }

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Copy all but the client: agents copy their models, and a client is shared on purpose."""
        memo[id(self.client)] = self.client
        copied: Self = super().__deepcopy__(memo)
        copied.client = self.client  # newer versions of Agno drop a field of this name
        return copied

    # Agno's method
    def _is_retryable_error(self, error: ModelProviderError) -> bool:  # noqa: ARG002
        """Return `False`: the chain has retried already, and all of its models."""
        return False

    def _parse_provider_response(self, response: Reply, **_: Any) -> ModelResponse:
        return convert_reply(response)

    def _parse_provider_response_delta(self, response: Chunk) -> ModelResponse:
        return ModelResponse(
            content=response.text or None, reasoning_content=response.reasoning or None
        )

    def _arguments(self, messages: list[Message], options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of a call, for either client."""
        sampling = {name: getattr(self, name) for name in _SAMPLING}
        tools, choice = options.get("tools") or (), options.get("tool_choice")
        compressed = bool(options.get("compress_tool_results"))
        return {
            "messages": convert_messages(messages, compressed=compressed),
            "chain": self._chain,
            "deadline": self.deadline,
            "tools": tools,
            "tool_choice": choice if choice and tools else "auto",
            "schema": _find_schema(options.get("response_format")),
            "extra": self.extra or {},
            **{name: value for name, value in sampling.items() if value is not None},
        }

    def _is_buffered(self) -> bool:
        """Say whether an answer is yielded whole: it may start over, and Agno cannot undo text."""
        return self.route.chain.stream.on_break == "restart"

    def _convert(
        self, reply: Reply, options: Mapping[str, Any], *, streamed: bool = False
    ) -> ModelResponse:
        """Convert the reply, and let the run name the model that answered."""
        response, run = convert_reply(reply, streamed=streamed), options.get("run_response")
        if self._run_chain:
            self.id, self.provider = reply.model, reply.provider
        if run is not None and self._is_main_model():
            run.model, run.model_provider = reply.model, reply.provider
            run.model_provider_data = response.provider_data
        return response

    def _is_main_model(self) -> bool:
        """Say whether this is an agent's main model: others parse or rewrite its answer."""
        purpose = getattr(self, "model_type", None)
        return getattr(purpose, "value", "model") == "model"

    @contextmanager
    def _measure(self, assistant_message: Message) -> Generator[None]:
        """Measure the time of a call, and convert standby's errors to Agno's."""
        assistant_message.metrics.start_timer()
        try:
            yield
        except StandbyError as error:
            raise convert_error(error, self.name or "", self._chain) from error
        finally:
            assistant_message.metrics.stop_timer()


def _has_text(chunk: Chunk) -> bool:
    return bool(chunk.text or chunk.reasoning)


def _find_schema(response_format: Any) -> Any:
    """Return the schema of Agno's response format.

    JSON mode has none: Agno describes it in the prompt, and parses the text.
    """
    if not isinstance(response_format, dict):
        return response_format
    if response_format.get("type") == "json_schema":
        described = response_format.get("json_schema") or {}
        return described.get("schema", described)
    return None if response_format.get("type") in ("json_object", "text") else response_format
