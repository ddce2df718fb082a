"""What the lints look at: settings as they were given, beside the same with nothing left implicit."""

import re
from collections.abc import Callable

import msgspec

from standby.cards import Card
from standby.config.finding import Findings, Location
from standby.config.resolve.catalogue import UNKNOWN, Catalogue, Plugins
from standby.errors import ConfigError
from standby.failures import Kind, kind_of_status
from standby.plugin import FailureReader, ProviderInfo
from standby.settings import Model, Provider, Settings, Trigger
from standby.types import Sampling

_ERROR = re.compile(r"(?P<status>\d{3})(?: (?P<code>\w*))?\. (?P<message>.*)", re.DOTALL)


class Asked(msgspec.Struct, frozen=True):
    """A model of a chain, where the chain names it."""

    location: Location
    name: str
    model: Model
    provider: Provider

    @property
    def card(self) -> Card:
        """Return what is known of the model."""
        return self.model.card or Card()

    @property
    def timeout(self) -> float:
        """Return the seconds that one attempt may take."""
        return self.model.timeout or 0.0

    @property
    def refused(self) -> tuple[str, ...]:
        """Return the parameters that the card refuses and the file does not drop by itself."""
        known = Sampling.__struct_fields__
        return tuple(
            name
            for name in self.card.refuses or ()
            if name in known and name not in (self.model.drop or ())
        )


class View:
    """Settings, given and resolved; `is_variable` says whether a variable put there what stands at a location."""

    def __init__(
        self,
        given: Settings,
        settings: Settings,
        catalogue: Catalogue,
        is_variable: Callable[[Location], bool],
    ) -> None:
        """Look at resolved settings without errors."""
        self.given = given
        self.settings = settings
        self.is_variable = is_variable
        self._catalogue = catalogue
        self._plugins = Plugins(catalogue, Findings())  # what is wrong with a plugin has been told
        self._readers: dict[str, FailureReader | None] = {}
        self.chains = {name: self._asked(name) for name in settings.chains}

    def _asked(self, chain: str) -> tuple[Asked, ...]:
        """Return the models of a chain in their order, each once."""
        written = self.given.chains[chain].models
        made: list[Asked] = []
        for name in self.settings.chains[chain].models:
            model = self.settings.models[name]
            provider = self.settings.providers[model.provider or ""]
            made.append(
                Asked(("chains", chain, "models", written.index(name)), name, model, provider)
            )
        return tuple(made)

    def using(self, trigger: str) -> list[str]:
        """Return the chains that try a trigger."""
        return [
            name
            for name, chain in self.settings.chains.items()
            if trigger in (chain.triggers or ())
        ]

    def reached_by(self, name: str, trigger: Trigger) -> list[Asked]:
        """Return the models whose failures a trigger looks at, each once."""
        asked = (one for chain in self.using(name) for one in self.chains[chain])
        return list({one.name: one for one in asked if concerns(trigger, one)}.values())

    def info(self, provider: Provider) -> ProviderInfo | None:
        """Return how to reach a provider's models; `None` where its plugin is broken."""
        info = self._plugins.info(provider.reference, ())
        return None if info is UNKNOWN else info

    def errors(self, asked: Asked) -> tuple[str, ...]:
        """Return the texts in which the model is known to fail; none for an endpoint that is not the vendor's own."""
        info = None if asked.provider.base_url else self.info(asked.provider)
        return () if info is None else info.errors

    def kind(self, asked: Asked, text: str) -> Kind | None:
        """Return what a text of `errors` is, as the model's plugin reads it; `None` where no status says."""
        found = _ERROR.fullmatch(text)
        if found is None:
            return None
        status, code = int(found["status"]), found["code"] or ""
        if asked.provider.reference not in self._readers:
            self._readers[asked.provider.reference] = self._reader(asked.provider.reference)
        read = self._readers[asked.provider.reference]
        if read is None:
            return kind_of_status(status)
        names = {"code": code, "status": code, "type": code} if code else {}
        return read(status, {}, {"error": {**names, "message": found["message"]}}).kind

    def _reader(self, plugin: str) -> FailureReader | None:
        try:
            return self._catalogue.failure_reader(plugin)
        except ConfigError:
            return None


def concerns(trigger: Trigger, asked: Asked) -> bool:
    """Say whether a trigger's `provider` and `model` leave a model in."""
    return asked.model.provider in listed(
        trigger.provider, asked.model.provider
    ) and asked.name in listed(trigger.model, asked.name)


def listed(value: str | tuple[str, ...] | None, otherwise: str | None) -> tuple[str | None, ...]:
    """Return a field's items; where it is left out, the one that is asked about."""
    if value is None:
        return (otherwise,)
    return (value,) if isinstance(value, str) else value
