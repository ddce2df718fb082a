import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from standby.config import PACKAGED, LoadedConfig, load
from standby.registry.plugins import Registry
from tests.config.files import KEYS, TODAY, catalogue, format_problems, read

ONE = "version: 1\nchains: {{{name}: {{models: [flash]}}}}\n"


def find(folder: Path, path: str | None = None, environ: Mapping[str, str] = KEYS) -> LoadedConfig:
    return load(None if path is None else Path(path), catalogue(), environ, cwd=folder, today=TODAY)


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(
            ONE.format(name=Path(name).as_posix().replace("/", "-").removesuffix(".yaml"))
        )


def which(loaded: LoadedConfig) -> str:
    assert loaded.settings is not None
    return next(iter(loaded.settings.chains))


# Where the file is


def test_the_file_is_looked_up_in_one_order(tmp_path: Path) -> None:
    write(tmp_path, "given.yaml", "environment.yaml", "config/models.yaml", "models.yaml")
    environ = KEYS | {"STANDBY_CONFIG": "environment.yaml"}
    assert which(find(tmp_path, "given.yaml", environ)) == "given"
    assert which(find(tmp_path, None, environ)) == "environment"
    assert which(find(tmp_path)) == "config-models"
    assert which(find(tmp_path, environ={"STANDBY_CONFIG": ""})) == "config-models"
    (tmp_path / "config" / "models.yaml").unlink()
    assert which(find(tmp_path)) == "models"
    (tmp_path / "models.yaml").unlink()
    assert find(tmp_path).file == "standby's own models.yaml"


def test_a_file_has_the_name_that_the_user_gave_it(tmp_path: Path) -> None:
    write(tmp_path, "config/models.yaml", "a/b.yaml")
    assert find(tmp_path).file == "config/models.yaml"
    assert find(tmp_path, "a/b.yaml").file == "a/b.yaml"
    assert find(tmp_path, str(tmp_path / "a/b.yaml")).file == str(tmp_path / "a/b.yaml")


@pytest.mark.parametrize(
    ("path", "environ"),
    [("none.yaml", {}), (None, {"STANDBY_CONFIG": "none.yaml"})],
    ids=["--config", "STANDBY_CONFIG"],
)
def test_a_file_that_was_named_and_is_not_there_is_never_replaced(
    path: str | None, environ: dict[str, str], tmp_path: Path
) -> None:
    write(tmp_path, "models.yaml")
    loaded = find(tmp_path, path, environ)
    assert loaded.settings is None
    assert format_problems(loaded) == [
        (
            "none.yaml  error  cannot be read: no such file or directory; check the name and the "
            "permissions"
        )
        + ("" if path else " (STANDBY_CONFIG names it)")
    ]


def test_a_directory_instead_of_the_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "config" / "models.yaml").mkdir(parents=True)
    write(tmp_path, "models.yaml")
    assert format_problems(find(tmp_path)) == [
        "config/models.yaml  error  this is a directory; name the models.yaml in it"
    ]


def test_a_dangling_link_instead_of_the_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "models.yaml").symlink_to("gone.yaml")
    assert format_problems(find(tmp_path))[0].startswith(
        "models.yaml  error  cannot be read: no such file or directory"
    )


# Where variables come from


def test_dotenv_is_read_from_the_working_directory_then_the_files_folder_and_its_parent(
    tmp_path: Path,
) -> None:
    write(tmp_path, "cwd/x.yaml", "app/conf/m.yaml")
    (tmp_path / "app/conf/m.yaml").write_text(
        "version: 1\nchains: {default: {models: ['${A}', '${B}', '${C}', '${D}']}}\n"
    )
    (tmp_path / "cwd/.env").write_text("A=flash\n")
    (tmp_path / "app/conf/.env").write_text("# why\nA=old-1\nB=large-3\n")
    (tmp_path / "app/.env").write_text("A=old-1\nB=old-1\n\nC=small-3\nD=next-4\n")
    (tmp_path / ".env").write_text("D=old-1\n")
    loaded = find(tmp_path / "cwd", "../app/conf/m.yaml", KEYS | {"D": "acme/x"})
    assert format_problems(loaded) == []
    assert loaded.origins == {
        ("default", "flash"): "A, .env:1",
        ("default", "large-3"): "B, .env:3",
        ("default", "small-3"): "C, .env:4",
        ("default", "acme/x"): "D, environment",
    }


def test_keys_come_from_dotenv_too_and_the_process_environment_stays(tmp_path: Path) -> None:
    write(tmp_path, "models.yaml")
    (tmp_path / ".env").write_text("BOLT_KEY=from-file\nSURELY_NOT_SET_BEFORE=1\n")
    before = dict(os.environ)
    loaded = find(tmp_path, environ=os.environ)
    assert loaded.settings is not None
    key = loaded.settings.providers["bolt"].api_key
    assert key is not None
    assert key.reveal() == "from-file"
    assert dict(os.environ) == before


