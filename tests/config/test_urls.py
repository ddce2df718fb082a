"""A `base_url`: what no request can be sent to, likely mistakes, and the corrected URL."""

import re

import pytest
import yarl
from hypothesis import given
from hypothesis import strategies as st

from standby.config.url_errors import find_url_error
from standby.config.url_warnings import find_url_warnings
from standby.plugin import ProviderInfo
from standby.registry.plugins import Registry

ACME = ProviderInfo(
    adapter="acme:Acme",
    endings=("/chat/completions", "/v1*/models/*"),
    roots={
        "api.acme.example": "/api/v1",
        "*.acme.example": "/v1",
        "*:11434": "/v1",
        "*:11434/api": "/v1",
    },
)

UNSENDABLE = {
    "localhost:11434/v1": "http://localhost:11434/v1",
    "localhost:11434": "http://localhost:11434/v1",
    "10.0.0.7/v1": "http://10.0.0.7/v1",
    "api.acme.example": "https://api.acme.example/api/v1",
    "//h.example/v1": "https://h.example/v1",
    "://h/v1": "http://h/v1",
    "http//h/v1": "http://h/v1",
    "http:/h/v1": "http://h/v1",
    "http:h/v1": "http://h/v1",
    "ftp://h/v1": "http://h/v1",
    "htps://h.example/v1": "https://h.example/v1",
    "unix:///var/run/model.sock": "",
    "http://http://h/v1": "http://h/v1",
    "http://https://h/v1": "https://h/v1",
    "https://https//h/v1": "https://h/v1",
    "http://ftp://h": "http://h",
    "https://wss://h.example/v1": "https://h.example/v1",
    "http://h/http://h/v1": "http://h/v1",
    "https://h.example:8/https://h.example:8/v1": "https://h.example:8/v1",
    "wss://h/v1": "https://h/v1",
    "wss://h.example/v1": "https://h.example/v1",
    "ws://h/v1": "http://h/v1",
    "http://h/v1 # the one here": "http://h/v1",
    "http://h/v1\t# see http://g/x": "http://h/v1",
    "http://my host/v1": "",
    "http://my host": "",
    "http://h,": "http://h",
    "http://h:8080;": "http://h:8080",
    "http:\\\\h\\v1": "http://h/v1",
    " http://h/v1": "http://h/v1",
    "http://h/v1\n": "http://h/v1",
    "http://h /v1": "http://h/v1",
    "http://h/a b/v1": "http://h/a%20b/v1",
    "http://h\t/v1": "http://h/v1",
    "http://h\u200b/v1": "http://h/v1",
    "\ufeffhttp://h/v1": "http://h/v1",
    "http://h\x00/v1": "http://h/v1",
    '"http://h/v1"': "http://h/v1",
    "<http://h/v1>": "http://h/v1",
    "https://<resource>.acme.example/v1": "",
    "https://{resource}.acme.example/v1": "",
    "http:": "",
    "http://": "",
    "http:///v1": "",
    "http://:8080/v1": "",
    "http://@/v1": "",
    "http://?x": "",
    "http://a..b/v1": "",
    "http://-a/v1": "",
    "http://a,b/v1": "",
    "http://999.1.1.1/v1": "",
    "http://h:99999/v1": "",
    "http://h:0/v1": "",
    "http://h:port/v1": "",
    "http://h:-1/v1": "",
    "http://h:\u0661/v1": "",
    "http://::1/v1": "http://[::1]/v1",
    "http://::1:8080/v1": "http://[::1]:8080/v1",
    "http://fe80::1:2:3:4/v1": "http://[fe80::1:2:3:4]/v1",
    "http://a:b:c/v1": "",
    "http://[::1/v1": "",
    "http://[nobody]/v1": "",
    "user:a-password@h/v1": "http://h/v1",
    "ftp://user:a-password@h/v1?key=a-secret": "http://h/v1",
    "http://user:a-pass/word@h/v1": "",
}
"""URLs that no request can be sent to, and the corrected one; "" where it is unknown."""

SENDABLE = [
    "http://h",
    "https://h/v1/",
    "HTTP://h/v1",
    "http://my_service:8000/v1",
    "http://h.:1/v1",
    "http://http/v1",
    "http://127.0.0.1:65535/v1",
    "http://[::1]:8080/v1",
    "http://b\u00fccher.example/v1",
    "http://h/a%20b/v1",
    "http://user:a-password@h/v1?x=1#y",
    "http://[fe80::1%25eth0]:8080/v1",
    "https://proxy.example/https://api.acme.example/v1",
    "http://h:/v1",
]

