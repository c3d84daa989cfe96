"""What the container of a gateway runs, for each engine."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import pulumi

from ..base.arg_forms import HOST
from ..base.inputs import applied, is_pending
from ..base.problems import Problem
from ..base.refusal import refuse
from ..mcp.server_config import INTERNAL_CA_PATH, ISSUER_PATH
from .agentgateway_config import METRICS, READY, agentgateway_config
from .container import Files, Port, Probe, Probes, SecretFiles
from .gateway_args import GatewayArgs, GatewayEngine
from .nginx_conf import AUTHORIZED, nginx_conf
from .nginx_start import nginx_start
from .upstream import Upstream

HTTP: Final = 8080
HTTPS: Final = 8443
PROBES: Final = 8082
"""nginx's port for probes, without the PROXY protocol, which kubelets do not send."""
AGENTGATEWAY: Final = "/app/agentgateway"
"""The program in the published image."""
AGENTGATEWAY_PATH: Final = "/etc/agentgateway"


@dataclass(frozen=True, kw_only=True)
class GatewayProgram:
    """The part of the gateway's container that depends on its engine."""

    command: Sequence[str]
    probes: Probes
    files: Sequence[Files] = ()
    secrets: Sequence[SecretFiles] = ()
    in_memory: Sequence[str] = ()
    ports: Sequence[Port] = ()


def gateway_secrets(args: GatewayArgs) -> list[SecretFiles]:
    """The certificates of every engine."""
    return [
        SecretFiles(secret=args.tls_secret, path="/etc/tls", keys=("tls.crt", "tls.key")),
        SecretFiles(secret=args.internal_ca_secret, path=INTERNAL_CA_PATH, keys=("ca.crt",)),
    ]


def gateway_program(workload: str, args: GatewayArgs) -> GatewayProgram:
    """The program of the gateway ``workload``."""
    return _PROGRAMS[args.engine](workload, args)


def metrics_port(args: GatewayArgs) -> int | None:
    """Where the gateway's pods offer metrics."""
    if args.engine is GatewayEngine.AGENTGATEWAY:
        return METRICS
    return args.metrics.port if args.metrics else None


def _nginx(workload: str, args: GatewayArgs) -> GatewayProgram:
    certificates = [
        f"{mounted.path}/{key}" for mounted in gateway_secrets(args) for key in mounted.keys
    ]
    conf = {"nginx.conf": _rendered(args, nginx_conf), "start.sh": nginx_start(certificates)}
    return GatewayProgram(
        command=("sh", "/etc/nginx/start.sh"),
        probes=_http_probes(args),
        files=[Files(name=f"{workload}-nginx", path="/etc/nginx", content=conf)],
        in_memory=[AUTHORIZED] if any(route.auth == "gateway" for route in args.routes) else (),
    )


def _image(_: str, args: GatewayArgs) -> GatewayProgram:
    return GatewayProgram(command=args.command, probes=_http_probes(args))


def _agentgateway(workload: str, args: GatewayArgs) -> GatewayProgram:
    def config(known: GatewayArgs) -> str:
        return json.dumps(agentgateway_config(known, http=HTTP, https=HTTPS), indent=1)

    keys = args.agentgateway.jwks_secret if args.agentgateway else None
    return GatewayProgram(
        command=(AGENTGATEWAY, "-f", f"{AGENTGATEWAY_PATH}/config.json"),
        probes=Probes(
            # It is not ready until it has the keys of the issuer; a restart would not bring them.
            liveness=Probe(port=READY, delay=30),
            readiness=Probe(port=READY, path="/healthz/ready", delay=1, period=5, timeout=3),
        ),
        files=[
            Files(
                name=f"{workload}-agentgateway",
                path=AGENTGATEWAY_PATH,
                content={"config.json": _rendered(args, config)},
            )
        ],
        secrets=([SecretFiles(secret=keys, path=ISSUER_PATH, keys=("jwks.json",))] if keys else ()),
        ports=[
            Port(name="ready", number=READY),
            Port(name="gateway-metrics", number=METRICS),
        ],
    )


_PROGRAMS: Final[Mapping[GatewayEngine, Callable[[str, GatewayArgs], GatewayProgram]]] = {
    GatewayEngine.NGINX: _nginx,
    GatewayEngine.IMAGE: _image,
    GatewayEngine.AGENTGATEWAY: _agentgateway,
}


def _http_probes(args: GatewayArgs) -> Probes:
    port = PROBES if args.proxy_protocol else HTTP
    return Probes(
        liveness=Probe(port=port, path="/health", delay=30),
        readiness=Probe(port=port, path="/ready", delay=5, period=5, timeout=3),
    )


def _rendered(args: GatewayArgs, render: Callable[[GatewayArgs], str]) -> pulumi.Input[str]:
    """A configuration, once the hosts of all upstreams are known."""
    upstreams = {
        "upstream": args.upstream,
        **({"authorizer": args.authorizer} if args.authorizer else {}),
        **{f"routes[{number}].upstream": each.upstream for number, each in enumerate(args.routes)},
    }

    def at(receiver: str, *hosts: str) -> str:
        known: dict[str, Upstream] = {}
        problems: list[Problem] = []
        for (path, upstream), host in zip(upstreams.items(), hosts, strict=True):
            known[path] = replace(upstream, host=host)
            # Known only now, after the args were checked.
            if is_pending(upstream.host) and (problem := HOST.problem(f"{path}.host", host)):
                problems.append(problem)
        refuse(problems)
        routes = [
            replace(route, upstream=known[f"routes[{number}].upstream"])
            for number, route in enumerate(args.routes)
        ]
        return render(
            replace(
                args,
                upstream=known["upstream"],
                authorizer=known.get("authorizer"),
                routes=routes,
                traces=replace(args.traces, host=receiver) if args.traces else None,
            )
        )

    receiver = args.traces.host if args.traces else ""
    return applied(at, receiver, *(upstream.host for upstream in upstreams.values()))
