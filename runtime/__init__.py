"""The reference MCP server that the platforms of this project run."""

__version__ = "0.1.0"
