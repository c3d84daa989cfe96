"""UserServer: pods of any image, hardened, behind internal TLS, stopped after nginx has drained."""

from __future__ import annotations

from typing import Any

import pytest

from components.base.problems import ProblemReport
from components.kubernetes.container import NOBODY
from components.kubernetes.pod_settings import PodSettings, SecretKey, UserIds
from components.kubernetes.scaling import Autoscaling
from components.kubernetes.tls_proxy import CLOSING_SECONDS
from components.kubernetes.user_server import UserServer
from components.kubernetes.user_server_args import Storage
from components.mcp.timeout_budget import Distance, TimeoutBudget
from tests.harness import ResourceGraph, record
from tests.harness.graph_queries import Pods, objects, pods
from tests.harness.minimal_args import user_server


def graph(**args: Any) -> ResourceGraph:
    return record(lambda: UserServer("weather", user_server(**args)))


def only(**args: Any) -> Pods:
    (found,) = pods(graph(**args))
    return found


def image(**args: Any) -> dict[str, Any]:
    """The container of the user's image."""
    return only(**args).container("server")


def variables(**args: Any) -> dict[str, Any]:
    return {one["name"]: one.get("value", one.get("valueFrom")) for one in image(**args)["env"]}


def test_the_service_offers_tls_and_nothing_else():
    made = graph(port=3001, path="/api/mcp")
    (service,) = objects(made, "Service")
    assert service["metadata"]["name"] == "weather-service"
    assert [(port["port"], port["targetPort"]) for port in service["spec"]["ports"]] == [
        (8443, "https")
    ]
    outputs = made.one("qudag-mcp:index:UserServer").outputs
    assert outputs == {
        "host": "weather-service.qudag-mcp-dev.svc",
        "url": "https://weather-service.qudag-mcp-dev.svc:8443/api/mcp",
    }


def test_the_image_starts_before_nginx_and_is_stopped_after_it():
    """The kubelet stops sidecars last, and starts the others when their startup probes succeed."""
    spec = only().spec
    assert [(c["name"], c["restartPolicy"]) for c in spec["initContainers"]] == [
        ("server", "Always")
    ]
    assert "startupProbe" in spec["initContainers"][0]
    assert [c["name"] for c in spec["containers"]] == ["tls"]


def test_kubectl_logs_shows_the_images_log():
    assert only().annotations["kubectl.kubernetes.io/default-container"] == "server"


def test_the_pod_outlives_the_longest_tool_and_the_image_has_time_to_end():
    budget = TimeoutBudget(longest_tool=300)
    timeouts = budget.at(Distance.SERVER)
    found = only(budget=budget)
    assert found.container("tls")["lifecycle"] == {
        "preStop": {"sleep": {"seconds": timeouts.pre_stop}}
    }
    assert "lifecycle" not in found.container("server")
    nginx_ends = timeouts.pre_stop + CLOSING_SECONDS + timeouts.drain
    assert timeouts.drain > 300
    assert found.spec["terminationGracePeriodSeconds"] >= nginx_ends + 10


def test_the_pod_ends_no_sooner_than_the_gateway_has_left_it():
    server, gateway = (TimeoutBudget().at(one) for one in (Distance.SERVER, Distance.GATEWAY))
    conf = next(c for c in objects(graph(), "ConfigMap") if "nginx.conf" in c["data"])["data"]
    assert f"worker_shutdown_timeout {server.drain}s;" in conf["nginx.conf"]
    assert f"proxy_read_timeout {server.timeout}s;" in conf["nginx.conf"]
    assert server.timeout < gateway.timeout


def test_the_image_without_a_health_path_is_asked_for_a_connection():
    for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert image(port=3001)[kind]["tcpSocket"] == {"port": 3001}


def test_the_image_with_a_health_path_is_asked_for_it():
    for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
        asked = image(port=3001, health="/healthz")[kind]["httpGet"]
        assert (asked["port"], asked["path"]) == (3001, "/healthz")


def test_the_image_is_not_restarted_during_its_longest_tool():
    for longest in (1, 60, 301):
        probe = image(budget=TimeoutBudget(longest_tool=longest))["livenessProbe"]
        assert probe["periodSeconds"] * (probe["failureThreshold"] - 1) >= longest