MISTAKES = {
    "http://h/v1?api-version=1": ("http://h/v1", "query"),
    "http://h/v1#here": ("http://h/v1", "'#'"),
    "http://user:a-password@h/v1": ("http://h/v1", "in place of the key"),
    "http://a-key@h/v1": ("http://h/v1", "in place of the key"),
    "http://h/v1/chat/completions": ("http://h/v1", "/chat/completions"),
    "http://h/v1/chat/completions/chat/completions": ("http://h/v1", "/chat/completions"),
    "http://h/v1/chat/completions/": ("http://h/v1", "/chat/completions"),
    "http://h/v1/gate/v1beta/models/x:generate": ("http://h/v1/gate", "/v1beta/models/x:generate"),
    "http://h:11434": ("http://h:11434/v1", "/v1"),
    "http://h:11434/": ("http://h:11434/v1", "/v1"),
    "http://h:11434/api": ("http://h:11434/v1", "/v1"),
    "http://[::1]:11434": ("http://[::1]:11434/v1", "/v1"),
    "https://api.acme.example": ("https://api.acme.example/api/v1", "/api/v1"),
    "https://api.acme.example/v1": ("https://api.acme.example/api/v1", "/api/v1"),
    "https://API.acme.example/api": ("https://API.acme.example/api/v1", "/api/v1"),
    "https://mine.acme.example": ("https://mine.acme.example/v1", "/v1"),
    "http://api.acme.example/api/v1": ("https://api.acme.example/api/v1", "unencrypted"),
    "http://0.0.0.0:1/v1": ("http://127.0.0.1:1/v1", "listen"),
    "http://[::]:1/v1": ("http://[::1]:1/v1", "[::]"),
    "http://h//v1": ("http://h/v1", "two slashes"),
    "https://api.acme.example:443": ("https://api.acme.example:443/api/v1", "/api/v1"),
    "https://api.acme.example./v1": ("https://api.acme.example./api/v1", "/api/v1"),
    "http://api.acme.example./api/v1": ("https://api.acme.example./api/v1", "unencrypted"),
    "http://h/v1/chat/completions/v1": ("http://h/v1", "added automatically"),
    "http://h/v1/Chat/Completions": ("http://h/v1", "/Chat/Completions"),
    "http://h/v1/chat": ("http://h/v1", "an operation's"),
    "http://h/v1/messages": ("http://h/v1", "an operation's"),
    "http://h/v1/models": ("http://h/v1", "an operation's"),
    "http://h/x/models/m:generateContent": ("http://h/x", "an operation's"),
    "http://h:11434/api/tags": ("http://h:11434/v1", "an operation's"),
    "http://h/v1/v1": ("http://h/v1", "/v1 twice"),
    "http://h/v1//v1/": ("http://h/v1", "/v1 twice"),
    "http://h/v1%20": ("http://h/v1", "'%20'"),
    "http://h/v1,": ("http://h/v1", "','"),
    "http://h/v1.": ("http://h/v1", "'.'"),
    "http://h/v1/chat/completions,": ("http://h/v1", "added automatically"),
}
"""URLs that are likely a mistake, the corrected one, and a word of the reason."""

CORRECT = [
    "http://h/v1",
    "http://h:11434/v1",
    "http://h:11434/proxy/v1",
    "http://h:11435",
    "https://api.acme.example/api/v1/",
    "https://chat.example/completions/v1",
]


@pytest.mark.parametrize("url", UNSENDABLE)
def test_an_error_is_reported_with_the_corrected_url(url: str) -> None:
    problem = find_url_error(url, ACME)
    assert problem is not None
    assert problem.corrected == UNSENDABLE[url]
    assert "a-" not in f"{problem}".replace("a-pass/", "")  # of a password or a secret
    assert problem.hint


@pytest.mark.parametrize("url", SENDABLE)
def test_what_a_request_can_be_sent_to_passes(url: str) -> None:
    assert find_url_error(url, ACME) is None


@pytest.mark.parametrize("url", MISTAKES)
def test_a_likely_mistake_is_reported_with_the_corrected_url(url: str) -> None:
    assert find_url_error(url, ACME) is None
    problems, corrected = find_url_warnings(url, ACME)
    expected, why = MISTAKES[url]
    assert corrected == expected
    assert why in " ".join(problem.message for problem in problems)
    assert "a-" not in f"{problems}{corrected}".replace("a-key/", "")


@pytest.mark.parametrize("url", CORRECT)
def test_a_correct_url_has_no_warning(url: str) -> None:
    assert find_url_warnings(url, ACME)[0] == []


