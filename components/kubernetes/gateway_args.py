"""The args of a gateway."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

import pulumi

from ..base.arg_types import (
    DnsLabel,
    Domain,
    Image,
    NginxSize,
    Origin,
    ProxyNetwork,
    Replicas,
    SecretName,
    Text,
    Url,
    Word,
)
from ..base.problems import Problem
from ..mcp.auth import domain_problems
from ..mcp.era import Era, has_sessions
from ..mcp.timeout_budget import Distance, TimeoutBudget
from ..mcp.traces import TraceReceiver
from .agentgateway_args import UNSUPPORTED, Agentgateway, agentgateway_problems
from .exposure import Exposure
from .gateway_metrics import GatewayMetrics, followed_problems
from .pod_settings import PodSettings
from .rate_limits import RateLimits
from .resources import Resources
from .routes import Route, authorizer_problems, route_problems
from .scaling import Autoscaling
from .upstream import Upstream
from .vertical_scaling import VerticalScaling
from .workload import Rollout


class GatewayEngine(Enum):
    """What runs in the gateway's pods.

    nginx or agentgateway with a generated configuration, or an image of your own.
    """

    NGINX = "nginx"
    AGENTGATEWAY = "agentgateway"
    IMAGE = "image"


@dataclass(frozen=True, kw_only=True)
class GatewayArgs:
    """Args of a gateway.

    Attributes:
        namespace: namespace of the gateway.
        image: nginx (any build that runs as a user other than root), agentgateway, or your own
            gateway.
        upstream: the MCP server to forward to.
        tls_secret: Secret with the public certificate (tls.crt, tls.key).
        internal_ca_secret: Secret whose ``ca.crt`` signs the upstream's certificate.
        issuer: URL of the authorization server, for the outputs.
        domain: public host name; None: the address of the load balancer, for development.
        additional_domains: other public host names, for nginx; the upstream and the authorizer
            have the same ones, and the certificate is for all of them.
        era: MCP revisions that the servers behind it speak.
        stored_sessions: whether the servers keep sessions in a store, so that any of their pods
            serves them. Otherwise a client address stays at one gateway pod.
        engine: see GatewayEngine.
        budget: the longest tool call; read timeout, drain and grace follow from it.
        rate_limits: limits for each client address; None: no limits.
        tls_minimum: oldest TLS version that clients may use.
        max_body: largest request body, in nginx units; the server behind has a limit of its own.
        trusted_proxies: networks of proxies before the gateway; the client's address is what they
            say in ``X-Forwarded-For`` or in the PROXY protocol.
        proxy_protocol: whether every connection begins with the PROXY protocol; needs
            ``trusted_proxies``.
        allowed_origins: web pages that may read the gateway's own errors, such as a 429; the server
            answers for the rest.
        hsts_preload: whether browsers may ship the domain as HTTPS only, which is hard to undo.
        exposure: the Service of the gateway; without a name it is ``<gateway>-service``.
        replicas, scaling, rollout, resources: see WorkloadArgs; the deployment patterns' defaults.
        vertical: see WorkloadArgs; in a monolith that of the server is used.
        command: what an ``image`` engine runs, the image's own when empty; else ignored.
        environment: value of QUDAG_ENV.
        pods: settings of the pods; in a monolith the server's settings are used.
        routes: servers of users, each served at a path of its own.
        authorizer: the server with ``protected_resources``, which is asked before each request to a
            route with ``auth="gateway"``; for nginx.
        agentgateway: how agentgateway checks the tokens for such routes itself.
        metrics: the exporter of nginx's metrics, for nginx; None: nginx exports none.
        traces: receiver of the spans of agentgateway; for nginx set ``metrics.traces``.
    """

    namespace: pulumi.Input[DnsLabel]
    image: pulumi.Input[Image]
    upstream: Upstream
    tls_secret: SecretName
    internal_ca_secret: SecretName
    issuer: Url
    domain: Domain | None = None
    additional_domains: Sequence[Domain] = ()
    era: Era = "dual"
    stored_sessions: bool = False
    engine: GatewayEngine = GatewayEngine.NGINX
    budget: TimeoutBudget = field(default_factory=TimeoutBudget)
    rate_limits: RateLimits | None = None
    tls_minimum: Literal["1.3", "1.2"] = "1.3"
    max_body: NginxSize = "4m"
    trusted_proxies: Sequence[ProxyNetwork] = ()
    proxy_protocol: bool = False
    allowed_origins: Sequence[Origin] = ()
    hsts_preload: bool = False
    exposure: Exposure = field(default_factory=Exposure)
    replicas: Replicas = 3
    scaling: Autoscaling | None = None
    vertical: VerticalScaling | None = None
    rollout: Rollout = field(default_factory=Rollout)
    resources: Resources = field(default_factory=Resources)
    command: Sequence[Text] = ()
    environment: Word = "development"
    pods: PodSettings = field(default_factory=PodSettings)
    routes: Sequence[Route] = ()
    authorizer: Upstream | None = None
    agentgateway: Agentgateway | None = None
    metrics: GatewayMetrics | None = None
    traces: TraceReceiver | None = None

    def refusals(self) -> list[Problem]:
        """What the engine cannot do; the PROXY protocol without proxies; routes without service."""
        domains = (self.domain, *self.additional_domains) if self.domain else ()
        problems = list(route_problems(self.routes, domains=domains))
        problems += domain_problems(self.domain, self.additional_domains)
        if self.engine is GatewayEngine.AGENTGATEWAY:
            problems += agentgateway_problems(
                self.agentgateway,
                self.routes,
                domain=self.domain,
                given=[name for name in UNSUPPORTED if getattr(self, name)],
            )
        else:
            problems += authorizer_problems(self.routes, self.authorizer)
        if self.agentgateway and self.engine is not GatewayEngine.AGENTGATEWAY:
            problems.append(
                Problem(
                    "agentgateway",
                    "is set, and engine is not GatewayEngine.AGENTGATEWAY",
                    "it would have no effect",
                    "leave it out, or set engine",
                )
            )
        if self.traces and self.engine is not GatewayEngine.AGENTGATEWAY:
            problems.append(
                Problem(
                    "traces",
                    "is set, and engine is not GatewayEngine.AGENTGATEWAY",
                    "it would have no effect",
                    "set metrics.traces for nginx, or leave it out",
                )
            )
        if self.metrics and self.engine is not GatewayEngine.NGINX:
            problems.append(
                Problem(
                    "metrics",
                    "is set, and engine is not GatewayEngine.NGINX",
                    "the exporter would get nothing to count",
                    "leave it out, or use GatewayEngine.NGINX",
                )
            )
        if self.scaling:
            problems += followed_problems(self.scaling.metrics, has_exporter=bool(self.metrics))
        if self.proxy_protocol and not self.trusted_proxies:
            problems.append(
                Problem(
                    "proxy_protocol",
                    "is True, and trusted_proxies is empty",
                    "logs and limits would see the proxies in place of their clients",
                    "list the networks of the proxies in trusted_proxies",
                )
            )
        problems += [
            Problem(
                f"routes[{index}].rate_limit",
                "is set, and rate_limits is None",
                "it would have no effect: nothing is counted",
                "set rate_limits, or leave it out",
            )
            for index, route in enumerate(self.routes)
            if route.rate_limit and self.rate_limits is None
        ]
        if self.engine is GatewayEngine.IMAGE:
            problems += [
                Problem(
                    name,
                    "is set, and engine is GatewayEngine.IMAGE",
                    "it would have no effect: no configuration is made for an image of your own",
                    "leave it out, or use GatewayEngine.NGINX",
                )
                for name in ("routes", "additional_domains")
                if getattr(self, name)
            ]
        return problems

    @property
    def longest_budget(self) -> TimeoutBudget:
        """The budget with the longest drain: of the upstream or of a route."""
        budgets = [self.budget, *(route.budget for route in self.routes)]
        return max(budgets, key=lambda budget: budget.at(Distance.GATEWAY).drain)

    @property
    def serves_after_stop(self) -> int:
        """Seconds after SIGTERM in which the program still serves, before it ends connections."""
        if self.engine is not GatewayEngine.AGENTGATEWAY:
            return 0
        return self.longest_budget.at(Distance.GATEWAY).drain

    @property
    def grace(self) -> int:
        """Seconds until a stopping pod is killed."""
        return self.longest_budget.at(Distance.GATEWAY).grace + self.serves_after_stop

    @property
    def needs_affinity(self) -> bool:
        """Whether a server behind the gateway has sessions in the memory of one pod."""
        own = has_sessions(self.era) and not self.stored_sessions
        return own or any(has_sessions(route.era) for route in self.routes)
