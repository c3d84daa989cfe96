"""What must hold between the probes of the gateway and the rest of a stack file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.base.problems import Problem
from components.base.versions import VERSIONS

from ..config.stack import StackConfig
from ..monitoring import own_probes
from .rule import Rule, at

_SECTION: Final = "observability.standalone.probes"


def probes_can_be_sent(config: StackConfig) -> Iterator[Problem]:
    """The gateway has a name, and takes connections without the PROXY protocol."""
    if own_probes(config) is None:
        if config.images.blackbox_exporter is not None:
            yield at(
                "images.blackboxExporter",
                f"is set, and {_SECTION} is not",
                "it would have no effect",
                f"set {_SECTION}, or remove it",
            )
        return
    if config.domain is None:
        yield at(
            _SECTION,
            "is set, and domain is missing",
            "it is unknown for which name the certificate must be",
            "set domain to the name under which clients know the platform, or remove it",
        )
    if config.edge.proxy_protocol:
        yield at(
            _SECTION,
            "is set, and edge.proxyProtocol is true",
            "the gateway would close each connection: blackbox_exporter sends no PROXY protocol",
            "remove it, and probe from outside the cluster",
        )
    if config.environment != "dev" and config.images.blackbox_exporter is None:
        yield at(
            "images.blackboxExporter",
            f"is missing, and {_SECTION} is set",
            "what runs tomorrow may not be what was tested today",
            f"name it with its digest: {VERSIONS['images']['blackboxExporter']}@sha256:…",
        )


PROBE_RULES: Final[list[tuple[tuple[str, ...], Rule]]] = [
    (("observability", "images", "environment", "domain", "edge"), probes_can_be_sent),
]
"""Each rule with what it reads."""