def test_an_endless_url_is_refused_at_once() -> None:
    problem = find_url_error(f"http://h{'/chat/completions' * 60_000}", ACME)
    assert problem is not None
    assert (problem.message, problem.corrected) == ("is longer than 2000 characters", "")


def test_several_mistakes_are_corrected_at_once() -> None:
    problems, corrected = find_url_warnings("http://u:p@0.0.0.0:11434/chat/completions?x=1#y", ACME)
    assert (len(problems), corrected) == (6, "http://127.0.0.1:11434/v1")


def test_a_plugin_may_support_other_schemes() -> None:
    sockets = ProviderInfo(adapter="acme:Acme", schemes=("grpc", "grpcs"))
    assert find_url_error("grpc://h:1", sockets) is None
    problem = find_url_error("http://h:1", sockets)
    assert problem is not None
    assert (problem.hint, problem.corrected) == ("begin it with grpc:// or grpcs://", "grpc://h:1")


PIECES = st.lists(
    st.sampled_from(
        re.findall(
            r"\S+",
            "http https ftp : / // :// @ ? # [ ] ::1 h localhost a.b .. 127.0.0.1 0.0.0.0 11434 80"
            " 99999 - v1 /v1 /api /chat /models/x:y , /chat/completions \\ % %20 _ ü x=1 . user",
        )
    )
    | st.sampled_from([" ", "\t", "\n", "\x7f", "\u200b"]),
    max_size=9,
).map("".join)


@given(url=PIECES | PIECES.map("http://{}".format))
def test_what_passes_is_a_url_for_the_http_library_and_so_is_what_is_corrected(url: str) -> None:
    if not url:
        return
    problem = find_url_error(url, ACME)
    if problem is None:
        assert yarl.URL(url).host
        corrected = find_url_warnings(url, ACME)[1]
    else:
        corrected = problem.corrected
    if corrected:
        assert find_url_error(corrected, ACME) is None
        assert find_url_warnings(corrected, ACME)[0] == []


ADDED = {
    "openai": ("http://h/v1", ["/chat/completions", "/responses", "/messages", "/models"]),
    "anthropic": ("http://h", ["/v1/messages", "/v1", "/v1/v1", "/v1/chat/completions"]),
    "gemini": (
        "http://h",
        [
            "/v1beta/models/gemini-2.5-pro:generateContent",
            "/v1beta/models/gemini-2.5-pro:streamGenerateContent",
            "/v1/models/x:generateContent",
            "/v1beta1/projects/p/locations/l/publishers/google/models/x:generateContent",
            "/v1beta",
            "/v1beta/",
            "/v1/chat/completions",
        ],
    ),
}


@pytest.mark.parametrize("plugin", ADDED)
def test_each_plugin_knows_the_paths_that_it_adds(plugin: str) -> None:
    url, paths = ADDED[plugin]
    info = Registry().info(plugin)
    assert find_url_warnings(url, info)[0] == []
    assert [find_url_warnings(url + path, info)[1] for path in paths] == [url] * len(paths)


@pytest.mark.parametrize(
    ("url", "corrected"),
    [
        ("http://localhost:11434", "http://localhost:11434/v1"),
        ("http://localhost:11434/api/chat", "http://localhost:11434/v1"),
        ("http://localhost:11434/api/tags", "http://localhost:11434/v1"),
        ("http://localhost:11434/api/generate", "http://localhost:11434/v1"),
        ("https://api.openai.com:443", "https://api.openai.com:443/v1"),
        ("https://api.openai.com.", "https://api.openai.com./v1"),
        (
            "https://generativelanguage.googleapis.com/v1beta/models/m:generateContent",
            "https://generativelanguage.googleapis.com/v1beta/openai",
        ),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000/v1"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/v1"),
        ("http://localhost:1234", "http://localhost:1234/v1"),
        ("https://api.openai.com", "https://api.openai.com/v1"),
        ("https://api.openai.com/v1/chat/completions", "https://api.openai.com/v1"),
        ("http://api.openai.com", "https://api.openai.com/v1"),
        ("https://openrouter.ai", "https://openrouter.ai/api/v1"),
        ("https://mine.openai.azure.com/", "https://mine.openai.azure.com/openai/v1"),
    ],
)
def test_where_known_servers_have_the_api(url: str, corrected: str) -> None:
    assert find_url_warnings(url, Registry().info("openai"))[1] == corrected


def test_no_known_root_has_a_warning_itself() -> None:
    info = Registry().info("openai")
    for server, root in info.roots.items():
        url = f"https://{server.partition('/')[0].replace('*', 'h')}{root}"
        assert (url, find_url_warnings(url, info)[0]) == (url, [])
