"""Rules on recorded programs: one module a cloud or package, and one for resources of any type."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Final

from components.clouds import CLOUDS

if TYPE_CHECKING:
    from ..rule import CloudRules

_OTHERS: Final = ("kubernetes", "any")

RULES: Final[Mapping[str, CloudRules]] = {
    key: import_module(f".{key}", __package__).RULES
    for key in (*(cloud.key for cloud in CLOUDS), *_OTHERS)
}
"""By cloud or package; ``any`` has those for resources of any type."""
