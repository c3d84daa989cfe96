"""The endpoints of a Lambda function: an HTTP API, a streaming URL, a WebSocket API."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pulumi

from ..base.cloud_resource import CloudResource
from ..base.component import Component
from .function_args import Throttle
from .identity import Right
from .location import AwsLocation
from .logs import log_group
from .naming import physical_name

API = "aws:apigatewayv2/api:Api"
DEFAULT_STAGE = "$default"
SOCKET_STAGE = "mcp"
RESOURCE_VARIABLE = "mcpResource"
"""Stage variable that the server reads at ``$connect``."""
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
"""Fields of the access log; there are no tokens and no bodies."""


@dataclass(frozen=True, kw_only=True)
class EndpointSettings:
    """Settings of all endpoints of a function.

    Attributes:
        owner: the component that the endpoints belong to.
        location: account and region.
        function: the function that answers.
        timeout: seconds that an endpoint waits for the function.
        throttle: see Throttle.
        authorization: ``NONE``: everyone may call, and the server checks tokens; or ``AWS_IAM``.
        log_retention_days: of access logs.
        key: ARN of the KMS key that encrypts access logs; None: a key of AWS.
    """

    owner: Component[Any]
    location: AwsLocation
    function: CloudResource
    timeout: int
    throttle: Throttle
    authorization: str
    log_retention_days: int
    key: str | None


def http_api(owner: Component[Any], location: AwsLocation, *, domain: str | None) -> CloudResource:
    """An HTTP API, which needs no function yet: its URL is in the function's configuration."""
    return _api(
        owner,
        location,
        "http",
        {"protocolType": "HTTP", "disableExecuteApiEndpoint": bool(domain)},
    )


