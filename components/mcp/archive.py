"""The archive of a function: its path and its digest."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from ..base.arg_types import Digest


@dataclass(frozen=True, kw_only=True)
class Archive:
    """A zip file that is identified by a digest of its sources.

    Attributes:
        path: of the file; a preview without an engine does not read it.
        digest: SHA-256 as 64 hexadecimal digits; it changes with the content.
    """

    path: str
    digest: Digest

    @property
    def tag(self) -> str:
        """The part of the digest that is used in names."""
        return self.digest[:16]

    def asset(self) -> pulumi.FileAsset:
        """The file, as a resource takes it."""
        return pulumi.FileAsset(self.path)
