"""The official MCP conformance suite and a published server, through a route of the gateway."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.kubernetes.rate_limits import UserLimits
from components.kubernetes.user_server import UserServer
from tests.harness import record
from tests.harness.certificates import Authority
from tests.harness.conformance_suite import everything, results
from tests.harness.minimal_args import user_server
from tests.harness.network import port
from tests.harness.pods import Pod
from tests.harness.routed_gateway import DOMAIN, route, routed
from tests.harness.running_pod import run_container
from tests.harness.token_proxy import token_proxy
from tests.harness.tokens import Issuer

pytestmark = pytest.mark.slow

PATH = "/servers/everything/mcp"
IMAGE, TLS = 3001, 8447
"""Ports of the program, and of nginx in its pod: 8443 in a cluster, where each pod has its own."""
PASSED_DIRECTLY = 13
"""Checks that `server-everything` 2026.8.31 passes without a gateway."""


def everything_pod(directory: Path, authority: Authority) -> Pod:
    """The pod of the server, as the component makes it."""
    certificate, key = authority.issue("everything", ["everything.any.svc"])
    tls = {"tls.crt": certificate.read_text(), "tls.key": key.read_text()}
    args = user_server(
        namespace="any",
        internal_tls_secret="own",
        port=port(IMAGE),
        era="legacy",
        # The suite sends more messages a second than one user may.
        limits=UserLimits(messages_per_second=0),
    )
    graph = record(lambda: UserServer("everything", args))
    pod = Pod.recorded(graph, "everything", directory, {"own": tls})
    files = pod.config_maps["everything-tls"]
    assert files["nginx.conf"].count(":8443 ssl") == files["nginx.conf"].count(" 8443 ssl") == 1
    files["nginx.conf"] = files["nginx.conf"].replace("8443 ssl", f"{port(TLS)} ssl")
    return pod


def test_a_published_server_passes_through_the_gateway_what_it_passes_directly(
    tmp_path: Path, authority: Authority, issuer: Issuer
):
    pod = everything_pod(tmp_path, authority)
    routes = [route("everything", port(TLS), era="legacy")]
    with (
        everything(port(IMAGE), tmp_path / "log") as url,
        run_container(pod, "tls"),
        routed(tmp_path, authority, issuer, routes=routes, resources=[{"path": PATH}]) as gateway,
    ):
        token = issuer.token(aud=f"https://{DOMAIN}{PATH}")
        assert gateway.call(PATH, token=None).status_code == 401
        with token_proxy(port(8443), token, authority.trust(), DOMAIN) as address:
            direct = results(url, tmp_path)
            through = results(f"http://{address}{PATH}", tmp_path)
    assert sum(passed for passed, _ in direct.values()) == PASSED_DIRECTLY
    worse = {
        scenario: {"direct": passed, "gateway": through.get(scenario)}
        for scenario, passed in direct.items()
        if scenario not in through or through[scenario][0] < passed[0]
    }
    assert worse == {}
