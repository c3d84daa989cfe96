"""Principals and roles of Google Cloud that decide who may call a server.

Apart from the components that use them, so that rules read them without Pulumi's SDK.
"""

from __future__ import annotations

from typing import Final

EVERYONE: Final = "allUsers"
INVOKER: Final = "roles/run.invoker"
