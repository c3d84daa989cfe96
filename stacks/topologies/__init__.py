"""The topologies by name: data, one file each, and one row here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .boilerplate import BOILERPLATE
from .load_balanced import LOAD_BALANCED
from .microservices import MICROSERVICES
from .monolith import MONOLITH
from .none import NONE
from .orchestration import ORCHESTRATION
from .single_server import SINGLE_SERVER
from .three_services import THREE_SERVICES
from .topology import Topology

TOPOLOGIES: Final[Mapping[str, Topology]] = {
    t.name: t
    for t in (
        *(MONOLITH, SINGLE_SERVER, LOAD_BALANCED, BOILERPLATE, THREE_SERVICES),
        *(ORCHESTRATION, MICROSERVICES, NONE),
    )
}
