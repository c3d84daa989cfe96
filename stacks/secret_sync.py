"""The args of ``SecretSync``: the store of a stack, and the Secrets of a namespace."""

from __future__ import annotations

from typing import Any, Final, cast

import pulumi

from components.kubernetes.external_secrets import SecretSource, SecretSyncArgs, SyncedSecret
from components.kubernetes.secret_stores import (
    AwsStore,
    AzureStore,
    GcpStore,
    SecretStore,
    VaultStore,
)

from .config.secrets import Secrets
from .config.stack import StackConfig
from .required_secrets import required_secrets

RANDOM: Final = ("passwords", "master-keys")
"""Kinds of Secrets whose values may be any random text."""
CERTIFICATES: Final = ("certificate", "internal-certificate", "authority", "signing-key")
"""Kinds of Secrets that cert-manager, `up` or a person makes."""
DEFAULT_REFRESH_SECONDS: Final = 300


def secret_sync_args(
    config: StackConfig, namespace: str, made: pulumi.Input[str]
) -> SecretSyncArgs | None:
    """The args for a namespace, which ``made`` names too; None without a store."""
    store = secret_store(config)
    if store is None:
        return None
    secrets = [synced for there, synced in synced_secrets(config) if there == namespace]
    return SecretSyncArgs(
        namespace=made,
        secrets=secrets,
        refresh_seconds=config.secrets.refresh_seconds or DEFAULT_REFRESH_SECONDS,
        **{config.secrets.store: cast("Any", store)},
    )


def synced_secrets(config: StackConfig) -> list[tuple[str, SyncedSecret]]:
    """Each Secret that has an entry in the store, with its namespace.

    All namespaces read the same entry: passwords of the same name are equal in all of them. One
    namespace creates the random values of an entry, or copies its own Secret into it.
    """
    wanted = required_secrets(config)
    by_name: dict[str, list[dict[str, Any]]] = {}
    for secret in wanted:
        by_name.setdefault(secret["name"], []).append(secret)
    found: list[tuple[str, SyncedSecret]] = []
    for secret in wanted:
        alike = by_name[secret["name"]]
        largest = max(alike, key=lambda one: len(one["keys"]))
        source = _source(config.secrets, secret["kind"])
        further: list[str] = []
        if source is SecretSource.GENERATED:
            if secret is alike[0]:
                further = [key for one in alike for key in one["keys"] if key not in secret["keys"]]
            else:
                source = SecretSource.STORE
        elif source is SecretSource.CLUSTER and secret is not largest:
            continue
        synced = SyncedSecret(
            name=secret["name"],
            keys=secret["keys"],
            source=source,
            further_keys=list(dict.fromkeys(further)),
        )
        found.append((secret["namespace"], synced))
    return found


def secret_store(config: StackConfig) -> SecretStore | None:
    """The store that is configured; None without one."""
    secrets = config.secrets
    match secrets.store:
        case "vault" if secrets.vault is not None:
            return VaultStore(**_fields(secrets.vault, config))
        case "aws" if secrets.aws is not None:
            return AwsStore(**_fields(secrets.aws, config))
        case "gcp" if secrets.gcp is not None:
            return GcpStore(**_fields(secrets.gcp, config))
        case "azure" if secrets.azure is not None:
            return AzureStore(**_fields(secrets.azure, config))
        case _:
            return None


def _fields(section: Any, config: StackConfig) -> dict[str, Any]:
    stated: dict[str, Any] = section.model_dump()
    return {**stated, "prefix": stated["prefix"] or config.namespace}


def _source(secrets: Secrets, kind: str) -> SecretSource:
    stated = secrets.source or "store"
    if kind in CERTIFICATES:
        stated = secrets.certificate_source or stated
    if stated == "cluster":
        return SecretSource.CLUSTER
    return SecretSource.GENERATED if kind in RANDOM else SecretSource.STORE
