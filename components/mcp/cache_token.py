"""A login at a cache with a token of the pods' identity in a cloud, in place of a password."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import pulumi

from ..base.arg_types import AwsRegion, CacheName, CacheUser, Text
from ..base.problems import Problem

AUTHORITY_FILE: Final = "cache-ca.crt"
"""The CA's certificate, beside server.toml."""
_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "elasticache": ("user", "cache_name", "region"),
    "memorystore": ("authority",),
    "azure": ("user",),
}


@dataclass(frozen=True, kw_only=True)
class CacheToken:
    """How a server logs in to a cache that a cloud manages.

    Attributes:
        kind: ``elasticache`` and ``memorystore``: a token of AWS's or Google's IAM; ``azure``: of
            Entra.
        user: the user of the cache: of ``elasticache`` its id, of ``azure`` the object id of the
            identity; ``memorystore`` has none.
        cache_name: id of the replication group of ``elasticache``.
        region: the region of ``elasticache``.
        authority: certificate, in PEM, of the CA of ``memorystore``. The certificates of the
            others are of public CAs.
    """

    kind: Literal["elasticache", "memorystore", "azure"]
    user: pulumi.Input[CacheUser] | None = None
    cache_name: pulumi.Input[CacheName] | None = None
    region: AwsRegion | None = None
    authority: pulumi.Input[Text] | None = None

    def refusals(self) -> list[Problem]:
        """A problem for each field that the kind needs or has no use for."""
        return [*self._problems()]

    def _problems(self) -> Iterator[Problem]:
        needed = _NEEDED[self.kind]
        for name in ("user", "cache_name", "region", "authority"):
            given = getattr(self, name) is not None
            if given and name not in needed:
                yield Problem(
                    name,
                    f"is set, and kind is {self.kind}",
                    "it would have no effect",
                    "leave it out",
                )
            if not given and name in needed:
                yield Problem(
                    name,
                    f"is missing, and kind is {self.kind}",
                    "the server could not log in, and would not start",
                    f"set it, from the outputs of the data tier with the {self.kind}",
                )

    def table(self, folder: str) -> dict[str, Any]:
        """The fields of the section ``redis``; ``folder`` has server.toml."""
        file = f"{folder}/{AUTHORITY_FILE}"
        trusted = {"ca_file": file} if self.authority is not None else {"public_authorities": True}
        given = {"user": self.user, "cache_name": self.cache_name, "region": self.region}
        named = {name: value for name, value in given.items() if value is not None}
        return {"token": self.kind, **named, **trusted}

    def files(self) -> dict[str, pulumi.Input[str]]:
        """The files beside server.toml."""
        return {} if self.authority is None else {AUTHORITY_FILE: self.authority}
