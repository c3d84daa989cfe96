"""The form of a kind of data store: what registers it, how servers reach it, and its rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import pulumi

from components.base.kubernetes_object import Manifest
from components.base.problems import Problem
from components.kubernetes.cloud_identity import CloudKey
from components.kubernetes.party import Neighbour, Outside
from components.kubernetes.pod_settings import SecretKey
from components.mcp.cache_token import CacheToken
from components.mcp.data_tier import DataTier
from components.mcp.database import DatabaseToken, Verified

from ..addresses import CacheLogin
from ..config.identities import Identity
from ..config.stack import StackConfig
from ..topologies.topology import STORES

TierArgs = Callable[[StackConfig, Sequence[str], pulumi.Input[str]], Any]
"""The args of a tier: of the configuration, the stores in it, and the namespace."""


class ClusterComponent(Protocol):
    """A component whose Kubernetes objects can be listed without a Pulumi program."""

    @classmethod
    def manifests(cls, name: str, args: Any) -> list[Manifest]:
        """Every object that a component of this name and args registers."""
        ...


@dataclass(frozen=True, kw_only=True)
class Tier:
    """The component of one or more kinds; kinds with the same tier share one in a namespace.

    Attributes:
        name: of the component; it is part of the URNs.
        component: registers the stores: a class, or a function that imports a cloud's.
        args: its args.
        in_namespaces: whether each namespace with stores has one; False: the stack has one.
        with_clients: the args with the pods that may connect, for a component with network policies
            of its own; None: flows say it.
        with_identities: the args with the identities of the servers that use the stores, for a
            cloud that gives them the right to connect; None: they log in with a password.
        with_archive: the args with the URL of the stack's own bucket, for a component that archives
            to it; None: it does not.
        cloud: key of the cloud whose provider it needs; None: the cluster's provider, or none.
    """

    name: str
    component: Callable[..., DataTier[Any]]
    args: TierArgs
    in_namespaces: bool = False
    with_clients: Callable[[Any, Sequence[Neighbour]], Any] | None = None
    with_identities: Callable[[Any, Sequence[Identity]], Any] | None = None
    with_archive: Callable[[Any, pulumi.Input[str]], Any] | None = None
    cloud: str | None = None

    def manifests(
        self, name: str, config: StackConfig, stores: Sequence[str], namespace: str
    ) -> list[Manifest]:
        """The Kubernetes objects that it registers; none outside a cluster."""
        listed: Callable[[str, Any], list[Manifest]] | None = getattr(
            self.component, "manifests", None
        )
        return listed(name, self.args(config, stores, namespace)) if listed else []


@dataclass(frozen=True, kw_only=True)
class AuditPasswords:
    """The passwords of the audit log's roles; None: in ``secrets.passwords``, under their own keys.

    Attributes:
        writer: of the role that inserts rows.
        keeper: of the role that owns the log.
    """

    writer: SecretKey | None = None
    keeper: SecretKey | None = None


class DataKind:
    """A value of ``data.kind`` or ``data.cacheKind``.

    Attributes:
        name: as the stack file spells it.
        store: of ``STORES``.
        tier: what registers it.
        section: field of ``data`` with its options; None where it has none.
        section_required: whether the section must be there.
        fields: other fields of ``data`` that this kind has, and not every other.
        token_cloud: key of the cloud whose identity logs in to a cache, by ``cache_token``; None:
            a password does.
        has_users: whether each server has a user with a password of its own; see ``user``.
        in_pods: whether it runs in pods of the platform's namespaces, which have the store's name
            as their label ``app``, a certificate of ``secrets.internalTls``, and flows of their
            own.
        makes_audit_roles: whether it makes the roles of the audit log itself; False: the migration
            makes them, or finds them.
        names_secret_in: where the section names the Secret with the password.
        reads_authority: whether it reads ``secrets.internalCa`` in its namespace.
    """

    name: ClassVar[str]
    store: ClassVar[str]
    tier: ClassVar[Tier]
    section: ClassVar[str | None] = None
    section_required: ClassVar[bool] = False
    fields: ClassVar[tuple[str, ...]] = ()
    in_pods: ClassVar[bool] = False
    names_secret_in: ClassVar[str] = "password.secret"  # noqa: S105  (the path of a field)
    reads_authority: ClassVar[bool] = False
    token_cloud: ClassVar[CloudKey | None] = None
    has_users: ClassVar[bool] = False
    makes_audit_roles: ClassVar[bool] = False

    def port(self, config: StackConfig) -> int:  # noqa: ARG002
        """The port of its pods or of its host."""
        return STORES[self.store]

    def host(self, config: StackConfig) -> str | None:  # noqa: ARG002
        """Its host outside the cluster; None: it is an output of the tier, or a Service."""
        return None

    def login(self, config: StackConfig) -> dict[str, str]:  # noqa: ARG002
        """``name`` of the database and ``user``, where they differ from the server's defaults."""
        return {}

    def password(self, config: StackConfig) -> SecretKey | None:  # noqa: ARG002
        """Where the password is; None: in ``secrets.passwords``, unless there is a token."""
        return None

    def token(self, config: StackConfig) -> DatabaseToken | None:  # noqa: ARG002
        """The service whose tokens log in to it; None: there is a password."""
        return None

    def account(self, config: StackConfig) -> str | None:  # noqa: ARG002
        """The Google service account that alone logs in; None: not one alone."""
        return None

    def verify(self, config: StackConfig) -> Verified:  # noqa: ARG002
        """What of its certificate servers verify."""
        return "full"

    def audit_passwords(self, config: StackConfig) -> AuditPasswords:  # noqa: ARG002
        """Where the passwords of the audit log's roles are."""
        return AuditPasswords()

    def user(self, config: StackConfig, server: str) -> tuple[str, SecretKey] | None:  # noqa: ARG002
        """The user that a server logs in as, and its password; None: ``password`` alone."""
        return None

    def cache_token(
        self,
        config: StackConfig,  # noqa: ARG002
        login: CacheLogin,  # noqa: ARG002
    ) -> CacheToken | None:
        """How servers log in to a cache with a token; None: with a password."""
        return None

    def sentinels(
        self,
        config: StackConfig,  # noqa: ARG002
        service: pulumi.Input[str],  # noqa: ARG002
    ) -> list[pulumi.Input[str]]:
        """Host names of the Sentinels that name the primary of a Service's pods."""
        return []

    def authority(self, config: StackConfig) -> SecretKey | None:  # noqa: ARG002
        """Where the CA of its certificate is; None: in ``secrets.internalCa``."""
        return None

    def party(self, config: StackConfig) -> Outside | Neighbour | None:  # noqa: ARG002
        """Where flows to it lead, under the store's name; None: to its pods, by that label."""
        return None

    def services(self, config: StackConfig) -> Sequence[str]:  # noqa: ARG002
        """The Services that its certificate of ``secrets.internalTls`` names; none without one."""
        return [f"{self.store}-service"] if self.in_pods else []

    def secrets(self, config: StackConfig) -> Sequence[str]:  # noqa: ARG002
        """Secrets of names and passwords (``kubernetes.io/basic-auth``) that its pods read."""
        return []

    def problems(self, config: StackConfig) -> Iterable[Problem]:  # noqa: ARG002
        """What of the configuration cannot work with this kind."""
        return ()
