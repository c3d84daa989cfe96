"""The server as a Lambda function behind an HTTP API or a URL that streams, and WebSockets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import pulumi

from ..base.cloud_resource import CloudResource
from ..base.limits import refuse
from ..base.versions import VERSIONS
from ..mcp.archive import Archive
from ..mcp.era import has_sessions
from ..mcp.server_config import CloudServerConfig, State
from ..mcp.server_toml import CONFIG_VARIABLE, environment_toml
from ..mcp.target import McpTarget
from ..mcp.timeout_budget import Distance
from .code_bucket import stored_archive
from .function_checks import environment_problems, problems
from .function_endpoints import Door, LambdaFront, Throttle, function_url, http_api, websocket_api
from .identity import Alarm, Right, alarm, allow, log_group, physical, reading, service_role
from .location import AwsLocation
from .session_store import kept_state

FUNCTION = "aws:lambda/function:Function"
QUEUE = "aws:sqs/queue:Queue"
SCHEDULE = "aws:scheduler/schedule:Schedule"
RUNTIME: Final = "python" + VERSIONS["python"]["functions"]
HANDLER: Final = "qudag_mcp_server.hosts.aws_lambda.handler"
STREAMING_WRAPPER: Final = "/var/task/stream"
"""Runs our own loop in location of the runtime's, which cannot stream from Python."""
SECRETS_VARIABLE: Final = "QUDAG_MCP_SECRETS"
HEALTH_SECONDS: Final = 300
HEALTH_EVERY: Final = f"rate({HEALTH_SECONDS // 60} minutes)"
DEAD_LETTERS_DAYS: Final = 14


@dataclass(frozen=True, kw_only=True)
class AwsLambdaArgs:
    """What the function needs to know.

    Attributes:
        location: account and region.
        archive: what it runs.
        config: of the server; with a domain, an HTTP API answers there.
        public: true: everyone reaches it, and the server looks at their tokens; false: AWS lets
            in only those who sign with an identity of the account (AWS_IAM).
        front: see LambdaFront.
        websocket: a WebSocket API as well, for the modern era.
        secrets: ARNs of secrets under ``qudag-mcp/``, by the variable that the server finds it in;
            with ``:key::`` at its end one key of a JSON secret.
        certificate: ARN of the domain's certificate, in the same region.
        throttle: of the APIs; None: ten requests a second, twenty at once.
        memory: MB; the processor grows with it.
        reserved_concurrency: calls that run at once; also how many others cannot take from it.
        log_retention: days.
        alarm_topic: ARN of the SNS topic that is told; None: alarms are seen in CloudWatch alone.
        protect: refuse to delete what holds sessions.
    """

    location: AwsLocation
    archive: Archive
    config: CloudServerConfig
    public: bool
    front: LambdaFront = LambdaFront.HTTP_API
    websocket: bool = False
    secrets: Mapping[str, str] = field(default_factory=dict[str, str])
    certificate: str | None = None
    throttle: Throttle | None = None
    memory: int = 1024
    reserved_concurrency: int = 50
    log_retention: int = 30
    alarm_topic: str | None = None
    protect: bool = False


