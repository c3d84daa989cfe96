"""Workload: what every long-running server gets without asking for it."""

from __future__ import annotations

from typing import Any, Final

import pytest

from components.base.problems import ProblemReport
from components.kubernetes.container import NOBODY, Claim, Container, Files, Port, SecretFiles
from components.kubernetes.scaling import Autoscaling
from components.kubernetes.workload import Exposure, Rollout, Workload, WorkloadKind
from graph.manifests import manifest
from review.diff import Action, diff
from tests.harness import ResourceGraph, record
from tests.harness.graph_queries import Pods, objects, pods
from tests.harness.minimal_args import container, workload

DEPLOYMENT = "kubernetes:apps/v1:Deployment"


def graph(*containers: Container, **args: Any) -> ResourceGraph:
    return record(lambda: Workload("mcp-core", workload(*containers, **args)))


def only(graph: ResourceGraph) -> Pods:
    (found,) = pods(graph)
    return found


def refusal(*containers: Container, **args: Any) -> list[str]:
    with pytest.raises(ProblemReport) as report:
        graph(*containers, **args)
    return [f"{problem.path}: {problem.what}" for problem in report.value.problems]


def test_a_container_has_no_privilege_escalation_and_a_read_only_root():
    context = only(graph()).container("server")["securityContext"]
    assert context == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "runAsUser": NOBODY,
        "runAsGroup": NOBODY,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def test_the_only_place_to_write_is_an_empty_tmp_of_its_own():
    found = only(graph(container(name="a"), container(name="b", ports=[])))
    mounts = {c["name"]: c["volumeMounts"] for c in found.containers}
    assert mounts == {
        "a": [{"name": "a-tmp", "mountPath": "/tmp"}],
        "b": [{"name": "b-tmp", "mountPath": "/tmp"}],
    }
    assert all(found.volume(f"{name}-tmp")["emptyDir"]["sizeLimit"] for name in "ab")


def test_no_pod_carries_a_service_account_token():
    made = graph()
    assert only(made).spec["automountServiceAccountToken"] is False
    (identity,) = objects(made, "ServiceAccount")
    assert identity["automountServiceAccountToken"] is False
    assert only(made).spec["serviceAccountName"] == identity["metadata"]["name"] == "mcp-core-sa"


def test_no_variable_of_another_service_reaches_a_pod():
    assert only(graph()).spec["enableServiceLinks"] is False


def test_volumes_belong_to_the_user_that_the_containers_run_as():
    context = only(graph()).spec["securityContext"]
    assert context["fsGroup"] == context["runAsUser"] == NOBODY


def test_a_changed_file_rolls_the_pods_and_an_unchanged_one_does_not():
    def checksum(text: str) -> str:
        files = Files(name="conf", path="/etc/conf", content={"a.toml": text})
        return only(graph(container(files=[files]))).annotations["qudag-mcp/files-checksum"]

    assert checksum("one") == checksum("one")
    assert checksum("one") != checksum("two")


def test_files_are_mounted_read_only():
    made = graph(container(files=[Files(name="conf", path="/etc/conf", content={"a": "b"})]))
    assert {"name": "conf", "mountPath": "/etc/conf", "readOnly": True} in only(made).container(
        "server"
    )["volumeMounts"]
    (config,) = objects(made, "ConfigMap")
    assert (config["metadata"]["name"], config["data"]) == ("conf", {"a": "b"})


def test_of_a_secret_only_the_keys_that_are_needed_are_mounted():
    secret = SecretFiles(secret="passwords", path="/etc/secrets", keys=("one",))
    found = only(graph(container(secrets=[secret])))
    (mount,) = [
        m for m in found.container("server")["volumeMounts"] if m["mountPath"] == "/etc/secrets"
    ]
    assert mount["readOnly"] is True
    assert found.volume(mount["name"])["secret"] == {
        "secretName": "passwords",
        "items": [{"key": "one", "path": "one"}],
        "defaultMode": 0o440,
    }


