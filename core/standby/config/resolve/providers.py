"""The plugin, the key and the options that a provider's name stands for."""

from collections.abc import Mapping

import msgspec

from standby.config.finding import (
    Findings,
    FormatValue,
    Location,
    format_path,
    format_plain_value,
)
from standby.config.resolve.catalogue import UNKNOWN, CachedCatalogue
from standby.config.resolve.options import check_options
from standby.config.url_errors import find_url_error
from standby.plugin import ProviderInfo
from standby.settings import Provider, Secret


class Providers:
    """The providers of the settings, and each plugin: it is a provider by itself."""

    def __init__(
        self,
        given: Mapping[str, Provider],
        plugins: CachedCatalogue,
        environ: Mapping[str, str],
        findings: Findings,
        format_value: FormatValue = format_plain_value,
    ) -> None:
        """Resolve the providers of the settings.

        Args:
            given: The providers of the settings, by name.
            plugins: The installed plugins.
            environ: The environment's variables, where keys are looked up.
            findings: Where problems are added.
            format_value: Formats a value for a message.

        """
        self._given = given
        self._plugins = plugins
        self._environ = environ
        self._findings = findings
        self._format_value = format_value
        self._resolved: dict[str, Provider | None] = {}
        self.names = tuple(dict.fromkeys((*given, *plugins.names)))
        for name in given:
            self.get(name, ("providers", name, "plugin"))

    def get(self, name: str, location: Location) -> Provider | None:
        """Return a resolved provider.

        Problems with a provider of the settings are reported once, an unknown name at each
        location.

        Args:
            name: The name of a provider or of a plugin.
            location: Where the settings name it.

        Returns:
            The provider; `None` where it cannot be resolved.

        """
        if name in self._resolved:
            return self._resolved[name]
        given = self._given.get(name) or Provider(plugin=name)
        provider = self._resolve(name, given, location)
        if provider is not None or name in self._given:
            self._resolved[name] = provider
        return provider

    def as_dict(self) -> dict[str, Provider]:
        """Return the providers that have been resolved so far, by name."""
        return {name: provider for name, provider in self._resolved.items() if provider is not None}

    def _resolve(self, name: str, provider: Provider, location: Location) -> Provider | None:
        if provider.plugin not in self._plugins.names:
            installed = ", ".join(self._plugins.names) or "none"
            hint = self._findings.suggest(provider.plugin, self.names)
            hint = hint or f"installed: {installed}; else install its package"
            message = f"no provider and no plugin is named {provider.plugin!r}"
            self._findings.error(location, "unknown-provider", message, hint)
            return None
        info = self._plugins.info(provider.reference, location)
        if info is None:
            return None
        self._check_url(name, provider, info)
        self._check_transport(name, provider, info)
        key = self._find_key(info, provider) if provider.api_key is None else provider.api_key
        options = check_options(
            provider.options,
            info.account,
            ("providers", name, "options"),
            provider.plugin,
            self._findings,
            self._format_value,
            self._plugins.origin(provider.reference),
        )
        return msgspec.structs.replace(provider, api_key=key, options=options)

    def _check_url(self, name: str, provider: Provider, info: ProviderInfo) -> None:
        """Report a base URL that no request can be sent to; a variable's value is not shown."""
        url = provider.base_url
        problem = None if url is None or info is UNKNOWN else find_url_error(url, info)
        if problem is not None:
            location: Location = ("providers", name, "base_url")
            is_visible = self._format_value(location, url) == repr(url)
            is_correctable = bool(problem.corrected) and is_visible
            hint = f"write {problem.corrected}" if is_correctable else problem.hint
            message = f"{format_path(location)} {problem.message}"
            self._findings.error(location, "bad-url", message, hint)

    def _check_transport(self, name: str, provider: Provider, info: ProviderInfo) -> None:
        is_offered = info is UNKNOWN or bool(info.sdk_adapter)
        if provider.transport == "sdk" and not is_offered:
            location: Location = ("providers", name, "transport")
            message = (
                f"the plugin {provider.plugin!r} has no adapter for {format_path(location)}: sdk"
            )
            self._findings.error(location, "no-sdk-adapter", message, "leave the line out")

    def _find_key(self, info: ProviderInfo, provider: Provider) -> Secret | None:
        """Return the first key that is set; `None` where none is needed.

        An endpoint of the user's own may need none, and an option whose library gets credentials.
        """
        for name in info.keys:
            if self._environ.get(name, "").strip():
                return Secret(self._environ[name].strip(), origin=name)
        if not info.keys or not info.key_needed:
            return None
        has_credentials = any(
            each.option and each.is_needed_by(provider) for each in info.libraries
        )
        if provider.base_url or has_credentials:
            return None
        return Secret("", origin=" or ".join(info.keys))
