"""Where the programs of a platform send their spans."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pulumi

from ..base.arg_types import Host, PortNumber
from ..base.inputs import applied

OTLP_HTTP: Final = 4318
"""The port of OTLP over HTTP."""


@dataclass(frozen=True, kw_only=True)
class TraceReceiver:
    """An OTLP receiver over TLS, whose certificate the authority of the platform has signed.

    Attributes:
        host: host name of its Service, which its certificate names.
        port: for OTLP over HTTP with protobuf.
    """

    host: pulumi.Input[Host]
    port: PortNumber = OTLP_HTTP

    @property
    def endpoint(self) -> pulumi.Input[str]:
        """The URL for spans."""

        def url(host: str) -> str:
            return f"https://{host}:{self.port}/v1/traces"

        return applied(url, self.host)
