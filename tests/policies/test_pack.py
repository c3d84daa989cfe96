"""The policy pack applies the rules to what the engine tells it of a stack."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import empty_pb2
from pulumi.runtime.proto import analyzer_pb2

from graph.resource_graph import UNKNOWN, Resource, ResourceGraph
from policies import every_rule, findings
from policies.pack.analyzer import WAIVERS, Analyzer
from policies.pack.program import FOLDER, ROOT, program
from policies.pack.stack_graph import StackGraph
from tests.harness.policy_pack import Depending, Secret, pack_process, told_inputs, told_stack

BUCKET = "aws:s3/bucket:Bucket"
PRIVATE = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
ACL = "aws:s3/bucketAcl:BucketAcl"
PROVIDER = "urn:pulumi:dev::site::pulumi:providers:aws::default"
BLOCKED = dict.fromkeys(
    ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"), True
)


def resource(type_: str, name: str, inputs: dict[str, Any], **outputs: Any) -> Resource:
    return Resource(
        urn=f"urn:pulumi:dev::site::{type_}::{name}",
        type=type_,
        name=name,
        inputs=inputs,
        outputs=outputs,
        provider=PROVIDER,
    )


def graph(*resources: Resource, project: str = "site") -> ResourceGraph:
    return ResourceGraph(project=project, stack="dev", resources=resources)


def built(recorded: ResourceGraph, depending: Depending | None = None) -> ResourceGraph:
    """The graph that the pack builds of what the engine tells of a recorded one."""
    told = StackGraph()
    for each in recorded.resources:
        told.note(told_inputs(each))
    request = told_stack(recorded, depending)
    return told.graph(recorded.project, recorded.stack, request.resources)


def analyzed(recorded: ResourceGraph, analyzer: Analyzer) -> list[analyzer_pb2.AnalyzeDiagnostic]:
    for each in recorded.resources:
        analyzer.Analyze(told_inputs(each), None)
    return [*analyzer.AnalyzeStack(told_stack(recorded), None).diagnostics]


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of someone's program, in which Pulumi was called."""
    (tmp_path / "Pulumi.yaml").write_text("name: site\nruntime: yaml\n")
    monkeypatch.setenv("PWD", str(tmp_path))
    return tmp_path


PUBLIC = graph(
    resource(BUCKET, "site", {}), resource(ACL, "site", {"bucket": UNKNOWN, "acl": "public-read"})
)


def test_inputs_outputs_secrets_and_unknown_values_are_those_of_the_program():
    one = resource(
        "aws:lambda/function:Function",
        "f",
        {"role": UNKNOWN, "memorySize": 128, "environment": {"variables": {"TOKEN": "[secret]"}}},
        arn=UNKNOWN,
        memorySize=128,
    )
    (found,) = built(graph(one)).resources
    assert (found.inputs, found.outputs) == (one.inputs, one.outputs)
    assert found.secret_inputs == ("environment.variables.TOKEN",)


