"""Each field of the sections of the clouds changes the resources that it is for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

import pytest

from components.base.problems import ProblemReport
from graph.resource_graph import ResourceGraph
from policies import broken_policies
from review.diff import Change, diff
from tests.harness.graph_queries import ancestry
from tests.harness.prod import (
    PLACES,
    WEB_ACL,
    WITHOUT_A_CLUSTER,
    below,
    clouds_alone,
    place_alone,
    prod,
    prod_files,
)
from tests.harness.tiers import sampled

VAULT = (
    "/subscriptions/0a1b2c3d-0000-4000-8000-000000000001/resourceGroups/keys/providers"
    "/Microsoft.KeyVault/vaults/qudag-prod"
)
KEY = "https://qudag-prod.vault.azure.net/secrets/api-key/0123456789abcdef0123456789abcdef"
ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:qudag-mcp/api-key-a1B2c3"
VERSION = "projects/qudag-prod/secrets/api-key/versions/3"
CALLER = "serviceAccount:agent@qudag-prod.iam.gserviceaccount.com"


MONITORING = ("AwsMonitoring", "GcpMonitoring", "AzureMonitoring")


def urns_of(graph: ResourceGraph, components: Sequence[str]) -> set[str]:
    """URNs of the resources within components of these types."""
    tokens = {f"qudag-mcp:index:{name}" for name in components}
    return {one.urn for one in graph.resources if tokens & {*ancestry(graph, one)}}


FIELDS: Final[list[tuple[str, str, dict[str, Any], str]]] = [
    ("serverless", "aws", {"memoryMb": 2048}, "2048"),
    ("serverless", "aws", {"reservedConcurrency": 7}, "7"),
    ("containers", "aws", {"cpu": 1024, "memoryMb": 2048}, "1024"),
    ("containers", "aws", {"architecture": "ARM64"}, "ARM64"),
    (
        "containers",
        "aws",
        {"accessLogsBucket": "qudag-access-logs", "accessLogDays": None},
        "qudag-access-logs",
    ),
    ("containers", "aws", {"accessLogDays": 90}, "90"),
    ("containers", "aws", {"webAcl": WEB_ACL}, WEB_ACL),
    ("containers", "aws", {"httpRedirect": True}, "HTTP_301"),
    ("serverless", "aws", {"accessLogDays": 90}, "90"),
    ("serverless", "aws", {"vpc": False}, "vpcConfig"),
    ("serverless", "aws", {"tracing": False}, "tracingConfig"),
    ("serverless", "aws", {"logRetentionDays": 60}, "60"),
    ("serverless", "aws", {"secrets": {"API_KEY": ARN}}, ARN),
    ("serverless", "gcp", {"memoryMb": 2048}, "2048Mi"),
    ("serverless", "gcp", {"public": False, "invokers": [CALLER]}, CALLER),
    ("serverless", "gcp", {"ingress": "internal"}, "ALLOW_INTERNAL_ONLY"),
    ("serverless", "gcp", {"minInstances": 3}, "3"),
    ("serverless", "gcp", {"maxInstances": 33}, "33"),
    ("serverless", "gcp", {"concurrency": 44}, "44"),
    ("serverless", "gcp", {"logRetentionDays": 60}, "60"),
    ("serverless", "gcp", {"secrets": {"API_KEY": VERSION}}, "API_KEY"),
    ("serverless", "azure", {"memoryMb": 4096}, "4096"),
    ("serverless", "azure", {"maxInstances": 55}, "55"),
    ("serverless", "azure", {"privateStorage": False}, "networkRuleSet"),
    ("serverless", "azure", {"zoneRedundant": False}, "Standard_LRS"),
    ("containers", "azure", {"zoneRedundant": False}, "zoneRedundant"),
    ("serverless", "azure", {"logRetentionDays": 60}, "60"),
    ("serverless", "azure", {"public": False, "clients": ["203.0.113.0/24"]}, "203.0.113.0/24"),
    ("serverless", "azure", {"vault": VAULT, "secrets": {"API_KEY": KEY}}, KEY),
    ("containers", "aws", {"minInstances": 3}, "3"),
    ("containers", "aws", {"maxInstances": 33}, "33"),
    ("containers", "aws", {"public": False, "clients": ["10.9.0.0/16"]}, "10.9.0.0/16"),
    ("containers", "aws", {"logRetentionDays": 60}, "60"),
    ("containers", "aws", {"secrets": {"API_KEY": ARN}}, ARN),
    ("containers", "aws", {"secrets": {"API_KEY": f"{ARN}:key::"}}, f"{ARN}:key::"),
    (
        "containers",
        "gcp",
        {"ingress": "internal-and-load-balancer"},
        "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER",
    ),
    ("containers", "gcp", {"minInstances": 3}, "3"),
    ("containers", "gcp", {"maxInstances": 33}, "33"),
    ("containers", "gcp", {"concurrency": 44}, "44"),
    ("containers", "gcp", {"logRetentionDays": 60}, "60"),
    ("containers", "gcp", {"secrets": {"API_KEY": VERSION}}, "API_KEY"),
    ("containers", "azure", {"minInstances": 3}, "3"),
    ("containers", "azure", {"maxInstances": 33}, "33"),
    ("containers", "azure", {"logRetentionDays": 60}, "60"),
    ("containers", "azure", {"vault": VAULT, "secrets": {"API_KEY": KEY}}, KEY),
]
"""A section, a cloud, keys of it, and a text that they change in the place's resources."""


