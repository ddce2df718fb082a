"""A file carried all the way: read, filled in, checked, looked up; each problem with the line that it stands in."""

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import Any

import msgspec

from standby.config.conversion import convert_settings
from standby.config.excerpt import is_secret_name
from standby.config.finding import Finding, Location, format_value_at
from standby.config.ignore_comments import find_unused_ignores, remove_silenced
from standby.config.prune import clear_at, prune
from standby.config.resolve.catalogue import Catalogue
from standby.config.resolve.resolver import resolve
from standby.config.scalars import convert_scalars
from standby.config.schema import schema
from standby.config.source import Mark, Tree, locate_problem
from standby.config.variables import Variables, substitute
from standby.errors import Problem
from standby.settings import Secret, Settings

_SECTIONS = {
    "unknown-trigger": "triggers",
    "unknown-model": "models",
    "unknown-provider": "providers",
}
"""Where the names are defined that a finding misses."""

_NAMING: tuple[Location, ...] = ((), ("provider",), ("model",), ("plugin",), ("<<",))
"""The parts of a definition without which its name means nothing, or something else."""


class ConfigReader:
    """One file on its way to settings."""

    def __init__(self, tree: Tree, variables: Variables) -> None:
        """Take what a file, or a dictionary of its form, says, and fill its variables in."""
        self._variables = variables
        self._tree = tree
        self._filled = substitute(self._tree, variables)
        self._thinned = prune(self._filled.value)
        self.origins: dict[tuple[str, str], str] = {}
        self.switched_off: dict[str, str] = {}
        self._of_variables: list[Problem] = []  # a comment in the file is about what the file says
        self._given: Settings | None = None
        self._resolved: Settings | None = None

    @property
    def problems(self) -> list[Problem]:
        """Return what is wrong and not silenced, as far as it was looked at, in the order of the lines."""
        problems = dict.fromkeys(
            [*remove_silenced(self._of_the_file, self._tree.ignores), *self._of_variables]
        )  # once for a copy
        return sorted(problems, key=lambda problem: (problem.line, problem.column))

    def settings(self, catalogue: Catalogue, today: date) -> Settings | None:
        """Check and resolve, and fill in `origins`; what is sound is looked at even where something else is not."""
        settings = self._checked()
        if settings is None:
            return None
        resolution = resolve(
            settings, catalogue, self._variables, today=today, format_value=self._format_value
        )
        self._report(resolution.findings)
        self.origins = dict(self._origins(resolution.settings))
        self.switched_off = {
            name: self._origin(("chains", name, "fallback"))
            for name, chain in resolution.settings.chains.items()
            if not chain.fallback
        }
        self._given, self._resolved = settings, resolution.settings
        return resolution.settings

    def lint(self, catalogue: Catalogue) -> None:
        """Look for what is doubtful in settings without errors, and for comments that silence nothing."""
        if (
            self._given is None
            or self._resolved is None
            or any(one.severity == "error" for one in self._tree.problems)
        ):
            return
        from standby.config.lint.linter import lint  # noqa: PLC0415 - only `standby validate` waits for these

        self._report(lint(self._given, self._resolved, catalogue, self._is_variable))
        problems = [
            locate_problem(self._tree, Mark(ignore.line, ignore.column), problem)
            for ignore, problem in find_unused_ignores(
                self._of_the_file, self._tree.ignores, vary=bool(self._filled.origins)
            )
        ]
        self._tree.problems += problems

    @property
    def _of_the_file(self) -> list[Problem]:
        return [problem for problem in self._tree.problems if problem not in self._of_variables]

    def _is_variable(self, location: Location) -> bool:
        return self._thinned.in_file(location) in self._filled.origins

    def _checked(self) -> Settings | None:
        if self._thinned.value is None:
            if not self._tree.problems:
                words = "nothing is left of the file once its variables are filled in"
                self._report(
                    [
                        Finding(
                            location=(),
                            problem=Problem(code="empty", message=words, hint="set them"),
                        )
                    ]
                )
            return None
        whole = convert_scalars(self._thinned.value, schema(), schema())
        try:
            settings = convert_settings(whole, self._secret)
            if "version" in whole:
                return settings
            error = "version is missing"
        except msgspec.ValidationError as refused:
            error = str(refused)
        from standby.config.validation import validate  # noqa: PLC0415 - jsonschema is slow to import, and mistakes are rare

        findings = validate(whole, schema(), format_value=self._format_value)
        self._report(
            findings
            or [
                Finding(
                    location=(), problem=Problem(code="bad-value", message=f"the file: {error}")
                )
            ]
        )
        return self._rest(findings, whole, validate)

    def _rest(
        self, findings: list[Finding], whole: Any, validate: Callable[..., list[Finding]]
    ) -> Settings | None:
        """Cut out what does not fit, so that the rest can be looked at too; `None` if nothing fits."""
        rest = whole
        while cut := {self._cut_for(finding) for finding in findings} - {()}:
            for location in cut:
                clear_at(self._filled.value, location)
            self._tree.failed |= cut
            self._thinned = prune(self._filled.value)
            rest = convert_scalars(self._thinned.value, schema(), schema())
            findings = validate(rest, schema())
        try:
            return convert_settings(rest, self._secret)
        except msgspec.ValidationError:
            return None

    def _cut_for(self, finding: Finding) -> Location:
        location = self._thinned.in_file(finding.location)
        return location[:-1] if finding.problem.code == "missing-key" else location

    def _secret(self, name: str) -> Secret:
        return Secret(self._variables.get(name, "").strip(), origin=name)

    def _format_value(self, location: Location, _: Any) -> str:
        """Show what the file says, where that is no key; never what a variable put there."""
        if any(is_secret_name(str(step)) for step in location) or location[:-1] == ("providers",):
            return "this"
        return format_value_at(self._tree.value, self._thinned.in_file(location))

    def _follows(self, finding: Finding) -> bool:
        """Say whether something is missing only because it could not be had, or was cut out; both have been told."""
        code, location, failed = (
            finding.problem.code,
            self._thinned.in_file(finding.location),
            self._tree.failed,
        )
        if code in ("missing-key", "empty", "empty-trigger"):
            return any(each[: len(location)] == location for each in failed)
        section = _SECTIONS.get(code, "")
        names = {
            str(each[1])
            for each in failed
            if each[:1] == (section,) and len(each) > 1 and each[2:] in _NAMING
        }
        return (section,) in failed or any(
            repr(name) in finding.problem.message or location[1:2] == (name,) for name in names
        )

    def _report(self, findings: Iterable[Finding]) -> None:
        for finding in findings:
            if self._follows(finding):
                continue
            location = self._thinned.in_file(finding.location)
            mark = self._mark(location, at_key=finding.at_key)
            problem = locate_problem(self._tree, mark, finding.problem)
            origin = self._filled.origins.get(location, "default")
            if not origin.startswith("default"):
                problem = msgspec.structs.replace(problem, message=f"{problem.message} ({origin})")
            if problem.code == "unknown-key" or location[:-1] == ("providers",):
                problem = msgspec.structs.replace(
                    problem, excerpt=_up_to(problem.excerpt, str(location[-1]))
                )
            if not origin.startswith("default"):
                self._of_variables.append(problem)
            self._tree.problems.append(problem)

    def _mark(self, location: Location, *, at_key: bool) -> Mark:
        """Return where a value or a key stands, or the innermost key around it that the file has."""
        keys, values = self._tree.keys, self._tree.values
        at_key = at_key or len(location) == 2  # noqa: PLR2004 - a definition, like a model's, is shown at its name
        if not at_key and location in values:
            return values[location]
        while location not in keys and location not in values:
            location = location[:-1]
        return keys.get(location) or values[location]

    def _origins(self, settings: Settings) -> Iterator[tuple[tuple[str, str], str]]:
        for chain in settings.chains:
            names: list[str] = self._thinned.value["chains"][chain]["models"]
            for at, name in reversed(list(enumerate(names))):  # of two alike the first counts
                yield (chain, name), self._origin(("chains", chain, "models", at))

    def _origin(self, location: Location) -> str:
        """Say where what stands at a location came from: a variable, its default, or a line."""
        location = self._thinned.in_file(location)
        return self._filled.origins.get(location, self._tree.values[location].description)


def _up_to(excerpt: str, key: str) -> str:
    """Cut a line after a key whose value has no business there: it might be a secret."""
    before, found, after = excerpt.partition(key or ":")
    return f"{before}{found} …" if after.strip("\"': ") else excerpt
