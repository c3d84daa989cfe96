"""An MCP server of any role: its container and its workload."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pulumi

from ..base.arg_forms import kubernetes_name
from ..base.arg_types import DnsLabel, Image, Path, Replicas, SecretName, Word
from ..base.component import Component
from ..base.kubernetes_object import Manifest
from ..base.problems import Problem
from ..mcp.config_forms import SERVER_YAML, YAML_VARIABLE
from ..mcp.master_keys import MASTER_KEYS_PATH, master_keys
from ..mcp.server_config import (
    INTERNAL_CA_PATH,
    INTERNAL_TLS_PATH,
    ISSUER_CA_PATH,
    ISSUER_PATH,
    METRICS,
    PROGRAM,
    SECRETS_PATH,
    PodServerConfig,
)
from ..mcp.server_toml import server_files
from ..mcp.store_files import Store, StorePaths, has_password, stores_of
from ..mcp.timeout_budget import FINAL_SCRAPE_SECONDS, Distance
from ..mcp.workers import worker_problems
from .container import Claim, Container, Files, Port, Probe, Probes, SecretFiles, Variables
from .database_login import cache_token_problems, token_problems
from .exposure import IpFamilies
from .pod_settings import PodSettings
from .resources import Resources
from .scaling import Autoscaling
from .vertical_scaling import VerticalScaling
from .workload import Exposure, Rollout, Workload, WorkloadArgs

SERVER_NAME = kubernetes_name(46)
"""Leaves room for the volume of the longest mounted directory, ``-etc-internal-tls``."""
HEALTH = Probe(delay=30)
READINESS = Probe(delay=5, period=5, timeout=3)
"""Probe times of the deployment patterns' gateway, for servers that name none of their own."""


@dataclass(frozen=True, kw_only=True)
class ServerArgs:
    """Args of an MCP server, of any role.

    Attributes:
        namespace: namespace of the server.
        image: the reference server, or one that reads the same configuration.
        config: configuration of the server.
        passwords_secret: Secret with ``database-password``, ``redis-password`` and
            ``audit-password``.
        internal_tls_secret: Secret with ``tls.crt`` and ``tls.key`` for the names of this server
            alone, which other pods verify.
        internal_ca_secret: Secret with ``ca.crt``, by which the server verifies its database,
            its cache and other servers; None for a server that connects to none of them.
        replicas, scaling, vertical, rollout, resources: see WorkloadArgs.
        health, readiness: delays and periods of the probes.
        service: name of its Service; ``<name>-service`` when None.
        ip_families: see Exposure.
        environment: name of the environment, in logs and metrics; value of QUDAG_ENV.
        claims: volumes to mount.
        writable: directories besides /tmp that the server may write; they are lost with the pod.
        pods: settings of the pods.
    """

    namespace: pulumi.Input[DnsLabel]
    image: pulumi.Input[Image]
    config: PodServerConfig
    passwords_secret: SecretName
    internal_tls_secret: SecretName
    internal_ca_secret: SecretName | None = None
    replicas: Replicas = 2
    scaling: Autoscaling | None = None
    vertical: VerticalScaling | None = None
    rollout: Rollout = field(default_factory=Rollout)
    resources: Resources = field(default_factory=Resources)
    health: Probe = HEALTH
    readiness: Probe = READINESS
    service: DnsLabel | None = None
    ip_families: IpFamilies = "PreferDualStack"
    environment: Word = "development"
    claims: Sequence[Claim] = ()
    writable: Sequence[Path] = ()
    pods: PodSettings = field(default_factory=PodSettings)

    def refusals(self) -> list[Problem]:
        """Problems of several workers, of tokens, and of servers that could not be verified."""
        problems = list(
            worker_problems(
                "config.workers",
                self.config.workers,
                cpu_limit=self.resources.cpu_limit,
                sessions_in_memory=self.config.needs_affinity,
                is_node=self.config.node is not None,
            )
        )
        problems += token_problems("config.database.token", self.config.database, self.pods)
        problems += cache_token_problems("config.cache.token", self.config.cache, self.pods)
        if not self.internal_ca_secret and (reached := _reached(self.config)):
            problems.append(
                Problem(
                    "internal_ca_secret",
                    f"is missing, and config.{reached[0]} is set",
                    "the server could not verify certificates: all its connections would fail",
                    "name the Secret whose ca.crt signs the certificates between pods",
                )
            )
        return problems


def called(args: ServerArgs, name: str) -> ServerArgs:
    """The server's args with the name of the component that runs it."""
    return replace(args, config=replace(args.config, name=name))


def server_container(args: ServerArgs) -> Container:
    """The server's container; its Service offers MCP over TLS and the metrics."""
    config = args.config
    timeouts = config.budget.at(Distance.SERVER)
    listens = [
        Port(name="http", number=config.http),
        Port(name="https", number=config.https, service=config.https),
        Port(name="metrics", number=METRICS, service=METRICS),
    ]
    files = server_files(config, args.environment, _aging(args))
    variables = {"QUDAG_ENV": args.environment, "RUST_LOG": config.log_level}
    if SERVER_YAML in files.content:
        variables[YAML_VARIABLE] = f"{files.path}/{SERVER_YAML}"
    return Container(
        name=config.name,
        image=args.image,
        command=[PROGRAM, "--config", f"{files.path}/server.toml"],
        ports=listens,
        probes=Probes(
            startup=Probe(port=config.http, path="/health", period=1, failures=60),
            liveness=replace(args.health, port=config.http, path="/health"),
            readiness=replace(args.readiness, port=config.http, path="/ready"),
        ),
        resources=args.resources,
        env=variables,
        env_from=[Variables(name=each.name, content=each.values) for each in files.variables],
        files=[
            Files(name=f"{config.name}-config", path=files.path, content=files.content),
            *(Files(name=d.name, path=d.path, content=d.files) for d in files.directories),
        ],
        secrets=server_secrets(args),
        claims=args.claims,
        pre_stop=timeouts.pre_stop,
        writable=args.writable,
    )


