"""The HTTP endpoints of a Lambda function: an HTTP API, a streaming URL."""

from __future__ import annotations

import json
from typing import Any

import pulumi

from ..base.cloud_resource import CloudResource
from ..base.component import Component
from .api_gateway import (
    EndpointSettings,
    api_integration,
    api_name,
    api_route,
    api_stage,
    callable_by,
    gateway_api,
)
from .location import AwsLocation
from .logs import log_group

DEFAULT_STAGE = "$default"
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


def http_api(owner: Component[Any], location: AwsLocation, *, domain: str | None) -> CloudResource:
    """An HTTP API, which needs no function yet: its URL is in the function's configuration."""
    return gateway_api(
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
    integration = api_integration(settings, api, "http", {"payloadFormatVersion": "2.0"})
    api_route(
        settings, api, integration, "http-route", "$default", authorization=settings.authorization
    )
    logs, _ = log_group(
        owner,
        "access-logs",
        f"/aws/apigateway/{api_name(owner, settings.location, 'http')}",
        retention_days=settings.log_retention_days,
        key=settings.key,
    )
    stage = api_stage(
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
    callable_by(settings, api, "http")
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
