"""The base class of components that serve MCP: they have the same four outputs."""

from __future__ import annotations

from typing import TypeVar

import pulumi

from ..base.component import Component
from .era import Era

Args = TypeVar("Args")

MCP_PATH = "/mcp"
METADATA_PATH = "/.well-known/oauth-protected-resource"


class McpTarget(Component[Args]):
    """A component that makes an MCP server available to clients.

    Attributes:
        mcp_url: the MCP endpoint.
        prm_url: its RFC 9728 protected-resource metadata.
        issuer: URL of the authorization server.
        era: MCP revisions that are served.
    """

    mcp_url: pulumi.Output[str]
    prm_url: pulumi.Output[str]
    issuer: pulumi.Output[str]
    era: pulumi.Output[str]

    def answers_at(self, base: pulumi.Input[str], *, issuer: str, era: Era) -> None:
        """Sets the outputs.

        Args:
            base: https://host, with the prefix that all paths have, without a slash at its end.
            issuer: URL of the authorization server.
            era: MCP revisions that are served.
        """
        self.mcp_url = pulumi.Output.concat(base, MCP_PATH)
        self.prm_url = pulumi.Output.concat(base, METADATA_PATH, MCP_PATH)
        self.issuer = pulumi.Output.from_input(issuer)
        self.era = pulumi.Output.from_input(era)