def test_a_danger_in_a_secret_stops_the_stack_without_showing_it(elsewhere: Path):
    """The engine tells a pack the values of secrets, inside a mark that says so."""
    everyone = {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Sid": "hunter2"}
    policy = resource(
        "aws:s3/bucketPolicy:BucketPolicy",
        "open",
        {"bucket": "b", "policy": Secret(json.dumps({"Statement": [everyone]}))},
        policy=Secret("hunter2"),
    )
    found = [
        each
        for each in analyzed(graph(policy), Analyzer("site", "dev"))
        if each.policyName == "aws-iam-006"
    ]
    assert [each.enforcementLevel for each in found] == [analyzer_pb2.MANDATORY]
    assert "open.policy" in found[0].message
    assert "hunter2" not in str(found)


def test_a_credential_that_is_marked_is_no_advice(elsewhere: Path):
    given = {"environment": {"DB_PASSWORD": Secret("hunter2")}}
    for inputs, expected in ((given, False), ({"environment": {"DB_PASSWORD": "hunter2"}}, True)):
        found = analyzed(graph(resource("acme:a/b:C", "it", inputs)), Analyzer("site", "dev"))
        assert any(each.policyName == "any-secret-001" for each in found) is expected


@pytest.mark.parametrize(
    "placeholder",
    [
        pytest.param("1c4a061d-8072-4f0a-a4cb-0ff528b18fe7", id="boolean"),
        pytest.param("3eeb2bf0-c639-47a8-9e75-3b44932eb421", id="number"),
        pytest.param("04da6b54-80e4-46f7-96ec-b56ff0331ba9", id="text"),
        pytest.param("6a19a0b0-7e62-4c92-b797-7f8e31da9cc2", id="list"),
        pytest.param("dd056dcd-154b-4c76-9bd3-c8f88648b5ff", id="mapping"),
    ],
)
def test_an_unknown_value_of_any_type_is_unknown(placeholder: str):
    """As in sdk/go/common/resource/plugin/rpc.go of Pulumi."""
    one = resource(BUCKET, "site", {"grants": [{"uri": placeholder}]})
    assert built(graph(one)).resources[0].inputs == {"grants": [{"uri": UNKNOWN}]}


def test_a_resource_without_provider_is_a_component():
    component = Resource(urn="urn:pulumi:dev::site::x:y:Z::c", type="x:y:Z", name="c", custom=False)
    (found,) = built(graph(component)).resources
    assert not found.custom


def test_a_resource_that_exists_already_is_judged_by_its_outputs():
    existing = resource(ACL, "site", {}, acl="public-read")
    request = told_stack(graph(existing))
    (found,) = StackGraph().graph("site", "dev", request.resources).resources
    assert found.inputs == {"acl": "public-read"}


@pytest.mark.parametrize("bucket", [UNKNOWN, "site-1a2b3c"], ids=["first preview", "later"])
def test_a_companion_is_found_by_what_its_property_comes_from(bucket: str):
    """The engine tells no ids, so nothing else says which bucket the block is for."""
    kept = resource(BUCKET, "site", {})
    stack = graph(kept, resource(PRIVATE, "block", {"bucket": bucket, **BLOCKED}))
    without = [one.problem.what for one in findings(built(stack), own=True)]
    assert any(PRIVATE in what for what in without)
    known = built(stack, {"block": {"bucket": [kept.urn]}})
    assert not [one for one in findings(known, own=True) if PRIVATE in one.problem.what]


def test_a_reference_is_held_by_what_its_property_comes_from():
    group = resource("aws:ec2/securityGroup:SecurityGroup", "g", {})
    rule = resource(
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        "in",
        {"securityGroupId": "sg-0123456789abcdef0"},
    )

    def strangers(depending: Depending | None) -> list[str]:
        found = findings(built(graph(group, rule), depending), own=True)
        return [one.problem.path for one in found if "of this stack" in one.problem.what]

    assert strangers(None) == ["in.securityGroupId"]
    assert strangers({"in": {"securityGroupId": [group.urn]}}) == []


def test_a_critical_finding_stops_any_stack_with_rule_path_and_fix(elsewhere: Path):
    stopping = [
        each
        for each in analyzed(PUBLIC, Analyzer("site", "dev"))
        if each.enforcementLevel == analyzer_pb2.MANDATORY
    ]
    assert stopping
    (public,) = [each for each in stopping if each.urn.endswith(f"{ACL}::site")]
    assert public.policyName in every_rule()
    assert "site.acl" in public.message
    assert "fix:" in public.message


def test_other_findings_are_advice_for_others_and_stop_a_stack_of_this_checkout(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
):
    def levels(analyzer: Analyzer) -> set[int]:
        return {each.enforcementLevel for each in analyzed(PUBLIC, analyzer)}

    assert levels(Analyzer("site", "dev")) == {analyzer_pb2.MANDATORY, analyzer_pb2.ADVISORY}
    monkeypatch.setenv("PWD", str(ROOT))
    assert levels(Analyzer("qudag-mcp", "dev")) == {analyzer_pb2.MANDATORY}


def test_each_rule_is_a_policy_with_its_level():
    info = Analyzer("site", "dev").GetAnalyzerInfo(None, None)
    told = {each.name: each.enforcementLevel for each in info.policies}
    assert set(told) == {*every_rule(), WAIVERS}
    for name, rule in every_rule().items():
        critical = rule.severity == "critical"
        assert (told[name] == analyzer_pb2.MANDATORY) is critical, name


def test_a_configured_level_replaces_that_of_the_rule(elsewhere: Path):
    def configured(level: analyzer_pb2.EnforcementLevel.ValueType) -> list[int]:
        analyzer = Analyzer("site", "dev")
        request = analyzer_pb2.ConfigureAnalyzerRequest()
        for rule in every_rule():
            request.policyConfig[rule].enforcementLevel = level
        analyzer.Configure(request, None)
        return [each.enforcementLevel for each in analyzed(PUBLIC, analyzer)]

    assert set(configured(analyzer_pb2.ADVISORY)) == {analyzer_pb2.ADVISORY}
    assert configured(analyzer_pb2.DISABLED) == []


def waive(folder: Path, content: Any) -> None:
    (folder / "policy-waivers.yaml").write_text(yaml.safe_dump(content))


def test_a_waived_finding_is_advice_with_its_reason(elsewhere: Path):
    (stopping,) = [
        each
        for each in analyzed(PUBLIC, Analyzer("site", "dev"))
        if each.urn.endswith(f"{ACL}::site") and each.enforcementLevel == analyzer_pb2.MANDATORY
    ]
    entry = {"rule": stopping.policyName, "resource": f"{ACL}::site", "reason": "a public site"}
    other = {"rule": stopping.policyName, "resource": f"{ACL}::gone", "reason": "no more"}
    waive(elsewhere, {"waivers": [other, entry]})
    (waived,) = [
        each
        for each in analyzed(PUBLIC, Analyzer("site", "dev"))
        if (each.policyName, each.urn) == (stopping.policyName, stopping.urn)
    ]
    assert waived.enforcementLevel == analyzer_pb2.ADVISORY
    assert "waived: a public site" in waived.message


def test_a_file_of_waivers_with_faults_stops_the_stack(elsewhere: Path):
    waive(elsewhere, {"waivers": [{"rule": "aws-s3-001", "resource": "x"}]})
    found = analyzed(graph(), Analyzer("site", "dev"))
    assert [(each.policyName, each.enforcementLevel) for each in found] == [
        (WAIVERS, analyzer_pb2.MANDATORY)
    ]
    assert "reason" in found[0].message


def test_the_program_is_that_of_the_folder_in_which_pulumi_was_called(tmp_path: Path):
    (tmp_path / "Pulumi.yaml").write_text("name: site\nruntime: yaml\n")
    inside = tmp_path / "deep"
    inside.mkdir()
    assert program("site", {"PWD": str(inside)}).folder == tmp_path
    assert program("other", {"PWD": str(inside)}).folder is None
    assert program("site", {"PWD": "/", FOLDER: str(tmp_path)}).folder == tmp_path
    assert program("site", {"PWD": "/"}, tmp_path).folder == tmp_path
    assert program("site", {"PWD": str(inside)}, Path("/")).folder == tmp_path
    assert not program("site", {"PWD": str(inside)}).own
    assert program("qudag-mcp", {"PWD": str(ROOT)}).own
    assert program("qudag-mcp", {"PWD": str(tmp_path)}).own  # not found: the stricter reading


def test_the_version_of_the_pack_is_that_of_the_project():
    described = yaml.safe_load((ROOT / "policies/pack/PulumiPolicy.yaml").read_text())
    assert f'version = "{described["version"]}"' in (ROOT / "pyproject.toml").read_text()


@pytest.mark.slow
def test_the_process_that_the_engine_starts_stops_a_public_bucket(tmp_path: Path):
    (tmp_path / "Pulumi.yaml").write_text("name: site\nruntime: yaml\n")
    with pack_process("site", tmp_path) as pack:
        configured = analyzer_pb2.AnalyzerStackConfigureRequest(project="site", stack="dev")
        pack.ConfigureStack(configured)
        assert {each.name for each in pack.GetAnalyzerInfo(empty_pb2.Empty()).policies} >= set(
            every_rule()
        )
        for each in PUBLIC.resources:
            assert not pack.Analyze(told_inputs(each)).diagnostics
        found = pack.AnalyzeStack(told_stack(PUBLIC)).diagnostics
    assert any(
        each.enforcementLevel == analyzer_pb2.MANDATORY and "site.acl" in each.message
        for each in found
    )
