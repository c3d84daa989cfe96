"""On real pods, an agent of `orchestration` reaches its model provider, and nothing else.

The stack file is the example's, with images for two of the four agents: for the others the
reference server stands in, which reaches nothing at all.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from components.mcp.server_config import PROGRAM
from delivery import cluster
from tests.harness import internet_of_pods
from tests.harness.deployed_platform import ROOT, Platform, stack_options, up
from tests.harness.example_stacks import copied, deployed_program
from tests.harness.internet_of_pods import MACHINE, PUBLIC, reached
from tests.harness.pod_connections import (
    Family,
    address,
    neighbours_on_the_link,
    opened,
    opened_in,
)
from tests.harness.qudag_nodes import quiet
from tests.harness.server import until

EXAMPLE: Final = ROOT / "examples/topologies/orchestration/Pulumi.orchestration-small.yaml"
IMAGE: Final = "ghcr.io/qudag/qudag-mcp-server:0.1.0"
STAND_INS: Final = ("business-analyst-agent", "technical-architect-agent")
WITH_IMAGE: Final = ("developer-agent", "qa-tester-agent")
AGENTS: Final = (*STAND_INS, *WITH_IMAGE)
ENGINE: Final = "orchestration-engine"
PROXY: Final = "egress-proxy"
NAMES: Final = {"api.openai.com": PUBLIC, "files.openai.com": PUBLIC}
METADATA: Final = ("169.254.169.254:80", "169.254.170.2:80", "fd00:ec2::254:80")
OUTSIDE: Final = (f"{PUBLIC}:443", f"{PUBLIC}:53", f"{MACHINE}:443")
OVER_IPV6: Final = ("2001:4860:4860::8888:443", "2606:4700:4700::1111:443")

Pod = dict[str, Any]


@dataclass(frozen=True)
class Agents:
    """The platform, and the addresses at which everything in it can be tried."""

    platform: Platform
    pods: dict[str, Pod]
    ports: dict[str, list[int]]
    services: dict[str, list[str]]
    api: list[str]

    def of_pod(self, name: str, family: Family) -> list[str]:
        """Every port of a workload's pod."""
        host = address(self.platform, family, self.pods[name])
        return [f"{host}:{port}" for port in self.ports[name]]

    def proxy_of(self, name: str) -> str:
        """Address and port of the egress proxy for an agent with an image."""
        (server,) = (c for c in containers(self.pods[name]) if c["name"] == "server")
        (url,) = (one["value"] for one in server["env"] if one["name"] == "HTTPS_PROXY")
        return f"{self.pods[PROXY]['status']['podIP']}:{url.rpartition(':')[2]}"


def containers(pod: Pod) -> list[dict[str, Any]]:
    return [*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]]


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    folder = tmp_path_factory.mktemp("orchestration")
    with copied(EXAMPLE, folder) as stack:
        give_images(folder / EXAMPLE.name)
        refused = up(*stack_options(stack))
        assert refused.status == 1
        assert "Secret/mcp-agents/llm-secrets" in refused.err
        kubectl = cluster.connect(os.environ.get("CLUSTER") or None, quiet()).kubectl
        kubectl.must("create", "--filename=-", stdin=json.dumps(key_of_the_provider()))
        with deployed_program(stack) as deployed:
            yield deployed


def give_images(file: Path) -> None:
    """Set the images of two agents, as a user does."""
    stated = yaml.safe_load(file.read_text())
    for name in WITH_IMAGE:
        stated["config"]["qudag-mcp:servers"][name] |= {
            "image": IMAGE,
            "transport": "stdio",
            "health": None,  # the bridge is probed
            "command": [PROGRAM, "stand-in", name],
        }
    file.write_text(yaml.safe_dump(stated))


def key_of_the_provider() -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "llm-secrets", "namespace": "mcp-agents"},
        "data": {"openai-api-key": base64.b64encode(b"not a key").decode()},
    }


@pytest.fixture(scope="module")
def agents(platform: Platform) -> Agents:
    pods = {
        pod["metadata"]["labels"]["app"]: pod
        for pod in platform.pods()
        if pod["status"]["phase"] == "Running"
    }
    ports = {
        name: [port["containerPort"] for c in containers(pod) for port in c.get("ports", ())]
        for name, pod in pods.items()
    }
    services = {
        one["spec"]["selector"]["app"]: [
            f"{one['spec']['clusterIP']}:{port['port']}" for port in one["spec"]["ports"]
        ]
        for namespace in platform.namespaces
        for one in platform.kubectl.objects("services", f"-n={namespace}")
        if one["spec"]["clusterIP"] != "None"
    }
    (kubernetes,) = platform.kubectl.objects("service", "kubernetes", "-n=default")
    nodes = [
        each["address"]
        for node in platform.kubectl.objects("nodes")
        for each in node["status"]["addresses"]
        if each["type"] == "InternalIP"
    ]
    api = [f"{kubernetes['spec']['clusterIP']}:443", *(f"{one}:6443" for one in nodes)]
    return Agents(platform, pods, ports, services, [*api, *(f"{one}:10250" for one in nodes)])


