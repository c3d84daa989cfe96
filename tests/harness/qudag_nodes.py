"""Deploys QudagNodes on real pods in a locked namespace, and reads their peers from their logs."""

from __future__ import annotations

import io
import re
import subprocess
import uuid
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import permutations

from rich.console import Console

from components.kubernetes.flow import FlowPolicies, FlowPoliciesArgs
from components.kubernetes.namespace import LockedNamespace, LockedNamespaceArgs
from components.kubernetes.party import Flow
from components.kubernetes.qudag_node import NodeProfile, QudagNode, QudagNodeArgs
from delivery import images, local_secrets, rollout
from delivery.applyset import as_list
from delivery.cluster import Cluster
from delivery.kubectl import Kubectl
from delivery.local_secrets import RequiredSecret
from delivery.progress import Progress
from graph.manifests import manifests

from . import record
from .minimal_args import config, server

P2P = 4001
HELD = "tests/looked-at"
"""A finalizer that keeps a stopped pod until its exit status has been read."""


def quiet() -> Progress:
    return Progress(Console(file=io.StringIO()))


def image_on(cluster: Cluster, name: str) -> str:
    """The reference of an image on the cluster; the image is built if absent."""
    pod = {"kind": "Pod", "spec": {"containers": [{"image": name}]}}
    return images.provide(cluster, [pod], quiet()).references.get(name, name)


@dataclass(frozen=True)
class Stopped:
    """How a pod's program ended after the pod was deleted."""

    status: int
    seconds: float
    grace: int
    log: str


@dataclass(frozen=True)
class Space:
    """A namespace with StatefulSets of one node each."""

    kubectl: Kubectl
    name: str

    def log(self, node: str) -> str:
        """The log of a set's pod."""
        return self.kubectl.must("logs", f"-n={self.name}", f"{node}-0")

    def address(self, node: str) -> str:
        """The IP address of a set's pod."""
        (pod,) = self.kubectl.objects("pod", f"{node}-0", f"-n={self.name}")
        return pod["status"]["podIP"]

    def peer_id(self, node: str) -> str:
        """The node's peer id since its last start."""
        (found,) = re.findall(r"Local peer ID: (\w+)", self.log(node))
        return found

    def connected(self, node: str) -> dict[str, str]:
        """The addresses of all peers that the node has connected to since its start, by peer id."""
        return dict(re.findall(r"Connection established with (\w+) at (\S+)", self.log(node)))

    def shell(self, node: str, command: str) -> str:
        """Run a shell command in a set's pod; returns its output."""
        where = (f"-n={self.name}", f"{node}-0", "--")
        return self.kubectl.must("exec", *where, "sh", "-c", command).strip()

    def delete(self, node: str) -> Stopped:
        """Delete a set's pod, which is then replaced; returns how it stopped."""
        pod, where = f"{node}-0", f"-n={self.name}"
        follow = self.kubectl.argv("logs", where, "--follow", pod)
        self._finalizers(pod, f'["{HELD}"]')
        try:
            with subprocess.Popen(follow, stdout=subprocess.PIPE, text=True) as following:
                assert following.stdout is not None
                following.stdout.readline()  # it listens now
                self.kubectl.must("delete", "pod", pod, where, "--wait=false")
                ended = "--for=jsonpath={.status.containerStatuses[0].state.terminated}"
                self.kubectl.must("wait", f"pod/{pod}", where, ended, "--timeout=110s")
                (held,) = self.kubectl.objects("pod", pod, where)
                log = following.communicate(timeout=20)[0]
        finally:
            self._finalizers(pod, "[]")
        state = held["status"]["containerStatuses"][0]["state"]["terminated"]
        grace = held["metadata"]["deletionGracePeriodSeconds"]
        told = _moment(held["metadata"]["deletionTimestamp"]) - timedelta(seconds=grace)
        seconds = (_moment(state["finishedAt"]) - told).total_seconds()
        return Stopped(state["exitCode"], seconds, grace, log)

    def _finalizers(self, pod: str, names: str) -> None:
        patch = f'{{"metadata":{{"finalizers":{names}}}}}'
        self.kubectl.must("patch", "pod", pod, f"-n={self.name}", "--type=merge", f"-p={patch}")

    def serves_again(self, node: str) -> None:
        """Wait until the set's pod is ready."""
        where = (f"statefulset/{node}", f"-n={self.name}", "--timeout=120s")
        self.kubectl.must("rollout", "status", *where, timeout=130)


def _moment(written: str) -> datetime:
    return datetime.fromisoformat(written)


@contextmanager
def deployed(
    kubectl: Kubectl,
    image: str,
    sets: Mapping[str, Sequence[str]],
    profile: NodeProfile = NodeProfile.UPSTREAM,
) -> Generator[Space]:
    """Deploy StatefulSets of one node each; ``sets`` maps each to its peers. Deleted at the end."""
    space = Space(kubectl, f"nodes-{uuid.uuid4().hex[:6]}")
    made = list(manifests(record(lambda: nodes(space.name, image, sets, profile))).values())
    locked = [manifest for manifest in made if manifest["kind"] == "Namespace"]
    try:
        kubectl.must("create", "--filename=-", stdin=as_list(locked))
        local_secrets.create(kubectl, secrets(space.name), ())
        kubectl.must("apply", "--server-side", "--filename=-", stdin=as_list(made))
        rollout.wait(kubectl, made, quiet(), seconds=120)
        yield space
    finally:
        kubectl.must("delete", "namespace", space.name, "--ignore-not-found", "--wait=false")


def nodes(space: str, image: str, sets: Mapping[str, Sequence[str]], profile: NodeProfile) -> None:
    """The Pulumi program; its policies allow connections between all sets."""
    locked = LockedNamespace("namespace", LockedNamespaceArgs(name=space))
    for name, others in sets.items():
        settings = server(
            namespace=locked.namespace, image=image, config=config(role="qudag"), replicas=1
        )
        peers = [f"/dns4/{other}-p2p.{space}.svc/tcp/{P2P}" for other in others]
        QudagNode(name, QudagNodeArgs(server=settings, profile=profile, size="1Gi", peers=peers))
    flows = [Flow(source=a, target=b, port=P2P, why="peers") for a, b in permutations(sets, 2)]
    FlowPolicies(
        "flows", FlowPoliciesArgs(namespace=locked.namespace, workloads=list(sets), flows=flows)
    )


def secrets(space: str) -> list[RequiredSecret]:
    """The Secrets that a node of the seed profile mounts."""
    certificate, keys = ("tls.crt", "tls.key"), ("jwks.json",)
    return [
        RequiredSecret(
            namespace=space,
            name="mcp-internal-tls",
            kind="internal-certificate",
            keys=certificate,
            dns_names=(f"*.{space}.svc",),
        ),
        RequiredSecret(namespace=space, name="mcp-issuer-keys", kind="signing-key", keys=keys),
    ]
