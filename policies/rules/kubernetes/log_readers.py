"""Recognises pods that read the log files of their node, and take nothing else of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from graph.tree import branch, dig, entries

from ...documents.pod_specs import PodSpec

LOG_FILES: Final = "/var/log/pods"
STATE: Final = re.compile(r"^/var/lib/qudag-mcp-logs/[a-z0-9][a-z0-9-]*$")
"""Where a collector of this project keeps its state on a node."""
_TAKEN: Final = ("hostNetwork", "hostPID", "hostIPC")


def reads_only_logs(pod: PodSpec) -> bool:
    """Whether ``hostPath`` and user 0 of a pod serve to read log files, and nothing more.

    It mounts ``/var/log/pods``, read-only in every container, and besides it only the state of a
    collector. No container has a capability, may gain one, or can write to its root file system,
    and the pod has no token of the API server.
    """
    folders = {
        str(branch(volume).get("name")): str(dig(volume, "hostPath", "path"))
        for volume in entries(pod.spec, "volumes")
        if "hostPath" in branch(volume)
    }
    logs = {name for name, path in folders.items() if path == LOG_FILES}
    rest = [path for name, path in folders.items() if name not in logs]
    containers = [container for _, container in pod.containers]
    return (
        pod.complete
        and bool(logs)
        and bool(containers)
        and all(map(STATE.match, rest))
        and pod.spec.get("automountServiceAccountToken") is False
        and not any(pod.spec.get(key) for key in _TAKEN)
        and not any("projected" in branch(volume) for volume in entries(pod.spec, "volumes"))
        and all(_is_confined(container, logs) for container in containers)
    )


def _is_confined(container: Mapping[str, Any], logs: set[str]) -> bool:
    context = branch(container, "securityContext")
    mounts = [branch(one) for one in entries(container, "volumeMounts")]
    return (
        all(one.get("readOnly") is True for one in mounts if str(one.get("name")) in logs)
        and context.get("allowPrivilegeEscalation") is False
        and context.get("readOnlyRootFilesystem") is True
        and context.get("privileged") is not True
        and entries(context, "capabilities", "drop") == ["ALL"]
        and not entries(context, "capabilities", "add")
    )
