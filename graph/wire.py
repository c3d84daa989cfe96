"""Reads the property values that a Pulumi program sends to its engine."""

from __future__ import annotations

from typing import Any

from pulumi.runtime import rpc

from .resource_graph import SECRET, UNKNOWN, step

# The SDK marks special values by a reserved key; only the names below are private to it.
_SIGNATURE = rpc._special_sig_key  # pyright: ignore[reportPrivateUsage]
_IS_SECRET = rpc._special_secret_sig  # pyright: ignore[reportPrivateUsage]
_IS_RESOURCE = rpc._special_resource_sig  # pyright: ignore[reportPrivateUsage]
_IS_UNKNOWN = rpc.UNKNOWN


def readable(struct: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """A protobuf ``Struct`` as plain values, secrets and unknowns replaced, and the secret paths.

    Absent and null properties are the same to the engine, so nulls are left out.
    """
    secrets: list[str] = []
    properties = _fields(struct, "", secrets)
    return properties, tuple(sorted(secrets))


def _fields(struct: Any, path: str, secrets: list[str]) -> dict[str, Any]:
    read = {key: _value(struct.fields[key], step(path, key), secrets) for key in struct.fields}
    return {key: read[key] for key in sorted(read) if read[key] is not None}


def _value(value: Any, path: str, secrets: list[str]) -> Any:
    match value.WhichOneof("kind"):
        case "struct_value":
            return _structure(value.struct_value, path, secrets)
        case "list_value":
            items = value.list_value.values
            return [_value(item, step(path, index), secrets) for index, item in enumerate(items)]
        case "string_value":
            return UNKNOWN if value.string_value == _IS_UNKNOWN else value.string_value
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() else number
        case "bool_value":
            return value.bool_value
        case _:
            return None


def _structure(struct: Any, path: str, secrets: list[str]) -> Any:
    fields = struct.fields
    if _SIGNATURE not in fields:
        return _fields(struct, path, secrets)
    match fields[_SIGNATURE].string_value:
        case signature if signature == _IS_SECRET:
            secrets.append(path)
            return SECRET
        case signature if signature == _IS_RESOURCE:
            return fields["urn"].string_value
        case _:  # an asset or an archive: where its bytes come from says what it is
            asset = _fields(struct, path, secrets)
            del asset[_SIGNATURE]
            return asset
