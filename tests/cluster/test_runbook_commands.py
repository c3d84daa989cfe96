"""The real kubectl and a real API server accept every kubectl command of the runbooks."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final

import pytest
import yaml

from graph.manifests import manifests
from graph.resource_graph import ResourceGraph
from tests.harness.apiserver import ApiServer
from tests.harness.runbook_commands import commands, steps
from tests.harness.runbook_stacks import STACKS, runbooks
from tests.harness.user_servers import recorded

NAMESPACE: Final = "qudag-mcp-runbooks"
EXPECTED: Final = (
    "does not have a host assigned",  # logs, exec: no node has taken the pod
    "pod is not running",  # port-forward
    "Metrics API not available",
    "is waiting to start",
    "previous terminated container",
)
"""What kubectl says of a command that is right, in a cluster without nodes."""


STACK: Final = "microservices"


def own() -> ResourceGraph:
    """The stack in a namespace of its own, for tests of other files use the default one."""
    config: dict[str, Any] = dict(STACKS[STACK])
    config["kubernetes"] = {**config.get("kubernetes", {}), "namespace": NAMESPACE}
    return recorded(config)


def lines() -> list[str]:
    """The kubectl commands of the pages that the stack deploys, in the tests' namespace."""
    found = [line for page in runbooks(STACK).values() for line in commands(page)]
    return sorted(
        {line.replace("qudag-mcp-dev", NAMESPACE) for line in found if line.startswith("kubectl")}
    )


@pytest.fixture(scope="module")
def server(api_server_with_crds: ApiServer) -> Generator[ApiServer]:
    """The API server with the stack, and with Secrets of no value."""
    graph = own()
    made = manifests(graph)
    secrets = [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": one["name"], "namespace": one["namespace"]},
            "stringData": dict.fromkeys(one["keys"], "none"),
        }
        for one in graph.outputs["required_secrets"]
    ]
    text = yaml.safe_dump_all([*(made[name] for name in sorted(made)), *secrets])
    applied = api_server_with_crds.apply(text)
    assert applied.returncode == 0, applied.stderr
    yield api_server_with_crds
    spaces = {
        one["metadata"]["namespace"] for one in made.values() if "namespace" in one["metadata"]
    }
    api_server_with_crds.kubectl("delete", "namespace", *spaces, "--wait=false")


def asked(server: ApiServer, line: str) -> subprocess.CompletedProcess[str]:
    """The answer to a command line, whose name of a new job is unique."""
    (_, *words) = steps(line)[0].words
    if words[2:4] == ["create", "job"]:
        words.append("--dry-run=server")
    return server.kubectl(*words, "--request-timeout=20s")


def is_wrong(done: subprocess.CompletedProcess[str]) -> bool:
    return done.returncode != 0 and not any(said in done.stderr for said in EXPECTED)


def test_kubectl_and_the_api_server_accept_every_command(server: ApiServer):
    every = lines()
    assert len(every) > 30
    with ThreadPoolExecutor(4) as pool:
        answers = dict(zip(every, pool.map(partial(asked, server), every), strict=True))
    assert {line: done.stderr for line, done in answers.items() if is_wrong(done)} == {}


def test_a_runbook_is_read_by_the_command_in_its_alert(server: ApiServer):
    got = server.kubectl("-n", NAMESPACE, "get", "prometheusrule", "qudag-mcp", "-o", "yaml")
    (command,) = re.findall(r"runbook_command: (kubectl .*\.MCPServerDown\})", got.stdout)
    page = server.kubectl(*steps(command)[0].words[1:])
    assert page.returncode == 0, page.stderr
    assert page.stdout.startswith("# MCPServerDown\n")
    assert f"kubectl -n {NAMESPACE} " in page.stdout


@pytest.mark.parametrize(
    "line",
    [
        f"kubectl -n {NAMESPACE} get pods -l app=redis -o wied",
        f"kubectl -n {NAMESPACE} get podz",
        f"kubectl -n {NAMESPACE} get pods --label app=redis",
        f"kubectl -n {NAMESPACE} logs redis-0 -c valkye --tail=9",
        f"kubectl -n {NAMESPACE} logs redis-0 --all-container",
        f"kubectl -n {NAMESPACE} logs deployment/redis",
        f"kubectl -n {NAMESPACE} exec postgres-9 -- psql",
        f"kubectl -n {NAMESPACE} create job --from=cronjob/none now",
        f"kubectl -n {NAMESPACE} rollout histroy deployment/mcp-core",
    ],
)
def test_a_wrong_command_is_refused(server: ApiServer, line: str):
    assert is_wrong(asked(server, line))
