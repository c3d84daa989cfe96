"""Gateway: terminates TLS, limits, outlives the server behind it, and says where MCP is."""

from __future__ import annotations

from typing import Any

import pytest

from components.base.refusal import Refused
from components.kubernetes.gateway import Gateway, GatewayEngine, RateLimits, Upstream, nginx_conf
from components.kubernetes.workload import Exposure
from components.mcp.timeout_budget import Distance, TimeoutBudget
from graph.manifests import manifests
from tests.harness import ResourceGraph, record
from tests.harness.graph_queries import Pods, objects, pods
from tests.harness.minimal_args import gateway


def graph(**args: Any) -> ResourceGraph:
    return record(lambda: Gateway("mcp-gateway", gateway(**args)))


def gateway_pods(**args: Any) -> Pods:
    (found,) = pods(graph(**args))
    return found


def outputs(**args: Any) -> dict[str, Any]:
    return graph(**args).one("qudag-mcp:index:Gateway").outputs


def test_the_outputs_are_those_of_every_target_that_serves_mcp():
    assert outputs() == {
        "mcp_url": "https://mcp.example.com/mcp",
        "prm_url": "https://mcp.example.com/.well-known/oauth-protected-resource/mcp",
        "issuer": "https://issuer.example.com",
        "era": "dual",
    }


def test_without_a_domain_the_outputs_name_the_load_balancers_address():
    exposure = Exposure(name="edge", type="LoadBalancer")
    given = outputs(domain=None, exposure=exposure)
    assert given["mcp_url"] == "https://address-of.qudag-mcp-dev.edge/mcp"


def test_two_gateways_in_one_namespace_are_different_objects():
    both = record(lambda: [Gateway(name, gateway()) for name in ("inside", "outside")])
    names = sorted(service["metadata"]["name"] for service in objects(both, "Service"))
    assert names == ["inside-service", "outside-service"]
    assert manifests(both)


def test_nginx_runs_with_the_rendered_configuration_and_an_own_image_without():
    assert "nginx.conf" in objects(graph(), "ConfigMap")[0]["data"]
    own = graph(engine=GatewayEngine.IMAGE, command=["own-gateway"])
    assert objects(own, "ConfigMap") == []
    (found,) = pods(own)
    assert found.container("mcp-gateway")["command"] == ["own-gateway"]
    assert "command" not in gateway_pods(engine=GatewayEngine.IMAGE).container("mcp-gateway")


def test_both_engines_are_probed_limited_and_drained_alike():
    nginx, own = (
        gateway_pods().containers[0],
        gateway_pods(engine=GatewayEngine.IMAGE, command=["own"]).containers[0],
    )
    for field in ("livenessProbe", "readinessProbe", "resources", "lifecycle", "ports"):
        assert nginx[field] == own[field]


def test_a_changed_rate_limit_rolls_the_pods():
    checksum = "qudag-mcp/files-checksum"
    limited = gateway_pods(rate_limits=RateLimits())
    assert gateway_pods().annotations[checksum] != limited.annotations[checksum]


def test_neither_probe_asks_the_server_behind_the_gateway():
    conf = nginx_conf(gateway())
    plain = conf[conf.index("listen 8080") : conf.index("listen 8443")]
    found = gateway_pods().container("mcp-gateway")
    for probe in ("livenessProbe", "readinessProbe"):
        assert found[probe]["httpGet"]["port"] == 8080
        assert found[probe]["httpGet"]["path"] in plain
    assert "proxy_pass" not in plain


def test_the_gateway_outlives_the_server_behind_it():
    budget = TimeoutBudget(longest_tool=300)
    server, timeouts = budget.at(Distance.SERVER), budget.at(Distance.GATEWAY)
    assert gateway_pods(budget=budget).spec["terminationGracePeriodSeconds"] == timeouts.grace
    conf = nginx_conf(gateway(budget=budget))
    assert f"proxy_read_timeout {timeouts.timeout}s;" in conf
    assert f"worker_shutdown_timeout {timeouts.drain}s;" in conf
    assert timeouts.timeout > server.timeout
    assert timeouts.drain > server.drain


def test_only_the_public_certificate_has_its_key_in_the_gateway():
    found = gateway_pods()
    secrets = {
        volume["secret"]["secretName"]: [item["key"] for item in volume["secret"]["items"]]
        for volume in found.spec["volumes"]
        if "secret" in volume
    }
    assert secrets == {"mcp-tls-secret": ["tls.crt", "tls.key"], "mcp-internal-ca": ["ca.crt"]}


def test_one_secret_may_hold_both_certificates():
    found = gateway_pods(internal_ca_secret="mcp-tls-secret")
    keys = {
        mount["mountPath"]: [item["key"] for item in found.volume(mount["name"])["secret"]["items"]]
        for mount in found.container("mcp-gateway")["volumeMounts"]
        if mount["mountPath"] in ("/etc/tls", "/etc/internal-ca")
    }
    assert keys == {"/etc/tls": ["tls.crt", "tls.key"], "/etc/internal-ca": ["ca.crt"]}


def test_the_service_offers_tls_and_the_redirect_to_it():
    (service,) = objects(graph(), "Service")
    assert {p["port"]: p["targetPort"] for p in service["spec"]["ports"]} == {
        443: "https",
        80: "http",
    }


def test_the_upstreams_certificate_is_verified_by_name():
    conf = nginx_conf(gateway(upstream=Upstream(host="10.0.0.1", certificate_name="core.svc")))
    assert "server 10.0.0.1:8443 max_fails=0;" in conf
    assert "proxy_ssl_verify on;" in conf
    assert "proxy_ssl_name core.svc;" in conf


@pytest.mark.parametrize(
    ("era", "stored", "kept"),
    [
        ("modern", False, False),
        ("legacy", False, True),
        ("dual", False, True),
        ("dual", True, False),
    ],
)
def test_a_client_keeps_its_pod_where_sessions_are_in_memory(era: Any, stored: bool, kept: bool):
    (service,) = objects(graph(era=era, stored_sessions=stored), "Service")
    assert (service["spec"].get("sessionAffinity") == "ClientIP") is kept


def test_the_proxy_protocol_without_trusted_proxies_is_refused():
    with pytest.raises(Refused, match="list the networks of the proxies in trusted_proxies"):
        graph(proxy_protocol=True)


def test_probes_use_a_port_without_the_proxy_protocol():
    behind = gateway_pods(proxy_protocol=True, trusted_proxies=["10.0.0.0/16"])
    found = behind.container("mcp-gateway")
    assert {found[p]["httpGet"]["port"] for p in ("livenessProbe", "readinessProbe")} == {8082}
    offered = {port["containerPort"] for port in found["ports"]}
    assert offered == {8080, 8443}


def test_hsts_has_preload_only_with_hsts_preload():
    assert 'includeSubDomains; preload"' in nginx_conf(gateway(hsts_preload=True))
    assert "preload" not in nginx_conf(gateway())
