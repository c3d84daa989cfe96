"""The description of a container, and its hardened Kubernetes spec."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import pulumi

from ..base.arg_types import (
    Attempts,
    ByteSize,
    ContainerPort,
    Delay,
    DnsLabel,
    FileName,
    Image,
    ObjectName,
    Path,
    PortName,
    PortNumber,
    Seconds,
    SecretName,
    Text,
    UrlPath,
    UserId,
    VariableName,
)
from ..base.forms import DNS_LABEL
from ..base.problems import Problem
from .pod_settings import PodSettings, SecretKey, UserIds, key_variable
from .resources import Resources

NOBODY: Final = 65534
"""User and group of every container: `nobody`, present in Debian, Alpine and distroless images."""

IDS: Final = {"runAsUser": NOBODY, "runAsGroup": NOBODY}
"""User and group ids of the processes, where the cluster does not assign any."""

SCRATCH_SIZE: Final = "256Mi"
"""The most that a writable directory may hold; more evicts the pod."""

MEMORY_SIZE: Final = "32Mi"
"""The most that a directory in memory may hold."""

HARDENED: Final[Mapping[str, Any]] = {
    # A process that is taken over gains nothing by a setuid program,
    "allowPrivilegeEscalation": False,
    # cannot plant a program of its own,
    "readOnlyRootFilesystem": True,
    # holds no power that root would have,
    "capabilities": {"drop": ["ALL"]},
    # is not root on the node,
    "runAsNonRoot": True,
    # and reaches only the system calls that a server needs.
    "seccompProfile": {"type": "RuntimeDefault"},
}


@dataclass(frozen=True, kw_only=True)
class Port:
    """A port that a container listens on.

    Attributes:
        name: Kubernetes port name, at most 15 characters.
        number: port in the container; above 1023, because ``nobody`` cannot bind lower ones.
        service: port of the Service that forwards to it; None: not in a Service.
    """

    name: PortName
    number: ContainerPort
    service: PortNumber | None = None


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A probe of the kubelet; times in seconds.

    Attributes:
        port: number of the port.
        path: path of an HTTP GET; None: only whether the port accepts connections.
        command: program to run in the container instead; exit status 0 is success.
        delay: seconds before the first probe.
        period: seconds between probes.
        timeout: seconds to wait for an answer.
        failures: failed probes in a row that count as a failure.
    """

    port: ContainerPort | None = None
    path: UrlPath | None = None
    command: Sequence[Text] | None = None
    delay: Delay = 0
    period: Seconds = 10
    timeout: Seconds = 5
    failures: Attempts = 3


@dataclass(frozen=True, kw_only=True)
class Probes:
    """The three probes. Liveness must not check a dependency, because its failure restarts the pod.

    Attributes:
        startup: runs until it first succeeds; the other two start after that.
        readiness: decides whether the pod gets requests.
        liveness: decides whether the container is restarted; None if a restart would not help.
    """

    readiness: Probe
    startup: Probe | None = None
    liveness: Probe | None = None


@dataclass(frozen=True, kw_only=True)
class Files:
    """Rendered text files, mounted read-only; a change of any of them rolls the pods.

    Attributes:
        name: physical name of the ConfigMap.
        path: directory in the container; it hides what the image has there. None: ``places`` says
            where the files are.
        content: text by file name.
        places: absolute path of each file of ``content``, beside what the image has there.
    """

    name: DnsLabel
    path: Path | None = None
    content: Mapping[FileName, pulumi.Input[Text]]
    places: Mapping[FileName, Path] = field(default_factory=dict[str, str])

    def refusals(self) -> list[Problem]:
        """A problem unless either ``path`` or ``places`` is set, the latter for each file."""
        if (self.path is None) == bool(self.places) and (
            not self.places or self.places.keys() == self.content.keys()
        ):
            return []
        return [
            Problem(
                "places",
                "does not have each file, or path is set as well, or neither is set",
                "it is unknown where files are to be mounted",
                "set path, or set places for each file of content",
            )
        ]

    @property
    def mounted_at(self) -> list[str]:
        """The paths at which it is mounted."""
        return [self.path] if self.path is not None else list(self.places.values())


