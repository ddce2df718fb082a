"""The two clients: arguments, wrong requests, threads, event loops, connections, and events."""

import asyncio
import contextvars
import gc
import importlib
import logging
import math
import random
import re
import subprocess
import sys
import textwrap
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest

from standby import (
    AsyncStandby,
    ChainExhausted,
    ConfigError,
    DeadlineExceeded,
    Message,
    RequestError,
    Settings,
    Standby,
    Stopped,
    StreamBroken,
    Text,
    events,
)
from standby.runtime import background_loop
from standby.settings import BreakerSettings, Chain, Model, Retry, Trigger
from tests.support.busy import SLACK
from tests.support.chains import loopback_chain, scripted_chain
from tests.support.loopback import (
    OPENAI_500,
    Loopback,
    Received,
    both,
    hang,
    openai_answers,
    openai_reply,
    openai_stream,
)

caller_name = contextvars.ContextVar("who", default="none")
BUSY = {
    "fail": {
        "kind": "overloaded",
        "status": 503,
        "code": "UNAVAILABLE",
        "message": "The model is overloaded.",
    }
}
DOWN = {"fail": {"kind": "timeout", "message": "timeout: no answer in 30s"}}
HANG = [{"hang": True}]


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback() as loopback:
        loopback.answer = openai_answers("Lisbon, ", "says OpenAI.")
        yield loopback


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Settings]:
    """Install the plugin "odd" with the given adapter module; its chain has a script after it."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "odd_adapter", raising=False)
    monkeypatch.delitem(sys.modules, "odd_manifest", raising=False)

    def write_plugin(adapter: str) -> Settings:
        info = tmp_path / "odd-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: odd\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[standby.plugins]\nodd = odd_manifest\n")
        (tmp_path / "odd_manifest.py").write_text(
            "from standby.plugin import ProviderInfo, hookimpl\n"
            "@hookimpl\n"
            "def standby_provider():\n"
            "    return ProviderInfo(adapter='odd_adapter:Odd')\n"
        )
        (tmp_path / "odd_adapter.py").write_text(
            "from standby.plugin import *\n" + textwrap.dedent(adapter)
        )
        importlib.invalidate_caches()
        return Settings(
            models={"last": Model(provider="scripted", options={"reply": "the last word"})},
            chains={
                "default": Chain(models=("odd/m", "last"), retry=Retry(attempts=1)),
                "odd": Chain(models=("odd/m",), retry=Retry(attempts=1)),
            },
        )

    return write_plugin


def outcomes(reply: Any) -> list[tuple[str, str]]:
    return [(attempt.model, attempt.outcome) for attempt in reply.trail]


# What a call takes


@pytest.mark.parametrize(
    ("messages", "sent"),
    [
        ("Which city?", [{"role": "user", "content": "Which city?"}]),
        ([Message("user", (Text("Which city?"),))], [{"role": "user", "content": "Which city?"}]),
        (({"role": "user", "content": text} for text in ("a", "b")), ["a", "b"]),
        (
            [
                {"role": "user", "content": "Hi"},
                Message("assistant", (Text("Hello."),)),
                {"role": "user", "content": "Where?"},
            ],
            ["Hi", "Hello.", "Where?"],
        ),
    ],
    ids=["string", "Message", "generator", "mixed"],
)
def test_a_conversation_is_a_string_or_messages_or_dictionaries(
    server: Loopback, messages: Any, sent: list[Any]
) -> None:
    with Standby(settings=loopback_chain(openai=server.url)) as client:
        assert client.chat(messages).text == "Lisbon, says OpenAI."
    received = server.requests[0].json["messages"]
    assert sent in (received, [message["content"] for message in received])


def test_sampling_parameters_are_keywords_and_the_trail_names_the_dropped_ones(
    server: Loopback,
) -> None:
    with Standby(settings=loopback_chain(openai=server.url)) as client:
        reply = client.chat("hi", max_tokens=7, seed=3, stop="\n", temperature=0.2)
    sent = server.requests[0].json
    assert (sent["max_completion_tokens"], sent["seed"], sent["stop"]) == (7, 3, ["\n"])
    assert "temperature" not in sent
    assert reply.trail[0].dropped == ("temperature",)


async def test_a_call_falls_back_over_both_wires_in_both_forms() -> None:
    with both() as (gemini, openai):
        gemini.script(OPENAI_500)
        settings = loopback_chain(gemini=gemini.url, openai=openai.url, retry=Retry(attempts=1))
        async with AsyncStandby(settings=settings) as client:
            replies = [
                await client.chat("hi"),
                await asyncio.to_thread(Standby(settings=settings).chat, "hi"),
            ]
            async with client.stream("hi") as stream:
                assert [chunk.text async for chunk in stream] == ["Lisbon, ", "says OpenAI.", ""]
            replies.append(stream.reply)
    for reply in replies:
        assert outcomes(reply) == [("gemini-2.5-pro", "failed"), ("o3-mini", "answered")]
        assert reply.text == "Lisbon, says OpenAI."


def test_a_call_names_its_chain() -> None:
    settings = Settings(
        models={name: Model(provider="scripted", options={"reply": name}) for name in ("a", "b")},
        chains={"default": Chain(models=("a",)), "other": Chain(models=("b",))},
    )
    with Standby(settings=settings) as client:
        assert [client.chat("hi").text, client.chat("hi", chain="other").text] == ["a", "b"]
        with client.stream("hi", chain="other") as stream:
            assert next(stream).text == "b"


# What is refused at once

WRONG: list[tuple[Any, dict[str, Any], str]] = [
    ("hi", {"chain": "defualt"}, "no chain is named 'defualt'; did you mean 'default'?"),
    ("hi", {"chain": "night"}, "no chain is named 'night'; there is default"),
    ("hi", {"chain": None}, "no chain is named None; there is default"),
    (
        "hi",
        {"deadline": 0},
        "deadline: expected seconds, more than 0 and at most 86400, a day, not 0",
    ),
    (
        "hi",
        {"deadline": -1.5},
        "deadline: expected seconds, more than 0 and at most 86400, a day, not -1.5",
    ),
    (
        "hi",
        {"deadline": math.nan},
        "deadline: expected seconds, more than 0 and at most 86400, a day, not nan",
    ),
    (
        "hi",
        {"deadline": math.inf},
        "deadline: expected seconds, more than 0 and at most 86400, a day, not inf",
    ),
    ("hi", {"deadline": "30s"}, "deadline: expected seconds, as a number, not a str"),
    ("hi", {"deadline": True}, "deadline: expected seconds, as a number, not a bool"),
    ("hi", {"temperatur": 1}, "unknown parameter 'temperatur'; did you mean 'temperature'?"),
    ("hi", {"temperature": 9}, "temperature: expected `float` <= 2.0"),
    ([], {}, "messages: the list is empty; give at least one message of the user"),
    (
        [{"role": "user"}],
        {},
        "message 0: the user message is empty; leave it out or give it a text",
    ),
]


def test_a_misspelt_chain_of_the_file_is_the_problem_not_the_call() -> None:
    settings = Settings(
        models={"a": Model(provider="scripted", options={"reply": "a"})},
        chains={"defualt": Chain(models=("a",))},
    )
    message = "no chain is named 'default'; call 'defualt' 'default' in the file, or name a chain"
    with Standby(settings=settings) as client, pytest.raises(RequestError, match=message):
        client.chat("hi")


@pytest.mark.parametrize(
    ("messages", "options", "problem"), WRONG, ids=[problem for *_, problem in WRONG]
)
async def test_a_wrong_request_is_rejected_at_once_by_every_method(
    messages: Any, options: Any, problem: str
) -> None:
    emitted: list[events.Event] = []
    settings = scripted_chain("Lisbon.")
    client, blocking = (
        kind(settings=settings, sinks=[emitted.append]) for kind in (AsyncStandby, Standby)
    )
    for call in (client.stream, blocking.stream, blocking.chat):
        with pytest.raises(RequestError) as caught:
            call(messages, **options)
        assert str(caught.value) == problem
    with pytest.raises(RequestError) as caught:
        await client.chat(messages, **options)
    assert str(caught.value) == problem
    assert emitted == []


def test_an_integer_beyond_any_float_is_refused_as_deadline() -> None:
    with pytest.raises(RequestError, match="at most 86400, a day, not that many"):
        Standby(settings=scripted_chain("Lisbon.")).chat("hi", deadline=10**5000)


@pytest.mark.parametrize("deadline", [86_400, 86_400.0, 0.5])
def test_a_deadline_of_a_day_is_accepted(deadline: float) -> None:
    assert (
        Standby(settings=scripted_chain("Lisbon.")).chat("hi", deadline=deadline).text == "Lisbon."
    )


@pytest.mark.parametrize("seconds", [math.inf, 1e10, 86_400.1])
@pytest.mark.parametrize("key", ["deadline", "timeout", "open_limit"])
def test_settings_in_code_have_the_same_limit(key: str, seconds: float) -> None:
    settings = Settings(
        models={
            "a": Model(
                provider="scripted",
                options={"reply": "Lisbon."},
                timeout=seconds if key == "timeout" else 30.0,
                breaker=BreakerSettings(open_limit=seconds if key == "open_limit" else 15.0),
            )
        },
        chains={"default": Chain(models=("a",), deadline=seconds if key == "deadline" else 30.0)},
    )
    with pytest.raises(ConfigError, match=r"longer than a day|<= 86400\.0"):
        Standby(settings=settings)


def test_a_configuration_is_rejected_with_every_problem() -> None:
    settings = Settings(
        models={
            "mine": Model(provider="nobodys"),
            "script": Model(provider="scripted", options={"replay": "x"}),
        },
        triggers={"empty": Trigger(then="next")},
        chains={
            "default": Chain(models=("mine", "unknown-model-7", "script"), triggers=("emtpy",))
        },
    )
    for client in (AsyncStandby, Standby):
        with pytest.raises(ConfigError) as caught:
            client(settings=settings, environ={})
        codes = {problem.code for problem in caught.value.problems}
        assert {
            "unknown-provider",
            "unknown-model",
            "unknown-key",
            "empty-trigger",
            "unknown-trigger",
        } <= codes
        assert all(problem.severity == "error" for problem in caught.value.problems)


@pytest.mark.parametrize(
    "settings",
    [
        Settings(chains={}),
        Settings(chains={"default": Chain(models=())}),
        Settings(chains={"default": Chain(models=("scripted/x",), deadline=-1)}),
        Settings(chains={"default": Chain(models="scripted/x")}),  # type: ignore[arg-type] # what a user may write
    ],
)
def test_settings_in_code_are_checked_like_a_files(settings: Settings) -> None:
    with pytest.raises(ConfigError, match=r"chains|models|deadline"):
        Standby(settings=settings)


def test_settings_in_code_need_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models.yaml").write_text("no: [good")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STANDBY_CONFIG", "nowhere.yaml")
    with Standby(settings=scripted_chain("Lisbon.")) as client:
        assert client.chat("hi").text == "Lisbon."
        assert client.settings.models["m1"].timeout == 60.0  # nothing is left implicit


def test_a_file_is_read_with_the_given_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LAST_WORD", "the process's")
    path = tmp_path / "mine.yaml"
    path.write_text(
        "version: 1\n"
        "models:\n  m: {provider: scripted, options: {reply: '${LAST_WORD}'}}\n"
        "chains:\n  default: {models: [m]}\n"
    )
    for client in (
        Standby(path, environ={"LAST_WORD": "given"}),
        Standby(str(path), environ={"LAST_WORD": "given"}),
        Standby(environ={"LAST_WORD": "given", "STANDBY_CONFIG": "mine.yaml"}),
    ):
        assert client.chat("hi").text == "given"
    assert Standby(path).chat("hi").text == "the process's"
    path.write_text("version: 1\nchains:\n  default: {models: [m], fallbak: true}\n  other: {}\n")
    with pytest.raises(ConfigError) as caught:
        Standby(path)
    assert {problem.line for problem in caught.value.problems} == {3, 4}


# In time


@pytest.mark.parametrize("settings", [scripted_chain(HANG), scripted_chain(HANG, deadline=0.2)])
def test_a_call_ends_on_time_by_its_own_deadline_or_the_chains(settings: Settings) -> None:
    deadline = None if settings.chains["default"].deadline == 0.2 else 0.2
    with Standby(settings=settings) as client:
        for call in (client.chat, lambda *args, **options: list(client.stream(*args, **options))):
            began = time.monotonic()
            with pytest.raises(
                DeadlineExceeded, match=r"no complete reply within the deadline of 0\.2s; asked: m1"
            ):
                call("hi", deadline=deadline)
            assert 0.15 < time.monotonic() - began < SLACK


@pytest.mark.parametrize("models", ["default", "odd"])
def test_an_adapter_whose_import_hangs_costs_at_most_its_share_or_the_deadline(
    install: Callable[[str], Settings], models: str
) -> None:
    settings = install("import odd_gate\nodd_gate.wait()\nclass Odd: complete = None")
    gate = threading.Event()
    sys.modules["odd_gate"] = gate  # type: ignore[assignment] # the import only calls wait()
    try:
        with Standby(settings=settings, warm_up=False) as client:
            began = time.monotonic()
            if models == "default":
                reply = client.chat("hi", deadline=2.0)
                assert outcomes(reply) == [("odd/m", "cancelled"), ("last", "answered")]
                assert reply.trail[0].text.startswith("not sent yet: its adapter was being made")
                assert client.health()["odd/m"].state == "closed"
            else:
                with pytest.raises(DeadlineExceeded):
                    client.chat("hi", chain="odd", deadline=0.2)
            assert time.monotonic() - began < SLACK
    finally:
        gate.set()
        del sys.modules["odd_gate"]


# Faulty plugins

GOOD = "async def complete(self, call): return Reply(text='from odd')"


@pytest.mark.parametrize(
    ("adapter", "outcome", "text"),
    [
        (
            "import nowhere",
            "skipped",
            "plugin 'odd' (odd 1.0) cannot be used: No module named 'nowhere'",
        ),
        (
            "1 / 0",
            "skipped",
            (
                "plugin 'odd' (odd 1.0) cannot be used: "
                "odd_adapter:Odd: ZeroDivisionError: division by zero"
            ),
        ),
        ("class Odd: pass", "skipped", "odd_adapter:Odd has neither 'complete' nor 'stream'"),
        (
            f"class Odd:\n    {GOOD}\n    def __init__(self, provider): raise KeyError('region')",
            "failed",
            (
                "plugin 'odd' (odd 1.0) raised KeyError: 'region'; "
                "update odd, or report this to its authors"
            ),
        ),
        (
            (
                f"class Odd:\n    {GOOD}\n"
                "    def __init__(self, provider): raise unavailable('no licence: run odd-login')"
            ),
            "skipped",
            "no licence: run odd-login",
        ),
    ],
)
def test_an_adapter_that_cannot_be_created_is_a_failure_and_the_next_model_answers(
    install: Callable[[str], Settings], adapter: str, outcome: str, text: str
) -> None:
    with Standby(settings=install(adapter)) as client:
        for _ in range(2):
            reply = client.chat("hi")
            assert (reply.text, outcomes(reply)[0]) == ("the last word", ("odd/m", outcome))
            assert text in reply.trail[0].text
        with pytest.raises(ChainExhausted, match=re.escape(text)):
            client.chat("hi", chain="odd")


def test_an_adapter_that_can_be_created_later_is_used_then(
    install: Callable[[str], Settings],
) -> None:
    settings = install(
        f"""
        class Odd:
            mishaps = ["not yet"]
            {GOOD}
            def __init__(self, provider):
                if self.mishaps:
                    raise ValueError(self.mishaps.pop())
        """
    )
    with Standby(settings=settings) as client:
        assert [client.chat("hi").text for _ in range(3)] == [
            "the last word",
            "from odd",
            "from odd",
        ]


@pytest.mark.parametrize("at", ["constructor", "call"])
def test_when_a_plugin_exits_the_next_model_answers_and_the_client_stays_usable(
    install: Callable[[str], Settings], at: str
) -> None:
    exits = {
        location: "raise SystemExit(3)" if location == at else "pass"
        for location in ("constructor", "call")
    }
    settings = install(
        f"""
        class Odd:
            def __init__(self, provider): {exits["constructor"]}
            async def complete(self, call):
                {exits["call"]}
                return Reply(text="x")
        """
    )
    with Standby(settings=settings, warm_up=False) as client:
        for call in (
            lambda text: client.chat(text).text,
            lambda text: "".join(chunk.text for chunk in client.stream(text)),
        ):
            assert call("hi") == "the last word"
        assert Standby(settings=scripted_chain("Lisbon.")).chat("hi").text == "Lisbon."


def test_context_variables_reach_the_adapter_in_both_forms(
    install: Callable[[str], Settings],
) -> None:
    settings = install(
        """
        import sys
        class Odd:
            def __init__(self, provider): pass
            async def complete(self, call):
                return Reply(text=sys.modules["odd_who"].get())
        """
    )
    sys.modules["odd_who"] = caller_name  # type: ignore[assignment] # the adapter only calls get()
    token = caller_name.set("the caller")
    try:
        with Standby(settings=settings) as client:
            assert client.chat("hi").text == "the caller"
            assert next(client.stream("hi")).text == "the caller"
        assert asyncio.run(AsyncStandby(settings=settings).chat("hi")).text == "the caller"
    finally:
        caller_name.reset(token)
        del sys.modules["odd_who"]


# Threads and loops


def open_connections(server: Loopback, count: int) -> int:
    """Return the number of the server's connections, after at most 2 s until it is `count`."""
    ended = time.monotonic() + 2
    while len(server._connections) != count and time.monotonic() < ended:
        time.sleep(0.005)
        gc.collect()
    return len(server._connections)


