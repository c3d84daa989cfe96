"""The server as an ECS service on Fargate, behind an Application Load Balancer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

import pulumi

from ..base.arg_types import Image
from ..base.cloud_resource import CloudResource
from ..base.limits import refuse
from ..mcp.era import has_sessions
from ..mcp.server_config import HTTP, CloudServerConfig
from ..mcp.server_toml import CONFIG_VARIABLE, environment_toml
from ..mcp.target import McpTarget
from ..mcp.timeout_budget import STEP, Distance
from .container_checks import problems
from .identity import Alarm, alarm, allow, log_group, physical, pulling, reading, service_role
from .load_balancer import EcsDoor
from .location import AwsLocation
from .network import AwsNetwork
from .session_store import kept_state

CLUSTER = "aws:ecs/cluster:Cluster"
SERVICE = "aws:ecs/service:Service"
TASK_DEFINITION = "aws:ecs/taskDefinition:TaskDefinition"
CONTAINER: Final = "mcp-server"
NOBODY: Final = "65534:65534"
HEALTH_COMMAND: Final = (
    "CMD",
    "python3",
    "-c",
    f"import urllib.request as r; r.urlopen('http://127.0.0.1:{HTTP}/health', timeout=4)",
)
"""The image has neither a shell's tools nor curl, but it has Python."""


@dataclass(frozen=True, kw_only=True)
class EcsFargateArgs:
    """What the service needs to know.

    Attributes:
        location: account and region.
        network: your VPC: tasks run in its private subnets.
        image: of the server, pinned by its digest; of a public registry, or of an ECR.
        config: of the server; its domain is where the load balancer is reached.
        certificate: ARN of the domain's certificate, in the same region.
        public: true: the internet reaches the load balancer, and the server looks at tokens;
            false: it has private addresses only.
        allowed_from: networks that may connect, where it is not public; none named: the VPC.
        secrets: ARNs of secrets under ``qudag-mcp/``, by the variable that the server finds it in;
            with ``:key::`` at its end one key of a JSON secret.
        cpu, memory: units and MiB of a task.
        architecture: of the image.
        min_tasks, max_tasks: how many there may be.
        cpu_target: percent; above it there will be more tasks.
        tls_minimum: oldest TLS version that clients may use.
        log_retention: days.
        access_logs_bucket: name of a bucket of yours that takes the load balancer's access logs.
        alarm_topic: ARN of the SNS topic that is told; None: alarms are seen in CloudWatch alone.
        protect: refuse to delete the load balancer, and what holds sessions.
    """

    location: AwsLocation
    network: AwsNetwork
    image: Image
    config: CloudServerConfig
    certificate: str
    public: bool
    allowed_from: Sequence[str] = ()
    secrets: Mapping[str, str] = field(default_factory=dict[str, str])
    cpu: int = 512
    memory: int = 1024
    architecture: Literal["X86_64", "ARM64"] = "X86_64"
    min_tasks: int = 1
    max_tasks: int = 10
    cpu_target: int = 70
    tls_minimum: Literal["1.3", "1.2"] = "1.3"
    log_retention: int = 30
    access_logs_bucket: str | None = None
    alarm_topic: str | None = None
    protect: bool = False


