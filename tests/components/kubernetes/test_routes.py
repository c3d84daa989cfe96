"""Routes of a gateway: refusals, and what follows for its pods and its nginx."""

from __future__ import annotations

import re
from typing import Any

import pytest

from components.base.refusal import Refused
from components.kubernetes.core import Monolith, MonolithArgs
from components.kubernetes.gateway import (
    Gateway,
    GatewayEngine,
    RateLimit,
    RateLimits,
    Upstream,
    nginx_conf,
)
from components.kubernetes.routes import Route
from components.mcp.protected_resource import ProtectedResource
from components.mcp.timeout_budget import Distance, TimeoutBudget
from tests.harness import record
from tests.harness.graph_queries import Pods, objects, pods
from tests.harness.minimal_args import config, core, gateway, monolith

AUTHORIZER = Upstream(host="mcp-auth-service")
SERVER = Upstream(host="weather-service")
MODERN: dict[str, Any] = {"name": "weather", "upstream": SERVER, "era": "modern"}


def routed(*routes: Route, **args: Any) -> Any:
    return gateway(**{"authorizer": AUTHORIZER, "routes": routes, "era": "modern", **args})


def gateway_pods(args: Any) -> Pods:
    (found,) = pods(record(lambda: Gateway("mcp-gateway", args)))
    return found


WEATHER, OWN = Route(**MODERN), Route(**MODERN, hostname="weather.example.com")
REFUSED: dict[str, tuple[Any, str]] = {
    "two of one name": (routed(WEATHER, WEATHER), "routes[1].name"),
    "two of one host name": (
        routed(OWN, Route(name="files", upstream=SERVER, hostname="weather.example.com")),
        "routes[1].hostname",
    ),
    "the gateway's domain": (
        routed(Route(**MODERN, hostname="mcp.example.com")),
        "routes[0].hostname",
    ),
    "two of one prefix": (
        routed(Route(**MODERN, prefix="/ml"), Route(name="files", upstream=SERVER, prefix="/ml")),
        "routes[1].prefix",
    ),
    "the prefix of another route": (
        routed(WEATHER, Route(name="files", upstream=SERVER, prefix="/servers/weather")),
        "routes[1].prefix",
    ),
    "a health path without a prefix": (
        routed(Route(**MODERN, health="/health")),
        "routes[0].health",
    ),
    "no authorizer": (routed(WEATHER, authorizer=None), "authorizer"),
    "a token that is sent anyway": (
        routed(Route(**MODERN, auth="server", forward_token=True)),
        "routes[0].forward_token",
    ),
    "limits where nothing is counted": (
        routed(Route(**MODERN, rate_limit=RateLimit(requests_per_second=1, burst=0))),
        "routes[0].rate_limit",
    ),
    "an image of one's own": (routed(WEATHER, engine=GatewayEngine.IMAGE), "routes"),
    "names of an image of one's own": (
        gateway(engine=GatewayEngine.IMAGE, domain="a.test", additional_domains=["b.test"]),
        "additional_domains",
    ),
    "a second name without a first": (
        gateway(domain=None, additional_domains=["b.test"]),
        "additional_domains",
    ),
    "the first name again": (
        gateway(domain="a.test", additional_domains=["a.test"]),
        "additional_domains[0]",
    ),
    "a name twice": (
        gateway(domain="a.test", additional_domains=["b.test", "b.test"]),
        "additional_domains[1]",
    ),
    "the name of a server": (
        routed(Route(**MODERN, hostname="b.test"), domain="a.test", additional_domains=["b.test"]),
        "routes[0].hostname",
    ),
}


@pytest.mark.parametrize(("args", "path"), REFUSED.values(), ids=REFUSED)
def test_routes_that_cannot_be_served_are_refused(args: Any, path: str):
    with pytest.raises(Refused) as refused:
        record(lambda: Gateway("mcp-gateway", args))
    assert [problem.path for problem in refused.value.problems] == [f"mcp-gateway.{path}"]


def test_a_server_that_checks_tokens_itself_needs_no_authorizer():
    args = routed(Route(**MODERN, auth="server"), authorizer=None)
    assert "auth_request" not in nginx_conf(args)
    assert "/var/cache/authorized" not in str(gateway_pods(args).spec)


