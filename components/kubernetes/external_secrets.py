"""Secrets that External Secrets copies from a secret store, and random values that it creates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Annotated, Any, Final

import pulumi

from ..base.arg_types import DnsLabel, SecretName
from ..base.component import Component
from ..base.constraints import Range
from ..base.kubernetes_object import Manifest, metadata, register
from ..base.problems import Problem
from .labels import PART_OF
from .secret_store_forms import ENTRY_KEY
from .secret_stores import (
    ACCOUNT,
    STORES,
    AwsStore,
    AzureStore,
    GcpStore,
    SecretStore,
    VaultStore,
)

LABELS: Final = {"app.kubernetes.io/part-of": PART_OF}
STORE: Final = "qudag-mcp"
"""Name of the SecretStore of each namespace."""
PASSWORD: Final = "qudag-mcp-password"  # noqa: S105
"""Name of the Password generator of each namespace."""
PASSWORD_SPEC: Final = {
    "length": 43,
    "digits": 10,
    "symbols": 0,
    "noUpper": False,
    "allowRepeat": True,
}
"""Random letters and digits with about 250 bits; no character needs quotes anywhere."""
PULL_SECRET_KEY: Final = ".dockerconfigjson"  # noqa: S105
EntryKey = Annotated[str, ENTRY_KEY]
RefreshSeconds = Annotated[
    int,
    Range(
        least=5,
        most=86_400,
        consequence="the store would get too many requests, or a rotated value arrive too late",
    ),
]
READY: Final = {"pulumi.com/waitFor": "condition=Ready"}
"""Pulumi waits until the object is Ready, and so what depends on it does."""


class SecretSource(Enum):
    """Where the values of a Secret come from.

    ``STORE``: an entry of the store. ``GENERATED``: the same, and a random value is put into the
    store where it has none. ``CLUSTER``: the Secret is made in the cluster, by a person or by
    cert-manager; each of its changes is copied into the store.
    """

    STORE = "store"
    GENERATED = "generated"
    CLUSTER = "cluster"


@dataclass(frozen=True, kw_only=True)
class SyncedSecret:
    """One Secret of the namespace, which has an entry in the store.

    Attributes:
        name: name of the Secret.
        keys: the keys that pods mount; the Secret has no other.
        source: where its values come from.
        further_keys: keys of the entry that Secrets of the same name in other namespaces have, and
            that are to be created as well; for ``GENERATED`` alone.
    """

    name: SecretName
    keys: Sequence[EntryKey]
    source: SecretSource = SecretSource.STORE
    further_keys: Sequence[EntryKey] = ()

    @property
    def entry_keys(self) -> list[str]:
        """All keys that this Secret puts into the store."""
        return list(dict.fromkeys((*self.keys, *self.further_keys)))


@dataclass(frozen=True, kw_only=True)
class SecretSyncArgs:
    """Args of ``SecretSync``; exactly one of ``vault``, ``aws``, ``gcp`` and ``azure`` is set.

    Attributes:
        namespace: namespace of the Secrets.
        secrets: the Secrets.
        vault: an OpenBao or a Vault.
        aws: AWS Secrets Manager.
        gcp: Google Cloud Secret Manager.
        azure: Azure Key Vault.
        refresh_seconds: how often the store is read; a changed value arrives within this time.
    """

    namespace: pulumi.Input[DnsLabel]
    secrets: Sequence[SyncedSecret]
    vault: VaultStore | None = None
    aws: AwsStore | None = None
    gcp: GcpStore | None = None
    azure: AzureStore | None = None
    refresh_seconds: RefreshSeconds = 300

    def refusals(self) -> Iterator[Problem]:
        """No store or several, and Secrets that would overwrite each other."""
        if len(self._stores()) != 1:
            yield Problem(
                "vault",
                f"{len(self._stores())} stores are set",
                "each Secret is read from one store",
                f"set exactly one of {', '.join(STORES)}",
            )
        taken: set[str] = set()
        for index, secret in enumerate(self.secrets):
            if not secret.keys:
                yield Problem(
                    f"secrets[{index}].keys",
                    "is empty",
                    "pods would find no file in it",
                    "name the keys that pods mount",
                )
            for name in _names(secret):
                if name in taken:
                    yield Problem(
                        f"secrets[{index}].name",
                        f"names the Secret {name}, which another entry of the list writes",
                        "two objects would overwrite each other's values",
                        "give each Secret a name of its own",
                    )
                taken.add(name)

    def _stores(self) -> list[SecretStore]:
        return [store for name in STORES if (store := getattr(self, name)) is not None]

    @property
    def store(self) -> SecretStore:
        """The store that is set."""
        (store,) = self._stores()
        return store


class SecretSync(Component[SecretSyncArgs]):
    """Secrets that External Secrets writes from OpenBao, Vault or a cloud's secret store.

    It creates a SecretStore with a service account of its own, an ExternalSecret for each Secret
    with the keys that pods mount, and PushSecrets. Random values are created once, and put into the
    store only where it has none.

    Attributes:
        namespace: name of the namespace; resources that use this output wait for the Secrets.
    """

    args_type = SecretSyncArgs

    namespace: pulumi.Output[str]

    def build(self, args: SecretSyncArgs) -> None:
        made: dict[str, pulumi.Resource] = {}
        waited: list[pulumi.Output[str]] = []
        for manifest in self.manifests(self.name, args):
            one = register(self, _after(manifest, made))
            made[manifest.role] = one
            if manifest.metadata.get("annotations") == READY:
                waited.append(one.physical_name)
        self.namespace = pulumi.Output.all(args.namespace, *waited).apply(lambda known: known[0])

    @classmethod
    def manifests(cls, name: str, args: SecretSyncArgs) -> list[Manifest]:
        """Every object that a component of this name and args registers."""
        del name
        return [*_access(args), *(one for secret in args.secrets for one in _synced(args, secret))]


def generated_name(secret: str) -> str:
    """Name of the Secret with the random values that were created for ``secret``."""
    return f"{secret}-generated"


def _after(manifest: Manifest, made: dict[str, pulumi.Resource]) -> Manifest:
    """The manifest after all objects of earlier kinds, which its controller reads."""
    if manifest.kind == "ServiceAccount":
        return manifest
    before = ("account",) if manifest.kind in ("SecretStore", "Password") else ("store", "password")
    return replace(manifest, after=[made[role] for role in before if role in made])


def _names(secret: SyncedSecret) -> list[str]:
    if secret.source is SecretSource.GENERATED:
        return [secret.name, generated_name(secret.name)]
    return [secret.name]


def _described(args: SecretSyncArgs, name: str, **annotations: str) -> dict[str, Any]:
    made = metadata(name, namespace=args.namespace, labels=LABELS)
    return {**made, "annotations": annotations} if annotations else made


def _access(args: SecretSyncArgs) -> Iterator[Manifest]:
    store = args.store
    yield Manifest(
        kind="ServiceAccount",
        role="account",
        metadata=_described(args, ACCOUNT, **store.annotations),
        fields={"automountServiceAccountToken": False},
    )
    yield Manifest(
        kind="SecretStore",
        role="store",
        metadata=_described(args, STORE),
        fields={"spec": {"provider": store.provider()}},
    )
    if any(secret.source is SecretSource.GENERATED for secret in args.secrets):
        yield Manifest(
            kind="Password",
            role="password",
            metadata=_described(args, PASSWORD),
            fields={"spec": PASSWORD_SPEC},
        )


def _synced(args: SecretSyncArgs, secret: SyncedSecret) -> Iterator[Manifest]:
    match secret.source:
        case SecretSource.CLUSTER:
            yield _push(args, secret, secret.name, policy="Replace")
        case SecretSource.GENERATED:
            yield _generated(args, secret)
            yield _push(args, secret, generated_name(secret.name), policy="IfNotExists")
            yield _read(args, secret)
        case SecretSource.STORE:
            yield _read(args, secret)


def _read(args: SecretSyncArgs, secret: SyncedSecret) -> Manifest:
    """The Secret that pods mount."""
    entry = args.store.entry(secret.name)
    pull = {"template": {"type": "kubernetes.io/dockerconfigjson"}}
    spec = {
        "secretStoreRef": {"kind": "SecretStore", "name": STORE},
        "refreshPolicy": "Periodic",
        "refreshInterval": duration(args.refresh_seconds),
        "target": {
            "name": secret.name,
            # The Secret stays when the ExternalSecret leaves: pods can still start.
            "creationPolicy": "Orphan",
            "deletionPolicy": "Retain",
            **(pull if PULL_SECRET_KEY in secret.keys else {}),
        },
        "data": [
            {"secretKey": key, "remoteRef": {"key": entry, "property": key}} for key in secret.keys
        ],
    }
    return Manifest(
        kind="ExternalSecret",
        role=f"{secret.name}-read",
        metadata=_described(args, secret.name, **READY),
        fields={"spec": spec},
    )


def _generated(args: SecretSyncArgs, secret: SyncedSecret) -> Manifest:
    """Random values for each key. The generator makes others at each refresh, hence CreatedOnce."""
    name = generated_name(secret.name)
    generator = {
        "apiVersion": "generators.external-secrets.io/v1alpha1",
        "kind": "Password",
        "name": PASSWORD,
    }
    spec = {
        "refreshPolicy": "CreatedOnce",
        "target": {"name": name, "creationPolicy": "Owner", "deletionPolicy": "Retain"},
        "dataFrom": [
            {
                "sourceRef": {"generatorRef": generator},
                "rewrite": [{"regexp": {"source": "^password$", "target": key}}],
            }
            for key in secret.entry_keys
        ],
    }
    return Manifest(
        kind="ExternalSecret",
        role=name,
        metadata=_described(args, name),
        fields={"spec": spec},
    )


def _push(args: SecretSyncArgs, secret: SyncedSecret, copied: str, *, policy: str) -> Manifest:
    spec = {
        "secretStoreRefs": [{"kind": "SecretStore", "name": STORE}],
        "selector": {"secret": {"name": copied}},
        "data": args.store.pushed(secret.name, secret.entry_keys),
        "updatePolicy": policy,
        # What is in the store stays there when the stack is deleted.
        "deletionPolicy": "None",
        "refreshInterval": duration(args.refresh_seconds),
    }
    return Manifest(
        kind="PushSecret",
        role=f"{secret.name}-copy",
        metadata=_described(args, secret.name),
        fields={"spec": spec},
    )


def duration(seconds: int) -> str:
    """Seconds as Go writes a duration, which is how the API server returns it."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{rest}s"
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
