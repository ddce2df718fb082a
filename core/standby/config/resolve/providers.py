"""Which plugin and which key stand behind the name of a provider."""

from collections.abc import Mapping

import msgspec

from standby.config.finding import Findings, FormatValue, Location, format_plain_value
from standby.config.resolve.catalogue import UNKNOWN, Plugins
from standby.config.resolve.options import checked
from standby.config.urls import find_url_error
from standby.plugin import ProviderInfo
from standby.settings import Provider, Secret


class Providers:
    """The providers of the settings, and each plugin, which is a provider by itself."""

    def __init__(
        self,
        given: Mapping[str, Provider],
        plugins: Plugins,
        environ: Mapping[str, str],
        findings: Findings,
        format_value: FormatValue = format_plain_value,
    ) -> None:
        """Look at nothing yet, but at the given ones."""
        self._given = given
        self._plugins = plugins
        self._environ = environ
        self._findings = findings
        self._format_value = format_value
        self._made: dict[str, Provider | None] = {}
        self.names = tuple(dict.fromkeys((*given, *plugins.names)))
        for name in given:
            self.get(name, ("providers", name, "plugin"))

    def get(self, name: str, location: Location) -> Provider | None:
        """Return a provider; what is wrong with one of the settings' own is told once, an unknown name wherever it stands."""
        if name in self._made:
            return self._made[name]
        made = self._explicit(name, self._given.get(name) or Provider(plugin=name), location)
        if made is not None or name in self._given:
            self._made[name] = made
        return made

    def found(self) -> dict[str, Provider]:
        """Return those that were asked for and are there."""
        return {name: provider for name, provider in self._made.items() if provider is not None}

    def _explicit(self, name: str, provider: Provider, location: Location) -> Provider | None:
        if provider.plugin not in self._plugins.names:
            installed = ", ".join(self._plugins.names) or "none"
            hint = (
                self._findings.suggest(provider.plugin, self.names)
                or f"installed: {installed}; else install its package"
            )
            message = f"no provider and no plugin is named {provider.plugin!r}"
            self._findings.error(location, "unknown-provider", message, hint)
            return None
        info = self._plugins.info(provider.reference, location)
        if info is None:
            return None
        self._check_url(name, provider, info)
        key = provider.api_key if provider.api_key is not None else self._key(info, provider)
        spot = ("providers", name, "options")
        origin = self._plugins.origin(provider.reference)
        options = checked(
            provider.options,
            info.account,
            spot,
            provider.plugin,
            self._findings,
            self._format_value,
            origin,
        )
        return msgspec.structs.replace(provider, api_key=key, options=options)

    def _check_url(self, name: str, provider: Provider, info: ProviderInfo) -> None:
        """Add what keeps every request from being sent; its value is shown only as the file says it."""
        url = provider.base_url
        slip = None if url is None or info is UNKNOWN else find_url_error(url, info)
        if slip is not None:
            location: Location = ("providers", name, "base_url")
            is_shown = self._format_value(location, url) == repr(url)
            hint = f"write {slip.corrected}" if slip.corrected and is_shown else slip.hint
            self._findings.error(
                location, "bad-url", f"{'.'.join(map(str, location))} {slip.message}", hint
            )

    def _key(self, info: ProviderInfo, provider: Provider) -> Secret | None:
        """Return the first key that is set; none for a plugin that needs none, and for an account that may need none."""
        for name in info.keys:
            if self._environ.get(name, "").strip():
                return Secret(self._environ[name].strip(), origin=name)
        needed = info.keys and info.key_needed and not provider.base_url and not provider.options
        return Secret("", origin=" or ".join(info.keys)) if needed else None
