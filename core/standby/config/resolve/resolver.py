"""Make settings explicit: which plugin serves each name, with which key, card, time-out and triggers.

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
from standby.config.finding import Finding, Findings, FormatValue, Location, format_plain_value
from standby.config.resolve.catalogue import Catalogue, Plugins
from standby.config.resolve.models import Models
from standby.config.resolve.providers import Providers
from standby.config.resolve.triggers import check_names, check_test, check_trigger
from standby.errors import Problem
from standby.settings import Chain, Model, Settings


class Resolution(msgspec.Struct, frozen=True, kw_only=True):
    """Settings with nothing left implicit, and what was found on the way."""

    settings: Settings
    findings: tuple[Finding, ...]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Return the problems without their places."""
        return tuple(finding.problem for finding in self.findings)


def resolve(
    settings: Settings,
    catalogue: Catalogue,
    environ: Mapping[str, str],
    *,
    today: date,
    format_value: FormatValue = format_plain_value,
) -> Resolution:
    """Look all names up; what is wrong is told, all of it, in the findings. Settings made in code are checked like a file's."""
    found = find_type_errors(settings)
    if found:
        return Resolution(settings=settings, findings=tuple(found))
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
        self._findings = Findings()
        pinned = {
            name: provider.reference
            for name, provider in settings.providers.items()
            if name == provider.plugin
        }
        self._plugins = plugins = Plugins(catalogue, self._findings, pinned)
        self._providers = Providers(
            settings.providers, plugins, environ, self._findings, format_value
        )
        self._models = Models(
            settings.models, self._providers, plugins, self._findings, format_value, today
        )

    def run(self) -> Resolution:
        check_contradictions(self._settings, self._findings)
        for name in self._settings.models:
            self._models.get(name, ("models", name))
        chains = {
            name: self._chain(("chains", name), chain)
            for name, chain in self._settings.chains.items()
        }
        self._check_triggers()
        for at, plugin in enumerate(self._settings.observers):
            self._plugins.check_observers(plugin, ("observers", at))
        settings = msgspec.structs.replace(
            self._settings,
            providers=self._providers.found(),
            models=self._models.found(),
            chains=chains,
        )
        return Resolution(settings=settings, findings=tuple(self._findings))

    def _chain(self, location: Location, chain: Chain) -> Chain:
        kept: dict[tuple[Any, ...], str] = {}
        for at, name in enumerate(chain.models):
            spot = (*location, "models", at)
            model = self._models.get(name, spot)
            if model is None:
                continue
            first = kept.setdefault(self._identity(model, spot), name)
            if first != name:
                self._findings.warn(
                    spot,
                    "twice",
                    f"{name!r} is the same model as {first!r} before it",
                    "it is asked once",
                )
            elif name in chain.models[:at]:
                self._findings.warn(
                    spot, "twice", f"{name!r} stands in this chain already", "it is asked once"
                )
        return msgspec.structs.replace(
            chain, models=tuple(kept.values()), triggers=self._triggers(location, chain)
        )

    def _identity(self, model: Model, location: Location) -> tuple[Any, ...]:
        provider = self._providers.get(model.provider or "", location)
        account = None if provider is None else provider.account
        return account, model.model, repr(model.options)

    def _triggers(self, location: Location, chain: Chain) -> tuple[str, ...]:
        known = self._settings.triggers
        for at, name in enumerate(chain.triggers or ()):
            if name not in known:
                hint = self._findings.suggest(name, known) or "define it under 'triggers:'"
                self._findings.error(
                    (*location, "triggers", at),
                    "unknown-trigger",
                    f"no trigger is named {name!r}",
                    hint,
                )
        return tuple(known) if chain.triggers is None else chain.triggers

    def _check_triggers(self) -> None:
        chained = (name for chain in self._settings.chains.values() for name in chain.models)
        models = dict.fromkeys((*self._settings.models, *chained))
        for name, trigger in self._settings.triggers.items():
            check_trigger(name, trigger, self._findings, self._format_value)
            check_test(name, trigger, self._plugins, self._findings)
            check_names(name, trigger, "provider", self._providers.names, self._findings)
            known_elsewhere = partial(self._models.is_known, location=("triggers", name, "model"))
            check_names(name, trigger, "model", models, self._findings, known_elsewhere)