def server_secrets(args: ServerArgs) -> list[SecretFiles]:
    """The Secrets that the server mounts, of each only the keys that its configuration names."""
    config = args.config
    mounted = [
        SecretFiles(
            secret=args.internal_tls_secret, path=INTERNAL_TLS_PATH, keys=("tls.crt", "tls.key")
        )
    ]
    mounted += store_secrets(args, stores_of(config), authority=bool(_reached(config)))
    if config.user_keys_secret:
        used = tuple(master_keys(config.role, database=config.database is not None).values())
        masters = SecretFiles(secret=config.user_keys_secret, path=MASTER_KEYS_PATH, keys=used)
        mounted.append(masters)
    if config.auth.jwks_secret:
        keys = SecretFiles(secret=config.auth.jwks_secret, path=ISSUER_PATH, keys=("jwks.json",))
        mounted.append(keys)
    if config.auth.jwks_ca_secret:
        authorities = SecretFiles(
            secret=config.auth.jwks_ca_secret, path=ISSUER_CA_PATH, keys=("ca.crt",)
        )
        mounted.append(authorities)
    return mounted


def _aging(args: ServerArgs) -> list[dict[str, str]]:
    """The mounted values that are to be rotated: all but certificates, which are public."""
    return [
        {"name": one.secret, "key": key, "file": f"{one.path}/{key}"}
        for one in server_secrets(args)
        for key in one.keys
        if not key.endswith(".crt")
    ]


def store_secrets(
    args: ServerArgs, stores: Sequence[tuple[Store, StorePaths]], *, authority: bool
) -> list[SecretFiles]:
    """The Secrets with the passwords and CAs of data stores.

    Args:
        args: the server's.
        stores: of the server, each with its files.
        authority: whether it needs the CA of the platform.
    """
    mounted: list[SecretFiles] = []
    if authority and args.internal_ca_secret:
        ca = SecretFiles(secret=args.internal_ca_secret, path=INTERNAL_CA_PATH, keys=("ca.crt",))
        mounted.append(ca)
    passwords = [
        paths.password_key
        for store, paths in stores
        if store.password is None and has_password(store)
    ]
    if passwords:
        secret = SecretFiles(secret=args.passwords_secret, path=SECRETS_PATH, keys=passwords)
        mounted.append(secret)
    for store, paths in stores:
        own = ((store.password, paths.path), (store.authority, paths.authority_path))
        mounted += [
            SecretFiles(secret=one.secret, path=path, keys=(one.key,)) for one, path in own if one
        ]
    return mounted


def _reached(config: PodServerConfig) -> list[str]:
    """The fields that name what the CA of the platform signed the certificates of."""
    cache = config.cache if config.cache and not config.cache.token else None
    stores = {"database": config.database, "cache": cache, "audit": config.audit}
    reached = [name for name, store in stores.items() if store and store.authority is None]
    return [*reached, *(name for name in ("tool_servers", "traces") if getattr(config, name))]


def server_workload(
    args: ServerArgs,
    containers: Sequence[Container],
    *,
    component: str,
    exposure: Exposure | None = None,
    after: Sequence[pulumi.Resource] = (),
) -> WorkloadArgs:
    """The workload around ``containers``, scaled and drained as ``args`` says."""
    name = args.config.name
    distance = Distance.GATEWAY if len(containers) > 1 else Distance.SERVER
    exposure = exposure or Exposure(
        name=args.service or f"{name}-service", ip_families=args.ip_families
    )
    return WorkloadArgs(
        namespace=args.namespace,
        component=component,
        containers=containers,
        replicas=args.replicas,
        scaling=args.scaling,
        vertical=args.vertical,
        exposure=replace(exposure, affinity=args.config.needs_affinity),
        rollout=args.rollout,
        # In a pod of several containers the slowest to drain decides.
        grace=args.config.budget.at(distance).grace + FINAL_SCRAPE_SECONDS,
        metrics_port=METRICS,
        after=after,
        pods=args.pods,
    )


class McpService(Component[ServerArgs]):
    """A server of one role (auth, tools, config, state, consensus, crypto, …) and nothing more.

    Attributes:
        host: DNS name of its Service.
    """

    args_type = ServerArgs
    name_form = SERVER_NAME

    host: pulumi.Output[str]

    def build(self, args: ServerArgs) -> None:
        self.host = Workload(self.name, _workload(self.name, args), opts=self.owned()).host

    @classmethod
    def manifests(cls, name: str, args: ServerArgs) -> list[Manifest]:
        """Every object that a server of this name and args registers."""
        return Workload.manifests(name, _workload(name, args))


def _workload(name: str, args: ServerArgs) -> WorkloadArgs:
    args = called(args, name)
    return server_workload(args, [server_container(args)], component=args.config.role)
