"""A recorded pod with its volumes, created on this machine as the kubelet does."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.kubernetes.container import NOBODY
from graph.resource_graph import ResourceGraph

from .programs import environment

PROGRAMS = "/programs"
"""The folder of the image's programs in a container."""
SHELL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass
class Pod:
    """A pod's spec, its ConfigMaps and Secrets, and the directory of its volumes.

    Attributes:
        spec: as in a pod template.
        config_maps, secrets: the values, by name and key.
        hosts: host names that resolve to this machine's loopback.
        addresses: the address of each other host name.
    """

    name: str
    spec: Mapping[str, Any]
    directory: Path
    config_maps: dict[str, dict[str, str]]
    secrets: dict[str, dict[str, str]]
    hosts: Sequence[str] = ()
    addresses: Mapping[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def recorded(
        cls,
        graph: ResourceGraph,
        workload: str,
        directory: Path,
        secrets: dict[str, dict[str, str]],
    ) -> Pod:
        """The pod of a workload in a graph."""
        kinds = ("Deployment", "StatefulSet")
        found = [
            resource.inputs["spec"]["template"]["spec"]
            for kind in kinds
            for resource in graph.all(f"kubernetes:apps/v1:{kind}")
            if resource.inputs["metadata"]["name"] == workload
        ]
        config_maps = {
            resource.inputs["metadata"]["name"]: dict(resource.inputs.get("data", {}))
            for resource in graph.all("kubernetes:core/v1:ConfigMap")
        }
        return cls(workload, found[0], directory, config_maps, secrets)

    def container(self, name: str) -> Mapping[str, Any]:
        """The container's spec."""
        containers = [*self.spec.get("initContainers", ()), *self.spec["containers"]]
        return next(c for c in containers if c["name"] == name)

    def environment(self, container: str) -> dict[str, str]:
        """The container's environment variables, with those of its image."""
        given = {entry["name"]: self._value(entry) for entry in self.container(container)["env"]}
        libraries = environment()["LD_LIBRARY_PATH"]
        return given | {"PATH": f"{PROGRAMS}:{SHELL_PATH}", "LD_LIBRARY_PATH": libraries}

    def _value(self, entry: Mapping[str, Any]) -> str:
        """A variable's value: of a Secret, or as stated; what names the pod is its name."""
        if key := entry.get("valueFrom", {}).get("secretKeyRef"):
            return self.secrets[key["name"]][key["key"]]
        return entry.get("value", f"{self.name}-0")

    def update_secrets(self) -> None:
        """Write the present values into the volumes, as the kubelet does with a changed Secret."""
        for one in self.spec["volumes"]:
            if "secret" in one:
                self.volume(one["name"])

    def volume(self, name: str, *, fresh: bool = False) -> Path:
        """The directory of the volume, filled as the kubelet does."""
        none: dict[str, Any] = {}  # a StatefulSet's claim is not in the list of volumes
        source: dict[str, Any] = next((v for v in self.spec["volumes"] if v["name"] == name), none)
        path = self.directory / self.name / "volumes" / name
        # A claim keeps its data; what containers share is that of the pod, not of one of them.
        kept = not source or "persistentVolumeClaim" in source or name.startswith("shared-")
        if fresh and not kept:
            shutil.rmtree(path, ignore_errors=True)
        if not path.exists():
            path.mkdir(parents=True)
            give(path, 0o2770)
        if "configMap" in source:
            for key, text in self.config_maps[source["configMap"]["name"]].items():
                (path / key).write_text(text)
            path.chmod(0o755)
        if "secret" in source:
            secret = source["secret"]
            for item in secret["items"]:
                file = path / item["path"]
                file.write_text(self.secrets[secret["secretName"]][item["key"]])
                give(file, secret["defaultMode"])
        return path


def give(path: Path, mode: int) -> None:
    """Give a path to the pod's group, as ``fsGroup`` does, if this user may change owners."""
    if os.geteuid() == 0:
        os.chown(path, 0, NOBODY)
        path.chmod(mode)
    else:
        path.chmod(mode & 0o700)
