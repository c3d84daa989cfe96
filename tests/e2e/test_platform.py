"""The platform serves MCP through its gateway to clients with a valid token."""

from __future__ import annotations

import base64
import json
import ssl
from typing import Any

import anyio
import httpx2
import pytest
from mcp_types import TextContent

from components.base.problems import ProblemReport
from delivery.mcp_client import Era, call_tool, connected, eras, list_tools
from tests.harness.canaries import Canary, leaks
from tests.harness.deployed_platform import Platform, up, verb

pytestmark = pytest.mark.smoke
RESTRICTED = "pod-security.kubernetes.io/enforce"


def http(platform: Platform) -> httpx2.Client:
    trust = ssl.create_default_context(cafile=platform.deployed.ca_file)
    return httpx2.Client(verify=trust, trust_env=False, timeout=15)


@pytest.mark.parametrize("era", list(Era))
async def test_the_official_client_lists_and_calls_tools_in_each_era(
    platform: Platform, era: Era
) -> None:
    assert era in eras(platform.deployed.outputs["era"])
    offered = {tool.name for tool in await list_tools(platform.endpoint(), era)}
    assert {"echo", "wait", "count", "fail"} <= offered
    result = await call_tool(platform.endpoint(), era, "echo", {"text": "grüße"})
    assert result.content == [TextContent(type="text", text="grüße")]


@pytest.mark.parametrize("era", list(Era))
async def test_progress_reaches_the_client_through_the_gateway(
    platform: Platform, era: Era
) -> None:
    seen: list[float] = []

    def report(done: float, total: float | None, message: str | None) -> None:
        seen.append(done)

    await call_tool(platform.endpoint(), era, "count", {"to": 3}, report)
    assert seen == [1, 2, 3]


async def test_a_call_of_many_seconds_is_not_cut_by_the_gateway(platform: Platform) -> None:
    async def call(era: Era) -> None:
        result = await call_tool(platform.endpoint(), era, "wait", {"seconds": 20})
        assert not result.is_error, era

    async with anyio.create_task_group() as calls:
        for era in Era:
            calls.start_soon(call, era)


async def test_a_remembered_row_is_in_the_database_and_private_to_its_owner(
    platform: Platform,
) -> None:
    ada, bob = platform.endpoint(subject="ada"), platform.endpoint(subject="bob")
    await call_tool(ada, Era.MODERN, "remember", {"name": "colour", "text": "teal"})
    hers = await call_tool(ada, Era.LEGACY, "recall", {"name": "colour"})
    his = await call_tool(bob, Era.MODERN, "recall", {"name": "colour"})
    assert [block.text for block in hers.content if isinstance(block, TextContent)] == ["teal"]
    assert his.is_error


def test_without_a_token_nothing_is_answered_but_where_to_get_one(platform: Platform) -> None:
    with http(platform) as client:
        refused = client.post(platform.url, json={})
        assert refused.status_code == 401
        challenge = refused.headers["www-authenticate"]
        metadata_url = challenge.split('resource_metadata="')[1].split('"')[0]
        metadata: dict[str, Any] = client.get(metadata_url).json()
    assert metadata["authorization_servers"] == [platform.deployed.outputs["issuer"]]
    assert metadata["resource"] == platform.url


@pytest.mark.parametrize("claims", [{"audience": "another"}, {"issuer": "https://another"}])
async def test_a_token_for_another_audience_or_issuer_is_refused(
    platform: Platform, claims: dict[str, str]
) -> None:
    with pytest.raises(ProblemReport, match="the token is refused"):
        async with connected(platform.endpoint(**claims), Era.MODERN):
            pass


def test_every_pod_runs_under_pod_security_restricted(platform: Platform) -> None:
    (namespace,) = platform.kubectl.objects("namespace", platform.namespace)
    assert namespace["metadata"]["labels"][RESTRICTED] == "restricted"
    phases = {pod["metadata"]["name"]: pod["status"]["phase"] for pod in platform.pods()}
    assert phases
    assert set(phases.values()) <= {"Running", "Succeeded"}, phases


def test_no_secret_value_is_in_a_config_map_or_an_environment(platform: Platform) -> None:
    secrets = platform.kubectl.objects("secrets", f"-n={platform.namespace}")
    public = {"ca.crt", "tls.crt", "jwks.json"}
    values = [
        Canary(f"{one['metadata']['name']}/{key}", base64.b64decode(value).decode())
        for one in secrets
        for key, value in one["data"].items()
        if key not in public
    ]
    shown = str(platform.kubectl.objects("configmaps,pods", f"-n={platform.namespace}"))
    assert values
    assert leaks(values, {"a ConfigMap or a pod": shown}) == []


@pytest.mark.usefixtures("platform")
def test_a_second_up_changes_nothing_and_is_quick() -> None:
    again = up()
    assert again.status == 0, again.err
    assert "nothing changed" in again.out
    assert again.seconds < 20


def test_a_load_on_the_platform_is_answered_and_judged() -> None:
    ran = verb("load", "echo", "text=x", "--stack=dev", "--rate=5", "--seconds=4", "--json")
    assert ran.status == 0, ran.err
    result = json.loads(ran.out)
    assert result["outcomes"]["answered"] == result["requests"] == 20
    missed = verb("load", "--stack=dev", "--rate=5", "--seconds=2", "--latency=0.001")
    assert missed.status == 1
    assert "the objective of 0.001 s is missed" in missed.err
