"""The server as a Lambda function with an HTTP API or a streaming URL, and WebSockets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

import pulumi

from ..base.cloud_resource import CloudResource
from ..base.refusal import refuse
from ..base.versions import VERSIONS
from ..mcp.auth import Resource
from ..mcp.server_config import State
from ..mcp.server_names import CONFIG_VARIABLE
from ..mcp.server_toml import environment_toml
from ..mcp.target import MCP_PATH
from ..mcp.timeout_budget import Distance
from .alarms import Alarm
from .api_gateway import EndpointSettings
from .code_bucket import stored_archive
from .encryption import key_rights
from .function_args import AwsLambdaArgs, LambdaEndpoint, Throttle, environment_problems
from .function_endpoints import function_url, http_api, routed
from .function_network import function_network
from .function_websocket import websocket_api
from .identity import Right, allow
from .logs import log_group
from .monitored import AwsMonitoredFunction
from .secrets import secret_rights
from .server import AwsServer

FUNCTION: Final = "aws:lambda/function:Function"
QUEUE: Final = "aws:sqs/queue:Queue"
SCHEDULE: Final = "aws:scheduler/schedule:Schedule"
RUNTIME: Final = "python" + VERSIONS["python"]["functions"]
HANDLER: Final = "qudag_mcp_server.hosts.aws_lambda.handler"
STREAMING_WRAPPER: Final = "/var/task/stream"
"""Runs a loop of this project's instead of the runtime's, which cannot stream from Python."""
SECRETS_VARIABLE: Final = "QUDAG_MCP_SECRETS"
HEALTH_SECONDS: Final = 300
HEALTH_EVERY: Final = f"rate({HEALTH_SECONDS // 60} minutes)"
DEAD_LETTER_DAYS: Final = 14
TRACING: Final = Right(
    actions=("xray:PutTraceSegments", "xray:PutTelemetryRecords"),
    # X-Ray has no resource for these actions.
    resources=["*"],
)


class AwsLambda(AwsServer[AwsLambdaArgs]):
    """A function with its endpoint, its session store, its health check and its alarms.

    Attributes:
        websocket_url: of the WebSocket API; empty where there is none.
        dns_target: where the domain's DNS record must point to; empty without a domain.
        monitored: what `AwsMonitoring` monitors.
    """

    args_type = AwsLambdaArgs

    websocket_url: pulumi.Output[str]
    dns_target: pulumi.Output[str]
    monitored: AwsMonitoredFunction

    def deploy(self, args: AwsLambdaArgs) -> pulumi.Input[str]:
        name = self.physical_name(args, FUNCTION)
        role = self.role(args, "role", service="lambda.amazonaws.com", of_this_account=False)
        api: CloudResource | None = None
        resource = Resource(hosts=[f"*.lambda-url.{args.location.region}.on.aws"])
        if args.endpoint is LambdaEndpoint.HTTP_API:
            # Before the function, whose audience is the URL of the API.
            api = http_api(self, args.location, domain=args.config.domain)
            url = pulumi.Output.concat(api.output("apiEndpoint"), MCP_PATH)
            resource = Resource(url=url)
        failures = self._dead_letter_queue(args)
        state, store_rights = self.session_store(args, websocket=args.websocket)
        logs, writing = log_group(
            self,
            "logs",
            f"/aws/lambda/{name}",
            retention_days=args.log_retention_days,
            key=args.kms_key,
        )
        failing = Right(actions=("sqs:SendMessage",), resources=[failures.output("arn")])
        rights = allow(
            self,
            role,
            "serve",
            [
                writing,
                *store_rights,
                failing,
                *secret_rights(args.secrets),
                *key_rights(args.kms_key),
                *([TRACING] if args.tracing else []),
            ],
        )
        arn = f"arn:aws:lambda:{args.location.region}:{args.location.account}:function:{name}"
        vpc, network_rights = function_network(self, args, role, function_arn=arn)
        function = CloudResource(
            FUNCTION,
            self.named("function"),
            {
                "name": name,
                "role": role.output("arn"),
                "architectures": ["arm64"],
                "runtime": RUNTIME,
                "handler": HANDLER,
                **self._code(args),
                "memorySize": args.memory_mb,
                "timeout": args.config.budget.at(Distance.GATEWAY).timeout,
                "environment": {"variables": self._environment(args, resource, state)},
                "kmsKeyArn": args.kms_key,
                "tracingConfig": {"mode": "Active"} if args.tracing else None,
                **vpc,
                "reservedConcurrentExecutions": args.reserved_concurrency,
                "deadLetterConfig": {"targetArn": failures.output("arn")},
                "loggingConfig": {
                    "logFormat": "JSON",
                    "logGroup": logs.output("name"),
                    "systemLogLevel": "INFO",
                },
            },
            outputs=("arn", "invokeArn"),
            # The first call needs its rights, also to log why it fails.
            opts=self.owned(depends_on=[rights, *network_rights]),
        )
        self._health_check(args, function, failures)
        self._alarms(args, function, failures)
        self.monitored = AwsMonitoredFunction(
            name=self.name,
            function=function.output("name"),
            api=api.output("id") if api else None,
            concurrency=args.reserved_concurrency,
        )
        return self._endpoints(args, function, role, api)

    def _code(self, args: AwsLambdaArgs) -> dict[str, pulumi.Output[str]]:
        stored = stored_archive(self, args, args.archive)
        return {"s3Bucket": stored.output("bucket"), "s3Key": stored.output("key")}

    def _environment(
        self, args: AwsLambdaArgs, resource: Resource, state: State | None
    ) -> pulumi.Output[dict[str, str]]:
        variables: dict[str, pulumi.Input[str]] = {
            CONFIG_VARIABLE: environment_toml(args.config, resource, state=state)
        }
        if args.secrets:
            variables[SECRETS_VARIABLE] = json.dumps(dict(sorted(args.secrets.items())))
        if args.endpoint is LambdaEndpoint.FUNCTION_URL:
            variables["AWS_LAMBDA_EXEC_WRAPPER"] = STREAMING_WRAPPER

        def checked(given: Mapping[str, str]) -> dict[str, str]:
            refuse(environment_problems(given))
            return dict(given)

        return pulumi.Output.all(**variables).apply(checked)

    def _dead_letter_queue(self, args: AwsLambdaArgs) -> CloudResource:
        """The queue for failed events of asynchronous invocations, which are health checks."""
        return CloudResource(
            QUEUE,
            self.named("dead-letters"),
            {
                "name": self.physical_name(args, QUEUE, "dead-letters"),
                # The two exclude each other.
                "sqsManagedSseEnabled": None if args.kms_key else True,
                "kmsMasterKeyId": args.kms_key,
                "messageRetentionSeconds": DEAD_LETTER_DAYS * 24 * 3600,
            },
            outputs=("arn",),
            opts=self.owned(),
        )

    def _endpoints(
        self,
        args: AwsLambdaArgs,
        function: CloudResource,
        role: CloudResource,
        api: CloudResource | None,
    ) -> pulumi.Input[str]:
        """Creates the endpoints, sets their outputs, and returns the URL that clients call."""
        settings = EndpointSettings(
            owner=self,
            location=args.location,
            function=function,
            timeout=args.config.budget.at(Distance.GATEWAY).timeout,
            throttle=args.throttle or Throttle(),
            authorization="NONE" if args.access.public else "AWS_IAM",
            log_retention_days=args.log_retention_days,
            key=args.kms_key,
        )
        target: pulumi.Output[str] | None = None
        resource: pulumi.Input[str] | None = None
        if api:
            base, target = routed(
                settings, api, domain=args.config.domain, certificate=args.certificate
            )
        else:
            base = function_url(settings)
            resource = pulumi.Output.concat(base, MCP_PATH)
        socket: pulumi.Input[str] = ""
        if args.websocket:
            socket, answering = websocket_api(settings, resource)
            allow(self, role, "answer-sockets", [answering])
        self.websocket_url = pulumi.Output.from_input(socket)
        self.dns_target = target or pulumi.Output.from_input("")
        return base

    def _health_check(
        self, args: AwsLambdaArgs, function: CloudResource, failures: CloudResource
    ) -> None:
        role = self.role(args, "scheduler-role", service="scheduler.amazonaws.com")
        calling = Right(actions=("lambda:InvokeFunction",), resources=[function.output("arn")])
        failing = Right(actions=("sqs:SendMessage",), resources=[failures.output("arn")])
        rights = allow(self, role, "check-health", [calling, failing, *key_rights(args.kms_key)])
        # Lambda retries an asynchronous invocation, not Scheduler (AWS Lambda Developer Guide,
        # Error handling for asynchronous invocation). No retry is needed: the next check follows.
        no_retry = CloudResource(
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
                "name": self.physical_name(args, SCHEDULE, "health-check"),
                "scheduleExpression": HEALTH_EVERY,
                "flexibleTimeWindow": {"mode": "OFF"},
                "kmsKeyArn": args.kms_key,
                "target": {
                    "arn": function.output("arn"),
                    "roleArn": role.output("arn"),
                    "input": json.dumps({"action": "healthcheck"}),
                    "retryPolicy": {"maximumRetryAttempts": 0},
                    "deadLetterConfig": {"arn": failures.output("arn")},
                },
            },
            opts=self.owned(depends_on=[rights, no_retry]),
        )

    def _alarms(
        self, args: AwsLambdaArgs, function: CloudResource, failures: CloudResource
    ) -> None:
        milliseconds = args.config.budget.at(Distance.GATEWAY).timeout * 1000
        calls, queue = "AWS/Lambda", "AWS/SQS"
        self.alarms(
            args,
            {
                "errors": Alarm(calls, "Errors", "Sum", 1, "Calls of the function failed"),
                "throttles": Alarm(
                    calls, "Throttles", "Sum", 1, "More calls at once than are reserved for it"
                ),
                "duration": Alarm(
                    calls, "Duration", "Maximum", 0.9 * milliseconds, "A call came near its timeout"
                ),
            },
            dimensions={"FunctionName": function.output("name")},
        )
        failed = "ApproximateNumberOfMessagesVisible"
        self.alarms(
            args,
            {"dead-letters": Alarm(queue, failed, "Maximum", 1, "Health checks failed")},
            dimensions={"QueueName": failures.output("name")},
        )
