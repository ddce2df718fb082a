"""Files as tests write them, and a catalogue of plugins that counts what is read."""

from collections import Counter
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from standby.cards import Card
from standby.config import LoadedConfig, load
from standby.config.resolve.resolver import Resolution, resolve
from standby.errors import ConfigError, Problem
from standby.plugin import ProviderInfo
from standby.runtime.isolation import Origin
from standby.settings import Chain, Settings

TODAY = date(2026, 11, 20)

KEYS = {"ACME_KEY": "acme-opens-nothing", "BOLT_KEY": "bolt-opens-nothing"}

OPTIONS = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "effort": {"enum": ["low", "high"]},
        "budget": {"type": "integer", "minimum": 0, "maximum": 100},
        "share": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        "loud": {"type": "boolean"},
        "stop": {"type": ["string", "array"], "items": {"type": "string"}},
        "wait": {"type": "string", "pattern": r"^\d+ms$", "examples": ["250ms"]},
        "level": {"$ref": "#/$defs/level"},
        "mode": {"const": "plain"},
        "day": {"type": "string", "format": "date"},
        "mail": {"type": "string", "format": "email"},
        "limit": {"anyOf": [{"type": "integer"}, {"type": "boolean"}]},
        "even": {"type": "integer", "multipleOf": 2},
        "free": {},
        "token": {"type": "integer"},
    },
    "$defs": {"level": {"type": "integer"}},
    "not": {"required": ["effort", "budget"]},
}


class Catalogue:
    """Plugins that are data. `reads` counts how often each manifest was read."""

    def __init__(self, **plugins: tuple[ProviderInfo, Mapping[str, Card]] | ConfigError) -> None:
        self.plugins = plugins
        self.reads: Counter[str] = Counter()

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self.plugins))

    def origin(self, name: str) -> Origin:
        return Origin(name, f"standby-{name}", "1.0")

    def info(self, name: str) -> ProviderInfo:
        return self._manifest(name)[0]

    def cards(self, name: str) -> Mapping[str, Card]:
        return self._manifest(name)[1]

    def observers(self, name: str) -> list[object]:
        self._manifest(name)
        return [print]

    def predicates(self, name: str) -> dict[str, object]:
        self._manifest(name)
        return {"no-price": print}

    def failure_reader(self, name: str) -> None:
        """Have no reader of error responses: the HTTP status decides."""
        self._manifest(name)

    def _manifest(self, name: str) -> tuple[ProviderInfo, Mapping[str, Card]]:
        self.reads[name] += 1
        plugin = self.plugins[name]
        if isinstance(plugin, ConfigError):
            raise plugin
        return plugin


def info(**fields: Any) -> ProviderInfo:
    return ProviderInfo(adapter="nowhere:Adapter", **fields)


def plugin_error(
    code: str = "broken-plugin", message: str = "plugin 'rusty' is broken: ImportError"
) -> ConfigError:
    return ConfigError([Problem(code=code, message=message, hint="update it")])


def catalogue() -> Catalogue:
    """Two vendors: acme with options and cards, bolt with a card for all its models."""
    return Catalogue(
        acme=(
            info(keys=("ACME_KEY", "OLD_ACME_KEY"), options=OPTIONS),
            {
                "large-3": Card(
                    context_window=1000, timeout=90.0, refuses=("top_k",), wire={"a": 1}
                ),
                "small-3": Card(),
                "old-1": Card(retires=date(2026, 1, 31), successor="large-3"),
                "last-2": Card(retires=date(2027, 1, 19)),
                "next-4": Card(retires=date(2027, 1, 20)),
            },
        ),
        bolt=(
            info(keys=("BOLT_KEY",), card=Card(refuses=("seed",), timeout=20.0)),
            {"flash": Card(timeout=5.0)},
        ),
    )


def read(
    folder: Path,
    text: str | bytes,
    environ: Mapping[str, str] = KEYS,
    plugins: Catalogue | None = None,
) -> LoadedConfig:
    """Load a text as `m.yaml` in an empty folder below the given one."""
    location = folder / "app" / "conf"
    location.mkdir(parents=True, exist_ok=True)
    (location / "m.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    loaded = load(Path("m.yaml"), plugins or catalogue(), environ, cwd=location, today=TODAY)
    assert (loaded.settings is None) == any(
        problem.severity == "error" and problem.code != "broken-plugin"
        for problem in loaded.problems
    )
    return loaded


def format_problems(loaded: LoadedConfig) -> list[str]:
    return [str(problem) for problem in loaded.problems]


def chain(text: str = "large-3", more: str = "") -> str:
    """Return a file with one chain of these models, in a flow list, and more keys of the chain."""
    return f"version: 1\nchains:\n  default:\n    models: [{text}]\n{more}"


def resolve_settings(
    settings: Settings, environ: Mapping[str, str] = KEYS, plugins: Catalogue | None = None
) -> Resolution:
    return resolve(settings, plugins or catalogue(), environ, today=TODAY)


def one_chain(*models: str, **rest: Any) -> Settings:
    return Settings(chains={"default": Chain(models=models)}, **rest)
