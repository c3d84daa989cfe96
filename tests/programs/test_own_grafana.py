"""The platform's own Grafana: who may log in, what it reads, and what it may connect to."""

from __future__ import annotations

import configparser
import json
import re
from functools import cache
from typing import Any, Final
from urllib.parse import urlsplit

from components.observability import prometheus_config
from graph.resource_graph import ResourceGraph
from policies import findings
from stacks import monitoring
from tests.harness.graph_queries import Pods, objects, pods
from tests.harness.network_policy_model import Endpoint, Enforcement
from tests.harness.user_servers import NETWORK, recorded

MONITORING: Final = "qudag-mcp-dev-monitoring"
GRAFANA: Final = Endpoint.pod(MONITORING, app="grafana")
SECTIONS: Final[dict[str, Any]] = {
    "topology": "microservices",
    "network": {k: v for k, v in NETWORK.items() if k != "prometheus"},
    "kubernetes": {"apiServer": ["10.96.0.1/32"]},
    "servers": {"notes": {"image": "ghcr.io/acme/notes:1"}},
    "observability": {"kind": "standalone", "dashboards": {}, "standalone": {"grafana": {}}},
}


@cache
def stack() -> ResourceGraph:
    return recorded(SECTIONS)


@cache
def pod() -> Pods:
    (found,) = [one for one in pods(stack()) if one.name == "grafana"]
    return found


def files() -> dict[str, str]:
    """The text of each file of a ConfigMap that Grafana sees, by its path."""
    texts = {one["metadata"]["name"]: one["data"] for one in objects(stack(), "ConfigMap")}
    volumes = {one["name"]: one for one in pod().spec["volumes"]}
    return {
        f"{mount['mountPath']}/{name}": text
        for mount in pod().container("grafana")["volumeMounts"]
        if (source := volumes[mount["name"]].get("configMap"))
        for name, text in texts[source["name"]].items()
    }


def settings() -> configparser.ConfigParser:
    (argument,) = [
        one for one in pod().container("grafana")["command"] if one.startswith("--config=")
    ]
    read = configparser.ConfigParser(interpolation=None)
    read.read_string(files()[argument.removeprefix("--config=")])
    return read


def sources() -> list[dict[str, Any]]:
    folder = settings()["paths"]["provisioning"]
    (found,) = [text for path, text in files().items() if path.startswith(f"{folder}/datasources/")]
    return json.loads(found)["datasources"]


def test_nobody_sees_anything_without_a_login_and_nobody_makes_one_for_himself():
    read = settings()
    assert not read["auth.anonymous"].getboolean("enabled")
    assert not read["users"].getboolean("allow_sign_up")
    assert not read["snapshots"].getboolean("enabled")
    assert not read["public_dashboards"].getboolean("enabled")
    assert read["server"]["protocol"] == "https"
    assert read["security"].getboolean("cookie_secure")


def test_the_password_and_the_key_that_signs_are_from_a_secret():
    security = settings()["security"]
    named = [
        re.fullmatch(r"\$__file\{(.+)\}", security[key]) for key in ("admin_password", "secret_key")
    ]
    assert [match[1] for match in named if match] == [
        "/etc/grafana/admin/password",
        "/etc/grafana/admin/secret-key",
    ]


def test_every_file_that_its_configuration_names_is_mounted():
    of_secrets = {one["name"]: one["secret"] for one in pod().spec["volumes"] if "secret" in one}
    mounted = {
        f"{mount['mountPath']}/{item['path']}"
        for mount in pod().container("grafana")["volumeMounts"]
        if mount["name"] in of_secrets
        for item in of_secrets[mount["name"]]["items"]
    }
    server = settings()["server"]
    text = "\n".join(files().values())
    named = {*re.findall(r"\$__file\{([^}]+)\}", text), server["cert_file"], server["cert_key"]}
    assert named == mounted


