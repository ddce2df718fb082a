"""Lints of providers: a suspicious `base_url` or key, and a library that is missing or too old."""

from standby.config.api_keys import check_key
from standby.config.finding import Findings, Location, format_path
from standby.config.lint.context import ChainModel, LintContext
from standby.config.lint.libraries import library_problem, required_libraries
from standby.config.url_warnings import find_url_warnings
from standby.settings import Provider


def lint_providers(context: LintContext, findings: Findings) -> None:
    """Check each provider of the file, and the key and the libraries of each model in a chain.

    Args:
        context: The settings.
        findings: Where the warnings are added; a key and a library are reported once.

    """
    for name, provider in context.settings.providers.items():
        if name in context.given.providers and provider.base_url is not None:
            _check_url(context, ("providers", name, "base_url"), provider, findings)
    reported: set[str] = set()
    for model in (model for models in context.chains.values() for model in models):
        _check_key(context, model, reported, findings)
        _check_libraries(context, model, reported, findings)


def _check_url(
    context: LintContext, location: Location, provider: Provider, findings: Findings
) -> None:
    info = context.provider_info(provider)
    if info is None:
        return
    problems, corrected = find_url_warnings(provider.base_url or "", info)
    if not problems:
        return
    message = f"{format_path(location)} {'; it '.join(problem.message for problem in problems)}"
    if context.is_variable(location):
        hint = ", ".join(dict.fromkeys(problem.hint for problem in problems))
    elif problems[0].message.startswith("has a user"):
        hint = f"write {corrected}, and {problems[0].hint}"
    else:
        hint = f"write {corrected}"
    findings.warn(location, "base-url", message, hint)


def _check_key(
    context: LintContext, model: ChainModel, reported: set[str], findings: Findings
) -> None:
    secret, name = model.provider.api_key, model.settings.provider or ""
    if not secret or secret.origin in reported:
        return
    reported.add(secret.origin)
    has_own_endpoint = model.provider.base_url is not None
    problem = check_key(secret.reveal(), secret.origin, own_endpoint=has_own_endpoint)
    if problem is not None:
        given = context.given.providers.get(name)
        in_file = given is not None and given.api_key is not None
        location: Location = ("providers", name, "api_key") if in_file else model.location
        message = f"the key in {secret.origin} {problem.message}"
        findings.warn(location, "doubtful-key", message, problem.hint)


def _check_libraries(
    context: LintContext, model: ChainModel, reported: set[str], findings: Findings
) -> None:
    info = context.provider_info(model.provider)
    for library in () if info is None else required_libraries(info, model.provider):
        problem = library_problem(library)
        if problem and library.module not in reported:
            reported.add(library.module)
            message = f"{model.name!r} needs {library.module!r}, {problem}: it is skipped"
            hint = f"pip install '{library.requirement}'"
            findings.warn(model.location, "no-sdk", message, hint)
