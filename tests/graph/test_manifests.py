"""Manifests: what kubectl gets, in the order in which it gets it."""

from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from components.base.problems import ProblemReport
from graph.duplicates import same_objects
from graph.manifests import manifests, to_yaml
from graph.resource_graph import Resource
from tests.harness.graphs import ROOT, cloud, graph, kube, workload

KINDS = [
    kube("core/v1:Namespace", "core", namespace=None),
    kube("apiextensions.k8s.io/v1:CustomResourceDefinition", "things", namespace=None),
    kube("core/v1:ResourceQuota", "quota"),
    kube("core/v1:ServiceAccount", "account"),
    kube("rbac/v1:Role", "role"),
    kube("rbac/v1:RoleBinding", "binding"),
    kube("core/v1:ConfigMap", "config"),
    kube("networking/v1:NetworkPolicy", "policy"),
    kube("core/v1:Service", "service"),
    kube("core/v1:PersistentVolume", "volume", namespace=None),
    kube("core/v1:PersistentVolumeClaim", "claim"),
    kube("batch/v1:Job", "job"),
    kube("apps/v1:StatefulSet", "store"),
    kube("apps/v1:Deployment", "server"),
    kube("autoscaling/v2:HorizontalPodAutoscaler", "scaler"),
    kube("example.com/v1:Thing", "thing"),
]


def only(resource: Resource, *others: Resource) -> dict[str, Any]:
    kind = resource.inputs["kind"]
    (found,) = (one for one in manifests(graph(resource, *others)).values() if one["kind"] == kind)
    return found


@given(st.permutations(KINDS))
def test_kinds_apply_in_the_order_in_which_they_need_each_other(shuffled: list[Resource]):
    kinds = [written["kind"] for written in manifests(graph(*shuffled)).values()]
    assert kinds == [resource.inputs["kind"] for resource in KINDS]


def test_a_dependency_goes_before_what_needs_it_even_against_the_order_of_kinds():
    store = workload(type="apps/v1:StatefulSet", name="postgres")
    job = replace(kube("batch/v1:Job", "migration"), dependencies=(store.urn,))
    server = replace(workload(name="server"), dependencies=(job.urn,))
    names = [one["metadata"]["name"] for one in manifests(graph(server, job, store)).values()]
    assert names == ["postgres", "migration", "server"]


def test_a_dependency_through_something_that_has_no_manifest_counts_too():
    store = workload(type="apps/v1:StatefulSet", name="postgres")
    bucket = replace(cloud("aws:s3:Bucket", "backups"), dependencies=(store.urn,))
    job = replace(kube("batch/v1:Job", "backup"), dependencies=(bucket.urn,))
    assert [one["kind"] for one in manifests(graph(job, bucket, store)).values()] == [
        "StatefulSet",
        "Job",
    ]


def test_dependencies_of_a_component_precede_its_children():
    store = workload(type="apps/v1:StatefulSet", name="postgres")
    team = Resource(
        urn="urn:pulumi:dev::qudag-mcp::test:index:Team::team",
        type="test:index:Team",
        name="team",
        parent=ROOT,
        custom=False,
        dependencies=(store.urn,),
    )
    config = replace(kube("core/v1:ConfigMap", "config"), parent=team.urn)
    assert [one["kind"] for one in manifests(graph(config, team, store)).values()] == [
        "StatefulSet",
        "ConfigMap",
    ]


def test_a_file_is_named_for_its_place_its_kind_and_its_object():
    names = list(manifests(graph(workload(), kube("example.com/v1:Thing", "it"))))
    assert names == ["710-deployment-core-core.yaml", "900-thing-example-com-core-it.yaml"]


def test_only_kubernetes_objects_have_a_manifest():
    assert manifests(graph(cloud("aws:s3:Bucket", "backups"))) == {}


