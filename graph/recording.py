"""Records what a program registers, in the place of Pulumi's engine, and deploys nothing.

It reads and returns messages of the engine's protocol, in the version of the program's SDK. A field
that an old version does not have counts as not set.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime import rpc
from pulumi.runtime.proto import provider_pb2, resource_pb2

from components.clouds import cloud_of

from .failures import ValueNeeded
from .object_names import object_name
from .predicted_outputs import outputs_unlike_inputs, predicted_outputs, put
from .resource_graph import STACK_TYPE, UNKNOWN, Notice, Resource, ResourceGraph
from .secrets import hidden, in_clear
from .transforms import Callbacks, Transforms, stated, transformed
from .tree import dig
from .wire import placeholder_in, readable, unmasked

_PROVIDER_TYPE = "pulumi:providers:"
_INVOKED: Any = getattr(resource_pb2, "ResourceInvokeResponse", None) or provider_pb2.InvokeResponse
"""Its name in old versions is the provider's."""


@dataclass(frozen=True, kw_only=True)
class Properties:
    """Inputs or outputs of a resource.

    Attributes:
        shown: with ``[secret]`` in place of secrets.
        given: with the values of secrets.
        secret: paths of the secrets, marked as such or not.
        in_clear: paths of the secrets that the program contains in clear.
    """

    shown: dict[str, Any]
    given: dict[str, Any]
    secret: tuple[str, ...]
    in_clear: tuple[str, ...]


