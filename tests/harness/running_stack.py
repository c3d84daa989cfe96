"""Runs a whole stack on this machine: a pod of every workload, each pod at an address.

The files are those that the stack renders. Pods find each other by the names of Services in
/etc/hosts. Nothing stands in for the kubelet's probes and restarts.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Generator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx2

from graph.resource_graph import ResourceGraph

from .canary_programs import IMAGE_COMMANDS
from .canary_stack import canary
from .certificates import Authority
from .containers import RunningContainer
from .graph_queries import Pods, objects, pods
from .pod_network import PREFIX, PodNetwork
from .pods import Pod
from .running_pod import run_container
from .secret_inputs import program_of
from .server import until
from .tokens import Issuer

SERVES: Final = ("Deployment", "StatefulSet")
FIRST: Final = ("postgres", "redis")
"""Workloads that others need."""
PROMETHEUS: Final = "prometheus"
_META: Final = "__meta_kubernetes"


class ReplicaPod(Pod):
    """A pod whose name ends with its number, in a namespace; Pod itself has neither."""

    namespace = ""

    def _value(self, entry: Mapping[str, Any]) -> str:
        named = entry.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath")
        given = {"metadata.name": self.name, "metadata.namespace": self.namespace}
        return given[named] if named in given else super()._value(entry)


@dataclass
class RunningPod:
    """A pod at an address, and its containers that run.

    Attributes:
        owner: its workload.
        address: its IP address.
        running: by the name of the container.
    """

    owner: Pods
    address: str
    pod: ReplicaPod
    running: dict[str, RunningContainer] = field(default_factory=dict[str, RunningContainer])
    opened: ExitStack = field(default_factory=ExitStack)

    @property
    def name(self) -> str:
        return self.pod.name

    @property
    def namespace(self) -> str:
        return self.owner.owner.inputs["metadata"]["namespace"]

    def labels_of(self, container: Mapping[str, Any], port: Mapping[str, Any]) -> dict[str, str]:
        """What discovery by the Kubernetes API says of a port."""
        labels = {
            f"{_META}_pod_label_{_word(key)}": value for key, value in self.owner.labels.items()
        }
        return {
            **labels,
            f"{_META}_namespace": self.namespace,
            f"{_META}_pod_name": self.name,
            f"{_META}_pod_phase": "Running",
            f"{_META}_pod_container_name": container["name"],
            f"{_META}_pod_container_port_name": port["name"],
        }


@dataclass
class RunningStack:
    """The pods of a stack.

    Attributes:
        graph: of the stack.
        network: in which they run.
        secrets: the values of each Secret, by its name.
        without: workloads that do not run.
        pods: by name, such as ``postgres-0``.
    """

    graph: ResourceGraph
    directory: Path
    network: PodNetwork
    authority: Authority
    issuer: Issuer
    without: Collection[str] = ()
    secrets: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    pods: dict[str, RunningPod] = field(default_factory=dict[str, RunningPod])

    def __post_init__(self) -> None:
        owners = [one for one in pods(self.graph) if one.owner.type.endswith(SERVES)]
        owners = [one for one in owners if one.name not in self.without]
        numbers = iter(range(1, 250))
        for owner in owners:
            pod = self._pod(owner)
            self.pods[pod.name] = RunningPod(owner, f"{PREFIX}{next(numbers)}", pod)
        addresses = [one.address for one in self.pods.values()]
        self.secrets.update(planted(self.graph, self.authority, self.issuer, addresses))
        names = self._names()
        for one in self.pods.values():
            one.pod.addresses = names

    def _pod(self, owner: Pods) -> ReplicaPod:
        config_maps = {
            one["metadata"]["name"]: dict(one.get("data", {}))
            for one in objects(self.graph, "ConfigMap")
        }
        pod = ReplicaPod(f"{owner.name}-0", owner.spec, self.directory, config_maps, self.secrets)
        pod.namespace = owner.owner.inputs["metadata"]["namespace"]
        return pod

    def _names(self) -> dict[str, str]:
        """The address of each Service, the first of its pods, and of each pod of it by name."""
        found: dict[str, str] = {}
        for service in objects(self.graph, "Service"):
            name, space = service["metadata"]["name"], service["metadata"]["namespace"]
            wanted = service["spec"].get("selector", {})
            for one in self.pods.values():
                if one.namespace == space and wanted.items() <= one.owner.labels.items():
                    for ending in ("", f".{space}", f".{space}.svc"):
                        found.setdefault(f"{name}{ending}", one.address)
                        found[f"{one.name}.{name}{ending}"] = one.address
        return found

    def pod(self, workload: str) -> RunningPod:
        """The pod of a workload."""
        return self.pods[f"{workload}-0"]

    def start(self, name: str, container: str) -> None:
        """Start a container of a pod."""
        one = self.pods[name]
        program = program_of(one.pod.container(container))
        with self.network.inside(one.address):
            command = IMAGE_COMMANDS.get(program)
            run = one.opened.enter_context(run_container(one.pod, container, command))
        one.running[container] = run

    def start_pod(self, name: str) -> None:
        """Start all containers of a pod, sidecars first."""
        for container in self.pods[name].owner.containers:
            self.start(name, container["name"])

    def kill(self, name: str) -> None:
        """End all containers of a pod at once."""
        one = self.pods[name]
        for run in one.running.values():
            run.kill()
        one.running.clear()

    def run_job(self, name: str, container: str) -> None:
        """Run a container of a job to its end."""
        pod = self._pod(next(one for one in pods(self.graph) if one.name == name))
        pod.addresses = self._names()
        address = f"{PREFIX}250"
        if address not in self.network.spaces:
            self.network.add(address)
        with self.network.inside(address), run_container(pod, container) as running:
            status = running.exit_status(120)
            assert status == 0, running.log

    def start_all(self, migration: tuple[str, str]) -> None:
        """Start the stores, create their tables, then start everything else but Prometheus."""
        for one in self.pods.values():
            self.network.add(one.address)
        for workload in FIRST:
            self.start_pod(f"{workload}-0")
        until(lambda: self.answers("postgres-0", "postgres"), within_seconds=120)
        self.run_job(*migration)
        others = [
            name
            for name, one in self.pods.items()
            if one.owner.name not in FIRST and one.owner.name != PROMETHEUS
        ]
        gateways_last = sorted(others, key=lambda name: "gateway" in name)
        for name in gateways_last:
            if "gateway" in name:
                self.wait_ready(*(other for other in others if "gateway" not in other))
            self.start_pod(name)
        self.wait_ready(*others)

    def answers(self, name: str, container: str) -> bool:
        """Whether the readiness probe of a container, a command, succeeds."""
        one = self.pods[name]
        running = one.running[container]
        assert running.process.poll() is None, running.log[-3000:]
        probe = one.pod.container(container)["readinessProbe"]["exec"]["command"]
        with self.network.inside(one.address):
            return running.run(*probe).returncode == 0

    def wait_ready(self, *names: str) -> None:
        """Wait until the readiness probes of pods succeed."""
        for name in names:
            until(lambda name=name: self.is_ready(name), within_seconds=180)

    def is_ready(self, name: str) -> bool:
        """Whether every container with a probe by HTTP is ready."""
        one = self.pods[name]
        for container in one.owner.containers:
            running = one.running[container["name"]]
            assert running.process.poll() is None, running.log[-3000:]
            probe = container.get("readinessProbe", {}).get("httpGet")
            if probe is None:
                continue
            numbers = {port["name"]: port["containerPort"] for port in container["ports"]}
            port = numbers.get(probe["port"], probe["port"])
            scheme = probe.get("scheme", "HTTP").lower()
            url = f"{scheme}://{one.address}:{port}{probe['path']}"
            try:
                if httpx2.get(url, timeout=5, verify=False).status_code != 200:
                    return False
            except httpx2.TransportError:
                return False
        return True

    def close(self) -> None:
        """End everything."""
        for one in self.pods.values():
            one.opened.close()


def planted(
    graph: ResourceGraph, authority: Authority, issuer: Issuer, addresses: list[str]
) -> dict[str, dict[str, str]]:
    """Every Secret that a stack requires, with texts, certificates and keys that work."""
    names: dict[str, list[str]] = {}
    for required in graph.outputs["required_secrets"]:
        names.setdefault(required["name"], ["localhost"]).extend(required["dns_names"])
    secrets: dict[str, dict[str, str]] = {}
    for required in graph.outputs["required_secrets"]:
        name, values = required["name"], secrets.setdefault(required["name"], {})
        if required["kind"].endswith("certificate") and "tls.crt" not in values:
            all_names = list(dict.fromkeys(names[name]))
            certificate, key = authority.issue(name, all_names, addresses=["127.0.0.1", *addresses])
            values |= {"tls.crt": certificate.read_text(), "tls.key": key.read_text()}
        given = {
            "ca.crt": authority.ca_file.read_text(),
            "jwks.json": issuer.jwks_file.read_text(),
        }
        for key in required["keys"]:
            values.setdefault(key, given.get(key) or canary(name, key).text)
    return secrets


@contextlib.contextmanager
def names_resolve(addresses: Mapping[str, str]) -> Generator[None]:
    """Let this process find addresses by names."""
    import socket

    before = socket.getaddrinfo

    def found(host: Any, *rest: Any, **more: Any) -> Any:
        text = host.decode() if isinstance(host, bytes) else host
        return before(addresses.get(text, host), *rest, **more)

    socket.getaddrinfo = found
    try:
        yield
    finally:
        socket.getaddrinfo = before


def _word(key: str) -> str:
    return "".join(one if one.isalnum() or one == "_" else "_" for one in key)
