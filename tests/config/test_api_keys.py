"""Texts that are clearly not keys, and texts that may be keys."""

import pytest

from standby.config.api_keys import check_key

VARIABLE = "ACME_API_KEY"

NOT_KEYS = {
    '"sk-4eC39HqLyjWDarjtT1zdp7dc"': "has quotes around it",
    "'sk-4eC39HqLyjWDarjtT1zdp7dc": "has quotes around it",
    "\u201csk-4eC39HqLyjWDarjtT1zdp7dc\u201d": "has quotes around it",
    "`sk-4eC39HqLyjWDarjtT1zdp7dc`": "has quotes around it",
    "Bearer sk-4eC39HqLyjWDarjtT1zdp7dc": "begins as a header does",
    "bearer: sk-4eC39HqLyjWDarjtT1zdp7dc": "begins as a header does",
    "Authorization: Bearer sk-4eC39HqLyjWDarjtT1zdp7dc": "begins as a header does",
    "x-api-key: 4eC39HqLyjWDarjtT1zdp7dc": "begins as a header does",
    "ACME_API_KEY=sk-4eC39HqLyjWDarjtT1zdp7dc": "begins with the name of a variable",
    "export ACME_API_KEY=4eC39HqLyjWDarjtT1zdp7dc": "begins with the name of a variable",
    "${ACME_API_KEY}": "a variable that was not filled in",
    "$ACME_API_KEY": "a variable that was not filled in",
    "%ACME_API_KEY%": "a variable that was not filled in",
    "{{ acme_api_key }}": "a variable that was not filled in",
    "$(cat /run/secrets/acme)": "a variable that was not filled in",
    "YOUR_API_KEY": "is a placeholder",
    "your-api-key-here": "is a placeholder",
    "sk-your-key": "is a placeholder",
    "sk-...": "is a placeholder",
    "sk-\u2026": "is a placeholder",
    "sk-xxxxxxxxxxxxxxxxxxxxxxxx": "is a placeholder",
    "xxx": "is a placeholder",
    "sk-xxx": "is a placeholder",
    "********": "is a placeholder",
    "AIzaSy***": "is a placeholder",
    "0000000000": "is a placeholder",
    "changeme": "is a placeholder",
    "change_me": "is a placeholder",
    "<key>": "is a placeholder",
    "<your key>": "is a placeholder",
    "[KEY]": "is a placeholder",
    "sua_chave_openai_aqui": "is a placeholder",
    "tu-clave-aqu\u00ed": "is a placeholder",
    "insert-key": "is a placeholder",
    "TODO": "is a placeholder",
    "REPLACE_ME": "is a placeholder",
    "ACME_API_KEY": "is a placeholder",
    "api_key": "is a placeholder",
    "none": "is a placeholder",
    "test": "is a placeholder",
    "OTHER_API_KEY": "is the name of a variable",
    "GITHUB_TOKEN": "is the name of a variable",
    "$env:ACME_API_KEY": "a variable that was not filled in",
    "process.env.ACME_API_KEY": "says where a key is kept",
    "import.meta.env.ACME_KEY": "says where a key is kept",
    'os.environ["ACME_API_KEY"]': "says where a key is kept",
    "os.getenv('ACME_API_KEY')": "says where a key is kept",
    "env:ACME_API_KEY": "says where a key is kept",
    "op://vault/acme/credential": "says where a key is kept",
    "arn:aws:secretsmanager:eu-west-1:1:secret:acme": "says where a key is kept",
    "@Microsoft.KeyVault(SecretUri=https://v.example/s)": "says where a key is kept",
    "/run/secrets/acme": "says where a key is kept",
    "https://api.acme.example/v1": "is a URL",
    "Bearer%20sk-4eC39HqLyjWDarjtT1zdp7dc": "begins as a header does",
    "key=sk-4eC39HqLyjWDarjtT1zdp7dc": "begins with the name of a variable",
    "api_key=sk-4eC39HqLyjWDarjtT1zdp7dc": "begins with the name of a variable",
    "apikey: sk-4eC39HqLyjWDarjtT1zdp7dc": "begins with the name of a variable",
    "sk-4eC39HqLyjWDarjtT1zdp7dc,": "ends with a comma",
    "sk-4eC39HqLyjWDarjtT1zdp7dc;": "ends with a comma",
    "sk-4eC39HqLyjWDarjtT1zdp7dc\\n": "ends with a line end that is written out",
    "sk-4eC39HqLyjWDarjtT1zdp7dc\\r\\n": "ends with a line end that is written out",
    "mykey": "is a placeholder",
    "my-secret-key": "is a placeholder",
    "secret": "is a placeholder",
    "password": "is a placeholder",
    "password123": "is a placeholder",
    "tbd": "is a placeholder",
    "n/a": "is a placeholder",
    "abc123": "is a placeholder",
    "no-key": "is a placeholder",
    "sk-no-key-required": "is a placeholder",
    "sk-1234567890": "is a placeholder",
    "sk-abcdefghijklmnop": "is a placeholder",
    "sk-0000000000000000": "is a placeholder",
    "insertyourkey": "is a placeholder",
    "YourApiKeyHere": "is a placeholder",
    "acmekey": "is a placeholder",
    "sk-proj-your-key": "is a placeholder",
    "sk-your-key-82jfjs": "is a placeholder",
    "your-acme-credential": "is a placeholder",
    "sk-4eC39Hq LyjWDarjtT1zdp7dc": "has a space or a line end in it",
    "sk-4eC39Hq\nLyjWDarjtT1zdp7dc": "has a space or a line end in it",
    "sk-4eC39Hq\r\nLyjWDarjtT1zdp7dc": "has a space or a line end in it",
    "sk-4eC39Hq\u00a0LyjWDarjtT1zdp7dc": "has a space or a line end in it",
    "sk-4eC39Hq\u200bLyjWDarjtT1zdp7dc": "has a character that no key has",
    "sk-4eC39Hq\u0430LyjWDarjtT1zdp7dc": "has a character that no key has",
    "sk-4eC39Hq\x00LyjWDarjtT1zdp7dc": "has a character that no key has",
}

