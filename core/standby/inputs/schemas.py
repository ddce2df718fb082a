"""The schema that an answer is to fit, as a caller passes it: a pydantic or msgspec model, or a JSON Schema."""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from inspect import cleandoc
from typing import Any, cast

import msgspec

from standby.errors import AttemptFailed, RequestError
from standby.failures import Failure, Kind
from standby.types import Schema

_NAME = "answer"

_ELSEWHERE = re.compile(rb'"\$ref":"(?!#)')
"""A reference that jsonschema would fetch from the network, in JSON as it is encoded here."""

KEPT = 64
"""Schemas that are kept: to check one takes longer than a whole call else does, and an application has few."""


def parse_schema(given: Any) -> Schema | None:
    """Read a schema; raises `RequestError` for what is none."""
    if given is None:
        return None
    if isinstance(given, Mapping):
        try:
            return _of_json(msgspec.json.encode(cast("Mapping[str, Any]", given)))
        except (TypeError, RecursionError, UnicodeEncodeError):
            raise RequestError(
                "schema: this is no JSON Schema: it holds what JSON cannot"
            ) from None
    if isinstance(given, type) and (
        hasattr(given, "model_json_schema") or issubclass(given, msgspec.Struct)
    ):
        try:
            return _of_model(given)
        except (
            Exception
        ) as error:  # both libraries raise errors of their own for a field that has no schema
            raise RequestError(
                f"schema: {given.__name__} has no JSON Schema: {type(error).__name__}"
            ) from error
    raise RequestError(
        "schema: expected a pydantic model, a msgspec.Struct or a JSON Schema as a dictionary"
    )


def parse_data(text: str, schema: Schema, cut_after: int | None = None) -> Any:
    """Return what an answer says; raises `AttemptFailed` (`schema_mismatch`) without the answer's own words.

    `cut_after` says after how many tokens a limit cut the answer: it is `truncated` then, where its
    JSON has no end.
    """
    try:
        return schema.read(text)
    except Exception as error:  # noqa: BLE001 - validators raise anything; their words quote the answer, so they end here
        if cut_after is not None and not _is_json(text):
            words = f"truncated: the answer was cut after {cut_after} tokens, before its JSON ended; raise max_tokens"
            raise AttemptFailed(Failure(kind=Kind.TRUNCATED, message=words)) from None
        words = f"the answer does not fit the schema {schema.name!r}: {type(error).__name__}{_rule(error)}"
        raise AttemptFailed(Failure(kind=Kind.SCHEMA_MISMATCH, message=words)) from None


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False
    return True


@lru_cache(maxsize=KEPT)
def _of_model(model: Any) -> Schema:
    if issubclass(model, msgspec.Struct):
        return Schema(name=model.__name__, json_schema=_of_struct(model), read=_decoder(model))
    return Schema(
        name=model.__name__, json_schema=model.model_json_schema(), read=model.model_validate_json
    )


@lru_cache(maxsize=KEPT)
def _of_json(encoded: bytes) -> Schema:
    from jsonschema import Draft202012Validator, exceptions  # noqa: PLC0415 - slow to import, and schemas are rare

    schema: dict[str, Any] = msgspec.json.decode(encoded)
    if _ELSEWHERE.search(encoded):
        raise RequestError("schema: a '$ref' leads out of it; put what it names under '$defs'")
    try:
        Draft202012Validator.check_schema(schema)
    except exceptions.SchemaError as error:
        raise RequestError(f"schema: this is no JSON Schema: {error.message}") from None
    validator: Any = Draft202012Validator(schema)

    def read(text: str) -> Any:
        data = msgspec.json.decode(text)
        validator.validate(data)
        return data

    return Schema(name=str(schema.get("title") or _NAME), json_schema=schema, read=read)


def _of_struct(struct: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the struct's schema with what it leaves open: its root is a reference, which OpenAI does not take there."""
    (root,), definitions = msgspec.json.schema_components((struct,), ref_template="#/$defs/{name}")
    for made in definitions.values():
        if "description" in made:
            made["description"] = cleandoc(
                made["description"]
            )  # docstrings, indented or not by msgspec's version
    named = definitions.get(struct.__name__, root)
    others = {name: schema for name, schema in definitions.items() if name != struct.__name__}
    again = (
        f'"#/$defs/{struct.__name__}"' in msgspec.json.encode(definitions).decode()
    )  # it contains itself
    kept = definitions if again else others
    return {**named, "$defs": kept} if kept else named


def _decoder(struct: type[msgspec.Struct]) -> Callable[[str], Any]:
    return msgspec.json.Decoder(struct).decode


def _rule(error: Exception) -> str:
    """Return which rule of a JSON Schema was broken: a path in the schema, which holds none of the answer."""
    path = "/".join(map(str, getattr(error, "absolute_schema_path", ())))
    return f" at {path}" if path else ""
