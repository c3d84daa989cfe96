"""A program's resources as a value: each with its inputs, parent, dependencies and secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

SECRET = "[secret]"  # noqa: S105  (the placeholder, not a secret)
UNKNOWN = "[unknown]"
STACK_TYPE = "pulumi:pulumi:Stack"

_PLAIN_KEY = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]*")


def step(path: str, key: str | int) -> str:
    """``path`` one level deeper, written as Pulumi writes property paths."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    # Most keys are identifiers, which is told without the pattern.
    if not (key.isascii() and key.isidentifier()) and not _PLAIN_KEY.fullmatch(key):
        return f"{path}[{json.dumps(key, ensure_ascii=False)}]"
    return f"{path}.{key}" if path else key


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource of a program.

    Attributes:
        inputs: property names as on the wire (camelCase); a secret value is ``"[secret]"``, a
            value that only the deployment will know is ``"[unknown]"``.
        parent: URN of the component that holds it; None for the stack itself.
        custom: False for components, which exist in the program only.
        dependencies: URNs that must exist first, from properties and from ``depends_on``.
        provider: URN of the provider that manages it; None for components.
        protect: the engine refuses to delete it.
        retain_on_delete: the engine forgets it without deleting it in the cloud or cluster.
        secret_inputs: paths of the inputs that are secret.
        aliases: URNs that this resource had before a rename or a move.
        ignore_changes: paths of inputs whose changes the engine ignores.
        plain_secrets: paths of the secret inputs that the program contains in clear.
    """

    urn: str
    type: str
    name: str
    parent: str | None = None
    custom: bool = True
    inputs: dict[str, Any] = field(default_factory=dict[str, Any])
    dependencies: tuple[str, ...] = ()
    provider: str | None = None
    protect: bool = False
    retain_on_delete: bool = False
    outputs: dict[str, Any] = field(default_factory=dict[str, Any])
    secret_inputs: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    ignore_changes: tuple[str, ...] = ()
    plain_secrets: tuple[str, ...] = ()

    @property
    def is_kubernetes_object(self) -> bool:
        """Whether it is one object of a Kubernetes API, and so has a manifest."""
        said = (self.inputs.get("apiVersion"), self.inputs.get("kind"))
        return self.custom and all(isinstance(each, str) for each in said)

    def to_dict(self) -> dict[str, Any]:
        """The form in ``graph.json``; some options only where they are set."""
        written: dict[str, Any] = {
            "urn": self.urn,
            "type": self.type,
            "name": self.name,
            "parent": self.parent,
            "custom": self.custom,
            "inputs": self.inputs,
            "dependencies": list(self.dependencies),
            "provider": self.provider,
            "protect": self.protect,
            "outputs": self.outputs,
            "secretInputs": list(self.secret_inputs),
        }
        if self.aliases:
            written["aliases"] = list(self.aliases)
        if self.ignore_changes:
            written["ignoreChanges"] = list(self.ignore_changes)
        if self.plain_secrets:
            written["plainSecrets"] = list(self.plain_secrets)
        if self.retain_on_delete:
            written["retainOnDelete"] = True
        return written

    @classmethod
    def from_dict(cls, written: Mapping[str, Any]) -> Resource:
        return cls(
            urn=written["urn"],
            type=written["type"],
            name=written["name"],
            parent=written["parent"],
            custom=written["custom"],
            inputs=dict(written["inputs"]),
            dependencies=tuple(written["dependencies"]),
            provider=written["provider"],
            protect=written["protect"],
            retain_on_delete=written.get("retainOnDelete", False),
            outputs=dict(written["outputs"]),
            secret_inputs=tuple(written["secretInputs"]),
            aliases=tuple(written.get("aliases", ())),
            ignore_changes=tuple(written.get("ignoreChanges", ())),
            plain_secrets=tuple(written.get("plainSecrets", ())),
        )


@dataclass(frozen=True)
class Notice:
    """Something in the program that the recording leaves out, which a reader must know.

    Attributes:
        subject: URN of the resource, or what else it concerns.
        what: what is left out.
    """

    subject: str
    what: str


@dataclass(frozen=True, kw_only=True)
class ResourceGraph:
    """All resources of one stack, sorted by URN, including the stack itself.

    Attributes:
        notices: what the recording leaves out.
        shapes: of a program with an environment of its own, the properties of its resource types
            as its SDKs have them (``graph.sdk_types``); not part of what is written.
        unmasked: by URN, the resources that have secret inputs or outputs, with the values of
            those. Only ``policies`` reads them, and nothing writes them.
    """

    project: str
    stack: str
    resources: tuple[Resource, ...] = ()
    notices: tuple[Notice, ...] = ()
    shapes: Mapping[str, Any] | None = field(default=None, compare=False, repr=False)
    unmasked: Mapping[str, Resource] = field(
        default_factory=dict[str, Resource], compare=False, repr=False
    )

    def __post_init__(self) -> None:
        ordered = tuple(sorted(self.resources, key=lambda resource: resource.urn))
        object.__setattr__(self, "resources", ordered)

    @cached_property
    def _by_urn(self) -> dict[str, Resource]:
        return {resource.urn: resource for resource in self.resources}

    @cached_property
    def _children(self) -> dict[str | None, list[Resource]]:
        children: dict[str | None, list[Resource]] = {}
        for resource in self.resources:
            children.setdefault(resource.parent, []).append(resource)
        return children

    @property
    def outputs(self) -> dict[str, Any]:
        """What the stack exports."""
        return {key: out for root in self.all(STACK_TYPE) for key, out in root.outputs.items()}

    def by_urn(self, urn: str) -> Resource:
        return self._by_urn[urn]

    def find(self, urn: str | None) -> Resource | None:
        return self._by_urn.get(urn) if urn else None

    def __contains__(self, urn: str | None) -> bool:
        return urn in self._by_urn

    def children(self, urn: str | None) -> list[Resource]:
        """The resources whose parent is ``urn``, by URN."""
        return self._children.get(urn, [])

    @cached_property
    def _by_type(self) -> dict[str, list[Resource]]:
        by_type: dict[str, list[Resource]] = {}
        for resource in self.resources:
            by_type.setdefault(resource.type, []).append(resource)
        return by_type

    def all(self, type: str) -> list[Resource]:
        """The resources of ``type``, by URN."""
        return list(self._by_type.get(type, ()))

    @cached_property
    def _by_kind(self) -> dict[str, list[Resource]]:
        by_kind: dict[str, list[Resource]] = {}
        for resource in self.resources:
            if resource.is_kubernetes_object:
                by_kind.setdefault(resource.inputs["kind"], []).append(resource)
        return by_kind

    def of_kind(self, kind: str) -> list[Resource]:
        """The Kubernetes objects of a kind, of any API group, by URN."""
        return list(self._by_kind.get(kind, ()))

    def one(self, type: str, name: str | None = None) -> Resource:
        """The only resource of ``type`` (named ``name``); a LookupError lists those of the type."""
        found = [resource for resource in self.all(type) if name in (None, resource.name)]
        if len(found) == 1:
            return found[0]
        known = [resource.name for resource in self.all(type)]
        wanted = type if name is None else f"{type} named {name!r}"
        raise LookupError(f"{len(found)} resources are {wanted}; of that type there are {known}")

    def to_json(self) -> str:
        """``graph.json``: the same graph gives the same bytes."""
        written: dict[str, Any] = {
            "project": self.project,
            "stack": self.stack,
            "resources": [resource.to_dict() for resource in self.resources],
        }
        if self.notices:
            written["notices"] = [vars(notice) for notice in self.notices]
        return json.dumps(written, indent=2, sort_keys=True, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> ResourceGraph:
        written = json.loads(text)
        return cls(
            project=written["project"],
            stack=written["stack"],
            resources=tuple(Resource.from_dict(resource) for resource in written["resources"]),
            notices=tuple(Notice(**notice) for notice in written.get("notices", ())),
        )
