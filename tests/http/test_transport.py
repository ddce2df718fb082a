import socket
import ssl
from typing import Any

import pytest

from standby.failures import Kind
from standby.http.transport import connection_failure, encode_json, key_of, unavailable
from standby.plugin import AttemptFailed, Provider, Secret

HERE = "http://127.0.0.1:9"


def provider(key: str | None, url: str | None = None) -> Provider:
    return Provider(plugin="p", base_url=url, api_key=None if key is None else Secret(key, "P_KEY"))


@pytest.mark.parametrize("url", [None, HERE])
@pytest.mark.parametrize("key", ["sk-1", " sk-1\n", "\tsk-1"])
def test_a_key_is_given_without_the_blanks_around_it(key: str, url: str | None) -> None:
    assert key_of(provider(key, url), "P_KEY") == "sk-1"


@pytest.mark.parametrize("key", [None, "", " \n"])
def test_an_endpoint_of_the_users_own_may_need_no_key(key: str | None) -> None:
    assert key_of(provider(key, HERE), "P_KEY") == ""


def test_a_vendor_that_needs_no_key_gets_a_request_without_one() -> None:
    assert key_of(provider(None), "P_KEY", needed=False) == ""
    assert key_of(provider("sk-1"), "P_KEY", needed=False) == "sk-1"


def test_a_key_that_the_file_names_must_be_set_though_the_vendor_needs_none() -> None:
    with pytest.raises(AttemptFailed, match="no key: set P_KEY"):
        key_of(provider(""), "P_KEY", needed=False)


@pytest.mark.parametrize(
    ("key", "message"),
    [(None, "no key: set A_KEY or B_KEY"), ("", "no key: set P_KEY"), (" \n", "no key: set P_KEY")],
)
def test_without_a_key_and_an_endpoint_it_says_what_to_set(key: str | None, message: str) -> None:
    with pytest.raises(AttemptFailed) as caught:
        key_of(provider(key), "A_KEY", "B_KEY")
    assert (caught.value.failure.kind, caught.value.failure.text) == (Kind.UNAVAILABLE, message)


@pytest.mark.parametrize("key", ["sk\n1", "sk\r\nX-Injected: 1", "schlüssel", "sk\x00", "sk\x7f"])
def test_a_key_that_cannot_be_sent_is_reported_but_not_shown(key: str) -> None:
    with pytest.raises(
        AttemptFailed, match=r"the key \(Secret\(P_KEY\)\) cannot be sent: .* copy it again"
    ) as caught:
        key_of(provider(key, HERE), "P_KEY")
    assert caught.value.failure.kind is Kind.UNAVAILABLE
    assert key not in str(caught.value)


def test_a_body_is_json_in_bytes() -> None:
    assert (
        encode_json({"text": "bön 🗺", "stop": ("a",)}) == '{"text":"bön 🗺","stop":["a"]}'.encode()
    )


def test_a_lone_surrogate_is_the_callers_own_mistake() -> None:
    with pytest.raises(AttemptFailed, match="not sent: a message is not valid Unicode") as caught:
        encode_json({"text": "\ud800 in private"})
    assert caught.value.failure.kind is Kind.INVALID_REQUEST
    assert "private" not in str(caught.value)


class ConnectTimeout(Exception):
    """Recognised by its name alone."""


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ConnectTimeout(), "timeout: no connection in time"),
        (ConnectTimeout("the pool is full"), "timeout: the pool is full"),
        (TimeoutError(), "timeout: no connection in time"),
    ],
)
def test_what_takes_too_long_is_a_timeout(error: Exception, text: str) -> None:
    failure = connection_failure(error).failure
    assert (failure.kind, failure.text) == (Kind.TIMEOUT, text)


CAUSES: list[Any] = [
    (ConnectionRefusedError(111, "Connect call failed ('127.0.0.1', 9)"), "Connection refused"),
    (ConnectionResetError(104, "Connection reset by peer"), "Connection reset by peer"),
    (OSError(113, "Connect call failed ('10.0.0.1', 9)"), "No route to host"),
    (socket.gaierror(-2, "Name or service not known"), "Name or service not known"),
    (ssl.SSLCertVerificationError(1, "certificate verify failed"), "certificate verify failed"),
    (OSError("All connection attempts failed"), "it broke"),
]


@pytest.mark.parametrize(("cause", "message"), CAUSES)
def test_a_lost_connection_has_the_systems_message(cause: Exception, message: str) -> None:
    group = ExceptionGroup("attempts", [cause, OSError(22, "of another address")])
    middle, outer = OSError("All connection attempts failed"), RuntimeError("it broke")
    middle.__cause__, outer.__cause__ = group, middle
    failure = connection_failure(outer).failure
    assert (failure.kind, failure.text) == (Kind.CONNECTION, f"connection error: {message}")


def test_a_lost_connection_without_a_message_has_its_type() -> None:
    assert connection_failure(EOFError()).failure.text == "connection error: EOFError"


def test_unavailable_has_no_status() -> None:
    failure = unavailable("no key").failure
    assert (failure.kind, failure.status, failure.text) == (Kind.UNAVAILABLE, None, "no key")
