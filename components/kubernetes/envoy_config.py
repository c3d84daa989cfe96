"""Envoy's configuration of an egress proxy: the hosts to which each server may open tunnels.

A server sends HTTP ``CONNECT host:port``. The tunnel must begin with TLS for the same server name
(SNI); the bytes are forwarded unchanged. The proxy looks the host's name up, and connects only if
the address that it has chosen is public. Envoy does this in three steps, joined by internal
listeners: it checks the list of the server, the server name of the TLS handshake, and the address.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from ..mcp.server_config import METRICS
from .envoy_address_check import EXTENSIONS, address_check, typed

READY: Final = 8080
"""Port of the kubelet's probes."""
ADMIN: Final = "@envoy-admin"
"""Socket of Envoy's administration: an abstract one, which no other pod and no file leads to."""
_COUNTED: Final = (
    r"http\.server [^.]+\.downstream_(rq_[1-5]xx|cx_active|cx_[rt]x_bytes_total)",
    r"http\.connections to hosts\.downstream_rq_[1-5]xx",
    r"listener\.tunnels\.no_filter_chain_match",
)
"""Names of the statistics that are kept; Envoy would have 50 for each host."""
MOST_CONNECTIONS: Final = 8192
CONNECT_SECONDS: Final = 5
HELLO_SECONDS: Final = 5
"""Time for the TLS ClientHello with its server name, after the tunnel is open."""
IDLE_SECONDS: Final = 3600
BUFFER_BYTES: Final = 64 * 1024
"""Of each connection, in each direction."""

OTHER_ADDRESSES: Final = 2
"""How many more addresses of a host are tried when one does not answer."""

_CONNECT: Final = "connections to hosts"
_ADMIN: Final = "administration of Envoy"


def envoy_config(
    allowed: Mapping[str, Sequence[str]],
    ports: Mapping[str, int],
    closed: Sequence[str] = (),
    *,
    metrics: bool = False,
) -> dict[str, Any]:
    """The static configuration.

    Args:
        allowed: ``host:port`` of the hosts that each server may connect to.
        ports: the port at which each server finds its proxy.
        closed: networks that are refused besides those that are not public.
        metrics: serve /metrics for Prometheus on port 9090.
    """
    hosts = sorted({host for each in allowed.values() for host in each})
    return {
        "bootstrap_extensions": [
            typed("bootstrap.internal_listener.v3.InternalListener", "internal_listener")
        ],
        "typed_dns_resolver_config": typed(
            "network.dns_resolver.cares.v3.CaresDnsResolverConfig",
            "cares",
            # A pod without IPv4 or without IPv6 gets the addresses that it can connect to.
            filter_unroutable_families=True,
        ),
        "overload_manager": {
            "resource_monitors": [
                typed(
                    "resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                    "envoy.resource_monitors.global_downstream_max_connections",
                    max_active_downstream_connections=MOST_CONNECTIONS,
                )
            ]
        },
        "static_resources": {
            "listeners": [
                _probes(),
                *([_metrics()] if metrics else []),
                *(_server(name, allowed[name], ports[name]) for name in sorted(allowed)),
                *(_tunnel(host) for host in hosts),
                _connections(hosts),
            ],
            "clusters": [
                *(_internal(f"tunnel to {host}") for host in hosts),
                _internal(_CONNECT),
                *(_host(host, closed) for host in hosts),
                *([_admin()] if metrics else []),
            ],
        },
        **({"admin": {"address": {"pipe": {"path": ADMIN}}}, **_counted()} if metrics else {}),
    }


def _counted() -> dict[str, Any]:
    kept = [{"safe_regex": {"regex": name}} for name in _COUNTED]
    return {"stats_config": {"stats_matcher": {"inclusion_list": {"patterns": kept}}}}


def _metrics() -> dict[str, Any]:
    """Of all that the administration serves, the page for Prometheus alone."""
    asked = {"path": "/metrics", "headers": [{"name": ":method", "string_match": {"exact": "GET"}}]}
    page = {"match": asked, "route": {"cluster": _ADMIN, "prefix_rewrite": "/stats/prometheus"}}
    manager = _http("metrics for Prometheus", [page])
    return _listener("metrics for Prometheus", METRICS, [manager])


