"""From a model's options to its weights; each thing that is missing has its remedy."""

from pathlib import Path

import pytest

from standby.plugin import AttemptFailed, Kind
from standby_local.options import Options, setup_of


def failure(model: str, options: Options) -> tuple[Kind, str]:
    with pytest.raises(AttemptFailed) as caught:
        setup_of(model, options)
    return caught.value.failure.kind, caught.value.failure.text


def test_missing_weights_name_the_command_that_fetches_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STANDBY_CACHE", str(tmp_path))
    kind, text = failure("smollm2-135m", Options())
    assert kind is Kind.UNAVAILABLE
    assert str(tmp_path) in text
    assert text.endswith("No such file or directory; run: standby local pull")


def test_a_path_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    kind, text = failure("mine", Options(path=str(tmp_path / "gone.gguf")))
    assert kind is Kind.UNAVAILABLE
    assert (
        text
        == f"no weights at {tmp_path}/gone.gguf: No such file or directory; mend options.path of the model 'mine'"
    )


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert "Is a directory" in failure("mine", Options(path=str(tmp_path)))[1]


def test_another_kind_of_file_is_recognised(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no weights")
    kind, text = failure("mine", Options(path=str(tmp_path / "notes.txt")))
    assert kind is Kind.UNAVAILABLE
    assert "notes.txt is no GGUF file; mend options.path of the model 'mine'" in text


def test_an_unknown_users_home_is_no_crash() -> None:
    assert failure("mine", Options(path="~nobody-at-all/a.gguf"))[0] is Kind.UNAVAILABLE


def test_an_unknown_model_without_a_path_is_missing() -> None:
    kind, text = failure("llama", Options())
    assert kind is Kind.MODEL_MISSING
    assert "'llama'; name a .gguf file: options: {path: FILE}, or use smollm2-135m" in text


def test_the_home_folder_may_be_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine.gguf").write_bytes(b"GGUF and more")
    setup = setup_of("mine", Options(path="~/mine.gguf", threads=2, context=512))
    assert (setup.path, setup.threads, setup.context) == (str(tmp_path / "mine.gguf"), 2, 512)
