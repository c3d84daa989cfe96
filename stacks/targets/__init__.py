"""The clouds that a server can be deployed to: one module a cloud, loaded by the list of clouds."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from components.clouds import CLOUDS

if TYPE_CHECKING:
    from .target import CloudTarget

TARGETS: Final[Mapping[str, CloudTarget[Any, Any, Any]]] = {
    cloud.key: import_module(f".{cloud.key}", __package__).TARGET for cloud in CLOUDS
}
"""By cloud."""