def _admin() -> dict[str, Any]:
    pipe = {"pipe": {"path": ADMIN}}
    return {"name": _ADMIN, "type": "STATIC", "load_assignment": _endpoint(_ADMIN, pipe)}


_OF_TUNNELS: Final[dict[str, Any]] = {
    "upgrade_configs": [{"upgrade_type": "CONNECT"}],
    "stream_idle_timeout": f"{IDLE_SECONDS}s",
    "request_headers_timeout": "10s",
}


def _probes() -> dict[str, Any]:
    answers = {"match": {"path": "/ready"}, "direct_response": {"status": 200}}
    # No server can have this name: listeners of one name would keep Envoy from starting.
    return _listener("probes of the kubelet", READY, [_http("probes", [answers])])


def _server(name: str, hosts: Sequence[str], port: int) -> dict[str, Any]:
    """The proxy of one server: tunnels to its hosts, and 403 for the rest."""
    routes = [*(_route(host, f"tunnel to {host}") for host in sorted(hosts)), *_refusals()]
    manager = _http(
        f"server {name}",
        routes,
        **_OF_TUNNELS,
        access_log=[
            _log(
                server=name,
                client="%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
                method="%REQ(:METHOD)%",
                host="%REQ(:AUTHORITY)%",
                status="%RESPONSE_CODE%",
                reason="%RESPONSE_CODE_DETAILS%",
                bytes_sent="%BYTES_RECEIVED%",
                bytes_received="%BYTES_SENT%",
                milliseconds="%DURATION%",
            )
        ],
    )
    return _listener(name, port, [manager])


def _route(host: str, cluster: str, **settings: Any) -> dict[str, Any]:
    asked = {"name": ":authority", "string_match": {"exact": host, "ignore_case": True}}
    return {
        "match": {"connect_matcher": {}, "headers": [asked]},
        "route": {
            "cluster": cluster,
            "timeout": "0s",
            "upgrade_configs": [{"upgrade_type": "CONNECT", "connect_config": {}}],
            **settings,
        },
    }


def _refusals() -> list[dict[str, Any]]:
    text = "This host is not in the server's list of hosts: qudag-mcp:servers, egress.hosts.\n"
    refused = {"status": 403, "body": {"inline_string": text}}
    return [
        {"match": {"connect_matcher": {}}, "direct_response": refused},
        {"match": {"prefix": "/"}, "direct_response": refused},
    ]


def _tunnel(host: str) -> dict[str, Any]:
    """Inside the proxy: passes a tunnel on if it begins with TLS for that host."""
    name, _, _ = host.rpartition(":")
    return {
        "name": f"tunnel to {host}",
        "internal_listener": {},
        "stat_prefix": "tunnels",
        "listener_filters": [
            typed("filters.listener.tls_inspector.v3.TlsInspector", "tls_inspector")
        ],
        "listener_filters_timeout": f"{HELLO_SECONDS}s",
        "per_connection_buffer_limit_bytes": BUFFER_BYTES,
        "filter_chains": [
            {
                "filter_chain_match": {"server_names": [name], "transport_protocol": "tls"},
                "filters": [
                    typed(
                        "filters.network.tcp_proxy.v3.TcpProxy",
                        "tcp_proxy",
                        stat_prefix="tunnel",
                        cluster=_CONNECT,
                        tunneling_config={"hostname": host},
                        idle_timeout=f"{IDLE_SECONDS}s",
                    )
                ],
            }
        ],
        # A tunnel without TLS, or for another name, matches no chain and is closed.
        "access_log": [
            {
                "filter": {"response_flag_filter": {"flags": ["NR"]}},
                **_log(
                    refused="the tunnel does not begin with TLS for the host that was asked for",
                    host=host,
                    server_name="%REQUESTED_SERVER_NAME%",
                ),
            }
        ],
    }


