"""The gateway of a platform: terminates TLS, limits rates and forwards MCP to an upstream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Literal

import pulumi

from ..base.arg_forms import HOST, kubernetes_name
from ..base.arg_types import (
    DnsLabel,
    Domain,
    Host,
    Image,
    NginxSize,
    Origin,
    PortNumber,
    ProxyNetwork,
    Replicas,
    SecretName,
    Text,
    Url,
    Word,
)
from ..base.inputs import applied, is_pending
from ..base.kubernetes_object import Manifest
from ..base.problems import Problem
from ..base.refusal import refuse
from ..mcp.era import Era, has_sessions
from ..mcp.server_config import INTERNAL_CA_PATH
from ..mcp.server_limits import nginx_bytes
from ..mcp.target import McpTarget
from ..mcp.timeout_budget import Distance, TimeoutBudget
from .container import Container, Files, Port, Probe, Probes, SecretFiles
from .nginx_start import nginx_start
from .pod_settings import PodSettings
from .rate_limits import RateLimit, RateLimits
from .resources import Resources
from .scaling import Autoscaling
from .templates import render
from .workload import Exposure, Rollout, Workload, WorkloadArgs

__all__ = ["Gateway", "GatewayArgs", "GatewayEngine", "RateLimit", "RateLimits", "Upstream"]

HTTP = 8080
HTTPS = 8443
PROBES = 8082
"""Port for probes, without the PROXY protocol, which kubelets do not send."""
SIDECAR_RESOURCES = Resources(cpu="50m", memory="64Mi", cpu_limit="500m", memory_limit="256Mi")
"""For the gateway's container in the pods of a monolith."""

CHUNKED_BYTES = 999_999
"""The largest chunked body where uploads are limited: they begin at a megabyte."""


class GatewayEngine(Enum):
    """What runs in the gateway's pods: nginx with our configuration, or an image of your own."""

    NGINX = "nginx"
    IMAGE = "image"


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


@dataclass(frozen=True, kw_only=True)
class GatewayArgs:
    """Args of a gateway.

    Attributes:
        namespace: namespace of the gateway.
        image: nginx (any build that runs as a user other than root), or your own gateway.
        upstream: the MCP server to forward to.
        tls_secret: Secret with the public certificate (tls.crt, tls.key).
        internal_ca_secret: Secret whose ``ca.crt`` signs the upstream's certificate.
        issuer: URL of the authorization server, for the outputs.
        domain: public host name; None: the address of the load balancer, for development.
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
        command: what an ``image`` engine runs, the image's own when empty; ignored for nginx.
        environment: value of QUDAG_ENV.
        pods: settings of the pods; in a monolith the server's settings are used.
    """

    namespace: pulumi.Input[DnsLabel]
    image: pulumi.Input[Image]
    upstream: Upstream
    tls_secret: SecretName
    internal_ca_secret: SecretName
    issuer: Url
    domain: Domain | None = None
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
    rollout: Rollout = field(default_factory=Rollout)
    resources: Resources = field(default_factory=Resources)
    command: Sequence[Text] = ()
    environment: Word = "development"
    pods: PodSettings = field(default_factory=PodSettings)

    def refusals(self) -> list[Problem]:
        """The PROXY protocol without proxies."""
        if not self.proxy_protocol or self.trusted_proxies:
            return []
        return [
            Problem(
                "proxy_protocol",
                "is True, and trusted_proxies is empty",
                "logs and limits would see the proxies in place of their clients",
                "list the networks of the proxies in trusted_proxies",
            )
        ]


class Gateway(McpTarget[GatewayArgs]):
    """Pods of the gateway and their Service."""

    args_type = GatewayArgs
    name_form = kubernetes_name(46)  # leaves room for the volume -etc-internal-ca

    def build(self, args: GatewayArgs) -> None:
        workload = Workload(self.name, gateway_workload(self.name, args), opts=self.owned())
        base = public_address(args.domain, workload)
        self.answers_at(base, issuer=args.issuer, era=args.era)

    @classmethod
    def manifests(cls, name: str, args: GatewayArgs) -> list[Manifest]:
        """Every object that a gateway of this name and args registers."""
        return Workload.manifests(name, gateway_workload(name, args))