class Recording:
    """Keeps every registration; a resource's outputs are its inputs and what can be predicted.

    Attributes:
        recorded: the resources by URN.
        notices: parts of the program that are not run or not recorded.
        unmasked: as of ``ResourceGraph``.
    """

    callbacks: Callbacks
    """The program's functions that run on registrations."""

    def __init__(self, *, project: str, stack: str) -> None:
        self.project = project
        self.stack = stack
        self.recorded: dict[str, Resource] = {}
        self.notices: list[Notice] = []
        self.unmasked: dict[str, Resource] = {}
        self._transforms = Transforms()
        self._providers: dict[str, Mapping[str, str]] = {}

    def graph(self) -> ResourceGraph:
        return ResourceGraph(
            project=self.project,
            stack=self.stack,
            resources=tuple(self.recorded.values()),
            notices=tuple(self.notices),
            unmasked=self.unmasked,
        )

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """The engine's URN, with the types of all ancestors except the stack's."""
        ancestry = parent.split("::")[2] if parent else STACK_TYPE
        qualified = type_ if ancestry == STACK_TYPE else f"{ancestry}${type_}"
        return f"urn:pulumi:{self.stack}::{self.project}::{qualified}::{name}"

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802  (the protocol's name)
        """The registration's answer; a coroutine of it where transforms run first."""
        self._inherit(request)
        if transforms := self._transforms.for_(request):
            return self._register_transformed(request, transforms)
        return self._register(request)

    async def _register_transformed(self, request: Any, transforms: list[Any]) -> Any:
        return self._register(await transformed(request, transforms, self.callbacks))

    def _inherit(self, request: Any) -> None:
        """Options that the engine copies from the parent where the resource leaves them unset."""
        parent = self.recorded.get(request.parent)
        if parent and parent.protect and not stated(request, "protect"):
            request.protect = True
        if parent and parent.retain_on_delete and not stated(request, "retainOnDelete"):
            request.retainOnDelete = True
        inherited = self._providers.get(request.parent, {})
        if request.custom or request.remote:
            package = request.type.partition(":")[0]
            request.provider = (
                request.provider or request.providers.get(package, "") or inherited.get(package, "")
            )
            return
        for package, provider in inherited.items():
            if package not in request.providers:
                request.providers[package] = provider

    def _register(self, request: Any) -> Any:
        name = self.resource_name(request)
        urn = self.make_urn(request.parent, request.type, name)
        inputs = self._read(request.type, request.object)
        resource = Resource(
            urn=urn,
            type=request.type,
            name=name,
            parent=request.parent or None,
            custom=request.custom,
            inputs=inputs.shown,
            dependencies=tuple(sorted(set(request.dependencies))),
            provider=request.provider.rpartition("::")[0] or None,
            protect=request.protect,
            retain_on_delete=request.retainOnDelete,
            secret_inputs=inputs.secret,
            aliases=tuple(sorted(set(self._aliases(request)) - {urn})),
            ignore_changes=tuple(request.ignoreChanges),
            plain_secrets=inputs.in_clear,
        )
        if urn in self.recorded:
            raise ValueError(f"Duplicate resource URN '{urn}'; try giving it a unique name")
        if request.remote:
            self.notice(urn, "its provider creates what is under it; none of that is shown")
            state, identity = struct_pb2.Struct(), ""  # its outputs are not its inputs
        else:
            state, identity = self._predicted(resource, request.object)
        if state == request.object:  # of most objects of Kubernetes; a comparison costs little
            outputs = replace(inputs, shown=dict(inputs.shown), given=dict(inputs.given))
        else:
            outputs = self._read(request.type, state)
        if cloud_of(resource.type):
            outputs.shown["id"] = outputs.given["id"] = identity
        self._keep(resource, inputs, outputs)
        self._transforms.register(urn, request)
        if not request.custom:
            self._providers[urn] = dict(request.providers)
        return resource_pb2.RegisterResourceResponse(urn=urn, id=identity, object=state)

    def _keep(self, resource: Resource, inputs: Properties, outputs: Properties) -> None:
        self.recorded[resource.urn] = replace(resource, outputs=outputs.shown)
        if inputs.secret or outputs.secret:
            self.unmasked[resource.urn] = replace(
                resource, inputs=inputs.given, outputs=outputs.given
            )

    def _read(self, type_token: str, properties: struct_pb2.Struct) -> Properties:
        found = self.as_recorded(properties)
        read, marked = readable(found)
        shown, unmarked = hidden(type_token, read)
        return Properties(
            shown=shown,
            given=unmasked(found) if marked else read,
            secret=tuple(sorted({*marked, *unmarked})),
            in_clear=tuple(sorted(in_clear(type_token, read))) if unmarked else (),
        )

    def as_recorded(self, properties: struct_pb2.Struct) -> struct_pb2.Struct:
        """The properties in the form in which they are recorded."""
        return properties

    def resource_name(self, request: Any) -> str:
        """The name of a registration; ValueNeeded where it is not known."""
        if unknown := placeholder_in(request.name):
            raise ValueNeeded(*unknown, f"the name of a {request.type}")
        return request.name

    def RegisterResourceOutputs(self, request: Any) -> empty_pb2.Empty:  # noqa: N802
        resource = self.recorded[request.urn]
        outputs = self._read(resource.type, request.outputs)
        former = self.unmasked.get(request.urn, resource)
        self.recorded[request.urn] = replace(resource, outputs=outputs.shown)
        if former is not resource or outputs.secret:
            self.unmasked[request.urn] = replace(former, outputs=outputs.given)
        return empty_pb2.Empty()

    def RegisterStackTransform(self, request: Any) -> empty_pb2.Empty:  # noqa: N802
        self._transforms.stack.append(request)
        return empty_pb2.Empty()

    def RegisterStackInvokeTransform(self, request: Any) -> empty_pb2.Empty:  # noqa: N802
        name = self.callbacks.name(request)
        self.notice(name, "this invoke transform is not run: provider functions give [unknown]")
        return empty_pb2.Empty()

    def RegisterResourceHook(self, request: Any) -> empty_pb2.Empty:  # noqa: N802
        if request.on_dry_run:
            self.notice(request.name, "this hook is not run; an engine's preview runs it")
        return empty_pb2.Empty()

    def Invoke(self, request: Any) -> Any:  # noqa: N802
        """A provider's function: its result is not known."""
        if request.tok != "pulumi:pulumi:getResource":
            self.notice(
                request.tok,
                "this function is not called: its results are [unknown], and resources that the "
                "program creates from them in an apply are not shown",
            )
            return _INVOKED(unknown=True)
        answer = _INVOKED()
        found = getattr(answer, "return")
        found.update({"urn": request.args["urn"], "id": "", "state": {}})
        return answer

    def Call(self, _: Any) -> Any:  # noqa: N802
        """A method of a resource: its result is not known."""
        answer = provider_pb2.CallResponse()
        getattr(answer, "return").update({"result": rpc.UNKNOWN})
        return answer

    def ReadResource(self, request: Any) -> Any:  # noqa: N802
        """A resource that exists already: not part of the stack, its outputs not known."""
        urn = self.make_urn(request.parent, request.type, request.name)
        self.notice(urn, "it exists outside this stack and is not read: its outputs are [unknown]")
        return resource_pb2.ReadResourceResponse(urn=urn)

    def notice(self, subject: str, what: str) -> None:
        notice = Notice(subject, what)
        if notice not in self.notices:
            self.notices.append(notice)

    def _namespace(self, resource: Resource) -> str:
        stated = dig(resource.inputs, "metadata", "namespace")
        if stated and stated != UNKNOWN:
            return stated
        provider = self.recorded.get(resource.provider or "")
        return (provider.inputs.get("namespace") if provider else None) or "default"

    def identity(self, resource: Resource) -> str:
        """The id that the provider would give, if it follows from the inputs."""
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
        identity = self.identity(resource)
        if not resource.is_kubernetes_object:
            provider = self.recorded.get(resource.provider or "")
            predicted = predicted_outputs(
                resource.type, resource.name, resource.inputs, provider.inputs if provider else {}
            )
            identity = predicted.pop("id", identity)
            for path in outputs_unlike_inputs(resource.type):
                state.fields.pop(path, None)
            for path, text in predicted.items():
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
