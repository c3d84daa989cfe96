"""Rules for the data stores: Valkey must not evict sessions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.base.problems import Problem
from components.mcp.era import has_sessions

from ..config.stack import StackConfig
from ..services import topology
from ..topologies.topology import VALKEY
from .rule import Rule, at


def sessions_are_kept(config: StackConfig) -> Iterator[Problem]:
    """Sessions are in a Valkey that evicts nothing."""
    era = config.protocol.era
    stored = has_sessions(era) and VALKEY in topology(config).data
    if stored and config.data.cache_profile == "cache":
        yield at(
            "data.cacheProfile",
            f"is cache, and protocol.era is {era}: sessions are kept in Valkey",
            "it would evict sessions when it is full, and lose all of them when it restarts",
            "leave it out, or set protocol.era: modern",
        )


DATA_RULES: Final[list[tuple[tuple[str, ...], Rule]]] = [
    (("data.cacheProfile", "protocol.era", "topology"), sessions_are_kept),
]
"""Each rule with what it reads."""
