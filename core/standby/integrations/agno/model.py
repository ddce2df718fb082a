"""A standby chain as an Agno model: an agent, a team or a workflow takes it wherever it takes a model."""

# pyright: reportMissingImports=false, reportUnknownVariableType=false,
# reportUnknownMemberType=false pyright: reportUnknownParameterType=false,
# reportUnknownArgumentType=false, reportUntypedBaseClass=false Agno is an extra: where it is not
# installed its types are unknown

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
from standby.diagnostics.explain import asked_of
from standby.dispatch.policy import Route
from standby.errors import StandbyError
from standby.integrations.agno.clients import Client, of_tasks, of_threads, shared
from standby.integrations.agno.messages import messages_of
from standby.integrations.agno.replies import error_of, response_of
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
_BESIDE = ("deadline", "extra")


@dataclass
class StandbyModel(Model):  # type: ignore[misc] # Agno is an extra
    """Asks the models of a chain, in order, until one answers.

    `id` is the chain's name. `client` is a client of your own; without one, all models with one
    `config` share the process's. `deadline` is in seconds, for one call of the model, all attempts
    and waits; a run may need several. The rest is what `AsyncStandby.chat` takes. Raises
    `ConfigError` or `RequestError` when it is made; a call that fails raises Agno's own
    `ModelProviderError`, from standby's.
    """

    id: str = "default"
    name: str | None = "Standby"
    provider: str | None = "standby"
    supports_native_structured_outputs: bool | None = None
    """Whether an agent asks for its schema, rather than in words; `None`: if any model of the chain can be held to one."""
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
    _walked = ""  # no field: only the copy that is one run has it

    def __post_init__(self) -> None:
        """Look at the chain; raises `ConfigError` for a file that cannot be used, and `RequestError` for no such chain."""
        super().__post_init__()
        if self.supports_native_structured_outputs is None:
            self.supports_native_structured_outputs = any(
                target.card.schema for target in asked_of(self.route)
            )

    @property
    def route(self) -> Route:
        """Return the chain as it is walked."""
        return of_tasks(self._client).route(self._chain)

    @property
    def _client(self) -> Client:
        return shared(self.config) if self.client is None else self.client

    @property
    def _chain(self) -> str:
        return self._walked or self.id

    def response(self, *args: Any, **asked: Any) -> ModelResponse:
        """Return the answer of one run's model calls, with its tools."""
        return super(StandbyModel, self._of_one_run()).response(*args, **asked)

    async def aresponse(self, *args: Any, **asked: Any) -> ModelResponse:
        """Return the answer of one run's model calls, with its tools."""
        answer: ModelResponse = await super(StandbyModel, self._of_one_run()).aresponse(
            *args, **asked
        )
        return answer

    def response_stream(self, *args: Any, **asked: Any) -> Iterator[Any]:
        """Give the answer of one run's model calls, with its tools, as it comes."""
        answers: Iterator[Any] = super(StandbyModel, self._of_one_run()).response_stream(
            *args, **asked
        )
        return answers

    def aresponse_stream(self, *args: Any, **asked: Any) -> AsyncIterator[Any]:
        """Give the answer of one run's model calls, with its tools, as it comes."""
        answers: AsyncIterator[Any] = super(StandbyModel, self._of_one_run()).aresponse_stream(
            *args, **asked
        )
        return answers

    def _of_one_run(self) -> Self:
        """Return a copy that takes the name of whoever answers: Agno counts tokens by its model's `id` and `provider`."""
        chain, made = self._chain, copy.copy(self)
        made._walked = chain  # noqa: SLF001 - our own
        return made

    def invoke(
        self, messages: list[Message], assistant_message: Message, **asked: Any
    ) -> ModelResponse:
        """Return one whole answer."""
        with self._timed(assistant_message):
            reply = of_threads(self._client).chat(**self._call(messages, asked))
        return self._answered(reply, asked)

    async def ainvoke(
        self, messages: list[Message], assistant_message: Message, **asked: Any
    ) -> ModelResponse:
        """Return one whole answer."""
        with self._timed(assistant_message):
            reply = await of_tasks(self._client).chat(**self._call(messages, asked))
        return self._answered(reply, asked)

    def invoke_stream(
        self, messages: list[Message], assistant_message: Message, **asked: Any
    ) -> Iterator[ModelResponse]:
        """Give an answer's words as they come, then its tool calls, its usage and who gave it."""
        held = self._is_held()
        with (
            self._timed(assistant_message),
            of_threads(self._client).stream(**self._call(messages, asked)) as stream,
        ):
            for chunk in stream:
                if not held and (chunk.text or chunk.reasoning):
                    yield self._parse_provider_response_delta(chunk)
        yield self._answered(stream.reply, asked, streamed=not held)

    async def ainvoke_stream(
        self, messages: list[Message], assistant_message: Message, **asked: Any
    ) -> AsyncIterator[ModelResponse]:
        """Give an answer's words as they come, then its tool calls, its usage and who gave it."""
        held = self._is_held()
        with self._timed(assistant_message):
            async with of_tasks(self._client).stream(**self._call(messages, asked)) as stream:
                async for chunk in stream:
                    if not held and (chunk.text or chunk.reasoning):
                        yield self._parse_provider_response_delta(chunk)
        yield self._answered(stream.reply, asked, streamed=not held)

    def to_dict(self) -> dict[str, Any]:
        """Return what the model is, without its client."""
        told = {name: getattr(self, name) for name in (*_SAMPLING, *_BESIDE)}
        return {
            **super().to_dict(),
            **{name: value for name, value in told.items() if value is not None},
        }

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Copy all but the client: agents copy their models, and a client is shared on purpose."""
        memo[id(self.client)] = self.client
        copied: Self = super().__deepcopy__(memo)
        copied.client = self.client  # newer versions of Agno drop what is called so
        return copied

    def _is_retryable_error(self, error: ModelProviderError) -> bool:  # noqa: ARG002 - Agno's own question
        """Say no: the chain has tried again already, and all of its models."""
        return False

    def _parse_provider_response(self, response: Reply, **_: Any) -> ModelResponse:
        return response_of(response)

    def _parse_provider_response_delta(self, response: Chunk) -> ModelResponse:
        return ModelResponse(
            content=response.text or None, reasoning_content=response.reasoning or None
        )

    def _call(self, messages: list[Message], asked: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of a call, for either client."""
        sampling = {
            name: getattr(self, name) for name in _SAMPLING if getattr(self, name) is not None
        }
        tools, choice = asked.get("tools") or (), asked.get("tool_choice")
        return {
            "messages": messages_of(messages, compressed=bool(asked.get("compress_tool_results"))),
            "chain": self._chain,
            "deadline": self.deadline,
            "tools": tools,
            "tool_choice": choice if choice and tools else "auto",
            "schema": _schema_of(asked.get("response_format")),
            "extra": self.extra or {},
            **sampling,
        }

    def _is_held(self) -> bool:
        """Say whether an answer is shown whole only: where another may begin anew, since Agno cannot take words back."""
        return self.route.chain.stream.on_break == "restart"

    def _answered(
        self, reply: Reply, asked: Mapping[str, Any], *, streamed: bool = False
    ) -> ModelResponse:
        """Translate the reply, and let the run that asked name the model that answered."""
        response, run = response_of(reply, streamed=streamed), asked.get("run_response")
        purpose = getattr(
            self, "model_type", None
        )  # an agent's own model, or the one that parses or rewrites its answer
        if self._walked:
            self.id, self.provider = reply.model, reply.provider
        if run is not None and getattr(purpose, "value", "model") == "model":
            run.model, run.model_provider, run.model_provider_data = (
                reply.model,
                reply.provider,
                response.provider_data,
            )
        return response

    @contextmanager
    def _timed(self, assistant_message: Message) -> Generator[None]:
        """Time a call, and turn standby's errors into Agno's."""
        assistant_message.metrics.start_timer()
        try:
            yield
        except StandbyError as error:
            raise error_of(error, self.name or "", self._chain) from error
        finally:
            assistant_message.metrics.stop_timer()


def _schema_of(response_format: Any) -> Any:
    """Return the schema in Agno's response format; JSON mode has none: Agno says it in the prompt, and reads the text."""
    if not isinstance(response_format, dict):
        return response_format
    if response_format.get("type") == "json_schema":
        described = response_format.get("json_schema") or {}
        return described.get("schema", described)
    return None if response_format.get("type") in ("json_object", "text") else response_format