def gateway_workload(name: str, args: GatewayArgs) -> WorkloadArgs:
    """The gateway's pods and their Service."""
    return WorkloadArgs(
        namespace=args.namespace,
        component="gateway",
        containers=[gateway_container(name, args)],
        replicas=args.replicas,
        scaling=args.scaling,
        # To the server behind it each gateway pod is one client: a session in memory stays with
        # its pod there if its client stays with one here.
        exposure=replace(
            args.exposure, affinity=has_sessions(args.era) and not args.stored_sessions
        ),
        rollout=args.rollout,
        grace=args.budget.at(Distance.GATEWAY).grace,
        pods=args.pods,
    )


def public_address(domain: str | None, workload: Workload) -> pulumi.Output[str]:
    """https:// and the domain, or the load balancer's address where there is none."""

    def address(status: Mapping[str, Any] | None) -> str:
        match status:
            case {"loadBalancer": {"ingress": [{"hostname": str(given)} | {"ip": str(given)}, *_]}}:
                return given
            case _:
                return "localhost"

    host = pulumi.Output.from_input(domain) if domain else workload.service_status.apply(address)
    return pulumi.Output.concat("https://", host)


def gateway_container(workload: str, args: GatewayArgs) -> Container:
    """The gateway's container: alone in its pods, or beside the server in a monolith's."""
    timeouts = args.budget.at(Distance.GATEWAY)
    files: Sequence[Files] = ()
    command = args.command
    probes = PROBES if args.proxy_protocol else HTTP
    secrets = [
        SecretFiles(secret=args.tls_secret, path="/etc/tls", keys=("tls.crt", "tls.key")),
        SecretFiles(secret=args.internal_ca_secret, path=INTERNAL_CA_PATH, keys=("ca.crt",)),
    ]
    if args.engine is GatewayEngine.NGINX:
        command = ("sh", "/etc/nginx/start.sh")
        start = nginx_start(
            [f"{mounted.path}/{key}" for mounted in secrets for key in mounted.keys]
        )
        conf = {"nginx.conf": _configured(args), "start.sh": start}
        files = [Files(name=f"{workload}-nginx", path="/etc/nginx", content=conf)]
    return Container(
        name=workload,
        image=args.image,
        command=command,
        ports=[
            Port(name="http", number=HTTP, service=80),
            Port(name="https", number=HTTPS, service=443),
        ],
        probes=Probes(
            liveness=Probe(port=probes, path="/health", delay=30),
            readiness=Probe(port=probes, path="/ready", delay=5, period=5, timeout=3),
        ),
        resources=args.resources,
        env={"QUDAG_ENV": args.environment},
        files=files,
        secrets=secrets,
        pre_stop=timeouts.pre_stop,
    )


def _configured(args: GatewayArgs) -> pulumi.Input[str]:
    def at(host: str) -> str:
        if is_pending(args.upstream.host) and (problem := HOST.problem("upstream.host", host)):
            refuse([problem])  # known only now, after the args were checked
        return nginx_conf(replace(args, upstream=replace(args.upstream, host=host)))

    return applied(at, args.upstream.host)


def nginx_conf(args: GatewayArgs) -> str:
    """nginx's configuration: ``nginx -t`` accepts it wherever the two Secrets are mounted.

    The upstream's host must be a plain string here.
    """
    upstream = args.upstream
    return render(
        "nginx.conf.j2",
        timeouts=args.budget.at(Distance.GATEWAY),
        domain=args.domain,
        max_body=args.max_body,
        max_bytes=nginx_bytes(args.max_body),
        chunked_bytes=min(CHUNKED_BYTES, nginx_bytes(args.max_body)),
        limits=args.rate_limits,
        trusted_proxies=args.trusted_proxies,
        proxy_protocol=args.proxy_protocol,
        allowed_origins=args.allowed_origins,
        hsts_preload=args.hsts_preload,
        tls_protocols="TLSv1.3" if args.tls_minimum == "1.3" else "TLSv1.2 TLSv1.3",
        upstream={
            "host": upstream.host,
            "port": upstream.port,
            "certificate_name": upstream.certificate_name or upstream.host,
        },
    )
