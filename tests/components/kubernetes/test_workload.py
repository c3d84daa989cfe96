"""Workload: what every long-running server gets without asking for it."""

from __future__ import annotations

from components.kubernetes.container import NOBODY, Claim, Files, SecretFiles
from components.kubernetes.scaling import Autoscaling
from components.kubernetes.workload import Exposure, Rollout, WorkloadKind
from tests.harness.graph_queries import objects
from tests.harness.minimal_args import container
from tests.harness.workloads import graph, only, refusal

DEPLOYMENT = "kubernetes:apps/v1:Deployment"


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


def test_the_pods_of_a_stateful_set_do_not_wait_for_each_other():
    spec = (
        graph(kind=WorkloadKind.STATEFUL_SET).one("kubernetes:apps/v1:StatefulSet").inputs["spec"]
    )
    assert spec["podManagementPolicy"] == "Parallel"


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
