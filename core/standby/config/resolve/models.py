"""What a model's name comes to: its provider, the vendor's id, its card, and settings with nothing left open."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import msgspec

from standby.cards import Card, describe_retirement
from standby.config.finding import Findings, FormatValue, Location
from standby.config.resolve.catalogue import Plugins
from standby.config.resolve.options import checked
from standby.config.resolve.providers import Providers
from standby.plugin import ProviderInfo
from standby.settings import BreakerSettings, Model, Provider
from standby.types import Sampling

TIMEOUT = 60.0
"""Seconds for one attempt where neither the file nor the card says: most answers take less, and a standby is waiting."""

IDLE_TIMEOUT = 30.0
"""Seconds that a stream may say nothing, between words; a model that is well never takes so long."""

_TYPOGRAPHIC = "\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb"
"""Quotes that word processors write, which are letters to YAML."""


class Models:
    """The models of the settings, and whatever else the chains name."""

    def __init__(
        self,
        given: Mapping[str, Model],
        providers: Providers,
        plugins: Plugins,
        findings: Findings,
        format_value: FormatValue,
        today: date,
    ) -> None:
        """Look at nothing yet."""
        self._given = given
        self._providers = providers
        self._plugins = plugins
        self._findings = findings
        self._format_value = format_value
        self._today = today
        self._made: dict[str, Model | None] = {}

    def get(self, name: str, location: Location) -> Model | None:
        """Return a model; what is wrong with one of the settings' own is told once, an unknown name wherever it stands."""
        if name in self._made:
            return self._made[name]
        if name in self._given:
            location = ("models", name)
        made = self._explicit(name, self._given.get(name, Model()), location)
        if made is not None or name in self._given:
            self._made[name] = made
        if made is not None:
            self._warn_of_retirement(name, made, location)
            self._warn_without_key(name, made, location)
        return made

    def found(self) -> dict[str, Model]:
        """Return those that were asked for and are there."""
        return {name: model for name, model in self._made.items() if model is not None}

    def is_known(self, name: str, location: Location) -> bool:
        """Say whether a plugin knows the name, or could."""
        return name.partition("/")[0] in self._providers.names or bool(
            self._plugins.knowing(name, location)
        )

    def _explicit(self, name: str, entry: Model, location: Location) -> Model | None:
        if entry.provider is None and entry.model is None and "/" in name:
            return self._split(name, entry, location)
        vendor_id = entry.model or name
        provider = entry.provider or self._served_by(vendor_id, location)
        if provider is None:
            return None
        spot = (*location, "provider") if entry.provider else location
        return self._completed(
            msgspec.structs.replace(entry, provider=provider, model=vendor_id), location, spot
        )

    def _split(self, name: str, entry: Model, location: Location) -> Model | None:
        provider, _, vendor_id = name.partition("/")
        if not vendor_id:
            self._findings.error(
                location,
                "unknown-model",
                f"{name!r} names no model",
                f"write the vendor's id: {name}…",
            )
            return None
        return self._completed(
            msgspec.structs.replace(entry, provider=provider, model=vendor_id), location, location
        )

    def _served_by(self, vendor_id: str, location: Location) -> str | None:
        """Find the plugin whose card knows a model."""
        knowing = self._plugins.knowing(vendor_id, location)
        if len(knowing) == 1:
            return knowing[0]
        if knowing:
            ways = " or ".join(f"{plugin}/{vendor_id}" for plugin in knowing)
            self._findings.error(
                location,
                "ambiguous-model",
                f"{vendor_id!r} is known to {' and '.join(knowing)}",
                f"write {ways}",
            )
            return None
        quotes = "write it in plain quotes, or in none" if vendor_id[0] in _TYPOGRAPHIC else ""
        hint = quotes or self._findings.suggest(
            vendor_id, [*self._given, *self._plugins.models(location)]
        )
        hint = (
            hint
            or f"a model that no card knows needs its provider, like {next(iter(self._providers.names), 'plugin')}/{vendor_id}"
        )
        self._findings.error(location, "unknown-model", f"no model is named {vendor_id!r}", hint)
        return None

    def _completed(self, model: Model, location: Location, spot: Location) -> Model | None:
        name, vendor_id = model.provider or "", model.model or ""
        provider = self._providers.get(name, spot)
        info = None if provider is None else self._plugins.info(provider.reference, spot)
        if provider is None or info is None:
            return None
        known = _merged(
            info.card, self._plugins.cards(provider.reference, location).get(vendor_id, Card())
        )
        card = _merged(known, model.card or Card())
        self._check_parameters(model.drop, (*location, "drop"))
        self._check_parameters(
            model.card.refuses if model.card else None, (*location, "card", "refuses")
        )
        timeout = model.timeout or card.timeout or TIMEOUT
        return msgspec.structs.replace(
            model,
            timeout=timeout,
            first_token_timeout=min(
                model.first_token_timeout or card.first_token_timeout or timeout, timeout
            ),
            idle_timeout=min(model.idle_timeout or card.idle_timeout or IDLE_TIMEOUT, timeout),
            breaker=BreakerSettings() if model.breaker in (None, True) else model.breaker,
            options=self._options(model, provider, info, (*location, "options")),
            drop=model.drop or (),
            card=card,
        )

    def _options(
        self, model: Model, provider: Provider, info: ProviderInfo, location: Location
    ) -> dict[str, Any]:
        origin = self._plugins.origin(provider.reference)
        return checked(
            model.options or {},
            info.options,
            location,
            model.provider or "",
            self._findings,
            self._format_value,
            origin,
        )

    def _check_parameters(self, names: Iterable[str] | None, location: Location) -> None:
        for at, name in enumerate(names or ()):
            if name not in Sampling.__struct_fields__:
                hint = (
                    self._findings.suggest(name, Sampling.__struct_fields__)
                    or f"it is one of {', '.join(Sampling.__struct_fields__)}"
                )
                message = f"no parameter is named {self._format_value((*location, at), name)}"
                self._findings.error((*location, at), "unknown-parameter", message, hint)

    def _warn_of_retirement(self, name: str, model: Model, location: Location) -> None:
        provider = self._providers.get(model.provider or "", location)
        words = describe_retirement(model.card or Card(), self._today)
        if (
            words and provider is not None and provider.base_url is None
        ):  # an endpoint of one's own goes on as its owner likes
            what, _, instead = words.partition("; ")
            self._findings.warn(location, "retired", f"{name} {what}", instead)

    def _warn_without_key(self, name: str, model: Model, location: Location) -> None:
        provider = self._providers.get(model.provider or "", location)
        if provider is not None and provider.api_key is not None and not provider.api_key:
            self._findings.warn(
                location,
                "no-key",
                f"no key for {name}: it is skipped",
                f"set {provider.api_key.origin}",
            )


def _merged(under: Card, over: Card) -> Card:
    known = {
        name: value for name, value in msgspec.structs.asdict(over).items() if value is not None
    }
    return msgspec.structs.replace(under, **known)
