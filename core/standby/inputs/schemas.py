"""The schema of an answer: a pydantic model, a msgspec struct or a JSON Schema."""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from inspect import cleandoc
from typing import Any, cast

import msgspec

from standby.errors import AttemptFailed, RequestError
from standby.failures import Failure, Kind
from standby.types import Schema

_DEFAULT_NAME = "answer"

_REMOTE_REFERENCE = re.compile(rb'"\$ref":"(?!#)')
"""A reference that jsonschema would fetch from the network, in JSON as encoded here."""

CACHED_SCHEMAS = 64
"""Checked schemas that are kept: a check takes longer than a call, and applications have few."""


def parse_schema(schema: Any) -> Schema | None:
    """Parse the schema of an answer.

    Args:
        schema: A pydantic model, a `msgspec.Struct`, a JSON Schema as a dictionary, or `None`.

    Returns:
        The schema, or `None` for `None`.

    Raises:
        RequestError: It is not a schema.
    """
    if schema is None:
        return None
    if isinstance(schema, Mapping):
        try:
            return _from_json(msgspec.json.encode(cast("Mapping[str, Any]", schema)))
        except (TypeError, RecursionError, UnicodeEncodeError):
            raise RequestError(
                "schema: not a JSON Schema: it holds what JSON cannot represent"
            ) from None
    if not _is_model(schema):
        raise RequestError(
            "schema: expected a pydantic model, a msgspec.Struct or a JSON Schema as a dictionary"
        )
    try:
        return _from_model(schema)
    except Exception as error:  # each library has its own error for a field without a schema
        raise RequestError(
            f"schema: {schema.__name__} has no JSON Schema: {type(error).__name__}"
        ) from error


def _is_model(schema: Any) -> bool:
    if not isinstance(schema, type):
        return False
    return hasattr(schema, "model_json_schema") or issubclass(schema, msgspec.Struct)


def parse_data(text: str, schema: Schema, cut_after: int | None = None) -> Any:
    """Parse an answer by its schema.

    Args:
        text: The text of the answer.
        schema: The schema.
        cut_after: The tokens after which a limit cut the answer, if one did.

    Returns:
        The data.

    Raises:
        AttemptFailed: The answer does not fit (`schema_mismatch`), or a limit has cut it before the
            end of its JSON (`truncated`). The message does not quote the answer.
    """
    try:
        return schema.read(text)
    except Exception as error:  # noqa: BLE001 - validators raise anything, and quote the answer
        if cut_after is not None and not _is_json(text):
            kind = Kind.TRUNCATED
            message = (
                f"truncated: the answer was cut after {cut_after} tokens, "
                "before its JSON ended; raise max_tokens"
            )
        else:
            kind = Kind.SCHEMA_MISMATCH
            problem = f"{type(error).__name__}{_format_rule(error)}"
            message = f"the answer does not fit the schema {schema.name!r}: {problem}"
        raise AttemptFailed(Failure(kind=kind, message=message)) from None


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False
    return True


def _format_rule(error: Exception) -> str:
    """Format the path of the broken rule in a JSON Schema; it holds nothing of the answer."""
    path = "/".join(map(str, getattr(error, "absolute_schema_path", ())))
    return f" at {path}" if path else ""


@lru_cache(maxsize=CACHED_SCHEMAS)
def _from_model(model: Any) -> Schema:
    if issubclass(model, msgspec.Struct):
        return Schema(name=model.__name__, json_schema=_struct_schema(model), read=_decoder(model))
    return Schema(
        name=model.__name__, json_schema=model.model_json_schema(), read=model.model_validate_json
    )


@lru_cache(maxsize=CACHED_SCHEMAS)
def _from_json(document: bytes) -> Schema:
    from jsonschema import Draft202012Validator, exceptions  # noqa: PLC0415 - slow, and used rarely

    schema: dict[str, Any] = msgspec.json.decode(document)
    if _REMOTE_REFERENCE.search(document):
        raise RequestError(
            "schema: a '$ref' points outside the schema; put its target under '$defs'"
        )
    try:
        Draft202012Validator.check_schema(schema)
    except exceptions.SchemaError as error:
        raise RequestError(f"schema: not a JSON Schema: {error.message}") from None
    validator: Any = Draft202012Validator(schema)

    def read(text: str) -> Any:
        data = msgspec.json.decode(text)
        validator.validate(data)
        return data

    return Schema(name=str(schema.get("title") or _DEFAULT_NAME), json_schema=schema, read=read)


def _struct_schema(struct: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the struct's schema with its definition at the root: OpenAI takes no reference."""
    (root,), definitions = msgspec.json.schema_components((struct,), ref_template="#/$defs/{name}")
    for definition in definitions.values():
        if "description" in definition:  # msgspec's versions indent docstrings differently
            definition["description"] = cleandoc(definition["description"])
    own = definitions.get(struct.__name__, root)
    others = {name: schema for name, schema in definitions.items() if name != struct.__name__}
    reference = f'"#/$defs/{struct.__name__}"'
    is_recursive = reference in msgspec.json.encode(definitions).decode()
    kept = definitions if is_recursive else others
    return {**own, "$defs": kept} if kept else own


def _decoder(struct: type[msgspec.Struct]) -> Callable[[str], Any]:
    return msgspec.json.Decoder(struct).decode
