"""The `[server]` section of server.toml: ports, certificates, role and name."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from .toml_config import Section

Port = Annotated[int, Field(ge=1, le=65535)]
Connections = Annotated[int, Field(ge=1, le=1000)]
Place = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$")]
"""The name of an environment or a region."""


class Role(StrEnum):
    """A server's role in the platform. It decides only which tools are offered (`ROLE_TOOLS`)."""

    MONOLITH = "monolith"
    CORE = "core"
    QUDAG = "qudag"
    AUTH = "auth"
    TOOLS = "tools"
    CONFIG = "config"
    STATE = "state"
    CONSENSUS = "consensus"
    CRYPTO = "crypto"
    FEDERATION = "federation"
    FRONT = "front"


class ServerSection(Section):
    """The `[server]` section: ports, role and name.

    Attributes:
        port: plain HTTP. It serves every route, or only `/health` and `/ready` with `tls_port`.
        tls_port: HTTPS for every route; needs `tls_cert` and `tls_key`, or `tls_self_signed`.
        tls_self_signed: make a certificate at the start, for a load balancer that verifies none.
        metrics_port: `/metrics` for Prometheus; without it metrics are not served.
        final_scrape_seconds: how long a server that has cancelled calls in its drain answers
            /metrics, until they are read once; else nobody would know of these calls.
        name: the server's name in MCP and in logs; the role by default.
        host: `::` listens on IPv6 and IPv4, or on IPv4 alone where the machine has no IPv6.
        proxies_in_front: how many proxies append to `X-Forwarded-For`, and are the only ones that
            can connect; the entry with this number from the right is the client's address. 0: the
            header is ignored.
        workers: processes that serve the MCP port. One uses at most one core.
        environment, region: where the server runs; in logs and `qudag_mcp_server_build_info`.
    """

    host: str = "::"  # a pod must listen on its own addresses
    port: Port = 8080
    tls_port: Port | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_self_signed: bool = False
    metrics_port: Port | None = None
    final_scrape_seconds: Annotated[float, Field(ge=0, le=600)] = 0
    role: Role = Role.MONOLITH
    name: str = ""
    proxies_in_front: Annotated[int, Field(ge=0, le=10)] = 0
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    environment: Place | None = None
    region: Place | None = None

    @model_validator(mode="after")
    def tls_is_complete(self) -> Self:
        files = (self.tls_cert, self.tls_key)
        if self.tls_self_signed:
            if self.tls_port is None:
                raise ValueError("tls_self_signed has no effect without tls_port: set it")
            if any(files):
                raise ValueError("tls_self_signed replaces tls_cert and tls_key: leave them out")
            return self
        given = (self.tls_port, *files)
        if any(value is not None for value in given) and None in given:
            raise ValueError("tls_port, tls_cert and tls_key belong together: set all or none")
        return self

    @model_validator(mode="after")
    def ports_differ(self) -> Self:
        ports = [p for p in (self.port, self.tls_port, self.metrics_port) if p is not None]
        if len(set(ports)) < len(ports):
            raise ValueError("port, tls_port and metrics_port must differ")
        return self

    @property
    def whereabouts(self) -> dict[str, str]:
        """The environment and the region, as far as they are known."""
        stated = {"environment": self.environment, "region": self.region}
        return {name: value for name, value in stated.items() if value is not None}