@dataclass(frozen=True, kw_only=True)
class SecretFiles:
    """Keys of a Secret that exists already, mounted read-only as files.

    Attributes:
        secret: the Secret's name.
        path: directory in the container.
        keys: the keys that this container needs, and no others.
    """

    secret: SecretName
    path: Path
    keys: Sequence[FileName]


@dataclass(frozen=True, kw_only=True)
class Claim:
    """Storage that outlives the pod.

    Attributes:
        name: the claim's name; in a StatefulSet each pod has its own, with this as prefix.
        path: directory in the container.
        size: Kubernetes quantity.
        access: ReadWriteMany if several pods of a Deployment share the volume.
        storage_class: None for the cluster's default.
        protect: refuse to delete the claim.
    """

    name: DnsLabel
    path: Path
    size: ByteSize
    access: Literal["ReadWriteOnce", "ReadWriteMany"] = "ReadWriteOnce"
    storage_class: ObjectName | None = None
    protect: bool = False


@dataclass(frozen=True, kw_only=True)
class Container:
    """One container of a pod.

    Attributes:
        name: name of the container, unique in the pod.
        image: reference with tag or digest.
        command: program and arguments; empty: the image's own entrypoint.
        ports: what it listens on.
        probes: None for a container that runs to its end.
        resources: see Resources.
        env: environment variables without secrets.
        files: ConfigMaps to mount.
        secrets: keys of Secrets to mount.
        claims: volumes to mount.
        pre_stop: seconds between the start of a pod's termination and SIGTERM (timeout budget).
        writable: directories besides /tmp that the container may write; they are lost with the pod.
        in_memory: the same, never written to a disk; they count as memory of the container.
        secret_env: environment variables whose values are keys of Secrets.
        user: user and group id of its processes; None: ``nobody``. Without effect where the
            cluster assigns ids (see UserIds).
        sidecar: whether it starts before the other containers, which wait for its startup probe,
            and is stopped after they have ended.
    """

    name: DnsLabel
    image: pulumi.Input[Image]
    command: Sequence[Text]
    ports: Sequence[Port] = ()
    probes: Probes | None = None
    resources: Resources = field(default_factory=Resources)
    env: Mapping[VariableName, Text] = field(default_factory=dict[str, str])
    files: Sequence[Files] = ()
    secrets: Sequence[SecretFiles] = ()
    claims: Sequence[Claim] = ()
    pre_stop: Delay = 0
    writable: Sequence[Path] = ()
    in_memory: Sequence[Path] = ()
    secret_env: Mapping[VariableName, SecretKey] = field(default_factory=dict[str, SecretKey])
    user: UserId | None = None
    sidecar: bool = False


def container_spec(
    container: Container,
    settings: PodSettings = PodSettings(),  # noqa: B008  (immutable)
) -> dict[str, Any]:
    """The Kubernetes container: hardened, its mounts named after what they mount."""
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
    if probe.command:
        how: dict[str, Any] = {"exec": {"command": list(probe.command)}}
    elif probe.path:
        how = {"httpGet": {"path": probe.path, "port": probe.port, "scheme": "HTTP"}}
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
        for files in container.files:
            found[files.name] = {"name": files.name, "configMap": {"name": files.name}}
        for secret in container.secrets:
            items = [{"key": key, "path": key} for key in secret.keys]
            name = secret_volume(container, secret)
            source = {"secretName": secret.secret, "items": items, "defaultMode": 0o440}
            found[name] = {"name": name, "secret": source}
    return list(found.values())


def _mounts(container: Container) -> list[dict[str, Any]]:
    return [
        *(
            {"name": scratch_volume(container, path), "mountPath": path}
            for path in ("/tmp", *container.writable, *container.in_memory)  # noqa: S108
        ),
        *(mount for files in container.files for mount in _file_mounts(files)),
        *(
            {"name": secret_volume(container, s), "mountPath": s.path, "readOnly": True}
            for s in container.secrets
        ),
        *({"name": claim.name, "mountPath": claim.path} for claim in container.claims),
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


def secret_volume(container: Container, secret: SecretFiles) -> str:
    """Name of the volume of mounted keys."""
    # By its place, not by the Secret: one Secret may be mounted twice, with other keys each.
    return scratch_volume(container, secret.path)


def _field(name: str, path: str) -> dict[str, Any]:
    return {"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}
