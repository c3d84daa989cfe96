"""Which services a platform has and who talks to whom: data, one entry a service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .microservices import MICROSERVICES
from .monolith import MONOLITH
from .topology import Topology

TOPOLOGIES: Final[Mapping[str, Topology]] = {t.name: t for t in (MONOLITH, MICROSERVICES)}
