"""Only workloads that are named as such may connect to the API server."""

from __future__ import annotations

import pytest

from components.base.problems import ProblemReport
from components.kubernetes.flow import FlowPolicies, FlowPoliciesArgs
from tests.harness import record
from tests.harness.graph_queries import objects
from tests.harness.network_policy_model import Endpoint, Enforcement

API_SERVER = ("10.96.0.1/32", "2001:db8::1/128")


def args(clients: tuple[str, ...], api_server: tuple[str, ...] = API_SERVER) -> FlowPoliciesArgs:
    return FlowPoliciesArgs(
        namespace="ns",
        workloads=["reader", "other"],
        flows=[],
        api_server=api_server,
        api_clients=clients,
    )


def test_one_of_two_workloads_connects_to_the_api_server_and_to_nothing_else():
    made = record(lambda: FlowPolicies("flows", args(("reader",))))
    cluster = Enforcement(objects(made, "NetworkPolicy"))
    reader, other = (Endpoint.pod("ns", app=name) for name in ("reader", "other"))
    for address in ("10.96.0.1", "2001:db8::1"):
        server = Endpoint.address(address)
        for port in (443, 6443):
            assert cluster.leaves(reader, server, "TCP", port)
            assert not cluster.leaves(other, server, "TCP", port)
        assert not cluster.leaves(reader, server, "TCP", 10250)
        assert not cluster.arrives(server, reader, "TCP", 443)
    assert not cluster.leaves(reader, Endpoint.address("10.96.0.2"), "TCP", 443)


def test_a_client_that_is_no_workload_is_refused():
    with pytest.raises(ProblemReport, match=r"api_clients\[0\]: 'prometheus' is no workload"):
        record(lambda: FlowPolicies("flows", args(("prometheus",))))


def test_clients_of_an_unknown_api_server_are_refused():
    with pytest.raises(ProblemReport, match="api_server: is empty, and api_clients is not"):
        record(lambda: FlowPolicies("flows", args(("reader",), ())))
