"""Values that only a cloud, another stack or another package knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.small_programs import failed, noticed, recorded, thing

pytestmark = pytest.mark.slow  # each starts a Python with its SDKs


def test_another_stacks_outputs_are_unknown_and_named(tmp_path: Path):
    graph = recorded(
        tmp_path,
        """
        network = pulumi.StackReference("acme/network/prod")
        subnet = network.require_output("subnets").apply(lambda found: Thing(found[0]))
        Thing("a", {"vpc": network.get_output("vpc")})
        """,
    )
    assert [one.name for one in graph.all("test:index:Thing")] == ["a"]
    assert thing(graph, "a").inputs == {"vpc": "[unknown]"}
    (subject,) = noticed(graph)
    assert subject.endswith("pulumi:pulumi:StackReference::acme/network/prod")


def test_an_existing_resource_is_not_part_of_the_stack(tmp_path: Path):
    graph = recorded(
        tmp_path,
        """
        import pulumi_aws as aws
        old = aws.ec2.Vpc.get("old", "vpc-123")
        aws.ec2.Subnet("new", vpc_id=old.id, cidr_block=old.cidr_block)
        """,
    )
    assert graph.one("aws:ec2/subnet:Subnet").inputs == {
        "vpcId": "vpc-123",
        "cidrBlock": "[unknown]",
    }
    assert [subject.rpartition("::")[2] for subject in noticed(graph)] == ["old"]


def test_results_of_provider_functions_can_be_indexed_looped_over_and_compared(tmp_path: Path):
    graph = recorded(
        tmp_path,
        """
        import json
        import pulumi_aws as aws
        zones = aws.get_availability_zones(state="available")
        for number, zone in enumerate(zones.names[:2]):
            Thing(f"subnet-{zone}", {"zone": zone, "number": number})
        me = aws.get_caller_identity()
        if me.account_id == "123456789012":
            Thing("in-the-account")
        Thing("a", {
            "first": zones.names[0], "many": len(zones.names), "all": zones.names,
            "part": me.arn.split(":")[4], "text": json.dumps({"who": [me.arn, zones.names]}),
        })
        """,
    )
    assert [one.name for one in graph.all("test:index:Thing")] == ["a", "subnet-[unknown]"]
    assert thing(graph, "a").inputs == {
        "first": "[unknown]", "many": 1, "all": "[unknown]", "part": "[unknown]",
        "text": "[unknown]",
    }  # fmt: skip
    said = noticed(graph)
    identity = "aws:index/getCallerIdentity:getCallerIdentity"
    assert "takes it for another value" in said[f"{identity} accountId"]
    assert "is not called" in said[identity]


def test_a_number_that_only_a_cloud_knows_ends_the_preview_with_its_name(tmp_path: Path):
    failure = failed(
        tmp_path,
        "import pulumi_aws as aws\nThing('a', {'n': int(aws.get_caller_identity().account_id)})",
    )
    assert failure.problems[0].path == "aws:index/getCallerIdentity:getCallerIdentity accountId"


def test_a_placeholder_id_refers_to_its_resource_and_breaks_no_function(tmp_path: Path):
    graph = recorded(
        tmp_path,
        """
        first = Thing("first")
        Thing("second", {
            "of": first.id,
            "text": first.id.apply(lambda found: f"thing {found}"),
            "group": first.id.apply(lambda found: found.split("/")[4]),
        })
        """,
    )
    assert thing(graph, "second").inputs == {
        "of": "first", "text": "thing first", "group": "[unknown]",
    }  # fmt: skip
    assert any("needs an id" in what for what in noticed(graph).values())


DYNAMIC = """
from pulumi import dynamic

SIZES = [1, 2]

def doubled(number):
    return number * {factor}

class Provider(dynamic.ResourceProvider):
    def create(self, props):
        return dynamic.CreateResult("an-id", {{"size": doubled(props["size"])}})

class Row(dynamic.Resource):
    def __init__(self, name, size):
        super().__init__(Provider(), name, {{"size": size, "result": None}})

