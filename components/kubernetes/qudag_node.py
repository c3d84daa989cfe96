"""A node of the QuDAG network: a name, a key and data of its own for each pod, and peers."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

import pulumi

from ..base.arg_types import ByteSize, Multiaddress, Network, ObjectName
from ..base.component import Component
from ..base.inputs import applied
from ..base.kubernetes_object import Manifest, metadata, register
from ..base.problems import Problem
from ..mcp.server_config import DATA_PATH, METRICS, P2P, NodeConfig
from ..mcp.timeout_budget import FINAL_SCRAPE_SECONDS, Distance
from .container import Claim, Container, Files, Port, Probe, Probes
from .labels import labels, selector
from .server import SERVER_NAME, ServerArgs, called, server_container
from .start_script import graceful_start
from .workload import Exposure, Workload, WorkloadArgs, WorkloadKind


class NodeProfile(Enum):
    """Which program runs.

    SEED: a server that reads node.toml and answers /health and /ready, as the source documents
    have it; its key lives on its volume.
    UPSTREAM: the released ``qudag`` program (crate qudag-cli 0.5.0): flags only, no HTTP endpoint,
    a new peer id at each start, stops on SIGINT. Its image also holds ``qudag-mcp-server``, which
    asks the peers for their ids before it starts: docs/components/qudag-node.md.
    """

    SEED = "seed"
    UPSTREAM = "upstream"


class PeerService(Enum):
    """How nodes outside of the cluster connect to the peer-to-peer port of these nodes.

    NONE: they cannot; these nodes connect to them.
    LOAD_BALANCER: at the address of a load balancer.
    NODE_PORT: at a port of each machine of the cluster.
    """

    NONE = "none"
    LOAD_BALANCER = "LoadBalancer"
    NODE_PORT = "NodePort"


@dataclass(frozen=True, kw_only=True)
class QudagNodeArgs:
    """Args of a set of QuDAG nodes.

    Attributes:
        server: namespace, image, scale and, for the seed profile, configuration.
        profile: see NodeProfile.
        size: size of each node's volume.
        storage_class: None for the cluster's default.
        protect: refuse to delete nodes and their keys.
        peers: multiaddresses of nodes outside of this set; the set's own nodes are added. The host
            may be the ``p2p_host`` of another set.
        peer_service: a Service ``<name>-peers`` for nodes outside of the cluster; see PeerService.
        peers_from: networks from which ``peer_service`` accepts connections. A load balancer
            checks them, and so does a network policy of yours; a port of a machine has no check
            of its own.
    """

    server: ServerArgs
    profile: NodeProfile = NodeProfile.SEED
    size: ByteSize = "10Gi"
    storage_class: ObjectName | None = None
    protect: bool = False
    peers: Sequence[pulumi.Input[Multiaddress]] = field(default_factory=tuple)
    peer_service: PeerService = PeerService.NONE
    peers_from: Sequence[Network] = ()

    def refusals(self) -> list[Problem]:
        """An autoscaler, and a Service for other nodes that is open to all or has no pods."""
        problems: list[Problem] = []
        if self.server.scaling:
            problems.append(
                Problem(
                    "server.scaling",
                    "is set, but the number of nodes in a consensus network must not follow the "
                    "load",
                    "each change of the number of nodes would start an election",
                    "leave scaling out and set replicas",
                )
            )
        if self.peer_service is not PeerService.NONE and not self.peers_from:
            problems.append(
                Problem(
                    "peers_from",
                    f"is empty, and peer_service is {self.peer_service.value}",
                    "the nodes would accept connections from every address",
                    "list the networks of the other nodes",
                )
            )
        return problems


class QudagNode(Component[QudagNodeArgs]):
    """A StatefulSet of nodes that find each other by name through their p2p Service.

    Attributes:
        host: DNS name at which servers call the nodes; with the upstream profile, which has no
            API, the same as ``p2p_host``.
        p2p_host: DNS name of the headless Service of the peer-to-peer network.
    """

    args_type = QudagNodeArgs
    name_form = SERVER_NAME

    host: pulumi.Output[str]
    p2p_host: pulumi.Output[str]

    def build(self, args: QudagNodeArgs) -> None:
        args = replace(args, server=called(args.server, self.name))
        workload = Workload(self.name, node_workload(self.name, args), opts=self.owned())
        self.p2p_host = workload.host
        self.host = workload.host
        if args.peer_service is not PeerService.NONE:
            register(self, _for_peers(self.name, args))
        if args.profile is NodeProfile.SEED:
            register(self, _api(self.name, args))
            self.host = pulumi.Output.format(
                "{0}.{1}.svc",
                _api_name(self.name, args.server),
                args.server.namespace,
            )

    @classmethod
    def manifests(cls, name: str, args: QudagNodeArgs) -> list[Manifest]:
        """Every object that nodes of this name and args register."""
        args = replace(args, server=called(args.server, name))
        api = [_api(name, args)] if args.profile is NodeProfile.SEED else []
        peers = [_for_peers(name, args)] if args.peer_service is not PeerService.NONE else []
        return [*Workload.manifests(name, node_workload(name, args)), *peers, *api]


def node_workload(name: str, args: QudagNodeArgs) -> WorkloadArgs:
    """The nodes' pods and the Service by which they find each other."""
    p2p = f"{name}-p2p"
    names = [f"{name}-{i}.{p2p}" for i in range(args.server.replicas)]
    seed = args.profile is NodeProfile.SEED
    return WorkloadArgs(
        namespace=args.server.namespace,
        component="qudag-node",
        containers=[_seed(args, names) if seed else _upstream(name, args, names, p2p)],
        replicas=args.server.replicas,
        vertical=args.server.vertical,
        exposure=Exposure(name=p2p, headless=True, ip_families=args.server.ip_families),
        kind=WorkloadKind.STATEFUL_SET,
        grace=args.server.config.budget.at(Distance.SERVER).grace
        + (FINAL_SCRAPE_SECONDS if seed else 0),
        metrics_port=METRICS if seed else None,
        pods=args.server.pods,
    )


