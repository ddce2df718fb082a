"""Lints of accounts: a `base_url` that is likely a slip, a key that is visibly none, a library that is missing or too old."""

from standby.config.api_keys import check_key
from standby.config.finding import Findings, Location
from standby.config.lint.context import Asked, View
from standby.config.lint.libraries import library_problem, required_libraries
from standby.config.urls import find_url_warnings
from standby.settings import Provider


def lint_providers(view: View, findings: Findings) -> None:
    """Look at each account of the file, and at the account of each model that a chain names."""
    for name, provider in view.settings.providers.items():
        if name in view.given.providers and provider.base_url is not None:
            _url(view, ("providers", name, "base_url"), provider, findings)
    told: set[str] = set()
    for asked in (one for chain in view.chains.values() for one in chain):
        for tell in (_key, _libraries):
            tell(view, asked, told, findings)


def _url(view: View, location: Location, provider: Provider, findings: Findings) -> None:
    info = view.info(provider)
    slips, mended = ([], "") if info is None else find_url_warnings(provider.base_url or "", info)
    if slips:
        message = f"{'.'.join(map(str, location))} {'; it '.join(slip.message for slip in slips)}"
        remedies = dict.fromkeys(slip.hint for slip in slips)
        hint = ", ".join(remedies) if view.is_variable(location) else f"write {mended}"
        if slips[0].message.startswith("has a user") and not view.is_variable(location):
            hint = f"{hint}, and {slips[0].hint}"
        findings.warn(location, "base-url", message, hint)


def _key(view: View, asked: Asked, told: set[str], findings: Findings) -> None:
    secret, name = asked.provider.api_key, asked.model.provider or ""
    if not secret or secret.origin in told:
        return
    told.add(secret.origin)
    own = asked.provider.base_url is not None
    flaw = check_key(secret.reveal(), secret.origin, own_endpoint=own)
    if flaw is not None:
        given = view.given.providers.get(name)
        in_file = given is not None and given.api_key is not None
        location: Location = ("providers", name, "api_key") if in_file else asked.location
        findings.warn(
            location, "doubtful-key", f"the key in {secret.origin} {flaw.message}", flaw.hint
        )


def _libraries(view: View, asked: Asked, told: set[str], findings: Findings) -> None:
    info = view.info(asked.provider)
    for library in () if info is None else required_libraries(info, asked.provider):
        problem = library_problem(library)
        if library.module not in told and problem:
            told.add(library.module)
            message = f"{asked.name!r} needs {library.module!r}, {problem}: it is skipped"
            findings.warn(asked.location, "no-sdk", message, f"pip install '{library.requirement}'")
