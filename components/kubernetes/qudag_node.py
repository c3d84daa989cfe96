"""A node of the QuDAG network: a name, a key and data of its own for each pod, and peers."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

import pulumi

from ..base.component import Component
from ..base.kubernetes_object import KubernetesObject, metadata
from ..base.problems import Problem, ProblemReport
from ..mcp.server_config import DATA_PATH, METRICS, P2P, NodeConfig
from ..mcp.timeout_budget import Distance
from .container import Claim, Container, Files, Port, Probe, Probes
from .labels import labels, selector
from .server import ServerArgs, called, server_container
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


@dataclass(frozen=True, kw_only=True)
class QudagNodeArgs:
    """What a node needs to know.

    Attributes:
        server: namespace, image, scale and, for the seed profile, configuration.
        profile: see NodeProfile.
        size: of each node's volume.
        storage_class: None for the cluster's default.
        protect: refuse to delete nodes and their keys.
        peers: multiaddresses of nodes outside this set; the set's own nodes are added. The host
            may be another set's ``p2p_host``.
    """

    server: ServerArgs
    profile: NodeProfile = NodeProfile.SEED
    size: str = "10Gi"
    storage_class: str | None = None
    protect: bool = False
    peers: Sequence[pulumi.Input[str]] = field(default_factory=tuple)


class QudagNode(Component[QudagNodeArgs]):
    """A StatefulSet of nodes that find each other by name through their p2p Service.

    Attributes:
        host: DNS name at which servers call the nodes; with the upstream profile, which has no
            API, the same as ``p2p_host``.
        p2p_host: DNS name of the headless Service of the peer-to-peer network.
    """

    args_type = QudagNodeArgs

    host: pulumi.Output[str]
    p2p_host: pulumi.Output[str]

    def build(self, args: QudagNodeArgs) -> None:
        args = replace(args, server=called(args.server, self.name))
        if args.server.scaling:
            raise ProblemReport(
                [
                    Problem(
                        f"{self.name}.server.scaling",
                        "nodes of a consensus network cannot come and go by load",
                        "each change of their number would start an election",
                        "leave scaling out and set replicas",
                    )
                ]
            )
        p2p = f"{self.name}-p2p"
        names = [f"{self.name}-{i}.{p2p}" for i in range(args.server.replicas)]
        seed = args.profile is NodeProfile.SEED
        containers = [self._seed(args, names) if seed else self._upstream(args, names, p2p)]
        workload = Workload(
            self.name,
            WorkloadArgs(
                namespace=args.server.namespace,
                component="qudag-node",
                containers=containers,
                replicas=args.server.replicas,
                exposure=Exposure(name=p2p, headless=True),
                kind=WorkloadKind.STATEFUL_SET,
                grace=args.server.config.budget.at(Distance.SERVER).grace,
                metrics_port=METRICS if seed else None,
            ),
            opts=self.owned(),
        )
        self.p2p_host = workload.host
        self.host = workload.host
        if seed:
            self.host = self._api(args)

    def _claim(self, args: QudagNodeArgs) -> Claim:
        return Claim(
            name="data",
            path=DATA_PATH,
            size=args.size,
            storage_class=args.storage_class,
            protect=args.protect,
        )

    def _seed(self, args: QudagNodeArgs, names: Sequence[str]) -> Container:
        node = args.server.config.node or NodeConfig()
        peers = [f"/dns4/{name}/tcp/{P2P}" for name in names]
        config = replace(args.server.config, node=replace(node, peers=[*peers, *args.peers]))
        server = replace(args.server, config=config, claims=[self._claim(args)])
        container = server_container(server)
        offered = {"https": None, "metrics": None}
        ports = [replace(p, service=offered.get(p.name, p.service)) for p in container.ports]
        return replace(container, ports=[*ports, Port(name="p2p", number=P2P, service=P2P)])

    def _upstream(self, args: QudagNodeArgs, names: Sequence[str], p2p: str) -> Container:
        def script(namespace: str, *others: str) -> str:
            domain = f"{namespace}.svc.cluster.local"
            own = [f"/dns4/{name}.{domain}/tcp/{P2P}" for name in names]
            known = " ".join(f"--peer {shlex.quote(address)}" for address in (*own, *others))
            joined = f'qudag-mcp-server join --name "$POD_NAME.{p2p}.{domain}" {known}'
            return graceful_start(f"{joined} -- qudag start -p {P2P} -d {DATA_PATH}", stop="INT")

        asks = Probe(port=P2P)
        return Container(
            name="qudag",
            image=args.server.image,
            command=["sh", f"/etc/{self.name}/start.sh"],
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
                    name=f"{self.name}-start",
                    path=f"/etc/{self.name}",
                    content={
                        "start.sh": pulumi.Output.all(args.server.namespace, *args.peers).apply(
                            lambda given: script(*given)
                        )
                    },
                )
            ],
            claims=[self._claim(args)],
        )

    def _api(self, args: QudagNodeArgs) -> pulumi.Output[str]:
        """The Service through which the platform's own servers call the nodes; any node will do."""
        name = args.server.service or f"{self.name}-service"
        config = args.server.config
        KubernetesObject(
            "Service",
            self.named("api"),
            metadata=metadata(
                name,
                namespace=args.server.namespace,
                labels=labels(self.name, "qudag-node"),
            ),
            spec={
                "selector": selector(self.name),
                "ports": [
                    {
                        "name": "https",
                        "port": config.https,
                        "targetPort": "https",
                        "protocol": "TCP",
                    }
                ],
            },
            opts=self.owned(),
        )
        return pulumi.Output.format("{0}.{1}.svc.cluster.local", name, args.server.namespace)
