"""Metrics of Envoy, the egress proxy."""

from __future__ import annotations

from functools import partial
from typing import Final

from .exported_metric import ExportedMetric

_egress = partial(ExportedMetric, exporters=("egress",))

EGRESS: Final = (
    _egress(
        name="envoy_http_downstream_rq_xx",
        kind="counter",
        labels=("envoy_response_code_class", "envoy_http_conn_manager_prefix"),
        meaning="Tunnels asked for, by the first digit of the answer's status.",
    ),
    _egress(
        name="envoy_http_downstream_cx_active",
        kind="gauge",
        labels=("envoy_http_conn_manager_prefix",),
        meaning="Connections of servers that are open.",
    ),
    _egress(
        name="envoy_http_downstream_cx_rx_bytes_total",
        kind="counter",
        unit="bytes",
        labels=("envoy_http_conn_manager_prefix",),
        meaning="Bytes that servers have sent.",
    ),
    _egress(
        name="envoy_http_downstream_cx_tx_bytes_total",
        kind="counter",
        unit="bytes",
        labels=("envoy_http_conn_manager_prefix",),
        meaning="Bytes that servers have received.",
    ),
    _egress(
        name="envoy_listener_no_filter_chain_match",
        kind="counter",
        labels=("envoy_listener_address",),
        meaning=(
            "Tunnels closed because they did not begin with TLS for the host that was asked for."
        ),
    ),
)
"""Those that Envoy keeps with the rendered configuration; it gives them no HELP."""