def echo(request: Received) -> Any:
    text = request.json["messages"][0]["content"]
    return openai_stream([text[:3], text[3:]]) if request.json.get("stream") else openai_reply(text)


def test_sixteen_threads_with_twenty_calls_each_never_mix(server: Loopback) -> None:
    server.answer = echo
    with (
        Standby(settings=loopback_chain(openai=server.url)) as client,
        ThreadPoolExecutor(16) as pool,
    ):

        def call(number: int) -> list[str]:
            questions = [f"question {number}.{turn}" for turn in range(20)]
            answers = []
            for question in questions:
                if number % 2:
                    answers.append(client.chat(question).text)
                else:
                    answers.append("".join(chunk.text for chunk in client.stream(question)))
            assert answers == questions
            return answers

        assert len([text for texts in pool.map(call, range(16)) for text in texts]) == 320
    assert len(server.requests) == 320
    gc.collect()


def test_one_client_serves_several_loops_repeatedly_and_leaves_no_socket(
    server: Loopback,
) -> None:
    server.answer = echo
    client = AsyncStandby(settings=loopback_chain(openai=server.url))

    async def call(number: int) -> list[str]:
        return [
            reply.text
            for reply in await asyncio.gather(
                *(client.chat(f"question {number}.{turn}") for turn in range(5))
            )
        ]

    def thread(number: int) -> None:
        for _ in range(5):
            assert asyncio.run(call(number)) == [f"question {number}.{turn}" for turn in range(5)]

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(thread, range(4)))
    gc.collect()
    assert len(server.requests) == 100
    assert open_connections(server, 0) == 0


