"""What caches of clouds have in common: the pods log in with tokens of their identity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from components.kubernetes.pod_settings import SecretKey

from ..config.identities import Identity
from ..config.stack import StackConfig
from ..topologies.topology import VALKEY
from .managed import ManagedKind


class ManagedCache(ManagedKind):
    """A Valkey or Redis that a cloud manages; there is no password.

    Attributes:
        one_identity: whether all servers log in with the same identity.
    """

    store = VALKEY
    one_identity: ClassVar[bool] = False

    def identity_problem(
        self,
        config: StackConfig,  # noqa: ARG002
        identity: Identity,  # noqa: ARG002
    ) -> tuple[Sequence[str], str, str, str] | None:
        """Why an identity of the cloud cannot log in: its field, what, consequence and fix."""
        return None

    def password(self, config: StackConfig) -> SecretKey | None:  # noqa: ARG002
        return None

    def authority(self, config: StackConfig) -> SecretKey | None:  # noqa: ARG002
        return None
