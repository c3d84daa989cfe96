"""The server as an ECS service on Fargate with an Application Load Balancer."""

from __future__ import annotations

from typing import Any, Final

import pulumi

from ..base.cloud_resource import CloudResource
from ..mcp.auth import Resource
from ..mcp.server_config import HTTPS, PROGRAM
from ..mcp.server_toml import CONFIG_VARIABLE, environment_toml
from ..mcp.timeout_budget import STEP, Distance
from .alarms import Alarm
from .container_args import CPU_UNITS, EcsFargateArgs
from .encryption import key_rights
from .identity import allow, image_pull_rights
from .load_balancer import EcsLoadBalancer
from .logs import log_group
from .secrets import secret_rights
from .server import AwsServer

CLUSTER: Final = "aws:ecs/cluster:Cluster"
SERVICE: Final = "aws:ecs/service:Service"
TASK_DEFINITION: Final = "aws:ecs/taskDefinition:TaskDefinition"
CONTAINER: Final = "mcp-server"
TASKS: Final = "ecs-tasks.amazonaws.com"
NOBODY: Final = "65534:65534"
HEALTH_COMMAND: Final = ("CMD", PROGRAM, "--health-check")
"""Reads the same configuration as the server, and asks its port without TLS."""


class EcsFargate(AwsServer[EcsFargateArgs]):
    """A cluster with one service, its load balancer, roles, scaling and alarms.

    Attributes:
        dns_target: where the domain's DNS record must point to.
    """

    args_type = EcsFargateArgs

    dns_target: pulumi.Output[str]

    def deploy(self, args: EcsFargateArgs) -> pulumi.Input[str]:
        balancer = EcsLoadBalancer(self, args)
        task = self._task(args)
        cluster = CloudResource(
            CLUSTER,
            self.named("cluster"),
            {
                "name": self.physical_name(args, CLUSTER),
                "settings": [{"name": "containerInsights", "value": "enabled"}],
            },
            outputs=("arn",),
            opts=self.owned(),
        )
        service = self._service(args, balancer, task, cluster)
        self._scaling(args, cluster, service)
        self._alarms(args, balancer)
        self.dns_target = balancer.balancer.output("dnsName")
        return f"https://{args.config.domain}"

    def _task(self, args: EcsFargateArgs) -> CloudResource:
        name = self.physical_name(args, TASK_DEFINITION)
        logs, writing = log_group(
            self,
            "logs",
            f"/ecs/{name}",
            retention_days=args.log_retention_days,
            key=args.kms_key,
        )
        execution = self.role(args, "execution-role", service=TASKS)
        pulling = image_pull_rights(args.image)
        secrets = secret_rights(args.secrets)
        starting = [writing, *secrets, *(key_rights(args.kms_key) if secrets else []), *pulling]
        waits = [allow(self, execution, "start", starting)]
        server = self.role(args, "task-role", service=TASKS)
        state, store_rights = self.session_store(args)
        if store_rights:
            serving = [*store_rights, *key_rights(args.kms_key)]
            waits.append(allow(self, server, "serve", serving))
        container = {
            "name": CONTAINER,
            "image": args.image,
            "essential": True,
            "user": NOBODY,
            "readonlyRootFilesystem": True,
            "linuxParameters": {"capabilities": {"drop": ["ALL"]}},
            "portMappings": [{"containerPort": HTTPS, "protocol": "tcp"}],
            "environment": [
                {
                    "name": CONFIG_VARIABLE,
                    "value": environment_toml(
                        args.config, Resource(), state=state, self_signed=True
                    ),
                }
            ],
            "secrets": [
                {"name": variable, "valueFrom": arn}
                for variable, arn in sorted(args.secrets.items())
            ],
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {
                    "awslogs-group": logs.output("name"),
                    "awslogs-region": args.location.region,
                    "awslogs-stream-prefix": "ecs",
                    # A log that cannot be written must not stop calls.
                    "mode": "non-blocking",
                    "max-buffer-size": "25m",
                },
            },
            "healthCheck": {
                "command": HEALTH_COMMAND,
                "interval": 30,
                "timeout": 5,
                "retries": 3,
                "startPeriod": 60,
            },
            "stopTimeout": args.config.budget.at(Distance.SERVER).drain + STEP,
        }
        return CloudResource(
            TASK_DEFINITION,
            self.named("task"),
            {
                "family": name,
                "requiresCompatibilities": ["FARGATE"],
                "networkMode": "awsvpc",
                "cpu": str(round(args.cpu * CPU_UNITS)),
                "memory": str(args.memory_mb),
                "runtimePlatform": {
                    "cpuArchitecture": args.architecture,
                    "operatingSystemFamily": "LINUX",
                },
                "executionRoleArn": execution.output("arn"),
                "taskRoleArn": server.output("arn"),
                "containerDefinitions": pulumi.Output.json_dumps([container]),
            },
            outputs=("arn",),
            opts=self.owned(depends_on=waits),
        )

    def _service(
        self,
        args: EcsFargateArgs,
        balancer: EcsLoadBalancer,
        task: CloudResource,
        cluster: CloudResource,
    ) -> CloudResource:
        return CloudResource(
            SERVICE,
            self.named("service"),
            {
                "name": self.physical_name(args, SERVICE),
                "cluster": cluster.output("arn"),
                "taskDefinition": task.output("arn"),
                "launchType": "FARGATE",
                "desiredCount": args.min_instances,
                "deploymentMinimumHealthyPercent": 100,
                "deploymentMaximumPercent": 200,
                "deploymentCircuitBreaker": {"enable": True, "rollback": True},
                "healthCheckGracePeriodSeconds": 60,
                "waitForSteadyState": True,
                "enableEcsManagedTags": True,
                "propagateTags": "SERVICE",
                "networkConfiguration": {
                    "subnets": list(args.network.private_subnets),
                    "securityGroups": [balancer.tasks.output("id")],
                    "assignPublicIp": False,
                },
                "loadBalancers": [
                    {
                        "targetGroupArn": balancer.targets.output("arn"),
                        "containerName": CONTAINER,
                        "containerPort": HTTPS,
                    }
                ],
            },
            # Autoscaling changes desiredCount; a target group accepts tasks only when a listener
            # forwards to it.
            opts=self.owned(depends_on=[balancer.listener], ignore_changes=["desiredCount"]),
        )

    def _scaling(
        self, args: EcsFargateArgs, cluster: CloudResource, service: CloudResource
    ) -> None:
        scaled: dict[str, Any] = {
            "resourceId": pulumi.Output.concat(
                "service/", cluster.output("name"), "/", service.output("name")
            ),
            "scalableDimension": "ecs:service:DesiredCount",
            "serviceNamespace": "ecs",
        }
        bounds = CloudResource(
            "aws:appautoscaling/target:Target",
            self.named("tasks"),
            {**scaled, "minCapacity": args.min_instances, "maxCapacity": args.max_instances},
            opts=self.owned(),
        )
        CloudResource(
            "aws:appautoscaling/policy:Policy",
            self.named("scaling"),
            {
                **scaled,
                "name": "cpu",
                "policyType": "TargetTrackingScaling",
                "targetTrackingScalingPolicyConfiguration": {
                    "predefinedMetricSpecification": {
                        "predefinedMetricType": "ECSServiceAverageCPUUtilization"
                    },
                    "targetValue": args.cpu_target,
                    "scaleOutCooldown": 60,
                    "scaleInCooldown": 300,
                },
            },
            opts=self.owned(depends_on=[bounds]),
        )

    def _alarms(self, args: EcsFargateArgs, balancer: EcsLoadBalancer) -> None:
        metrics = "AWS/ApplicationELB"
        self.alarms(
            args,
            {
                "unhealthy": Alarm(
                    metrics, "UnHealthyHostCount", "Maximum", 1, "A task is not well"
                ),
                "errors": Alarm(
                    metrics,
                    "HTTPCode_Target_5XX_Count",
                    "Sum",
                    5,
                    "The server answered with errors",
                ),
            },
            dimensions={
                "LoadBalancer": balancer.balancer.output("arnSuffix"),
                "TargetGroup": balancer.targets.output("arnSuffix"),
            },
        )
