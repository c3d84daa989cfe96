"""Reads and converts the property values that a Pulumi program sends to its engine."""

from __future__ import annotations

import re
from functools import reduce
from typing import Any, cast

from google.protobuf import struct_pb2
from pulumi.runtime import rpc

from .resource_graph import SECRET, UNKNOWN, step

# The SDK marks special values by a reserved key; only the names below are private to it.
_SIGNATURE = rpc._special_sig_key  # pyright: ignore[reportPrivateUsage]
_IS_SECRET = rpc._special_secret_sig  # pyright: ignore[reportPrivateUsage]
_IS_OUTPUT = rpc._special_output_value_sig  # pyright: ignore[reportPrivateUsage]
_IS_RESOURCE = rpc._special_resource_sig  # pyright: ignore[reportPrivateUsage]
_IS_UNKNOWN = rpc.UNKNOWN
_UNKNOWN_VALUE = struct_pb2.Value(string_value=_IS_UNKNOWN)
Steps = tuple[str | int, ...]
"""The way to a property. It is written as a path for secrets only, which are few."""


# The text of a placeholder names its origin, so that a misuse of formatted text can name it too.
_MARK = "[unknown "  # found faster than the whole pattern
_PLACEHOLDER = re.compile(r"\[unknown( whole)? (?P<function>[^\s\]]+) (?P<path>[^\s\]]+)\]")


def placeholder_text(function: str, path: str, *, whole: bool = False) -> str:
    """The text of a function's result that is not known; recorded as ``[unknown]``.

    Args:
        whole: the text is the only item of a list or mapping, all of which is not known.
    """
    return f"[unknown{' whole' if whole else ''} {function} {path}]"


def placeholder_in(text: str) -> tuple[str, str] | None:
    """The function and the path of the first placeholder in a text."""
    found = _PLACEHOLDER.search(text) if _MARK in text else None
    return (found["function"], found["path"]) if found else None


def without_placeholders(text: str) -> str:
    """A text with ``[unknown]`` in place of each part that is not known."""
    return _PLACEHOLDER.sub(UNKNOWN, text)