def test_an_invalid_line_in_dotenv_is_a_warning(tmp_path: Path) -> None:
    write(tmp_path, "models.yaml")
    (tmp_path / ".env").write_text("two words\n")
    loaded = find(tmp_path)
    assert format_problems(loaded) == [
        f"{tmp_path}/.env:1:1  warning  this line is ignored; write NAME=value"
    ]
    assert loaded.settings is not None
    (tmp_path / "models.yaml").write_text("")
    assert [problem.code for problem in find(tmp_path).problems] == ["empty", "dotenv"]


def test_dotenv_is_not_read_beside_the_packaged_file(tmp_path: Path) -> None:
    loaded = find(tmp_path)
    assert loaded.file == "standby's own models.yaml"
    assert {problem.file for problem in loaded.problems} == {loaded.file}


# Where names come from


def test_every_name_in_a_chain_has_its_origin(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / ".env").write_text("#\n\nPRIMARY_AI_MODEL=flash\n")
    text = """version: 1
chains:
  default:
    models:
      - "${PRIMARY_AI_MODEL:-large-3}"
      - "${FALLBACK_AI_MODEL:-small-3}"
      - next-4
      - flash
  other: {models: [flash]}
"""
    loaded = read(tmp_path, text)
    assert loaded.origins == {
        ("default", "flash"): "PRIMARY_AI_MODEL, .env:3",
        ("default", "small-3"): "default, line 6",
        ("default", "next-4"): "line 7",
        ("other", "flash"): "line 9",
    }


# The one that ships


def test_the_packaged_file_is_the_one_in_the_repository() -> None:
    repository = Path(__file__).parents[2] / "config" / "models.yaml"
    assert PACKAGED.read_text() == repository.read_text(), (
        "run: cp config/models.yaml core/standby/models.yaml"
    )


def load_packaged(folder: Path, **environ: str) -> LoadedConfig:
    return load(None, Registry(), environ, cwd=folder, today=TODAY)


def line_of(text: str) -> int:
    """Return the first line of the packaged file, but for comments, that has this text."""
    lines = PACKAGED.read_text("utf-8").splitlines()
    return next(at for at, line in enumerate(lines, 1) if text in line.partition("#")[0])


def test_the_packaged_file_passes_on_a_machine_without_secrets(tmp_path: Path) -> None:
    loaded = load_packaged(tmp_path)
    assert loaded.settings is not None
    assert {problem.code for problem in loaded.problems} == {"no-key"}
    chains = loaded.settings.chains
    assert chains["default"].models == ("gemini-2.5-pro", "o3-mini", "gpt-5.6-sol")
    assert chains["demo"].models == (*chains["default"].models, "smollm2-135m")
    assert (
        loaded.origins["default", "gemini-2.5-pro"]
        == f"default, line {line_of('PRIMARY_AI_MODEL')}"
    )
    assert loaded.origins["default", "gpt-5.6-sol"] == f"line {line_of('- gpt-5.6-sol')}"
    assert chains["default"].triggers == ("outage",)
    assert loaded.settings.triggers["outage"].message == (
        "500 internal",
        "503 service unavailable",
        "502 bad gateway",
        "timeout",
        "connection error",
        "server error",
        "internal error has occurred",
    )


def test_the_variables_that_its_users_have_today_choose_the_models(tmp_path: Path) -> None:
    loaded = load_packaged(
        tmp_path,
        PRIMARY_AI_MODEL="gpt-5.6-terra",
        FALLBACK_AI_MODEL="openai/gpt-9",
        ENABLE_MODEL_FALLBACK="no",
    )
    assert loaded.settings is not None
    assert loaded.settings.chains["default"].models == (
        "gpt-5.6-terra",
        "openai/gpt-9",
        "gpt-5.6-sol",
    )
    assert loaded.settings.chains["default"].fallback is False


def test_both_variables_set_alike_are_a_warning(tmp_path: Path) -> None:
    loaded = load_packaged(tmp_path, PRIMARY_AI_MODEL="o3-mini", FALLBACK_AI_MODEL="o3-mini")
    assert loaded.settings is not None
    assert loaded.settings.chains["default"].models == ("o3-mini", "gpt-5.6-sol")
    twice = [str(problem) for problem in loaded.problems if problem.code == "twice"]
    assert twice[0] == (
        f"standby's own models.yaml:{line_of('FALLBACK_AI_MODEL')}:9  warning  "
        "'o3-mini' is already in this chain (FALLBACK_AI_MODEL, environment); it is tried once"
    )
