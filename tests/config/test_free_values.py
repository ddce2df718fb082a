"""Values without a schema have YAML's types: in `extra`, a card's `wire`, and free options."""

from datetime import date
from pathlib import Path

from standby.config import load
from standby.registry.plugins import Registry

FILE = """
version: 1
models:
  m:
    provider: scripted
    model: "7"
    options: {script: [{tool_calls: [{name: f, arguments: {n: 1, text: "1", deep: {on: true}}}]}]}
    extra: {top: 1, share: 0.5, flag: true, off: false, text: "1", quoted: "true", word: yes,
            list: [1, two, "3"], deep: {n: -2}}
    card: {wire: {signed_calls: false, level: high}}
    timeout: "30s"
chains:
  default: {models: [m], deadline: "1m"}
"""


def test_free_values_are_read_by_yamls_own_rules_and_quotes_matter(tmp_path: Path) -> None:
    file = tmp_path / "models.yaml"
    file.write_text(FILE, encoding="utf-8")
    loaded = load(file, Registry(), {}, cwd=tmp_path, today=date(2026, 11, 24))
    assert [str(problem) for problem in loaded.problems] == []
    assert loaded.settings is not None
    model = loaded.settings.models["m"]
    assert model.extra == {
        "top": 1,
        "share": 0.5,
        "flag": True,
        "off": False,
        "text": "1",
        "quoted": "true",
        "word": "yes",
        "list": [1, "two", "3"],
        "deep": {"n": -2},
    }
    assert model.options is not None
    assert model.options["script"][0]["tool_calls"][0]["arguments"] == {
        "n": 1,
        "text": "1",
        "deep": {"on": True},
    }
    assert model.card is not None
    assert model.card.wire == {"signed_calls": False, "level": "high"}
    assert (model.model, model.timeout, loaded.settings.chains["default"].deadline) == (
        "7",
        30.0,
        60.0,
    )


def test_the_settings_contain_plain_strings_only(tmp_path: Path) -> None:
    file = tmp_path / "models.yaml"
    file.write_text(FILE, encoding="utf-8")
    settings = load(file, Registry(), {}, cwd=tmp_path, today=date(2026, 11, 24)).settings
    assert settings is not None
    extra = settings.models["m"].extra
    assert extra is not None
    assert type(extra["word"]) is str
    assert type(settings.models["m"].provider) is str
    assert {type(name) for name in settings.chains["default"].models} == {str}