def test_it_calls_no_host_outside_and_downloads_no_plugin():
    read = settings()
    for key in ("reporting_enabled", "check_for_updates", "check_for_plugin_updates"):
        assert not read["analytics"].getboolean(key)
    assert read["plugins"].getboolean("preinstall_disabled")
    assert not read["plugins"].getboolean("plugin_admin_enabled")
    assert not read["news"].getboolean("news_feed_enabled")
    unused = read["plugins"]["disable_plugins"].split(",")
    assert not {one["type"] for one in sources()} & set(unused)
    assert "loki" in unused


def test_its_data_source_is_the_prometheus_of_the_stack_whose_certificate_it_verifies():
    (source,) = sources()
    url = urlsplit(str(source["url"]))
    certificates = {
        name
        for one in stack().outputs["required_secrets"]
        if one["name"] == "mcp-internal-tls-prometheus"
        for name in one["dns_names"]
    }
    assert (source["type"], url.scheme, url.port) == ("prometheus", "https", 9090)
    assert url.hostname in certificates
    assert source["jsonData"]["serverName"] == url.hostname
    assert source["jsonData"]["tlsAuthWithCACert"]
    assert source["isDefault"]
    assert not source["editable"]


def test_the_ports_in_flows_are_those_of_the_components():
    assert monitoring.PROMETHEUS_PORT == prometheus_config.PORT


def test_it_asks_prometheus_alone_and_no_pod_may_connect_to_it():
    cluster = Enforcement(objects(stack(), "NetworkPolicy"))
    ends = {
        each.name: Endpoint(each.owner.inputs["metadata"]["namespace"], each.labels)
        for each in pods(stack())
    }
    listening = {each.name: [port for _, port in each.ports] for each in pods(stack())}
    assert [
        (name, port)
        for name, end in ends.items()
        for port in listening[name]
        if cluster.allows(GRAFANA, end, "TCP", port)
    ] == [("prometheus", 9090)]
    assert [name for name, end in ends.items() if cluster.allows(end, GRAFANA, "TCP", 3000)] == []
    for address in ("198.51.100.1", "10.96.0.1"):
        assert not cluster.leaves(GRAFANA, Endpoint.address(address), "TCP", 443)


def test_it_has_the_dashboards_of_the_stack():
    (provider,) = [
        json.loads(text)["providers"][0]
        for path, text in files().items()
        if "/provisioning/dashboards/" in path
    ]
    folder = provider["options"]["path"]
    wanted = sorted(
        text
        for one in objects(stack(), "ConfigMap")
        if "grafana_dashboard" in one["metadata"].get("labels", {})
        for text in one["data"].values()
    )
    found = {
        path.rpartition("/")[2]: text
        for path, text in files().items()
        if path.startswith(f"{folder}/")
    }
    assert sorted(found.values()) == wanted  # file names are another matter in a folder of its own
    assert "qudag-mcp-server-notes.json" in found
    assert not provider["allowUiUpdates"]


def test_no_config_map_is_larger_than_the_api_server_takes():
    sizes = [
        sum(len(text.encode()) for text in one["data"].values())
        for one in objects(stack(), "ConfigMap")
        if one["metadata"]["name"].startswith("grafana-")
    ]
    assert len(sizes) > 8
    assert max(sizes) < 1024**2


def test_it_writes_to_its_database_alone():
    writable = {
        mount["mountPath"]
        for mount in pod().container("grafana")["volumeMounts"]
        if not mount.get("readOnly")
    }
    assert writable == {"/tmp", settings()["paths"]["data"]}
    assert pod().container("grafana")["securityContext"]["readOnlyRootFilesystem"]


def test_its_secrets_are_required_in_its_namespace():
    wanted = {
        (one["name"], one["kind"], tuple(one["keys"]))
        for one in stack().outputs["required_secrets"]
        if one["namespace"] == MONITORING
    }
    assert {
        ("mcp-grafana", "passwords", ("password", "secret-key")),
        ("mcp-internal-tls-grafana", "internal-certificate", ("tls.crt", "tls.key")),
        ("mcp-internal-ca", "authority", ("ca.crt",)),
    } <= wanted


def test_its_objects_break_no_rule():
    made = {one.urn for one in stack().resources if "grafana" in one.urn}
    assert len(made) > 10
    assert [one for one in findings(stack()) if one.urn in made] == []
