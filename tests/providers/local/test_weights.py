"""Where the weights are stored."""

from pathlib import Path

import pytest

from standby_local.weights import find_cache, find_weights


def test_the_users_own_folder_comes_first(tmp_path: Path) -> None:
    environ = {
        "STANDBY_CACHE": str(tmp_path),
        "XDG_CACHE_HOME": "/elsewhere",
        "LOCALAPPDATA": "C:/elsewhere",
    }
    assert [find_cache(environ, platform) for platform in ("linux", "darwin", "win32")] == [
        tmp_path
    ] * 3
    assert find_weights(environ).parent == tmp_path / "local"


def test_linux_follows_xdg() -> None:
    assert find_cache({"XDG_CACHE_HOME": "/var/xdg"}, "linux") == Path("/var/xdg/standby")


@pytest.mark.parametrize("xdg", ["", "relative/folder"])
def test_an_empty_or_relative_xdg_folder_is_ignored(xdg: str) -> None:
    assert find_cache({"XDG_CACHE_HOME": xdg}, "linux") == Path.home() / ".cache" / "standby"


def test_a_mac_keeps_caches_in_the_library() -> None:
    assert find_cache({}, "darwin") == Path.home() / "Library" / "Caches" / "standby"


def test_windows_keeps_them_in_local_app_data() -> None:
    assert find_cache({"LOCALAPPDATA": "/users/me/local"}, "win32") == Path(
        "/users/me/local/standby/cache"
    )