def test_one_secret_can_be_mounted_at_two_places_with_other_keys_each():
    secrets = [SecretFiles(secret="tls", path=f"/etc/{key}", keys=(key,)) for key in ("crt", "ca")]
    found = only(graph(container(secrets=secrets)))
    keys = {
        mount["mountPath"]: [item["key"] for item in found.volume(mount["name"])["secret"]["items"]]
        for mount in found.container("server")["volumeMounts"]
        if mount["mountPath"] != "/tmp"
    }
    assert keys == {"/etc/crt": ["crt"], "/etc/ca": ["ca"]}


def test_selectors_hold_the_name_and_nothing_that_a_version_changes():
    made = graph(exposure=Exposure(name="mcp-core-service"))
    selector = {"app": "mcp-core"}
    deployment = made.one(DEPLOYMENT).inputs["spec"]
    assert deployment["selector"] == {"matchLabels": selector}
    assert objects(made, "Service")[0]["spec"]["selector"] == selector
    assert objects(made, "PodDisruptionBudget")[0]["spec"]["selector"] == {"matchLabels": selector}
    assert selector.items() <= only(made).labels.items()


def test_pods_spread_over_zones_and_hosts_without_refusing_to_start():
    constraints = only(graph()).spec["topologySpreadConstraints"]
    assert [c["topologyKey"] for c in constraints] == [
        "topology.kubernetes.io/zone",
        "kubernetes.io/hostname",
    ]
    assert {c["whenUnsatisfiable"] for c in constraints} == {"ScheduleAnyway"}
    assert {c["labelSelector"]["matchLabels"]["app"] for c in constraints} == {"mcp-core"}


def test_several_pods_have_a_disruption_budget_and_a_single_one_has_none():
    (budget,) = objects(graph(replicas=2), "PodDisruptionBudget")
    assert budget["spec"]["maxUnavailable"] == 1
    assert objects(graph(replicas=1), "PodDisruptionBudget") == []


def test_the_smallest_scale_decides_about_the_disruption_budget():
    assert objects(graph(scaling=Autoscaling(min=1, max=9)), "PodDisruptionBudget") == []
    assert len(objects(graph(scaling=Autoscaling(min=2, max=9)), "PodDisruptionBudget")) == 1


def test_the_autoscaler_alone_decides_the_number_of_pods():
    made = graph(replicas=4, scaling=Autoscaling(min=2, max=9))
    assert "replicas" not in made.one(DEPLOYMENT).inputs["spec"]
    (autoscaler,) = objects(made, "HorizontalPodAutoscaler")
    assert autoscaler["spec"]["scaleTargetRef"] == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": made.one(DEPLOYMENT).inputs["metadata"]["name"],
    }
    assert graph(replicas=4).one(DEPLOYMENT).inputs["spec"]["replicas"] == 4


def test_a_stateful_sets_autoscaler_scales_the_stateful_set():
    made = graph(kind=WorkloadKind.STATEFUL_SET, scaling=Autoscaling(min=1, max=2))
    (autoscaler,) = objects(made, "HorizontalPodAutoscaler")
    assert autoscaler["spec"]["scaleTargetRef"]["kind"] == "StatefulSet"


