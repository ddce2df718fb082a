"""A catalogue of four plugins, and files as the tests of the lints write them."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from standby.cards import Card
from standby.config import LoadedConfig, load
from standby.plugin import Library
from tests.config.files import KEYS, TODAY, Catalogue, info

ACME = (
    "503 UNAVAILABLE. The model is overloaded. Please try again later.",
    "500 INTERNAL. An internal error has occurred.",
    "400 INVALID_ARGUMENT. Invalid tool.",
)
BOLT = ("502 Bad Gateway. cloudflare", "429 slow_down. Too fast.")


def catalogue() -> Catalogue:
    """Two vendors whose texts are known, one that needs no key and has none."""
    able = {"tools": True, "schema": True, "efforts": ("low",)}
    return Catalogue(
        acme=(
            info(keys=("ACME_KEY",), errors=ACME, card=Card(**able, reads=("image", "pdf"))),
            {
                "large": Card(context_window=1000, timeout=90.0),
                "small": Card(context_window=500, reads=("image",)),
                "plain": Card(context_window=1000, timeout=20.0),
                "picky": Card(context_window=1000, refuses=("temperature", "top_p"), timeout=40.0),
                "old": Card(retires=date(2026, 1, 31)),
            },
        ),
        bolt=(
            info(keys=("BOLT_KEY",), errors=BOLT, card=Card(**able, reads=("image", "pdf"))),
            {"flash": Card()},
        ),
        home=(info(), {"hut": Card(efforts=("low",))}),
        lone=(
            info(
                keys=("LONE_KEY",),
                key_needed=False,
                account={"type": "object"},
                endings=("/ask",),
                roots={"*:4321": "/v1"},
                libraries=(
                    Library(module="nowhere_at.all", requirement="nowhere-at>=1,<2"),
                    Library(module="json.nowhere", requirement="nowhere-json", option="project"),
                    Library(module="json.decoder", requirement="json"),
                ),
            ),
            {"wolf": Card(efforts=("low",)), "owl": Card(efforts=("low",))},
        ),
    )


def lint_file(folder: Path, text: str, environ: Mapping[str, str] = KEYS) -> LoadedConfig:
    (folder / "m.yaml").write_text(text, encoding="utf-8")
    return load(Path("m.yaml"), catalogue(), environ, cwd=folder, today=TODAY, lints=True)


def codes(folder: Path, text: str, environ: Mapping[str, str] = KEYS) -> list[str]:
    return [f"{p.code}:{p.line}" for p in lint_file(folder, text, environ).problems]


def chain(models: str, more: str = "", before: str = "") -> str:
    """Return a file with a chain: after `before`, and with `more` keys of it from line 5 on."""
    return f"version: 1\n{before}chains:\n  default:\n    models: [{models}]\n{more}"


def triggers(*lines: str, models: str = "large, flash", more: str = "") -> str:
    """Return a file whose triggers are on the lines from 3 on."""
    return chain(models, more, "triggers:\n" + "".join(f"  {line}\n" for line in lines))
