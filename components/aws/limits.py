"""Limits that AWS publishes, each with the document that states it."""

from __future__ import annotations

from typing import Final

from ..base.limits import Limit

_LAMBDA_QUOTAS: Final = "AWS Lambda Developer Guide, Lambda quotas"

LAMBDA_TIMEOUT: Final = Limit(
    of="the timeout of a function", most=900, unit="s", source=_LAMBDA_QUOTAS, least=1
)
LAMBDA_MEMORY: Final = Limit(
    of="the memory of a function", most=10240, unit="MB", source=_LAMBDA_QUOTAS, least=128
)
LAMBDA_ENVIRONMENT: Final = Limit(
    of="the environment of a function, names and values together",
    most=4096,
    unit="bytes",
    source=_LAMBDA_QUOTAS,
)
LAMBDA_UNPACKED: Final = Limit(
    of="the unzipped deployment package of a function",
    most=250 * 1024 * 1024,
    unit="bytes",
    source=_LAMBDA_QUOTAS,
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
