"""Prod over a cluster and three clouds: one contract, each place on its own, tags on all of it."""

from __future__ import annotations

import copy
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from components.base.problems import ProblemReport
from components.base.tokens import TYPE_TOKENS
from components.mcp.target import McpTarget
from graph.programs import record_files, record_stack
from graph.resource_graph import ResourceGraph
from graph.sdk_types import shapes_of
from graph.stack_files import StackFiles, read_stack_files
from graph.tree import branch
from policies import broken_policies
from review.diff import Action, diff
from stacks.environment import CONTRACT
from stacks.targets import TARGETS
from stacks.targets.target import KINDS
from tests.harness.containers import ROOT
from tests.harness.graph_queries import ancestry
from tests.harness.stacks import stack

PLACES = {
    server.name: (kind, cloud)
    for kind in KINDS
    for cloud, target in TARGETS.items()
    if (server := target.server(kind))
}
CLOUDS = {"aws": "aws", "gcp": "gcp", "azure": "azure-native"}
SECONDS, MEBIBYTES = 5, 400


@cache
def _prod() -> StackFiles:
    return read_stack_files(ROOT, "prod")


def prod(**sections: Mapping[str, Any]) -> ResourceGraph:
    """Prod with some keys of some sections set otherwise."""
    files = _prod()
    config = dict(files.config)
    for section, keys in sections.items():
        written = json.loads(config[f"qudag-mcp:{section}"])
        config[f"qudag-mcp:{section}"] = json.dumps(_merged(written, keys))
    changed = StackFiles.from_json(json.dumps({**json.loads(files.to_json()), "config": config}))
    return record_files(ROOT, changed)


WITHOUT_A_CLUSTER = {"enabled": False}


@cache
def clouds_alone() -> ResourceGraph:
    """Prod's three clouds, without its cluster."""
    return prod(kubernetes=WITHOUT_A_CLUSTER)


def _merged(into: Mapping[str, Any], keys: Mapping[str, Any]) -> dict[str, Any]:
    merged = copy.deepcopy(dict(into))
    for key, value in keys.items():
        inner = branch(merged, key)
        merged[key] = _merged(inner, value) if inner and value else value
    return merged


def below(graph: ResourceGraph, name: str) -> set[str]:
    """URNs of what belongs to the component ``name`` of a cloud."""
    tokens = {TYPE_TOKENS[c.__name__] for c in _targets() if c.__name__ in TYPE_TOKENS}
    (top,) = [one for one in graph.resources if one.type in tokens and one.name == name]
    return {
        one.urn
        for one in graph.resources
        if one.urn == top.urn or (top.type in ancestry(graph, one) and one.name.startswith(name))
    }


def _targets() -> set[type[Any]]:
    found: set[type[Any]] = set()
    wave: list[type[Any]] = [McpTarget]
    while wave:
        wave = [inner for cls in wave for inner in cls.__subclasses__()]
        found |= set(wave)
    return found


def test_every_place_that_serves_returns_the_same_outputs():
    graph = stack("prod")
    targets = graph.outputs["targets"]
    assert set(targets) == set(PLACES)
    for outputs in (*targets.values(), graph.outputs):
        assert set(CONTRACT) <= set(outputs)
        assert outputs["mcp_url"].startswith("https://")
        base = outputs["mcp_url"].removesuffix("/mcp")
        assert outputs["prm_url"] == f"{base}/.well-known/oauth-protected-resource/mcp"
        assert outputs["issuer"] == graph.outputs["issuer"]
        assert outputs["era"] == "modern"
    assert len({outputs["mcp_url"] for outputs in targets.values()}) == len(PLACES)


def test_every_component_that_serves_registers_the_same_outputs():
    stack("prod")
    assert {cls.__name__ for cls in _targets()} >= {"Gateway", "Monolith", "AwsLambda"}
    for cls in _targets():
        assert set(CONTRACT) <= set(cls.outputs()), cls


@pytest.mark.parametrize("name", PLACES)
def test_each_place_can_be_switched_off_and_the_others_stay_as_they_are(name: str):
    kind, cloud = PLACES[name]
    changes = diff(stack("prod"), prod(**{kind: {cloud: {"enabled": False}}})).changes
    beside = {"urn:pulumi:prod::qudag-mcp::pulumi:providers:command::command"}
    assert {change.action for change in changes} == {Action.DELETE}
    assert {change.resource.urn for change in changes} - beside == below(stack("prod"), name)


