"""Records a program in its own environment; independent of its folder and of the run."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from google.protobuf import struct_pb2
from pulumi.runtime import rpc

from ..recording import Recording
from ..resource_graph import UNKNOWN, Notice, Resource
from ..wire import placeholder_in, without_placeholders
from .callbacks import RemoteCallbacks

_SIGNATURE: Final = rpc._special_sig_key  # pyright: ignore[reportPrivateUsage]
_FILES: Final = {
    rpc._special_asset_sig,  # pyright: ignore[reportPrivateUsage]
    rpc._special_archive_sig,  # pyright: ignore[reportPrivateUsage]
}
_NOT_COMMITTED: Final = {".git", ".venv", "venv", "node_modules", "__pycache__", ".pulumi"}
"""Folders of packages and caches: a commit that a working tree is compared with has none."""

PROVIDER_CODE: Final = "__provider"
"""The input of a dynamic resource that holds the code of its provider."""


class ProgramRecording(Recording):
    """A recording that accepts resource names with unknown parts.

    Attributes:
        refused: errors that were answered to the program.
        placeholder_ids: placeholder ids, which a deployment replaces by real ones.
    """

    def __init__(self, *, project: str, stack: str, root: Path) -> None:
        super().__init__(project=project, stack=stack)
        self.callbacks = RemoteCallbacks()
        self.refused: list[Exception] = []
        self.placeholder_ids: set[str] = set()
        self._root = root
        self._names: dict[tuple[str, str, str], int] = {}

    def resource_name(self, request: Any) -> str:
        """The name; a part of it that is not known is ``[unknown]``, numbered where it repeats."""
        unknown = placeholder_in(request.name)
        if not unknown:
            return request.name
        name = without_placeholders(request.name)
        key = (request.parent, request.type, name)
        self._names[key] = self._names.get(key, 0) + 1
        number = self._names[key]
        self.notice(
            " ".join(unknown), f"it is a part of the name of a {request.type}: shown as {name}"
        )
        return name if number == 1 else f"{name}-{number}"

    def identity(self, resource: Resource) -> str:
        found = super().identity(resource)
        if found:
            self.placeholder_ids.add(found)
        return found

    def sorted_notices(self) -> tuple[Notice, ...]:
        return tuple(sorted(self.notices, key=lambda one: (one.subject, one.what)))

    def as_recorded(self, properties: struct_pb2.Struct) -> struct_pb2.Struct:
        """Properties without the folder that the program is in, files with a digest."""
        same = struct_pb2.Struct()
        for key, value in properties.fields.items():
            same.fields[key].CopyFrom(
                _code(value) if key == PROVIDER_CODE else self._same_everywhere(value)
            )
        return same

    def _same_everywhere(self, value: struct_pb2.Value) -> struct_pb2.Value:
        match value.WhichOneof("kind"):
            case "string_value" if str(self._root) in value.string_value:
                text = value.string_value.replace(f"{self._root}/", "").replace(
                    str(self._root), "."
                )
                return struct_pb2.Value(string_value=text)
            case "list_value":
                items = [self._same_everywhere(item) for item in value.list_value.values]
                return struct_pb2.Value(list_value=struct_pb2.ListValue(values=items))
            case "struct_value":
                return struct_pb2.Value(struct_value=self._struct(value.struct_value))
            case _:
                return value

    def _struct(self, struct: struct_pb2.Struct) -> struct_pb2.Struct:
        same = struct_pb2.Struct()
        for key, value in struct.fields.items():
            same.fields[key].CopyFrom(self._same_everywhere(value))
        fields: Any = struct.fields
        signature = fields[_SIGNATURE].string_value if _SIGNATURE in fields else ""
        if signature in _FILES and "path" in fields:
            same["sha256"] = digest(self._root / fields["path"].string_value)
        return same


def digest(path: Path) -> str:
    """The content of a file or a folder, abridged; a text that says so where there is none."""
    found = hashlib.sha256()
    try:
        for file in sorted(_files(path)):
            found.update(f"{file.relative_to(path)}\0".encode())
            found.update(file.read_bytes())
    except OSError as error:
        return f"[not readable: {error.strerror}]"
    return found.hexdigest()[:16]


def _files(path: Path) -> Iterator[Path]:
    """A file, or those of a folder that a commit of it would have as well."""
    if path.is_file():
        yield path
        return
    for folder, inner, names in os.walk(path):
        inner[:] = [name for name in inner if name not in _NOT_COMMITTED]
        yield from (Path(folder, name) for name in names)


def _code(value: struct_pb2.Value) -> struct_pb2.Value:
    """The digest of a dynamic provider's code, which the SDK marks as secret."""
    if value.WhichOneof("kind") == "struct_value" and "value" in value.struct_value.fields:
        value = value.struct_value.fields["value"]
    known = value.string_value.startswith("[code ")
    return value if known else struct_pb2.Value(string_value=UNKNOWN)
