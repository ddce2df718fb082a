"""Make settings explicit: which plugin serves each name, with which key, card, time-out and triggers.

Names are looked up here, and only here. Resolved settings are settings again, and resolving them once more changes nothing.
"""

import difflib
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any, Protocol

import msgspec

from standby.config.schema import typed
from standby.errors import ConfigError, Problem
from standby.plugin import ProviderInfo
from standby.policy import BreakerSettings, Card, Chain, Model, Provider, Secret, Settings, Trigger
from standby.triggers import pattern
from standby.types import Sampling

Place = tuple[str | int, ...]

TIMEOUT = 60.0
"""Seconds for one attempt where neither the file nor the card says: most answers take less, and a standby is waiting."""

IDLE_TIMEOUT = 30.0
"""Seconds that a stream may say nothing, between words; a model that is well never takes so long."""

SOON = timedelta(days=60)


class Catalogue(Protocol):
    """What is asked of the plugins; each raises `ConfigError` for one that is missing or broken."""

    def names(self) -> tuple[str, ...]:
        """Return the installed plugins' names."""
        ...

    def info(self, name: str) -> ProviderInfo:
        """Say how to reach any model of a plugin."""
        ...

    def cards(self, name: str) -> Mapping[str, Card]:
        """Return the models that a plugin registers."""
        ...


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A problem and the keys that lead to it; `at_key` if the last key itself is meant."""

    place: Place
    problem: Problem
    at_key: bool = False


class Resolution(msgspec.Struct, frozen=True, kw_only=True):
    """Settings with nothing left implicit, and what was found on the way."""

    settings: Settings
    findings: tuple[Finding, ...]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Return the problems without their places."""
        return tuple(finding.problem for finding in self.findings)


def resolve(settings: Settings, catalogue: Catalogue, environ: Mapping[str, str], *, today: date) -> Resolution:
    """Look all names up; what is wrong is told, all of it, in the findings."""
    return _Resolver(settings, catalogue, environ, today).run()


