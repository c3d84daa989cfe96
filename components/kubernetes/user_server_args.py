"""Args of an MCP server from any image, and what is refused of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pulumi

from ..base.arg_types import (
    ByteSize,
    ContainerPort,
    DnsLabel,
    EndpointPath,
    Image,
    ObjectName,
    Path,
    Replicas,
    Seconds,
    SecretName,
    Text,
    UrlPath,
    UserId,
    VariableName,
)
from ..base.problems import Problem
from ..mcp.era import Era
from ..mcp.server_config import HTTPS, INTERNAL_CA_PATH
from ..mcp.timeout_budget import TimeoutBudget
from ..mcp.traces import SDK_VARIABLES, TraceReceiver
from .container import NOBODY
from .exposure import IpFamilies
from .image_metrics import IMAGE_METRICS, ImageMetrics
from .placed_files import placed_files_problems
from .pod_settings import PodSettings, SecretKey, UserIds, credential_problems
from .rate_limits import UserLimits
from .resources import Resources
from .scaling import Autoscaling
from .workload import Rollout


@dataclass(frozen=True, kw_only=True)
class Storage:
    """A directory that outlives the pods.

    Attributes:
        path: directory in the container.
        size: size of the volume.
        access: ReadWriteOnce: one pod mounts it, so the server has one pod, and a rollout
            stops it before the next starts. ReadWriteMany: all pods share it.
        storage_class: None for the cluster's default; ReadWriteMany needs one that can.
        protect: refuse to delete the volume claim.
    """

    path: Path
    size: ByteSize
    access: Literal["ReadWriteOnce", "ReadWriteMany"] = "ReadWriteOnce"
    storage_class: ObjectName | None = None
    protect: bool = False


@dataclass(frozen=True, kw_only=True)
class UserServerArgs:
    """Args of an MCP server from any image.

    Attributes:
        namespace: namespace of the server.
        image: the server's image; it speaks MCP over plain HTTP.
        proxy_image: nginx (any build that runs as a user other than root).
        internal_tls_secret: Secret with ``tls.crt`` and ``tls.key`` for the names of this server
            alone, which other pods verify.
        port: port that the image listens on, at the pod's address.
        path: path of the image's MCP endpoint.
        era: MCP revisions that the image speaks. With ``legacy`` and ``dual`` a client keeps its
            pod, because sessions are in the pod's memory.
        command: program and arguments in place of the image's own; empty: the image's own.
        health: path of an HTTP GET that is answered 200 to 399 while the server works; None: the
            probes only connect to ``port``.
        start_seconds: longest time from the start of the image to its first answer; after that it
            is restarted.
        env: environment variables. What looks like a credential is refused.
        secret_env: environment variables whose values are keys of Secrets.
        files: text files by absolute path, at most 1 MiB together, mounted read-only beside what
            the image has there. A change rolls the pods.
        replicas: number of pods if ``scaling`` is None.
        scaling: see WorkloadArgs; use is that of the image's container alone.
        rollout: see WorkloadArgs.
        resources: of the image's container.
        storage: a directory that outlives the pods; see Storage.
        volumes: directories of claims that exist already, which other workloads may mount as well,
            by the claim's name.
        authority_secret: Secret whose ``ca.crt`` is mounted at ``/etc/internal-ca``, so that the
            image can verify databases and the receiver of ``traces``; None: it connects to none.
        secret_files: keys of Secrets that are mounted as files, by directory; for CAs of
            databases that the platform's own did not sign.
        writable: directories that the image may write, besides /tmp; the root file system is
            read-only. Each holds at most 256Mi and is lost with the pod.
        user: user and group id of the image's processes, in place of the image's own.
        budget: the longest tool call; timeouts and drain follow from it.
        limits: for each user; see UserLimits.
        metrics: where the image has metrics; None: Prometheus reads none.
        traces: where the image's OpenTelemetry SDK sends spans, by the SDK's environment variables;
            needs ``authority_secret``. None: nothing is set.
        ip_families: see Exposure.
        pods: settings of the pods.
    """

    namespace: pulumi.Input[DnsLabel]
    image: pulumi.Input[Image]
    proxy_image: pulumi.Input[Image]
    internal_tls_secret: SecretName
    port: ContainerPort = 8000
    path: EndpointPath = "/mcp"
    era: Era = "dual"
    command: Sequence[Text] = ()
    health: UrlPath | None = None
    start_seconds: Seconds = 60
    env: Mapping[VariableName, pulumi.Input[Text]] = field(
        default_factory=dict[str, pulumi.Input[str]]
    )
    secret_env: Mapping[VariableName, SecretKey] = field(default_factory=dict[str, SecretKey])
    files: Mapping[Path, Text] = field(default_factory=dict[str, str])
    replicas: Replicas = 2
    scaling: Autoscaling | None = None
    rollout: Rollout = field(default_factory=Rollout)
    resources: Resources = field(default_factory=Resources)
    storage: Storage | None = None
    volumes: Mapping[ObjectName, Path] = field(default_factory=dict[str, str])
    authority_secret: SecretName | None = None
    secret_files: Mapping[Path, SecretKey] = field(default_factory=dict[str, SecretKey])
    writable: Sequence[Path] = ()
    user: UserId = NOBODY
    budget: TimeoutBudget = field(default_factory=TimeoutBudget)
    limits: UserLimits = field(default_factory=UserLimits)
    metrics: ImageMetrics | None = None
    traces: TraceReceiver | None = None
    ip_families: IpFamilies = "PreferDualStack"
    pods: PodSettings = field(default_factory=PodSettings)

    def refusals(self) -> list[Problem]:
        """Problems of variables, files, the port, storage of several pods, and the user id."""
        spelled = {"env": "env", "secret_env": "secret_env"}
        problems = [
            *credential_problems(env=self.env, secret_env=self.secret_env, spelled=spelled),
            *placed_files_problems(self.files),
        ]
        problems += _mounted_twice(self)
        problems += _taken_ports(self)
        problems += _traces_are_not_set_twice(self)
        most = self.scaling.max if self.scaling else self.replicas
        if self.storage and self.storage.access == "ReadWriteOnce" and most > 1:
            problems.append(
                Problem(
                    "scaling.max" if self.scaling else "replicas",
                    f"is {most}, and storage.access is ReadWriteOnce, which one pod can mount",
                    "each further pod would have data of its own, or not start",
                    "set it to 1, or storage.access to ReadWriteMany with a storage class for it",
                )
            )
        if self.user != NOBODY and self.pods.user_ids is UserIds.PLATFORM:
            problems.append(
                Problem(
                    "user",
                    f"is {self.user}, and pods.user_ids is platform",
                    "the cluster assigns the ids, and refuses pods with others",
                    "leave it out",
                )
            )
        return problems


def _taken_ports(args: UserServerArgs) -> Iterator[Problem]:
    """Ports of the image at which nginx listens in the same pod."""
    taken = {HTTPS: "nginx accepts TLS"}
    if args.metrics:
        taken[IMAGE_METRICS] = "nginx passes on the metrics"
    named = {"port": args.port, **({"metrics.port": args.metrics.port} if args.metrics else {})}
    for field_name, port in named.items():
        if port in taken:
            yield Problem(
                field_name,
                f"is {port}, where {taken[port]} in the same pod",
                "one of the two could not start",
                "let the image listen on another port",
            )


def _traces_are_not_set_twice(args: UserServerArgs) -> Iterator[Problem]:
    """Variables that ``traces`` sets, and the CA of its receiver."""
    if args.traces is None:
        return
    if args.authority_secret is None:
        yield Problem(
            "authority_secret",
            "is missing, and traces is set",
            "the SDK could not verify the receiver, and would send no spans",
            "name the Secret with the ca.crt that signs the receiver's certificate",
        )
    for field_name, given in (("env", args.env), ("secret_env", args.secret_env)):
        for variable in given.keys() & {*SDK_VARIABLES}:
            yield Problem(
                f"{field_name}.{variable}",
                "is set by traces",
                "the spans could be sent to another receiver, or not at all",
                "leave one of the two out",
            )


def _mounted_twice(args: UserServerArgs) -> Iterator[Problem]:
    seen: set[str] = {INTERNAL_CA_PATH} if args.authority_secret else set()
    named = [("storage.path", args.storage.path)] if args.storage else []
    named += [(f"volumes.{claim}", path) for claim, path in args.volumes.items()]
    named += [(f"files.{path}", path) for path in args.files]
    named += [(f"secret_files.{path}", path) for path in args.secret_files]
    named += [(f"writable[{index}]", path) for index, path in enumerate(args.writable)]
    for field_name, path in named:
        if path in seen:
            yield Problem(
                field_name,
                f"is {path!r}, where something else is mounted",
                "the API server refuses the pods",
                "leave one of the two out",
            )
        seen.add(path)
