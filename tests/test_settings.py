import copy
import pickle
from typing import Any

import msgspec
import pytest

from standby import Standby, cards
from standby import settings as settings_module
from standby.settings import Chain, Provider, Secret, Settings

CANARY = "canary-4711"
STRUCTS = [
    kind
    for kind in {**vars(cards), **vars(settings_module)}.values()
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct)
]


def test_no_repr_shows_a_key() -> None:
    key = Secret(CANARY, origin="ACME_KEY")
    provider = Provider(plugin="acme", api_key=key)
    settings = Settings(chains={"default": Chain(models=("a",))}, providers={"p": provider})
    texts = [
        repr(key),
        str(key),
        f"{key}",
        f"{key!r}",
        repr(provider),
        repr(settings),
        repr([key]),
        repr({"k": key}),
    ]
    assert not [text for text in texts if CANARY in text]
    assert (repr(key), repr(Secret("x"))) == ("Secret(ACME_KEY)", "Secret(given in code)")
    assert key.reveal() == CANARY


@pytest.mark.parametrize("encode", [msgspec.json.encode, msgspec.to_builtins])
def test_a_key_is_not_written_out_by_mistake(encode: Any) -> None:
    with pytest.raises(TypeError) as error:
        encode(Provider(plugin="acme", api_key=Secret(CANARY)))
    assert CANARY not in str(error.value)


def test_two_names_for_one_key_are_one_account() -> None:
    assert Secret("a", origin="A") == Secret("a", origin="B")
    assert hash(Secret("a", origin="A")) == hash(Secret("a", origin="B"))
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"


def test_a_key_that_is_not_set_is_false() -> None:
    assert [bool(Secret(value)) for value in ("", "a")] == [False, True]


def test_a_key_is_pickled_as_its_variables_name_and_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pickled = pickle.dumps(Provider(plugin="acme", api_key=Secret(CANARY, origin="A_KEY")))
    assert CANARY.encode() not in pickled
    for there, value in ((None, ""), (" another ", "another")):
        if there is not None:
            monkeypatch.setenv("A_KEY", there)
        key = pickle.loads(pickled).api_key  # noqa: S301 - our own
        assert (key.reveal(), key.origin) == (value, "A_KEY")


@pytest.mark.parametrize("key", [Secret(CANARY), Secret(CANARY, origin="A_KEY or B_KEY")])
def test_a_key_given_in_code_is_not_pickled(key: Secret) -> None:
    with pytest.raises(
        TypeError, match="a key given in code is not pickled: give it as a variable"
    ) as error:
        pickle.dumps(key)
    assert CANARY not in str(error.value)


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy])
def test_a_key_survives_a_copy(again: Any) -> None:
    key = Secret(CANARY)
    assert again(key) is key
    assert again(Provider(plugin="acme", api_key=key)) == Provider(plugin="acme", api_key=key)


@pytest.mark.parametrize("origin", ["A_KEY", "A_KEY or B_KEY", "given in code"])
def test_a_key_that_is_not_set_is_pickled_too(origin: str) -> None:
    none = pickle.loads(pickle.dumps(Secret("", origin=origin)))  # noqa: S301 - our own
    assert (bool(none), none.origin) == (False, origin)


@pytest.mark.parametrize("origin", ["B_KEY", "A_KEY or B_KEY"])
def test_a_key_that_is_set_only_where_it_arrives_is_used_there(
    origin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pickled = pickle.dumps(Secret("", origin=origin))
    monkeypatch.setenv("B_KEY", CANARY)
    key = pickle.loads(pickled)  # noqa: S301 - our own
    assert (key.reveal(), key.origin) == (CANARY, "B_KEY")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_the_settings_of_a_client_are_pickled_without_keys(
    protocol: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    with Standby({"version": 1, "chains": {"default": {"models": ["o3-mini"]}}}) as client:
        pickled = pickle.dumps(client.settings, protocol)
        assert CANARY.encode() not in pickled
        assert pickle.loads(pickled) == client.settings  # noqa: S301 - our own
        monkeypatch.setenv("OPENAI_API_KEY", "another")
        there = pickle.loads(pickled).providers["openai"].api_key  # noqa: S301 - our own
        assert there.reveal() == "another"


@pytest.mark.parametrize("kind", STRUCTS)
def test_settings_are_frozen_and_refuse_what_they_do_not_know(kind: Any) -> None:
    assert kind.__struct_config__.frozen
    assert kind.__struct_config__.forbid_unknown_fields


def test_the_transport_is_a_part_of_the_account() -> None:
    lean, sdk = (Provider(plugin="p", transport=transport) for transport in ("lean", "sdk"))
    assert lean.account == Provider(plugin="p").account != sdk.account
