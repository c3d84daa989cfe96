"""The engine agentgateway: what is refused, and what holds of every configuration and pod."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from components.base.refusal import Refused
from components.kubernetes.agentgateway_args import Agentgateway
from components.kubernetes.core import Monolith, MonolithArgs
from components.kubernetes.gateway import Gateway, GatewayEngine, RateLimits, Upstream
from components.kubernetes.routes import Route
from components.mcp.timeout_budget import Distance, TimeoutBudget
from components.mcp.traces import TraceReceiver
from tests.harness import record
from tests.harness.graph_queries import Pods, objects, pods
from tests.harness.minimal_args import ISSUER, config, gateway, monolith

KEYS: Final = "https://issuer.example.com/keys?tenant=a"
ROUTES: Final = [
    Route(
        name="weather",
        upstream=Upstream(host="weather-service", certificate_name="weather.any.svc"),
        path="/api/mcp",
        budget=TimeoutBudget(longest_tool=300),
        hostname="weather.example.com",
    ),
    Route(name="notes", upstream=Upstream(host="notes-service"), forward_token=True),
    Route(name="own", upstream=Upstream(host="own-service"), auth="server"),
]
CHECKED: Final = {
    "https://mcp.example.com/servers/weather/mcp",
    "https://weather.example.com/mcp",
    "https://mcp.example.com/servers/notes/mcp",
}
"""The addresses whose tokens agentgateway checks."""


def args(**changes: Any) -> Any:
    given: dict[str, Any] = {
        "engine": GatewayEngine.AGENTGATEWAY,
        "image": "example.com/agentgateway:1.4.1",
        "routes": ROUTES,
        "agentgateway": Agentgateway(
            jwks_url=KEYS, scopes={"weather": ["all", "weather.read"], "notes": ["all"]}
        ),
    }
    return gateway(**given | changes)


def graph(made: Any) -> Any:
    return record(lambda: Gateway("mcp-gateway", made))


def configured(**changes: Any) -> dict[str, Any]:
    (found,) = [
        made["data"]["config.json"] for made in objects(graph(args(**changes)), "ConfigMap")
    ]
    return json.loads(found)


def routes(made: dict[str, Any]) -> list[dict[str, Any]]:
    """The routes of the port with TLS."""
    (listener,) = made["binds"][1]["listeners"]
    assert listener["protocol"] == "HTTPS"
    return listener["routes"]


def to_servers(made: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each address of a user's server, with its route."""
    for route in routes(made):
        if route["name"] != "platform" and not route["name"].endswith("-metadata"):
            (match,) = route["matches"]
            yield f"https://{route['hostnames'][0]}{match['path']['exact']}", route


def rules(route: dict[str, Any]) -> list[str]:
    """The expressions that a request must satisfy."""
    return [rule["require"] for rule in route["policies"]["authorization"]["rules"]]


def test_spans_are_sent_with_tls_and_without_the_users_names():
    """As TracingConfig of agentgateway 1.4.1 is read (types/agent.rs)."""
    host = "trace-collector-service.any-monitoring.svc"
    tracing = configured(traces=TraceReceiver(host=host))["frontendPolicies"]["tracing"]
    assert tracing == {
        "host": f"{host}:4318",
        "policies": {
            "backendTLS": {
                "root": "/etc/internal-ca/ca.crt",
                "hostname": host,
                "alpn": ["http/1.1"],
            }
        },
        "protocol": "http",
        "resources": {"service.name": '"gateway"'},
        "randomSampling": True,
        "clientSampling": True,
        "remove": ["jwt.sub", "src.addr", "error"],
    }
    assert "tracing" not in configured()["frontendPolicies"]


REFUSED: dict[str, tuple[Callable[[], Any], list[str]]] = {
    "no domain": (lambda: args(domain=None), ["domain"]),
    "several domains": (
        lambda: args(additional_domains=["mcp.example.org"]),
        ["additional_domains"],
    ),
    "limits for each client": (lambda: args(rate_limits=RateLimits()), ["rate_limits"]),
    "trusted proxies": (lambda: args(trusted_proxies=["10.0.0.0/8"]), ["trusted_proxies"]),
    "the PROXY protocol": (
        lambda: args(trusted_proxies=["10.0.0.0/8"], proxy_protocol=True),
        ["trusted_proxies", "proxy_protocol"],
    ),
    "an authorizer": (lambda: args(authorizer=Upstream(host="mcp-auth")), ["authorizer"]),
    "no checks of tokens": (lambda: args(agentgateway=None), ["agentgateway"]),
    "no keys": (lambda: args(agentgateway=Agentgateway()), ["agentgateway.jwks_secret"]),
    "keys of two places": (
        lambda: args(agentgateway=Agentgateway(jwks_url=KEYS, jwks_secret="keys")),
        ["agentgateway.jwks_secret"],
    ),
    "keys without TLS": (
        lambda: args(agentgateway=Agentgateway(jwks_url="http://issuer.example.com/keys")),
        ["agentgateway.jwks_url"],
    ),
    "a clock that differs by more than its leeway": (
        lambda: args(agentgateway=Agentgateway(jwks_url=KEYS, clock_skew_seconds=61)),
        ["agentgateway.clock_skew_seconds"],
    ),
    "scopes of no route": (
        lambda: args(agentgateway=Agentgateway(jwks_url=KEYS, scopes={"wether": ["a"]})),
        ["agentgateway.scopes.wether"],
    ),
    "scopes of a server that checks tokens": (
        lambda: args(agentgateway=Agentgateway(jwks_url=KEYS, scopes={"own": ["a"]})),
        ["agentgateway.scopes.own"],
    ),
    "its settings with nginx": (
        lambda: args(engine=GatewayEngine.NGINX, authorizer=Upstream(host="mcp-auth")),
        ["agentgateway"],
    ),
    "two routes of one name": (
        lambda: args(routes=[ROUTES[1], ROUTES[0], ROUTES[1]]),
        ["routes[2].name"],
    ),
}


