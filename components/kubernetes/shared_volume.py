"""A volume that the pods of several workloads mount: a claim, and for NFS the volume behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import pulumi

from ..base.arg_types import ByteSize, DnsLabel, Host, ObjectName, Path
from ..base.component import Component
from ..base.inputs import applied
from ..base.kubernetes_object import Manifest, metadata, register
from .labels import PART_OF

LABELS: Final = {"app.kubernetes.io/part-of": PART_OF}
ACCESS: Final = "ReadWriteMany"


@dataclass(frozen=True, kw_only=True)
class NfsExport:
    """A directory of an NFS server, which the nodes mount.

    Attributes:
        server: host of the server.
        path: directory that it exports.
    """

    server: Host
    path: Path


@dataclass(frozen=True, kw_only=True)
class SharedVolumeArgs:
    """Args of a shared volume.

    Attributes:
        namespace: namespace of the claim, which has the component's name.
        size: size of the volume.
        storage_class: None for the cluster's default; it must have volumes that many nodes can
            mount. With ``nfs`` it is a name that volume and claim share.
        nfs: None: the storage class makes the volume. Otherwise the volume is
            ``<namespace>-<name>``, and is kept with its data when it is released.
        protect: refuse to delete claim and volume.
    """

    namespace: pulumi.Input[DnsLabel]
    size: ByteSize
    storage_class: ObjectName | None = None
    nfs: NfsExport | None = None
    protect: bool = False


class SharedVolume(Component[SharedVolumeArgs]):
    """A ReadWriteMany claim, and with ``nfs`` its PersistentVolume.

    Attributes:
        claim: name of the claim; pods that use this output wait for it.
    """

    args_type = SharedVolumeArgs

    claim: pulumi.Output[str]

    def build(self, args: SharedVolumeArgs) -> None:
        made = [register(self, manifest) for manifest in self.manifests(self.name, args)]
        self.claim = made[-1].physical_name

    @classmethod
    def manifests(cls, name: str, args: SharedVolumeArgs) -> list[Manifest]:
        """Every object that a volume of this name and args registers; the claim is the last."""
        return [*([_volume(name, args, args.nfs)] if args.nfs else []), _claim(name, args)]


def _volume_name(name: str, args: SharedVolumeArgs) -> pulumi.Input[str]:
    # A volume is in no namespace: two stacks in one cluster would share one of the same name.
    def named(namespace: str) -> str:
        return f"{namespace}-{name}"

    return applied(named, args.namespace)


def _volume(name: str, args: SharedVolumeArgs, nfs: NfsExport) -> Manifest:
    spec: dict[str, Any] = {
        "capacity": {"storage": args.size},
        "accessModes": [ACCESS],
        "persistentVolumeReclaimPolicy": "Retain",
        "storageClassName": args.storage_class or "",
        "nfs": {"server": nfs.server, "path": nfs.path},
    }
    return Manifest(
        kind="PersistentVolume",
        role="volume",
        metadata=metadata(_volume_name(name, args), labels=LABELS),
        fields={"spec": spec},
        protect=args.protect,
    )


def _claim(name: str, args: SharedVolumeArgs) -> Manifest:
    spec: dict[str, Any] = {
        "accessModes": [ACCESS],
        "resources": {"requests": {"storage": args.size}},
    }
    if args.nfs:
        # An empty class: no provisioner makes another volume for the claim.
        spec |= {
            "storageClassName": args.storage_class or "",
            "volumeName": _volume_name(name, args),
        }
    elif args.storage_class:
        spec |= {"storageClassName": args.storage_class}
    described = metadata(name, namespace=args.namespace, labels=LABELS)
    return Manifest(
        kind="PersistentVolumeClaim",
        role="claim",
        # Many classes make the volume only when the first pod is scheduled.
        metadata={**described, "annotations": {"pulumi.com/skipAwait": "true"}},
        fields={"spec": spec},
        protect=args.protect,
    )
