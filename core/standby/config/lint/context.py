"""What the lints look at: the settings as they were given, beside the same settings resolved."""

import re
from collections.abc import Callable, Hashable

import msgspec

from standby.cards import Card
from standby.config.finding import Findings, Location
from standby.config.resolve.catalogue import UNKNOWN, CachedCatalogue, Catalogue
from standby.errors import ConfigError
from standby.failures import Kind, kind_of_status
from standby.plugin import FailureReader, ProviderInfo
from standby.settings import Model, Provider, Settings, Trigger
from standby.types import Sampling

_ERROR = re.compile(r"(?P<status>\d{3})(?: (?P<code>\w*))?\. (?P<message>.*)", re.DOTALL)


class ChainModel(msgspec.Struct, frozen=True):
    """A model of a chain, with its resolved settings; `location` is where the chain names it."""

    location: Location
    name: str
    settings: Model
    provider: Provider

    @property
    def card(self) -> Card:
        """The model's card; an empty one where nothing is known of it."""
        return self.settings.card or Card()

    @property
    def timeout(self) -> float:
        """Seconds that one attempt may take."""
        return self.settings.timeout or 0.0

    @property
    def dropped_parameters(self) -> tuple[str, ...]:
        """The parameters that the card refuses and that the file does not list under `drop`."""
        listed = {*(self.settings.drop or ())}
        refused = self.card.refuses or ()
        return tuple(
            name for name in refused if name in Sampling.__struct_fields__ and name not in listed
        )


class LintContext:
    """The settings, given and resolved, and what the plugins say of them."""

    def __init__(
        self,
        given: Settings,
        settings: Settings,
        catalogue: Catalogue,
        is_variable: Callable[[Location], bool],
    ) -> None:
        """Take settings without errors, as `lint` does.

        Args:
            given: The settings as the file gives them.
            settings: The same settings, resolved.
            catalogue: The installed plugins.
            is_variable: Says whether a variable put the value at a location there.

        """
        self.given = given
        self.settings = settings
        self.is_variable = is_variable
        self._catalogue = catalogue
        self._plugins = CachedCatalogue(catalogue, Findings())  # resolving has reported the faults
        self._readers: dict[str, FailureReader | None] = {}
        self.chains = {name: self._models_in(name) for name in settings.chains}
        self._chains_by_trigger: dict[str, list[str]] = {}
        for name, chain in settings.chains.items():
            for trigger in chain.triggers or ():
                self._chains_by_trigger.setdefault(trigger, []).append(name)
        self._models_under: dict[Hashable, list[ChainModel]] = {}  # by what decides which they are

    def _models_in(self, chain: str) -> tuple[ChainModel, ...]:
        """Return the models of a chain in their order, each once."""
        places: dict[str, int] = {}
        for at, name in enumerate(self.given.chains[chain].models):
            places.setdefault(name, at)
        models: list[ChainModel] = []
        for name in self.settings.chains[chain].models:
            settings = self.settings.models[name]
            provider = self.settings.providers[settings.provider or ""]
            location = ("chains", chain, "models", places[name])
            models.append(ChainModel(location, name, settings, provider))
        return tuple(models)

    def chains_with(self, trigger: str) -> list[str]:
        """Return the chains that use a trigger.

        Args:
            trigger: The trigger's name.

        Returns:
            The chains' names, in the file's order.

        """
        return self._chains_by_trigger.get(trigger, [])

    def models_under(self, name: str, trigger: Trigger) -> list[ChainModel]:
        """Return the models whose failures a trigger sees.

        Args:
            name: The trigger's name.
            trigger: The trigger itself.

        Returns:
            The models of the chains that use it and that it applies to, each once.

        """
        chains = self.chains_with(name)
        key = tuple(chains), trigger.provider, trigger.model
        if key not in self._models_under:
            models = (model for chain in chains for model in self.chains[chain])
            by_name = {model.name: model for model in models if applies_to(trigger, model)}
            self._models_under[key] = list(by_name.values())
        return self._models_under[key]

    def provider_info(self, provider: Provider) -> ProviderInfo | None:
        """Return how to reach a provider's models.

        Args:
            provider: A resolved provider.

        Returns:
            What its plugin says; `None` where the plugin is broken.

        """
        info = self._plugins.info(provider.reference, ())
        return None if info is UNKNOWN else info

    def known_errors(self, model: ChainModel) -> tuple[str, ...]:
        """Return the texts with which a model is known to fail.

        Args:
            model: A model of a chain.

        Returns:
            Its plugin's texts; none for an endpoint that is not the vendor's own.

        """
        info = None if model.provider.base_url else self.provider_info(model.provider)
        return () if info is None else info.errors

    def classify(self, model: ChainModel, text: str) -> Kind | None:
        """Classify a failure's text as the model's plugin would.

        Args:
            model: The model that fails.
            text: One of its `known_errors`: "<status> <code>. <message>".

        Returns:
            The failure's kind; `None` where the text does not begin with a status.

        """
        match = _ERROR.fullmatch(text)
        if match is None:
            return None
        status, code = int(match["status"]), match["code"] or ""
        read = self._failure_reader(model.provider.reference)
        if read is None:
            return kind_of_status(status)
        names = {"code": code, "status": code, "type": code} if code else {}
        return read(status, {}, {"error": {**names, "message": match["message"]}}).kind

    def _failure_reader(self, plugin: str) -> FailureReader | None:
        if plugin not in self._readers:
            try:
                self._readers[plugin] = self._catalogue.failure_reader(plugin)
            except ConfigError:
                self._readers[plugin] = None
        return self._readers[plugin]


def applies_to(trigger: Trigger, model: ChainModel) -> bool:
    """Say whether a trigger's `provider` and `model` include a model.

    Args:
        trigger: The trigger; a field that is left away includes every model.
        model: A model of a chain.

    Returns:
        `True` where both fields include it.

    """
    return _includes(trigger.provider, model.settings.provider) and _includes(
        trigger.model, model.name
    )


def _includes(field: str | tuple[str, ...] | None, name: str | None) -> bool:
    if field is None:
        return True
    return name in ((field,) if isinstance(field, str) else field)