class EcsFargate(McpTarget[EcsFargateArgs]):
    """A cluster with one service, its load balancer, its roles, its scaling and its alarms.

    Attributes:
        dns_target: what the domain's DNS record points to.
    """

    args_type = EcsFargateArgs

    dns_target: pulumi.Output[str]

    def build(self, args: EcsFargateArgs) -> None:
        refuse(problems(args))
        args = replace(args, config=replace(args.config, name=self.name))
        door = EcsDoor(self, args)
        task = self._task(args)
        cluster = CloudResource(
            CLUSTER,
            self.named("cluster"),
            {
                "name": physical(CLUSTER, self, args.location),
                "settings": [{"name": "containerInsights", "value": "enabled"}],
            },
            outputs=("arn",),
            opts=self.owned(),
        )
        service = self._service(args, door, task, cluster)
        self._scaling(args, cluster, service)
        self._watch(args, door)
        base = f"https://{args.config.domain}"
        self.answers_at(base, issuer=args.config.auth.issuer, era=args.config.era)
        self.dns_target = door.balancer.output("dnsName")

    def _task(self, args: EcsFargateArgs) -> CloudResource:
        name = physical(TASK_DEFINITION, self, args.location)
        logs, writing = log_group(self, "logs", f"/ecs/{name}", retention=args.log_retention)
        execution = self._role(args, "execution-role")
        starts = allow(
            self, execution, "start", [writing, *reading(args.secrets), *pulling(args.image)]
        )
        state, waits = None, [starts]
        server = self._role(args, "task-role")
        if has_sessions(args.config.era):
            state, uses_state = kept_state(self, args.location, protect=args.protect)
            waits.append(allow(self, server, "serve", uses_state))
        container = {
            "name": CONTAINER,
            "image": args.image,
            "essential": True,
            "user": NOBODY,
            "readonlyRootFilesystem": True,
            "linuxParameters": {"capabilities": {"drop": ["ALL"]}},
            "portMappings": [{"containerPort": HTTP, "protocol": "tcp"}],
            "environment": [
                {"name": CONFIG_VARIABLE, "value": environment_toml(args.config, state=state)}
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
                "cpu": str(args.cpu),
                "memory": str(args.memory),
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

    def _role(self, args: EcsFargateArgs, role: str) -> CloudResource:
        return service_role(
            self,
            args.location,
            role,
            service="ecs-tasks.amazonaws.com",
            condition={"StringEquals": {"aws:SourceAccount": args.location.account}},
        )

    def _service(
        self,
        args: EcsFargateArgs,
        door: EcsDoor,
        task: CloudResource,
        cluster: CloudResource,
    ) -> CloudResource:
        return CloudResource(
            SERVICE,
            self.named("service"),
            {
                "name": physical(SERVICE, self, args.location),
                "cluster": cluster.output("arn"),
                "taskDefinition": task.output("arn"),
                "launchType": "FARGATE",
                "desiredCount": args.min_tasks,
                "deploymentMinimumHealthyPercent": 100,
                "deploymentMaximumPercent": 200,
                "deploymentCircuitBreaker": {"enable": True, "rollback": True},
                "healthCheckGracePeriodSeconds": 60,
                "waitForSteadyState": True,
                "enableEcsManagedTags": True,
                "propagateTags": "SERVICE",
                "networkConfiguration": {
                    "subnets": list(args.network.private_subnets),
                    "securityGroups": [door.tasks.output("id")],
                    "assignPublicIp": False,
                },
                "loadBalancers": [
                    {
                        "targetGroupArn": door.targets.output("arn"),
                        "containerName": CONTAINER,
                        "containerPort": HTTP,
                    }
                ],
            },
            # How many there are now is the scaling's to say; a target group takes tasks only once
            # a listener leads to it.
            opts=self.owned(depends_on=[door.listener], ignore_changes=["desiredCount"]),
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
            {**scaled, "minCapacity": args.min_tasks, "maxCapacity": args.max_tasks},
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

    def _watch(self, args: EcsFargateArgs, door: EcsDoor) -> None:
        balancer = "AWS/ApplicationELB"
        watched = {
            "unhealthy": Alarm(balancer, "UnHealthyHostCount", "Maximum", 1, "A task is not well"),
            "errors": Alarm(
                balancer, "HTTPCode_Target_5XX_Count", "Sum", 5, "The server answered with errors"
            ),
        }
        dimensions = {
            "LoadBalancer": door.balancer.output("arnSuffix"),
            "TargetGroup": door.targets.output("arnSuffix"),
        }
        for role, each in watched.items():
            alarm(self, args.location, role, each, dimensions=dimensions, topic=args.alarm_topic)