@pytest.mark.parametrize(("made", "paths"), REFUSED.values(), ids=REFUSED)
def test_what_agentgateway_cannot_do_is_refused(made: Callable[[], Any], paths: list[str]):
    with pytest.raises(Refused) as refused:
        graph(made())
    found = refused.value.problems
    assert [problem.path for problem in found] == [f"mcp-gateway.{path}" for path in paths]
    assert all(problem.consequence and problem.fix for problem in found)


def test_every_server_has_a_route_and_each_is_checked_unless_it_checks_tokens_itself():
    served = dict(to_servers(configured()))
    assert served.keys() == CHECKED | {"https://mcp.example.com/servers/own/mcp"}
    checked = {url for url, route in served.items() if "mcpAuthentication" in route["policies"]}
    assert checked == CHECKED


def test_a_token_must_be_there_and_be_of_the_issuer_for_the_address_itself():
    for url, route in to_servers(configured()):
        if url in CHECKED:
            policy = route["policies"]["mcpAuthentication"]
            assert policy["mode"] == "strict"
            assert (policy["issuer"], policy["audiences"]) == (ISSUER, [url])
            assert policy["jwks"] == {"url": KEYS}
            # Claims that the program does not compare where a token leaves them out.
            assert {"exp", "iss", "aud"} <= {*policy["jwtValidationOptions"]["requiredClaims"]}
            assert policy["resourceMetadata"] == {"resource": url}


def test_additional_audiences_are_accepted_besides_the_address():
    settings = Agentgateway(jwks_url=KEYS, additional_audiences=["qudag"])
    for url, route in to_servers(configured(agentgateway=settings)):
        if url in CHECKED:
            assert route["policies"]["mcpAuthentication"]["audiences"] == [url, "qudag"]


def test_the_scopes_of_a_route_are_required_there_and_published_in_its_metadata():
    made = configured()
    for url, route in to_servers(made):
        wanted = {"weather": ["all", "weather.read"], "notes": ["all"]}
        scopes = wanted.get(route["name"].removesuffix("-own-host"), [])
        if url in CHECKED:
            required = [rule for rule in rules(route) if "jwt.scope" in rule]
            assert [rule.partition(" in ")[0] for rule in required] == [f'"{s}"' for s in scopes]
            (about,) = [
                each for each in routes(made) if each["name"] == f"{route['name']}-metadata"
            ]
            document = json.loads(about["policies"]["directResponse"]["body"])
            assert document["resource"] == url
            assert document["authorization_servers"] == [ISSUER]
            assert document["scopes_supported"] == scopes


def test_metadata_is_at_both_well_known_forms_and_at_the_root_of_an_own_host():
    known = "/.well-known/oauth-protected-resource"
    found = {
        f"{route['hostnames'][0]}{match['path']['exact']}"
        for route in routes(configured())
        if route["name"].endswith("-metadata")
        for match in route["matches"]
    }
    paths = [f"/servers/{name}/mcp" for name in ("weather", "notes", "own")]
    main = {f"mcp.example.com{each}" for path in paths for each in (known + path, path + known)}
    own = {f"weather.example.com{each}" for each in (known, f"{known}/mcp", f"/mcp{known}")}
    assert found == main | own


def test_a_server_gets_the_user_and_the_token_only_if_it_is_forwarded():
    for url, route in to_servers(configured()):
        headers = route["policies"]["transformations"]["request"]
        names = {"x-user", "x-user-scopes", "x-user-client"}
        # Set and removed are the only ways in which a client's own value does not go on.
        assert names <= ({*headers["set"]} if url in CHECKED else {*headers["remove"]})
        forwarded = "backendAuth" in route["backends"][0]["policies"]
        assert forwarded is (route["name"] == "notes")


