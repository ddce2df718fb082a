"""Carries a configuration from a tree to settings, and reports each problem with its line."""

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
from standby.config.tree import Mark, Tree
from standby.config.variables import Variables, substitute
from standby.errors import Problem
from standby.settings import Secret, Settings

_SECTIONS = {
    "unknown-trigger": "triggers",
    "unknown-model": "models",
    "unknown-provider": "providers",
}
"""The section that defines the name, by the code of a finding about an unknown name."""

_ESSENTIAL: tuple[Location, ...] = ((), ("provider",), ("model",), ("plugin",), ("<<",))
"""The parts of a definition without which its name means nothing, or something else."""


class ConfigReader:
    """One configuration on its way to settings.

    Attributes:
        origins: By chain and model, where the model's name came from.
        switched_off: By chain whose fallback is off, where that was said.

    """

    def __init__(self, tree: Tree, variables: Variables) -> None:
        """Fill in the variables.

        Args:
            tree: What the file, or the dictionary, says.
            variables: The variables.

        """
        self._variables = variables
        self._tree = tree
        self._substitution = substitute(self._tree, variables)
        self._pruned = prune(self._substitution.value)
        self.origins: dict[tuple[str, str], str] = {}
        self.switched_off: dict[str, str] = {}
        self._variable_problems: list[Problem] = []  # no comment in the file silences these
        self._given: Settings | None = None
        self._resolved: Settings | None = None

    @property
    def problems(self) -> list[Problem]:
        """Return the problems so far that no comment silences, in the order of the lines."""
        of_the_file = remove_silenced(self._file_problems, self._tree.ignores)
        problems = dict.fromkeys([*of_the_file, *self._variable_problems])  # a copy repeats one
        return sorted(problems, key=lambda problem: (problem.line, problem.column))

    def read_settings(self, catalogue: Catalogue, today: date) -> Settings | None:
        """Check and resolve the configuration, and fill in `origins` and `switched_off`.

        Parts that are correct are checked even where others are not.

        Args:
            catalogue: The plugins.
            today: The day by which models are retired or not.

        Returns:
            The resolved settings; `None` where nothing could be read.

        """
        settings = self._convert()
        if settings is None:
            return None
        resolution = resolve(
            settings, catalogue, self._variables, today=today, format_value=self._format_value
        )
        self._report(resolution.findings)
        self.origins = dict(self._find_origins(resolution.settings))
        self.switched_off = {
            name: self._find_origin(("chains", name, "fallback"))
            for name, chain in resolution.settings.chains.items()
            if not chain.fallback
        }
        self._given, self._resolved = settings, resolution.settings
        return resolution.settings

    def lint(self, catalogue: Catalogue) -> None:
        """Report what is questionable in settings without errors, and unused ignores.

        Args:
            catalogue: The plugins.

        """
        if self._given is None or self._resolved is None:
            return
        if any(problem.severity == "error" for problem in self._tree.problems):
            return
        # only `standby validate` waits for these
        from standby.config.lint.linter import lint  # noqa: PLC0415

        self._report(lint(self._given, self._resolved, catalogue, self._is_variable))
        varies = bool(self._substitution.origins)
        unused = find_unused_ignores(self._file_problems, self._tree.ignores, vary=varies)
        self._tree.problems += [
            self._tree.locate(Mark(ignore.line, ignore.column), problem)
            for ignore, problem in unused
        ]

    @property
    def _file_problems(self) -> list[Problem]:
        return [each for each in self._tree.problems if each not in self._variable_problems]

    def _is_variable(self, location: Location) -> bool:
        return self._pruned.original_location(location) in self._substitution.origins

    def _convert(self) -> Settings | None:
        """Convert the tree to settings, without the parts that do not fit the schema."""
        if self._pruned.value is None:
            if not self._tree.problems:
                message = "nothing is left of the file once its variables are filled in"
                self._report_whole(Problem(code="empty", message=message, hint="set them"))
            return None
        values = self._convert_scalars()
        try:
            settings = convert_settings(values, self._make_secret)
            if "version" in values:
                return settings
            error = "version is missing"
        except msgspec.ValidationError as invalid:
            error = str(invalid)
        # jsonschema is slow to import, and mistakes are rare
        from standby.config.validation import validate  # noqa: PLC0415

        findings = validate(values, schema(), format_value=self._format_value)
        self._report(findings)
        if not findings:
            self._report_whole(Problem(code="bad-value", message=f"the file: {error}"))
        return self._convert_rest(findings, values, validate)

    def _convert_scalars(self) -> Any:
        return convert_scalars(self._pruned.value, schema(), schema())

    def _convert_rest(
        self, findings: list[Finding], values: Any, validate: Callable[..., list[Finding]]
    ) -> Settings | None:
        """Remove what does not fit until the rest does; `None` if nothing does."""
        while removed := {self._find_removal(finding) for finding in findings} - {()}:
            for location in removed:
                clear_at(self._substitution.value, location)
            self._tree.failed |= removed
            self._pruned = prune(self._substitution.value)
            values = self._convert_scalars()
            findings = validate(values, schema())
        try:
            return convert_settings(values, self._make_secret)
        except msgspec.ValidationError:
            return None

    def _find_removal(self, finding: Finding) -> Location:
        location = self._pruned.original_location(finding.location)
        return location[:-1] if finding.problem.code == "missing-key" else location

    def _make_secret(self, name: str) -> Secret:
        return Secret(self._variables.get(name, "").strip(), origin=name)

    def _format_value(self, location: Location, _: Any) -> str:
        """Format what the file says; neither a key nor what a variable put there is shown."""
        if any(is_secret_name(str(step)) for step in location) or location[:-1] == ("providers",):
            return "this"
        return format_value_at(self._tree.value, self._pruned.original_location(location))

    def _is_consequence(self, finding: Finding) -> bool:
        """Say whether something is missing only because a reported problem removed it."""
        code, failed = finding.problem.code, self._tree.failed
        location = self._pruned.original_location(finding.location)
        if code in ("missing-key", "empty", "empty-trigger"):
            return any(each[: len(location)] == location for each in failed)
        section = _SECTIONS.get(code, "")
        if (section,) in failed:
            return True
        names = self._find_failed_names(section)
        return location[1:2] in [(name,) for name in names] or any(
            repr(name) in finding.problem.message for name in names
        )

    def _find_failed_names(self, section: str) -> set[str]:
        """Return the names whose definitions in a section lack an essential part."""
        definitions = [each for each in self._tree.failed if each[:1] == (section,)]
        return {str(each[1]) for each in definitions if len(each) > 1 and each[2:] in _ESSENTIAL}

    def _report_whole(self, problem: Problem) -> None:
        self._report([Finding(location=(), problem=problem)])

    def _report(self, findings: Iterable[Finding]) -> None:
        for finding in findings:
            if not self._is_consequence(finding):
                self._report_one(finding)

    def _report_one(self, finding: Finding) -> None:
        location = self._pruned.original_location(finding.location)
        mark = self._find_mark(location, at_key=finding.at_key)
        problem = self._tree.locate(mark, finding.problem)
        if problem.code == "unknown-key" or location[:-1] == ("providers",):
            excerpt = _cut_value(problem.excerpt, str(location[-1]))
            problem = msgspec.structs.replace(problem, excerpt=excerpt)
        origin = self._substitution.origins.get(location, "default")
        if not origin.startswith("default"):
            problem = msgspec.structs.replace(problem, message=f"{problem.message} ({origin})")
            self._variable_problems.append(problem)
        self._tree.problems.append(problem)

    def _find_mark(self, location: Location, *, at_key: bool) -> Mark:
        """Return the position of a value or a key, or of the nearest key around it."""
        keys, values = self._tree.keys, self._tree.values
        at_key = at_key or len(location) == 2  # noqa: PLR2004 - a definition is shown at its name
        if not at_key and location in values:
            return values[location]
        while location not in keys and location not in values:
            location = location[:-1]
        return keys.get(location) or values[location]

    def _find_origins(self, settings: Settings) -> Iterator[tuple[tuple[str, str], str]]:
        for chain in settings.chains:
            names: list[str] = self._pruned.value["chains"][chain]["models"]
            for at, name in reversed(list(enumerate(names))):  # of two alike the first counts
                yield (chain, name), self._find_origin(("chains", chain, "models", at))

    def _find_origin(self, location: Location) -> str:
        """Return where a value came from: a variable, a variable's default, or a line."""
        location = self._pruned.original_location(location)
        line = self._tree.values[location].description
        return self._substitution.origins.get(location, line)


def _cut_value(excerpt: str, key: str) -> str:
    """Cut a line after a key that should not be there: its value might be a secret."""
    before, separator, value = excerpt.partition(key or ":")
    return f"{before}{separator} …" if value.strip("\"': ") else excerpt
