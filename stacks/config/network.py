"""Section `network`: networks that may connect, and that the platform may connect to."""

from __future__ import annotations

from pydantic import Field

from .forms import Cidr, DnsLabel, LabelKey, LabelValue
from .section import Section


class Prometheus(Section):
    """The Prometheus that scrapes the platform."""

    namespace: DnsLabel = Field(default="monitoring", description="Where it runs.")
    labels: dict[LabelKey, LabelValue] = Field(
        default={"app": "prometheus"}, min_length=1, description="Labels of its pods."
    )


class Network(Section):
    """Networks that may connect to the platform, and that it may connect to."""

    public: bool = Field(default=False, description="Accept connections from every address.")
    clients: list[Cidr] = Field(
        default=[], description="Networks that may connect to the gateway if it is not public."
    )
    issuer: list[Cidr] = Field(
        default=[], description="Networks of the authorization server, to fetch its keys."
    )
    qudag_peers: list[Cidr] = Field(
        default=[], description="Networks of QuDAG nodes elsewhere; both directions."
    )
    prometheus: Prometheus | None = Field(
        default=None, description="Who may scrape the servers; absent: nobody."
    )