def test_the_service_offers_only_the_ports_that_are_meant_for_it():
    ports = [Port(name="http", number=8080, service=80), Port(name="debug", number=6060)]
    made = graph(container(ports=ports), exposure=Exposure(name="edge"))
    (service,) = objects(made, "Service")
    assert service["metadata"]["name"] == "edge"
    assert service["spec"]["ports"] == [
        {"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}
    ]


def test_the_default_service_is_cluster_ip():
    (service,) = objects(graph(exposure=Exposure(name="edge")), "Service")
    assert service["spec"]["type"] == "ClusterIP"
    outside = Exposure(name="edge", type="LoadBalancer", allowed_from=["10.0.0.0/8"])
    (service,) = objects(graph(exposure=outside), "Service")
    assert service["spec"]["loadBalancerSourceRanges"] == ["10.0.0.0/8"]
    assert service["spec"]["externalTrafficPolicy"] == "Local"


@pytest.mark.parametrize(
    ("awaited", "annotations"), [(True, None), (False, {"pulumi.com/skipAwait": "true"})]
)
def test_an_address_that_may_never_come_need_not_be_waited_for(
    awaited: bool, annotations: dict[str, str] | None
):
    outside = graph(exposure=Exposure(name="edge", type="LoadBalancer", awaited=awaited))
    service = outside.one("kubernetes:core/v1:Service")
    assert service.inputs["metadata"].get("annotations") == annotations
    assert "annotations" not in manifest(service, outside)["metadata"]


INTERNAL: Final = {
    "service.beta.kubernetes.io/aws-load-balancer-scheme": "internal",
    "service.beta.kubernetes.io/aws-load-balancer-internal": "true",
    "networking.gke.io/load-balancer-type": "Internal",
    "service.beta.kubernetes.io/azure-load-balancer-internal": "true",
}
INTERNET: Final = {"service.beta.kubernetes.io/aws-load-balancer-scheme": "internet-facing"}


@pytest.mark.parametrize(("internal", "written"), [(True, INTERNAL), (False, INTERNET)])
def test_a_load_balancer_is_internal_or_public_on_each_cloud(
    internal: bool, written: dict[str, str]
):
    outside = Exposure(
        name="edge", type="LoadBalancer", internal=internal, annotations={"example.com/pool": "a"}
    )
    (service,) = objects(graph(exposure=outside), "Service")
    assert service["metadata"]["annotations"] == {**written, "example.com/pool": "a"}


def test_a_load_balancer_has_the_given_class_and_no_node_ports():
    outside = Exposure(
        name="edge",
        type="LoadBalancer",
        load_balancer_class="example.com/internal-vip",
        node_ports=False,
    )
    (service,) = objects(graph(exposure=outside), "Service")
    assert service["spec"]["loadBalancerClass"] == "example.com/internal-vip"
    assert service["spec"]["allocateLoadBalancerNodePorts"] is False


def test_every_service_has_both_address_families_where_the_cluster_has_them():
    for exposure in (
        Exposure(name="edge"),
        Exposure(name="edge", headless=True),
        Exposure(name="edge", type="LoadBalancer"),
    ):
        (service,) = objects(graph(exposure=exposure), "Service")
        assert service["spec"]["ipFamilyPolicy"] == "PreferDualStack"
    (service,) = objects(graph(exposure=Exposure(ip_families="SingleStack")), "Service")
    assert service["spec"]["ipFamilyPolicy"] == "SingleStack"


@pytest.mark.parametrize(
    ("said", "given"),
    [
        ("internal", {"internal": True}),
        ("load_balancer_class", {"load_balancer_class": "a"}),
        ("node_ports", {"node_ports": False}),
        ("annotations.pulumi.com/skipAwait", {"annotations": {"pulumi.com/skipAwait": "true"}}),
        (
            "annotations.networking.gke.io/load-balancer-type",
            {"annotations": {"networking.gke.io/load-balancer-type": "External"}},
        ),
    ],
)
def test_an_exposure_with_contradictory_or_ineffective_fields_is_refused(
    said: str, given: dict[str, Any]
):
    with pytest.raises(ProblemReport) as report:
        graph(exposure=Exposure(name="edge", **given))
    assert f"exposure.{said}" in str(report.value)


def test_peers_of_a_headless_service_find_each_other_before_they_are_ready():
    made = graph(kind=WorkloadKind.STATEFUL_SET, exposure=Exposure(name="peers", headless=True))
    (service,) = objects(made, "Service")
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["publishNotReadyAddresses"] is True


def test_the_pods_of_a_stateful_set_do_not_wait_for_each_other():
    spec = (
        graph(kind=WorkloadKind.STATEFUL_SET).one("kubernetes:apps/v1:StatefulSet").inputs["spec"]
    )
    assert spec["podManagementPolicy"] == "Parallel"


def test_each_pod_of_a_stateful_set_has_a_volume_of_its_own():
    claim = Claim(name="data", path="/data", size="1Gi", storage_class="fast")
    made = graph(container(claims=[claim]), kind=WorkloadKind.STATEFUL_SET)
    spec = made.one("kubernetes:apps/v1:StatefulSet").inputs["spec"]
    (template,) = spec["volumeClaimTemplates"]
    assert template["metadata"]["name"] == "data"
    assert template["spec"] == {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
        "storageClassName": "fast",
    }


def claims_of_pods(size: str, **changes: Any) -> ResourceGraph:
    claim = Claim(name="data", path="/data", size=size)
    return graph(container(claims=[claim]), kind=WorkloadKind.STATEFUL_SET, **changes)


def test_a_larger_size_grows_the_claims_and_leaves_the_stateful_set():
    """The API server refuses to change the templates of a StatefulSet."""
    before, after = claims_of_pods("1Gi"), claims_of_pods("20Gi")
    changes = diff(before, after).changes
    assert {(one.action, one.resource.inputs["kind"]) for one in changes} == {
        (Action.CHANGE, "PersistentVolumeClaim")
    }
    assert {change.path for one in changes for change in one.properties} == {
        "spec.resources.requests.storage"
    }


def test_the_claims_have_the_names_that_a_stateful_set_expects():
    made = claims_of_pods("1Gi", replicas=3)
    name = made.one("kubernetes:apps/v1:StatefulSet").inputs["metadata"]["name"]
    assert [one["metadata"]["name"] for one in objects(made, "PersistentVolumeClaim")] == [
        f"data-{name}-{pod}" for pod in range(3)
    ]
    pods_wait_for = made.one("kubernetes:apps/v1:StatefulSet").dependencies
    claims = made.all("kubernetes:core/v1:PersistentVolumeClaimPatch")
    assert {claim.urn for claim in claims} <= set(pods_wait_for)


def test_the_claim_of_a_removed_pod_is_kept_in_the_cluster():
    claims = claims_of_pods("1Gi").all("kubernetes:core/v1:PersistentVolumeClaimPatch")
    assert claims
    assert all(claim.retain_on_delete for claim in claims)


def test_the_pods_of_a_deployment_share_one_claim():
    claim = Claim(name="data", path="/data", size="1Gi", access="ReadWriteMany")
    made = graph(container(claims=[claim]))
    (volume,) = objects(made, "PersistentVolumeClaim")
    assert only(made).volume("data")["persistentVolumeClaim"] == {
        "claimName": volume["metadata"]["name"]
    }


@pytest.mark.parametrize("protect", [True, False])
def test_protect_covers_claims_and_stateful_sets(protect: bool):
    claim = Claim(name="data", path="/data", size="1Gi", access="ReadWriteMany", protect=protect)
    made = graph(container(claims=[claim]))
    assert made.one("kubernetes:core/v1:PersistentVolumeClaim").protect is protect
    made = graph(container(claims=[claim]), kind=WorkloadKind.STATEFUL_SET)
    assert made.one("kubernetes:apps/v1:StatefulSet").protect is protect


def test_a_scraped_pod_says_where_its_metrics_are():
    assert only(graph(metrics_port=9090)).annotations == {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": "9090",
        "prometheus.io/path": "/metrics",
    }
    assert only(graph()).annotations == {}


def test_a_new_version_comes_in_at_the_rollouts_pace():
    strategy = graph(rollout=Rollout(surge=2, unavailable=1)).one(DEPLOYMENT).inputs["spec"]
    assert strategy["strategy"]["rollingUpdate"] == {"maxSurge": 2, "maxUnavailable": 1}


def test_a_volume_that_one_node_mounts_is_refused_where_several_pods_would_share_it():
    (problem,) = refusal(container(claims=[Claim(name="data", path="/data", size="1Gi")]))
    assert "a claim that one node can mount at a time" in problem


def test_all_refusals_are_reported_at_once():
    claims = [Claim(name="data", path="/data", size="1Gi")]
    problems = refusal(
        container(claims=claims, ports=[]),
        rollout=Rollout(surge=0, unavailable=0),
        scaling=Autoscaling(min=3, max=2),
        exposure=Exposure(name="edge"),
    )
    assert [problem.partition(":")[0] for problem in problems] == [
        "mcp-core.containers",
        "mcp-core.rollout",
        "mcp-core.exposure",
        "mcp-core.scaling",
    ]
