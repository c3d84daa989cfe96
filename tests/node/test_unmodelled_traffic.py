"""The nft tables drop traffic that network policies do not cover, tested in this kernel."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.harness import pods_on_a_bridge
from tests.harness.pods_on_a_bridge import LAST, PODS, address
from tests.harness.policy_tables import policy_table
from tests.harness.restricted_path import NODE, isolated, may_isolate

IPV4 = ("IPv4", "broadcast", "broadcast in the subnet", "multicast")


def nft() -> tuple[Path, dict[str, str]]:
    """The program nft, on PATH or in the node's cache, and the variables that it needs."""
    if found := shutil.which("nft"):
        return Path(found), {}
    programs = subprocess.check_output([NODE / "env", "--programs"], text=True)
    root = Path(programs.strip()).parent / "root"
    return root / "usr/sbin/nft", {"LD_LIBRARY_PATH": str(root / "usr/lib/x86_64-linux-gnu")}


pytestmark = [
    pytest.mark.skipif(not may_isolate(), reason="no network namespaces here: run as root"),
    pytest.mark.skipif(
        not nft()[0].exists(), reason="no nft: apt-get install nftables, or tools/node/up"
    ),
]


def pod(name: str, namespace: str) -> Mapping[str, Any]:
    return {"namespace": namespace, "labels": {"app": name}, "ip": address(name), "ports": {}}


def policy(**spec: Any) -> Mapping[str, Any]:
    return {"metadata": {"namespace": "mcp"}, "spec": spec}


def of(app: str) -> Mapping[str, Any]:
    return {"podSelector": {"matchLabels": {"app": app}}}


@pytest.fixture(scope="module")
def outcome() -> dict[str, list[str]]:
    """What was sent and received where all pods of mcp are closed but for friend to target."""
    tables = policy_table(
        [*(pod(name, "mcp") for name in ("denied", "target", "friend")), pod("free", "other")],
        {"mcp": {}, "other": {}},
        [
            policy(podSelector={}, policyTypes=["Ingress", "Egress"]),
            policy(**of("target"), policyTypes=["Ingress"], ingress=[{"from": [of("friend")]}]),
            policy(**of("friend"), policyTypes=["Egress"], egress=[{"to": [of("target")]}]),
        ],
        {name: address(name) for name in PODS if name != "unknown"},
    )
    program, variables = nft()
    command = isolated("true", f"{sys.executable} {pods_on_a_bridge.__file__}")
    ended = subprocess.run(
        command,
        env={
            **os.environ,
            "NFT": str(program),
            "NFT_LIBRARIES": variables.get("LD_LIBRARY_PATH", ""),
        },
        input=tables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def test_a_closed_pod_receives_only_what_a_policy_allows(outcome: dict[str, list[str]]) -> None:
    assert len([one for one in outcome["sent"] if "to the target" in one]) == 19
    assert outcome["target"] == [LAST]


def test_the_node_receives_ipv4_of_open_pods_and_nothing_else(
    outcome: dict[str, list[str]],
) -> None:
    allowed = {f"free: {way} to the {to}" for way in IPV4 for to in ("target", "node")}
    assert "free: IPv4 to the node" in outcome["node"]
    assert set(outcome["node"]) - allowed == {LAST}
