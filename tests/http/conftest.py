import asyncio
import logging
from collections.abc import AsyncIterator

import pytest

from standby.http.client import HttpClient
from standby_openai.failures import read_failure


@pytest.fixture
async def http(caplog: pytest.LogCaptureFixture) -> AsyncIterator[HttpClient]:
    """Return a client; afterwards nothing of it is left, and nothing was logged."""
    loop = asyncio.get_running_loop()
    reports: list[object] = []
    loop.set_exception_handler(lambda _, context: reports.append(context))
    before = asyncio.all_tasks()
    client = HttpClient(read_failure)
    yield client
    assert client._permits._value == 1000
    await client.aclose()
    await asyncio.sleep(0.01)
    names = [task for task in asyncio.all_tasks() - before if "serve" not in repr(task)]
    assert [task for task in names if "aiohttp" in repr(task)] == []
    assert reports == []
    assert [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING] == []
