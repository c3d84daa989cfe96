"""Stands where Pulumi's engine would, writes down what a program registers, deploys nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, cast

from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.mocks import MockCallArgs, MockMonitor, MockResourceArgs, Mocks
from pulumi.runtime.proto import resource_pb2

from components.clouds import cloud_of

from .object_names import object_name
from .predicted_outputs import outputs_unlike_inputs, predicted_outputs, put
from .resource_graph import STACK_TYPE, UNKNOWN, Resource, ResourceGraph
from .tree import dig
from .wire import readable

_PROVIDER_TYPE = "pulumi:providers:"


class _EchoingFunctions(Mocks):
    """Provider functions return what they were asked with: no provider is there to answer."""

    def call(self, args: MockCallArgs) -> tuple[dict[str, Any], None]:
        return cast("dict[str, Any]", args.args), None

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        return args.name, cast("dict[str, Any]", args.inputs)


class RecordingMonitor(MockMonitor):
    """Keeps every registration; a resource's outputs are its inputs and what can be predicted."""

    def __init__(self, *, project: str, stack: str) -> None:
        super().__init__(_EchoingFunctions())
        self.project = project
        self.stack = stack
        self.recorded: dict[str, Resource] = {}

    def graph(self) -> ResourceGraph:
        return ResourceGraph(
            project=self.project, stack=self.stack, resources=tuple(self.recorded.values())
        )

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """The engine's URN, with the types of all ancestors except the stack's."""
        ancestry = parent.split("::")[2] if parent else STACK_TYPE
        qualified = type_ if ancestry == STACK_TYPE else f"{ancestry}${type_}"
        return f"urn:pulumi:{self.stack}::{self.project}::{qualified}::{name}"

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802  (the protocol's name)
        urn = self.make_urn(request.parent, request.type, request.name)
        inputs, secrets = readable(request.object)
        resource = Resource(
            urn=urn,
            type=request.type,
            name=request.name,
            parent=request.parent or None,
            custom=request.custom,
            inputs=inputs,
            dependencies=tuple(sorted(set(request.dependencies))),
            provider=request.provider.rpartition("::")[0] or None,
            protect=request.protect,
            secret_inputs=secrets,
            aliases=tuple(sorted(set(self._aliases(request)) - {urn})),
        )
        if urn in self.recorded:
            raise ValueError(f"Duplicate resource URN '{urn}'; try giving it a unique name")
        state, identity = self._predicted(resource, request.object)
        outputs = readable(state)[0]
        if cloud_of(resource.type):
            outputs["id"] = identity
        self.recorded[urn] = replace(resource, outputs=outputs)
        return resource_pb2.RegisterResourceResponse(urn=urn, id=identity, object=state)

    def RegisterResourceOutputs(self, request: Any) -> empty_pb2.Empty:  # noqa: N802
        outputs, _ = readable(request.outputs)
        self.recorded[request.urn] = replace(self.recorded[request.urn], outputs=outputs)
        return empty_pb2.Empty()

    def _namespace(self, resource: Resource) -> str:
        stated = dig(resource.inputs, "metadata", "namespace")
        if stated and stated != UNKNOWN:
            return stated
        provider = self.recorded.get(resource.provider or "")
        return (provider.inputs.get("namespace") if provider else None) or "default"

    def _identity(self, resource: Resource) -> str:
        """The id that the provider would give, as far as the inputs tell it."""
        if not resource.custom:
            return ""
        if resource.type.startswith(_PROVIDER_TYPE):
            return f"{resource.name}-id"
        if not resource.is_kubernetes_object:
            return resource.name
        return f"{self._namespace(resource)}/{object_name(resource)}"

    def _predicted(
        self, resource: Resource, inputs: struct_pb2.Struct
    ) -> tuple[struct_pb2.Struct, str]:
        """The resource's state and its id."""
        state = struct_pb2.Struct()
        state.CopyFrom(inputs)
        identity = self._identity(resource)
        if not resource.is_kubernetes_object:
            provider = self.recorded.get(resource.provider or "")
            said = predicted_outputs(
                resource.type, resource.name, resource.inputs, provider.inputs if provider else {}
            )
            identity = said.pop("id", identity)
            for path in outputs_unlike_inputs(resource.type):
                state.fields.pop(path, None)
            for path, text in said.items():
                put(state, path, text)
            return state, identity
        name, namespace = object_name(resource), self._namespace(resource)
        state.get_or_create_struct("metadata")["name"] = name
        service_type = dig(resource.inputs, "spec", "type")
        if resource.type == "kubernetes:core/v1:Service" and service_type == "LoadBalancer":
            address = {"ip": f"address-of.{namespace}.{name}"}
            state["status"] = {"loadBalancer": {"ingress": [address]}}
        return state, identity

    def _aliases(self, request: Any) -> Iterable[str]:
        """Former URNs: those stated, and those that follow from the parent's former ones."""
        parent = self.recorded.get(request.parent)
        for alias in request.aliases:
            if alias.urn:
                yield alias.urn
                continue
            spec = alias.spec
            former_parent = "" if spec.noParent else spec.parentUrn or request.parent
            former = self.make_urn(
                former_parent, spec.type or request.type, spec.name or request.name
            )
            _, _, qualified, name = former.split("::", 3)
            project, stack = spec.project or self.project, spec.stack or self.stack
            yield f"urn:pulumi:{stack}::{project}::{qualified}::{name}"
        yield from request.aliasURNs
        for former_parent in parent.aliases if parent else ():
            own = request.name
            if parent and own.startswith(parent.name):
                own = former_parent.rpartition("::")[2] + own.removeprefix(parent.name)
            yield self.make_urn(former_parent, request.type, own)
            if own != request.name:
                yield self.make_urn(former_parent, request.type, request.name)
