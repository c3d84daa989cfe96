"""Each cloud's ``facts.py`` has the same names, and a row for every type that is registered."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from components.aws import facts as aws
from components.azure import facts as azure
from components.base.cloud_facts import FACTS, CloudFacts
from components.base.cloud_packages import EXTRAS, extra_of
from components.base.kubernetes_object import API_VERSIONS
from components.base.problems import ProblemReport
from components.clouds import CLOUDS, Cloud, cloud_of, one_name, resource_type
from components.gcp import facts as gcp
from components.kubernetes.resource_types import kubernetes_type
from graph.sdk_types import shapes_of
from tests.harness.component_cases import CASES, recorded
from tests.harness.stacks import stack

ROOT = Path(__file__).resolve().parents[2]
TYPED: tuple[CloudFacts, ...] = (aws, gcp, azure)
"""The type checker holds each module to the protocol here."""
SUPPORTING = {"command": "azure"}
"""Packages that are no cloud, with the cloud whose components use them."""
each_cloud = pytest.mark.parametrize("cloud", CLOUDS, ids=lambda cloud: cloud.key)


_PACKAGES = "|".join([*(cloud.package for cloud in CLOUDS), *SUPPORTING])
_TOKEN = re.compile(rf"({_PACKAGES}):[\w/]+:[A-Z]\w+")
_PREFIX = re.compile(rf"({_PACKAGES}):")


def _token(text: str) -> str | None:
    return text if _TOKEN.fullmatch(text) else None


def _tokens_in(file: Path) -> set[str]:
    """Type tokens that are string literals of a module."""
    source = file.read_text()
    if not _PREFIX.search(source):  # most have none, and need not be parsed
        return set()
    return {
        node.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _token(node.value)
    }


@cache
def written_tokens() -> frozenset[str]:
    """Type tokens that components spell out."""
    return frozenset(
        token
        for file in (ROOT / "components").rglob("*.py")
        if file.name not in ("facts.py", "billed_types.py", "common_types.py")
        for token in _tokens_in(file)
    )


@cache
def registered_tokens() -> frozenset[str]:
    """Type tokens of the shipped stacks and of every component with its least args."""
    graphs: list[Any] = [stack(name) for name in ("dev", "staging", "prod")]
    graphs += [recorded(component, args) for component, args in CASES.values()]
    types = {one.type for graph in graphs for one in graph.resources if one.custom}
    return frozenset(token for text in types if (token := _token(text)))


@each_cloud
def test_every_cloud_has_the_same_names_in_the_same_order(cloud: Cloud):
    module = ast.parse((ROOT / "components" / cloud.key / "facts.py").read_text())
    defined = [
        node.target.id
        for node in module.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    ]
    assert [name for name in defined if name in FACTS] == list(FACTS)


def test_every_type_that_is_registered_has_a_row():
    tokens = written_tokens() | registered_tokens()
    assert len(tokens) >= 85
    assert sorted(token for token in tokens if resource_type(token) is None) == []


def test_every_package_in_use_is_a_clouds_or_supports_one():
    used = {token.partition(":")[0] for token in written_tokens() | registered_tokens()}
    assert {cloud.package: cloud.key for cloud in CLOUDS} | SUPPORTING == EXTRAS
    assert used == set(EXTRAS)


@pytest.mark.slow
@each_cloud
def test_rows_are_of_types_and_properties_that_the_sdk_has(cloud: Cloud):
    rows = cloud.facts.RESOURCE_TYPES
    tokens = [token for token in rows if cloud_of(token) == cloud]
    shapes = shapes_of([*tokens, *cloud.facts.NAME_RULES, *cloud.facts.PREDICTED_OUTPUTS])
    assert [token for token, shape in shapes.items() if shape is None] == []
    unknown = [
        (token, path)
        for token in tokens
        for path in rows[token].replacing
        if path and path.partition(".")[0] not in shapes[token]["properties"]
    ]
    assert unknown == []


@pytest.mark.slow
@each_cloud
def test_billed_types_and_properties_are_those_of_the_sdk(cloud: Cloud):
    rows = cloud.facts.BILLED_TYPES
    shapes = shapes_of(rows)
    assert [token for token, shape in shapes.items() if shape is None] == []
    unknown = [
        (token, path)
        for token, row in rows.items()
        for path in row.properties
        if re.split(r"[.\[]", path)[0] not in shapes[token]["properties"]
    ]
    assert unknown == []


def test_every_kind_that_is_registered_has_facts():
    graphs: list[Any] = [stack(name) for name in ("dev", "staging", "prod")]
    kinds = {one.type for graph in graphs for one in graph.resources if one.is_kubernetes_object}
    kinds |= {f"kubernetes:{api}:{kind}" for kind, api in API_VERSIONS.items()}
    assert sorted(kind for kind in kinds if kubernetes_type(kind) is None) == []


@pytest.mark.parametrize(
    ("token", "name"),
    [
        ("aws:s3/bucketV2:BucketV2", "aws:s3/bucket:Bucket"),
        ("aws:alb/loadBalancer:LoadBalancer", "aws:lb/loadBalancer:LoadBalancer"),
        (
            "azure-native:storage/v20240101:StorageAccount",
            "azure-native:storage:StorageAccount",
        ),
    ],
)
def test_former_names_and_versions_of_a_type_have_its_row(token: str, name: str):
    assert one_name(token) == name
    assert resource_type(token) is resource_type(name) is not None


@pytest.mark.parametrize(
    "token",
    [
        "aws:cloudwatch/logGroup:LogGroup",
        "aws:dynamodb/table:Table",
        "aws:elasticache/replicationGroup:ReplicationGroup",
        "aws:rds/instance:Instance",
        "aws:s3/bucket:Bucket",
        "aws:sqs/queue:Queue",
        "azure-native:dbforpostgresql:Database",
        "azure-native:dbforpostgresql:Server",
        "azure-native:operationalinsights:Workspace",
        "azure-native:redisenterprise:Database",
        "azure-native:redisenterprise:RedisEnterprise",
        "azure-native:resources:ResourceGroup",
        "azure-native:storage:BlobContainer",
        "azure-native:storage:StorageAccount",
        "azure-native:storage:Table",
        "gcp:artifactregistry/repository:Repository",
        "gcp:firestore/database:Database",
        "gcp:logging/projectBucketConfig:ProjectBucketConfig",
        "gcp:memorystore/instance:Instance",
        "gcp:sql/database:Database",
        "gcp:sql/databaseInstance:DatabaseInstance",
        "gcp:storage/bucket:Bucket",
    ],
)
def test_databases_buckets_queues_and_logs_hold_data(token: str):
    row = resource_type(token)
    assert row is not None
    assert row.holds


@each_cloud
def test_the_extra_of_the_wheel_installs_the_packages(cloud: Cloud):
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["optional-dependencies"][extra_of(cloud.package)]
    distributions = [re.split(r"[<>=]", requirement)[0] for requirement in wanted]
    packages = [package for package, extra in EXTRAS.items() if extra == extra_of(cloud.package)]
    assert distributions == [f"pulumi-{package}" for package in packages]


@pytest.mark.parametrize("package", ["nimbus", "azure-native"])
def test_a_package_without_an_sdk_is_refused_with_its_extra(
    package: str, monkeypatch: pytest.MonkeyPatch
):
    from components.base import cloud_resource

    def missing(name: str) -> str:
        raise cloud_resource.PackageNotFoundError(name)

    monkeypatch.setattr(cloud_resource, "version", missing)
    with pytest.raises(ProblemReport) as refused:
        getattr(cloud_resource, "_provider_version").__wrapped__(package)  # noqa: B009
    assert f"pulumi_qudag_mcp[{extra_of(package)}]" in refused.value.problems[0].fix


def test_no_module_outside_the_clouds_own_names_a_resource_type():
    """What is known of a type is in the cloud's folder, its rules and its target."""
    own = {cloud.key for cloud in CLOUDS}
    found = [
        str(file.relative_to(ROOT))
        for folder in ("components", "graph", "policies", "review", "stacks", "delivery")
        for file in (ROOT / folder).rglob("*.py")
        if not own & {*file.relative_to(ROOT).parts, file.stem} and _tokens_in(file)
    ]
    assert found == []