@pytest.mark.parametrize("cloud", CLOUDS)
def test_a_cloud_that_nothing_goes_to_has_no_provider_and_no_place(cloud: str):
    off = {cloud: {"enabled": False}}
    graph = prod(serverless=off, containers=off, clouds={cloud: None})
    package = CLOUDS[cloud]
    assert [one.name for one in graph.resources if one.type.startswith(f"{package}:")] == []
    assert graph.all(f"pulumi:providers:{package}") == []
    others = {CLOUDS[other] for other in CLOUDS if other != cloud}
    assert {one.type.partition(":")[0] for one in graph.resources} >= others


def test_without_a_cluster_the_first_place_in_the_clouds_is_the_stacks():
    graph = clouds_alone()
    assert [one.name for one in graph.resources if one.is_kubernetes_object] == []
    assert graph.all("pulumi:providers:kubernetes") == []
    first = graph.outputs["targets"]["aws-function"]
    assert {name: graph.outputs[name] for name in CONTRACT} == {
        name: first[name] for name in CONTRACT
    }


@pytest.mark.parametrize("era", ["modern", "dual", "legacy"])
def test_the_graph_of_prod_passes_every_check_in_every_era(era: str):
    graph = prod(protocol={"era": era})
    assert [str(problem) for problem in broken_policies(graph)] == []


def test_every_resource_of_a_cloud_carries_the_same_tags():
    graph = stack("prod")
    wanted = {
        "project": "qudag-mcp",
        "environment": "prod",
        "stack": "prod",
        "managed-by": "pulumi",
        "team": "platform",
    }
    aws, gcp = graph.one("pulumi:providers:aws"), graph.one("pulumi:providers:gcp")
    assert json.loads(aws.inputs["defaultTags"]) == {"tags": wanted}
    assert json.loads(gcp.inputs["defaultLabels"]) == wanted
    azure = [one for one in graph.resources if one.type.startswith("azure-native:")]
    shapes = shapes_of(one.type for one in azure)
    taggable = [one for one in azure if "tags" in shapes[one.type]["properties"]]
    assert len(taggable) > 8
    assert {one.name: one.inputs.get("tags") for one in taggable} == {
        one.name: wanted for one in taggable
    }


def test_providers_refuse_other_accounts_and_take_no_credentials_from_the_program():
    graph = stack("prod")
    assert graph.one("pulumi:providers:aws").inputs.keys() == {
        "allowedAccountIds",
        "defaultTags",
        "region",
    }
    assert graph.one("pulumi:providers:gcp").inputs.keys() == {
        "defaultLabels",
        "project",
        "region",
    }
    assert graph.one("pulumi:providers:azure-native").inputs.keys() == {
        "location",
        "subscriptionId",
        "tenantId",
    }


@pytest.mark.slow
def test_a_changed_comment_is_a_new_object_and_an_updated_function_a_cloud(tmp_path: Path):
    theirs = tmp_path / "checkout"
    parts = (
        "__main__.py",
        "Pulumi.yaml",
        "Pulumi.prod.yaml",
        "components",
        "stacks",
        "graph",
        "archives",
        "runtime",
    )
    for part in parts:
        copying = shutil.copytree if (ROOT / part).is_dir() else shutil.copy2
        theirs.mkdir(exist_ok=True)
        copying(ROOT / part, theirs / part)
    assert diff(stack("prod"), record_stack(theirs, "prod")).is_empty
    source = theirs / "runtime" / "tools.py"
    source.write_text(source.read_text() + "# the same tools, with a remark\n")
    changes = diff(stack("prod"), record_stack(theirs, "prod")).changes
    assert {(change.resource.name, change.action) for change in changes} == {
        ("aws-function-archive", Action.REPLACE),
        ("aws-function-function", Action.CHANGE),
        ("gcp-function-archive", Action.REPLACE),
        ("gcp-function-function", Action.CHANGE),
        ("azure-function-publish", Action.CHANGE),
    }


VAULT = (
    "/subscriptions/0a1b2c3d-0000-4000-8000-000000000001/resourceGroups/keys/providers"
    "/Microsoft.KeyVault/vaults/qudag-prod"
)
KEY = "https://qudag-prod.vault.azure.net/secrets/api-key/0123456789abcdef0123456789abcdef"
ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:qudag-mcp/api-key-a1B2c3"
WEB_ACL = (
    "arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/mcp/0a1b2c3d-0000-4000-8000-0123456789ab"
)
VERSION = "projects/qudag-prod/secrets/api-key/versions/3"
CALLER = "serviceAccount:agent@qudag-prod.iam.gserviceaccount.com"