def readable(struct: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """A protobuf ``Struct`` as plain values, secrets and unknowns replaced, and the secret paths.

    Absent and null properties are the same to the engine, so nulls are left out.
    """
    secrets: list[str] = []
    properties = _fields(struct, (), secrets)
    return properties, tuple(sorted(secrets))


def unmasked(struct: Any) -> dict[str, Any]:
    """As ``readable``, with the values of secrets: only for rules, which do not repeat them."""
    return _fields(struct, (), None)


def _fields(struct: Any, path: Steps, secrets: list[str] | None) -> dict[str, Any]:
    read: dict[str, Any] = {}
    for key, value in sorted(struct.fields.items(), key=_name):
        name = _key(key)
        found = _value(value, (*path, name), secrets)
        if found is not None:
            read[name] = found
    return read


def _name(field: tuple[str, Any]) -> str:
    return _key(field[0])


def _key(text: str) -> str:
    return without_placeholders(text) if _MARK in text else text


def _text(text: str) -> str:
    """A text, unknown as a whole where a part of it is, as an engine's preview has it."""
    return UNKNOWN if text == _IS_UNKNOWN or placeholder_in(text) else text


def _is_whole(text: str) -> bool:
    found = _PLACEHOLDER.fullmatch(text) if _MARK in text else None
    return found is not None and found[1] is not None


def _value(value: Any, path: Steps, secrets: list[str] | None) -> Any:
    match value.WhichOneof("kind"):
        case "struct_value":
            return _structure(value.struct_value, path, secrets)
        case "list_value":
            return _list(value.list_value.values, path, secrets)
        case "string_value":
            return _text(value.string_value)
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() else number
        case "bool_value":
            return value.bool_value
        case _:
            return None


def _list(items: Any, path: Steps, secrets: list[str] | None) -> Any:
    if len(items) == 1 and _is_whole(items[0].string_value):
        return UNKNOWN
    return [_value(item, (*path, index), secrets) for index, item in enumerate(items)]


def _structure(struct: Any, path: Steps, secrets: list[str] | None) -> Any:
    fields = struct.fields
    if len(fields) == 1 and all(map(_is_whole, fields)):
        return UNKNOWN
    if _SIGNATURE not in fields:
        return _fields(struct, path, secrets)
    match fields[_SIGNATURE].string_value:
        case signature if signature == _IS_SECRET:
            if secrets is None:
                return _value(fields["value"], path, None)
            secrets.append(reduce(step, path, ""))
            return SECRET
        case signature if signature == _IS_RESOURCE:
            return fields["urn"].string_value
        case _:  # an asset or an archive: recorded by the source of its bytes
            asset = _fields(struct, path, secrets)
            del asset[_SIGNATURE]
            return asset


def with_outputs(properties: struct_pb2.Struct) -> struct_pb2.Struct:
    """Secret and unknown values as outputs: a transform can use them with ``apply`` only."""
    upgraded = struct_pb2.Struct()
    for key, value in properties.fields.items():
        upgraded.fields[key].CopyFrom(_as_output(value))
    return upgraded


def _as_output(value: struct_pb2.Value) -> struct_pb2.Value:
    match value.WhichOneof("kind"):
        case "string_value" if value.string_value == _IS_UNKNOWN:
            return _output(None, secret=False)
        case "struct_value" if _signed(value, _IS_SECRET):
            inner = value.struct_value.fields["value"]
            known = None if inner.string_value == _IS_UNKNOWN else inner
            return _output(known, secret=True)
        case "struct_value" if _SIGNATURE not in value.struct_value.fields:
            return struct_pb2.Value(struct_value=with_outputs(value.struct_value))
        case "list_value":
            items = [_as_output(item) for item in value.list_value.values]
            return struct_pb2.Value(list_value=struct_pb2.ListValue(values=items))
        case _:
            return value


def _output(value: struct_pb2.Value | None, *, secret: bool) -> struct_pb2.Value:
    made = struct_pb2.Struct()
    made[_SIGNATURE] = _IS_OUTPUT
    if value is not None:
        made.fields["value"].CopyFrom(value)
    if secret:
        made["secret"] = True
    return struct_pb2.Value(struct_value=made)


def _signed(value: struct_pb2.Value, signature: str) -> bool:
    fields = cast("Any", value.struct_value.fields)
    return _SIGNATURE in fields and fields[_SIGNATURE].string_value == signature


def without_outputs(properties: struct_pb2.Struct) -> struct_pb2.Struct:
    """The reverse of ``with_outputs``: secrets and unknowns in the form of a registration."""
    plain = struct_pb2.Struct()
    for key, value in properties.fields.items():
        plain.fields[key].CopyFrom(_as_plain(value))
    return plain


def _as_plain(value: struct_pb2.Value) -> struct_pb2.Value:
    match value.WhichOneof("kind"):
        case "struct_value" if _signed(value, _IS_OUTPUT):
            fields = value.struct_value.fields
            known = fields.get("value")
            if "secret" not in fields:
                return _UNKNOWN_VALUE if known is None else known
            wrapped = struct_pb2.Struct()
            wrapped[_SIGNATURE] = _IS_SECRET
            wrapped.fields["value"].CopyFrom(_UNKNOWN_VALUE if known is None else known)
            return struct_pb2.Value(struct_value=wrapped)
        case "struct_value" if _SIGNATURE not in value.struct_value.fields:
            return struct_pb2.Value(struct_value=without_outputs(value.struct_value))
        case "list_value":
            items = [_as_plain(item) for item in value.list_value.values]
            return struct_pb2.Value(list_value=struct_pb2.ListValue(values=items))
        case _:
            return value
