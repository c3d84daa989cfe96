"""Parts of an API of API Gateway in front of a Lambda function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pulumi

from ..base.cloud_resource import CloudResource
from ..base.component import Component
from .function_args import Throttle
from .location import AwsLocation
from .naming import physical_name

API = "aws:apigatewayv2/api:Api"


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


def api_name(owner: Component[Any], location: AwsLocation, role: str) -> str:
    """The API's name in AWS."""
    return physical_name(API, owner, location, role)


def gateway_api(
    owner: Component[Any], location: AwsLocation, role: str, inputs: dict[str, Any]
) -> CloudResource:
    """An API without routes."""
    return CloudResource(
        API,
        owner.named(f"{role}-api"),
        {"name": api_name(owner, location, role), **inputs},
        outputs=("apiEndpoint", "executionArn"),
        opts=owner.owned(),
    )


def api_integration(
    settings: EndpointSettings, api: CloudResource, role: str, inputs: dict[str, Any]
) -> CloudResource:
    """How the API calls the function."""
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


def api_route(
    settings: EndpointSettings,
    api: CloudResource,
    integration: CloudResource,
    role: str,
    key: str,
    *,
    authorization: str,
) -> None:
    """One route of the API to the function."""
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


def api_stage(
    settings: EndpointSettings, api: CloudResource, role: str, inputs: dict[str, Any]
) -> CloudResource:
    """The stage that deploys the API's routes, with its limits."""
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


def callable_by(settings: EndpointSettings, api: CloudResource, role: str) -> None:
    """The permission of the API to call the function."""
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
