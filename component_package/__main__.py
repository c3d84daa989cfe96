"""The program that the engine starts for the components of qudag-mcp."""

from pulumi_qudag_mcp.provider import serve

serve()
