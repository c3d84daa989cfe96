"""Where the programs of a platform send their spans."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pulumi

from ..base.arg_types import Host, PortNumber
from ..base.inputs import applied

OTLP_HTTP: Final = 4318
"""The port of OTLP over HTTP."""


@dataclass(frozen=True, kw_only=True)
class TraceReceiver:
    """An OTLP receiver over TLS, whose certificate the CA of the platform has signed.

    Attributes:
        host: host name of its Service, which its certificate names.
        port: for OTLP over HTTP with protobuf.
    """

    host: pulumi.Input[Host]
    port: PortNumber = OTLP_HTTP

    @property
    def endpoint(self) -> pulumi.Input[str]:
        """The URL for spans."""
        return self._url("/v1/traces")

    @property
    def base(self) -> pulumi.Input[str]:
        """The URL to which the SDKs of OpenTelemetry append the path for spans."""
        return self._url("")

    def _url(self, path: str) -> pulumi.Input[str]:
        def url(host: str) -> str:
            return f"https://{host}:{self.port}{path}"

        return applied(url, self.host)


SDK_DEFAULTS: Final[Mapping[str, str]] = {
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none",
    "OTEL_BSP_SCHEDULE_DELAY": "1000",
}
"""Values that a user may replace. The receiver takes no metrics and no logs. It decides 5 s after
the root span whether to keep a trace, and SDKs send spans after 5 s by default."""
SDK_VARIABLES: Final = (
    "OTEL_SERVICE_NAME",
    "OTEL_TRACES_EXPORTER",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_PROTOCOL",
    "OTEL_EXPORTER_OTLP_CERTIFICATE",
    "OTEL_PROPAGATORS",
)
"""Variables that `sdk_environment` sets and a user may not set."""


def sdk_environment(
    receiver: TraceReceiver, service: str, ca_file: str
) -> dict[str, pulumi.Input[str]]:
    """The variables by which an SDK of OpenTelemetry sends spans to a receiver.

    They are of OpenTelemetry's specification: sdk-environment-variables.md and
    protocol/exporter.md.

    Args:
        receiver: where the spans go.
        service: the attribute ``service.name`` of the spans.
        ca_file: the CA of the receiver's certificate.
    """
    values: tuple[pulumi.Input[str], ...] = (
        *(service, "otlp", receiver.base, "http/protobuf", ca_file),
        "tracecontext",
    )
    return {**dict(zip(SDK_VARIABLES, values, strict=True)), **SDK_DEFAULTS}
