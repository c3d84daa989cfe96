"""The gateway's nginx serves a server below a prefix as it serves those below /servers."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from components.kubernetes.gateway import RateLimit, RateLimits
from tests.harness.certificates import Authority
from tests.harness.routed_gateway import DOMAIN, FILES, WEATHER, RoutedGateway, route, routed
from tests.harness.tokens import Issuer

pytestmark = pytest.mark.slow

ML = "/ml/mcp"
RESOURCE = f"https://{DOMAIN}{ML}"
LIMITS = RateLimits(api=RateLimit(requests_per_second=1, burst=15, connections=4, streams=2))


@pytest.fixture
def gateway(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority, issuer: Issuer
) -> Generator[RoutedGateway]:
    routes = [
        route("weather", WEATHER),
        route("files", FILES, path="/api/mcp", prefix="/ml", health="/healthz"),
    ]
    folder = tmp_path_factory.mktemp("prefix")
    with routed(
        folder, authority, issuer, routes=routes, resources=[{"path": ML}], rate_limits=LIMITS
    ) as running:
        yield running


def token(gateway: RoutedGateway) -> str:
    return gateway.issuer.token(aud=RESOURCE)


def test_calls_below_the_prefix_reach_the_server_with_tokens_for_it_alone(gateway: RoutedGateway):
    before = len(gateway.files.received)
    assert gateway.call(ML, token=token(gateway)).status_code == 200
    assert [request.path for request in gateway.files.received[before:]] == ["/api/mcp"]
    for wrong in (None, gateway.token("weather"), gateway.token("platform")):
        assert gateway.call(ML, token=wrong).status_code == 401
    metadata = f"/.well-known/oauth-protected-resource{ML}"
    found = gateway.ask(metadata, headers={"host": DOMAIN})
    assert (found.status_code, found.json()["resource"]) == (200, RESOURCE)
    assert len(gateway.files.received) == before + 1


def test_the_health_path_is_the_servers_and_nothing_else_reaches_it(gateway: RoutedGateway):
    before = len(gateway.files.received)
    gateway.ask("/ml/health", headers={"host": DOMAIN})
    assert [request.path for request in gateway.files.received[before:]] == ["/healthz"]
    for path in ("/ml", "/ml/", "/ml/admin", "/ml/mcp/admin", "/servers/files/mcp", "/mlx/mcp"):
        assert gateway.ask(path, headers={"host": DOMAIN}).status_code == 404, path
    assert len(gateway.files.received) == before + 1


def test_the_end_of_a_session_below_the_prefix_is_not_limited(gateway: RoutedGateway):
    """As at /mcp: DELETE is in no zone, so that a client can always end its sessions."""
    given = {"path": ML, "token": token(gateway)}
    ends = [gateway.call(**given, method="DELETE") for _ in range(30)]
    assert 429 not in {answer.status_code for answer in ends}
    assert 429 in {gateway.call(**given).status_code for _ in range(30)}
