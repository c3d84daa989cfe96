"""How clients reach a Lambda function: an HTTP API, a URL that streams, a WebSocket API."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from typing import Any

import pulumi

from ..base.cloud_resource import CloudResource
from ..base.component import Component
from .identity import Right, log_group, physical
from .location import AwsLocation

API = "aws:apigatewayv2/api:Api"
DEFAULT_STAGE = "$default"
SOCKET_STAGE = "mcp"
SOCKET_ROUTES = ("$connect", "$disconnect", "$default")
_ACCESS_LOG = {
    "requestId": "$context.requestId",
    "time": "$context.requestTime",
    "ip": "$context.identity.sourceIp",
    "method": "$context.httpMethod",
    "path": "$context.path",
    "status": "$context.status",
    "bytes": "$context.responseLength",
    "milliseconds": "$context.responseLatency",
    "integrationError": "$context.integrationErrorMessage",
}
"""What is written down of a request; neither tokens nor bodies are among it."""


class LambdaFront(Enum):
    """What clients reach.

    HTTP_API: answers whole, within 30 s. FUNCTION_URL: streams, for as long as a function may run.
    """

    HTTP_API = "http-api"
    FUNCTION_URL = "function-url"


@dataclass(frozen=True, kw_only=True)
class Throttle:
    """What a whole API takes, all clients together; beyond it, it answers 429.

    Attributes:
        requests_per_second: sustained rate.
        burst: requests above the rate, at once.
    """

    requests_per_second: int = 10
    burst: int = 20


@dataclass(frozen=True, kw_only=True)
class Door:
    """What all fronts are told.

    Attributes:
        owner: the component whose they are.
        location: where.
        function: what answers.
        timeout: seconds that a front waits for the function.
        throttle: see Throttle.
        authorization: ``NONE``: everyone, the server looks at their tokens; or ``AWS_IAM``.
        retention: days that access logs are kept.
    """

    owner: Component[Any]
    location: AwsLocation
    function: CloudResource
    timeout: int
    throttle: Throttle
    authorization: str
    retention: int


def http_api(
    door: Door, *, domain: str | None, certificate: str | None
) -> tuple[pulumi.Output[str], pulumi.Output[str] | None]:
    """An HTTP API that passes on all paths: its URL, and what the domain's DNS must point to."""
    owner = door.owner
    api = _api(door, "http", {"protocolType": "HTTP", "disableExecuteApiEndpoint": bool(domain)})
    integration = _integration(door, api, "http", {"payloadFormatVersion": "2.0"})
    _route(door, api, integration, "http-route", "$default", authorization=door.authorization)
    logs, _ = log_group(
        owner, "access-logs", f"/aws/apigateway/{_name(door, 'http')}", retention=door.retention
    )
    stage = _stage(
        door,
        api,
        "http",
        {
            "name": DEFAULT_STAGE,
            "accessLogSettings": {
                "destinationArn": logs.output("arn"),
                "format": json.dumps(_ACCESS_LOG),
            },
        },
    )
    _callable_by(door, api, "http")
    if not domain:
        return api.output("apiEndpoint"), None
    named = CloudResource(
        "aws:apigatewayv2/domainName:DomainName",
        owner.named("domain"),
        {
            "domainName": domain,
            "domainNameConfiguration": {
                "certificateArn": certificate,
                "endpointType": "REGIONAL",
                "securityPolicy": "TLS_1_2",  # the only one that HTTP APIs have
            },
        },
        opts=owner.owned(),
    )
    CloudResource(
        "aws:apigatewayv2/apiMapping:ApiMapping",
        owner.named("domain-mapping"),
        {
            "apiId": api.output("id"),
            "domainName": named.output("id"),
            "stage": stage.output("id"),
        },
        opts=owner.owned(),
    )
    target = named.output("domainNameConfiguration").apply(
        lambda made: made.get("targetDomainName")
    )
    return pulumi.Output.from_input(f"https://{domain}"), target


