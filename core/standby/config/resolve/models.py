"""What a model's name stands for: its provider, the vendor's id, its card, its settings."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import msgspec

from standby.cards import Card, describe_retirement
from standby.config.finding import Findings, FormatValue, Location
from standby.config.resolve.catalogue import CachedCatalogue
from standby.config.resolve.options import check_options
from standby.config.resolve.providers import Providers
from standby.plugin import ProviderInfo
from standby.settings import BreakerSettings, Model, Provider
from standby.types import Sampling

TIMEOUT = 60.0
"""Seconds for one attempt by default: most answers take less, and a standby is waiting."""

IDLE_TIMEOUT = 30.0
"""Seconds between two tokens of a stream by default; a healthy model never takes so long."""

_TYPOGRAPHIC_QUOTES = tuple("\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb")
"""Quotes that word processors write, and that are letters to YAML."""


class Models:
    """The models of the settings, and the others that the chains name."""

    def __init__(
        self,
        given: Mapping[str, Model],
        providers: Providers,
        plugins: CachedCatalogue,
        findings: Findings,
        format_value: FormatValue,
        today: date,
    ) -> None:
        """Resolve nothing yet.

        Args:
            given: The models of the settings, by name.
            providers: The providers.
            plugins: The installed plugins.
            findings: Where problems are added.
            format_value: Formats a value for a message.
            today: The date that retirements are compared with.

        """
        self._given = given
        self._providers = providers
        self._plugins = plugins
        self._findings = findings
        self._format_value = format_value
        self._today = today
        self._resolved: dict[str, Model | None] = {}

    def get(self, name: str, location: Location) -> Model | None:
        """Return a resolved model.

        Problems with a model of the settings are reported once, an unknown name at each location.

        Args:
            name: A name of the settings, of a card, or "provider/vendor's id".
            location: Where the settings name it.

        Returns:
            The model; `None` where it cannot be resolved.

        """
        if name in self._resolved:
            return self._resolved[name]
        if name in self._given:
            location = ("models", name)
        model = self._resolve(name, self._given.get(name, Model()), location)
        if model is not None or name in self._given:
            self._resolved[name] = model
        if model is not None:
            self._warn_of_retirement(name, model, location)
            self._warn_of_missing_key(name, model, location)
        return model

    def as_dict(self) -> dict[str, Model]:
        """Return the models that have been resolved so far, by name."""
        return {name: model for name, model in self._resolved.items() if model is not None}

    def is_known(self, name: str, location: Location) -> bool:
        """Say whether a name could be resolved.

        Args:
            name: A model's name that the settings do not define.
            location: Where they mention it; a broken plugin is reported there.

        Returns:
            `True` where it begins with a provider, or a plugin has a card of it.

        """
        if name.partition("/")[0] in self._providers.names:
            return True
        return bool(self._plugins.find_plugins(name, location))

    def _resolve(self, name: str, given: Model, location: Location) -> Model | None:
        names_nothing = given.provider is None and given.model is None
        if names_nothing and "/" in name:
            return self._resolve_path(name, given, location)
        vendor_id = given.model or name
        provider = given.provider or self._find_provider(vendor_id, location)
        if provider is None:
            return None
        model = msgspec.structs.replace(given, provider=provider, model=vendor_id)
        return self._complete(
            model, location, (*location, "provider") if given.provider else location
        )

    def _resolve_path(self, name: str, given: Model, location: Location) -> Model | None:
        provider, _, vendor_id = name.partition("/")
        if not vendor_id:
            message, hint = f"{name!r} names no model", f"write the vendor's id: {name}…"
            self._findings.error(location, "unknown-model", message, hint)
            return None
        model = msgspec.structs.replace(given, provider=provider, model=vendor_id)
        return self._complete(model, location, location)

    def _find_provider(self, vendor_id: str, location: Location) -> str | None:
        """Return the one plugin that has a card of a model."""
        plugins = self._plugins.find_plugins(vendor_id, location)
        if len(plugins) == 1:
            return plugins[0]
        if plugins:
            message = f"{vendor_id!r} is known to {' and '.join(plugins)}"
            hint = f"write {' or '.join(f'{plugin}/{vendor_id}' for plugin in plugins)}"
            self._findings.error(location, "ambiguous-model", message, hint)
            return None
        message = f"no model is named {vendor_id!r}"
        hint = self._suggest_name(vendor_id, location)
        self._findings.error(location, "unknown-model", message, hint)
        return None

    def _suggest_name(self, vendor_id: str, location: Location) -> str:
        if vendor_id.startswith(_TYPOGRAPHIC_QUOTES):
            return "write it in plain quotes, or in none"
        names = [*self._given, *self._plugins.vendor_ids(location)]
        example = f"{next(iter(self._providers.names), 'plugin')}/{vendor_id}"
        return (
            self._findings.suggest(vendor_id, names)
            or f"a model that no card knows needs its provider, like {example}"
        )

    def _complete(
        self, model: Model, location: Location, provider_location: Location
    ) -> Model | None:
        """Return a model with nothing left implicit; `None` where its provider is unknown."""
        vendor_id = model.model or ""
        provider = self._providers.get(model.provider or "", provider_location)
        if provider is None:
            return None
        info = self._plugins.info(provider.reference, provider_location)
        if info is None:
            return None
        cards = self._plugins.cards(provider.reference, location)
        card = _merge_cards(info.card, cards.get(vendor_id, Card()), model.card or Card())
        self._check_parameters(model.drop, (*location, "drop"))
        refused = model.card.refuses if model.card else None
        self._check_parameters(refused, (*location, "card", "refuses"))
        return msgspec.structs.replace(
            _with_timeouts(model, card),
            breaker=BreakerSettings() if model.breaker in (None, True) else model.breaker,
            options=self._check_options(model, provider, info, (*location, "options")),
            drop=model.drop or (),
            card=card,
        )

    def _check_options(
        self, model: Model, provider: Provider, info: ProviderInfo, location: Location
    ) -> dict[str, Any]:
        return check_options(
            model.options or {},
            info.options,
            location,
            model.provider or "",
            self._findings,
            self._format_value,
            self._plugins.origin(provider.reference),
        )

    def _check_parameters(self, names: Iterable[str] | None, location: Location) -> None:
        parameters = Sampling.__struct_fields__
        for at, name in enumerate(names or ()):
            if name not in parameters:
                item = (*location, at)
                hint = self._findings.suggest(name, parameters)
                hint = hint or f"it is one of {', '.join(parameters)}"
                message = f"no parameter is named {self._format_value(item, name)}"
                self._findings.error(item, "unknown-parameter", message, hint)

    def _warn_of_retirement(self, name: str, model: Model, location: Location) -> None:
        """Warn where the vendor retires a model; at another endpoint, its owner decides."""
        provider = self._providers.get(model.provider or "", location)
        if provider is None or provider.base_url is not None:
            return
        text = describe_retirement(model.card or Card(), self._today)
        if text:
            what, _, hint = text.partition("; ")
            self._findings.warn(location, "retired", f"{name} {what}", hint)

    def _warn_of_missing_key(self, name: str, model: Model, location: Location) -> None:
        provider = self._providers.get(model.provider or "", location)
        key = None if provider is None else provider.api_key
        if key is not None and not key:
            message = f"no key for {name}: it is skipped"
            self._findings.warn(location, "no-key", message, f"set {key.origin}")


def _with_timeouts(model: Model, card: Card) -> Model:
    """Return a model whose time-outs are set: by the file, else by the card, else by default."""
    timeout = model.timeout or card.timeout or TIMEOUT
    first_token = model.first_token_timeout or card.first_token_timeout or timeout
    idle = model.idle_timeout or card.idle_timeout or IDLE_TIMEOUT
    return msgspec.structs.replace(
        model,
        timeout=timeout,
        first_token_timeout=min(first_token, timeout),
        idle_timeout=min(idle, timeout),
    )


def _merge_cards(*cards: Card) -> Card:
    """Return a card whose fields are those of the last card that sets each."""
    fields = {
        name: value
        for card in cards
        for name, value in msgspec.structs.asdict(card).items()
        if value is not None
    }
    return Card(**fields)
