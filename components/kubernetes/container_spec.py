"""The hardened Kubernetes spec of a container, and the volumes of its pod."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ..base.forms import DNS_LABEL
from .container import NOBODY, Container, Files, Probe, SecretFiles
from .pod_settings import PodSettings, UserIds, key_variable

IDS: Final = {"runAsUser": NOBODY, "runAsGroup": NOBODY}
"""User and group ids of the processes, where the cluster does not assign any."""

SCRATCH_SIZE: Final = "256Mi"
"""The most that a writable directory may hold; more evicts the pod."""

MEMORY_SIZE: Final = "32Mi"
"""The most that a directory in memory may hold."""

_API_TOKEN: Final = "api-token"  # noqa: S105  (the name of a volume)
API_TOKEN_PATH: Final = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105  (a directory)
"""Where every client of the API server looks."""
_NAMESPACE: Final = {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
_API_TOKEN_SOURCES: Final[Mapping[str, Any]] = {
    "defaultMode": 0o440,
    "sources": [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", **_NAMESPACE}]}},
    ],
}

HARDENED: Final[Mapping[str, Any]] = {
    # A setuid program gives an attacker no further privileges.
    "allowPrivilegeEscalation": False,
    # An attacker cannot write a program to the image's file system.
    "readOnlyRootFilesystem": True,
    # No Linux capability of root.
    "capabilities": {"drop": ["ALL"]},
    # Not root on the node, even outside of the container.
    "runAsNonRoot": True,
    # Only the system calls of the container runtime's default profile.
    "seccompProfile": {"type": "RuntimeDefault"},
}


def container_spec(
    container: Container,
    settings: PodSettings = PodSettings(),  # noqa: B008  (immutable)
) -> dict[str, Any]:
    """The Kubernetes container: hardened, its volumes named after the paths."""
    ids = _ids(container) if settings.user_ids is UserIds.NOBODY else {}
    spec: dict[str, Any] = {
        "name": container.name,
        "image": container.image,
        # An empty list says the same as none, but counts as a change at every apply.
        **({"command": list(container.command)} if container.command else {}),
        "resources": container.resources.spec(),
        "securityContext": {**HARDENED, **ids},
        "env": [
            *(_field("POD_NAME", "metadata.name"), _field("POD_NAMESPACE", "metadata.namespace")),
            *({"name": name, "value": value} for name, value in container.env.items()),
            *(key_variable(name, each) for name, each in container.secret_env.items()),
            *settings.variables(),
        ],
        "volumeMounts": _mounts(container),
    }
    if container.env_from:
        spec["envFrom"] = [{"configMapRef": {"name": each.name}} for each in container.env_from]
    if container.ports:
        spec["ports"] = [
            {"name": p.name, "containerPort": p.number, "protocol": "TCP"} for p in container.ports
        ]
    if probes := container.probes:
        for kind in ("startup", "readiness", "liveness"):
            if probe := getattr(probes, kind):
                spec[f"{kind}Probe"] = probe_spec(probe)
    if container.pre_stop:
        spec["lifecycle"] = {"preStop": {"sleep": {"seconds": container.pre_stop}}}
    if container.sidecar:
        spec["restartPolicy"] = "Always"
    return spec


def _ids(container: Container) -> dict[str, int]:
    if container.user is None:
        return IDS
    return {"runAsUser": container.user, "runAsGroup": container.user}


def probe_spec(probe: Probe) -> dict[str, Any]:
    """The Kubernetes probe."""
    scheme = "HTTPS" if probe.tls else "HTTP"
    if probe.command:
        how: dict[str, Any] = {"exec": {"command": list(probe.command)}}
    elif probe.path:
        how = {"httpGet": {"path": probe.path, "port": probe.port, "scheme": scheme}}
    else:
        how = {"tcpSocket": {"port": probe.port}}
    times = {
        "periodSeconds": probe.period,
        "timeoutSeconds": probe.timeout,
        "successThreshold": 1,
        "failureThreshold": probe.failures,
    }
    return how | ({"initialDelaySeconds": probe.delay} if probe.delay else {}) | times


def volumes(containers: Sequence[Container]) -> list[dict[str, Any]]:
    """The pod's volumes: a /tmp for each container, files, secrets; claims are the workload's."""
    found: dict[str, dict[str, Any]] = {}
    for container in containers:
        for path in ("/tmp", *container.writable):  # noqa: S108  (an emptyDir of the pod's own)
            name = scratch_volume(container, path)
            found[name] = {"name": name, "emptyDir": {"sizeLimit": SCRATCH_SIZE}}
        for path in container.in_memory:
            name = scratch_volume(container, path)
            memory = {"medium": "Memory", "sizeLimit": MEMORY_SIZE}
            found[name] = {"name": name, "emptyDir": memory}
        for path, size in container.shared.items():
            name = _common_volume(path)
            found[name] = {"name": name, "emptyDir": {"sizeLimit": size}}
        for files in container.files:
            found[files.name] = {"name": files.name, "configMap": {"name": files.name}}
        for config_map in container.config_maps:
            name = _config_map_volume(config_map)
            found[name] = {"name": name, "configMap": {"name": config_map, "optional": True}}
        for secret in container.secrets:
            items = [{"key": key, "path": key} for key in secret.keys]
            name = secret_volume(container, secret)
            source = {"secretName": secret.secret, "items": items, "defaultMode": 0o440}
            found[name] = {"name": name, "secret": source}
        if container.api_token:
            found[_API_TOKEN] = {"name": _API_TOKEN, "projected": _API_TOKEN_SOURCES}
        for claim in (*container.volumes, *container.read_only_volumes):
            name = shared_volume(claim)
            found[name] = {"name": name, "persistentVolumeClaim": {"claimName": claim}}
    return list(found.values())


def _mounts(container: Container) -> list[dict[str, Any]]:
    return [
        *(
            {"name": scratch_volume(container, path), "mountPath": path}
            for path in ("/tmp", *container.writable, *container.in_memory)  # noqa: S108
        ),
        *({"name": _common_volume(path), "mountPath": path} for path in container.shared),
        *(mount for files in container.files for mount in _file_mounts(files)),
        *(
            {"name": secret_volume(container, s), "mountPath": s.path, "readOnly": True}
            for s in container.secrets
        ),
        *(
            {"name": _API_TOKEN, "mountPath": API_TOKEN_PATH, "readOnly": True}
            for _ in range(container.api_token)
        ),
        *({"name": claim.name, "mountPath": claim.path} for claim in container.claims),
        *(
            {"name": shared_volume(claim), "mountPath": path}
            for claim, path in container.volumes.items()
        ),
        *(
            {"name": shared_volume(claim), "mountPath": path, "readOnly": True}
            for claim, path in container.read_only_volumes.items()
        ),
        *(
            {"name": _config_map_volume(name), "mountPath": path, "readOnly": True}
            for name, path in container.config_maps.items()
        ),
    ]


def _file_mounts(files: Files) -> list[dict[str, Any]]:
    if files.path is not None:
        return [{"name": files.name, "mountPath": files.path, "readOnly": True}]
    return [
        {"name": files.name, "mountPath": place, "subPath": file, "readOnly": True}
        for file, place in files.places.items()
    ]


def scratch_volume(container: Container, path: str) -> str:
    """Name of the volume of a directory that the container may write.

    It contains a digest of a path that is too long, or has characters that no name may have.
    """
    name = f"{container.name}-{path.strip('/').replace('/', '-')}"
    if DNS_LABEL.matches(name):
        return name
    return f"{container.name[:46]}-{hashlib.sha256(path.encode()).hexdigest()[:16]}"


def _common_volume(path: str) -> str:
    """Name of the volume of a directory that several containers of a pod share."""
    name = f"shared-{path.strip('/').replace('/', '-')}"
    if DNS_LABEL.matches(name):
        return name
    return f"shared-{hashlib.sha256(path.encode()).hexdigest()[:16]}"


def secret_volume(container: Container, secret: SecretFiles) -> str:
    """Name of the volume of mounted keys."""
    # Named after the path, because one Secret may be mounted twice, with different keys.
    return scratch_volume(container, secret.path)


def shared_volume(claim: str) -> str:
    """Name of the volume of a claim that exists already."""
    return f"claim-{claim}"


def _config_map_volume(name: str) -> str:
    return f"config-map-{name}"


def _field(name: str, path: str) -> dict[str, Any]:
    return {"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}