def test_the_zones_of_a_route_are_its_own():
    """Every zone of the platform's path is there for each route, with the route's rate."""
    own = RateLimit(requests_per_second=50, burst=3, connections=4, streams=5)
    text = nginx_conf(
        routed(
            Route(**MODERN, rate_limit=own),
            Route(name="files", upstream=SERVER),
            rate_limits=RateLimits(),
        )
    )
    declared = re.findall(r"limit_(?:req|conn)_zone \S+ zone=([^:]+):", text)
    assert len(declared) == len(set(declared))
    used = {
        path: re.findall(r"limit_(?:req zone=|conn )([^ ;]+)", block)
        for path, block in re.findall(
            r"location = (/servers/\w+/mcp|/mcp) \{(.*?)\n        \}", text, re.DOTALL
        )
    }
    platform = used.pop("/mcp")
    assert used == {
        f"/servers/{name}/mcp": [f"{zone}-{name}" for zone in platform]
        for name in ("weather", "files")
    }
    assert {*platform, *used["/servers/weather/mcp"]} <= {*declared}
    rates = dict(re.findall(r"zone=(api[^:]*):\S+ rate=(\S+);", text))
    assert rates == {"api": "10r/s", "api-weather": "50r/s", "api-files": "10r/s"}
    for line in (
        "limit_req zone=api-weather burst=3 nodelay;",
        "limit_conn api_connections-weather 4;",
        "limit_conn standing_streams-weather 5;",
    ):
        assert line in text


@pytest.mark.parametrize("longest", [30, 300])
def test_the_pods_outlive_the_longest_call_of_any_route(longest: int):
    route = Route(**MODERN, budget=TimeoutBudget(longest_tool=longest))
    wanted = max(
        TimeoutBudget(longest_tool=each).at(Distance.GATEWAY).grace for each in (60, longest)
    )
    assert gateway_pods(routed(route)).spec["terminationGracePeriodSeconds"] == wanted
    made = monolith(config=config(name="mcp-server", era="modern", http=8081, https=8444))
    front = routed(route, upstream=made.gateway.upstream)
    args = MonolithArgs(core=made.core, gateway=front)
    (found,) = pods(record(lambda: Monolith("mcp-server", args)))
    # Its own server waits 65 s more, if it has cut calls: Prometheus reads every 30 or 60 s.
    own = TimeoutBudget(longest_tool=60).at(Distance.GATEWAY).grace + 65
    assert found.spec["terminationGracePeriodSeconds"] == max(wanted, own)


@pytest.mark.parametrize(("era", "kept"), [("modern", False), ("legacy", True), ("dual", True)])
def test_a_client_keeps_its_pod_where_a_route_has_sessions(era: Any, kept: bool):
    route = Route(name="weather", upstream=SERVER, era=era)
    made = monolith(config=config(name="mcp-server", era="modern", http=8081, https=8444))
    alone = record(lambda: Gateway("mcp-gateway", routed(route)))
    front = routed(route, upstream=made.gateway.upstream)
    both = record(lambda: Monolith("mcp-server", MonolithArgs(core=made.core, gateway=front)))
    for graph in (alone, both):
        (service,) = objects(graph, "Service")
        assert (service["spec"].get("sessionAffinity") == "ClientIP") is kept


def test_remembered_answers_are_in_memory_only():
    found = gateway_pods(routed(WEATHER))
    (mount,) = [
        mount
        for mount in found.container("mcp-gateway")["volumeMounts"]
        if mount["mountPath"] == "/var/cache/authorized"
    ]
    assert found.volume(mount["name"])["emptyDir"]["medium"] == "Memory"
    assert "proxy_cache_path /var/cache/authorized " in nginx_conf(routed(WEATHER))
    assert not [v for v in gateway_pods(gateway()).spec["volumes"] if "medium" in str(v)]


def test_a_server_lists_each_protected_resource_once():
    twice = [ProtectedResource(path="/servers/a/mcp", hostname="a.example.com")] * 2
    given = config(protected_resources=twice)
    assert [problem.path for problem in given.refusals()] == [
        "protected_resources[1].path",
        "protected_resources[1].hostname",
    ]
    assert core(config=config(protected_resources=twice[:1])).server.config.refusals() == []
