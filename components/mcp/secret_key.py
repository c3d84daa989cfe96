"""A key of a Secret of the cluster, by which the components name what they never read."""

from __future__ import annotations

from dataclasses import dataclass

from ..base.arg_types import FileName, SecretName


@dataclass(frozen=True, kw_only=True)
class SecretKey:
    """One key of a Secret that exists already.

    Attributes:
        secret: the Secret's name.
        key: the key in it.
    """

    secret: SecretName
    key: FileName
