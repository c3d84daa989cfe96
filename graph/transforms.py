"""Runs the transforms of a program, which an engine would run through callbacks.

``opts.transforms`` of a resource apply to it and to everything under it;
``pulumi.runtime.register_resource_transform`` applies to every later resource of the stack. The
order is the engine's: the resource's own, its parents' from the nearest up, then the stack's.
"""

from __future__ import annotations

from typing import Any, Protocol

from google.protobuf import struct_pb2
from pulumi.runtime.proto import resource_pb2

from .wire import with_outputs, without_outputs


class Callbacks(Protocol):
    """Calls the functions that a program has registered as transforms."""

    async def call(self, callback: Any, request: Any) -> bytes:
        """The serialized answer of the function that is registered as ``callback``."""
        ...

    def name(self, callback: Any) -> str:
        """The name of the function in the program."""
        ...


class Transforms:
    """The transforms registered so far: each resource's own, and the stack's."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self._of: dict[str, list[Any]] = {}
        self._parents: dict[str, str] = {}

    def register(self, urn: str, request: Any) -> None:
        """Keeps a resource's own transforms for what will be created under it."""
        self._parents[urn] = request.parent
        if own := list(getattr(request, "transforms", ())):
            self._of[urn] = own

    def for_(self, request: Any) -> list[Any]:
        """The transforms that apply to a registration, in the order of their run."""
        found = list(getattr(request, "transforms", ()))
        parent = request.parent
        while parent:
            found += self._of.get(parent, [])
            parent = self._parents.get(parent)
        return found + self.stack


def stated(request: Any, field: str) -> bool:
    """Whether a message sets a field; old versions cannot tell a default from a value not set."""
    try:
        return request.HasField(field)
    except ValueError:
        return bool(getattr(request, field, False))


async def transformed(request: Any, transforms: list[Any], callbacks: Callbacks) -> Any:
    """The registration after the transforms; ``request`` is not changed."""
    properties = with_outputs(request.object)
    options = _options(request)
    for transform in transforms:
        asked = resource_pb2.TransformRequest(
            name=request.name,
            type=request.type,
            custom=request.custom,
            parent=request.parent,
            properties=properties,
            options=options,
        )
        answer = resource_pb2.TransformResponse.FromString(await callbacks.call(transform, asked))
        properties = with_outputs(answer.properties)
        options = answer.options if answer.HasField("options") else options
    return _changed(request, without_outputs(properties), options)


def _options(request: Any) -> resource_pb2.TransformResourceOptions:
    """The options of a registration as a transform sees them."""
    from pulumi.runtime.proto import alias_pb2  # as new as transforms are

    options = resource_pb2.TransformResourceOptions(
        depends_on=request.dependencies,
        ignore_changes=request.ignoreChanges,
        replace_on_changes=request.replaceOnChanges,
        version=request.version,
        aliases=[*(alias_pb2.Alias(urn=urn) for urn in request.aliasURNs), *request.aliases],
        provider=request.provider,
        providers=request.providers,
        plugin_download_url=request.pluginDownloadURL,
        deleted_with=request.deletedWith,
        additional_secret_outputs=request.additionalSecretOutputs,
        **{"import": request.importId},
    )
    if request.HasField("protect"):
        options.protect = request.protect
    if request.HasField("retainOnDelete"):
        options.retain_on_delete = request.retainOnDelete
    if request.HasField("customTimeouts"):
        options.custom_timeouts.CopyFrom(request.customTimeouts)
    if request.deleteBeforeReplaceDefined:
        options.delete_before_replace = request.deleteBeforeReplace
    return options


def _changed(request: Any, properties: struct_pb2.Struct, options: Any) -> Any:
    """The registration with the changes of a transform, as far as a graph records them."""
    changed: Any = resource_pb2.RegisterResourceRequest()
    changed.CopyFrom(request)
    changed.object.CopyFrom(properties)
    for field in ("aliasURNs", "aliases", "providers", "ignoreChanges"):
        changed.ClearField(field)
    changed.aliases.extend(options.aliases)
    changed.ignoreChanges.extend(options.ignore_changes)
    changed.providers.update(options.providers)
    changed.provider = options.provider
    if options.HasField("protect"):
        changed.protect = options.protect
    else:
        changed.ClearField("protect")
    if options.HasField("retain_on_delete"):
        changed.retainOnDelete = options.retain_on_delete
    else:
        changed.ClearField("retainOnDelete")
    # The engine takes depends_on from transforms only where the resource has some of its own
    # (pkg/resource/deploy/source_eval.go: "Reparse the dependency information").
    if request.transforms:
        del changed.dependencies[:]
        changed.dependencies.extend(options.depends_on)
    return changed
