"""Recording: a program's graph without an engine, every time the same."""

import json
from typing import Any, cast

import pulumi
import pulumi_kubernetes as k8s
import pytest

from components.base.problems import Problem, ProblemReport
from graph.monitor import RecordingMonitor
from graph.resource_graph import ResourceGraph
from tests.harness import record

CONFIG_MAP = "kubernetes:core/v1:ConfigMap"


class Shelf(pulumi.ComponentResource):
    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("test:index:Shelf", name, {}, opts)
        self.book = k8s.core.v1.ConfigMap(
            f"{name}-book",
            data={"title": "Drain"},
            opts=pulumi.ResourceOptions(parent=self, protect=True),
        )
        self.register_outputs({"book": self.book.metadata.name})


def service(**spec: Any) -> None:
    made = k8s.core.v1.Service("front", metadata={"namespace": "edge"}, spec=cast("Any", spec))
    pulumi.export("address", made.status.load_balancer.ingress[0].ip)


def test_a_childs_urn_carries_every_ancestors_type_except_the_stacks():
    shelf = record(lambda: Shelf("shelf")).one("test:index:Shelf")
    book = record(lambda: Shelf("shelf")).one(CONFIG_MAP)
    assert shelf.urn == "urn:pulumi:dev::qudag-mcp::test:index:Shelf::shelf"
    assert book.urn == f"urn:pulumi:dev::qudag-mcp::test:index:Shelf${CONFIG_MAP}::shelf-book"
    assert book.parent == shelf.urn


def test_components_keep_their_outputs_and_children_their_options():
    graph = record(lambda: Shelf("shelf"))
    assert graph.one("test:index:Shelf").outputs == {"book": "shelf-book"}
    assert not graph.one("test:index:Shelf").custom
    assert graph.one(CONFIG_MAP).protect


def test_integers_are_recorded_as_integers():
    recorded = record(lambda: service(type="ClusterIP", ports=[{"port": 80}]))
    port = recorded.one("kubernetes:core/v1:Service").inputs["spec"]["ports"][0]["port"]
    assert repr(port) == "80"


def test_secret_values_leave_only_their_path():
    def program() -> None:
        secret = pulumi.Output.secret("hunter2")
        k8s.core.v1.ConfigMap("config", data={"plain": "seen", "pass.word": secret})
        pulumi.export("password", secret)

    graph = record(program)
    assert graph.one(CONFIG_MAP).inputs["data"] == {"plain": "seen", "pass.word": "[secret]"}
    assert graph.one(CONFIG_MAP).secret_inputs == ('data["pass.word"]',)
    assert graph.outputs == {"password": "[secret]"}
    assert "hunter2" not in graph.to_json()


def test_secret_configuration_stays_secret():
    def program() -> None:
        k8s.core.v1.ConfigMap("config", data={"token": pulumi.Config().require_secret("token")})

    graph = record(program, config={"token": "hunter2"}, secret_keys=("token",))
    assert "hunter2" not in graph.to_json()


def test_values_known_only_after_a_deployment_are_unknown():
    def program() -> None:
        claim = k8s.core.v1.PersistentVolumeClaim("claim")
        k8s.core.v1.ConfigMap("config", data={"phase": claim.status.phase})

    assert record(program).one(CONFIG_MAP).inputs["data"] == {"phase": "[unknown]"}


def test_a_load_balancers_address_is_a_token_that_names_it():
    graph = record(lambda: service(type="LoadBalancer", ports=[{"port": 443}]))
    assert graph.outputs == {"address": "address-of.edge.front"}


def test_a_service_inside_the_cluster_has_no_predicted_address():
    graph = record(lambda: service(type="ClusterIP", ports=[{"port": 443}]))
    assert graph.outputs == {"address": "[unknown]"}


def test_an_object_without_a_name_is_named_after_its_resource():
    graph = record(lambda: k8s.core.v1.ConfigMap("My Config"))
    assert graph.one(CONFIG_MAP).outputs["metadata"] == {"name": "my-config"}


def test_the_providers_namespace_is_where_objects_go():
    def program() -> None:
        provider = k8s.Provider("cluster", namespace="core")
        made = k8s.core.v1.Service(
            "front", spec={"type": "LoadBalancer"}, opts=pulumi.ResourceOptions(provider=provider)
        )
        pulumi.export("address", made.status.load_balancer.ingress[0].ip)

    graph = record(program)
    assert graph.outputs == {"address": "address-of.core.front"}
    provider = graph.one("pulumi:providers:kubernetes").urn
    assert graph.one("kubernetes:core/v1:Service").provider == provider


