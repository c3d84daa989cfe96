"""Chooses a command's cluster: the one that ``CLUSTER`` names, else kind, else the local node."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from components.base.problems import Problem, ProblemReport, nearest

from . import kubectl as kube
from . import local_node, process
from .kubectl import Kubectl
from .progress import Progress

KIND_CLUSTER = "qudag-mcp"
KIND_CONTEXT = f"kind-{KIND_CLUSTER}"

Request = Literal["context", "kind", "node"]


@dataclass(frozen=True)
class Cluster:
    """A cluster, and why it was chosen.

    Attributes:
        kind: ``context`` (a cluster of the user), ``kind`` or ``node`` (both made by this project).
        why: the reason for the choice, shown to the user.
        ours: whether this project made the cluster, so that secrets may be created in it.
        balancers: addresses of its load balancers, which certificates must contain.
    """

    kind: Request
    kubectl: Kubectl
    why: str
    ours: bool
    balancers: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return {
            "context": f"context {self.kubectl.context}",
            "kind": f"kind cluster {KIND_CLUSTER}",
            "node": "the local node",
        }[self.kind]


def parse_request(request: str | None) -> tuple[Request, str, str]:
    """Parse ``CLUSTER`` into the kind of cluster, the context's name and the reason.

    Raises:
        ProblemReport: the request is malformed, or this machine can run no cluster.
    """
    match (request or "").partition(":"):
        case ("context", _, name) if name:
            return "context", name, "named by CLUSTER"
        case ("kind" | "node" as kind, "", ""):
            return kind, "", "asked for by CLUSTER"
        case ("", "", ""):
            return _available()
        case _:
            raise ProblemReport(
                [
                    Problem(
                        "CLUSTER",
                        f"{request!r} does not name a cluster",
                        "there is no cluster to deploy to",
                        "CLUSTER=context:NAME for one of yours, CLUSTER=kind, CLUSTER=node, "
                        "or leave it out",
                    )
                ]
            )


def _available() -> tuple[Request, str, str]:
    no_docker = _why_not_kind()
    if no_docker is None:
        return "kind", "", "Docker answers and kind is installed"
    no_node = local_node.obstacles()
    if not no_node:
        return "node", "", f"{no_docker}; this machine can run the local node"
    raise ProblemReport(
        [
            Problem(
                "CLUSTER",
                f"there is no cluster here: {no_docker}",
                "there is no cluster to deploy to",
                "start Docker and install kind (https://kind.sigs.k8s.io), "
                "or name a cluster of yours: CLUSTER=context:NAME",
            ),
            *no_node,
        ]
    )


def _why_not_kind() -> str | None:
    if shutil.which("docker") is None:
        return "no Docker here"
    try:
        answer = process.run(["docker", "version", "--format={{.Server.Version}}"], timeout=5)
    except TimeoutError:
        return "Docker does not answer"
    if not answer.ok:
        return "Docker does not answer"
    return None if shutil.which("kind") else "Docker answers, but kind is not installed"


def connect(request: str | None, progress: Progress) -> Cluster:
    """Connect to the cluster to deploy to; kind and the local node are started if necessary."""
    kind, name, why = parse_request(request)
    match kind:
        case "context":
            found = Cluster("context", _of_context(name), why, ours=False)
        case "kind":
            found = Cluster("kind", _kind(progress), why, ours=True)
        case "node":
            bound = local_node.up(progress)
            found = Cluster("node", bound, why, ours=True, balancers=local_node.BALANCERS)
    with progress.step(f"Cluster: {found.name}") as step:
        step.result = f"Kubernetes {server_version(found.kubectl)} ({why})"
    return found


def running(request: str | None) -> Cluster | None:
    """The cluster if it runs, without starting it; None if kind or the local node is down."""
    kind, name, why = parse_request(request)
    match kind:
        case "context":
            return Cluster("context", _of_context(name), why, ours=False)
        case "kind":
            if KIND_CONTEXT not in contexts(_own_kubectl()):
                return None
            return Cluster("kind", Kubectl(_own_kubectl(), KIND_CONTEXT), why, ours=True)
        case "node":
            bound = local_node.running()
            if bound is None:
                return None
            return Cluster("node", bound, why, ours=True, balancers=local_node.BALANCERS)


def server_version(kubectl: Kubectl) -> str:
    """The version of the API server; raises a ``ProblemReport`` if it does not answer."""
    said = kubectl.must("version", "--output=json", "--request-timeout=10s", timeout=20)
    found = re.search(r'"serverVersion".*?"gitVersion":\s*"([^"]+)"', said, re.DOTALL)
    if found is None:
        raise ProblemReport(kube.explain("Unable to connect to the server", kubectl.context))
    return found[1]


def contexts(program: Path) -> list[str]:
    """The names of all contexts in the user's kubeconfig."""
    return process.run([program, "config", "get-contexts", "--output=name"], timeout=20).out.split()


def _own_kubectl() -> Path:
    program = process.find("kubectl", needed_for="reaching a cluster", fix=kube.HOW_TO_GET)
    kube.require(program)
    return program


def _of_context(name: str) -> Kubectl:
    program = _own_kubectl()
    known = contexts(program)
    if name not in known:
        close = nearest(name, known)
        others = "name one of these, or set KUBECONFIG to the file that has it"
        meant = f"CLUSTER=context:{close}" if close else others
        where = os.environ.get("KUBECONFIG", "~/.kube/config")
        raise ProblemReport(
            [
                Problem(
                    f"CLUSTER=context:{name}",
                    f"{where} has no context {name!r}; it has {', '.join(known) or 'none'}",
                    "there is no cluster to deploy to; the current context is not used by default",
                    meant,
                )
            ]
        )
    return Kubectl(program, name)


def _kind(progress: Progress) -> Kubectl:
    """Create this project's kind cluster if it is absent; returns its kubectl."""
    program = _own_kubectl()
    kind = process.find(
        "kind", needed_for="a cluster in Docker", fix="https://kind.sigs.k8s.io, or CLUSTER=node"
    )
    existing = process.run([kind, "get", "clusters"], timeout=30)
    if KIND_CLUSTER not in existing.out.split():
        with progress.step(f"Making the kind cluster {KIND_CLUSTER}"):
            made = process.run(
                [kind, "create", "cluster", "--name", KIND_CLUSTER, "--wait", "120s"],
                on_line=progress.say,
                timeout=900,
            )
            if not made.ok:
                raise ProblemReport(
                    [
                        Problem(
                            "kind",
                            f"it did not create a cluster: {made.last_lines(3)}",
                            "there is no cluster to deploy to",
                            f"kind delete cluster --name {KIND_CLUSTER}, then run this again; "
                            "or CLUSTER=node",
                        )
                    ]
                )
    return Kubectl(program, KIND_CONTEXT)