@pytest.mark.parametrize(
    ("section", "cloud", "keys", "shown"),
    [
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
    ],
)
def test_every_field_of_a_cloud_section_changes_its_resources(
    section: str, cloud: str, keys: Mapping[str, Any], shown: str
):
    graph = prod(kubernetes=WITHOUT_A_CLUSTER, **{section: {cloud: keys}})
    changes = diff(clouds_alone(), graph).changes
    (name,) = [name for name, where in PLACES.items() if where == (section, cloud)]
    assert {change.resource.urn for change in changes} <= {
        *below(clouds_alone(), name),
        *below(graph, name),
    }
    both = [each.inputs for change in changes for each in (change.before, change.after) if each]
    assert shown in json.dumps(both)
    assert [str(problem) for problem in broken_policies(graph)] == []


def test_alarms_notify_the_configured_topic():
    topic = "arn:aws:sns:eu-west-1:123456789012:on-call"
    alarms = prod(clouds={"aws": {"alarmTopic": topic}}).all(
        "aws:cloudwatch/metricAlarm:MetricAlarm"
    )
    assert len(alarms) > 4
    assert {json.dumps(alarm.inputs.get("alarmActions")) for alarm in alarms} == {f'["{topic}"]'}


def test_the_key_of_the_cloud_encrypts_the_logs_of_both_servers():
    key = "arn:aws:kms:eu-west-1:123456789012:key/0a1b2c3d-0000-4000-8000-00000000beef"
    groups = prod(clouds={"aws": {"kmsKey": key}}).all("aws:cloudwatch/logGroup:LogGroup")
    assert len(groups) >= 2
    assert {group.inputs.get("kmsKeyId") for group in groups} == {key}


def test_the_key_of_google_cloud_encrypts_the_logs_of_both_servers():
    key = "projects/qudag-prod/locations/europe-west1/keyRings/other/cryptoKeys/other"
    buckets = prod(clouds={"gcp": {"kmsKey": key}}).all(
        "gcp:logging/projectBucketConfig:ProjectBucketConfig"
    )
    assert len(buckets) == 2
    assert {bucket.inputs["cmekSettings"]["kmsKeyName"] for bucket in buckets} == {key}


def test_a_private_table_of_azure_is_reached_from_the_subnet_of_the_app():
    graph = prod(protocol={"era": "dual"}, containers={"azure": {"privateStorage": True}})
    accounts = graph.all("azure-native:storage:StorageAccount")
    rules = [each.inputs["networkRuleSet"]["virtualNetworkRules"] for each in accounts]
    subnets = {rule["virtualNetworkResourceId"].rpartition("/")[2] for (rule,) in rules}
    assert subnets == {"apps", "functions"}


def test_an_http_api_may_have_a_domain_and_a_rate_of_its_own():
    certificate = json.loads(_prod().config["qudag-mcp:containers"])["aws"]["certificate"]
    function = {
        "front": "http-api",
        "domain": "fn.mcp.qudag.com",
        "certificate": certificate,
        "throttle": {"requestsPerSecond": 77, "burst": 99},
    }
    graph = prod(protocol={"longestToolSeconds": 20}, serverless={"aws": function})
    said = graph.outputs["targets"]["aws-function"]
    assert said["mcp_url"] == "https://fn.mcp.qudag.com/mcp"
    assert said["dns_target"]
    stages = [one.inputs for one in graph.all("aws:apigatewayv2/stage:Stage")]
    assert "77" in json.dumps(stages)


def test_short_calls_may_go_through_api_gateway_and_its_websockets():
    short = {"longestToolSeconds": 20}
    graph = prod(protocol=short, serverless={"aws": {"front": "http-api", "websocket": True}})
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


_PREVIEW = """
import pathlib, re, sys, time
from delivery.cli import app
try:
    app(["preview", "--stack", "prod"])
except SystemExit as ended:
    assert not ended.code
status = pathlib.Path("/proc/self/status").read_text()
mebibytes = int(re.search(r"VmHWM:\\s+(\\d+)", status)[1]) / 1024
print(time.process_time(), mebibytes, file=sys.stderr)
"""


def test_the_preview_of_everything_is_quick_and_small():
    """Processor time, which other tests on the machine do not lengthen as much."""
    broken_policies(stack("prod"))  # from here on it is known what the SDKs say of types
    run = subprocess.run(
        [sys.executable, "-c", _PREVIEW], capture_output=True, text=True, check=True, cwd=ROOT
    )
    seconds, mebibytes = map(float, run.stderr.split()[-2:])
    assert seconds < SECONDS
    assert mebibytes < MEBIBYTES
    for cloud in ("aws", "gcp", "azure-native", "kubernetes"):
        assert re.search(rf"provider \w+ \({cloud}\)", run.stdout)
