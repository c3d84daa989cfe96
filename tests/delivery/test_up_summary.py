"""The summary of ``up`` ends with commands that call the deployed stack."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from rich.console import Console

from delivery.cluster import Cluster
from delivery.engine import Engine
from delivery.images import Images
from delivery.kubectl import Kubectl, Object
from delivery.outputs import Deployed
from delivery.stack_identity import ROOT, StackIdentity
from delivery.up import UpResult
from delivery.up_summary import announcement

BASE = "https://mcp.example.com"
PROGRAM = "  .venv/bin/qudag-mcp"


def printed(stack: str, workloads: tuple[Object, ...] = (), **outputs: Any) -> list[str]:
    result = UpResult(
        deployed=Deployed({"mcp_url": f"{BASE}/mcp", "era": "dual", **outputs}, "node", "node"),
        engine=Engine(None, "a test"),
        cluster=Cluster("node", Kubectl(Path("kubectl"), "node"), "a test", ours=True),
        images=Images(),
        workloads=workloads,
        changes={},
        secrets=(),
        checks="all passed",
        forwarding=None,
        seconds=1.0,
    )
    written = io.StringIO()
    Console(file=written, width=200).print(announcement(result, StackIdentity.of(ROOT, stack)))
    return [line.rstrip() for line in written.getvalue().splitlines()]


def test_a_stack_without_servers_gets_a_command_that_calls_echo():
    assert printed("dev")[-1] == f"{PROGRAM} call echo text=hello"


def test_the_command_that_calls_a_tool_names_a_server_that_takes_tokens_of_the_local_issuer():
    own = {"mcp_url": f"{BASE}/servers/own/mcp", "auth": "server"}
    time = {"mcp_url": f"{BASE}/servers/time/mcp", "auth": "gateway"}
    assert printed("dev", servers={"own": own, "time": time})[-1] == (
        f"{PROGRAM} call time/TOOL KEY=VALUE"
    )
    assert printed("dev", servers={"own": own})[-2:] == [
        f"{PROGRAM} tools --token TOKEN own",
        f"{PROGRAM} call --token TOKEN own/TOOL KEY=VALUE",
    ]


def test_a_stack_with_servers_gets_commands_that_list_and_call_tools_of_one():
    lines = printed("staging", servers={"time": {"mcp_url": f"{BASE}/servers/time/mcp"}})
    assert lines[-2:] == [
        f"{PROGRAM} tools --stack staging time",
        f"{PROGRAM} call --stack staging time/TOOL KEY=VALUE",
    ]
    assert [line.split() for line in lines if line.startswith("servers.")] == [
        ["servers.time", f"{BASE}/servers/time/mcp"]
    ]


def test_each_server_without_an_image_is_told_with_the_field_that_sets_it():
    lines = [line for line in printed("dev", stand_ins=["ml", "api"]) if "stand" in line]
    assert [line.split()[1] for line in lines] == ["ml:", "api:"]
    assert lines[0].endswith("set servers.ml.image")


def test_a_stack_with_a_prometheus_of_its_own_says_how_to_look_at_it():
    """The command has the cluster's context: the local node is in no kubeconfig of the user."""

    def workload(kind: str, name: str) -> Object:
        pod: Object = {"spec": {"containers": []}}
        return {
            "kind": kind,
            "metadata": {"name": name, "namespace": "watched"},
            "spec": {"template": pod},
        }

    lines = printed(
        "dev", (workload("StatefulSet", "prometheus"), workload("Deployment", "weather"))
    )
    at = lines.index("  metrics and alerts: https://localhost:9090")
    assert lines[at + 1] == (
        "    kubectl --context=node port-forward --namespace=watched statefulset/prometheus 9090"
    )
    assert not any("localhost" in line for line in lines[at + 1 :])
    assert not any("localhost" in line for line in printed("dev", (workload("Deployment", "a"),)))
