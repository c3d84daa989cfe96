"""The metrics of Envoy as egress proxy: those of the list, few, and what counts a refusal."""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import Final

import httpx2
import pytest

from components.mcp.metrics import exported_by
from tests.harness.running_egress_proxy import (
    API,
    NEEDS_ENVOY,
    Proxy,
    running_proxy,
)
from tests.harness.server import until

METRICS: Final = "http://127.0.0.1:9090"
_SERIES: Final = re.compile(r"^(\w+)\{(.*)\} (\S+)$", re.MULTILINE)

pytestmark = NEEDS_ENVOY


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Generator[Proxy]:
    with running_proxy(tmp_path_factory.mktemp("egress")) as running:
        yield running


def counted() -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """What the page for Prometheus says: by metric, the labels in their order, and the value."""
    text = httpx2.get(f"{METRICS}/metrics").text
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for name, labels, value in _SERIES.findall(text):
        said = tuple(re.findall(r'(\w+)="([^"]*)"', labels))
        found.setdefault(name, {})[said] = float(value)
    return found


def refused_of(who: str, code: str = "4") -> float:
    labels = (("envoy_response_code_class", code), ("envoy_http_conn_manager_prefix", who))
    return counted()["envoy_http_downstream_rq_xx"][labels]


def test_envoy_exports_the_metrics_of_the_list_and_no_other(proxy: Proxy) -> None:
    assert proxy.get("weather", API, "api.example.com") == "200"
    found = counted()
    listed = exported_by("egress")
    assert found.keys() == listed.keys()
    for name, series in found.items():
        for labels in series:
            assert [label for label, _ in labels] == list(listed[name].labels)


def test_each_refusal_is_counted_where_the_documentation_says(proxy: Proxy) -> None:
    tunnels = (("envoy_listener_address", "tunnels"),)

    def now() -> tuple[float, float, float, float]:
        return (
            refused_of("server weather"),
            refused_of("connections to hosts"),
            counted()["envoy_listener_no_filter_chain_match"][tunnels],
            refused_of("server weather", "2"),
        )

    before = now()
    assert proxy.get("weather", "other.example.com:443", "other.example.com") == "403"
    assert proxy.get("others", "hidden0.example.com:443", "hidden0.example.com") == "closed"
    assert proxy.get("weather", API, "files.example.com") == "closed"
    assert proxy.get("weather", API, "api.example.com") == "200"
    expected = tuple(a + b for a, b in zip(before, (1, 1, 1, 2), strict=True))
    until(lambda: now() == expected, 20)


def test_a_server_has_few_series(proxy: Proxy) -> None:
    """Of 50 servers fewer than 500, whatever hosts they list."""
    assert proxy
    of_one = sum(
        1 for series in counted().values() for labels in series if ("server weather") in str(labels)
    )
    assert of_one == 8


def test_of_the_administration_the_page_for_prometheus_alone_is_served(proxy: Proxy) -> None:
    assert httpx2.get(f"{METRICS}/metrics").status_code == 200
    for path in ("/", "/config_dump", "/stats", "/stats/prometheus", "/clusters", "/certs"):
        assert httpx2.get(METRICS + path).status_code == 404, path
    for path in ("/quitquitquit", "/healthcheck/fail", "/logging?level=debug", "/metrics"):
        assert httpx2.post(METRICS + path).status_code == 404, path
    assert proxy.get("weather", API, "api.example.com") == "200"
