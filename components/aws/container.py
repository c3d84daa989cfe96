"""The server as an ECS service on Fargate with an Application Load Balancer."""

from __future__ import annotations

from typing import Any, Final

import pulumi

from ..base.cloud_resource import CloudResource
from ..base.inputs import json_text
from ..mcp.auth import Resource
from ..mcp.cloud_database import AUTHORITY_VARIABLE, CloudDatabase
from ..mcp.server_config import HTTPS
from ..mcp.server_toml import environment_toml
from .alarms import Alarm
from .container_args import CPU_UNITS, EcsFargateArgs
from .encryption import key_rights
from .identity import Right, allow, image_pull_rights
from .load_balancer import EcsLoadBalancer
from .logs import log_group
from .monitored import AwsMonitoredContainer
from .secrets import secret_rights
from .server import AwsServer
from .task_containers import CONTAINER, otlp_token, task_containers

CLUSTER: Final = "aws:ecs/cluster:Cluster"
SERVICE: Final = "aws:ecs/service:Service"
TASK_DEFINITION: Final = "aws:ecs/taskDefinition:TaskDefinition"
TASKS: Final = "ecs-tasks.amazonaws.com"


class EcsFargate(AwsServer[EcsFargateArgs]):
    """A cluster with one service, its load balancer, roles, scaling and alarms.

    Attributes:
        dns_target: where the domain's DNS record must point to.
        monitored: what `AwsMonitoring` monitors.
    """

    args_type = EcsFargateArgs

    dns_target: pulumi.Output[str]
    monitored: AwsMonitoredContainer

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
        self.monitored = AwsMonitoredContainer(
            name=self.name,
            cluster=cluster.output("name"),
            service=service.output("name"),
            load_balancer=balancer.balancer.output("arnSuffix"),
            min_instances=args.min_instances,
            max_instances=args.max_instances,
        )
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
        pulling = image_pull_rights(args.image, *_images(args))
        secrets = secret_rights(_secrets_of_the_server(args))
        starting = [writing, *secrets, *(key_rights(args.kms_key) if secrets else []), *pulling]
        waits = [allow(self, execution, "start", starting)]
        server = self.role(args, "task-role", service=TASKS)
        # The sessions of a user's image are in its memory.
        state, store_rights = (None, []) if args.upstream else self.session_store(args)
        if store_rights:
            serving = [*store_rights, *key_rights(args.kms_key)]
            waits.append(allow(self, server, "serve", serving))
        if args.database:
            waits.append(allow(self, server, "log-in", _login_rights(args, args.database)))
        settings = environment_toml(
            args.config,
            Resource(),
            state=state,
            self_signed=True,
            upstream=args.upstream,
            database=args.database,
            otlp=args.otlp,
        )
        containers = task_containers(args, settings, logs.output("name"))
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
                "containerDefinitions": json_text(containers),
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


def _secrets_of_the_server(args: EcsFargateArgs) -> dict[str, str]:
    authority = args.database_authority
    return {
        **args.secrets,
        **({AUTHORITY_VARIABLE: authority} if authority else {}),
        **otlp_token(args),
    }


def _login_rights(args: EcsFargateArgs, database: CloudDatabase) -> list[Right]:
    """The right to read the password of the database."""
    reading = Right(
        actions=("secretsmanager:GetSecretValue",), resources=[database.password_secret]
    )
    return [reading, *key_rights(args.kms_key)]


def _images(args: EcsFargateArgs) -> list[str]:
    return [args.upstream.image] if args.upstream else []
