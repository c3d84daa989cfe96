"""Chooses the engine: ``pulumi`` on PATH, the pinned release, or kubectl's server-side apply."""

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
    """The deployment engine.

    Attributes:
        pulumi: path of the Pulumi CLI; None if kubectl applies the manifests.
        why: the reason for the choice, shown to the user.
    """

    pulumi: Path | None
    why: str

    @property
    def name(self) -> str:
        return "kubectl (server-side apply)" if self.pulumi is None else "Pulumi"


def choose(graph: ResourceGraph, progress: Progress, *, without_pulumi: bool = False) -> Engine:
    """Choose the engine for this stack on this machine.

    Args:
        without_pulumi: the stack was deployed by kubectl, and stays so until ``down``.

    Raises:
        ProblemReport: Pulumi is not available, and the stack has resources of a cloud.
    """
    with progress.step("Engine") as step:
        if without_pulumi:
            step.result = "kubectl server-side apply, as before"
            why = "it was deployed without Pulumi and stays so until make down"
            refuse_secret_values(graph, why)
            return Engine(None, why)
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
        refuse_secret_values(graph, why)
        step.result = "kubectl server-side apply: there is no Pulumi state"
        return Engine(None, why)


def _installed() -> Path | str:
    """The ``pulumi`` on PATH if it is new enough; else the reason as text."""
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
        return f"the release was not downloaded: {reason}"


def _missing_plugins(pulumi: Path, graph: ResourceGraph) -> list[str]:
    """Provider plugins of the stack that are not installed and cannot be installed.

    Pulumi runs a plugin that is on PATH in place of an installed one, whatever its version.
    """
    text = process.run([pulumi, "plugin", "ls", "--json"], env=QUIET, timeout=30).out
    there = {(plugin["name"], plugin.get("version", "")) for plugin in json.loads(text or "[]")}
    missing: list[str] = []
    for name in sorted(packages(graph)):
        wanted = version(f"pulumi-{name}")
        if (name, wanted) in there or which(f"pulumi-resource-{name}"):
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
    """The Pulumi packages of the stack's resources, such as ``kubernetes`` and ``aws``."""
    ours = {"pulumi", graph.project}
    names = {_package(resource.type) for resource in graph.resources if resource.custom}
    return names - ours


def _package(type_token: str) -> str:
    """The package of a type: ``aws`` for ``aws:s3/bucket:Bucket`` or ``pulumi:providers:aws``."""
    first, *rest = type_token.split(":")
    return rest[-1] if first == "pulumi" and rest[0] == "providers" else first


def refuse_cloud_resources(graph: ResourceGraph, why: str) -> None:
    """Refuse a stack with resources that kubectl cannot deploy, before anything is deployed."""
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
                    f"kubectl cannot create them, and Pulumi is not available ({why})",
                    f"install Pulumi {OLDEST} or newer: https://www.pulumi.com/docs/install/",
                )
            ]
        )


def refuse_secret_values(graph: ResourceGraph, why: str) -> None:
    """Refuse Kubernetes objects with secret values, which no manifest contains."""
    problems = [
        Problem(
            f"{resource.name} {path}",
            f"its value is a secret, and Pulumi is not available ({why})",
            "kubectl would apply the object without it",
            "create the Secret in the cluster and name it in the program, or install Pulumi "
            f"{OLDEST} or newer",
        )
        for resource in graph.resources
        if resource.is_kubernetes_object
        for path in resource.secret_inputs
    ]
    if problems:
        raise ProblemReport(problems)
