"""The archive that a function runs: where it is, and what tells one from another."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi


@dataclass(frozen=True, kw_only=True)
class Archive:
    """A zip file whose bytes follow from its digest's inputs alone.

    Attributes:
        path: of the file; a preview without an engine does not read it.
        digest: 64 hexadecimal digits; another digest is another archive.
    """

    path: str
    digest: str

    @property
    def tag(self) -> str:
        """The part of the digest that stands in names."""
        return self.digest[:16]

    def asset(self) -> pulumi.FileAsset:
        """The file, as a resource takes it."""
        return pulumi.FileAsset(self.path)