def test_pulumi_annotations_are_not_in_manifests():
    annotations = {"pulumi.com/skipAwait": "true", "example.com/kept": "yes"}
    kept = only(kube("core/v1:ConfigMap", "c", metadata={"annotations": annotations}))
    assert kept["metadata"]["annotations"] == {"example.com/kept": "yes"}
    none = only(kube("core/v1:ConfigMap", "c", metadata={"annotations": {"pulumi.com/x": "y"}}))
    assert "annotations" not in none["metadata"]


def test_an_object_without_a_name_gets_the_one_that_the_recorder_predicted():
    nameless = kube("core/v1:ConfigMap", "My Config", metadata={"name": None})
    del nameless.inputs["metadata"]["name"]
    assert only(nameless)["metadata"]["name"] == "my-config"


def test_long_logical_names_stay_valid_and_apart():
    def name(logical: str) -> str:
        resource = kube("core/v1:ConfigMap", logical)
        del resource.inputs["metadata"]["name"]
        return only(resource)["metadata"]["name"]

    first, second = name("a" * 80 + "1"), name("a" * 80 + "2")
    assert first != second
    assert max(len(first), len(second)) <= 63


def test_secret_values_stay_out():
    secret = kube("core/v1:Secret", "s", data={"password": "[secret]"}, secrets=("data.password",))
    assert only(secret)["data"] == {}
    assert "[secret]" not in to_yaml(only(secret))


def test_the_providers_namespace_holds_what_names_none():
    provider = cloud("pulumi:providers:kubernetes", "cluster", namespace="core")
    config = replace(kube("core/v1:ConfigMap", "c", namespace=None), provider=provider.urn)
    space = replace(kube("core/v1:Namespace", "n", namespace=None), provider=provider.urn)
    assert only(config, provider)["metadata"]["namespace"] == "core"
    assert "namespace" not in only(space, provider)["metadata"]


def test_two_resources_that_are_one_object_are_refused():
    twin = replace(kube("core/v1:ConfigMap", "c"), urn="urn:pulumi:dev::q::x::twin")
    with pytest.raises(ProblemReport, match="the same object"):
        manifests(graph(kube("core/v1:ConfigMap", "c"), twin))


def test_the_default_namespace_is_the_same_named_or_not():
    named = kube("core/v1:ConfigMap", "c", namespace="default")
    unnamed = replace(kube("core/v1:ConfigMap", "c", namespace=None), urn="urn:pulumi:a::b::c::d")
    assert len(same_objects(graph(named, unnamed))) == 1


def test_the_same_name_in_two_clusters_is_two_objects():
    clusters = [
        cloud("pulumi:providers:kubernetes", name, context=name) for name in ("east", "west")
    ]
    twins = [
        replace(kube("core/v1:ConfigMap", "c"), urn=f"urn:{one.name}", provider=one.urn)
        for one in clusters
    ]
    made = graph(*clusters, *twins)
    assert same_objects(made) == []
    assert len(manifests(made)) == 2
    same = [replace(one, inputs={"context": "east"}) for one in clusters]
    assert len(same_objects(graph(*same, *twins))) == 1


def test_values_that_only_a_deployment_knows_are_refused_with_their_paths():
    with pytest.raises(ProblemReport) as refused:
        manifests(graph(kube("core/v1:ConfigMap", "c", data={"a.b": "[unknown]", "d": "e"})))
    (problem,) = refused.value.problems
    assert problem.path.endswith('c data["a.b"]')


@given(st.dictionaries(st.text(min_size=1), st.text() | st.integers() | st.booleans()))
def test_yaml_reads_back_as_it_was_written(values: dict[str, Any]):
    assert yaml.safe_load(to_yaml({"values": values})) == {"values": values}


@pytest.mark.parametrize(
    "text", ["1e3", "042648", "12345e67", "0o14", "y", "n", "yes", "off", "1_0"]
)
def test_no_string_reads_as_a_number_or_a_boolean_to_any_parser(text: str):
    line = to_yaml({"value": text})
    assert line in (f'value: "{text}"\n', f"value: '{text}'\n")


def test_texts_are_written_as_blocks():
    assert to_yaml({"file": "a\nb\n"}) == "file: |\n  a\n  b\n"
