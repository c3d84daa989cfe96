"""Checks that tools can store data, and that the servers' dependencies answer."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx2
from mcp_types import CallToolResult, TextContent, Tool

from components.base.problems import ProblemReport

from .. import process
from ..kubectl import Kubectl, Object
from ..mcp_client import Endpoint, Era, connected
from . import NotCheckedError, wrong

NAME = "qudag-mcp verify"
"""Name of the row that the check writes; each check overwrites it."""

_READY = "/ready"
_ASK_SECONDS = 10.0


async def row(endpoint: Endpoint, era: Era, tools: Sequence[Tool]) -> str:
    """Write a row with the tool ``remember`` and read it back with ``recall``."""
    if not {"remember", "recall"} <= {tool.name for tool in tools}:
        raise NotCheckedError("there are no tools remember and recall")
    kept = secrets.token_hex(8)
    async with connected(endpoint, era) as client:
        await client.list_tools()
        for name, arguments in (
            ("remember", {"name": NAME, "text": kept}),
            ("recall", {"name": NAME}),
        ):
            result = await client.call_tool(name, arguments)
            if result.is_error:
                raise _not_stored(endpoint, f"{name} answers: {_text(result)[:200]}")
    if _text(result) != kept:
        raise _not_stored(endpoint, "recall returns another text than the one that was stored")
    return "a row written and read back"


def _text(result: CallToolResult) -> str:
    return "\n".join(block.text for block in result.content if isinstance(block, TextContent))


def _not_stored(endpoint: Endpoint, what: str) -> ProblemReport:
    return wrong(
        f"{endpoint.url}: data",
        what,
        "what clients store is lost or refused",
        "check that the database runs and the servers may connect to it: kubectl get pods, and the "
        "row `dependencies` here",
    )


# ---- dependencies of the servers -----------------------------------------------------------------


@dataclass(frozen=True)
class Probe:
    """The pod, port and container of one server's ``/ready``."""

    server: str
    namespace: str
    pod: str
    port: int


def dependencies(kubectl: Kubectl, namespaces: Sequence[str]) -> str:
    """Query ``/ready`` of one ready pod of each server; returns the dependencies that answer.

    Args:
        kubectl: of the cluster.
        namespaces: all namespaces of the platform.

    Raises:
        ProblemReport: a dependency does not answer; each is named with the affected servers.
    """
    asked = [
        probe
        for namespace in namespaces
        for probe in probes(kubectl.objects("pods", f"-n={namespace}"))
    ]
    if not asked:
        where = " or ".join(namespaces)
        raise NotCheckedError(f"no ready pod in {where} has a readiness probe at {_READY}")
    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(partial(dependency_states, kubectl), asked))
    states = [(probe, found) for probe, found in zip(asked, said, strict=True) if found is not None]
    missed: dict[tuple[str, str], list[str]] = {}
    for probe, found in states:
        for dependency, state in found.items():
            if state != "reachable":
                what = f"{dependency} is {state}"
                missed.setdefault((probe.namespace, what), []).append(probe.server)
    if missed:
        raise ProblemReport(
            problem
            for (namespace, what), servers in missed.items()
            for problem in wrong(
                f"namespace {namespace}",
                f"{what} for {', '.join(sorted(servers))}",
                "tools that need it answer errors",
                f"kubectl -n {namespace} get pods,networkpolicies; servers check every 10 s",
            ).problems
        )
    if not states:
        raise NotCheckedError("no server could be queried: that needs the right to forward ports")
    names = sorted({name for _, found in states for name in found})
    return f"{', '.join(names)} reachable" if names else "the servers depend on nothing"


def probes(pods: Iterable[Object], *, ready: bool = True) -> Iterable[Probe]:
    """The probes of all servers in one pod of each workload that is ready, or is not."""
    seen: set[str] = set()
    for pod in pods:
        metadata, spec = pod["metadata"], pod["spec"]
        conditions = pod["status"].get("conditions", ())
        if ready != any(one["type"] == "Ready" and one["status"] == "True" for one in conditions):
            continue
        for container in [*spec.get("initContainers", ()), *spec["containers"]]:
            probe: Mapping[str, Any] = container.get("readinessProbe", {}).get("httpGet", {})
            if probe.get("path") != _READY or probe.get("scheme", "HTTP") != "HTTP":
                continue
            port = _number(probe["port"], container)
            owner = metadata.get("generateName", metadata["name"]).rstrip("-")
            revision = metadata.get("labels", {}).get("pod-template-hash", "")
            workload = owner.removesuffix(f"-{revision}") if revision else owner
            server = f"{workload}/{container['name']}"
            if server not in seen:
                seen.add(server)
                yield Probe(server, metadata["namespace"], metadata["name"], port)


def _number(port: int | str, container: Mapping[str, Any]) -> int:
    named = {one.get("name"): one["containerPort"] for one in container.get("ports", ())}
    return int(named.get(port, port))


def dependency_states(kubectl: Kubectl, probe: Probe) -> dict[str, str] | None:
    """The state of the server's dependencies; None if its answer contains none.

    Network policies do not apply to the forwarded port.
    """
    argv = kubectl.argv(
        "port-forward", f"--namespace={probe.namespace}", f"pod/{probe.pod}", f":{probe.port}"
    )
    with process.background(argv) as lines:
        for line in lines:
            if found := re.search(r"127\.0\.0\.1:(\d+)", line):
                url = f"http://127.0.0.1:{found[1]}{_READY}"
                return _dependencies(url)
    return None


def _dependencies(url: str) -> dict[str, str] | None:
    try:
        answer = httpx2.get(url, timeout=_ASK_SECONDS, trust_env=False)
        return dict(json.loads(answer.text)["dependencies"])
    except (httpx2.HTTPError, ValueError, KeyError, TypeError):
        return None