def test_the_image_may_take_as_long_to_start_as_it_is_given():
    probe = image(start_seconds=240)["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] == 240


def test_the_command_of_the_image_is_its_own_unless_one_is_given():
    assert "command" not in image()
    assert image(command=["node", "index.js"])["command"] == ["node", "index.js"]


def test_variables_come_as_text_and_from_secrets():
    found = variables(
        env={"UNITS": "metric"}, secret_env={"API_KEY": SecretKey(secret="weather", key="key")}
    )
    assert found["UNITS"] == "metric"
    assert found["API_KEY"] == {"secretKeyRef": {"name": "weather", "key": "key"}}
    assert "UNITS" not in {one["name"] for one in only().container("tls")["env"]}


def test_the_home_directory_can_be_written_unless_another_is_given():
    assert variables()["HOME"] == "/tmp"
    assert variables(env={"HOME": "/data"})["HOME"] == "/data"
    secret = {"HOME": SecretKey(secret="weather", key="home")}
    assert [one["name"] for one in image(secret_env=secret)["env"]].count("HOME") == 1


def test_files_are_mounted_beside_what_the_image_has_there():
    texts = {"/app/a_b/c.yaml": "1", "/app/a/b_c.yaml": "2", "/app/.env": "3", "/etc/c.yaml": "4"}
    made = graph(files=texts)
    (config_map,) = (c for c in objects(made, "ConfigMap") if "nginx.conf" not in c["data"])
    (found,) = pods(made)
    mounted = {
        mount["mountPath"]: config_map["data"][mount["subPath"]]
        for mount in found.container("server")["volumeMounts"]
        if "subPath" in mount
    }
    assert mounted == texts
    assert not [m for m in found.container("tls")["volumeMounts"] if "subPath" in m]


def test_a_changed_file_rolls_the_pods():
    checksum = "qudag-mcp/files-checksum"
    one, other = (only(files={"/app/a": text}).annotations[checksum] for text in "ab")
    assert one != other


def test_any_directory_can_be_made_writable():
    paths = ["/tmp", "/home/node/.cache", "/app/Data", "/var/" + "a" * 80]
    mounts = image(writable=paths)["volumeMounts"]
    assert sorted(mount["mountPath"] for mount in mounts) == sorted(paths)
    assert len({mount["name"] for mount in mounts}) == len(paths)


def test_the_image_runs_as_nobody_or_as_the_given_user_and_never_as_root():
    context = image()["securityContext"]
    assert (context["runAsUser"], context["runAsGroup"]) == (NOBODY, NOBODY)
    context = image(user=1000)["securityContext"]
    assert (context["runAsUser"], context["runAsGroup"]) == (1000, 1000)
    assert context["runAsNonRoot"] is True
    assert only(user=1000).container("tls")["securityContext"]["runAsUser"] == NOBODY


def test_where_the_cluster_assigns_ids_none_is_set():
    settings = PodSettings(user_ids=UserIds.PLATFORM)
    assert "runAsUser" not in image(pods=settings)["securityContext"]
    with pytest.raises(ProblemReport, match=r"weather\.user: "):
        graph(pods=settings, user=1000)


def test_only_nginx_has_the_certificates_key():
    found = only()
    (volume,) = (one["name"] for one in found.spec["volumes"] if "secret" in one)
    mounted = {c["name"]: [m["name"] for m in c["volumeMounts"]] for c in found.containers}
    assert volume in mounted["tls"]
    assert volume not in mounted["server"]


@pytest.mark.parametrize(("era", "kept"), [("modern", False), ("legacy", True), ("dual", True)])
def test_a_client_keeps_its_pod_where_there_are_sessions(era: Any, kept: bool):
    (service,) = objects(graph(era=era), "Service")
    assert (service["spec"].get("sessionAffinity") == "ClientIP") is kept


def test_the_autoscaler_counts_the_image_alone():
    (scaler,) = objects(graph(scaling=Autoscaling(min=2, max=4)), "HorizontalPodAutoscaler")
    counted = [one["containerResource"] for one in scaler["spec"]["metrics"]]
    assert [(one["name"], one["container"]) for one in counted] == [
        ("cpu", "server"),
        ("memory", "server"),
    ]


def test_one_pod_at_a_time_mounts_a_volume_that_one_node_mounts():
    storage = Storage(path="/data", size="5Gi", protect=True)
    made = graph(storage=storage, replicas=1)
    (owner,) = pods(made)
    assert owner.owner.type == "kubernetes:apps/v1:StatefulSet"
    (claim,) = objects(made, "PersistentVolumeClaim")
    assert claim["spec"]["accessModes"] == ["ReadWriteOnce"]
    mounts = owner.container("server")["volumeMounts"]
    assert {"name": "data", "mountPath": "/data"} in mounts


@pytest.mark.parametrize("scale", [{"replicas": 2}, {"scaling": Autoscaling(min=1, max=2)}])
def test_several_pods_are_refused_a_volume_that_one_node_mounts(scale: dict[str, Any]):
    with pytest.raises(ProblemReport, match=r"weather\.(replicas|scaling\.max): is 2"):
        graph(storage=Storage(path="/data", size="5Gi"), **scale)


def test_several_pods_share_a_volume_that_many_nodes_mount():
    storage = Storage(path="/data", size="5Gi", access="ReadWriteMany", storage_class="shared")
    made = graph(storage=storage, replicas=3)
    (owner,) = pods(made)
    assert owner.owner.type == "kubernetes:apps/v1:Deployment"
    (claim,) = objects(made, "PersistentVolumeClaim")
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    assert claim["spec"]["storageClassName"] == "shared"


def test_a_credential_in_a_variable_is_refused_without_showing_it():
    with pytest.raises(ProblemReport, match=r"weather\.env\.API_KEY") as report:
        graph(env={"API_KEY": "abc-123"})
    assert "abc-123" not in str(report.value)


def test_all_problems_are_reported_at_once():
    with pytest.raises(ProblemReport) as report:
        graph(port=8443, env={"API_KEY": "a"}, writable=["/a", "/a"], files={"/a": "b"})
    assert {one.path for one in report.value.problems} == {
        *("weather.port", "weather.env.API_KEY", "weather.writable[0]", "weather.writable[1]"),
    }
