"""Pods have an identity of a cloud by their service account, and by nothing that is stored."""

from __future__ import annotations

from typing import Any, Final

import pytest

from components.base.problems import ProblemReport
from components.kubernetes.cloud_identity import (
    AwsIdentity,
    AzureIdentity,
    CloudIdentity,
    GoogleIdentity,
)
from components.kubernetes.flow import FlowPolicies, FlowPoliciesArgs
from components.kubernetes.job import CronJob, CronJobArgs, Job, JobArgs
from components.kubernetes.party import Flow, MetadataServer
from components.kubernetes.pod_settings import PodSettings
from components.kubernetes.workload import Workload, WorkloadKind
from graph.resource_graph import ResourceGraph
from tests.harness import record
from tests.harness.graph_queries import objects, pods
from tests.harness.minimal_args import container, workload

ROLE: Final = "arn:aws:iam::123456789012:role/mcp"
ACCOUNT: Final = "mcp-server@acme-prod.iam.gserviceaccount.com"
CLIENT: Final = "0a1b2c3d-0000-4000-8000-0123456789ab"
TENANT: Final = "0a1b2c3d-0000-4000-8000-ba9876543210"
IDENTITIES: Final = {
    "aws": CloudIdentity(aws=AwsIdentity(role=ROLE)),
    "gcp": CloudIdentity(gcp=GoogleIdentity(service_account=ACCOUNT)),
    "azure": CloudIdentity(azure=AzureIdentity(client_id=CLIENT, tenant_id=TENANT)),
}
ANNOTATIONS: Final = {
    "aws": {"eks.amazonaws.com/role-arn": ROLE},
    "gcp": {"iam.gke.io/gcp-service-account": ACCOUNT},
    "azure": {
        "azure.workload.identity/client-id": CLIENT,
        "azure.workload.identity/tenant-id": TENANT,
    },
}
"""Of the service account, as the manuals of EKS, GKE and AKS name them."""
USE: Final = "azure.workload.identity/use"
KINDS: Final = ("Deployment", "StatefulSet", "Job", "CronJob")


def graph(kind: str, settings: PodSettings) -> ResourceGraph:
    def program() -> None:
        given: dict[str, Any] = {"namespace": "ns", "component": "job", "pods": settings}
        match kind:
            case "Job":
                Job("node", JobArgs(containers=[container()], **given))
            case "CronJob":
                CronJob("node", CronJobArgs(containers=[container()], schedule="@daily", **given))
            case _:
                Workload("node", workload(pods=settings, kind=WorkloadKind(kind)))

    return record(program)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cloud", IDENTITIES)
def test_every_kind_of_pod_has_the_identity_by_its_service_account(kind: str, cloud: str):
    made = graph(kind, PodSettings(identity=IDENTITIES[cloud]))
    (account,) = objects(made, "ServiceAccount")
    assert account["metadata"]["annotations"] == ANNOTATIONS[cloud]
    assert account["automountServiceAccountToken"] is False
    (found,) = pods(made)
    assert found.spec["serviceAccountName"] == account["metadata"]["name"]
    assert found.spec["automountServiceAccountToken"] is False
    assert (found.labels.get(USE) == "true") is (cloud == "azure")


@pytest.mark.parametrize("kind", KINDS)
def test_pods_without_an_identity_have_no_trace_of_one(kind: str):
    made = graph(kind, PodSettings())
    (account,) = objects(made, "ServiceAccount")
    assert "annotations" not in account["metadata"]
    (found,) = pods(made)
    assert USE not in found.labels


@pytest.mark.parametrize("kind", ["Deployment", "Job"])
def test_another_identity_replaces_the_pods(kind: str):
    """A webhook gives a pod its identity when the pod is made, and not later."""

    def template(role: str) -> Any:
        identity = CloudIdentity(aws=AwsIdentity(role=role))
        made = graph(kind, PodSettings(identity=identity))
        (found,) = [r.inputs for r in made.resources if r.inputs.get("kind") == kind]
        return found["metadata"]["name"], found["spec"]["template"]

    assert template(ROLE) == template(ROLE)
    assert template(ROLE) != template(f"{ROLE}-2")


REFUSED: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "no cloud": ({"identity": CloudIdentity()}, "identity.aws"),
    "two clouds": (
        {
            "identity": CloudIdentity(
                aws=AwsIdentity(role=ROLE), gcp=GoogleIdentity(service_account=ACCOUNT)
            )
        },
        "identity.gcp",
    ),
    "a user in place of a role": (
        {"identity": CloudIdentity(aws=AwsIdentity(role="arn:aws:iam::123456789012:user/mcp"))},
        "identity.aws.role",
    ),
    "a person": (
        {"identity": CloudIdentity(gcp=GoogleIdentity(service_account="jo@example.com"))},
        "identity.gcp.service_account",
    ),
    "a name in place of a client id": (
        {"identity": CloudIdentity(azure=AzureIdentity(client_id="mcp", tenant_id=TENANT))},
        "identity.azure.client_id",
    ),
    "a role of the variables": (
        {"identity": IDENTITIES["aws"], "env": {"AWS_ROLE_ARN": ROLE}},
        "env.AWS_ROLE_ARN",
    ),
    "the label of another identity": ({"labels": {USE: "true"}}, f"labels.{USE}"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_an_identity_that_cannot_work_is_refused_with_its_path(case: str):
    given, path = REFUSED[case]
    with pytest.raises(ProblemReport) as refused:
        graph("Deployment", PodSettings(**given))
    assert [p.path for p in refused.value.problems] == [f"node.pods.{path}"]


def test_a_metadata_server_opens_no_connection():
    server = MetadataServer(name="metadata", address="169.254.169.254")
    args = FlowPoliciesArgs(
        namespace="ns",
        workloads=["mcp"],
        flows=[Flow(source="metadata", target="mcp", port=8443, why="calls")],
        metadata_servers=[server],
    )
    with pytest.raises(ProblemReport) as refused:
        record(lambda: FlowPolicies("flows", args) and None)
    assert [p.path for p in refused.value.problems] == ["flows.flows[0]"]