class _Resolver:
    def __init__(self, settings: Settings, catalogue: Catalogue, environ: Mapping[str, str], today: date) -> None:
        self._settings = settings
        self._catalogue = catalogue
        self._environ = environ
        self._today = today
        self._findings: list[Finding] = []
        self._models: dict[str, Model] = {}
        self._providers: dict[str, Provider] = {}
        self._infos: dict[str, ProviderInfo | None] = {}
        self._cards_of: dict[str, Mapping[str, Card]] = {}

    def run(self) -> Resolution:
        for name in self._settings.providers:
            self._provider(name, ("providers", name, "plugin"))
        for name in self._settings.models:
            self._model(name, ("models", name))
        chains = {name: self._chain(name, chain) for name, chain in self._settings.chains.items()}
        for name, trigger in self._settings.triggers.items():
            self._check_trigger(("triggers", name), trigger)
        settings = msgspec.structs.replace(self._settings, providers=self._providers, models=self._models, chains=chains)
        return Resolution(settings=settings, findings=tuple(self._findings))

    def _chain(self, name: str, chain: Chain) -> Chain:
        place: Place = ("chains", name)
        kept: dict[tuple[Any, ...], str] = {}
        for at, model in enumerate(chain.models):
            found = self._model(model, (*place, "models", at))
            if found is None:
                continue
            same = kept.setdefault(self._identity(found), model)
            if same != model or model in chain.models[:at]:
                self._warn(
                    (*place, "models", at), "twice", f"{model!r} is the same model as {same!r} before it", "it is asked once"
                )
        triggers = chain.triggers
        for at, trigger in enumerate(triggers or ()):
            if trigger not in self._settings.triggers:
                near = _near(trigger, self._settings.triggers)
                self._error(
                    (*place, "triggers", at), "unknown-trigger", f"no trigger is named {trigger!r}", near or "define it"
                )
        return msgspec.structs.replace(
            chain, models=tuple(kept.values()), triggers=tuple(self._settings.triggers) if triggers is None else triggers
        )

    def _identity(self, model: Model) -> tuple[Any, ...]:
        provider = self._providers[model.provider or ""]
        return provider.plugin, provider.base_url, provider.api_key, model.model, repr(model.options)

    def _model(self, name: str, place: Place) -> Model | None:
        if name in self._models:
            return self._models[name]
        entry = self._settings.models.get(name)
        if entry is not None:
            found = self._entry(name, entry, place if place[0] == "models" else ("models", name))
        else:
            found = self._bare(name, place)
        if found is not None:
            self._models[name] = found
            self._warn_of_retirement(name, found, place)
            self._warn_without_key(name, found, place)
        return found

    def _bare(self, name: str, place: Place) -> Model | None:
        head, slash, rest = name.partition("/")
        if slash and rest and (head in self._settings.providers or head in self._catalogue.names()):
            return self._complete(name, Model(provider=head, model=rest), place)
        if slash:
            known = (*self._settings.providers, *self._catalogue.names())
            hint = _near(head, known) or f"it is one of {', '.join(known)}, or a plugin to install"
            self._error(place, "unknown-provider", f"no provider and no plugin is named {head!r}", hint)
            return None
        return self._entry(name, Model(), place)

    def _entry(self, name: str, entry: Model, place: Place) -> Model | None:
        vendor_id = entry.model or name
        provider = entry.provider or self._lookup(vendor_id, place)
        if provider is None:
            return None
        return self._complete(name, msgspec.structs.replace(entry, provider=provider, model=vendor_id), place)

    def _lookup(self, vendor_id: str, place: Place) -> str | None:
        """Find the plugin whose card knows a model."""
        knowing = [plugin for plugin in self._catalogue.names() if vendor_id in self._cards(plugin, place)]
        if len(knowing) == 1:
            return knowing[0]
        if knowing:
            ways = " or ".join(f"{plugin}/{vendor_id}" for plugin in knowing)
            self._error(place, "ambiguous-model", f"{vendor_id!r} is known to {' and '.join(knowing)}", f"write {ways}")
            return None
        known = [*self._settings.models, *(model for plugin in self._catalogue.names() for model in self._cards(plugin))]
        hint = _near(vendor_id, known) or f"for a model that no card knows write its plugin too: openai/{vendor_id}".replace(
            "openai", next(iter(self._catalogue.names()), "plugin")
        )
        self._error(place, "unknown-model", f"no model is named {vendor_id!r}", hint)
        return None

    def _complete(self, name: str, model: Model, place: Place) -> Model | None:
        provider = self._provider(model.provider or "", (*place, "provider") if place[0] == "models" else place)
        info = self._info(provider.plugin) if provider is not None else None
        if provider is None or info is None:
            return None
        self._check_parameters(model.drop or (), (*place, "drop"))
        known = self._cards(provider.plugin).get(model.model or name, Card())
        card = _merged(_merged(info.card, known), model.card or Card())
        timeout = model.timeout or card.timeout or TIMEOUT
        return msgspec.structs.replace(
            model,
            timeout=timeout,
            first_token_timeout=model.first_token_timeout or card.first_token_timeout or timeout,
            idle_timeout=model.idle_timeout or card.idle_timeout or IDLE_TIMEOUT,
            breaker=model.breaker or BreakerSettings(),
            options=self._options(model, info, (*place, "options")),
            drop=model.drop or (),
            card=card,
        )

    def _options(self, model: Model, info: ProviderInfo, place: Place) -> dict[str, Any]:
        options: dict[str, Any] = typed(model.options or {}, info.options, info.options)
        if options or info.options.get("required"):
            from standby.config.check import findings_of  # noqa: PLC0415 - jsonschema is slow to import, options are rare

            self._findings += findings_of(options, info.options, place, model.provider or "")
        return options

    def _provider(self, name: str, place: Place) -> Provider | None:
        if name in self._providers:
            return self._providers[name]
        provider = self._settings.providers.get(name) or Provider(plugin=name)
        if provider.plugin not in self._catalogue.names():
            known = (*self._settings.providers, *self._catalogue.names())
            hint = _near(provider.plugin, known) or f"installed: {', '.join(self._catalogue.names())}; else install its package"
            self._error(place, "unknown-provider", f"no provider and no plugin is named {provider.plugin!r}", hint)
            return None
        info = self._info(provider.plugin, place)
        if info is None:
            return None
        key = provider.api_key if provider.api_key is not None else self._key(info)
        self._providers[name] = msgspec.structs.replace(provider, api_key=key)
        return self._providers[name]

    def _key(self, info: ProviderInfo) -> Secret | None:
        for name in info.keys:
            if self._environ.get(name):
                return Secret(self._environ[name], origin=name)
        return Secret("", origin=" or ".join(info.keys)) if info.keys else None

    def _info(self, plugin: str, place: Place = ()) -> ProviderInfo | None:
        if plugin not in self._infos:
            try:
                self._infos[plugin] = self._catalogue.info(plugin)
            except ConfigError as error:
                self._infos[plugin] = None
                self._findings += (Finding(place=place, problem=problem) for problem in error.problems)
        return self._infos[plugin]

    def _cards(self, plugin: str, place: Place = ()) -> Mapping[str, Card]:
        """Return a plugin's cards; a broken plugin is told once, and a look-up goes on without it."""
        if plugin not in self._cards_of:
            try:
                self._cards_of[plugin] = self._catalogue.cards(plugin)
            except ConfigError as error:
                self._cards_of[plugin] = {}
                for problem in error.problems:
                    self._warn(place, problem.code, problem.message, problem.hint)
        return self._cards_of[plugin]

    def _check_trigger(self, place: Place, trigger: Trigger) -> None:
        fields = [name for name in trigger.__struct_fields__ if name != "then" and getattr(trigger, name) is not None]
        if not fields:
            self._error(
                place, "empty-trigger", f"the trigger {place[-1]!r} says nothing to recognise a failure by", "add a kind"
            )
        for at, expression in _items(trigger.message):
            try:
                pattern(expression)
            except ValueError as error:
                words = f"{expression!r} is no RE2 expression: {error}"
                self._error((*place, "message", *at), "bad-pattern", words, "RE2 has no look-around and no back-references")
        for field, known in (("provider", self._providers), ("model", self._models)):
            for at, name in _items(getattr(trigger, field)):
                if name not in known:
                    hint = _near(name, known) or "no chain uses it"
                    self._error((*place, field, *at), f"unknown-{field}", f"no {field} is named {name!r}", hint)

    def _check_parameters(self, names: Iterable[str], place: Place) -> None:
        for at, name in enumerate(names):
            if name not in Sampling.__struct_fields__:
                hint = _near(name, Sampling.__struct_fields__) or f"one of {', '.join(Sampling.__struct_fields__)}"
                self._error((*place, at), "unknown-parameter", f"no parameter is named {name!r}", hint)

    def _warn_of_retirement(self, name: str, model: Model, place: Place) -> None:
        card = model.card or Card()
        if card.retires is None or card.retires > self._today + SOON:
            return
        verb = "was retired" if card.retires <= self._today else "retires"
        instead = f"use {card.successor} instead" if card.successor else "choose another"
        self._warn(place, "retired", f"{name} {verb} on {card.retires}", instead)

    def _warn_without_key(self, name: str, model: Model, place: Place) -> None:
        provider = self._providers[model.provider or ""]
        if provider.api_key is not None and not provider.api_key and provider.base_url is None:
            self._warn(place, "no-key", f"no key for {name}: it is skipped", f"set {provider.api_key.origin}")

    def _error(self, place: Place, code: str, message: str, hint: str) -> None:
        self._findings.append(Finding(place=place, problem=Problem(code=code, message=message, hint=hint)))

    def _warn(self, place: Place, code: str, message: str, hint: str) -> None:
        problem = Problem(code=code, message=message, hint=hint, severity="warning")
        self._findings.append(Finding(place=place, problem=problem))


def _merged(under: Card, over: Card) -> Card:
    known = {name: value for name, value in msgspec.structs.asdict(over).items() if value is not None}
    return msgspec.structs.replace(under, **known)


def _items(value: str | tuple[str, ...] | None) -> list[tuple[tuple[int, ...], str]]:
    if value is None:
        return []
    return [((), value)] if isinstance(value, str) else [((at,), item) for at, item in enumerate(value)]


def _near(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.7)
    return f"did you mean {close[0]!r}?" if close else ""
