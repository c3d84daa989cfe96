"""The WebSocket API of a Lambda function."""

from __future__ import annotations

import pulumi

from .api_gateway import (
    EndpointSettings,
    api_integration,
    api_route,
    api_stage,
    callable_by,
    gateway_api,
)
from .identity import Right

SOCKET_STAGE = "mcp"
RESOURCE_VARIABLE = "mcpResource"
"""Stage variable that the server reads at ``$connect``."""
SOCKET_ROUTES = ("$connect", "$disconnect", "$default")


def websocket_api(
    settings: EndpointSettings, resource: pulumi.Input[str] | None
) -> tuple[pulumi.Output[str], Right]:
    """A WebSocket API: its URL, and the right to send on its connections.

    Args:
        settings: of all endpoints.
        resource: the function's URL, which tokens are for, where its configuration cannot name it.
    """
    api = gateway_api(
        settings.owner,
        settings.location,
        "socket",
        {"protocolType": "WEBSOCKET", "routeSelectionExpression": "$request.body.method"},
    )
    integration = api_integration(settings, api, "socket", {})
    for key in SOCKET_ROUTES:
        # API Gateway can authorize $connect only; messages belong to the open connection.
        allowed = settings.authorization if key == "$connect" else "NONE"
        role = f"socket-{key.lstrip('$')}"
        api_route(settings, api, integration, role, key, authorization=allowed)
    # An access log would need the role that API Gateway has once in an account and region.
    variables = {"stageVariables": {RESOURCE_VARIABLE: resource}} if resource else {}
    api_stage(settings, api, "socket", {"name": SOCKET_STAGE, **variables})
    callable_by(settings, api, "socket")
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
