"""One call of the HTTP client, and what nobody may find in its failure."""

import asyncio
import pickle
import traceback

from standby.failures import Failure
from standby.http.client import Headers, HttpClient
from standby.plugin import AttemptFailed

KEY = "sk-secret-of-the-tests"
HEADERS = Headers({"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"})


async def post(
    http: HttpClient, url: str, body: bytes = b"{}", *, within: float = 4.0
) -> bytes | Failure:
    """Return the body, or the failure; no test may wait for long."""
    try:
        async with asyncio.timeout(within):
            return await http.post(f"{url}/v1/x", HEADERS, body)
    except AttemptFailed as error:
        check_no_secret(error)
        return error.failure


def check_no_secret(error: AttemptFailed) -> None:
    """Nothing of aiohttp can be reached from what is raised, and no key in any form of it."""
    pending: list[BaseException | None] = [error]
    while pending:
        each = pending.pop()
        if each is not None:
            assert not type(each).__module__.startswith("aiohttp"), each
            pending += [each.__cause__, each.__context__]
    forms = [str(error), repr(error), repr(error.failure)]
    forms += traceback.format_exception(error)
    shown = " ".join(forms).encode() + pickle.dumps(error)
    shown = shown.replace(b"http://user:password@host:port", b"")  # what to write in a variable
    assert KEY.encode() not in shown
    assert b"password@" not in shown
    assert b"password=" not in shown


def failed(result: bytes | Failure) -> tuple[str, str]:
    """Return the kind and the text of a failure."""
    assert isinstance(result, Failure), result
    return result.kind.value, result.text
