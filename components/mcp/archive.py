"""The archive of a function: its path and its digest."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from ..base.arg_types import Digest
from ..base.inputs import applied


@dataclass(frozen=True, kw_only=True)
class Archive:
    """A zip file that is identified by a digest of its sources.

    Attributes:
        path: of the file; a preview without an engine does not read it.
        digest: SHA-256 as 64 hexadecimal digits; it changes with the content.
        built: the path, once the file has been built; None if it exists when the program starts.
    """

    path: str
    digest: Digest
    built: pulumi.Input[str] | None = None

    @property
    def tag(self) -> str:
        """The part of the digest that is used in names."""
        return self.digest[:16]

    def asset(self) -> pulumi.Input[pulumi.FileAsset]:
        """The file, as a resource takes it."""
        return applied(pulumi.FileAsset, self.file)

    @property
    def file(self) -> pulumi.Input[str]:
        """The path, for a resource whose creation reads the file."""
        return self.path if self.built is None else self.built