def test_dependencies_come_from_values_and_from_options():
    def program() -> None:
        first = k8s.core.v1.ConfigMap("first")
        second = k8s.core.v1.ConfigMap("second", data={"name": first.metadata.name})
        k8s.core.v1.ConfigMap("third", opts=pulumi.ResourceOptions(depends_on=[second]))

    graph = record(program)
    urns = {name: graph.one(CONFIG_MAP, name).urn for name in ("first", "second")}
    assert graph.one(CONFIG_MAP, "second").dependencies == (urns["first"],)
    assert graph.one(CONFIG_MAP, "third").dependencies == (urns["second"],)


def test_a_renamed_component_aliases_its_children_too():
    def program() -> None:
        Shelf("rack", pulumi.ResourceOptions(aliases=[pulumi.Alias(name="shelf")]))

    former = record(lambda: Shelf("shelf"))
    now = record(program)
    assert now.one("test:index:Shelf").aliases == (former.one("test:index:Shelf").urn,)
    assert former.one(CONFIG_MAP).urn in now.one(CONFIG_MAP).aliases


def test_configuration_without_a_namespace_belongs_to_the_project():
    def program() -> None:
        pulumi.export("size", pulumi.Config().require("size"))
        pulumi.export("region", pulumi.Config("aws").require("region"))
        pulumi.export("where", f"{pulumi.get_project()}/{pulumi.get_stack()}")

    config = {"size": "3", "aws:region": "eu-west-1"}
    graph = record(program, project="platform", stack="prod", config=config)
    assert graph.outputs == {"size": "3", "region": "eu-west-1", "where": "platform/prod"}


def test_a_programs_error_is_raised_as_it_is():
    def program() -> None:
        k8s.core.v1.ConfigMap("before")
        raise KeyError("nothing here")

    with pytest.raises(KeyError, match="nothing here"):
        record(program)


def test_an_error_inside_an_apply_is_raised_as_it_is():
    def program() -> None:
        data = pulumi.Output.from_input(0).apply(lambda zero: {"share": str(1 / zero)})
        k8s.core.v1.ConfigMap("config", data=data)

    with pytest.raises(ZeroDivisionError):
        record(program)


def test_a_problem_report_passes_through():
    report = ProblemReport([Problem("a", "b", "c", "d")])

    def program() -> None:
        raise report

    with pytest.raises(ProblemReport) as raised:
        record(program)
    assert raised.value is report


def test_two_resources_of_one_name_are_refused_like_the_engine_does():
    def program() -> None:
        k8s.core.v1.ConfigMap("twin")
        k8s.core.v1.ConfigMap("twin")

    with pytest.raises(ValueError, match="Duplicate resource URN"):
        record(program)


def test_a_failed_recording_leaves_nothing_to_the_next():
    def broken() -> None:
        Shelf("broken")
        raise RuntimeError("halfway")

    clean = record(lambda: Shelf("shelf")).to_json()
    with pytest.raises(RuntimeError):
        record(broken)
    assert record(lambda: Shelf("shelf")).to_json() == clean


@pytest.mark.parametrize("count", [20, pytest.param(200, marks=pytest.mark.slow)])
def test_many_recordings_give_the_same_bytes(count: int):
    recordings = {record(lambda: Shelf("shelf")).to_json() for _ in range(count)}
    assert len(recordings) == 1


def test_a_graph_survives_json():
    graph = record(lambda: Shelf("shelf"))
    assert ResourceGraph.from_json(graph.to_json()) == graph


def test_graph_json_has_the_documented_shape():
    written = json.loads(record(lambda: Shelf("shelf")).to_json())
    assert set(written) == {"project", "stack", "resources"}
    urns = [resource["urn"] for resource in written["resources"]]
    assert urns == sorted(urns)
    assert set(written["resources"][0]) == {
        "urn", "type", "name", "parent", "custom", "inputs", "dependencies", "provider",
        "protect", "outputs", "secretInputs",
    }  # fmt: skip


def test_a_failed_lookup_lists_the_existing_resources():
    graph = record(lambda: Shelf("shelf"))
    with pytest.raises(LookupError, match="shelf-book"):
        graph.one(CONFIG_MAP, "missing")


def test_a_recorded_resource_has_no_source_position(monkeypatch: pytest.MonkeyPatch):
    requests: list[Any] = []
    register = RecordingMonitor.RegisterResource

    def kept(monitor: RecordingMonitor, request: Any) -> Any:
        requests.append(request)
        return register(monitor, request)

    monkeypatch.setattr(RecordingMonitor, "RegisterResource", kept)
    record(lambda: pulumi.ComponentResource("test:index:Thing", "thing"))
    assert requests
    assert not any(request.stackTrace.frames for request in requests)
