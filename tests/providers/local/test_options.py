"""A model's options lead to its weights; every failure names its remedy."""

from pathlib import Path

import pytest

from standby.plugin import AttemptFailed, Kind
from standby_local.options import Options, find_setup


def get_failure(model: str, options: Options) -> tuple[Kind, str]:
    with pytest.raises(AttemptFailed) as caught:
        find_setup(model, options)
    return caught.value.failure.kind, caught.value.failure.text


def test_missing_weights_name_the_command_that_fetches_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STANDBY_CACHE", str(tmp_path))
    kind, text = get_failure("smollm2-135m", Options())
    assert kind is Kind.UNAVAILABLE
    assert str(tmp_path) in text
    assert text.endswith("No such file or directory; run: standby local pull")


def test_a_missing_path_is_named(tmp_path: Path) -> None:
    kind, text = get_failure("mine", Options(path=str(tmp_path / "gone.gguf")))
    assert kind is Kind.UNAVAILABLE
    assert text == (
        f"no weights at {tmp_path}/gone.gguf: No such file or directory; "
        "correct options.path of the model 'mine'"
    )


def test_a_folder_is_not_accepted_as_weights(tmp_path: Path) -> None:
    assert "Is a directory" in get_failure("mine", Options(path=str(tmp_path)))[1]


def test_another_kind_of_file_is_recognised(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no weights")
    kind, text = get_failure("mine", Options(path=str(tmp_path / "notes.txt")))
    assert kind is Kind.UNAVAILABLE
    assert "notes.txt is not a GGUF file; correct options.path of the model 'mine'" in text


def test_an_unknown_users_home_does_not_crash() -> None:
    assert get_failure("mine", Options(path="~nobody-at-all/a.gguf"))[0] is Kind.UNAVAILABLE


def test_an_unknown_model_without_a_path_is_missing() -> None:
    kind, text = get_failure("llama", Options())
    assert kind is Kind.MODEL_MISSING
    assert "'llama'; name a .gguf file: options: {path: FILE}, or use smollm2-135m" in text


def test_the_home_folder_may_be_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine.gguf").write_bytes(b"GGUF and more")
    setup = find_setup("mine", Options(path="~/mine.gguf", threads=2, context=512))
    assert (setup.path, setup.threads, setup.context) == (str(tmp_path / "mine.gguf"), 2, 512)