async def test_a_closed_client_has_no_socket_left_and_a_later_call_opens_new_ones(
    server: Loopback,
) -> None:
    client = AsyncStandby(settings=loopback_chain(openai=server.url))
    for _ in range(3):
        await client.chat("hi")
        assert await asyncio.to_thread(open_connections, server, 1) == 1
        await client.close()
        assert open_connections(server, 0) == 0


def test_a_closed_blocking_client_has_no_socket_left_and_a_later_call_opens_new_ones(
    server: Loopback,
) -> None:
    client = Standby(settings=loopback_chain(openai=server.url))
    for _ in range(2):
        with client:
            client.chat("hi")
            assert open_connections(server, 1) == 1
        assert open_connections(server, 0) == 0
    client.chat("hi")
    client.close()
    assert open_connections(server, 0) == 0


@pytest.mark.parametrize("kind", ["blocking", "asynchronous"])
async def test_a_client_without_references_closes_its_sockets(server: Loopback, kind: str) -> None:
    settings = loopback_chain(
        openai=server.url, gemini="http://127.0.0.1:9"
    )  # the second adapter is about to be imported
    settings = msgspec.structs.replace(
        settings, chains={"default": Chain(models=("o3-mini", "gemini-2.5-pro"))}
    )
    if kind == "blocking":
        await asyncio.to_thread(Standby(settings=settings).chat, "hi")
    else:
        await AsyncStandby(settings=settings).chat("hi")
    assert await asyncio.to_thread(open_connections, server, 0) == 0


