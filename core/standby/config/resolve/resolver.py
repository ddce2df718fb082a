"""Resolve settings: the plugin, key, card, time-outs and triggers behind each name, made explicit.

Names are looked up here, and only here. Resolved settings are settings again, and resolving them
once more changes nothing.
"""

from collections.abc import Mapping
from datetime import date
from functools import partial
from typing import Any

import msgspec

from standby.config.contradictions import check_contradictions
from standby.config.conversion import find_type_errors
from standby.config.finding import (
    Finding,
    Findings,
    FormatValue,
    Location,
    format_plain_value,
)
from standby.config.resolve.catalogue import CachedCatalogue, Catalogue
from standby.config.resolve.models import Models
from standby.config.resolve.providers import Providers
from standby.config.resolve.triggers import check_names, check_predicate, check_trigger
from standby.errors import Problem
from standby.settings import Chain, Model, Settings


class Resolution(msgspec.Struct, frozen=True, kw_only=True):
    """Settings with nothing left implicit, and the problems found on the way."""

    settings: Settings
    findings: tuple[Finding, ...]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The problems without their locations."""
        return tuple(finding.problem for finding in self.findings)


def resolve(
    settings: Settings,
    catalogue: Catalogue,
    environ: Mapping[str, str],
    *,
    today: date,
    format_value: FormatValue = format_plain_value,
) -> Resolution:
    """Look up all names of the settings; never raises for what is wrong with them.

    Args:
        settings: The settings; those made in code are checked like a file's.
        catalogue: The installed plugins.
        environ: The environment's variables, where keys are looked up.
        today: The date that retirements are compared with.
        format_value: Formats a value for a message.

    Returns:
        The resolved settings with all findings; the given settings where a field has a wrong type.

    """
    type_errors = find_type_errors(settings)
    if type_errors:
        return Resolution(settings=settings, findings=tuple(type_errors))
    return _Resolver(settings, catalogue, environ, today, format_value).run()


class _Resolver:
    def __init__(
        self,
        settings: Settings,
        catalogue: Catalogue,
        environ: Mapping[str, str],
        today: date,
        format_value: FormatValue,
    ) -> None:
        self._settings = settings
        self._format_value = format_value
        self._findings = findings = Findings()
        pinned = {
            name: provider.reference
            for name, provider in settings.providers.items()
            if name == provider.plugin
        }
        self._plugins = plugins = CachedCatalogue(catalogue, findings, pinned)
        self._providers = Providers(settings.providers, plugins, environ, findings, format_value)
        self._models = Models(
            settings.models, self._providers, plugins, findings, format_value, today
        )

    def run(self) -> Resolution:
        check_contradictions(self._settings, self._findings)
        for name in self._settings.models:
            self._models.get(name, ("models", name))
        chains = {
            name: self._resolve_chain(("chains", name), chain)
            for name, chain in self._settings.chains.items()
        }
        self._check_triggers()
        for at, plugin in enumerate(self._settings.observers):
            self._plugins.check_observers(plugin, ("observers", at))
        settings = msgspec.structs.replace(
            self._settings,
            providers=self._providers.as_dict(),
            models=self._models.as_dict(),
            chains=chains,
        )
        return Resolution(settings=settings, findings=tuple(self._findings))

    def _resolve_chain(self, location: Location, chain: Chain) -> Chain:
        """Return a chain with each model once, and with its triggers listed."""
        names: dict[tuple[Any, ...], str] = {}
        before: set[str] = set()
        for at, name in enumerate(chain.models):
            item = (*location, "models", at)
            model = self._models.get(name, item)
            if model is None:
                continue
            first = names.setdefault(self._identify(model, item), name)
            if first != name:
                message = f"{name!r} is the same model as {first!r} before it"
                self._findings.warn(item, "twice", message, "it is tried once")
            elif name in before:
                message = f"{name!r} is already in this chain"
                self._findings.warn(item, "twice", message, "it is tried once")
            before.add(name)
        triggers = self._resolve_triggers(location, chain)
        return msgspec.structs.replace(chain, models=tuple(names.values()), triggers=triggers)

    def _identify(self, model: Model, location: Location) -> tuple[Any, ...]:
        provider = self._providers.get(model.provider or "", location)
        account = None if provider is None else provider.account
        return account, model.model, repr(model.options)

    def _resolve_triggers(self, location: Location, chain: Chain) -> tuple[str, ...]:
        """Return the names of a chain's triggers: all of the settings, unless it lists its own."""
        defined = self._settings.triggers
        for at, name in enumerate(chain.triggers or ()):
            if name not in defined:
                hint = self._findings.suggest(name, defined) or "define it under 'triggers:'"
                message = f"no trigger is named {name!r}"
                self._findings.error((*location, "triggers", at), "unknown-trigger", message, hint)
        return tuple(defined) if chain.triggers is None else chain.triggers

    def _check_triggers(self) -> None:
        in_chains = (name for chain in self._settings.chains.values() for name in chain.models)
        models = dict.fromkeys((*self._settings.models, *in_chains))
        for name, trigger in self._settings.triggers.items():
            check_trigger(name, trigger, self._findings, self._format_value)
            check_predicate(name, trigger, self._plugins, self._findings)
            check_names(name, trigger, "provider", self._providers.names, self._findings)
            is_known = partial(self._models.is_known, location=("triggers", name, "model"))
            check_names(name, trigger, "model", models, self._findings, is_known)
