"""Transforms of a program run while it is recorded, in the order and with the effect of the engine.

The semantics are those of https://www.pulumi.com/docs/iac/concepts/resources/options/transforms/.
"""

from __future__ import annotations

from typing import Any, cast

import pulumi
import pulumi_kubernetes as k8s
import pytest
from pulumi import ResourceOptions, ResourceTransformArgs, ResourceTransformResult

from graph.resource_graph import Resource, ResourceGraph
from tests.harness import record

CONFIG_MAP = "kubernetes:core/v1:ConfigMap"


class Shelf(pulumi.ComponentResource):
    def __init__(self, name: str, opts: ResourceOptions | None = None) -> None:
        super().__init__("test:index:Shelf", name, {}, opts)
        book(f"{name}-book", ResourceOptions(parent=self))


def book(name: str, opts: ResourceOptions | None = None, **data: Any) -> k8s.core.v1.ConfigMap:
    return k8s.core.v1.ConfigMap(name, data={"title": "Drain"} | data, opts=opts)


def noted(letter: str) -> pulumi.ResourceTransform:
    """A transform that adds a letter to a ConfigMap's text."""

    def add(args: ResourceTransformArgs) -> ResourceTransformResult | None:
        if args.type_ != CONFIG_MAP:
            return None
        given: dict[str, Any] = cast("Any", args.props)["data"]
        data = given | {"seen": given.get("seen", "") + letter}
        return ResourceTransformResult({**args.props, "data": data}, args.opts)

    return add


def with_options(**options: Any) -> pulumi.ResourceTransform:
    """A transform that sets options of ConfigMaps."""

    def change(args: ResourceTransformArgs) -> ResourceTransformResult | None:
        if args.type_ != CONFIG_MAP:
            return None
        return ResourceTransformResult(
            args.props, ResourceOptions.merge(args.opts, ResourceOptions(**options))
        )

    return change


def data(graph: ResourceGraph, name: str = "shelf-book") -> dict[str, Any]:
    return graph.one(CONFIG_MAP, name).inputs["data"]


def recorded(program: Any, name: str = "shelf-book") -> Resource:
    return record(program).one(CONFIG_MAP, name)


def test_own_transforms_run_first_then_the_parents_then_the_stacks():
    def program() -> None:
        pulumi.runtime.register_resource_transform(noted("s"))
        shelf = Shelf("shelf", ResourceOptions(transforms=[noted("p"), noted("q")]))
        book("inner", ResourceOptions(parent=shelf, transforms=[noted("o")]))

    graph = record(program)
    assert data(graph, "inner")["seen"] == "opqs"
    assert data(graph)["seen"] == "pqs"


def test_a_stacks_transform_changes_only_what_is_registered_after_it():
    def program() -> None:
        book("early")
        pulumi.runtime.register_resource_transform(noted("s"))
        book("late")

    graph = record(program)
    assert "seen" not in data(graph, "early")
    assert data(graph, "late")["seen"] == "s"


def test_a_transform_sees_the_component_itself():
    seen: list[tuple[str, str, bool]] = []

    def look(args: ResourceTransformArgs) -> None:
        seen.append((args.type_, args.name, args.custom))

    record(lambda: Shelf("shelf", ResourceOptions(transforms=[look])))
    assert seen == [("test:index:Shelf", "shelf", False), (CONFIG_MAP, "shelf-book", True)]


def test_an_async_transform_is_awaited():
    async def later(args: ResourceTransformArgs) -> ResourceTransformResult | None:
        return noted("a")(args)  # pyright: ignore[reportReturnType]  (this one is not a coroutine)

    transformed = recorded(lambda: Shelf("shelf", ResourceOptions(transforms=[later])))
    assert transformed.inputs["data"]["seen"] == "a"


def test_a_secret_stays_secret_and_an_unknown_value_unknown():
    def program() -> None:
        claim = k8s.core.v1.PersistentVolumeClaim("claim")
        book(
            "mixed",
            ResourceOptions(transforms=[noted("x")]),
            password=pulumi.Output.secret("hunter2"),
            phase=claim.status.phase,
        )

    mixed = recorded(program, "mixed")
    assert mixed.inputs["data"] == {
        "title": "Drain", "seen": "x", "password": "[secret]", "phase": "[unknown]",
    }  # fmt: skip
    assert mixed.secret_inputs == ("data.password",)