async def test_closing_under_a_call_ends_it_and_never_as_a_cancellation(server: Loopback) -> None:
    server.script(hang())
    client = AsyncStandby(
        settings=loopback_chain(openai=server.url, retry=Retry(attempts=1), deadline=5.0)
    )
    call = asyncio.create_task(client.chat("hi"))
    while not server.requests:
        await asyncio.sleep(0.01)
    await client.close()
    with pytest.raises((ChainExhausted, DeadlineExceeded)):
        await call
    await client.close()


CALLS: list[Callable[[Standby], Any]] = [
    lambda client: client.chat("hi"),
    lambda client: list(client.stream("hi")),
    lambda client: client.stream("hi").__enter__(),
    lambda client: client.stream("hi").close(),
    lambda client: client.stream("hi").__exit__(None, None, None),
    lambda client: client.close(),
    lambda client: client.__exit__(None, None, None),
]


@pytest.mark.parametrize("call", CALLS)
def test_inside_a_running_loop_it_works_and_warns_once_at_the_callers_line(
    call: Callable[[Standby], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background_loop, "_warned", False)
    client = Standby(settings=scripted_chain("Lisbon."))

    async def main() -> None:
        for _ in range(3):
            call(client)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        asyncio.run(main())
        gc.collect()
    [warning] = caught
    assert (warning.category, warning.filename) == (RuntimeWarning, __file__)
    assert "use AsyncStandby" in str(warning.message)


# Events


def test_a_sink_receives_all_events_of_a_reply_and_of_a_stream() -> None:
    emitted: list[events.Event] = []
    settings = scripted_chain([BUSY, BUSY, DOWN], "Lisbon.", retry=Retry(attempts=2, initial=0.001))
    with Standby(settings=settings, sinks=[emitted.append]) as client:
        client.chat("hi")
        names, emitted[:] = [type(event).__name__ for event in emitted], []
        list(client.stream("hi"))
    attempt = ["AttemptStarted", "AttemptEnded"]
    assert names == [*attempt, "RetryScheduled", *attempt, "MovedOn", *attempt, "Answered"]
    assert [type(event).__name__ for event in emitted] == [
        *attempt,
        "MovedOn",
        *attempt,
        "Answered",
    ]
    assert len({event.call for event in emitted}) == 1
    assert {event.chain for event in emitted} == {"default"}


def test_a_sink_receives_failures_too() -> None:
    emitted: list[events.Event] = []
    blocked = [{"fail": {"kind": "blocked", "message": "SAFETY"}}]
    with (
        Standby(settings=scripted_chain(blocked), sinks=[emitted.append]) as client,
        pytest.raises(Stopped),
    ):
        client.chat("hi")
    assert isinstance(emitted[-1], events.Failed)
    broken = [
        {"reply": ["Half an"], "fail": {"kind": "connection", "message": "connection error: reset"}}
    ]
    with (
        Standby(settings=scripted_chain(broken), sinks=[emitted.append]) as client,
        pytest.raises(StreamBroken),
    ):
        list(client.stream("hi"))
    assert isinstance(emitted[-1], events.Failed)


def test_a_sink_that_raises_is_logged_and_disturbs_neither_the_call_nor_other_sinks(
    caplog: pytest.LogCaptureFixture,
) -> None:
    emitted: list[events.Event] = []

    def broken(_: events.Event) -> None:
        raise KeyError("my sink")

    with (
        caplog.at_level(logging.ERROR, "standby"),
        Standby(settings=scripted_chain("Lisbon."), sinks=[broken, emitted.append]) as client,
    ):
        assert client.chat("hi").text == "Lisbon."
    assert len(emitted) == 3
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 3
    assert all(
        "broken" in message and "raised KeyError: 'my sink'" in message for message in messages
    )


def test_a_sink_that_calls_the_client_gets_an_error_at_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def curious(_: events.Event) -> None:
        client.chat("what do you think?")

    with Standby(settings=scripted_chain("Lisbon."), sinks=[curious]) as client:
        assert client.chat("hi").text == "Lisbon."
    assert (
        "from inside its own event loop and would wait for itself; use AsyncStandby" in caplog.text
    )


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
def test_an_exit_of_a_sink_reaches_the_caller_and_the_client_stays_usable(
    error: BaseException,
) -> None:
    errors = [error]

    def exits(_: events.Event) -> None:
        if errors:
            raise errors.pop()

    with Standby(settings=scripted_chain("Lisbon."), sinks=[exits]) as client:
        for call in (client.chat, lambda text: list(client.stream(text))):
            with pytest.raises(type(error)):
                call("hi")
            assert client.chat("hi").text == "Lisbon."
            errors.append(error)


def test_the_given_jitter_spreads_the_retries() -> None:
    def pauses(seed: int) -> list[float]:
        emitted: list[events.Event] = []
        settings = scripted_chain(
            [BUSY, {"reply": "Lisbon."}], retry=Retry(attempts=2, initial=0.01)
        )
        with Standby(
            settings=settings, sinks=[emitted.append], jitter=random.Random(seed)
        ) as client:
            client.chat("hi")
        return [event.delay for event in emitted if isinstance(event, events.RetryScheduled)]

    assert pauses(1) == pauses(1) == [random.Random(1).uniform(0, 0.01)]
    assert pauses(2) != pauses(1)


# Warming up

WARMING = """
import asyncio, os, sys, threading, time
import standby.registry.warm_up
from standby import AsyncStandby, Settings, Standby
from standby.settings import Chain, Model, Provider, Secret

settings = Settings(
    providers={
        "o": Provider(plugin="openai", base_url="http://127.0.0.1:9", api_key=Secret("k")),
        "g": Provider(plugin="gemini", api_key=Secret("", "G_KEY")),
    },
    models={
        "m": Model(provider="scripted", options={"reply": "x"}),
        "slow": Model(provider="scripted", options={"script": [{"delay": "600ms", "reply": "x"}]}),
        "sick": Model(provider="scripted", options={"script": [{"fail": {"kind": "overloaded"}}]}),
        "o": Model(provider="o"),
        "g": Model(provider="g"),
    },
    chains={
        "default": Chain(models=("m", "g", "o")),
        "first": Chain(models=("o", "m")),
        "alone": Chain(models=("m",)),
        "slow": Chain(models=("slow", "o")),
        "fails": Chain(models=("sick", "m", "o")),
    },
)

def is_warm():
    return "standby_openai.adapter" in sys.modules

def warms(seconds=0.5):
    ends = time.monotonic() + seconds
    while not is_warm() and time.monotonic() < ends:
        time.sleep(0.01)
    return is_warm()
"""

COLD = """
with Standby(settings=settings, warm_up=False) as client:
    client.chat("hi")
    client.chat("hi", chain="fails")
    print("without warm_up:", warms())
with Standby(settings=settings) as client:
    client.chat("hi", chain="alone")
    print("for a chain of one model, or one that is not called:", warms())
    client.chat("hi")
print("closed before:", warms())
client = AsyncStandby(settings=settings)
asyncio.run(client.chat("hi"))
print("the loop has ended:", warms())

async def live():
    await client.chat("hi")
    ends = time.monotonic() + 10
    while not is_warm() and time.monotonic() < ends:
        await asyncio.sleep(0.001)
    return is_warm()

print("the loop continues:", asyncio.run(live()))
print("without a key:", "standby_gemini.adapter" in sys.modules)
"""


def test_what_stands_by_is_imported_some_time_after_the_first_call_has_begun() -> None:
    assert run_program(WARMING + COLD).splitlines() == [
        "without warm_up: False",
        "for a chain of one model, or one that is not called: False",
        "closed before: False",
        "the loop has ended: False",
        "the loop continues: True",
        "without a key: False",
    ]


EARLY = {
    "when the first attempt has failed": """
standby.registry.warm_up.DELAY = 1000
with Standby(settings=settings) as client:
    client.chat("hi", chain="fails")
    assert warms(10)
""",
    "during a slow first call": """
with Standby(settings=settings) as client:
    began = time.monotonic()
    call = threading.Thread(target=client.chat, args=("hi",), kwargs={"chain": "slow"})
    call.start()
    assert warms(10) and time.monotonic() - began > 0.19
    call.join()
""",
    "from construction on, for the first model": """
import msgspec
chains = {"other": settings.chains["default"], "default": settings.chains["first"]}
client = Standby(settings=msgspec.structs.replace(settings, chains=chains))
assert warms(10)
""",
    "before a fork goes on": """
chains = {"default": settings.chains["first"]}
import msgspec
client = Standby(settings=msgspec.structs.replace(settings, chains=chains))
child = os.fork()
assert threading.active_count() == 1
if not child:
    import standby_openai.adapter
    os._exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
""",
}


@pytest.mark.parametrize("code", EARLY.values(), ids=EARLY)
def test_an_adapter_is_imported_ahead(code: str) -> None:
    assert run_program(WARMING + code) == ""


def test_a_client_whose_adapters_are_imported_starts_no_thread(
    begun: list[threading.Thread],
) -> None:
    with Standby(settings=scripted_chain("x", "y")) as client:
        client.chat("hi")
    begun.clear()
    with Standby(settings=scripted_chain("x", "y")) as client:
        client.chat("hi")
    assert "standby-warm-up" not in {each.name for each in begun}


def run_program(code: str) -> str:
    program = [sys.executable, "-W", "error::ResourceWarning", "-c", code]
    process = subprocess.run(program, capture_output=True, text=True, timeout=30, check=False)  # noqa: S603 - ours
    assert (process.returncode, process.stderr) == (0, "")
    return process.stdout
