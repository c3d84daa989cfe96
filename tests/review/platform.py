"""A small platform before and after a change that has one of everything worth reporting."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from graph.resource_graph import Resource, ResourceGraph
from review.diff import diff
from review.preview import Comparison
from review.risk import risks
from tests.harness.graphs import ROOT, container, graph, kube, workload

EDGE = Resource(
    urn="urn:pulumi:dev::qudag-mcp::test:index:Edge::edge",
    type="test:index:Edge",
    name="edge",
    parent=ROOT,
    custom=False,
)
NGINX = """worker_processes auto;
http {
  server {
    listen 8443 ssl;
    keepalive_timeout 65s;
  }
}
"""


def _inside(resource: Resource) -> Resource:
    return replace(resource, parent=EDGE.urn)


def _gateway(image: str, replicas: int) -> Resource:
    asked = {"requests": {"cpu": "100m", "memory": "128Mi"}}
    return _inside(
        workload(
            container("gateway", image=image, resources=asked), name="gateway", replicas=replicas
        )
    )


def _front(type: str) -> Resource:
    ports = [{"name": "https", "port": 443, "targetPort": 8443}]
    return _inside(kube("core/v1:Service", "front", spec={"type": type, "ports": ports}))


def _config(text: str) -> Resource:
    data = {"nginx.conf": text, "token": "[secret]"}
    return _inside(kube("core/v1:ConfigMap", "nginx", data=data, secrets=("data.token",)))


def _flow(*ports: int) -> Resource:
    rules: list[Any] = [
        {"from": [{"podSelector": {}}], "ports": [{"port": port} for port in ports]}
    ]
    spec: dict[str, Any] = {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": rules}
    return kube("networking/v1:NetworkPolicy", "inwards", spec=spec)


def before() -> ResourceGraph:
    return graph(
        EDGE,
        _gateway("nginx:1.28", 1),
        _front("ClusterIP"),
        _config(NGINX),
        _flow(8443),
        replace(kube("core/v1:PersistentVolumeClaim", "old-data"), protect=True),
        kube("core/v1:ConfigMap", "same", data={"a": "b"}),
        mcp_url="https://old.example.com/mcp",
    )


def after() -> ResourceGraph:
    return graph(
        EDGE,
        _gateway("nginx:1.29", 2),
        _front("LoadBalancer"),
        _config(NGINX.replace("65s", "75s")),
        _flow(8443, 9090),
        kube("core/v1:Secret", "new", data={"password": "[secret]"}, secrets=("data.password",)),
        kube("core/v1:ConfigMap", "same", data={"a": "b"}),
        mcp_url="https://new.example.com/mcp",
    )


def comparison(old: ResourceGraph | None = None, new: ResourceGraph | None = None) -> Comparison:
    """As ``qudag-mcp preview --base v1`` sees it."""
    found = diff(old or before(), new or after())
    commit = "0123456789abcdef0123456789abcdef01234567"
    return Comparison(base="v1", commit=commit, diff=found, risks=risks(found))
