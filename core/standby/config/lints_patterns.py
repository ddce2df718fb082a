"""Lints of texts: a pattern is run against what the models that it applies to are known to say when they fail."""

import re

from standby.config.finding import Findings, Place
from standby.config.lints_view import View
from standby.config.rules import items_of
from standby.failures import kind_of_status
from standby.policy import Trigger
from standby.triggers import pattern

OWN = (
    "timeout: no answer in 30s",
    "timeout: no complete answer in 30s",
    "timeout: no first token in 60s",
    "timeout: no token for 30s",
    "timeout: no connection in time",
    "connection error: Connection refused",
    "connection error: Connection reset by peer",
    "connection error: Name or service not known",
    "connection error: certificate verify failed",
    "200 OK. malformed: the body is empty",
    "200 OK. malformed: expected JSON, got '<html>'",
    "200 OK. malformed: the stream ended before the answer was whole",
    "empty: a reply without text, finish stop",
    "truncated: the token limit cut it after 100 tokens",
    "the answer does not fit the schema 'Answer': ValidationError",
)
"""What standby says itself of failures that no vendor reports."""

LONGEST = 70
"""Characters of a vendor's text that a hint shows."""


def lint_patterns(view: View, findings: Findings) -> None:
    """Tell of patterns that nothing matches, and of those that everything does."""
    for name, trigger in view.settings.triggers.items():
        said = {asked.name: view.errors(asked) for asked in view.reached_by(name, trigger)}
        if trigger.message is not None and any(said.values()):
            for at, expression in items_of(trigger.message):
                _lint(("triggers", name, "message", *at), expression, trigger, said, findings)


def _lint(place: Place, expression: str, trigger: Trigger, said: dict[str, tuple[str, ...]], findings: Findings) -> None:
    is_found = pattern(expression)
    texts = (*OWN, *(text for errors in said.values() for text in errors))
    matching = [text for text in texts if is_found(text)]
    alone = trigger.kind is None and trigger.status is None and trigger.code is None
    if len(matching) == len(texts) and alone:
        findings.warn(place, "trigger-matches-all", f"{expression!r} is in every failure's text", "write more of the text")
    if matching:
        return
    model, text, is_close = _closest(expression, said)
    if is_close or all(said.values()):  # a model whose texts nobody knows may well say so
        known = " or ".join(repr(model) for model, errors in said.items() if errors)
        message = f"{expression!r} matches nothing that {known} is known to say"
        findings.warn(place, "pattern-matches-nothing", message, _hint(model, text))


def _closest(expression: str, said: dict[str, tuple[str, ...]]) -> tuple[str, str, bool]:
    """Return the model and its text that has most in common with a pattern, and whether that is enough to be sure."""
    wanted = _words(expression)
    numbers = {word for word in wanted if word.isdigit()}
    best, most = ("", "", False), (0, 0)
    for model, errors in said.items():
        for text in errors:
            has = _words(text)
            status, shared = len(numbers & has), len((wanted - numbers) & has)
            if (status, shared) > most:
                is_close = bool(status and shared) or shared == len(wanted)
                best, most = (model, text, is_close), (status, shared)
    return best


def _words(text: str) -> set[str]:
    return set(re.findall(r"\d{3}|[a-z]{3,}", text.casefold()))


def _hint(model: str, text: str) -> str:
    if not text:
        return "name the kind: it recognises a failure in any words"
    shown = text if len(text) <= LONGEST else f"{text[: LONGEST - 1].rstrip()}…"
    kind = f"; kind: {kind_of_status(int(text[:3]))} recognises it in any words" if text[:3].isdigit() else ""
    return f"{model!r} says '{shown}'{kind}"
