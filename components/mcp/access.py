"""Who may call a server in a cloud, before the server looks at the caller's token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..base.arg_types import Cidr
from ..base.problems import Problem


@dataclass(frozen=True, kw_only=True)
class Access:
    """The whole internet, or only those whom the cloud lets in.

    Attributes:
        public: True: everyone may call, and only the server's own check of tokens protects the
            tools. False: the cloud admits its own callers alone.
    """

    public: bool = False


@dataclass(frozen=True, kw_only=True)
class NetworkAccess(Access):
    """The whole internet, or networks.

    Attributes:
        allowed_networks: networks in CIDR form that may connect where it is not public.
    """

    allowed_networks: Sequence[Cidr] = ()

    def refusals(self) -> list[Problem]:
        """Networks that would have no effect."""
        return public_or_named_problems(self, "allowed_networks", self.allowed_networks)


def public_or_named_problems(access: Access, field: str, named: Sequence[str]) -> list[Problem]:
    """A list of callers on a server that is public: the list would have no effect.

    Args:
        access: who may call.
        field: the path of the list.
        named: the list.
    """
    if not access.public or not named:
        return []
    return [
        Problem(
            field,
            "is set, and access.public is true",
            "the list would have no effect: everyone may call",
            "leave out one of the two",
        )
    ]


def nobody_problems(access: Access, field: str, named: Sequence[str]) -> list[Problem]:
    """A server that is not public and names no caller.

    Args:
        access: who may call.
        field: the path of the list.
        named: the list.
    """
    if access.public or named:
        return []
    return [
        Problem(
            field,
            "is empty, and access.public is false",
            "every call is answered 403 before it arrives at the server",
            "name the callers, or set access.public to true",
        )
    ]