def function_url(door: Door) -> pulumi.Output[str]:
    """A URL of the function's own, whose answers are streamed."""
    owner, function = door.owner, door.function
    url = CloudResource(
        "aws:lambda/functionUrl:FunctionUrl",
        owner.named("url"),
        {
            "functionName": function.output("name"),
            "authorizationType": door.authorization,
            "invokeMode": "RESPONSE_STREAM",
        },
        outputs=("functionUrl",),
        opts=owner.owned(),
    )
    if door.authorization == "NONE":
        # A public URL needs both rights (AWS Lambda Developer Guide, Control access to function
        # URLs); the second one for calls that come through the URL alone.
        rights = {
            "url-public": {
                "action": "lambda:InvokeFunctionUrl",
                "functionUrlAuthType": "NONE",
            },
            "url-public-call": {
                "action": "lambda:InvokeFunction",
                "invokedViaFunctionUrl": True,
            },
        }
        for role, right in rights.items():
            CloudResource(
                "aws:lambda/permission:Permission",
                owner.named(role),
                {"function": function.output("name"), "principal": "*", **right},
                opts=owner.owned(),
            )
    return url.output("functionUrl").apply(lambda made: made.rstrip("/"))


def websocket_api(door: Door) -> tuple[pulumi.Output[str], Right]:
    """A WebSocket API: its URL, and the right to answer on its own connections."""
    api = _api(
        door,
        "socket",
        {"protocolType": "WEBSOCKET", "routeSelectionExpression": "$request.body.method"},
    )
    integration = _integration(door, api, "socket", {})
    for key in SOCKET_ROUTES:
        # Only the opening can be authorized; the messages after it belong to it.
        allowed = door.authorization if key == "$connect" else "NONE"
        role = f"socket-{key.lstrip('$')}"
        _route(door, api, integration, role, key, authorization=allowed)
    # Its access log would need a role that API Gateway has once for the whole account and region.
    _stage(door, api, "socket", {"name": SOCKET_STAGE})
    _callable_by(door, api, "socket")
    url = pulumi.Output.concat(
        "wss://",
        api.output("id"),
        f".execute-api.{door.location.region}.amazonaws.com/{SOCKET_STAGE}",
    )
    answering = Right(
        actions=("execute-api:ManageConnections",),
        # A connection's id is known only once it is open; the API and its stage are named.
        resources=[
            pulumi.Output.concat(api.output("executionArn"), f"/{SOCKET_STAGE}/POST/@connections/*")
        ],
    )
    return url, answering


def _name(door: Door, role: str) -> str:
    return physical(API, door.owner, door.location, role)


def _api(door: Door, role: str, inputs: dict[str, Any]) -> CloudResource:
    return CloudResource(
        API,
        door.owner.named(f"{role}-api"),
        {"name": _name(door, role), **inputs},
        outputs=("apiEndpoint", "executionArn"),
        opts=door.owner.owned(),
    )


def _integration(
    door: Door, api: CloudResource, role: str, inputs: dict[str, Any]
) -> CloudResource:
    return CloudResource(
        "aws:apigatewayv2/integration:Integration",
        door.owner.named(f"{role}-integration"),
        {
            "apiId": api.output("id"),
            "integrationType": "AWS_PROXY",
            "integrationMethod": "POST",
            "integrationUri": door.function.output("invokeArn"),
            "timeoutMilliseconds": door.timeout * 1000,
            **inputs,
        },
        opts=door.owner.owned(),
    )


def _route(
    door: Door,
    api: CloudResource,
    integration: CloudResource,
    role: str,
    key: str,
    *,
    authorization: str,
) -> None:
    CloudResource(
        "aws:apigatewayv2/route:Route",
        door.owner.named(role),
        {
            "apiId": api.output("id"),
            "routeKey": key,
            "authorizationType": authorization,
            "target": pulumi.Output.concat("integrations/", integration.output("id")),
        },
        opts=door.owner.owned(),
    )


def _stage(door: Door, api: CloudResource, role: str, inputs: dict[str, Any]) -> CloudResource:
    return CloudResource(
        "aws:apigatewayv2/stage:Stage",
        door.owner.named(f"{role}-stage"),
        {
            "apiId": api.output("id"),
            "autoDeploy": True,
            "defaultRouteSettings": {
                "throttlingRateLimit": door.throttle.requests_per_second,
                "throttlingBurstLimit": door.throttle.burst,
                "detailedMetricsEnabled": True,
            },
            **inputs,
        },
        opts=door.owner.owned(),
    )


def _callable_by(door: Door, api: CloudResource, role: str) -> None:
    CloudResource(
        "aws:lambda/permission:Permission",
        door.owner.named(f"{role}-api-calls"),
        {
            "function": door.function.output("name"),
            "action": "lambda:InvokeFunction",
            "principal": "apigateway.amazonaws.com",
            "sourceArn": pulumi.Output.concat(api.output("executionArn"), "/*"),
        },
        opts=door.owner.owned(),
    )
