"""A real Prometheus with a stack's own files and a login: who gets answers, and how probes ask."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any, Final, cast

import pytest

from components.base.problems import ProblemReport
from delivery.kubectl import Kubectl
from delivery.optimisation.prometheus import forwarded
from graph.resource_graph import ResourceGraph
from tests.harness.network import port, private_network
from tests.harness.own_prometheus import ANOTHER, PASSWORD, USER, OwnPrometheus, own_prometheus
from tests.harness.secret_reader import SecretReader
from tests.harness.server import until
from tests.harness.user_servers import NETWORK, recorded

MONITORING: Final = "qudag-mcp-dev-monitoring"
HOST: Final = f"prometheus-service.{MONITORING}.svc"
SECTIONS: Final[dict[str, Any]] = {
    "topology": "microservices",
    "network": {k: v for k, v in NETWORK.items() if k != "prometheus"},
    "kubernetes": {"apiServer": ["10.96.0.1/32"]},
    "scaling": {"mcp-core": {"min": 2, "max": 4, "metrics": {"mcp_open_streams": 5}}},
    "observability": {
        "kind": "standalone",
        "standalone": {"login": "prometheus-login", "keda": {}},
    },
}


@pytest.fixture(scope="module")
def stack() -> ResourceGraph:
    return recorded(SECTIONS)


@pytest.fixture
def prometheus(stack: ResourceGraph, tmp_path: Path) -> Generator[OwnPrometheus]:
    with (
        private_network(),
        own_prometheus(stack, tmp_path, names=(HOST,), port=port(9090)) as running,
    ):
        yield running


def scrapes_itself(prometheus: OwnPrometheus) -> bool:
    answer = prometheus.ask("/api/v1/query?query=up", (USER, PASSWORD)).json()["data"]["result"]
    return [(one["metric"]["job"], one["value"][1]) for one in answer] == [("prometheus", "1")]


def test_it_answers_nobody_without_the_login_but_its_probes_and_itself(prometheus: OwnPrometheus):
    for path in ("/api/v1/query?query=up", "/-/ready", "/-/healthy", "/metrics", "/"):
        assert prometheus.ask(path, None).status_code == 401
        assert prometheus.ask(path, (USER, ANOTHER)).status_code == 401
    assert prometheus.check("readiness").returncode == 0
    assert prometheus.check("liveness").returncode == 0
    until(lambda: scrapes_itself(prometheus), 30)
    # A rotated password is used at once, by the probes too.
    (prometheus.login / "password").write_text(ANOTHER)
    refused = prometheus.check("readiness")
    assert refused.returncode != 0
    assert "401" in refused.stdout + refused.stderr
    prometheus.accept(ANOTHER)
    assert prometheus.check("readiness").returncode == 0
    assert prometheus.ask("/-/ready", (USER, PASSWORD)).status_code == 401


def test_optimise_reads_it_with_the_login_in_the_secret_of_the_stack(prometheus: OwnPrometheus):
    """A kubectl that knows Secrets stands for that of the cluster, and for its tunnel."""
    authority = {"ca.crt": prometheus.authority.ca_file.read_text()}
    secrets = {
        "mcp-internal-ca": authority,
        "prometheus-login": {"username": USER, "password": PASSWORD},
        "old-login": {"username": USER, "password": ANOTHER},
    }
    kubectl = cast("Kubectl", SecretReader(int(prometheus.address.split(":")[1]), secrets))
    until(lambda: scrapes_itself(prometheus), 30)

    def ups(login: str | None) -> int | None:
        of_stack = (kubectl, MONITORING, "prometheus", 9090, "mcp-internal-ca")
        with forwarded(*of_stack, login=login) as asked:
            return asked.count("sum(up)")

    assert ups("prometheus-login") == 1
    for login in (None, "old-login"):
        with pytest.raises(ProblemReport, match="refused the login"):
            ups(login)
