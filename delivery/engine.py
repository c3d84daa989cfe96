"""Which engine deploys: the user's Pulumi, the pinned release, or plain server-side apply."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from shutil import which

from components.base.problems import Problem, ProblemReport
from components.base.versions import VERSIONS, numbers
from graph.resource_graph import ResourceGraph

from . import process
from .progress import Progress
from .pulumi_download import UnavailableError, obtain
from .pulumi_stack import QUIET
from .state_folders import tools_cache

OLDEST = VERSIONS["pulumi"]["oldest"]


@dataclass(frozen=True)
class Engine:
    """What deploys.

    Attributes:
        pulumi: the CLI; None where the manifests are applied with kubectl.
        why: half a sentence for the user.
    """

    pulumi: Path | None
    why: str

    @property
    def name(self) -> str:
        return "kubectl (server-side apply)" if self.pulumi is None else "Pulumi"


def choose(graph: ResourceGraph, progress: Progress, *, without_pulumi: bool = False) -> Engine:
    """The engine for this stack on this machine.

    Args:
        without_pulumi: whether the stack is up without Pulumi, and so stays until it is down.

    Raises:
        ProblemReport: there is no Pulumi, and the stack holds what kubectl cannot deploy.
    """
    with progress.step("Engine") as step:
        if without_pulumi:
            step.result = "kubectl server-side apply, as before"
            return Engine(None, "the stack came up without Pulumi and stays so until make down")
        reasons: list[str] = []
        for look in (_installed, _released):
            found = look()
            if isinstance(found, str):
                reasons.append(found)
            elif missing := _missing_plugins(found, graph):
                reasons.append(f"Pulumi at {found} has no plugin {', '.join(missing)}")
            else:
                step.result = f"Pulumi ({found})"
                return Engine(found, f"Pulumi at {found}")
        why = "; ".join(reasons)
        refuse_cloud_resources(graph, why)
        step.result = "kubectl server-side apply: there is no Pulumi state"
        return Engine(None, why)


def _installed() -> Path | str:
    """``pulumi`` on PATH where it is new enough, else why not."""
    found = which("pulumi")
    if found is None:
        return "no pulumi on PATH"
    said = process.run([found, "version"], env=QUIET, timeout=20).out
    found_version = re.match(r"v?(\d+\.\d+)", said)
    if found_version and numbers(found_version[1]) >= numbers(OLDEST):
        return Path(found)
    called = said.strip() or "of unknown version"
    return f"pulumi on PATH is {called}, and {OLDEST} is needed"


def _released() -> Path | str:
    try:
        return obtain(tools_cache())
    except UnavailableError as reason:
        return f"the release was not fetched: {reason}"


def _missing_plugins(pulumi: Path, graph: ResourceGraph) -> list[str]:
    """Provider plugins that the stack needs, and that are neither here nor to be had."""
    text = process.run([pulumi, "plugin", "ls", "--json"], env=QUIET, timeout=30).out
    there = {(plugin["name"], plugin.get("version", "")) for plugin in json.loads(text or "[]")}
    missing: list[str] = []
    for name in sorted(packages(graph)):
        wanted = version(f"pulumi-{name}")
        if (name, wanted) in there:
            continue
        install = [pulumi, "plugin", "install", "resource", name, f"v{wanted}"]
        try:
            fetched = process.run(install, env=QUIET, timeout=120).ok
        except TimeoutError:
            fetched = False
        if not fetched:
            missing.append(f"{name} {wanted}")
    return missing


def packages(graph: ResourceGraph) -> set[str]:
    """Pulumi packages of the stack's own resources, ``kubernetes`` among them."""
    ours = {"pulumi", graph.project}
    names = {_package(resource.type) for resource in graph.resources if resource.custom}
    return names - ours


def _package(type_token: str) -> str:
    """``aws`` of ``aws:s3/bucket:Bucket`` and of ``pulumi:providers:aws``."""
    first, *rest = type_token.split(":")
    return rest[-1] if first == "pulumi" and rest[0] == "providers" else first


def refuse_cloud_resources(graph: ResourceGraph, why: str) -> None:
    """Refuses a stack that kubectl alone cannot deploy; nothing of it is deployed then."""
    cloud = [
        resource
        for resource in graph.resources
        if resource.custom and _package(resource.type) not in {"kubernetes", "pulumi"}
    ]
    if cloud:
        examples = ", ".join(f"{resource.name} ({resource.type})" for resource in cloud[:3])
        raise ProblemReport(
            [
                Problem(
                    f"stack {graph.stack}",
                    f"{len(cloud)} of its resources are not Kubernetes objects: {examples}",
                    f"kubectl cannot make them, and there is no Pulumi here ({why})",
                    f"install Pulumi {OLDEST} or newer: https://www.pulumi.com/docs/install/",
                )
            ]
        )