@pytest.fixture(scope="module")
def internet(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """This machine as the internet of the pods, with the model provider's name."""
    with internet_of_pods.internet(platform, tmp_path_factory.mktemp("authority"), NAMES):
        yield


def test_the_engine_calls_the_agents_and_its_stores(agents: Agents):
    tls = {name: f"{agents.pods[name]['status']['podIP']}:8443" for name in AGENTS}
    behind = {f"{agents.pods[name]['status']['podIP']}:3001" for name in AGENTS}
    stores = {one for store in ("postgres", "redis") for one in agents.of_pod(store, Family.IPV4)}
    found = opened(agents.platform, agents.pods[ENGINE], {*tls.values(), *behind, *stores})
    assert found == {*tls.values(), *stores}


@pytest.mark.parametrize("name", AGENTS)
@pytest.mark.parametrize("family", Family)
def test_an_agent_connects_to_no_pod_of_the_platform(agents: Agents, name: str, family: Family):
    others = [one for one in agents.pods if one != name]
    assert {ENGINE, "mcp-gateway", "postgres", "redis", PROXY, *AGENTS} <= {*others, name}
    closed = {way for one in others for way in agents.of_pod(one, family)}
    if family is Family.IPV4:
        closed |= {way for one, ways in agents.services.items() if one != name for way in ways}
    allowed: set[str] = set()
    if name in WITH_IMAGE and family is Family.IPV4:
        allowed = {agents.proxy_of(name)}
    own = set(agents.of_pod(name, family))  # reached: an address of this family that is not closed
    found = opened(agents.platform, agents.pods[name], closed | own)
    assert found - own - services_of_the_proxy(agents, name) == allowed
    assert found & own


def services_of_the_proxy(agents: Agents, name: str) -> set[str]:
    """The proxy's Service at the port of an agent, which leads to the pod's."""
    if name not in WITH_IMAGE:
        return set()
    port = agents.proxy_of(name).rpartition(":")[2]
    return {way for way in agents.services[PROXY] if way.endswith(f":{port}")}


@pytest.mark.parametrize("name", AGENTS)
def test_an_agent_connects_to_nothing_outside_the_platform(
    agents: Agents, internet: None, name: str
):
    del internet
    pod = agents.pods[name]
    links = [f"{one}:6443" for one in neighbours_on_the_link(agents.platform, pod)]
    assert links
    closed = {*agents.api, *links, *METADATA, *OUTSIDE, *OVER_IPV6}
    assert opened(agents.platform, pod, closed) == set()


def test_a_pod_without_policies_connects_to_what_is_closed_to_agents(
    agents: Agents, internet: None
):
    """Else the tests above would pass on a cluster without these addresses."""
    del internet
    (server,) = (c for c in containers(agents.pods[AGENTS[0]]) if c["name"] == "server")
    known = {*agents.api, *OUTSIDE}
    with internet_of_pods.free_pod(agents.platform.kubectl, server["image"]) as where:
        assert opened_in(agents.platform, *where, known) == known


def test_an_agent_with_an_image_reaches_its_model_provider_through_the_proxy_alone(
    agents: Agents, internet: None
):
    del internet
    kubectl, metadata = agents.platform.kubectl, agents.pods[WITH_IMAGE[0]]["metadata"]
    where = (metadata["namespace"], metadata["name"])
    provider = {"its provider": ("url", "https://api.openai.com/", None)}
    # The pod of the DNS that was replaced may still have told the proxy that there is no such name.
    until(lambda: reached(kubectl, *where, provider) == {*provider}, 60)  # type: ignore[arg-type]
    others: internet_of_pods.Attempts = {
        "another host": ("proxy", "files.openai.com:443", "files.openai.com"),
        "its address": ("proxy", f"{PUBLIC}:443", "api.openai.com"),
        "the metadata service": ("proxy", "169.254.169.254:80", "-"),
        "the API server": ("proxy", agents.api[0], "kubernetes"),
        "the engine": ("proxy", f"{ENGINE}-service.mcp-orchestration.svc:8443", ENGINE),
        "the provider without the proxy": ("direct", "api.openai.com:443", None),
    }
    assert reached(kubectl, *where, others) == set()


def test_an_agent_does_not_connect_to_the_port_of_another_at_the_proxy(agents: Agents):
    first, second = (agents.proxy_of(name) for name in WITH_IMAGE)
    assert first != second
    found = opened(agents.platform, agents.pods[WITH_IMAGE[0]], {first, second})
    assert found == {first}
