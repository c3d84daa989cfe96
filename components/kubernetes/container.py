"""What a container of a pod runs, listens on and mounts; `container_spec` makes its spec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

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
from ..base.problems import Problem
from .pod_settings import SecretKey
from .resources import Resources

NOBODY: Final = 65534
"""User and group of every container: `nobody`, present in Debian, Alpine and distroless images."""


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
        tls: whether the GET is sent over TLS; the kubelet does not verify the certificate.
        command: program to run in the container instead; exit status 0 is success.
        delay: seconds before the first probe.
        period: seconds between probes.
        timeout: seconds to wait for an answer.
        failures: failed probes in a row that count as a failure.
    """

    port: ContainerPort | None = None
    path: UrlPath | None = None
    tls: bool = False
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
        readiness: decides whether the pod gets requests; None: the container need only run.
        liveness: decides whether the container is restarted; None if a restart would not help.
    """

    readiness: Probe | None = None
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
class Variables:
    """Environment variables from a ConfigMap; a change of any of them rolls the pods.

    Attributes:
        name: physical name of the ConfigMap.
        content: value by name.
    """

    name: DnsLabel
    content: Mapping[VariableName, pulumi.Input[Text]]


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
        env_from: ConfigMaps of further ones.
        files: ConfigMaps to mount.
        secrets: keys of Secrets to mount.
        claims: volumes to mount.
        volumes: directories of claims that exist already, by the claim's name.
        read_only_volumes: the same, which the container may only read.
        config_maps: directories of ConfigMaps that another part of the program makes, by name; a
            directory is empty if its ConfigMap is absent when the pod starts.
        pre_stop: seconds between the start of a pod's termination and SIGTERM (timeout budget).
        writable: directories besides /tmp that the container may write; they are lost with the pod.
        in_memory: the same, never written to a disk; they count as memory of the container.
        shared: directories that all containers of the pod with the same path have in common, with
            their sizes; they are lost with the pod.
        secret_env: environment variables whose values are keys of Secrets.
        user: user and group id of its processes; None: ``nobody``. Without effect where the
            cluster assigns ids (see UserIds).
        sidecar: whether it starts before the other containers, which wait for its startup probe,
            and is stopped after they have ended.
        api_token: whether it gets a token of its service account for the API server, which lasts
            an hour and is renewed. Roles say what it may do.
    """

    name: DnsLabel
    image: pulumi.Input[Image]
    command: Sequence[Text]
    ports: Sequence[Port] = ()
    probes: Probes | None = None
    resources: Resources = field(default_factory=Resources)
    env: Mapping[VariableName, pulumi.Input[Text]] = field(
        default_factory=dict[str, pulumi.Input[str]]
    )
    env_from: Sequence[Variables] = ()
    files: Sequence[Files] = ()
    secrets: Sequence[SecretFiles] = ()
    claims: Sequence[Claim] = ()
    volumes: Mapping[ObjectName, Path] = field(default_factory=dict[str, str])
    read_only_volumes: Mapping[ObjectName, Path] = field(default_factory=dict[str, str])
    config_maps: Mapping[ObjectName, Path] = field(default_factory=dict[str, str])
    pre_stop: Delay = 0
    writable: Sequence[Path] = ()
    in_memory: Sequence[Path] = ()
    shared: Mapping[Path, ByteSize] = field(default_factory=dict[str, str])
    secret_env: Mapping[VariableName, SecretKey] = field(default_factory=dict[str, SecretKey])
    user: UserId | None = None
    sidecar: bool = False
    api_token: bool = False
