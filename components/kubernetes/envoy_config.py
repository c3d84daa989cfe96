"""Envoy's configuration of an egress proxy: the hosts to which each server may open tunnels.

A server sends HTTP ``CONNECT host:port``. The tunnel must begin with TLS for the same server name
(SNI); the bytes are forwarded unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

READY: Final = 8080
"""Port of the kubelet's probes."""
MOST_CONNECTIONS: Final = 8192
CONNECT_SECONDS: Final = 5
HELLO_SECONDS: Final = 5
"""Time for the TLS ClientHello with its server name, after the tunnel is open."""
IDLE_SECONDS: Final = 3600
BUFFER_BYTES: Final = 64 * 1024
"""Of each connection, in each direction."""

_EXTENSIONS: Final = "type.googleapis.com/envoy.extensions"


def envoy_config(allowed: Mapping[str, Sequence[str]], ports: Mapping[str, int]) -> dict[str, Any]:
    """The static configuration.

    Args:
        allowed: ``host:port`` of the hosts that each server may connect to.
        ports: the port at which each server finds its proxy.
    """
    hosts = sorted({host for each in allowed.values() for host in each})
    return {
        "bootstrap_extensions": [
            _typed("bootstrap.internal_listener.v3.InternalListener", "internal_listener")
        ],
        "overload_manager": {
            "resource_monitors": [
                _typed(
                    "resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                    "envoy.resource_monitors.global_downstream_max_connections",
                    max_active_downstream_connections=MOST_CONNECTIONS,
                )
            ]
        },
        "static_resources": {
            "listeners": [
                _probes(),
                *(_server(name, allowed[name], ports[name]) for name in sorted(allowed)),
                *(_tunnel(host) for host in hosts),
            ],
            "clusters": [cluster for host in hosts for cluster in (_to_tunnel(host), _host(host))],
        },
    }


def _probes() -> dict[str, Any]:
    answers = {"match": {"path": "/ready"}, "direct_response": {"status": 200}}
    # No server can have this name: listeners of one name would keep Envoy from starting.
    return _listener("probes of the kubelet", READY, [_http("probes", [answers])])


def _server(name: str, hosts: Sequence[str], port: int) -> dict[str, Any]:
    """The proxy of one server: tunnels to its hosts, and 403 for the rest."""
    routes = [*map(_route, sorted(hosts)), *_refusals()]
    manager = _http(
        name,
        routes,
        upgrade_configs=[{"upgrade_type": "CONNECT"}],
        stream_idle_timeout=f"{IDLE_SECONDS}s",
        request_headers_timeout="10s",
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


def _route(host: str) -> dict[str, Any]:
    asked = {"name": ":authority", "string_match": {"exact": host, "ignore_case": True}}
    return {
        "match": {"connect_matcher": {}, "headers": [asked]},
        "route": {
            "cluster": f"tunnel to {host}",
            "timeout": "0s",
            "upgrade_configs": [{"upgrade_type": "CONNECT", "connect_config": {}}],
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
        "listener_filters": [
            _typed("filters.listener.tls_inspector.v3.TlsInspector", "tls_inspector")
        ],
        "listener_filters_timeout": f"{HELLO_SECONDS}s",
        "per_connection_buffer_limit_bytes": BUFFER_BYTES,
        "filter_chains": [
            {
                "filter_chain_match": {"server_names": [name], "transport_protocol": "tls"},
                "filters": [
                    _typed(
                        "filters.network.tcp_proxy.v3.TcpProxy",
                        "tcp_proxy",
                        stat_prefix="tunnel",
                        cluster=host,
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


def _to_tunnel(host: str) -> dict[str, Any]:
    name = f"tunnel to {host}"
    address = {"envoy_internal_address": {"server_listener_name": name}}
    return {"name": name, "load_assignment": _endpoint(name, address)}


def _host(host: str) -> dict[str, Any]:
    name, _, port = host.rpartition(":")
    # With the dot at its end a name is looked up as it is, not in the cluster's domains first.
    address = {"socket_address": {"address": f"{name}.", "port_value": int(port)}}
    return {
        "name": host,
        "type": "LOGICAL_DNS",
        "dns_lookup_family": "ALL",
        "respect_dns_ttl": True,
        "connect_timeout": f"{CONNECT_SECONDS}s",
        "per_connection_buffer_limit_bytes": BUFFER_BYTES,
        "load_assignment": _endpoint(host, address),
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
    return _typed(
        "filters.network.http_connection_manager.v3.HttpConnectionManager",
        "http_connection_manager",
        stat_prefix=name,
        route_config={"virtual_hosts": hosts},
        http_filters=[_typed("filters.http.router.v3.Router", "router")],
        **settings,
    )


def _log(**fields: str) -> dict[str, Any]:
    written = {"time": "%START_TIME%", **fields}
    return _typed(
        "access_loggers.stream.v3.StdoutAccessLog",
        "stdout",
        log_format={"json_format": written},
    )


def _typed(kind: str, name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "typed_config": {"@type": f"{_EXTENSIONS}.{kind}", **fields}}
