"""What Google Cloud resources must be: encrypted, private, logged, backed up, inside limits."""

from __future__ import annotations

from typing import Final

from .rule import Companion, Reference, Required

REQUIRED: Final[tuple[Required, ...]] = ()
COMPANIONS: Final[tuple[Companion, ...]] = ()
REFERENCES: Final[tuple[Reference, ...]] = ()
