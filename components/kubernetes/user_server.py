"""An MCP server from any image: hardened pods, with nginx in front of it for internal TLS."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pulumi

from ..base.component import Component
from ..base.kubernetes_object import Manifest
from ..mcp.era import has_sessions
from ..mcp.server_config import HTTPS, INTERNAL_CA_PATH
from ..mcp.timeout_budget import STEP, Distance
from ..mcp.traces import sdk_environment
from .container import Claim, Container, Port, Probe, Probes, SecretFiles
from .image_metrics import IMAGE_METRICS
from .placed_files import placed_files
from .server import SERVER_NAME
from .tls_proxy import CLOSING_SECONDS, tls_proxy
from .user_server_args import UserServerArgs
from .workload import Exposure, Workload, WorkloadArgs, WorkloadKind

SERVER: Final = "server"
"""Name of the container of the user's image."""
PROBE_PERIOD: Final = 10


class UserServer(Component[UserServerArgs]):
    """Pods of one image, reached over internal TLS only.

    Attributes:
        host: DNS name of its Service, which offers TLS on port 8443.
        url: address of its MCP endpoint in the cluster.
    """

    args_type = UserServerArgs
    name_form = SERVER_NAME

    host: pulumi.Output[str]
    url: pulumi.Output[str]

    def build(self, args: UserServerArgs) -> None:
        workload = Workload(self.name, user_server_workload(self.name, args), opts=self.owned())
        self.host = workload.host
        self.url = pulumi.Output.format("https://{0}:{1}{2}", workload.host, HTTPS, args.path)

    @classmethod
    def manifests(cls, name: str, args: UserServerArgs) -> list[Manifest]:
        """Every object that a server of this name and args registers."""
        return Workload.manifests(name, user_server_workload(name, args))


def user_server_workload(name: str, args: UserServerArgs) -> WorkloadArgs:
    """The pods and their Service."""
    timeouts = args.budget.at(Distance.SERVER)
    alone = args.storage is not None and args.storage.access == "ReadWriteOnce"
    proxy = tls_proxy(
        name,
        image=args.proxy_image,
        secret=args.internal_tls_secret,
        port=args.port,
        timeouts=timeouts,
        limits=args.limits,
        metrics=args.metrics,
    )
    return WorkloadArgs(
        namespace=args.namespace,
        component="user-server",
        containers=[_server(name, args), proxy],
        replicas=args.replicas,
        scaling=replace(args.scaling, container=SERVER) if args.scaling else None,
        exposure=Exposure(
            affinity=has_sessions(args.era),
            ip_families=args.ip_families,
        ),
        rollout=args.rollout,
        # A StatefulSet starts a pod when the one before it has ended: never two on one volume.
        kind=WorkloadKind.STATEFUL_SET if alone else WorkloadKind.DEPLOYMENT,
        # The image is stopped when nginx has drained.
        grace=timeouts.grace + CLOSING_SECONDS + STEP,
        metrics_port=IMAGE_METRICS if args.metrics else None,
        pods=args.pods,
    )


def _server(name: str, args: UserServerArgs) -> Container:
    """The image's container: a sidecar, so that it starts before nginx and ends after it."""
    asks = Probe(port=args.port, path=args.health, period=PROBE_PERIOD)
    longest = args.budget.longest_tool
    claims: list[Claim] = []
    if args.storage:
        claims = [
            Claim(
                name="data",
                path=args.storage.path,
                size=args.storage.size,
                access=args.storage.access,
                storage_class=args.storage.storage_class,
                protect=args.storage.protect,
            )
        ]
    return Container(
        name=SERVER,
        image=args.image,
        command=args.command,
        ports=[Port(name="http", number=args.port)],
        probes=Probes(
            startup=replace(asks, period=1, failures=args.start_seconds),
            readiness=replace(asks, period=5),
            # A program that answers one request at a time is not restarted during a call.
            liveness=replace(asks, failures=max(3, -(-longest // PROBE_PERIOD) + 1)),
        ),
        resources=args.resources,
        # Programs keep caches in their home directory, which the image's user alone may write.
        env=_home(args) | _sdk(name, args) | dict(args.env),
        files=placed_files(f"{name}-files", args.files),
        claims=claims,
        volumes=args.volumes,
        secrets=_mounted_secrets(args),
        writable=[path for path in args.writable if path != "/tmp"],  # noqa: S108
        secret_env=args.secret_env,
        user=args.user,
        sidecar=True,
    )


def _mounted_secrets(args: UserServerArgs) -> list[SecretFiles]:
    mounted = [
        SecretFiles(secret=one.secret, path=path, keys=(one.key,))
        for path, one in args.secret_files.items()
    ]
    if args.authority_secret is None:
        return mounted
    return [
        SecretFiles(secret=args.authority_secret, path=INTERNAL_CA_PATH, keys=("ca.crt",)),
        *mounted,
    ]


def _sdk(name: str, args: UserServerArgs) -> dict[str, pulumi.Input[str]]:
    """The variables of the OpenTelemetry SDK, without those that are set in another way."""
    if args.traces is None:
        return {}
    given = sdk_environment(args.traces, name, f"{INTERNAL_CA_PATH}/ca.crt")
    others = {*args.secret_env, *args.pods.env, *args.pods.secret_env}
    return {variable: value for variable, value in given.items() if variable not in others}


def _home(args: UserServerArgs) -> dict[str, pulumi.Input[str]]:
    return {} if "HOME" in args.secret_env else {"HOME": "/tmp"}  # noqa: S108