def _connections(hosts: Iterable[str]) -> dict[str, Any]:
    """Inside the proxy: opens the connection to an address of the host, if that is public."""
    again = {
        "retry_on": "connect-failure",
        "num_retries": OTHER_ADDRESSES,
        "retry_host_predicate": [
            typed("retry.host.previous_hosts.v3.PreviousHostsPredicate", "previous_hosts")
        ],
        "host_selection_retry_max_attempts": OTHER_ADDRESSES,
    }
    fields = {
        "host": "%REQ(:AUTHORITY)%",
        "address": "%UPSTREAM_HOST%",
        "reason": "%RESPONSE_CODE_DETAILS%",
    }
    manager = _http(
        _CONNECT,
        [_route(host, host, retry_policy=again) for host in hosts],
        **_OF_TUNNELS,
        access_log=[
            {
                "filter": _status("EQ", 403),
                **_log(refused="the address of the host is not public", **fields),
            },
            {
                "filter": _status("GE", 500),
                **_log(failed="the host has no address, or does not answer there", **fields),
            },
        ],
    )
    return {
        "name": _CONNECT,
        "internal_listener": {},
        "per_connection_buffer_limit_bytes": BUFFER_BYTES,
        "filter_chains": [{"filters": [manager]}],
    }


def _internal(listener: str) -> dict[str, Any]:
    address = {"envoy_internal_address": {"server_listener_name": listener}}
    return {"name": listener, "load_assignment": _endpoint(listener, address)}


def _host(host: str, closed: Sequence[str]) -> dict[str, Any]:
    """The addresses of a host; each is checked when it is chosen, before the connection to it."""
    name, _, port = host.rpartition(":")
    # With the dot at its end a name is looked up as it is, not in the cluster's domains first.
    address = {"socket_address": {"address": f"{name}.", "port_value": int(port)}}
    return {
        "name": host,
        "cluster_type": typed(
            "clusters.dns.v3.DnsCluster",
            "envoy.cluster.dns",
            dns_lookup_family="ALL",
            respect_dns_ttl=True,
            # If one endpoint had them all, Envoy would try addresses that nothing has checked.
            all_addresses_in_single_endpoint=False,
        ),
        "connect_timeout": f"{CONNECT_SECONDS}s",
        "per_connection_buffer_limit_bytes": BUFFER_BYTES,
        "load_assignment": _endpoint(host, address),
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": f"{EXTENSIONS}.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http_protocol_options": {}},
                "http_filters": [
                    address_check(closed),
                    typed("filters.http.upstream_codec.v3.UpstreamCodec", "upstream_codec"),
                ],
            }
        },
    }


def _endpoint(cluster: str, address: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "cluster_name": cluster,
        "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
    }


def _listener(name: str, port: int, filters: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    every = {"address": "::", "port_value": port, "ipv4_compat": True}
    return {
        "name": name,
        "address": {"socket_address": every},
        "per_connection_buffer_limit_bytes": BUFFER_BYTES,
        "filter_chains": [{"filters": list(filters)}],
    }


def _http(name: str, routes: Sequence[Mapping[str, Any]], **settings: Any) -> dict[str, Any]:
    hosts = [{"name": name, "domains": ["*"], "routes": list(routes)}]
    return typed(
        "filters.network.http_connection_manager.v3.HttpConnectionManager",
        "http_connection_manager",
        stat_prefix=name,
        route_config={"virtual_hosts": hosts},
        http_filters=[typed("filters.http.router.v3.Router", "router")],
        **settings,
    )


def _status(compared: str, status: int) -> dict[str, Any]:
    value = {"default_value": status, "runtime_key": "logged_status"}
    return {"status_code_filter": {"comparison": {"op": compared, "value": value}}}


def _log(**fields: str) -> dict[str, Any]:
    written = {"time": "%START_TIME%", **fields}
    return typed(
        "access_loggers.stream.v3.StdoutAccessLog",
        "stdout",
        log_format={"json_format": written},
    )