Thing("a", {{"of": Row("row", 3).result}})
"""


def test_a_dynamic_resource_has_a_digest_of_its_providers_code(tmp_path: Path):
    token = "pulumi-python:dynamic:Resource"
    first = recorded(tmp_path / "first", DYNAMIC.format(factor=2)).one(token).inputs["__provider"]
    again = recorded(tmp_path / "again", "# moved\n" + DYNAMIC.format(factor=2))
    changed = recorded(tmp_path / "changed", DYNAMIC.format(factor=3)).one(token)
    assert first.startswith("[code Provider ")
    assert again.one(token).inputs == {"__provider": first, "size": 3}
    assert changed.inputs["__provider"] != first
    assert thing(again, "a").inputs == {"of": "[unknown]"}


def test_files_are_recorded_by_their_content_and_without_the_programs_folder(tmp_path: Path):
    program = """
    import os
    Thing("a", {"code": pulumi.FileArchive("./app"), "page": pulumi.FileAsset("page.html"),
                "path": os.path.abspath("page.html"), "text": pulumi.StringAsset("hello")})
    """
    inputs: list[dict[str, object]] = []
    for name, page in {"one": "hello", "same": "hello", "other": "goodbye"}.items():
        (tmp_path / name / "app").mkdir(parents=True)
        (tmp_path / name / "app/main.py").write_text("x = 1")
        (tmp_path / name / "page.html").write_text(page)
        (tmp_path / name / "app/.venv").mkdir()
        (tmp_path / name / "app/.venv/packages").write_text(f"of {name}")
        inputs.append(thing(recorded(tmp_path / name, program), "a").inputs)
    one, same, other = inputs
    assert one == same
    assert [key for key in one if one[key] != other[key]] == ["page"]
    assert one["path"] == "page.html"
    assert one["text"] == {"text": "hello"}


def test_kubernetes_yaml_is_read_and_charts_are_named(tmp_path: Path):
    (tmp_path / "yaml").mkdir()
    (tmp_path / "yaml/app.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: app, namespace: shop}\n"
        "data: {since: 2026-01-01}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: app}\n"
    )
    graph = recorded(
        tmp_path,
        """
        from pulumi_kubernetes.helm.v3 import Chart, ChartOpts, FetchOpts
        from pulumi_kubernetes.helm.v4 import Chart as NewChart
        from pulumi_kubernetes.kustomize import Directory
        from pulumi_kubernetes.yaml import ConfigFile, ConfigGroup
        ConfigGroup("all", files=["yaml/*.yaml"])
        ConfigFile("web", file="https://example.com/web.yaml")
        Directory("overlay", directory="overlay")
        repository = FetchOpts(repo="https://charts.example")
        chart = Chart("db", ChartOpts(chart="postgresql", fetch_opts=repository))
        service = chart.get_resource("v1/Service", "db")
        Thing("a", {"ip": service.status.load_balancer.ingress[0].ip})
        NewChart("cache", chart="oci://registry.example/valkey")
        """,
    )
    config_map = graph.one("kubernetes:core/v1:ConfigMap", "shop/app")
    assert config_map.inputs["data"] == {"since": "2026-01-01"}
    assert graph.one("kubernetes:core/v1:Service", "app")
    assert thing(graph, "a").inputs == {"ip": "[unknown]"}
    said = noticed(graph)
    assert "not fetched" in said["https://example.com/web.yaml"]
    assert "objects that it renders" in said["kubernetes:helm:template"]
    assert "objects that it renders" in said["kubernetes:kustomize:directory"]
    (new,) = [what for subject, what in said.items() if subject.endswith("Chart::cache")]
    assert "its provider creates what is under it" in new


def test_components_of_other_packages_are_recorded_and_named(tmp_path: Path):
    graph = recorded(
        tmp_path,
        """
        class Cluster(pulumi.ComponentResource):
            def __init__(self, name, props):
                props = {**props, "kubeconfig": None}
                super().__init__("eks:index:Cluster", name, props, None, remote=True)
            def get_kubeconfig(self, profile):
                token = "eks:index:Cluster/getKubeconfig"
                return pulumi.runtime.call(token, {"profile": profile}, self)

        cluster = Cluster("main", {"version": "1.33", "nodes": 2})
        Thing("a", {"kubeconfig": cluster.kubeconfig, "of": cluster.get_kubeconfig("x")})
        """,
    )
    cluster = graph.one("eks:index:Cluster")
    assert cluster.inputs == {"version": "1.33", "nodes": 2}
    assert thing(graph, "a").inputs == {"kubeconfig": "[unknown]", "of": "[unknown]"}
    assert "its provider creates what is under it" in noticed(graph)[cluster.urn]


def test_outputs_of_another_type_than_the_input_are_unknown(tmp_path: Path):
    graph = recorded(
        tmp_path,
        """
        from typing import Sequence

        class Network(pulumi.CustomResource):
            gateways: pulumi.Output[Sequence[str]] = pulumi.property("gateways")
            name: pulumi.Output[str] = pulumi.property("name")

            def __init__(self, resource, **props):
                super().__init__("test:index:Network", resource, props)

        network = Network("main", gateways={"strategy": "one"}, name="net")
        Thing("a", {"gateways": network.gateways, "name": network.name})
        """,
    )
    assert thing(graph, "a").inputs == {"gateways": "[unknown]", "name": "net"}
