"""The pods of every stack are hardened, limited and probed, and mount only what they need."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import pytest

from graph.resource_graph import ResourceGraph
from stacks.topologies import TOPOLOGIES
from tests.harness.graph_queries import (
    Pods,
    is_read_without_pods,
    objects,
    pods,
    secrets_of_receivers,
)
from tests.harness.runbook_stacks import STACKS
from tests.harness.stacks import stack as recorded
from tests.harness.topologies import NETWORK
from tests.harness.user_servers import recorded_once
from tests.invalid.cases import refusals

EXPORTERS = {"gateway-metrics", "exporter"}
COLLECTORS = {"collector"}
NODE_READER = "log-collector"
"""It reads the log files of its node, which belong to user 0; tests/programs/test_logs.py."""


def all_pods(stack: ResourceGraph) -> list[Pods]:
    found = list(pods(stack))
    assert len(found) > 3
    return found


def test_every_container_is_hardened(stack: ResourceGraph):
    for found in all_pods(stack):
        other = found.name != NODE_READER
        assert found.spec["securityContext"]["runAsNonRoot"] is other
        for field in ("hostNetwork", "hostPID", "hostIPC"):
            assert not found.spec.get(field)
        for container in found.containers:
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["readOnlyRootFilesystem"] is True
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert context["runAsNonRoot"] is other
            assert context["runAsUser"] == (65534 if other else 0)
            assert context["seccompProfile"] == {"type": "RuntimeDefault"}
            assert not context.get("privileged")


def test_no_pod_can_call_the_api_server(stack: ResourceGraph):
    assert all(found.spec["automountServiceAccountToken"] is False for found in all_pods(stack))
    assert not any("Role" in str(resource.inputs.get("kind")) for resource in stack.resources)


def test_the_pod_that_reads_log_files_is_the_only_one_of_user_0(stack: ResourceGraph):
    of_root = [found.name for found in all_pods(stack) if "0" in users(found)]
    assert of_root == ([] if stack.stack == "dev" else [NODE_READER])


def users(found: Pods) -> set[str]:
    contexts = [found.spec["securityContext"], *(c["securityContext"] for c in found.containers)]
    return {str(context.get("runAsUser")) for context in contexts}


def test_no_other_pod_sees_the_nodes_files(stack: ResourceGraph):
    allowed = {"emptyDir", "configMap", "secret", "persistentVolumeClaim"}
    for found in all_pods(stack):
        if found.name == NODE_READER:
            continue
        for volume in found.spec["volumes"]:
            assert volume.keys() - {"name"} <= allowed


def test_every_container_says_what_it_needs_and_what_it_may_not_exceed(stack: ResourceGraph):
    for found in all_pods(stack):
        for container in found.containers:
            for bound in ("requests", "limits"):
                assert container["resources"][bound].keys() == {
                    "cpu",
                    "memory",
                    "ephemeral-storage",
                }


def test_every_server_is_probed(stack: ResourceGraph):
    """But an exporter of metrics must not make the pod beside it unready, nor restart."""
    for found in all_pods(stack):
        if found.owner.inputs["kind"] not in ("Job", "CronJob"):
            servers = [c for c in found.containers if c["name"] not in EXPORTERS]
            assert servers
            assert all({"readinessProbe", "livenessProbe"} <= c.keys() for c in servers)


def test_liveness_asks_the_container_itself(stack: ResourceGraph):
    """A dependency that is away must not restart what depends on it."""
    for found in all_pods(stack):
        for container in found.containers:
            probe = container.get("livenessProbe", {})
            path = "/" if container["name"] in COLLECTORS else "/health"
            assert probe.get("httpGet", {}).get("path", path) == path
            assert "host" not in probe.get("httpGet", {})


def test_a_server_is_given_time_for_all_it_does_when_it_stops(stack: ResourceGraph):
    for found in all_pods(stack):
        for container in found.containers:
            waits = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {})
            assert waits.get("seconds", 0) < found.spec["terminationGracePeriodSeconds"]


def test_every_image_names_a_version(stack: ResourceGraph):
    form = r"[^:@]+(:\d+/[^:@]+)?:[^:@]+(@sha256:[0-9a-f]{64})?"
    images = {c["image"] for found in all_pods(stack) for c in found.containers}
    assert all(re.fullmatch(form, image) and ":latest" not in image for image in images)


@pytest.mark.parametrize("name", ["staging", "prod"])
def test_outside_dev_every_image_is_its_digest(name: str):
    for found in all_pods(recorded(name)):
        for container in found.containers:
            assert re.search(r"@sha256:[0-9a-f]{64}$", container["image"])


SERVERS: Final = {"weather": {"image": "ghcr.io/acme/weather:1"}}
WITHOUT_DIGESTS: Final[Mapping[str, Mapping[str, Any]]] = {
    **{name: {"topology": name, "network": NETWORK} for name in TOPOLOGIES},
    "none": {"topology": "none", "network": NETWORK, "servers": SERVERS},
    **{f"runbooks of {name}": config for name, config in STACKS.items()},
}
"""Stacks of every topology, and of every program beside the servers, as dev may have them."""


@pytest.mark.parametrize("environment", ["staging", "prod"])
@pytest.mark.parametrize("name", WITHOUT_DIGESTS)
def test_outside_dev_the_digest_of_every_image_that_runs_is_asked_for(name: str, environment: str):
    config = WITHOUT_DIGESTS[name]
    images = {c["image"] for found in pods(recorded_once(config)) for c in found.containers}
    assert images
    asked = [
        f"{one.path} {one.what} {one.fix}"
        for one in refusals({**config, "environment": environment})
        if "digest" in f"{one.what} {one.fix}"
    ]
    assert {image for image in images if not any(image in one for one in asked)} == set()


def test_every_mounted_secret_is_a_required_one(stack: ResourceGraph):
    required = {secret["name"]: set(secret["keys"]) for secret in stack.outputs["required_secrets"]}
    mounted: dict[str, set[str]] = {}
    for found in all_pods(stack):
        for volume in found.spec["volumes"]:
            if secret := volume.get("secret"):
                keys = {item["key"] for item in secret["items"]}
                mounted.setdefault(secret["secretName"], set()).update(keys)
    for name, key in secrets_of_receivers(stack):
        mounted.setdefault(name, set()).add(key)
    assert mounted.keys() == required.keys()
    assert mounted == required


def certificates(stack: ResourceGraph) -> dict[str, set[str]]:
    """The names of each certificate between pods, by the name of its Secret."""
    return {
        secret["name"]: set(secret["dns_names"])
        for secret in stack.outputs["required_secrets"]
        if secret["kind"] == "internal-certificate"
    }


def test_every_service_that_is_reached_by_tls_is_named_by_the_certificate_of_its_pods(
    stack: ResourceGraph,
):
    # The public one; the peer-to-peer network, which has keys of its own.
    without = {"mcp-gateway-service", "qudag-integration-p2p", "qudag-integration-peers"}
    for service in objects(stack, "Service"):
        name, selector = service["metadata"]["name"], service["spec"]["selector"]
        if name in without:
            continue
        (found,) = [p for p in all_pods(stack) if selector.items() <= p.labels.items()]
        shown = keys_of(found)
        assert len(shown) == 1, name
        assert name in certificates(stack)[shown.pop()]


def keys_of(found: Pods) -> set[str]:
    """The Secrets of whose private keys the pods mount."""
    return {
        volume["secret"]["secretName"]
        for volume in found.spec["volumes"]
        if "secret" in volume and any(i["key"] == "tls.key" for i in volume["secret"]["items"])
    }


def test_no_two_workloads_hold_the_same_private_key(stack: ResourceGraph):
    held = [secret for found in all_pods(stack) for secret in keys_of(found)]
    assert len(held) > 2
    assert len(set(held)) == len(held)


def test_no_name_is_in_the_certificates_of_two_workloads(stack: ResourceGraph):
    names = [name for dns_names in certificates(stack).values() for name in dns_names]
    assert len(names) > 2
    assert len(set(names)) == len(names)


def test_a_pod_that_only_connects_mounts_no_private_key_of_the_platform(stack: ResourceGraph):
    migrations = [found for found in all_pods(stack) if found.name == "mcp-migration"]
    assert [keys_of(found) for found in migrations] == [set()]


def test_every_mounted_file_exists(stack: ResourceGraph):
    configs = {
        config["metadata"]["name"]
        for config in objects(stack, "ConfigMap")
        if not is_read_without_pods(config)
    }
    mounted = {
        volume["configMap"]["name"]
        for found in all_pods(stack)
        for volume in found.spec["volumes"]
        if "configMap" in volume
    }
    assert mounted == configs


def test_every_service_leads_to_pods_that_listen(stack: ResourceGraph):
    """A Service that selects nothing would hold a deployment up for ten minutes."""
    for service in objects(stack, "Service"):
        selector = service["spec"]["selector"]
        found = [p for p in all_pods(stack) if selector.items() <= p.labels.items()]
        assert len(found) == 1
        names = {port["name"] for c in found[0].containers for port in c["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= names


def test_no_two_workloads_share_a_selector(stack: ResourceGraph):
    names = [found.name for found in all_pods(stack)]
    assert len(set(names)) == len(names)
