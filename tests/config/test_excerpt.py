import pytest

from standby.config.excerpt import WIDEST, is_secret_name, mask_secrets, redact_lines

CANARY = "canary-4711"


@pytest.mark.parametrize(
    "text",
    [
        f"api_key: {CANARY}",
        f"  'api_key' : {CANARY}",
        f"{{plugin: acme, api_key: {CANARY}}}",
        f"apiKey: {CANARY}",
        f"API-KEY = {CANARY}",
        f"token: {CANARY}",
        f"client_secret: {CANARY}",
        f"password: {CANARY}",
        f"Authorization: Bearer {CANARY}",
        f"api_key:\n  {CANARY}",
        f"api_key: >-\n  {CANARY}\n  {CANARY}",
        f"api_key: |2\n\n  x\n\n  {CANARY}",
        f"api_key: [\n{CANARY}\n]",
        f'api_key: "\n{CANARY}"',
        f"api_key:\n  nested:\n    deep: {CANARY}",
        f"keys:\n- {CANARY}",
    ],
)
def test_a_key_is_never_in_a_line_that_is_shown(text: str) -> None:
    assert CANARY not in "\n".join(redact_lines(text))


def test_what_is_not_a_key_is_shown_unchanged() -> None:
    text = "providers:\n  acme:\n    api_key: ${X}\n    plugin: acme  # why\n\nmodels:\n  - a\t\n"
    assert redact_lines(text) == [
        "providers:",
        "  acme:",
        "    api_key: …",
        "    plugin: acme  # why",
        "",
        "models:",
        "  - a",
    ]


def test_a_line_with_control_characters_is_not_shown() -> None:
    assert redact_lines("a: \x1b[31mred\nb: \tc") == ["", "b: \tc"]


def test_a_long_line_is_cut() -> None:
    [line] = redact_lines("a: " + "b " * WIDEST)
    assert len(line) == WIDEST + 2
    assert line.endswith(" …")


@pytest.mark.parametrize(
    ("text", "excerpt"),
    [
        ("no model is named 'sk-proj-aB3dE6gH9jK2mN5pQ8'", "no model is named 'sk-proj-…'"),
        ("AIzaSyD4x8_kQ2mN7bV5cX1zL9 here", "… here"),
        ("gemini-2.5-flash-preview-09-2025", "gemini-2.5-flash-preview-09-2025"),
        ("SmolLM2-135M-Instruct", "SmolLM2-135M-Instruct"),
        ("ENABLE_MODEL_FALLBACK_2", "ENABLE_MODEL_FALLBACK_2"),
    ],
)
def test_what_looks_like_a_key_is_masked(text: str, excerpt: str) -> None:
    assert mask_secrets(text) == excerpt


@pytest.mark.parametrize(
    ("name", "is_secret"),
    [
        ("api_key", True),
        ("authToken", True),
        ("first_token", True),
        ("first_token_timeout", False),
        ("max_tokens", False),
        ("base_url", False),
        ("monk", False),
    ],
)
def test_a_name_says_whether_its_value_may_be_a_secret(name: str, is_secret: bool) -> None:
    assert is_secret_name(name) is is_secret


@pytest.mark.parametrize(
    ("text", "excerpt"),
    [
        ("base_url: http://user:a-password@h/v1", "base_url: http://…@h/v1"),
        ('base_url: "http://user:pass/word@h/v1"', 'base_url: "http://…@h/v1"'),
        ("base_url: user:a-password@h/v1", "base_url: …@h/v1"),
        ("base_url: http://h/v1?sig=a-secret#x", "base_url: http://h/v1?…#x"),
        ("base_url: http://h/v1", "base_url: http://h/v1"),
        ("mail: a@b.example", "mail: a@b.example"),
    ],
)
def test_a_urls_user_information_and_query_are_never_shown(text: str, excerpt: str) -> None:
    assert mask_secrets(text) == excerpt
    assert redact_lines(text) == [excerpt]
