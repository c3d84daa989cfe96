"""Reads the schema of the components for other Pulumi languages, and translates field names.

The schema is part of the wheel, so it and the components that it describes have the same version.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, Final, cast

from .base.arguments import camel
from .base.component import Component
from .base.tokens import TYPE_TOKENS

FILE: Final = Path(__file__).with_name("package-schema.json")
_STEP: Final = re.compile(r"[^.\[\]]+|\[[^\]]*\]")


class PackageSchema:
    """The committed schema.

    Attributes:
        text: its JSON, as Pulumi reads it.
    """

    def __init__(self) -> None:
        self.text = FILE.read_text(encoding="utf-8")
        self._described: Mapping[str, Any] = json.loads(self.text)

    @property
    def name(self) -> str:
        """The name of the package."""
        return self._described["name"]

    @property
    def version(self) -> str:
        """The version of the package, which is that of the wheel."""
        return self._described["version"]

    @cached_property
    def components(self) -> Mapping[str, type[Component[Any]]]:
        """The component of each type token."""
        library = import_module(__package__ or "")
        return {token: getattr(library, name) for name, token in TYPE_TOKENS.items()}

    def written_path(self, path: str, name: str, token: str) -> str:
        """A problem's path with the fields as other languages write them, in camelCase.

        Args:
            name: of the component, with which paths of its arguments begin.
            token: its type token.
        """
        if not path.startswith(f"{name}."):
            return path
        at: Mapping[str, Any] = {
            "properties": self._described["resources"][token]["inputProperties"]
        }
        written = name
        for step in cast("list[str]", _STEP.findall(path[len(name) :])):
            key = step
            if step.startswith("["):
                written += step
            else:
                known = self._properties(at)
                key = step if step in known or camel(step) not in known else camel(step)
                written += f".{key}"
            at = self._inside(at, key)
        return written

    def _resolved(self, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        reference = spec.get("$ref", "")
        return self._described["types"].get(reference.removeprefix("#/types/"), spec)

    def _properties(self, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        arms = [self._resolved(arm) for arm in spec.get("oneOf", [spec])]
        return {name: each for arm in arms for name, each in arm.get("properties", {}).items()}

    def _inside(self, spec: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        inside = self._properties(spec).get(key)
        resolved = self._resolved(spec)
        return inside or resolved.get("items") or resolved.get("additionalProperties") or {}
