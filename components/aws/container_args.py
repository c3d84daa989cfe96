"""Args of EcsFargate, and their checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from ..base.arg_types import Image
from ..base.constraints import shown
from ..base.limits import instances_problems
from ..base.problems import Problem
from ..mcp.access import NetworkAccess
from ..mcp.cloud_database import CloudDatabase
from ..mcp.timeout_budget import STEP, Distance
from ..mcp.user_container import FRONT_MB, UserContainer, user_container_problems
from .arg_types import BucketName, Certificate, SecretReference, WebAcl
from .limits import ALB_DRAIN, ALB_IDLE, FARGATE_STOP
from .network import AwsNetwork, ipv4_problems, keys_problems
from .otlp import AwsOtlpReceiver, egress_problems
from .server_args import AwsServerArgs

CPU_UNITS: Final = 1024
"""Units of ECS in one CPU."""

SIZES: Final = {
    0.25: (512, 1024, 2048),
    0.5: tuple(range(1024, 4097, 1024)),
    1.0: tuple(range(2048, 8193, 1024)),
    2.0: tuple(range(4096, 16385, 1024)),
    4.0: tuple(range(8192, 30721, 1024)),
}
"""MiB that a task may have, by its CPUs (Amazon ECS Developer Guide, Task CPU and memory)."""


FRONT_CPU: Final = 0.1
"""CPUs that the server needs in front of an image."""


def task_size(container: UserContainer) -> tuple[float, int]:
    """CPUs and MiB of the smallest task for an image and the server in front of it."""
    memory = container.memory_mb + FRONT_MB
    fitting = (
        (cpus, each)
        for cpus, memories in SIZES.items()
        for each in memories
        if cpus >= container.cpu + FRONT_CPU and each >= memory
    )
    largest = max(SIZES)
    return next(fitting, (largest, SIZES[largest][-1]))


@dataclass(frozen=True, kw_only=True)
class EcsFargateArgs(AwsServerArgs):
    """Args of an ECS service.

    Attributes:
        network: your VPC: tasks run in its private subnets.
        image: of the server, pinned by its digest; from a public registry or from ECR.
        certificate: ARN of the certificate of ``config.domain``, in the same region.
        access: who may connect to the load balancer. Where it is not public, the load balancer
            has private addresses, and without ``allowed_networks`` the VPC may connect.
        cpu: CPUs of a task.
        memory_mb: MiB of a task.
        architecture: of the image.
        min_instances: fewest tasks.
        max_instances: most tasks.
        cpu_target: percent; above it there will be more tasks.
        tls_minimum: oldest TLS version that clients may use.
        access_logs_bucket: name of a bucket of yours for the load balancer's access logs, in place
            of one of the component.
        web_acl: ARN of your web ACL of AWS WAF, which inspects requests at the load balancer.
        http_redirect: listen on port 80 too, for a redirect to HTTPS.
        upstream: an MCP server image of yours, which runs in the same task and gets the
            ``secrets``. The reference server is its reverse proxy, which checks tokens and offers
            no tools; ``config.role`` has no effect.
        database: PostgreSQL in the VPC; each task migrates it before its server starts.
        database_authority: ARN of the secret with the CA certificates, in PEM.
        otlp: your receiver of spans and copies of log lines by OTLP; None: they are not sent.
        protect: refuse to delete the load balancer and what holds sessions.
    """

    network: AwsNetwork
    image: Image
    certificate: Certificate
    access: NetworkAccess
    cpu: float = 0.5
    memory_mb: int = 1024
    architecture: Literal["X86_64", "ARM64"] = "X86_64"
    min_instances: int = 1
    max_instances: int = 10
    cpu_target: int = 70
    tls_minimum: Literal["1.3", "1.2"] = "1.3"
    access_logs_bucket: BucketName | None = None
    web_acl: WebAcl | None = None
    http_redirect: bool = True
    upstream: UserContainer | None = None
    database: CloudDatabase | None = None
    database_authority: SecretReference | None = None
    otlp: AwsOtlpReceiver | None = None

    def refusals(self) -> list[Problem]:
        return [
            *_timeouts(self),
            *_size(self),
            *instances_problems(self.min_instances, self.max_instances, least=1),
            *_callers(self),
            *_subnets(self),
            *user_container_problems(
                self.upstream,
                era=self.config.era,
                secrets=self.secrets,
                max_instances=self.max_instances,
                memory_mb=self.memory_mb,
            ),
            *keys_problems(self.config.auth),
            *_access_logs(self),
            *_database(self),
            *egress_problems(self.otlp, limited=self.network.egress is not None),
            *self.location.elsewhere_problems(
                {"web_acl": self.web_acl, "otlp.token": self.otlp.token if self.otlp else None}
            ),
            *super().refusals(),
        ]


def _timeouts(args: EcsFargateArgs) -> list[Problem]:
    server, balancer = (args.config.budget.at(each) for each in (Distance.SERVER, Distance.GATEWAY))
    longest = FARGATE_STOP.most - 2 * STEP
    return [
        *FARGATE_STOP.problems(
            "config.budget",
            server.drain + STEP,
            fix=f"set at most {longest} s for the longest tool, or run it on Kubernetes",
        ),
        *ALB_IDLE.problems("config.budget.longest_tool", balancer.timeout, fix=f"write {longest}"),
        *ALB_DRAIN.problems("config.budget.drain", balancer.drain, fix="leave it out"),
    ]


def _access_logs(args: EcsFargateArgs) -> list[Problem]:
    if not (args.access_logs_bucket and args.access_log_days):
        return []
    return [
        Problem(
            "access_log_days",
            f"is {shown(args.access_log_days)}, and access_logs_bucket is set",
            "it would have no effect: logs are kept as long as your bucket says",
            "leave out one of the two",
        )
    ]


def _database(args: EcsFargateArgs) -> list[Problem]:
    problems: list[Problem] = []
    if args.database and args.database_authority is None:
        problems.append(
            Problem(
                "database_authority",
                "is missing, and database is set",
                "the server could not verify the database's certificate: no connection",
                "store the CA certificates in AWS Secrets Manager, and write the secret's ARN",
            )
        )
    if args.database and args.upstream:
        problems.append(
            Problem(
                "database",
                "is set, and upstream as well",
                "the reverse proxy before your image uses no database",
                "leave it out, and give your image its own secrets",
            )
        )
    if args.database_authority and args.database is None:
        problems.append(
            Problem(
                "database_authority",
                "is set, and database is missing",
                "it would have no effect",
                "leave it out, or set database",
            )
        )
    return problems


def _size(args: EcsFargateArgs) -> list[Problem]:
    source = "Fargate has no such size (Amazon ECS Developer Guide, Task CPU and memory)"
    if args.cpu not in SIZES:
        sizes = ", ".join(f"{cpu:g}" for cpu in SIZES)
        return [Problem("cpu", f"is {shown(args.cpu)}", source, f"write one of {sizes}")]
    if args.memory_mb in SIZES[args.cpu]:
        return []
    larger = (each for each in SIZES[args.cpu] if each >= args.memory_mb)
    what = f"is {shown(args.memory_mb)} MiB with {args.cpu:g} CPU"
    return [Problem("memory_mb", what, source, f"write {next(larger, SIZES[args.cpu][-1])}")]


def _callers(args: EcsFargateArgs) -> list[Problem]:
    if not args.config.domain:
        return [
            Problem(
                "config.domain",
                "is missing",
                "no client could verify the certificate of the load balancer",
                "set it to the host name that the certificate is for",
            )
        ]
    return ipv4_problems("access.allowed_networks", args.access.allowed_networks)


def _subnets(args: EcsFargateArgs) -> list[Problem]:
    needed = {"private_subnets": args.network.private_subnets}
    if args.access.public:
        needed["public_subnets"] = args.network.public_subnets
    return [
        Problem(
            f"network.{name}",
            f"has {len(subnets)}",
            "a load balancer needs two in two availability zones (Application Load Balancers, "
            "Subnets for your load balancer)",
            "list two or more",
        )
        for name, subnets in needed.items()
        if len(subnets) < 2
    ]
