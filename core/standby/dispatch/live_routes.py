"""The routes that a client's calls use, and what changes with them when the settings do."""

import asyncio
import weakref
from datetime import date

from standby.cards import describe_retirement
from standby.config.settings_source import SettingsSource
from standby.dispatch.routes import Routes, build_routes
from standby.events import AttemptEnded, AttemptStarted
from standby.observe.bus import EventBus
from standby.observe.retirement import RetirementAlert
from standby.registry.adapter_pool import AdapterPool
from standby.registry.observing import PluginObservers
from standby.registry.plugins import Registry
from standby.registry.warm_up import WarmUp
from standby.runtime.threads import blocking
from standby.settings import Provider, Settings


class LiveRoutes:
    """Keeps the routes of the latest settings, with their adapters, observers and imports."""

    def __init__(
        self, source: SettingsSource, registry: Registry, bus: EventBus, *, warm_up: bool
    ) -> None:
        """Read the settings, and subscribe what follows the routes to the events.

        Args:
            source: Where the settings come from.
            registry: The plugins.
            bus: Carries the events of the calls.
            warm_up: Whether to import ahead what the models need.

        Raises:
            ConfigError: The settings cannot be used.
        """
        self._source = source
        self._registry = registry
        self._bus = bus
        self._adapters = AdapterPool(registry.adapter, registry.origin)
        self._observers = PluginObservers(registry.observers)
        self._warm_up = WarmUp(registry, self._standing_by)
        self._alert = RetirementAlert(self._describe_retirement, bus.emit)
        if warm_up:
            bus.subscribe(self._warm_up, AttemptStarted, AttemptEnded)
        # A call under way holds the bus, not the client, and needs its connections to its end.
        weakref.finalize(bus, self._adapters.close_nowait).atexit = False
        self._routes = self._build(source.read(), None)
        self._follow(self._routes)
        if warm_up:
            self._warm_up.begin(self._first_providers())

    @property
    def current(self) -> Routes:
        """The routes of the latest settings."""
        return self._routes

    def reload(self) -> None:
        """Read the settings again, and use them for later calls.

        Raises:
            ConfigError: They cannot be used; the old ones stay in force.
            TypeError: They were made in code.
        """
        self._source.reload(self._adopt, self._bus.announce)

    def refresh(self) -> Routes:
        """Return the routes; begin a reload in a thread if the watched file has changed."""
        if self._source.is_watching:
            self._source.reload_if_changed(self._adopt, self._bus.announce)
        return self._routes

    async def close(self) -> None:
        """End the probes of this event loop, then close its connections."""
        probes = (
            probe for route in self._routes.routes.values() for probe in route.background_probes
        )
        self._warm_up.cancel()
        loop = asyncio.get_running_loop()
        tasks = [task for task in probes if task.get_loop() is loop]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._adapters.close()
        if self._observers:
            await blocking(self._observers.close)

    def _adopt(self, settings: Settings) -> None:
        self._routes = self._build(settings, self._routes)
        self._follow(self._routes)

    def _build(self, settings: Settings, before: Routes | None) -> Routes:
        today = date.today()  # noqa: DTZ011 - the user's own day
        return build_routes(settings, self._adapters, self._registry.predicate, before, today=today)

    def _follow(self, routes: Routes) -> None:
        """Use the observers that these routes' settings name, and import for their chains."""
        self._observers.use(routes.settings.observers)
        self._warm_up.expect(name for name, each in routes.routes.items() if each.reachable[1:])
        for sink in (self._observers, self._alert):
            self._bus.unsubscribe(sink)
        if routes.settings.observers:
            self._bus.subscribe(self._observers)
        if any(target.card.retires for target in routes.targets.values()):
            self._bus.subscribe(self._alert, AttemptStarted, AttemptEnded)

    def _first_providers(self) -> list[Provider]:
        """Return the provider of the first model of the chain that calls use by default."""
        routes = self._routes
        route = routes.routes.get("default") or next(iter(routes.routes.values()))
        return [routes.settings.providers[route.targets[0].provider]]

    def _standing_by(self, chain: str) -> list[Provider]:
        routes = self._routes  # a reload may replace them
        route = routes.routes.get(chain)
        targets = () if route is None else route.reachable[1:]
        return [routes.settings.providers[target.provider] for target in targets]

    def _describe_retirement(self, model: str) -> str:
        target = self._routes.targets.get(model)
        if target is None or not target.verify_response_model:
            return ""
        if target.card.retires is None:  # the clock is read only for a card with a date
            return ""
        return describe_retirement(target.card, date.today())  # noqa: DTZ011 - the user's own day