def test_every_upstream_is_verified_and_has_the_timeout_of_its_budget():
    made = configured()
    for route in routes(made):
        for backend in route.get("backends", []):
            tls = backend["policies"]["backendTLS"]
            assert tls["root"] == "/etc/internal-ca/ca.crt"
            assert not {key for key in tls if key.startswith("insecure")}
            name = route["name"].split("-")[0]
            names = {"platform": "mcp-core-service", "weather": "weather.any.svc"}
            assert tls["hostname"] == names.get(name, f"{name}-service")
            longest = 300 if name == "weather" else 60
            timeout = TimeoutBudget(longest_tool=longest).at(Distance.GATEWAY).timeout
            assert route["policies"]["timeout"] == {"requestTimeout": f"{timeout}s"}
    drain = TimeoutBudget(longest_tool=300).at(Distance.GATEWAY).drain
    # It serves for this time; running calls may end until the same time has passed again.
    assert made["config"]["connectionMinTerminationDeadline"] == f"{drain}s"
    assert made["config"]["connectionTerminationDeadline"] == f"{drain}s"


def test_only_allowed_pages_and_those_of_the_domain_may_call():
    made = configured(allowed_origins=["https://page.example.com:443", "http://localhost:6274"])
    for url, route in to_servers(made):
        if url not in CHECKED:
            assert "cors" not in route["policies"]
            continue
        pages = route["policies"]["cors"]["allowOrigins"]
        wanted = {"https://page.example.com", "http://localhost:6274", "https://mcp.example.com"}
        own = {"https://weather.example.com"} if "weather" in url else set[str]()
        assert {*pages} == wanted | own
        assert any(json.dumps(pages) in rule for rule in rules(route))


def test_tls_bodies_and_headers_of_answers_are_as_declared():
    made = configured(tls_minimum="1.2", max_body="64k", hsts_preload=True)
    (listener,) = made["binds"][1]["listeners"]
    assert listener["tls"]["minTLSVersion"] == "TLS_V1_2"
    answers = listener["policies"]["transformations"]["response"]["set"]
    assert answers["strict-transport-security"].endswith('; preload"')
    bodies = [r["policies"]["buffer"]["request"] for r in routes(made) if r.get("backends")]
    assert bodies
    assert all(each["maxBytes"] == 64 * 1024 for each in bodies)
    assert made["config"]["adminAddr"] == "off"


def test_plain_http_is_redirected_to_each_name():
    (listener,) = configured()["binds"][0]["listeners"]
    for route, name in zip(
        listener["routes"], ("mcp.example.com", "weather.example.com"), strict=True
    ):
        assert route["hostnames"] == [name]
        assert route["policies"]["requestRedirect"]["authority"] == {"full": name}
        assert "backends" not in route


def gateway_pods(made: Any) -> Pods:
    (found,) = pods(graph(made))
    return found


def test_the_pods_run_the_program_with_its_own_ports_and_no_secret_in_the_configuration():
    found = gateway_pods(args())
    container = found.container("mcp-gateway")
    assert container["image"] == "example.com/agentgateway:1.4.1"
    assert container["command"] == ["/app/agentgateway", "-f", "/etc/agentgateway/config.json"]
    assert container["readinessProbe"]["httpGet"] == {
        "path": "/healthz/ready",
        "port": 15021,
        "scheme": "HTTP",
    }
    assert {port["containerPort"] for port in container["ports"]} == {8080, 8443, 15020, 15021}
    assert {mount["mountPath"] for mount in container["volumeMounts"]} == {
        *("/tmp", "/etc/agentgateway", "/etc/tls", "/etc/internal-ca"),
    }
    timeouts = TimeoutBudget(longest_tool=300).at(Distance.GATEWAY)
    longest = timeouts.pre_stop + 2 * timeouts.drain
    assert found.spec["terminationGracePeriodSeconds"] > longest


def test_keys_of_a_local_issuer_are_mounted():
    settings = Agentgateway(jwks_secret="mcp-issuer-keys")
    mounts = gateway_pods(args(agentgateway=settings)).container("mcp-gateway")["volumeMounts"]
    assert "/etc/issuer" in {mount["mountPath"] for mount in mounts}
    for url, route in to_servers(configured(agentgateway=settings)):
        if url in CHECKED:
            keys = route["policies"]["mcpAuthentication"]["jwks"]
            assert keys == {"file": "/etc/issuer/jwks.json"}


def test_it_runs_beside_the_server_of_a_monolith():
    made = monolith(config=config(name="mcp-server", era="modern", http=8081, https=8444))
    front = args(upstream=made.gateway.upstream)
    both = record(lambda: Monolith("mcp-server", MonolithArgs(core=made.core, gateway=front)))
    (found,) = pods(both)
    ports = [port["containerPort"] for each in found.spec["containers"] for port in each["ports"]]
    assert len(ports) == len({*ports})
    assert {8443, 8444, 15021} <= {*ports}
    stops = {
        each["name"]: each["lifecycle"]["preStop"]["sleep"]["seconds"]
        for each in found.spec["containers"]
    }
    drain = TimeoutBudget(longest_tool=300).at(Distance.GATEWAY).drain
    assert stops["server"] > stops["gateway"] + drain, "agentgateway passes on calls until then"
    assert found.spec["terminationGracePeriodSeconds"] > stops["server"] + drain