def test_a_transform_can_make_a_value_secret():
    def hide(args: ResourceTransformArgs) -> ResourceTransformResult:
        return ResourceTransformResult(
            {**args.props, "data": {"title": pulumi.Output.secret("Drain")}}, args.opts
        )

    hidden = recorded(lambda: book("hidden", ResourceOptions(transforms=[hide])), "hidden")
    assert hidden.inputs["data"] == {"title": "[secret]"}


def test_options_of_a_transform_take_effect():
    former = "urn:pulumi:dev::qudag-mcp::kubernetes:core/v1:ConfigMap::old"

    def program() -> None:
        provider = k8s.Provider("cluster", namespace="core")
        pulumi.runtime.register_resource_transform(
            with_options(protect=True, retain_on_delete=True, aliases=[former], provider=provider)
        )
        Shelf("shelf")

    graph = record(program)
    changed = graph.one(CONFIG_MAP)
    assert changed.protect
    assert changed.retain_on_delete
    assert former in changed.aliases
    assert changed.provider == graph.one("pulumi:providers:kubernetes").urn


def test_protect_set_by_a_transform_of_a_component_is_inherited_from_it():
    def protect(args: ResourceTransformArgs) -> ResourceTransformResult | None:
        if args.custom:
            return None
        return ResourceTransformResult(
            args.props, ResourceOptions.merge(args.opts, ResourceOptions(protect=True))
        )

    assert recorded(lambda: Shelf("shelf", ResourceOptions(transforms=[protect]))).protect


def test_a_transform_may_depend_on_what_is_registered_at_the_same_time():
    def program() -> None:
        first = book("first")
        book("second", ResourceOptions(transforms=[with_options(depends_on=[first])]))

    graph = record(program)
    first = graph.one(CONFIG_MAP, "first")
    assert graph.one(CONFIG_MAP, "second").dependencies == (first.urn,)


def test_an_error_in_a_transform_stops_the_program():
    def fail(_: ResourceTransformArgs) -> None:
        raise LookupError("no such label")

    with pytest.raises(LookupError, match="no such label"):
        record(lambda: Shelf("shelf", ResourceOptions(transforms=[fail])))


def test_old_style_transformations_run():
    def tag(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult:
        data = dict[str, Any](cast("Any", args.props).get("data") or {}) | {"seen": "t"}
        return pulumi.ResourceTransformationResult({**args.props, "data": data}, args.opts)

    def program() -> None:
        pulumi.runtime.register_stack_transformation(tag)
        Shelf("shelf")

    assert recorded(program).inputs["data"]["seen"] == "t"


def test_an_invoke_transform_that_does_not_run_is_named():
    def pin_region(_: pulumi.InvokeTransformArgs) -> None:
        return None

    graph = record(lambda: pulumi.runtime.register_invoke_transform(pin_region))
    (notice,) = graph.notices
    assert notice.subject.endswith("pin_region")
    assert "not run" in notice.what


def test_a_remote_components_children_are_named_as_not_shown():
    def program() -> None:
        pulumi.ComponentResource("eks:index:Cluster", "cluster", {}, remote=True)

    (notice,) = record(program).notices
    assert notice.subject.endswith("eks:index:Cluster::cluster")


def test_notices_survive_json():
    graph = record(lambda: pulumi.StackReference("org/project/prod"))
    assert graph.notices
    assert ResourceGraph.from_json(graph.to_json()) == graph


@pytest.mark.parametrize(("own", "expected"), [(False, []), (True, ["first"])])
def test_depends_on_of_a_stack_transform_counts_only_with_own_transforms(
    own: bool, expected: list[str]
):
    def program() -> None:
        first = book("first")

        def wait(args: ResourceTransformArgs) -> ResourceTransformResult | None:
            if args.name != "second":
                return None
            options = ResourceOptions(depends_on=[first])
            return ResourceTransformResult(args.props, ResourceOptions.merge(args.opts, options))

        pulumi.runtime.register_resource_transform(wait)
        book("second", ResourceOptions(transforms=[noted("o")] if own else None))

    second = recorded(program, "second")
    assert [urn.rpartition("::")[2] for urn in second.dependencies] == expected
