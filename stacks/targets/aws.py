"""The server on AWS, as its section says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pulumi

from components.mcp.target import McpTarget

from .target import Clouds, Target


def _aws_function(name: str, clouds: Clouds, options: pulumi.ResourceOptions) -> McpTarget[Any]:
    from components.aws.function import AwsLambda, AwsLambdaArgs
    from components.aws.function_endpoints import LambdaFront, Throttle

    section = clouds.config.serverless.aws
    assert section is not None
    args = AwsLambdaArgs(
        location=clouds.aws,
        archive=clouds.archives["aws-lambda"],
        config=clouds.server(domain=section.domain),
        certificate=section.certificate,
        throttle=Throttle(**section.throttle.model_dump()) if section.throttle else None,
        alarm_topic=clouds.alarm_topic,
        public=section.public,
        front=LambdaFront(section.front),
        websocket=section.websocket,
        secrets=section.secrets,
        memory=section.memory_mb,
        reserved_concurrency=section.reserved_concurrency,
        log_retention=section.log_retention_days,
        protect=clouds.protect,
    )
    return AwsLambda(name, args, opts=options)


def _aws_container(name: str, clouds: Clouds, options: pulumi.ResourceOptions) -> McpTarget[Any]:
    from components.aws.container import EcsFargate, EcsFargateArgs

    section = clouds.config.containers.aws
    assert section is not None
    args = EcsFargateArgs(
        location=clouds.aws,
        network=clouds.aws_network,
        image=clouds.image(section.image),
        config=clouds.server(domain=section.domain),
        certificate=section.certificate,
        public=section.public,
        allowed_from=section.clients,
        secrets=section.secrets,
        cpu=section.cpu,
        memory=section.memory_mb,
        architecture=section.architecture,
        access_logs_bucket=section.access_logs_bucket,
        alarm_topic=clouds.alarm_topic,
        min_tasks=section.min_instances,
        max_tasks=section.max_instances,
        tls_minimum=clouds.config.edge.tls_minimum,
        log_retention=section.log_retention_days,
        protect=clouds.protect,
    )
    return EcsFargate(name, args, opts=options)


TARGETS: Final[Mapping[str, Target]] = {
    "serverless": Target("aws-function", _aws_function, "aws-lambda"),
    "containers": Target("aws-container", _aws_container),
}
"""By the section that switches it on."""
