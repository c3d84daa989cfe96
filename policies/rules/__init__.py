"""Rules on recorded programs: one module a cloud, loaded by the list of clouds."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Final

from components.clouds import CLOUDS

if TYPE_CHECKING:
    from ..rule import CloudRules

RULES: Final[Mapping[str, CloudRules]] = {
    cloud.key: import_module(f".{cloud.key}", __package__).RULES for cloud in CLOUDS
}
"""By cloud."""