def place_of(section: str, cloud: str) -> str:
    """The name of the server of a section in a cloud."""
    (name,) = [name for name, where in PLACES.items() if where == (section, cloud)]
    return name


def changed_resources(before: ResourceGraph, after: ResourceGraph, name: str) -> Sequence[Change]:
    """The changes, all of which are of this place."""
    changes = diff(before, after).changes
    # Its alarms and its part of the dashboard follow it.
    monitoring = {urn for each in (before, after) for urn in urns_of(each, MONITORING)}
    assert {change.resource.urn for change in changes} <= {
        *below(before, name),
        *below(after, name),
        *monitoring,
    }
    assert [str(problem) for problem in broken_policies(after)] == []
    return changes


@cache
def as_it_is(name: str) -> ResourceGraph:
    return place_alone(name, {})


@pytest.mark.parametrize(("section", "cloud", "keys", "shown"), sampled(FIELDS, 5))
def test_every_field_of_a_cloud_section_changes_its_resources(
    section: str, cloud: str, keys: Mapping[str, Any], shown: str
):
    name = place_of(section, cloud)
    changes = changed_resources(as_it_is(name), place_alone(name, keys), name)
    both = [each.inputs for change in changes for each in (change.before, change.after) if each]
    assert shown in json.dumps(both)


@pytest.mark.parametrize("name", sampled(PLACES, 3))
def test_all_fields_of_a_cloud_section_change_nothing_elsewhere(name: str):
    section, cloud = PLACES[name]
    rows = [row for *of, row, _ in FIELDS if of == [section, cloud]]
    # Of two rows with one key the first: the next test tries each.
    keys = {key: value for row in reversed(rows) for key, value in row.items()}
    graph = prod(kubernetes=WITHOUT_A_CLUSTER, **{section: {cloud: keys}})
    assert changed_resources(clouds_alone(), graph, name)


@pytest.mark.slow
@pytest.mark.parametrize(("section", "cloud", "keys", "shown"), FIELDS)
def test_a_field_beside_the_other_places_changes_none_of_them(
    section: str, cloud: str, keys: Mapping[str, Any], shown: str
):
    graph = prod(kubernetes=WITHOUT_A_CLUSTER, **{section: {cloud: keys}})
    changes = changed_resources(clouds_alone(), graph, place_of(section, cloud))
    both = [each.inputs for change in changes for each in (change.before, change.after) if each]
    assert shown in json.dumps(both)


