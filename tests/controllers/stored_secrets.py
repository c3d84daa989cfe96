"""A stack whose Secrets External Secrets reads from OpenBao, with both of them real."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from rich.console import Console

from delivery import applyset, local_secrets
from delivery.kubectl import Kubectl
from delivery.local_secrets import RequiredSecret
from delivery.progress import Progress
from delivery.server_side_apply import Change, apply
from graph.manifests import manifests
from graph.resource_graph import ResourceGraph
from tests.harness.apiserver import ApiServer
from tests.harness.secret_store import OpenBao
from tests.harness.topologies import NETWORK
from tests.harness.user_servers import recorded

NAMESPACE: Final = "qudag-mcp-secrets-test"
MIGRATED: Final = "qudag-mcp-migrated-test"
"""Namespace of the stack that gets a store while it has Secrets already."""
WITHIN_SECONDS: Final = 90
API_KEY: Final = "planted-api-key-7f3a"
GIVEN: Final = {"llm-credentials": {"api-key": API_KEY}}
CERTIFICATES: Final = ("certificate", "internal-certificate", "authority", "signing-key")


@dataclass
class Store:
    """What runs.

    Attributes:
        server: the API server, whose objects External Secrets reads.
        bao: the store.
    """

    server: ApiServer
    bao: OpenBao

    @property
    def kubectl(self) -> Kubectl:
        context = self.server.kubectl("config", "current-context").stdout.strip()
        return Kubectl(self.server.programs / "kubectl", context, self.server.kubeconfig)


@dataclass
class Stack:
    """The stack in the API server."""

    server: ApiServer
    bao: OpenBao
    kubectl: Kubectl
    graph: ResourceGraph

    @property
    def required(self) -> list[RequiredSecret]:
        return [RequiredSecret.from_output(o) for o in self.graph.outputs["required_secrets"]]

    @property
    def namespace(self) -> str:
        return self.graph.outputs["namespace"]

    def deploy(self) -> dict[str, Change]:
        wanted = list(manifests(self.graph).values())
        progress = Progress(Console(file=io.StringIO()))
        made = applyset.prepare(self.kubectl, self.namespace, wanted)
        return dict(apply(self.kubectl, self.namespace, wanted, progress, made=made).changes)

    def has_entry(self, path: str) -> bool:
        """Whether OpenBao has the entry."""
        folder, _, name = path.rpartition("/")
        return name in self.bao.run("kv", "list", "-mount=secret", folder).split()

    def secret(self, name: str) -> dict[str, str]:
        """The values of a Secret; empty while it is absent."""
        found = self.kubectl.objects("secret", name, f"-n={self.namespace}")
        data: dict[str, str] = found[0].get("data", {}) if found else {}
        return {key: base64.b64decode(value).decode() for key, value in data.items()}


def stack_of(store: Store, namespace: str, **secrets: Any) -> Stack:
    """A stack in a namespace of its own; it is not deployed."""
    bao = store.bao
    vault: Mapping[str, Any] = {
        "address": bao.address,
        "role": "qudag-mcp",
        "ca": bao.ca_file.read_text(),
    }
    weather = {
        "image": "ghcr.io/acme/weather:1",
        "secretEnv": {"API_KEY": "llm-credentials/api-key"},
    }
    sections: dict[str, Any] = {
        "topology": "microservices",
        "network": NETWORK,
        "kubernetes": {"namespace": namespace, "quota": None},
        "servers": {"weather": weather},
        "secrets": {"store": "vault", "refreshSeconds": 5, "vault": vault, **secrets},
    }
    return Stack(store.server, bao, store.kubectl, recorded(sections))


def deployed(store: Store) -> Stack:
    """The stack with values from the store, random ones among them, and certificates."""
    for name, values in GIVEN.items():
        path = f"{NAMESPACE}/{name}"
        store.bao.run("kv", "put", "-mount=secret", path, "-", stdin=json.dumps(values))
    stack = stack_of(store, NAMESPACE, certificateSource="cluster")
    stack.deploy()
    certificates = [one for one in stack.required if one.kind in CERTIFICATES]
    local_secrets.create(stack.kubectl, certificates, [])
    return stack
