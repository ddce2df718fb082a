"""docs/agno.md and docs/migration.md on the real Agno: each block prints what stands below it."""

from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("agno", reason="scripts/integrations runs these, where agno is")
from standby.integrations.agno import IntelligentModelFallback
from standby.integrations.agno.wrapper import _SETTINGS
from tests.docs.documents import blocks, table

pytestmark = pytest.mark.filterwarnings("default")  # theirs are theirs


@pytest.mark.parametrize(
    ("document", "heading"),
    [
        ("docs/agno.md", "Try it"),
        ("docs/agno.md", "When no model answers"),
        ("docs/migration.md", "Try it"),
    ],
)
def test_each_block_prints_what_stands_below_it(
    document: str,
    heading: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file, source, printed = (
        blocks(document, heading, language)[0].text for language in ("yaml", "python", "text")
    )
    (tmp_path / "models.yaml").write_text(file, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STANDBY_CONFIG", raising=False)
    exec(source, {"__name__": "page"})  # noqa: S102 - the page's own code
    assert capsys.readouterr().out.endswith(printed)  # Agno 2.4 writes its log there too


def test_every_setting_that_is_read_is_in_the_table() -> None:
    rows = table("docs/migration.md", head="of the settings")
    assert [row[0].strip("`") for row in rows] == [*_SETTINGS, "ai_temperature", "ai_max_tokens"]
    assert [row[1].strip("`") for row in rows[: len(_SETTINGS)]] == [
        name.upper() for name in _SETTINGS
    ]


def test_the_chain_that_ships_takes_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STANDBY_CONFIG", raising=False)
    model = IntelligentModelFallback(
        SimpleNamespace(
            primary_ai_model="gemini-2.5-flash",
            google_api_key="key-0123",
            openai_api_key="key-4567",
        )
    )
    assert [target.name for target in model.current_model.route.targets][:2] == [
        "gemini-2.5-flash",
        "o3-mini",
    ]