def routed(
    settings: EndpointSettings,
    api: CloudResource,
    *,
    domain: str | None,
    certificate: str | None,
) -> tuple[pulumi.Output[str], pulumi.Output[str] | None]:
    """Routes all paths of the HTTP API to the function.

    Returns:
        Its URL, and where the domain's DNS record must point to.
    """
    owner = settings.owner
    integration = _integration(settings, api, "http", {"payloadFormatVersion": "2.0"})
    _route(
        settings, api, integration, "http-route", "$default", authorization=settings.authorization
    )
    logs, _ = log_group(
        owner,
        "access-logs",
        f"/aws/apigateway/{_name(owner, settings.location, 'http')}",
        retention_days=settings.log_retention_days,
        key=settings.key,
    )
    stage = _stage(
        settings,
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
    _callable_by(settings, api, "http")
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
                "securityPolicy": "TLS_1_2",  # the only one that HTTP APIs offer
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


def function_url(settings: EndpointSettings) -> pulumi.Output[str]:
    """The function's own URL, which streams responses."""
    owner, function = settings.owner, settings.function
    url = CloudResource(
        "aws:lambda/functionUrl:FunctionUrl",
        owner.named("url"),
        {
            "functionName": function.output("name"),
            "authorizationType": settings.authorization,
            "invokeMode": "RESPONSE_STREAM",
        },
        outputs=("functionUrl",),
        opts=owner.owned(),
    )
    if settings.authorization == "NONE":
        # A public URL needs both permissions (AWS Lambda Developer Guide, Control access to
        # function URLs); the second one is limited to calls through the URL.
        permissions = {
            "url-public": {
                "action": "lambda:InvokeFunctionUrl",
                "functionUrlAuthType": "NONE",
            },
            "url-public-call": {
                "action": "lambda:InvokeFunction",
                "invokedViaFunctionUrl": True,
            },
        }
        for role, permission in permissions.items():
            CloudResource(
                "aws:lambda/permission:Permission",
                owner.named(role),
                {"function": function.output("name"), "principal": "*", **permission},
                opts=owner.owned(),
            )
    return url.output("functionUrl").apply(lambda made: made.rstrip("/"))


def websocket_api(
    settings: EndpointSettings, resource: pulumi.Input[str] | None
) -> tuple[pulumi.Output[str], Right]:
    """A WebSocket API: its URL, and the right to send on its connections.

    Args:
        settings: of all endpoints.
        resource: the function's URL, which tokens are for, where its configuration cannot name it.
    """
    api = _api(
        settings.owner,
        settings.location,
        "socket",
        {"protocolType": "WEBSOCKET", "routeSelectionExpression": "$request.body.method"},
    )
    integration = _integration(settings, api, "socket", {})
    for key in SOCKET_ROUTES:
        # API Gateway can authorize $connect only; messages belong to the open connection.
        allowed = settings.authorization if key == "$connect" else "NONE"
        role = f"socket-{key.lstrip('$')}"
        _route(settings, api, integration, role, key, authorization=allowed)
    # An access log would need the role that API Gateway has once in an account and region.
    variables = {"stageVariables": {RESOURCE_VARIABLE: resource}} if resource else {}
    _stage(settings, api, "socket", {"name": SOCKET_STAGE, **variables})
    _callable_by(settings, api, "socket")
    url = pulumi.Output.concat(
        "wss://",
        api.output("id"),
        f".execute-api.{settings.location.region}.amazonaws.com/{SOCKET_STAGE}",
    )
    answering = Right(
        actions=("execute-api:ManageConnections",),
        # The id of a connection is known once it is open; the API and its stage are fixed.
        resources=[
            pulumi.Output.concat(api.output("executionArn"), f"/{SOCKET_STAGE}/POST/@connections/*")
        ],
    )
    return url, answering


def _name(owner: Component[Any], location: AwsLocation, role: str) -> str:
    return physical_name(API, owner, location, role)


def _api(
    owner: Component[Any], location: AwsLocation, role: str, inputs: dict[str, Any]
) -> CloudResource:
    return CloudResource(
        API,
        owner.named(f"{role}-api"),
        {"name": _name(owner, location, role), **inputs},
        outputs=("apiEndpoint", "executionArn"),
        opts=owner.owned(),
    )


def _integration(
    settings: EndpointSettings, api: CloudResource, role: str, inputs: dict[str, Any]
) -> CloudResource:
    return CloudResource(
        "aws:apigatewayv2/integration:Integration",
        settings.owner.named(f"{role}-integration"),
        {
            "apiId": api.output("id"),
            "integrationType": "AWS_PROXY",
            "integrationMethod": "POST",
            "integrationUri": settings.function.output("invokeArn"),
            "timeoutMilliseconds": settings.timeout * 1000,
            **inputs,
        },
        opts=settings.owner.owned(),
    )


def _route(
    settings: EndpointSettings,
    api: CloudResource,
    integration: CloudResource,
    role: str,
    key: str,
    *,
    authorization: str,
) -> None:
    CloudResource(
        "aws:apigatewayv2/route:Route",
        settings.owner.named(role),
        {
            "apiId": api.output("id"),
            "routeKey": key,
            "authorizationType": authorization,
            "target": pulumi.Output.concat("integrations/", integration.output("id")),
        },
        opts=settings.owner.owned(),
    )


def _stage(
    settings: EndpointSettings, api: CloudResource, role: str, inputs: dict[str, Any]
) -> CloudResource:
    return CloudResource(
        "aws:apigatewayv2/stage:Stage",
        settings.owner.named(f"{role}-stage"),
        {
            "apiId": api.output("id"),
            "autoDeploy": True,
            "defaultRouteSettings": {
                "throttlingRateLimit": settings.throttle.requests_per_second,
                "throttlingBurstLimit": settings.throttle.burst,
                "detailedMetricsEnabled": True,
            },
            **inputs,
        },
        opts=settings.owner.owned(),
    )


def _callable_by(settings: EndpointSettings, api: CloudResource, role: str) -> None:
    CloudResource(
        "aws:lambda/permission:Permission",
        settings.owner.named(f"{role}-api-calls"),
        {
            "function": settings.function.output("name"),
            "action": "lambda:InvokeFunction",
            "principal": "apigateway.amazonaws.com",
            "sourceArn": pulumi.Output.concat(api.output("executionArn"), "/*"),
        },
        opts=settings.owner.owned(),
    )