def test_alarms_notify_the_configured_topic():
    topic = "arn:aws:sns:eu-west-1:123456789012:on-call"
    graph = prod(kubernetes=WITHOUT_A_CLUSTER, clouds={"aws": {"alarmTopic": topic}})
    alarms = graph.all("aws:cloudwatch/metricAlarm:MetricAlarm")
    assert len(alarms) > 4
    # Those of one window are read by an alarm that tells somebody.
    telling = [alarm for alarm in alarms if "metricQueries" not in alarm.inputs]
    assert {json.dumps(alarm.inputs.get("alarmActions")) for alarm in telling} == {f'["{topic}"]'}


def test_the_key_of_the_cloud_encrypts_the_logs_of_both_servers():
    key = "arn:aws:kms:eu-west-1:123456789012:key/0a1b2c3d-0000-4000-8000-00000000beef"
    graph = prod(kubernetes=WITHOUT_A_CLUSTER, clouds={"aws": {"kmsKey": key}})
    groups = graph.all("aws:cloudwatch/logGroup:LogGroup")
    assert len(groups) >= 2
    assert {group.inputs.get("kmsKeyId") for group in groups} == {key}


def test_the_key_of_google_cloud_encrypts_the_logs_of_both_servers():
    key = "projects/qudag-prod/locations/europe-west1/keyRings/other/cryptoKeys/other"
    graph = prod(kubernetes=WITHOUT_A_CLUSTER, clouds={"gcp": {"kmsKey": key}})
    buckets = graph.all("gcp:logging/projectBucketConfig:ProjectBucketConfig")
    assert len(buckets) == 2
    assert {bucket.inputs["cmekSettings"]["kmsKeyName"] for bucket in buckets} == {key}


def test_a_private_table_of_azure_is_reached_from_the_subnet_of_the_app():
    graph = prod(
        kubernetes=WITHOUT_A_CLUSTER,
        protocol={"era": "dual"},
        containers={"azure": {"privateStorage": True}},
    )
    accounts = graph.all("azure-native:storage:StorageAccount")
    rules = [each.inputs["networkRuleSet"]["virtualNetworkRules"] for each in accounts]
    subnets = {rule["virtualNetworkResourceId"].rpartition("/")[2] for (rule,) in rules}
    assert subnets == {"apps", "functions"}


def test_an_http_api_may_have_a_domain_and_a_rate_of_its_own():
    certificate = json.loads(prod_files().config["qudag-mcp:containers"])["aws"]["certificate"]
    function = {
        "front": "http-api",
        "domain": "fn.mcp.qudag.com",
        "certificate": certificate,
        "throttle": {"requestsPerSecond": 77, "burst": 99},
    }
    graph = prod(
        kubernetes=WITHOUT_A_CLUSTER,
        protocol={"longestToolSeconds": 20},
        serverless={"aws": function},
    )
    said = graph.outputs["targets"]["aws-function"]
    assert said["mcp_url"] == "https://fn.mcp.qudag.com/mcp"
    assert said["dns_target"]
    stages = [one.inputs for one in graph.all("aws:apigatewayv2/stage:Stage")]
    assert "77" in json.dumps(stages)


def test_short_calls_may_go_through_api_gateway_and_its_websockets():
    short = {"longestToolSeconds": 20}
    graph = prod(
        kubernetes=WITHOUT_A_CLUSTER,
        protocol=short,
        serverless={"aws": {"front": "http-api", "websocket": True}},
    )
    kinds = {one.inputs["protocolType"] for one in graph.all("aws:apigatewayv2/api:Api")}
    assert kinds == {"HTTP", "WEBSOCKET"}
    assert [str(problem) for problem in broken_policies(graph)] == []


def test_values_beyond_a_clouds_limit_are_refused_at_their_section():
    with pytest.raises(ProblemReport) as refused:
        prod(
            protocol={"longestToolSeconds": 1200},
            serverless={"aws": {"front": "http-api"}},
        )
    paths = {problem.path.partition(" ")[0] for problem in refused.value.problems}
    assert paths >= {
        "qudag-mcp:serverless.aws",
        "qudag-mcp:serverless.azure",
        "qudag-mcp:containers.azure",
    }
    said = "\n".join(str(problem) for problem in refused.value.problems)
    assert "API Gateway" in said
    assert "Azure Functions" in said
