"""What a gateway forwards to."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from ..base.arg_types import Host, PortNumber


@dataclass(frozen=True, kw_only=True)
class Upstream:
    """The MCP server behind the gateway, reached over TLS whose chain and name are verified.

    Attributes:
        host: host name of its Service: the ``host`` output of the server's component.
        port: its TLS port.
        certificate_name: DNS name in the upstream's certificate; None: ``host``.
    """

    host: pulumi.Input[Host]
    port: PortNumber = 8443
    certificate_name: Host | None = None
