"""Section `edge`: the load balancer, TLS and limits."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .forms import LabelKey, NginxBytes, OneLine, ProxyCidr
from .section import Section

PerSecond = Annotated[int, Field(ge=1, le=100_000, description="Sustained rate.")]
Burst = Annotated[int, Field(ge=0, le=100_000, description="Requests above the rate, at once.")]
Connections = Annotated[
    int, Field(ge=1, le=100_000, description="Requests or WebSockets open at a time.")
]
Streams = Annotated[
    int,
    Field(
        ge=1,
        le=100_000,
        description="Standing streams open at a time: GET and subscriptions/listen.",
    ),
]


class ApiLimit(Section):
    """Limits for all HTTP requests of one client address but the DELETE of a session."""

    requests_per_second: PerSecond = 10
    burst: Burst = 20
    connections: Connections = 10
    streams: Streams = 10


class WebsocketLimit(Section):
    """How many WebSockets one client address may open."""

    requests_per_second: PerSecond = 5
    burst: Burst = 10
    connections: Connections = 5


class UploadLimit(Section):
    """Requests of a megabyte or more; they count in api as well."""

    requests_per_second: PerSecond = 2
    burst: Burst = 5


class RateLimits(Section):
    """Limits for one client address at the gateway; requests above them are answered 429."""

    api: ApiLimit = Field(default_factory=ApiLimit)
    websocket: WebsocketLimit = Field(default_factory=WebsocketLimit)
    upload: UploadLimit = Field(default_factory=UploadLimit)


class Edge(Section):
    """The platform's outer edge."""

    load_balancer: bool = Field(
        default=False, description="Give the gateway an address outside the cluster."
    )
    internal: bool | None = Field(
        default=None,
        description="The load balancer has no address on the internet (AWS, Google Cloud, Azure). "
        "Absent: true unless network.public.",
    )
    load_balancer_class: LabelKey | None = Field(
        default=None, description="Controller of the load balancer; absent: the cluster's default."
    )
    node_ports: bool = Field(
        default=True,
        description="false: no port on the nodes, for load balancers that connect to pods directly "
        "(AWS with IP targets, Azure, Google Cloud, MetalLB, Cilium).",
    )
    annotations: dict[LabelKey, OneLine] = Field(
        default={}, description="Annotations of the gateway's Service."
    )
    tls_minimum: Literal["1.3", "1.2"] = Field(
        default="1.3", description="Oldest TLS version accepted."
    )
    max_body: NginxBytes = Field(
        default="4m",
        description="Largest request body, in k or m bytes, at the gateway and the servers.",
    )
    rate_limits: RateLimits | None = Field(default=None, description="Absent: no limits.")
    trusted_proxies: list[ProxyCidr] = Field(
        default=[],
        description="Networks of proxies before the gateway; their X-Forwarded-For or PROXY "
        "protocol sets the client's address.",
    )
    proxy_protocol: bool = Field(
        default=False,
        description="Every connection begins with the PROXY protocol, sent by a trusted proxy.",
    )
    hsts_preload: bool = Field(
        default=False,
        description="Add preload to Strict-Transport-Security: browsers may list the domain as "
        "HTTPS only, which is hard to undo.",
    )
