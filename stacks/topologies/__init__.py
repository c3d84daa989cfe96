"""The topologies by name: data, one file each, and one row here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .microservices import MICROSERVICES
from .monolith import MONOLITH
from .none import NONE
from .topology import Topology

TOPOLOGIES: Final[Mapping[str, Topology]] = {t.name: t for t in (MONOLITH, MICROSERVICES, NONE)}
