"""AwsLambda: endpoints, authorization and throttling."""

from __future__ import annotations

import tomllib
from typing import Any

from components.aws.function_args import Throttle
from components.mcp.access import Access
from graph.resource_graph import ResourceGraph
from tests.harness.aws_lambda import (
    FUNCTION,
    URL,
    function,
    graph,
)

PERMISSION = "aws:lambda/permission:Permission"
ROUTE = "aws:apigatewayv2/route:Route"
STAGE = "aws:apigatewayv2/stage:Stage"


def test_a_function_url_streams_and_an_http_api_does_not():
    made = graph(**URL)
    assert made.one("aws:lambda/functionUrl:FunctionUrl").inputs["invokeMode"] == "RESPONSE_STREAM"
    variables = made.one(FUNCTION).inputs["environment"]["variables"]
    assert variables["AWS_LAMBDA_EXEC_WRAPPER"] == "/var/task/stream"
    assert "AWS_LAMBDA_EXEC_WRAPPER" not in function()["environment"]["variables"]


def auth(made: ResourceGraph) -> dict[str, Any]:
    variables = made.one(FUNCTION).inputs["environment"]["variables"]
    return tomllib.loads(variables["QUDAG_MCP_CONFIG"])["auth"]


def test_the_audience_of_a_function_behind_an_http_api_is_the_apis_url():
    made = graph()
    assert auth(made)["resource_url"] == made.one("qudag-mcp:index:AwsLambda").outputs["mcp_url"]


def test_a_function_url_and_its_websocket_have_one_audience():
    made = graph(**URL, websocket=True)
    assert auth(made)["resource_hosts"] == ["*.lambda-url.eu-central-1.on.aws"]
    (stage,) = made.all(STAGE)
    assert stage.inputs["stageVariables"] == {
        "mcpResource": made.one("qudag-mcp:index:AwsLambda").outputs["mcp_url"]
    }


def test_a_public_url_has_both_rights_and_the_second_for_calls_through_it_alone():
    permissions = [each.inputs for each in graph(**URL).all(PERMISSION)]
    assert [p["principal"] for p in permissions] == ["*", "*"]
    assert {(p["action"], p.get("functionUrlAuthType")) for p in permissions} == {
        ("lambda:InvokeFunctionUrl", "NONE"),
        ("lambda:InvokeFunction", None),
    }
    (call,) = [p for p in permissions if p["action"] == "lambda:InvokeFunction"]
    assert call["invokedViaFunctionUrl"] is True


def test_private_endpoints_require_aws_iam_authorization():
    made = graph(**URL, access=Access())
    assert made.one("aws:lambda/functionUrl:FunctionUrl").inputs["authorizationType"] == "AWS_IAM"
    assert made.all(PERMISSION) == []
    routes = graph(access=Access(), websocket=True).all(ROUTE)
    wanted = {each.name: each.inputs["authorizationType"] for each in routes}
    assert wanted == {
        "mcp-http-route": "AWS_IAM",
        "mcp-socket-connect": "AWS_IAM",
        "mcp-socket-default": "NONE",
        "mcp-socket-disconnect": "NONE",
    }


def test_only_its_own_apis_call_it():
    arns = {p.inputs["sourceArn"] for p in graph(websocket=True).all(PERMISSION)}
    assert arns == {
        f"arn:aws:execute-api:eu-central-1:123456789012:mcp-{kind}-api/*"
        for kind in ("http", "socket")
    }


def test_the_websocket_api_has_the_three_routes():
    routes = graph(websocket=True).all(ROUTE)
    keys = {r.inputs["routeKey"] for r in routes if r.name.startswith("mcp-socket")}
    assert keys == {"$connect", "$disconnect", "$default"}


def test_the_apis_are_throttled_and_their_requests_written_down():
    stage = graph().one(STAGE).inputs
    assert stage["defaultRouteSettings"]["throttlingRateLimit"] == 10
    assert stage["defaultRouteSettings"]["throttlingBurstLimit"] == 20
    assert "$context.status" in stage["accessLogSettings"]["format"]
    faster = graph(throttle=Throttle(requests_per_second=99, burst=200)).one(STAGE).inputs
    assert faster["defaultRouteSettings"]["throttlingRateLimit"] == 99