def _claim(args: QudagNodeArgs) -> Claim:
    return Claim(
        name="data",
        path=DATA_PATH,
        size=args.size,
        storage_class=args.storage_class,
        protect=args.protect,
    )


def _seed(args: QudagNodeArgs, names: Sequence[str]) -> Container:
    node = args.server.config.node or NodeConfig()
    peers = [f"/dns4/{each}/tcp/{P2P}" for each in names]
    config = replace(args.server.config, node=replace(node, peers=[*peers, *args.peers]))
    server = replace(args.server, config=config, claims=[_claim(args)])
    container = server_container(server)
    offered = {"https": None, "metrics": None}
    ports = [replace(p, service=offered.get(p.name, p.service)) for p in container.ports]
    return replace(container, ports=[*ports, Port(name="p2p", number=P2P, service=P2P)])


def _upstream(name: str, args: QudagNodeArgs, names: Sequence[str], p2p: str) -> Container:
    def script(namespace: str, *others: str) -> str:
        domain = f"{namespace}.svc"
        own = [f"/dns4/{each}.{domain}/tcp/{P2P}" for each in names]
        known = " ".join(f"--peer {shlex.quote(address)}" for address in (*own, *others))
        joined = f'qudag-mcp-server join --name "$POD_NAME.{p2p}.{domain}" {known}'
        return graceful_start(f"{joined} -- qudag start -p {P2P} -d {DATA_PATH}", stop="INT")

    asks = Probe(port=P2P)
    return Container(
        name="qudag",
        image=args.server.image,
        command=["sh", f"/etc/{name}/start.sh"],
        ports=[Port(name="p2p", number=P2P, service=P2P)],
        # It answers no HTTP: that it takes connections is all that can be asked. At first it
        # waits for its peers, 45 s at most.
        probes=Probes(
            startup=replace(asks, period=1, failures=90),
            readiness=asks,
            liveness=replace(asks, period=30),
        ),
        resources=args.server.resources,
        env={"HOME": DATA_PATH, "NO_COLOR": "1"},
        files=[
            Files(
                name=f"{name}-start",
                path=f"/etc/{name}",
                content={"start.sh": applied(script, args.server.namespace, *args.peers)},
            )
        ],
        claims=[_claim(args)],
    )


def _api(name: str, args: QudagNodeArgs) -> Manifest:
    """The Service through which the platform's own servers call the nodes; any node will do."""
    port = {
        "name": "https",
        "port": args.server.config.https,
        "targetPort": "https",
        "protocol": "TCP",
    }
    return Manifest(
        kind="Service",
        role="api",
        metadata=metadata(
            _api_name(name, args.server),
            namespace=args.server.namespace,
            labels=labels(name, "qudag-node"),
        ),
        fields={
            "spec": {
                "ipFamilyPolicy": args.server.ip_families,
                "selector": selector(name),
                "ports": [port],
            }
        },
    )


def _for_peers(name: str, args: QudagNodeArgs) -> Manifest:
    """The Service through which nodes outside of the cluster connect to any of these nodes."""
    described: dict[str, Any] = metadata(
        f"{name}-peers", namespace=args.server.namespace, labels=labels(name, "qudag-node")
    )
    spec: dict[str, Any] = {
        "type": args.peer_service.value,
        "ipFamilyPolicy": args.server.ip_families,
        "selector": selector(name),
        "ports": [{"name": "p2p", "port": P2P, "targetPort": "p2p", "protocol": "TCP"}],
        # Local: the other node's own address arrives, so that network policies see it.
        "externalTrafficPolicy": "Local",
    }
    if args.peer_service is PeerService.LOAD_BALANCER:
        spec["loadBalancerSourceRanges"] = list(args.peers_from)
        # No output depends on its address, which a cluster without load balancers never gives.
        described["annotations"] = {"pulumi.com/skipAwait": "true"}
    return Manifest(kind="Service", role="peers", metadata=described, fields={"spec": spec})


def _api_name(name: str, server: ServerArgs) -> str:
    return server.service or f"{name}-service"
