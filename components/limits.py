"""What clouds publish that they cannot give: each number with the document that says so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from .problems import Problem, ProblemReport


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A bound that a cloud publishes.

    Attributes:
        of: what is bounded, in the cloud's words.
        most: the largest that may be asked for.
        unit: of both numbers.
        source: the cloud's document that says so.
        least: the smallest.
    """

    of: str
    most: int
    unit: str
    source: str
    least: int = 0

    def problems(self, path: str, value: int, *, fix: str) -> list[Problem]:
        """Why ``value`` cannot be, if it cannot: nothing or one problem."""
        if self.least <= value <= self.most:
            return []
        allowed = f"{self.least} to {self.most}" if self.least else f"at most {self.most}"
        what = f"asks for {value} {self.unit}, and {self.of} may be {allowed}"
        return [Problem(path, what, f"the cloud refuses it ({self.source})", fix)]


LAMBDA_TIMEOUT: Final = Limit(
    of="the timeout of a function",
    most=900,
    unit="s",
    source="AWS Lambda Developer Guide, Lambda quotas",
    least=1,
)
LAMBDA_MEMORY: Final = Limit(
    of="the memory of a function",
    most=10240,
    unit="MB",
    source="AWS Lambda Developer Guide, Lambda quotas",
    least=128,
)
LAMBDA_ENVIRONMENT: Final = Limit(
    of="the environment of a function, names and values together",
    most=4096,
    unit="bytes",
    source="AWS Lambda Developer Guide, Lambda quotas",
)
HTTP_API_TIMEOUT: Final = Limit(
    of="the integration timeout of an HTTP API",
    most=30,
    unit="s",
    source="API Gateway Developer Guide, Quotas for configuring and running an HTTP API",
    least=1,
)
WEBSOCKET_API_TIMEOUT: Final = Limit(
    of="the integration timeout of a WebSocket API",
    most=29,
    unit="s",
    source="API Gateway Developer Guide, Quotas for configuring and running a WebSocket API",
    least=1,
)
FARGATE_STOP: Final = Limit(
    of="stopTimeout on Fargate",
    most=120,
    unit="s",
    source="Amazon ECS API Reference, ContainerDefinition",
    least=2,
)
ALB_IDLE: Final = Limit(
    of="the idle timeout of an Application Load Balancer",
    most=4000,
    unit="s",
    source="Application Load Balancers, Edit attributes, Connection idle timeout",
    least=1,
)
ALB_DRAIN: Final = Limit(
    of="the deregistration delay of a target group",
    most=3600,
    unit="s",
    source="Application Load Balancers, Target group attributes",
)
RDS_BACKUPS: Final = Limit(
    of="the retention of automated backups",
    most=35,
    unit="days",
    source="Amazon RDS User Guide, Backup retention period",
    least=1,
)
ELASTICACHE_BACKUPS: Final = Limit(
    of="the retention of automatic snapshots",
    most=35,
    unit="days",
    source="Amazon ElastiCache API Reference, CreateReplicationGroup",
)
ELASTICACHE_NODES: Final = Limit(
    of="the nodes of a replication group without shards",
    most=6,
    unit="nodes",
    source="Amazon ElastiCache API Reference, CreateReplicationGroup",
    least=1,
)
LOG_RETENTION_DAYS: Final = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096),
    *(1827, 2192, 2557, 2922, 3288, 3653),
)
"""What CloudWatch Logs takes (CloudWatch Logs API Reference, PutRetentionPolicy)."""

GCP_FUNCTION_TIMEOUT: Final = Limit(
    of="the time of an HTTP function",
    most=3600,
    unit="s",
    source="Cloud Run functions, Quotas, Time limits",
    least=1,
)
CLOUD_RUN_TIMEOUT: Final = Limit(
    of="the time of a request",
    most=3600,
    unit="s",
    source="Cloud Run, Quotas and limits",
    least=1,
)
CLOUD_RUN_CONCURRENCY: Final = Limit(
    of="the requests at once to an instance",
    most=1000,
    unit="requests",
    source="Cloud Run, Maximum concurrent requests per instance",
    least=1,
)
CLOUD_SQL_LOG_DAYS: Final = Limit(
    of="the days of transaction logs in the edition Enterprise",
    most=7,
    unit="days",
    source="Cloud SQL for PostgreSQL, About point-in-time recovery",
    least=1,
)
AZURE_FUNCTION_RESPONSE: Final = Limit(
    of="the time to the answer of an HTTP trigger",
    most=230,
    unit="s",
    source="Azure Functions, Function app timeout duration",
    least=1,
)
AZURE_CONTAINER_APP_REQUEST: Final = Limit(
    of="the time of a request through the environment's ingress",
    most=240,
    unit="s",
    source="Azure Container Apps, Ingress, HTTP",
    least=1,
)
AZURE_CONTAINER_APP_GRACE: Final = Limit(
    of="terminationGracePeriodSeconds",
    most=600,
    unit="s",
    source="Azure OSS Developer Support, Graceful termination on Container Apps",
    least=1,
)
AZURE_FUNCTION_INSTANCES: Final = Limit(
    of="maximumInstanceCount of a Flex Consumption app",
    most=1000,
    unit="instances",
    source="Azure Functions, Flex Consumption plan hosting, Scale",
    least=1,
)
AZURE_POSTGRES_BACKUP_DAYS: Final = Limit(
    of="the retention of a flexible server's backups",
    most=35,
    unit="days",
    source="Azure Database for PostgreSQL, Backup and restore",
    least=7,
)
AZURE_LOG_DAYS: Final = Limit(
    of="the retention of a Log Analytics workspace",
    most=730,
    unit="days",
    source="Azure Monitor, Manage data retention in a Log Analytics workspace",
    least=30,
)


def instances_problems(fewest: int, most: int) -> list[Problem]:
    """Bounds that cannot both hold: nothing or one problem."""
    if 0 <= fewest <= most and most:
        return []
    return [
        Problem(
            "min_instances",
            f"is {fewest}, and max_instances is {most}",
            "the cloud refuses bounds that cannot both hold",
            "set min_instances to 0 or more, and max_instances to as many at least, and to 1",
        )
    ]


def refuse(problems: Iterable[Problem]) -> None:
    """Raises what was found, all at once; nothing when nothing was.

    Raises:
        ProblemReport: there is a problem.
    """
    if found := list(problems):
        raise ProblemReport(found)
