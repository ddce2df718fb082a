"""Lints of patterns: each is run against the known error texts of the models it applies to."""

import re
from collections.abc import Callable

from standby.config.finding import Findings, Location
from standby.config.lint.context import ChainModel, LintContext
from standby.config.lint.triggers import has_only_message
from standby.config.resolve.triggers import list_items
from standby.failures import Kind, kind_of_status
from standby.resilience.triggers import CALLER_AT_FAULT, pattern
from standby.settings import Trigger

OWN_TEXTS = (
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
    "200 OK. malformed: expected JSON, got 1,234 bytes of HTML or XML",
    "200 OK. malformed: the stream ended before the answer was whole",
    "empty: a reply without text, finish stop",
    "truncated: the token limit cut it after 100 tokens",
    "the answer does not fit the schema 'Answer': ValidationError",
)
"""The texts of failures that standby itself finds and no vendor reports."""

LONGEST_QUOTE = 70
"""Characters of a vendor's text that a hint shows."""

MOST_NAMES = 10
"""Models that a message names."""

_LEADING_STATUS = re.compile(r"/?\^?(4\d\d)\b[ .]*(\w*)[ .]*(.*)", re.DOTALL)
"""A pattern that begins as a failure's text does: its status, the vendor's code, the message."""


def lint_patterns(context: LintContext, findings: Findings) -> None:
    """Report patterns that match nothing, everything, or only what they may not decide.

    Args:
        context: The settings.
        findings: Where the warnings are added.

    """
    speakers_by_models: dict[int, _Speakers] = {}  # most triggers see the same models
    for name, trigger in context.settings.triggers.items():
        models = context.models_under(name, trigger)
        if models:
            if id(models) not in speakers_by_models:
                speakers_by_models[id(models)] = _Speakers(context, models)
            speakers = speakers_by_models[id(models)]
            check = _PatternCheck(context, trigger, speakers, findings)
            for at, expression in list_items(trigger.message):
                check.run(("triggers", name, "message", *at), expression)


class _Speakers:
    """Models, one for all that word their errors alike.

    Attributes:
        models: The first model of each wording.
        errors: The texts of each of these, by its name; none where they are not known.
        names: The models that have known texts, for a message.
    """

    def __init__(self, context: LintContext, models: list[ChainModel]) -> None:
        first: dict[tuple[str, tuple[str, ...]], ChainModel] = {}
        names: list[str] = []
        for model in models:
            errors = context.known_errors(model)
            first.setdefault((model.provider.reference, errors), model)
            if errors:
                names.append(repr(model.name))
        self.models = list(first.values())
        self.errors = {model.name: errors for (_, errors), model in first.items()}
        more = len(names) - MOST_NAMES
        listed = [*names[:MOST_NAMES], f"one of {more} more"] if more > 0 else names
        self.names = " or ".join(listed)


class _PatternCheck:
    """The check of one trigger's patterns against the texts of the models it applies to."""

    def __init__(
        self,
        context: LintContext,
        trigger: Trigger,
        speakers: _Speakers,
        findings: Findings,
    ) -> None:
        self._context = context
        self._has_only_message = has_only_message(trigger)
        self._models = speakers.models
        self._findings = findings
        self._errors = speakers.errors
        self._names = speakers.names

    def run(self, location: Location, expression: str) -> None:
        kinds = self._undecidable_kinds(expression)
        if kinds:
            names = sorted(str(kind) for kind in kinds)
            kind = names[0] if len(names) == 1 else f"[{', '.join(names)}]"
            message = (
                f"{expression!r} is in refusals of the request alone, "
                "where a text alone decides nothing"
            )
            hint = f"add kind: {kind}, if another model may answer what this one refuses"
            self._findings.warn(location, "trigger-never-fires", message, hint)
        elif any(self._errors.values()):
            self._check_matches(location, expression)

    def _check_matches(self, location: Location, expression: str) -> None:
        matches = pattern(expression)
        texts = (*OWN_TEXTS, *(text for errors in self._errors.values() for text in errors))
        found = [text for text in texts if matches(text)]
        if not found:
            self._report_no_match(location, expression)
        elif len(found) == len(texts) and self._has_only_message:
            message = f"{expression!r} is in every failure's text"
            self._findings.warn(location, "trigger-matches-all", message, "write more of the text")

    def _report_no_match(self, location: Location, expression: str) -> None:
        model, text, is_close = _find_closest(expression, self._errors)
        if is_close or all(self._errors.values()):  # a model without known texts may well say it
            message = f"{expression!r} matches nothing that {self._names} is known to say"
            hint = _suggest_text(model, text)
            self._findings.warn(location, "pattern-matches-nothing", message, hint)

    def _undecidable_kinds(self, expression: str) -> set[Kind | None]:
        """Return the kinds that a text alone matches, if it may decide about none of them."""
        matches = pattern(expression)
        if not self._has_only_message or any(map(matches, OWN_TEXTS)):
            return set()
        kinds = self._kinds_matched(matches) or self._kinds_of_status(expression)
        return kinds if kinds <= CALLER_AT_FAULT else set()

    def _kinds_matched(self, matches: Callable[[str], object]) -> set[Kind | None]:
        kinds = {
            self._context.classify(model, text)
            for model in self._models
            for text in self._errors[model.name]
            if matches(text)
        }
        if kinds and not all(self._errors.values()):
            return {None}  # a model without known texts may say it with another kind
        return kinds

    def _kinds_of_status(self, expression: str) -> set[Kind | None]:
        """Return the kinds of a pattern that begins with a status, like "400 bad request"."""
        begin = _LEADING_STATUS.match(expression)
        if begin is None:
            return set()
        text = f"{begin[1]} {begin[2]}. {begin[3]}"
        return {self._context.classify(model, text) for model in self._models}


def _find_closest(
    expression: str, errors_by_model: dict[str, tuple[str, ...]]
) -> tuple[str, str, bool]:
    """Return the model and its text that share most with a pattern, and whether that is enough."""
    wanted = _split_terms(expression)
    numbers = {term for term in wanted if term.isdigit()}
    best, most_shared = ("", "", False), (0, 0)
    for model, errors in errors_by_model.items():
        for text in errors:
            terms = _split_terms(text)
            status, shared = len(numbers & terms), len((wanted - numbers) & terms)
            if (status, shared) > most_shared:
                is_close = bool(status and shared) or shared == len(wanted)
                best, most_shared = (model, text, is_close), (status, shared)
    return best


def _split_terms(text: str) -> set[str]:
    return set(re.findall(r"\d{3}|[a-z]{3,}", text.casefold()))


def _suggest_text(model: str, text: str) -> str:
    if not text:
        return "name the kind: it recognises a failure whatever its text"
    quote = text if len(text) <= LONGEST_QUOTE else f"{text[: LONGEST_QUOTE - 1].rstrip()}…"
    if not text[:3].isdigit():
        return f"{model!r} says '{quote}'"
    kind = kind_of_status(int(text[:3]))
    return f"{model!r} says '{quote}'; kind: {kind} recognises it whatever its text"
