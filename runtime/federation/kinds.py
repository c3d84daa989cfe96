"""What servers list: tools, prompts, resources, and templates of resources."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from mcp_types.methods import serialize_server_result
from mcp_types.version import LATEST_HANDSHAKE_VERSION, LATEST_MODERN_VERSION
from pydantic import ValidationError

LARGEST_ITEM = 64 * 1024
DEEPEST = 32
MOST_PARTS = 4_000
"""Objects and lists in an item. To check a schema takes 0.2 ms for each."""
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_URI = re.compile(r"[A-Za-z{][^\s\x00-\x1f\x7f]{0,2047}")
_SERVED = (LATEST_MODERN_VERSION, LATEST_HANDSHAKE_VERSION)


@dataclass(frozen=True)
class Kind:
    """A kind of thing that servers list.

    Attributes:
        key: of the list in the result of `method`.
        identity: the field by which an item is asked for.
    """

    method: str
    key: str
    identity: str

    @property
    def named(self) -> bool:
        """Whether an item has a name, as opposed to a URI."""
        return self.identity == "name"

    def fault(self, item: Any, *, check_schema: bool) -> str | None:
        """Why an item cannot be offered to clients of any revision; None if it can be.

        Args:
            check_schema: whether a tool's input schema must be a JSON Schema. Some hosts of clients
                refuse all tools if one of them has a schema that is none.
        """
        if not isinstance(item, dict):
            return "no object"
        known = cast("dict[str, Any]", item)
        identity = known.get(self.identity)
        form = _NAME if self.named else _URI
        schema = known.get("inputSchema")
        faults = {
            self.identity: lambda: not (isinstance(identity, str) and form.fullmatch(identity)),
            "depth": lambda: not _within_depth(known, DEEPEST, MOST_PARTS),
            "size": lambda: len(json.dumps(known)) > LARGEST_ITEM,
            "fields": lambda: not self._is_valid(known),
            "inputSchema": lambda: check_schema and self is TOOLS and not _is_schema(schema),
        }
        return next((fault for fault, has in faults.items() if has()), None)

    def _is_valid(self, item: dict[str, Any]) -> bool:
        try:
            for version in _SERVED:
                serialize_server_result(self.method, version, self.result([item]))
        except ValidationError:
            return False
        return True

    def result(self, items: list[dict[str, Any]]) -> dict[str, Any]:
        """A result with these items."""
        return {self.key: items, "ttlMs": 0, "cacheScope": "private", "resultType": "complete"}


TOOLS: Final = Kind("tools/list", "tools", "name")
PROMPTS: Final = Kind("prompts/list", "prompts", "name")
RESOURCES: Final = Kind("resources/list", "resources", "uri")
TEMPLATES: Final = Kind("resources/templates/list", "resourceTemplates", "uriTemplate")


def _within_depth(value: Any, deepest: int, most: int) -> bool:
    """Whether no value is nested deeper, and not more than `most` of them have others in them."""
    level: list[Any] = [value]
    for _ in range(deepest):
        level = [child for one in level for child in _children(one)]
        most -= sum(isinstance(one, dict | list) for one in level)
        if most < 0:
            return False
        if not level:
            return True
    return False


def _children(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return list(cast("Mapping[str, Any]", value).values())
    return cast("list[Any]", value) if isinstance(value, list) else []


def load_schema_checker() -> None:
    """Import what checks schemas: slow, and only few servers need it."""
    import jsonschema  # noqa: F401  # pyright: ignore[reportUnusedImport]


def _is_schema(schema: Any) -> bool:
    from jsonschema import Draft202012Validator, SchemaError

    try:
        Draft202012Validator.check_schema(schema)
    except (SchemaError, RecursionError):
        return False
    return schema.get("type") == "object"
