"""Builds a ``ResourceGraph`` of what the engine tells a policy pack.

A pack is told of each resource twice: alone with its inputs, before it is created, and together
with all others with its outputs, at the end. It is never told a resource's id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, cast

from pulumi.runtime.proto import analyzer_pb2

from graph.resource_graph import UNKNOWN, Resource, ResourceGraph
from graph.tree import dig
from graph.wire import readable, unmasked
from policies.property_paths import values
from policies.rule import Companion, Reference
from policies.rules import RULES

_UNKNOWN_VALUES: Final = frozenset(
    {
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # true or false
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # a number
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",  # a text
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # a list
        "030794c1-ac77-496b-92df-f27374a8bd58",  # an asset
        "e48ece36-62e2-4504-bad9-02848725956a",  # an archive
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # a mapping
    }
)
"""What stands for a value that only the deployment will know, in the engine's protocol."""
_OF_THE_ENGINE: Final = ("pulumi:providers:", "pulumi:pulumi:StackReference")


class StackGraph:
    """The inputs of each resource that the engine has told of so far."""

    def __init__(self) -> None:
        self._inputs: dict[str, Any] = {}

    def note(self, request: analyzer_pb2.AnalyzeRequest) -> None:
        """Keeps the inputs of one resource."""
        self._inputs[request.urn] = request.properties

    def graph(
        self, project: str, stack: str, told: Iterable[analyzer_pb2.AnalyzerResource]
    ) -> ResourceGraph:
        """The graph of all resources of a stack, once the engine has told of all."""
        all_told = [*told]
        depending = {
            each.urn: {key: tuple(found.urns) for key, found in each.propertyDependencies.items()}
            for each in all_told
        }
        masked, given = (
            _with_identities(
                ResourceGraph(
                    project=project,
                    stack=stack,
                    resources=tuple(self._resource(each, read) for each in all_told),
                ),
                depending,
            )
            for read in (_masked, unmasked)
        )
        pairs = zip(masked.resources, given.resources, strict=True)
        return replace(masked, unmasked={one.urn: other for one, other in pairs if one != other})

    def _resource(
        self, told: analyzer_pb2.AnalyzerResource, read: Callable[[Any], dict[str, Any]]
    ) -> Resource:
        # One that exists already, or that `--target` leaves out, is judged by what it is.
        inputs = self._inputs.get(told.urn, told.properties)
        provider = told.provider.urn if told.HasField("provider") else None
        return Resource(
            urn=told.urn,
            type=told.type,
            name=told.name,
            parent=told.parent or None,
            custom=provider is not None or told.type.startswith(_OF_THE_ENGINE),
            inputs=_known(read(inputs)),
            secret_inputs=readable(inputs)[1],
            outputs=_known(read(told.properties)),
            dependencies=tuple(told.dependencies),
            provider=provider,
            protect=told.options.protect,
            aliases=tuple(told.options.aliases),
            ignore_changes=tuple(told.options.ignoreChanges),
        )


def _masked(properties: Any) -> dict[str, Any]:
    return readable(properties)[0]


def _known(tree: Any) -> Any:
    """The tree with ``[unknown]`` in place of what the protocol writes for it."""
    if isinstance(tree, dict):
        return {key: _known(each) for key, each in cast("dict[str, Any]", tree).items()}
    if isinstance(tree, list):
        return [_known(each) for each in cast("list[Any]", tree)]
    return UNKNOWN if isinstance(tree, str) and tree in _UNKNOWN_VALUES else tree


Depending = Mapping[str, Mapping[str, tuple[str, ...]]]
"""By URN and property, the resources that the property's value comes from."""


def _with_identities(graph: ResourceGraph, depending: Depending) -> ResourceGraph:
    """The graph with outputs that rules compare and the protocol does not tell, such as ids.

    A property that comes from a resource names it: its value is the output that the rule asks for.
    """
    outputs: dict[str, dict[str, Any]] = {}
    inputs: dict[str, dict[str, Any]] = {}
    for rules in RULES.values():
        for reference in rules.references:
            for target, value in _referred(graph, depending, reference):
                outputs.setdefault(target.urn, {})[reference.output] = value
        for companion in rules.companions:
            for target, naming in _accompanied(graph, depending, companion):
                given = naming.inputs[companion.by]
                identity = target.urn if given == UNKNOWN else given
                outputs.setdefault(target.urn, {})["id"] = identity
                inputs.setdefault(naming.urn, {})[companion.by] = identity
    changed = (
        replace(
            each,
            inputs=each.inputs | inputs.get(each.urn, {}),
            outputs=outputs.get(each.urn, {}) | each.outputs,
        )
        for each in graph.resources
    )
    return replace(graph, resources=tuple(changed))


def _referred(
    graph: ResourceGraph, depending: Depending, row: Reference
) -> Iterator[tuple[Resource, Any]]:
    """Resources that a property comes from and whose output of the row is not told."""
    for resource in graph.all(row.on):
        for path, value in values(resource.inputs, row.path):
            if value in (None, UNKNOWN):
                continue
            head = path.partition(".")[0].partition("[")[0]
            sources = _sources(graph, depending, resource, head, row.to)
            if len(sources) == 1 and dig(sources[0].outputs, *row.output.split(".")) is None:
                yield sources[0], value


def _accompanied(
    graph: ResourceGraph, depending: Depending, row: Companion
) -> Iterator[tuple[Resource, Resource]]:
    """Resources whose id is not told, with the companion whose property comes from them."""
    for companion in graph.all(row.companion):
        if row.by in companion.inputs:
            sources = _sources(graph, depending, companion, row.by, row.on)
            if len(sources) == 1 and sources[0].outputs.get("id") in (None, UNKNOWN):
                yield sources[0], companion


def _sources(
    graph: ResourceGraph, depending: Depending, resource: Resource, key: str, type_: str
) -> list[Resource]:
    urns = depending.get(resource.urn, {}).get(key, ())
    found = (graph.find(urn) for urn in urns)
    return [each for each in found if each is not None and each.type == type_]