MAY_BE_KEYS = [
    "sk-4eC39HqLyjWDarjtT1zdp7dc",
    "sk-proj-Ab_3-xK9-your0ne-Xx1x",
    "sk-ant-api03-qLyjWDarjtT1zdp7dc-AA",
    "AIzaSyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY",
    "gsk_4eC39HqLyjWDarjtT1zdp7dc",
    "4ec39hq0lyjwdarjtt1zdp7dc:0",
    "opens-nothing",
    "ya29.a0AfB_by-su-x",
    "sk-tu-82jdl2k",
    "sk-here-82jfjs",
    "sk-proj-here-KdjQwPlmNaRtzU",
    "sk-or-v1-4ec39hq0lyjwdarjtt1zdp7dc",
    "AQ.Ab8RN6Itu-su_here-Zk",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln-tu-bmF0dXJl",
    "c2VjcmV0c2VjcmV0cw==",
    "4ec39hq0-lyjw-darj-tt1z:9f8e7d",
    "/runAbc9/etcXk2",
]


@pytest.mark.parametrize("key", NOT_KEYS)
def test_what_is_clearly_not_a_key_is_reported_without_its_value(key: str) -> None:
    problem = check_key(key, VARIABLE, own_endpoint=False)
    assert problem is not None
    assert NOT_KEYS[key] in problem.message
    assert problem.hint
    assert "4eC39Hq" not in f"{problem}"


@pytest.mark.parametrize("key", MAY_BE_KEYS)
def test_what_may_be_a_key_passes(key: str) -> None:
    assert check_key(key, VARIABLE, own_endpoint=False) is None


@pytest.mark.parametrize(
    "key",
    ["none", "EMPTY", "test", "token", "sk-no-key-required", "ollama", "secret", "abc123", "n/a-x"],
)
def test_a_custom_server_accepts_any_key(key: str) -> None:
    assert check_key(key, VARIABLE, own_endpoint=True) is None


def test_a_templates_placeholder_is_not_accepted_there_either() -> None:
    problem = check_key("YOUR_API_KEY", VARIABLE, own_endpoint=True)
    assert problem is not None
    assert problem.message == "is a placeholder"
