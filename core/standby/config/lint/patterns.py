"""Lints of texts: a pattern is run against what the models that it applies to are known to say when they fail."""

import re

from standby.config.finding import Findings, Location
from standby.config.lint.context import Asked, View
from standby.config.lint.triggers import is_text_alone
from standby.config.resolve.triggers import items_of
from standby.failures import kind_of_status
from standby.resilience.triggers import CALLER_AT_FAULT, pattern
from standby.settings import Trigger

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

_STATUS = re.compile(r"/?\^?(4\d\d)\b[ .]*(\w*)[ .]*(.*)", re.DOTALL)
"""A pattern that begins as a failure's text does: its status, the vendor's code, the words."""

LONGEST = 70
"""Characters of a vendor's text that a hint shows."""


def lint_patterns(view: View, findings: Findings) -> None:
    """Tell of patterns that nothing matches, and of those that everything does."""
    for name, trigger in view.settings.triggers.items():
        reached = view.reached_by(name, trigger)
        said = {asked.name: view.errors(asked) for asked in reached}
        for at, expression in items_of(trigger.message) if reached else ():
            location: Location = ("triggers", name, "message", *at)
            kinds = _never_decided(view, expression, reached) if is_text_alone(trigger) else ""
            if kinds:
                message = f"{expression!r} is in refusals of the request alone, where a text alone decides nothing"
                hint = f"add kind: {kinds}, if another model may answer what this one refuses"
                findings.warn(location, "trigger-never-fires", message, hint)
            elif any(said.values()):
                _lint(location, expression, trigger, said, findings)


def _lint(
    location: Location,
    expression: str,
    trigger: Trigger,
    said: dict[str, tuple[str, ...]],
    findings: Findings,
) -> None:
    is_found = pattern(expression)
    texts = (*OWN, *(text for errors in said.values() for text in errors))
    matching = [text for text in texts if is_found(text)]
    if len(matching) == len(texts) and is_text_alone(trigger):
        findings.warn(
            location,
            "trigger-matches-all",
            f"{expression!r} is in every failure's text",
            "write more of the text",
        )
    if matching:
        return
    model, text, is_close = _closest(expression, said)
    if is_close or all(said.values()):  # a model whose texts nobody knows may well say so
        known = " or ".join(repr(model) for model, errors in said.items() if errors)
        message = f"{expression!r} matches nothing that {known} is known to say"
        findings.warn(location, "pattern-matches-nothing", message, _hint(model, text))


def _never_decided(view: View, expression: str, reached: list[Asked]) -> str:
    """Return the kinds of the texts that a pattern is in, where a text alone decides about none of them; else ""."""
    is_found = pattern(expression)
    if any(map(is_found, OWN)):
        return ""
    kinds = {
        view.kind(asked, text) for asked in reached for text in view.errors(asked) if is_found(text)
    }
    if not kinds and (begun := _STATUS.match(expression)) is not None:
        kinds = {view.kind(asked, f"{begun[1]} {begun[2]}. {begun[3]}") for asked in reached}
    elif not all(view.errors(asked) for asked in reached):
        return ""  # a model whose texts nobody knows may well say it elsewhere
    if not kinds or not kinds <= CALLER_AT_FAULT:
        return ""
    names = sorted(str(kind) for kind in kinds)
    return names[0] if len(names) == 1 else f"[{', '.join(names)}]"


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
    kind = (
        f"; kind: {kind_of_status(int(text[:3]))} recognises it in any words"
        if text[:3].isdigit()
        else ""
    )
    return f"{model!r} says '{shown}'{kind}"
