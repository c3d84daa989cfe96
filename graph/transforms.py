"""Runs the transforms of a program, which an engine would run through callbacks.

``opts.transforms`` of a resource apply to it and to everything under it;
``pulumi.runtime.register_resource_transform`` applies to every later resource of the stack. The
order is the engine's: the resource's own, its parents' from the nearest up, then the stack's.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import struct_pb2
from pulumi.runtime._callbacks import (
    _CallbackServicer,  # pyright: ignore[reportPrivateUsage]  (it holds the program's transforms)
)
from pulumi.runtime.proto import alias_pb2, resource_pb2

from .wire import with_outputs, without_outputs


class Callbacks(_CallbackServicer):
    """The SDK's registry of a program's functions, called directly instead of through gRPC."""

    def __init__(self, monitor: Any) -> None:  # pyright: ignore[reportMissingSuperCall]  (no server)
        self._callbacks = {}
        self._transforms = {}
        self._state_migrations = {}
        self._monitor = monitor
        self._target = ""

    async def call(self, token: str, request: Any) -> bytes:
        """What the function registered under ``token`` answers, as it would be sent."""
        answer = await self._callbacks[token](request.SerializeToString())
        return answer.SerializeToString()

    def name(self, token: str) -> str:
        """The name of the function in the program."""
        functions: dict[str, Any] = {known: fn for fn, known in self._transforms.items()}
        return getattr(functions.get(token), "__qualname__", "unnamed")


class Transforms:
    """The transforms registered so far: each resource's own, and the stack's."""

    def __init__(self) -> None:
        self.stack: list[str] = []
        self._of: dict[str, list[str]] = {}
        self._parents: dict[str, str] = {}

    def register(self, urn: str, request: Any) -> None:
        """Keeps a resource's own transforms for what will be created under it."""
        self._parents[urn] = request.parent
        if request.transforms:
            self._of[urn] = [callback.token for callback in request.transforms]

    def for_(self, request: Any) -> list[str]:
        """Tokens of the transforms that apply to a registration, in the order of their run."""
        tokens = [callback.token for callback in request.transforms]
        parent = request.parent
        while parent:
            tokens += self._of.get(parent, [])
            parent = self._parents.get(parent)
        return tokens + self.stack


async def transformed(request: Any, tokens: list[str], callbacks: Callbacks) -> Any:
    """The registration as the transforms leave it; ``request`` stays as it is."""
    properties = with_outputs(request.object)
    options = _options(request)
    for token in tokens:
        asked = resource_pb2.TransformRequest(
            name=request.name,
            type=request.type,
            custom=request.custom,
            parent=request.parent,
            properties=properties,
            options=options,
        )
        answer = resource_pb2.TransformResponse.FromString(await callbacks.call(token, asked))
        properties = with_outputs(answer.properties)
        options = answer.options if answer.HasField("options") else options
    return _changed(request, without_outputs(properties), options)


def _options(request: Any) -> resource_pb2.TransformResourceOptions:
    """The options of a registration as a transform sees them."""
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
    """The registration with what a transform may set of what a graph records."""
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