class AwsLambda(McpTarget[AwsLambdaArgs]):
    """A function, its front, its tables, its health check and what watches it.

    Attributes:
        websocket_url: of the WebSocket API; empty where there is none.
        dns_target: what the domain's DNS record points to; empty without a domain.
    """

    args_type = AwsLambdaArgs

    websocket_url: pulumi.Output[str]
    dns_target: pulumi.Output[str]

    def build(self, args: AwsLambdaArgs) -> None:
        refuse(problems(args))
        args = replace(args, config=replace(args.config, name=self.name))
        role = service_role(self, args.location, "role", service="lambda.amazonaws.com")
        letters = self._dead_letters(args)
        state, uses_state = self._state(args)
        logs, writing = log_group(
            self, "logs", f"/aws/lambda/{self._function_name(args)}", retention=args.log_retention
        )
        failing = Right(actions=("sqs:SendMessage",), resources=[letters.output("arn")])
        rights = allow(self, role, "serve", [writing, *uses_state, failing, *reading(args.secrets)])
        function = CloudResource(
            FUNCTION,
            self.named("function"),
            {
                "name": self._function_name(args),
                "role": role.output("arn"),
                "architectures": ["arm64"],
                "runtime": RUNTIME,
                "handler": HANDLER,
                **self._code(args),
                "memorySize": args.memory,
                "timeout": args.config.budget.at(Distance.GATEWAY).timeout,
                "environment": {"variables": self._environment(args, state)},
                "reservedConcurrentExecutions": args.reserved_concurrency,
                "deadLetterConfig": {"targetArn": letters.output("arn")},
                "loggingConfig": {
                    "logFormat": "JSON",
                    "logGroup": logs.output("name"),
                    "systemLogLevel": "INFO",
                },
            },
            outputs=("arn", "invokeArn"),
            # Without its rights the first call could not even write why it failed.
            opts=self.owned(depends_on=[rights]),
        )
        self._fronts(args, function, role)
        self._health_check(args, function, letters)
        self._watch(args, function, letters)

    def _state(self, args: AwsLambdaArgs) -> tuple[State | None, list[Right]]:
        """Tables, where anything outlives a request: sessions, or a socket that is open."""
        if has_sessions(args.config.era) or args.websocket:
            return kept_state(self, args.location, protect=args.protect, websocket=args.websocket)
        return None, []

    def _function_name(self, args: AwsLambdaArgs) -> str:
        return physical(FUNCTION, self, args.location)

    def _code(self, args: AwsLambdaArgs) -> dict[str, pulumi.Output[str]]:
        stored = stored_archive(self, args.location, args.archive)
        return {"s3Bucket": stored.output("bucket"), "s3Key": stored.output("key")}

    def _environment(
        self, args: AwsLambdaArgs, state: State | None
    ) -> pulumi.Output[dict[str, str]]:
        variables: dict[str, pulumi.Input[str]] = {
            CONFIG_VARIABLE: environment_toml(args.config, state=state)
        }
        if args.secrets:
            variables[SECRETS_VARIABLE] = json.dumps(dict(sorted(args.secrets.items())))
        if args.front is LambdaFront.FUNCTION_URL:
            variables["AWS_LAMBDA_EXEC_WRAPPER"] = STREAMING_WRAPPER

        def measured(given: Mapping[str, str]) -> dict[str, str]:
            refuse(environment_problems(given))
            return dict(given)

        return pulumi.Output.all(**variables).apply(measured)

    def _dead_letters(self, args: AwsLambdaArgs) -> CloudResource:
        """Where events go that nobody waits for and that failed: health checks."""
        return CloudResource(
            QUEUE,
            self.named("dead-letters"),
            {
                "name": physical(QUEUE, self, args.location, "dead-letters"),
                "sqsManagedSseEnabled": True,
                "messageRetentionSeconds": DEAD_LETTERS_DAYS * 24 * 3600,
            },
            outputs=("arn",),
            opts=self.owned(),
        )

    def _fronts(self, args: AwsLambdaArgs, function: CloudResource, role: CloudResource) -> None:
        door = Door(
            owner=self,
            location=args.location,
            function=function,
            timeout=args.config.budget.at(Distance.GATEWAY).timeout,
            throttle=args.throttle or Throttle(),
            authorization="NONE" if args.public else "AWS_IAM",
            retention=args.log_retention,
        )
        target: pulumi.Output[str] | None = None
        match args.front:
            case LambdaFront.HTTP_API:
                base, target = http_api(
                    door, domain=args.config.domain, certificate=args.certificate
                )
            case LambdaFront.FUNCTION_URL:
                base = function_url(door)
        socket: pulumi.Input[str] = ""
        if args.websocket:
            socket, answering = websocket_api(door)
            allow(self, role, "answer-sockets", [answering])
        self.answers_at(base, issuer=args.config.auth.issuer, era=args.config.era)
        self.websocket_url = pulumi.Output.from_input(socket)
        self.dns_target = target or pulumi.Output.from_input("")

    def _health_check(
        self, args: AwsLambdaArgs, function: CloudResource, letters: CloudResource
    ) -> None:
        role = service_role(
            self,
            args.location,
            "scheduler-role",
            service="scheduler.amazonaws.com",
            condition={"StringEquals": {"aws:SourceAccount": args.location.account}},
        )
        calling = Right(actions=("lambda:InvokeFunction",), resources=[function.output("arn")])
        failing = Right(actions=("sqs:SendMessage",), resources=[letters.output("arn")])
        rights = allow(self, role, "check-health", [calling, failing])
        # Scheduler hands an event over and is done: trying again is Lambda's (AWS Lambda Developer
        # Guide, Error handling for asynchronous invocation). The next check comes anyway.
        once = CloudResource(
            "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig",
            self.named("events"),
            {
                "functionName": function.output("name"),
                "maximumRetryAttempts": 0,
                "maximumEventAgeInSeconds": HEALTH_SECONDS,
            },
            opts=self.owned(),
        )
        CloudResource(
            SCHEDULE,
            self.named("health-check"),
            {
                "name": physical(SCHEDULE, self, args.location, "health-check"),
                "scheduleExpression": HEALTH_EVERY,
                "flexibleTimeWindow": {"mode": "OFF"},
                "target": {
                    "arn": function.output("arn"),
                    "roleArn": role.output("arn"),
                    "input": json.dumps({"action": "healthcheck"}),
                    "retryPolicy": {"maximumRetryAttempts": 0},
                    "deadLetterConfig": {"arn": letters.output("arn")},
                },
            },
            opts=self.owned(depends_on=[rights, once]),
        )

    def _watch(self, args: AwsLambdaArgs, function: CloudResource, letters: CloudResource) -> None:
        milliseconds = args.config.budget.at(Distance.GATEWAY).timeout * 1000
        calls, queue = "AWS/Lambda", "AWS/SQS"
        watched = {
            "errors": Alarm(calls, "Errors", "Sum", 1, "Calls of the function failed"),
            "throttles": Alarm(
                calls, "Throttles", "Sum", 1, "More calls at once than are reserved for it"
            ),
            "duration": Alarm(
                calls, "Duration", "Maximum", 0.9 * milliseconds, "A call came near its timeout"
            ),
            "dead-letters": Alarm(
                queue, "ApproximateNumberOfMessagesVisible", "Maximum", 1, "Health checks failed"
            ),
        }
        for role, each in watched.items():
            dimensions = (
                {"FunctionName": function.output("name")}
                if each.namespace == calls
                else {"QueueName": letters.output("name")}
            )
            alarm(self, args.location, role, each, dimensions=dimensions, topic=args.alarm_topic)
