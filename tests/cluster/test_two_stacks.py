"""A namespace belongs to one stack: applying it from a second stack is a conflict."""

from __future__ import annotations

import yaml

from components.kubernetes.namespace import LockedNamespace, LockedNamespaceArgs
from graph.manifests import manifests
from graph.recorder import record
from tests.harness.apiserver import ApiServer

NAMESPACE = "one-owner"


def document(stack: str) -> str:
    """The namespace as a stack of this name makes it."""

    def program() -> None:
        LockedNamespace("platform", LockedNamespaceArgs(name=NAMESPACE))

    made = manifests(record(program, project="qudag-mcp", stack=stack))
    (namespace,) = [one for one in made.values() if one["kind"] == "Namespace"]
    return yaml.safe_dump(namespace)


def apply(server: ApiServer, stack: str, manager: str):
    """As Pulumi applies it: each stack has a field manager of its own."""
    argv = ("apply", "--server-side", f"--field-manager={manager}", "-f", "-")
    return server.kubectl(*argv, stdin=document(stack))


def test_a_second_stack_cannot_use_the_namespace_of_the_first(api_server: ApiServer):
    assert apply(api_server, "dev", "pulumi-kubernetes-1").returncode == 0
    refused = apply(api_server, "dev-of-a-colleague", "pulumi-kubernetes-2")
    assert refused.returncode != 0
    assert "qudag-mcp/stack" in refused.stderr
    assert apply(api_server, "dev", "pulumi-kubernetes-1").returncode == 0
