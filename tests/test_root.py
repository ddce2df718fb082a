"""`import standby`: the public names, each imported on first use."""

import importlib
import re

import pytest

import standby


@pytest.mark.parametrize("name", standby.__all__)
def test_every_public_name_is_that_of_its_module(name: str) -> None:
    value = getattr(standby, name)
    if name != "__version__":
        module = importlib.import_module(standby._MODULE_OF[name])
        assert value is getattr(module, name)
        assert vars(standby)[name] is value  # found without __getattr__ from now on


def test_the_public_names_are_few_sorted_and_listed() -> None:
    assert len(standby.__all__) <= 20
    assert standby.__all__ == sorted(standby.__all__)
    assert dir(standby) == standby.__all__
    assert set(standby._MODULE_OF) == set(standby.__all__) - {"__version__"}


def test_any_other_name_raises_pythons_own_errors() -> None:
    with pytest.raises(
        AttributeError, match=re.escape("module 'standby' has no attribute 'Standbye'")
    ):
        _ = standby.Standbye  # type: ignore[attr-defined] # the point
    with pytest.raises(ImportError, match="cannot import name 'Standbye'"):
        exec("from standby import Standbye", {})  # noqa: S102 - a name that no checker would let through
