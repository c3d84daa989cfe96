"""Ports and environment variables of a server.

Apart from the components that use them, so that rules read them without Pulumi's SDK.
"""

from __future__ import annotations

from typing import Final

HTTP: Final = 8080
HTTPS: Final = 8443
CONFIG_VARIABLE: Final = "QUDAG_MCP_CONFIG"
"""Environment variable with the configuration of a server that has no mounted file."""
